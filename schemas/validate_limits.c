/* LimitRange and ResourceQuota. */
#include "schemas/quantity.h"
#include "schemas/rule.h"

static const char *const standard[] = { "cpu",
					"memory",
					"ephemeral-storage",
					"requests.cpu",
					"requests.memory",
					"requests.ephemeral-storage",
					"limits.cpu",
					"limits.memory",
					"limits.ephemeral-storage",
					"pods",
					"resourcequotas",
					"services",
					"replicationcontrollers",
					"secrets",
					"configmaps",
					"persistentvolumeclaims",
					"storage",
					"requests.storage",
					"services.nodeports",
					"services.loadbalancers",
					NULL };
static const char *const of_containers[] = { "cpu", "memory", "ephemeral-storage", NULL };
static const char *const counted[] = { "pods",
				       "resourcequotas",
				       "services",
				       "replicationcontrollers",
				       "secrets",
				       "configmaps",
				       "persistentvolumeclaims",
				       "services.nodeports",
				       "services.loadbalancers",
				       NULL };

bool validate_is_counted_resource(const char *name)
{
	return rule_is_one_of(name, counted);
}

static bool is_huge_page(const char *name)
{
	return starts_with(name, "hugepages-") || starts_with(name, "requests.hugepages-");
}

/* Names without a slash stand for what the API itself knows. */
static bool check_resource(const char *name, const struct path *at, struct field_errors *e)
{
	size_t before = e->count;
	rule_name(e, at, name, name_label_key);
	if (e->count == before && !strchr(name, '/') && !rule_is_one_of(name, standard) &&
	    !is_huge_page(name))
		rule_bad_text(e, FIELD_INVALID, at, name,
			      "must be a standard resource type or fully qualified");
	return e->count == before;
}

bool validate_is_extended_resource(const char *name)
{
	auto_free char *in_quota = xasprintf("requests.%s", name);
	return strchr(name, '/') && !strstr(name, "kubernetes.io/") &&
	       !starts_with(name, "requests.") && name_is(name_label_key, in_quota);
}

void validate_container_resource_name(const char *name, const struct path *at,
				      struct field_errors *e)
{
	(void)check_resource(name, at, e);
	if (!strchr(name, '/') && !rule_is_one_of(name, of_containers) &&
	    !starts_with(name, "hugepages-"))
		rule_bad_text(e, FIELD_INVALID, at, name,
			      "must be a standard resource for containers");
	else if (strchr(name, '/') && !strstr(name, "kubernetes.io/") &&
		 !validate_is_extended_resource(name))
		rule_bad_text(e, FIELD_INVALID, at, name,
			      "doesn't follow extended resource name standard");
}

enum bound { MIN, MAX, DEFAULT, REQUEST, RATIO, BOUNDS_COUNT };
static const char *const bounds[BOUNDS_COUNT] = { "min", "max", "default", "defaultRequest",
						  "maxLimitRequestRatio" };

/* One broken relation between two bounds of a resource. */
static void check_order(const json_t *limit, const char *name, enum bound low, enum bound high,
			enum bound blamed, enum bound shown, const char *words,
			const struct path *at, struct field_errors *e)
{
	const char *a = json_member_str(json_object_get(limit, bounds[low]), name);
	const char *b = json_member_str(json_object_get(limit, bounds[high]), name);
	if (!a || !b || quantity_milli(a) <= quantity_milli(b))
		return;
	const json_t *value = json_object_get(json_object_get(limit, bounds[shown]), name);
	AUTO_STR text;
	str_init(&text, 512);
	for (const char *p = words; *p; p++) {
		if (*p == '<')
			str_add(&text, a);
		else if (*p == '>')
			str_add(&text, b);
		else
			str_add_char(&text, *p);
	}
	rule_broken(e, FIELD_INVALID, PATH_OF(PATH(at, bounds[blamed]), name), value, "%s",
		    text.data);
}

