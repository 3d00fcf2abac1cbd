/* FlowSchema and PriorityLevelConfiguration. */
#include "schemas/rule.h"

#define PRECEDENCE_MAX 10000
#define QUEUES_MAX     10000000
#define HASH_BITS_MAX  60

static bool has_star(const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (streq(json_string_value(json_array_get(list, i)), "*"))
			return true;
	return false;
}

/* A list that must not be empty, and in which a star stands alone. True: its entries count. */
static bool check_list(const json_t *list, const char *none, const char *star,
		       const struct path *at, struct field_errors *e)
{
	if (!json_array_size(list)) {
		rule_broken(e, FIELD_REQUIRED, at, NULL, "%s", none);
		return false;
	}
	if (!has_star(list))
		return true;
	if (json_array_size(list) > 1)
		rule_broken(e, FIELD_INVALID, at, list,
			    "if '*' is present, must not specify other %s", star);
	return false;
}

static void check_verbs(const json_t *rule, const struct path *at, struct field_errors *e)
{
	static const char *const known[] = { "create", "delete", "deletecollection",
					     "get",    "list",   "patch",
					     "proxy",  "update", "watch",
					     NULL };
	const json_t *verbs = json_object_get(rule, "verbs");
	bool is_known = true;
	at = PATH(at, "verbs");
	if (!check_list(verbs, "verbs must contain at least one value", "verbs", at, e))
		return;
	for (size_t i = 0; i < json_array_size(verbs); i++)
		is_known &= rule_is_one_of(json_string_value(json_array_get(verbs, i)), known);
	if (!is_known)
		rule_broken(e, FIELD_NOT_SUPPORTED, at, verbs,
			    "supported values: \"create\", \"delete\", \"deletecollection\", "
			    "\"get\", \"list\", \"patch\", \"proxy\", \"update\", \"watch\"");
}

static void check_resource_rule(const json_t *rule, const struct path *at, struct field_errors *e)
{
	const json_t *spaces = json_object_get(rule, "namespaces");
	check_verbs(rule, at, e);
	(void)check_list(json_object_get(rule, "apiGroups"),
			 "resource rules must supply at least one api group", "api groups",
			 PATH(at, "apiGroups"), e);
	(void)check_list(json_object_get(rule, "resources"),
			 "resource rules must supply at least one resource", "resources",
			 PATH(at, "resources"), e);
	at = PATH(at, "namespaces");
	if (!json_array_size(spaces) && json_bool_or(rule, "clusterScope", false))
		return;
	if (!check_list(spaces,
			"resource rules that are not cluster scoped must supply at least one "
			"namespace",
			"namespaces", at, e))
		return;
	for (size_t i = 0; i < json_array_size(spaces); i++) {
		const char *name = json_string_value(json_array_get(spaces, i));
		const char *problems[NAME_PROBLEMS_MAX];
		size_t count = name_dns_label(name, problems);
		for (size_t k = 0; k < count; k++)
			rule_bad_text(
				e, FIELD_INVALID, PATH_AT(at, i), name,
				"each member of this list must be '*' or a DNS-1123 label; %s",
				problems[k]);
	}
}

static const char *url_problem(const char *url)
{
	const char *star = strchr(url, '*');
	size_t n = strlen(url);
	if (!n)
		return "must not be empty";
	if (streq(url, "/"))
		return NULL;
	if (*url != '/')
		return "must start with slash";
	if (strchr(url, ' '))
		return "must not contain white-space";
	if (strstr(url, "//"))
		return "must not contain double slash";
	if (star && (strchr(star + 1, '*') || !streq(url + n - 2, "/*")))
		return "wildcard can only do suffix matching";
	return NULL;
}

static void check_url_rule(const json_t *rule, const struct path *at, struct field_errors *e)
{
	const json_t *urls = json_object_get(rule, "nonResourceURLs");
	check_verbs(rule, at, e);
	at = PATH(at, "nonResourceURLs");
	if (!check_list(urls, "nonResourceURLs must contain at least one value",
			"non-resource URLs", at, e))
		return;
	for (size_t i = 0; i < json_array_size(urls); i++) {
		const char *url = json_string_value(json_array_get(urls, i));
		const char *problem = url_problem(url);
		if (problem)
			rule_bad_text(e, FIELD_INVALID, PATH_AT(at, i), url, "%s", problem);
	}
}

static void check_account(const json_t *account, const struct path *at, struct field_errors *e)
{
	const char *name = json_str_or(account, "name", "");
	const char *namespace = json_str_or(account, "namespace", "");
	rule_required(e, PATH(at, "name"), name);
	if (*name && !streq(name, "*"))
		rule_name(e, PATH(at, "name"), name, name_dns_subdomain);
	if (*namespace)
		rule_name(e, PATH(at, "namespace"), namespace, name_dns_label);
	else
		rule_broken(e, FIELD_REQUIRED, PATH(at, "namespace"), NULL,
			    "must specify namespace for service account");
}

