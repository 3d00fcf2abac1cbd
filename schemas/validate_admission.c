/* Webhook configurations, admission policies and their bindings. Expressions are not compiled. */
#include "schemas/rule_hook.h"

#define ANNOTATIONS_MAX     20
#define EXPRESSION_SIZE_MAX (5 * 1024)

static const char *const failure_policies[] = { "Fail", "Ignore", NULL };
static const char *const match_policies[] = { "Equivalent", "Exact", NULL };
static const char *const reinvocations[] = { "IfNeeded", "Never", NULL };

static void check_full_name(const char *name, const struct path *at, struct field_errors *e)
{
	const char *problems[NAME_PROBLEMS_MAX];
	size_t dots = 0;
	rule_required(e, at, name);
	if (!name || !*name)
		return;
	size_t count = name_dns_subdomain(name, problems);
	for (const char *p = name; *p; p++)
		dots += *p == '.';
	if (count)
		rule_bad_text(e, FIELD_INVALID, at, name, "%s%s%s", problems[0],
			      count > 1 ? "," : "", count > 1 ? problems[1] : "");
	else if (dots < 2)
		rule_bad_text(e, FIELD_INVALID, at, name,
			      "should be a domain with at least three segments separated by dots");
}

static void check_client(const json_t *client, const struct path *at, struct field_errors *e)
{
	const char *url = json_str(client, "url");
	const json_t *service = json_object_get(client, "service");
	if (!url == !service)
		rule_broken(e, FIELD_REQUIRED, at, NULL,
			    "exactly one of url or service is required");
	else if (url)
		rule_webhook_url(e, PATH(at, "url"), url);
	else
		rule_webhook_service(e, PATH(at, "service"), service);
}

static void check_hook(const json_t *hook, bool is_mutating, const struct path *at,
		       struct field_errors *e)
{
	static const char *const effects[] = { "None", "NoneOnDryRun", NULL };
	static const char *const selectors[] = { "namespaceSelector", "objectSelector" };
	const json_t *rules = json_object_get(hook, "rules");
	const json_t *timeout = json_object_get(hook, "timeoutSeconds");
	check_full_name(json_str(hook, "name"), PATH(at, "name"), e);
	for (size_t i = 0; i < json_array_size(rules); i++)
		rule_operations(e, PATH_AT(PATH(at, "rules"), i), json_array_get(rules, i));
	rule_enum(e, at, hook, "failurePolicy", failure_policies);
	rule_enum(e, at, hook, "matchPolicy", match_policies);
	if (!json_object_get(hook, "sideEffects"))
		rule_broken(e, FIELD_REQUIRED, PATH(at, "sideEffects"), NULL,
			    "must specify one of None, NoneOnDryRun");
	else
		rule_enum(e, at, hook, "sideEffects", effects);
	if (json_integer_value(timeout) < 1 || json_integer_value(timeout) > 30)
		rule_broken(e, FIELD_INVALID, PATH(at, "timeoutSeconds"), timeout,
			    "the timeout value must be between 1 and 30 seconds");
	for (size_t i = 0; i < ARRAY_LEN(selectors); i++)
		rule_label_selector(e, PATH(at, selectors[i]), json_object_get(hook, selectors[i]));
	if (is_mutating)
		rule_enum(e, at, hook, "reinvocationPolicy", reinvocations);
	check_client(json_object_get(hook, "clientConfig"), PATH(at, "clientConfig"), e);
	rule_match_conditions(e, PATH(at, "matchConditions"),
			      json_object_get(hook, "matchConditions"));
}

static void check_hooks(const json_t *tree, bool is_mutating, struct field_errors *e)
{
	const json_t *hooks = json_object_get(tree, "webhooks");
	auto_free size_t *firsts = NULL;
	for (size_t i = 0; i < json_array_size(hooks); i++) {
		const json_t *hook = json_array_get(hooks, i);
		const struct path *at = PATH_AT(PATH(NULL, "webhooks"), i);
		check_hook(hook, is_mutating, at, e);
		rule_review_versions(e, PATH(at, "admissionReviewVersions"),
				     json_object_get(hook, "admissionReviewVersions"));
		if (rule_is_again(&firsts, hooks, i, "name"))
			rule_broken(e, FIELD_DUPLICATE, PATH(at, "name"),
				    json_object_get(hook, "name"), NULL);
	}
}