static void check_ratio(const json_t *limit, const char *name, const struct path *at,
			struct field_errors *e)
{
	const json_t *ratio = json_object_get(json_object_get(limit, bounds[RATIO]), name);
	const char *min = json_member_str(json_object_get(limit, bounds[MIN]), name);
	const char *max = json_member_str(json_object_get(limit, bounds[MAX]), name);
	const char *text = json_string_value(ratio);
	if (!text)
		return;
	at = PATH_OF(PATH(at, bounds[RATIO]), name);
	if (quantity_milli(text) < 1000)
		rule_broken(e, FIELD_INVALID, at, ratio, "ratio %s is less than 1", text);
	if (!min || !max)
		return;
	double most = (double)quantity_milli(max) / (double)quantity_milli(min);
	if ((double)quantity_milli(text) / 1000 > most)
		rule_broken(e, FIELD_INVALID, at, ratio, "ratio %s is greater than max/min = %f",
			    text, most);
}

static void check_bounds(const json_t *limit, const char *name, const struct path *at,
			 struct field_errors *e)
{
	check_order(limit, name, MIN, MAX, MIN, MIN, "min value < is greater than max value >", at,
		    e);
	check_order(limit, name, MIN, REQUEST, REQUEST, REQUEST,
		    "min value < is greater than default request value >", at, e);
	check_order(limit, name, REQUEST, MAX, REQUEST, REQUEST,
		    "default request value < is greater than max value >", at, e);
	check_order(limit, name, REQUEST, DEFAULT, REQUEST, REQUEST,
		    "default request value < is greater than default limit value >", at, e);
	check_order(limit, name, MIN, DEFAULT, DEFAULT, MIN,
		    "min value < is greater than default value >", at, e);
	check_order(limit, name, DEFAULT, MAX, DEFAULT, MAX,
		    "default value < is greater than max value >", at, e);
	check_ratio(limit, name, at, e);
	const char *most = json_member_str(json_object_get(limit, bounds[DEFAULT]), name);
	const json_t *least = json_object_get(json_object_get(limit, bounds[REQUEST]), name);
	bool is_fixed = strchr(name, '/') || is_huge_page(name);
	if (is_fixed && most && least &&
	    quantity_milli(most) != quantity_milli(json_string_value(least)))
		rule_broken(e, FIELD_INVALID, PATH_OF(PATH(at, bounds[REQUEST]), name), least,
			    "default value %s must equal to defaultRequest value %s in %s", most,
			    json_string_value(least), name);
}

static void check_limit(const json_t *limit, const struct path *at, struct field_errors *e)
{
	static const enum bound order[] = { MAX, MIN, DEFAULT, REQUEST, RATIO };
	const char *type = json_str_or(limit, "type", ""), *name;
	bool is_pod = streq(type, "Pod");
	AUTO_JSON *names = json_object();
	json_t *value;
	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		const json_t *map = json_object_get(limit, bounds[order[i]]);
		const struct path *here = PATH(at, bounds[order[i]]);
		bool is_default = order[i] == DEFAULT || order[i] == REQUEST;
		if (order[i] == RATIO && streq(type, "PersistentVolumeClaim") &&
		    !json_at(limit, "min", "storage") && !json_at(limit, "max", "storage"))
			rule_broken(e, FIELD_REQUIRED, PATH(at, "limits"), NULL,
				    "either minimum or maximum storage value is required, but "
				    "neither was provided");
		if (is_pod && is_default) {
			if (json_object_size(map))
				rule_broken(e, FIELD_FORBIDDEN, here, NULL,
					    "may not be specified when `type` is 'Pod'");
			continue;
		}
		json_object_foreach ((json_t *)(uintptr_t)map, name, value) {
			if (is_pod || streq(type, "Container"))
				validate_container_resource_name(name, PATH_OF(here, name), e);
			else
				(void)check_resource(name, PATH_OF(here, name), e);
			json_object_set(names, name, value);
		}
	}
	json_object_foreach (names, name, value)
		check_bounds(limit, name, at, e);
}