static void check_subject(const json_t *subject, const struct path *at, struct field_errors *e)
{
	static const char *const kinds[] = { "Group", "ServiceAccount", "User", NULL };
	/* In the order in which those that do not fit are named. */
	static const char *const members[] = { "serviceAccount", "user", "group" };
	static const char *const names[] = { "ServiceAccount", "User", "Group" };
	const char *kind = json_str_or(subject, "kind", "");
	if (!rule_is_one_of(kind, kinds)) {
		rule_unsupported(e, PATH(at, "kind"), kind, kinds);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		const json_t *member = json_object_get(subject, members[i]);
		if (!streq(kind, names[i]))
			continue;
		if (!member)
			rule_broken(e, FIELD_REQUIRED, PATH(at, members[i]), NULL,
				    "%s is required when subject kind is '%s'", members[i],
				    names[i]);
		else if (i == 0)
			check_account(member, PATH(at, members[i]), e);
		else
			rule_required(e, PATH(PATH(at, members[i]), "name"),
				      json_str(member, "name"));
	}
	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		if (!streq(kind, names[i]) && json_object_get(subject, members[i]))
			rule_broken(e, FIELD_FORBIDDEN, PATH(at, members[i]), NULL,
				    "%s is forbidden when subject kind is not '%s'", members[i],
				    names[i]);
}

static void check_flow_rule(const json_t *rule, const struct path *at, struct field_errors *e)
{
	const json_t *subjects = json_object_get(rule, "subjects");
	const json_t *resources = json_object_get(rule, "resourceRules");
	const json_t *urls = json_object_get(rule, "nonResourceRules");
	if (!json_array_size(subjects))
		rule_broken(e, FIELD_REQUIRED, PATH(at, "subjects"), NULL,
			    "subjects must contain at least one value");
	for (size_t i = 0; i < json_array_size(subjects); i++)
		check_subject(json_array_get(subjects, i), PATH_AT(PATH(at, "subjects"), i), e);
	if (!json_array_size(resources) && !json_array_size(urls))
		rule_broken(e, FIELD_REQUIRED, at, NULL,
			    "at least one of resourceRules and nonResourceRules has to be "
			    "non-empty");
	for (size_t i = 0; i < json_array_size(resources); i++)
		check_resource_rule(json_array_get(resources, i),
				    PATH_AT(PATH(at, "resourceRules"), i), e);
	for (size_t i = 0; i < json_array_size(urls); i++)
		check_url_rule(json_array_get(urls, i), PATH_AT(PATH(at, "nonResourceRules"), i),
			       e);
}

void validate_flow_schema(const json_t *tree, const json_t *old, struct field_errors *e)
{
	static const char *const methods[] = { "ByNamespace", "ByUser", NULL };
	(void)old;
	const struct path *at = PATH(NULL, "spec");
	const json_t *spec = json_object_get(tree, "spec");
	const json_t *order = json_object_get(spec, "matchingPrecedence");
	const json_t *method = json_object_get(spec, "distinguisherMethod");
	const json_t *rules = json_object_get(spec, "rules");
	const char *level = json_str_or(spec, "priorityLevelConfiguration.name", "");
	const struct path *level_at = PATH(PATH(at, "priorityLevelConfiguration"), "name");
	int64_t n = json_integer_value(order);
	if (n <= 0)
		rule_broken(e, FIELD_INVALID, PATH(at, "matchingPrecedence"), order,
			    "must be a positive value");
	if (n > PRECEDENCE_MAX)
		rule_broken(e, FIELD_INVALID, PATH(at, "matchingPrecedence"), order,
			    "must not be greater than %d", PRECEDENCE_MAX);
	if (n == 1 && !streq(json_str_or(tree, "metadata.name", ""), "exempt"))
		rule_broken(e, FIELD_INVALID, PATH(at, "matchingPrecedence"), order,
			    "only the schema named 'exempt' may have matchingPrecedence 1");
	if (method && !rule_is_one_of(json_str_or(method, "type", ""), methods))
		rule_broken_inside(e, FIELD_NOT_SUPPORTED,
				   PATH(PATH(at, "distinguisherMethod"), "type"),
				   "flowcontrol.v1.FlowDistinguisherMethod", method,
				   "supported values: \"ByNamespace\", \"ByUser\"");
	if (*level)
		rule_name(e, level_at, level, name_dns_subdomain);
	else
		rule_broken(e, FIELD_REQUIRED, level_at, NULL, "must reference a priority level");
	for (size_t i = 0; i < json_array_size(rules); i++)
		check_flow_rule(json_array_get(rules, i), PATH_AT(PATH(at, "rules"), i), e);
}

/* Whether a hash has too few bits to deal so many cards of such a deck: deck ^ hand > 2 ^ bits. */
static bool is_hard_to_deal(int64_t deck, int64_t hand)
{
	uint64_t hands = 1;
	for (int64_t i = 0; i < hand; i++) {
		if (hands > (1ULL << HASH_BITS_MAX) / (uint64_t)deck)
			return true;
		hands *= (uint64_t)deck;
		if (deck == 1)
			break;
	}
	return false;
}