void validate_mutating_webhooks(const json_t *tree, const json_t *old, struct field_errors *e)
{
	(void)old;
	check_hooks(tree, true, e);
}

void validate_validating_webhooks(const json_t *tree, const json_t *old, struct field_errors *e)
{
	(void)old;
	check_hooks(tree, false, e);
}

static void check_param_kind(const json_t *kind, const struct path *at, struct field_errors *e)
{
	const char *version = json_str_or(kind, "apiVersion", "");
	const char *name = json_str_or(kind, "kind", ""), *slash = strchr(version, '/');
	const char *problems[NAME_PROBLEMS_MAX];
	if (!kind)
		return;
	rule_required(e, PATH(at, "apiVersion"), version);
	if (slash && strchr(slash + 1, '/')) {
		rule_bad_text(e, FIELD_INVALID, PATH(at, "apiVersion"), version,
			      "unexpected GroupVersion string: %s", version);
	} else if (*version) {
		auto_free char *group =
			xasprintf("%.*s", slash ? (int)(slash - version) : 0, version);
		const char *last = slash ? slash + 1 : version;
		if (*group)
			rule_name(e, PATH(at, "apiVersion"), group, name_dns_subdomain);
		if (!*last)
			rule_bad_text(e, FIELD_INVALID, PATH(at, "apiVersion"), version,
				      "version must be specified");
		else
			rule_name(e, PATH(at, "apiVersion"), last, name_dns1035_label);
	}
	rule_required(e, PATH(at, "kind"), name);
	auto_free char *lower = xstrdup(name);
	for (char *p = lower; *p; p++)
		*p = (char)(*p >= 'A' && *p <= 'Z' ? *p - 'A' + 'a' : *p);
	if (*name && name_dns1035_label(lower, problems))
		rule_bad_text(e, FIELD_INVALID, PATH(at, "kind"), name,
			      "may have mixed case, but should otherwise match: %s", problems[0]);
}

static void check_named_rules(const json_t *rules, const struct path *at, struct field_errors *e)
{
	for (size_t i = 0; i < json_array_size(rules); i++) {
		const json_t *names = json_object_get(json_array_get(rules, i), "resourceNames");
		const struct path *here = PATH(PATH_AT(at, i), "resourceNames");
		auto_free size_t *firsts = NULL;
		for (size_t k = 0; k < json_array_size(names); k++) {
			const char *name = json_string_value(json_array_get(names, k));
			rule_name(e, PATH_AT(here, k), name, name_path_segment);
			if (rule_is_again(&firsts, names, k, NULL))
				rule_bad_text(e, FIELD_DUPLICATE, PATH_AT(here, k), name, NULL);
		}
		rule_operations(e, PATH_AT(at, i), json_array_get(rules, i));
	}
}

static void check_match(const json_t *match, const struct path *at, struct field_errors *e)
{
	static const char *const selectors[] = { "namespaceSelector", "objectSelector" };
	static const char *const lists[] = { "resourceRules", "excludeResourceRules" };
	if (!match)
		return;
	rule_enum(e, at, match, "matchPolicy", match_policies);
	for (size_t i = 0; i < ARRAY_LEN(selectors); i++)
		rule_label_selector(e, PATH(at, selectors[i]),
				    json_object_get(match, selectors[i]));
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		check_named_rules(json_object_get(match, lists[i]), PATH(at, lists[i]), e);
}