void validate_limit_range(const json_t *tree, const json_t *old, struct field_errors *e)
{
	static const char *const types[] = { "Pod", "Container", "PersistentVolumeClaim", NULL };
	(void)old;
	const json_t *limits = json_dig(tree, "spec.limits");
	auto_free size_t *firsts = RULE_FIRSTS(limits, "type");
	for (size_t i = 0; i < json_array_size(limits); i++) {
		const struct path *at = PATH_AT(PATH(PATH(NULL, "spec"), "limits"), i);
		const json_t *limit = json_array_get(limits, i);
		const char *type = json_str_or(limit, "type", "");
		size_t before = e->count;
		rule_name(e, PATH(at, "type"), type, name_label_key);
		if (e->count == before && !strchr(type, '/') && !rule_is_one_of(type, types))
			rule_bad_text(e, FIELD_INVALID, PATH(at, "type"), type,
				      "must be a standard limit type or fully qualified");
		if (firsts[i] != i)
			rule_bad_text(e, FIELD_DUPLICATE, PATH(at, "type"), type, NULL);
		check_limit(limit, at, e);
	}
}

static bool is_quota_resource(const char *name)
{
	return (rule_is_one_of(name, standard) && !streq(name, "storage")) || is_huge_page(name);
}

void validate_quota_amounts(const json_t *hard, const struct path *at, struct field_errors *e)
{
	const char *name;
	json_t *value;
	json_object_foreach ((json_t *)(uintptr_t)hard, name, value) {
		const struct path *here = PATH_OF(at, name);
		(void)check_resource(name, here, e);
		if (!strchr(name, '/') && !is_quota_resource(name))
			rule_bad_text(e, FIELD_INVALID, here, name,
				      "must be a standard resource for quota");
		rule_quantity_at_least_0(e, here, value);
		bool is_counted = validate_is_counted_resource(name);
		if (is_counted && quantity_milli(json_string_value(value)) % 1000)
			rule_broken(e, FIELD_INVALID, here, value, "must be an integer");
	}
}

static const char *const scopes[] = { "Terminating",
				      "NotTerminating",
				      "BestEffort",
				      "NotBestEffort",
				      "PriorityClass",
				      "VolumeAttributesClass",
				      "CrossNamespacePodAffinity",
				      NULL };

/* Whether a scope can choose what is counted under that name. */
static bool fits(const char *scope, const char *resource)
{
	static const char *const of_pods[] = {
		"pods",          "cpu",          "memory",          "limits.cpu",
		"limits.memory", "requests.cpu", "requests.memory", NULL
	};
	if (streq(scope, "BestEffort"))
		return streq(resource, "pods");
	if (streq(scope, "VolumeAttributesClass"))
		return streq(resource, "persistentvolumeclaims") ||
		       streq(resource, "requests.storage");
	return !rule_is_one_of(scope, scopes) || rule_is_one_of(resource, of_pods);
}

static void unfit(const json_t *shown, const struct path *at, struct field_errors *e)
{
	static const char words[] = "unsupported scope applied to resource";
	if (json_is_array(shown))
		rule_broken(e, FIELD_INVALID, at, shown, words);
	else
		rule_broken_inside(e, FIELD_INVALID, at, "core.v1.ScopeSelector", shown, words);
}

/* `shown` is a list of scopes, or a selector of them. */
static void check_fit(const json_t *hard, const char *scope, const json_t *shown,
		      const struct path *at, struct field_errors *e)
{
	const char *name;
	json_t *value;
	json_object_foreach ((json_t *)(uintptr_t)hard, name, value) {
		if (is_quota_resource(name) && !fits(scope, name))
			unfit(shown, at, e);
	}
}