static void check_queuing(const json_t *queuing, const struct path *at, struct field_errors *e)
{
	const json_t *queues = json_object_get(queuing, "queues");
	const json_t *hand = json_object_get(queuing, "handSize");
	const json_t *length = json_object_get(queuing, "queueLengthLimit");
	int64_t deck = json_integer_value(queues), cards = json_integer_value(hand);
	if (json_integer_value(length) <= 0)
		rule_broken(e, FIELD_INVALID, PATH(at, "queueLengthLimit"), length,
			    "must be positive");
	if (deck <= 0)
		rule_broken(e, FIELD_INVALID, PATH(at, "queues"), queues, "must be positive");
	else if (deck > QUEUES_MAX)
		rule_broken(e, FIELD_INVALID, PATH(at, "queues"), queues,
			    "must not be greater than %d", QUEUES_MAX);
	if (cards <= 0)
		rule_broken(e, FIELD_INVALID, PATH(at, "handSize"), hand, "must be positive");
	else if (cards > deck)
		rule_broken(e, FIELD_INVALID, PATH(at, "handSize"), hand,
			    "should not be greater than queues (%lld)", (long long)deck);
	else if (is_hard_to_deal(deck, cards))
		rule_broken(
			e, FIELD_INVALID, PATH(at, "handSize"), hand,
			"required entropy bits of deckSize %lld and handSize %lld should not be "
			"greater than %d",
			(long long)deck, (long long)cards, HASH_BITS_MAX);
}

static void check_shares(const json_t *o, const struct path *at, struct field_errors *e)
{
	const json_t *shares = json_object_get(o, "nominalConcurrencyShares");
	if (json_integer_value(shares) < 0)
		rule_broken(e, FIELD_INVALID, PATH(at, "nominalConcurrencyShares"), shares,
			    "must be a non-negative integer");
}

static void check_limited(const json_t *o, const struct path *at, struct field_errors *e)
{
	static const char *const types[] = { "Queue", "Reject", NULL };
	const json_t *response = json_object_get(o, "limitResponse");
	const json_t *queuing = json_object_get(response, "queuing");
	const json_t *borrowed = json_object_get(o, "borrowingLimitPercent");
	const char *type = json_str_or(response, "type", "");
	const struct path *here = PATH(at, "limitResponse");
	check_shares(o, at, e);
	if (!*type)
		rule_required(e, PATH(here, "type"), NULL);
	else if (!rule_is_one_of(type, types))
		rule_unsupported(e, PATH(here, "type"), type, types);
	else if (streq(type, "Reject") && queuing)
		rule_broken(e, FIELD_FORBIDDEN, PATH(here, "queuing"), NULL,
			    "must be nil if limited.limitResponse.type is not Limited");
	else if (streq(type, "Queue") && !queuing)
		rule_broken(e, FIELD_REQUIRED, PATH(here, "queuing"), NULL,
			    "must not be empty if limited.limitResponse.type is Limited");
	else if (streq(type, "Queue"))
		check_queuing(queuing, PATH(here, "queuing"), e);
	rule_between(e, at, o, "lendablePercent", 0, 100);
	if (json_integer_value(borrowed) < 0)
		rule_broken(e, FIELD_INVALID, PATH(at, "borrowingLimitPercent"), borrowed,
			    "if specified, must be a non-negative integer");
}

void validate_priority_level(const json_t *tree, const json_t *old, struct field_errors *e)
{
	static const char *const types[] = { "Exempt", "Limited", NULL };
	(void)old;
	const struct path *at = PATH(NULL, "spec");
	const json_t *spec = json_object_get(tree, "spec");
	const json_t *limited = json_object_get(spec, "limited");
	const json_t *exempt = json_object_get(spec, "exempt");
	const char *type = json_str_or(spec, "type", "");
	bool has_name = streq(json_str_or(tree, "metadata.name", ""), "exempt");
	if (has_name != streq(type, "Exempt"))
		rule_bad_text(e, FIELD_INVALID, PATH(at, "type"), type,
			      "must be 'Exempt' if and only if `name` is 'exempt'");
	if (!*type)
		rule_required(e, PATH(at, "type"), NULL);
	else if (!rule_is_one_of(type, types))
		rule_unsupported(e, PATH(at, "type"), type, types);
	if (streq(type, "Exempt")) {
		if (limited)
			rule_broken(e, FIELD_FORBIDDEN, PATH(at, "limited"), NULL,
				    "must be nil if the type is not Limited");
		check_shares(exempt, PATH(at, "exempt"), e);
		rule_between(e, PATH(at, "exempt"), exempt, "lendablePercent", 0, 100);
	} else if (streq(type, "Limited")) {
		if (exempt)
			rule_broken(e, FIELD_FORBIDDEN, PATH(at, "exempt"), NULL,
				    "must be nil if the type is Limited");
		if (!limited)
			rule_broken(e, FIELD_REQUIRED, PATH(at, "limited"), NULL,
				    "must not be empty when type is Limited");
		else
			check_limited(limited, PATH(at, "limited"), e);
	}
}