/* Nothing can be changed about what is being deleted. */
static void check_mutable_operations(const json_t *match, const struct path *at,
				     struct field_errors *e)
{
	static const char *const known[] = { "*", "CONNECT", "CREATE", "UPDATE", NULL };
	const json_t *rules = json_object_get(match, "resourceRules");
	for (size_t i = 0; i < json_array_size(rules); i++) {
		const json_t *list = json_object_get(json_array_get(rules, i), "operations");
		for (size_t k = 0; k < json_array_size(list); k++) {
			const char *one = json_string_value(json_array_get(list, k));
			if (!rule_is_one_of(one, known))
				rule_unsupported(e, PATH(PATH(at, "resourceRules"), "operations"),
						 one, known);
		}
	}
}

static bool is_identifier(const char *name)
{
	static const char *const taken[] = { "true",     "false",     "null",     "in",   "as",
					     "break",    "const",     "continue", "else", "for",
					     "function", "if",        "import",   "let",  "loop",
					     "package",  "namespace", "return",   "var",  "void",
					     "while",    NULL };
	if (*name >= '0' && *name <= '9')
		return false;
	for (const char *p = name; *p; p++)
		if (!(*p >= 'a' && *p <= 'z') && !(*p >= 'A' && *p <= 'Z') &&
		    !(*p >= '0' && *p <= '9') && *p != '_')
			return false;
	return !rule_is_one_of(name, taken);
}

static void check_variables(const json_t *list, const struct path *at, struct field_errors *e)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);
		const char *name = json_str(one, "name");
		if (rule_is_blank(name))
			rule_broken(e, FIELD_REQUIRED, PATH(PATH_AT(at, i), "name"), NULL,
				    "name is not specified");
		else if (!is_identifier(name))
			rule_bad_text(e, FIELD_INVALID, PATH(PATH_AT(at, i), "name"), name,
				      "must be a valid CEL identifier");
		if (rule_is_blank(json_str(one, "expression")))
			rule_broken(e, FIELD_REQUIRED, PATH(PATH_AT(at, i), "expression"), NULL,
				    "expression is not specified");
	}
}

static void check_validation(const json_t *o, const struct path *at, struct field_errors *e)
{
	static const char *const reasons[] = { "Forbidden", "Invalid", "RequestEntityTooLarge",
					       NULL };
	const char *text = json_str_or(o, "message", "");
	const char *expression = json_str_or(o, "messageExpression", "");
	if (rule_is_blank(json_str(o, "expression")))
		rule_broken(e, FIELD_REQUIRED, PATH(at, "expression"), NULL,
			    "expression is not specified");
	if (*expression && rule_is_blank(expression))
		rule_bad_text(e, FIELD_INVALID, PATH(at, "messageExpression"), expression,
			      "must be non-empty if specified");
	size_t end = strlen(text);
	while (end && strchr(" \t\r\n\v\f", text[end - 1]))
		end--;
	const char *begin = text + strspn(text, " \t\r\n\v\f");
	if (*text && rule_is_blank(text))
		rule_bad_text(e, FIELD_INVALID, PATH(at, "message"), text,
			      "must be non-empty if specified");
	else if (strcspn(begin, "\r\n") < (size_t)(text + end - begin))
		rule_bad_text(e, FIELD_INVALID, PATH(at, "message"), text,
			      "must not contain line breaks");
	if (json_object_get(o, "reason"))
		rule_enum(e, at, o, "reason", reasons);
}

static void check_audit(const json_t *list, const char *policy, const struct path *at,
			struct field_errors *e)
{
	if (json_array_size(list) > ANNOTATIONS_MAX)
		rule_broken(e, FIELD_INVALID, at, list,
			    "must not have more than %d auditAnnotations", ANNOTATIONS_MAX);
	auto_free size_t *firsts = NULL;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);
		const char *text = json_str_or(one, "valueExpression", "");
		const struct path *here = PATH_AT(at, i);
		auto_free char *key = xasprintf("%s/%s", policy, json_str_or(one, "key", ""));
		rule_name(e, PATH(here, "key"), key, name_label_key);
		if (rule_is_blank(text))
			rule_broken(e, FIELD_REQUIRED, PATH(here, "valueExpression"), NULL,
				    "valueExpression is not specified");
		else if (strlen(text) > EXPRESSION_SIZE_MAX)
			rule_broken(e, FIELD_REQUIRED, PATH(here, "valueExpression"), NULL,
				    "must not exceed %d bytes in length", EXPRESSION_SIZE_MAX);
		if (rule_is_again(&firsts, list, i, "key"))
			rule_broken(e, FIELD_DUPLICATE, PATH(here, "key"),
				    json_object_get(one, "key"), NULL);
	}
}