static void check_conflicts(bool has[ARRAY_LEN(scopes)], const json_t *shown, const struct path *at,
			    struct field_errors *e)
{
	static const size_t first[] = {
		2, 0
	}; /* BestEffort and Terminating: each with its opposite */
	AUTO_JSON *none = json_null();
	for (size_t i = 0; i < ARRAY_LEN(first); i++)
		if (has[first[i]] && has[first[i] + 1])
			rule_broken(e, FIELD_INVALID, at, shown ? shown : none,
				    "conflicting scopes");
}

static void note(bool has[ARRAY_LEN(scopes)], const char *scope)
{
	for (size_t k = 0; scopes[k]; k++)
		has[k] |= streq(scopes[k], scope);
}

static void check_scopes(const json_t *spec, const struct path *at, struct field_errors *e)
{
	const json_t *list = json_object_get(spec, "scopes");
	bool has[ARRAY_LEN(scopes)] = { false };
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *scope = json_string_value(json_array_get(list, i));
		if (!rule_is_one_of(scope, scopes))
			rule_broken(e, FIELD_INVALID, at, list, "unsupported scope");
		check_fit(json_object_get(spec, "hard"), scope, list, at, e);
		note(has, scope);
	}
	check_conflicts(has, list, at, e);
}

static void check_scope_values(const json_t *r, const char *scope, const struct path *at,
			       struct field_errors *e)
{
	const char *op = json_str_or(r, "operator", "");
	const json_t *values = json_object_get(r, "values");
	if (rule_is_one_of(scope, scopes) && !streq(scope, "PriorityClass") &&
	    !streq(scope, "VolumeAttributesClass") && !streq(op, "Exists"))
		rule_bad_text(e, FIELD_INVALID, PATH(at, "operator"), op,
			      "must be 'Exists' when scope is any of "
			      "ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, "
			      "ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or "
			      "ResourceQuotaScopeCrossNamespacePodAffinity");
	if (streq(op, "In") || streq(op, "NotIn")) {
		if (!json_array_size(values))
			rule_broken(e, FIELD_REQUIRED, PATH(at, "values"), NULL,
				    "must be at least one value when `operator` is 'In' or "
				    "'NotIn' for scope selector");
	} else if (streq(op, "Exists") || streq(op, "DoesNotExist")) {
		if (json_array_size(values))
			rule_broken(e, FIELD_INVALID, PATH(at, "values"), values,
				    "must be no value when `operator` is 'Exist' or "
				    "'DoesNotExist' for scope selector");
	} else {
		rule_bad_text(e, FIELD_INVALID, PATH(at, "operator"), op,
			      "not a valid selector operator");
	}
}

static void check_scope_selector(const json_t *spec, const struct path *at, struct field_errors *e)
{
	const json_t *selector = json_object_get(spec, "scopeSelector");
	const json_t *list = json_object_get(selector, "matchExpressions");
	bool has[ARRAY_LEN(scopes)] = { false };
	at = PATH(PATH(at, "scopeSelector"), "matchExpressions");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *r = json_array_get(list, i);
		const char *scope = json_str_or(r, "scopeName", "");
		if (!rule_is_one_of(scope, scopes))
			rule_bad_text(e, FIELD_INVALID, PATH(at, "scopeName"), scope,
				      "unsupported scope");
		check_fit(json_object_get(spec, "hard"), scope, selector, at, e);
		check_scope_values(r, scope, at, e);
		note(has, scope);
	}
	check_conflicts(has, json_object_get(spec, "scopes"), at, e);
}

void validate_quota(const json_t *tree, const json_t *old, struct field_errors *e)
{
	const struct path *at = PATH(NULL, "spec");
	const json_t *spec = json_object_get(tree, "spec");
	validate_quota_amounts(json_object_get(spec, "hard"), PATH(at, "hard"), e);
	check_scopes(spec, PATH(at, "scopes"), e);
	check_scope_selector(spec, at, e);
	if (old)
		rule_unchanged(e, PATH(at, "scopes"), json_object_get(spec, "scopes"),
			       json_dig(old, "spec.scopes"));
}