/* What both kinds of policy have. */
static void check_policy(const json_t *spec, bool is_mutating, const struct path *at,
			 struct field_errors *e)
{
	const json_t *match = json_object_get(spec, "matchConstraints");
	const struct path *here = PATH(at, "matchConstraints");
	rule_enum(e, at, spec, "failurePolicy", failure_policies);
	check_param_kind(json_object_get(spec, "paramKind"), PATH(at, "paramKind"), e);
	if (!match)
		rule_required(e, here, NULL);
	check_match(match, here, e);
	if (match && !json_array_size(json_object_get(match, "resourceRules")))
		rule_required(e, PATH(here, "resourceRules"), NULL);
	if (is_mutating)
		check_mutable_operations(match, here, e);
	rule_match_conditions(e, PATH(at, "matchConditions"),
			      json_object_get(spec, "matchConditions"));
	check_variables(json_object_get(spec, "variables"), PATH(at, "variables"), e);
}

void validate_validating_policy(const json_t *tree, const json_t *old, struct field_errors *e)
{
	static const char *const lists[] = { "validations", "auditAnnotations" };
	(void)old;
	const struct path *at = PATH(NULL, "spec");
	const json_t *spec = json_object_get(tree, "spec");
	const json_t *list = json_object_get(spec, "validations");
	const json_t *audit = json_object_get(spec, "auditAnnotations");
	check_policy(spec, false, at, e);
	for (size_t i = 0;
	     i < ARRAY_LEN(lists) && !json_array_size(list) && !json_array_size(audit); i++)
		rule_broken(e, FIELD_REQUIRED, PATH(at, lists[i]), NULL,
			    "validations or auditAnnotations must contain at least one item");
	for (size_t i = 0; i < json_array_size(list); i++)
		check_validation(json_array_get(list, i), PATH_AT(PATH(at, "validations"), i), e);
	check_audit(audit, json_str_or(tree, "metadata.name", ""), PATH(at, "auditAnnotations"), e);
}

static void check_mutation(const json_t *o, const struct path *at, struct field_errors *e)
{
	static const char *const types[] = { "ApplyConfiguration", "JSONPatch", NULL };
	static const char *const members[] = { "applyConfiguration", "jsonPatch" };
	const char *type = json_str_or(o, "patchType", "");
	size_t own = streq(type, types[1]) ? 1 : 0;
	rule_required(e, PATH(at, "patchType"), type);
	if (*type && !rule_is_one_of(type, types))
		rule_unsupported(e, PATH(at, "patchType"), type, types);
	if (!rule_is_one_of(type, types))
		return;
	const json_t *given = json_object_get(o, members[own]);
	if (!given)
		rule_broken(e, FIELD_REQUIRED, PATH(at, members[own]), NULL,
			    "must be specified when patchType is %s", type);
	else if (rule_is_blank(json_str(given, "expression")))
		rule_required(e, PATH(PATH(at, members[own]), "expression"), NULL);
	auto_free char *shown = xasprintf("{%s}", members[1 - own]);
	if (json_object_get(o, members[1 - own]))
		rule_bad_text(e, FIELD_INVALID, PATH(at, members[1 - own]), shown,
			      "must not be specified when patchType is %s", type);
}

void validate_mutating_policy(const json_t *tree, const json_t *old, struct field_errors *e)
{
	(void)old;
	const struct path *at = PATH(NULL, "spec");
	const json_t *spec = json_object_get(tree, "spec");
	const json_t *list = json_object_get(spec, "mutations");
	check_policy(spec, true, at, e);
	if (!json_array_size(list))
		rule_broken(e, FIELD_REQUIRED, PATH(at, "mutations"), NULL,
			    "mutations must contain at least one item");
	for (size_t i = 0; i < json_array_size(list); i++)
		check_mutation(json_array_get(list, i), PATH_AT(PATH(at, "mutations"), i), e);
	if (!*json_str_or(spec, "reinvocationPolicy", ""))
		rule_required(e, PATH(at, "reinvocationPolicy"), NULL);
	else
		rule_enum(e, at, spec, "reinvocationPolicy", reinvocations);
}

static void check_param_ref(const json_t *ref, const struct path *at, struct field_errors *e)
{
	static const char *const actions[] = { "Deny", "Allow", NULL };
	static const char exclusive[] = "name and selector are mutually exclusive";
	const char *name = json_str_or(ref, "name", "");
	const json_t *selector = json_object_get(ref, "selector");
	if (!ref)
		return;
	if (*name)
		rule_name(e, PATH(at, "name"), name, name_path_segment);
	if (*name && selector)
		rule_broken(e, FIELD_FORBIDDEN, PATH(at, "name"), NULL, exclusive);
	rule_label_selector(e, PATH(at, "selector"), selector);
	if (*name && selector)
		rule_broken(e, FIELD_FORBIDDEN, PATH(at, "selector"), NULL, exclusive);
	if (!*name && !selector)
		rule_broken(e, FIELD_REQUIRED, at, NULL,
			    "one of name or selector must be specified");
	if (!*json_str_or(ref, "parameterNotFoundAction", ""))
		rule_required(e, PATH(at, "parameterNotFoundAction"), NULL);
	else
		rule_enum(e, at, ref, "parameterNotFoundAction", actions);
}

static void check_actions(const json_t *list, const struct path *at, struct field_errors *e)
{
	static const char *const known[] = { "Audit", "Deny", "Warn", NULL };
	bool denies = false, warns = false;
	auto_free size_t *firsts = NULL;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *one = json_string_value(json_array_get(list, i));
		if (!rule_is_one_of(one, known))
			rule_unsupported(e, PATH_AT(at, i), one, known);
		if (rule_is_again(&firsts, list, i, NULL))
			rule_bad_text(e, FIELD_DUPLICATE, PATH_AT(at, i), one, NULL);
		denies |= streq(one, "Deny");
		warns |= streq(one, "Warn");
	}
	if (denies && warns)
		rule_broken(e, FIELD_INVALID, at, list,
			    "must not contain both Deny and Warn (repeating the same validation "
			    "failure information in the API response and headers serves no "
			    "purpose)");
	if (!json_array_size(list))
		rule_broken(e, FIELD_REQUIRED, at, NULL,
			    "at least one validation action is required");
}

static void check_binding(const json_t *spec, const struct path *at, struct field_errors *e)
{
	rule_required_name(e, PATH(at, "policyName"), json_str(spec, "policyName"),
			   name_dns_subdomain);
	check_param_ref(json_object_get(spec, "paramRef"), PATH(at, "paramRef"), e);
	check_match(json_object_get(spec, "matchResources"), PATH(at, "matchResources"), e);
}

void validate_validating_binding(const json_t *tree, const json_t *old, struct field_errors *e)
{
	(void)old;
	const json_t *spec = json_object_get(tree, "spec");
	check_binding(spec, PATH(NULL, "spec"), e);
	check_actions(json_object_get(spec, "validationActions"),
		      PATH(PATH(NULL, "spec"), "validationActions"), e);
}

void validate_mutating_binding(const json_t *tree, const json_t *old, struct field_errors *e)
{
	(void)old;
	const json_t *spec = json_object_get(tree, "spec");
	check_binding(spec, PATH(NULL, "spec"), e);
	check_mutable_operations(json_object_get(spec, "matchResources"),
				 PATH(PATH(NULL, "spec"), "matchResources"), e);
}
