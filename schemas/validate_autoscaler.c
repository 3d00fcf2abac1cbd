/* HorizontalPodAutoscaler, both versions. */
#include "schemas/quantity.h"
#include "schemas/rule.h"

#include <strings.h>

#define PERIOD_MAX_S 1800
#define WINDOW_MAX_S 3600

/* group/version, of which the group may have to be there. */
static void check_api_version(const char *text, bool wants_group, const struct path *at,
			      struct field_errors *e)
{
	const char *slash = strchr(text, '/');
	if (slash && strchr(slash + 1, '/'))
		rule_bad_text(e, FIELD_INVALID, at, text, "unexpected GroupVersion string: %s",
			      text);
	else if (wants_group && (!slash || slash == text))
		rule_bad_text(e, FIELD_INVALID, at, text, "apiVersion must specify API group");
}

static void check_object(const json_t *ref, bool wants_group, const struct path *at,
			 struct field_errors *e)
{
	rule_required_name(e, PATH(at, "kind"), json_str(ref, "kind"), name_path_segment);
	rule_required_name(e, PATH(at, "name"), json_str(ref, "name"), name_path_segment);
	check_api_version(json_str_or(ref, "apiVersion", ""), wants_group, PATH(at, "apiVersion"),
			  e);
}

static void check_target(const json_t *target, const struct path *at, struct field_errors *e)
{
	static const char *const types[] = { "Utilization", "Value", "AverageValue", NULL };
	static const char *const amounts[] = { "value", "averageValue" };
	const char *type = json_str_or(target, "type", "");
	const json_t *percent = json_object_get(target, "averageUtilization");
	if (!*type)
		rule_broken(e, FIELD_REQUIRED, PATH(at, "type"), NULL,
			    "must specify a metric target type");
	if (!rule_is_one_of(type, types))
		rule_bad_text(e, FIELD_INVALID, PATH(at, "type"), type,
			      "must be either Utilization, Value, or AverageValue");
	for (size_t i = 0; i < ARRAY_LEN(amounts); i++) {
		const json_t *amount = json_object_get(target, amounts[i]);
		if (amount && quantity_milli(json_string_value(amount)) <= 0)
			rule_broken(e, FIELD_INVALID, PATH(at, amounts[i]), amount,
				    "must be positive");
	}
	if (percent && json_integer_value(percent) < 1)
		rule_broken(e, FIELD_INVALID, PATH(at, "averageUtilization"), percent,
			    "must be greater than 0");
}

static void check_identifier(const json_t *source, const struct path *at, struct field_errors *e)
{
	const json_t *metric = json_object_get(source, "metric");
	const char *name = json_str_or(metric, "name", "");
	at = PATH(PATH(at, "metric"), "name");
	if (!*name)
		rule_broken(e, FIELD_REQUIRED, at, NULL, "must specify a metric name");
	else
		rule_name(e, at, name, name_path_segment);
}

static void check_resource_source(const json_t *source, bool is_container, const struct path *at,
				  struct field_errors *e)
{
	const json_t *target = json_object_get(source, "target");
	const char *name = json_str_or(source, "name", "");
	const char *container = json_str_or(source, "container", "");
	bool has_percent = json_object_get(target, "averageUtilization");
	bool has_value = json_object_get(target, "averageValue");
	if (!*name)
		rule_broken(e, FIELD_REQUIRED, PATH(at, "name"), NULL,
			    "must specify a resource name");
	else if (is_container)
		validate_container_resource_name(name, PATH(at, "name"), e);
	if (is_container && !*container)
		rule_broken(e, FIELD_REQUIRED, PATH(at, "container"), NULL,
			    "must specify a container");
	else if (is_container)
		rule_name(e, PATH(at, "container"), container, name_dns_label);
	at = PATH(at, "target");
	check_target(target, at, e);
	if (!has_percent && !has_value)
		rule_broken(e, FIELD_REQUIRED, PATH(at, "averageUtilization"), NULL,
			    "must set either a target raw value or a target utilization");
	if (has_percent && has_value)
		rule_broken(e, FIELD_FORBIDDEN, PATH(at, "averageValue"), NULL,
			    "may not set both a target raw value and a target utilization");
}

static void check_source(const char *type, const json_t *source, const struct path *at,
			 struct field_errors *e)
{
	const json_t *target = json_object_get(source, "target");
	bool has_value = json_object_get(target, "value");
	bool has_average = json_object_get(target, "averageValue");
	if (streq(type, "resource") || streq(type, "containerResource")) {
		check_resource_source(source, streq(type, "containerResource"), at, e);
		return;
	}
	if (streq(type, "object"))
		check_object(json_object_get(source, "describedObject"), false,
			     PATH(at, "describedObject"), e);
	check_identifier(source, at, e);
	at = PATH(at, "target");
	check_target(target, at, e);
	if (streq(type, "pods")) {
		if (!has_average)
			rule_broken(e, FIELD_REQUIRED, PATH(at, "averageValue"), NULL,
				    "must specify a positive target averageValue");
		return;
	}
	bool is_external = streq(type, "external");
	if (!has_value && !has_average)
		rule_broken(e, FIELD_REQUIRED, PATH(at, "averageValue"), NULL, "%s",
			    is_external ? "must set either a target value for metric or a per-pod "
					  "target"
					: "must set either a target value or averageValue");
	if (is_external && has_value && has_average)
		rule_broken(e, FIELD_FORBIDDEN, PATH(at, "value"), NULL,
			    "may not set both a target value for metric and a per-pod target");
}

/* Types in the order of their names, and their members in the order in which they are looked at. */
static const char *const types[] = { "ContainerResource", "External", "Object", "Pods",
				     "Resource",          NULL };
static const char *const members[] = { "object", "external", "pods", "resource",
				       "containerResource" };

static void check_metric(const json_t *metric, const struct path *at, struct field_errors *e)
{
	const char *type = json_str_or(metric, "type", "");
	size_t found = 0;
	if (!*type)
		rule_broken(e, FIELD_REQUIRED, PATH(at, "type"), NULL,
			    "must specify a metric source type");
	if (!rule_is_one_of(type, types))
		rule_unsupported(e, PATH(at, "type"), type, types);
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		const json_t *source = json_object_get(metric, members[i]);
		if (source && found++ == 0)
			check_source(members[i], source, PATH(at, members[i]), e);
	}
	if (!rule_is_one_of(type, types))
		rule_unsupported(e, PATH(at, "type"), type, types);
	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		if (strcasecmp(members[i], type) == 0 && !json_object_get(metric, members[i]))
			rule_broken(e, FIELD_REQUIRED, PATH(at, members[i]), NULL,
				    "must populate information for the given metric source");
	for (size_t i = 0; i < ARRAY_LEN(members) && found != 1; i++)
		if (strcasecmp(members[i], type) != 0 && json_object_get(metric, members[i]))
			rule_broken(e, FIELD_FORBIDDEN, PATH(at, members[i]), NULL,
				    "must populate the given metric source only");
}

static void check_scaling_policy(const json_t *policy, const struct path *at,
				 struct field_errors *e)
{
	static const char *const kinds[] = { "Percent", "Pods", NULL };
	static const char *const amounts[] = { "value", "periodSeconds" };
	rule_enum(e, at, policy, "type", kinds);
	for (size_t i = 0; i < ARRAY_LEN(amounts); i++) {
		int64_t n = json_int_or(policy, amounts[i], 0);
		AUTO_JSON *shown = json_integer(n);
		if (n <= 0)
			rule_broken(e, FIELD_INVALID, PATH(at, amounts[i]), shown,
				    "must be greater than zero");
		if (i == 1 && n > PERIOD_MAX_S)
			rule_broken(e, FIELD_INVALID, PATH(at, amounts[i]), shown,
				    "must be less than or equal to %d", PERIOD_MAX_S);
	}
}

static void check_pace(const json_t *rules, const struct path *at, struct field_errors *e)
{
	static const char *const choices[] = { "Disabled", "Max", "Min", NULL };
	const json_t *window = json_object_get(rules, "stabilizationWindowSeconds");
	const json_t *policies = json_object_get(rules, "policies");
	if (!rules)
		return;
	if (window && json_integer_value(window) < 0)
		rule_broken(e, FIELD_INVALID, PATH(at, "stabilizationWindowSeconds"), window,
			    "must be greater than or equal to zero");
	if (json_integer_value(window) > WINDOW_MAX_S)
		rule_broken(e, FIELD_INVALID, PATH(at, "stabilizationWindowSeconds"), window,
			    "must be less than or equal to %d", WINDOW_MAX_S);
	if (json_object_get(rules, "selectPolicy"))
		rule_enum(e, at, rules, "selectPolicy", choices);
	if (!json_array_size(policies))
		rule_broken(e, FIELD_REQUIRED, PATH(at, "policies"), NULL,
			    "must specify at least one Policy");
	for (size_t i = 0; i < json_array_size(policies); i++)
		check_scaling_policy(json_array_get(policies, i), PATH_AT(PATH(at, "policies"), i),
				     e);
	rule_quantity_at_least_0(e, PATH(at, "tolerance"), json_object_get(rules, "tolerance"));
}

static void check_numbers(const json_t *spec, const json_t *before, const struct path *at,
			  struct field_errors *e)
{
	const json_t *min = json_object_get(spec, "minReplicas");
	const json_t *was = json_object_get(before, "minReplicas");
	int64_t most = json_int_or(spec, "maxReplicas", 0);
	AUTO_JSON *max = json_integer(most);
	rule_at_least(e, at, spec, "minReplicas", was && json_integer_value(was) == 0 ? 0 : 1);
	if (most == 0)
		rule_broken(e, FIELD_REQUIRED, PATH(at, "maxReplicas"), NULL,
			    "must be set and greater than 0");
	else if (most < 0)
		rule_broken(e, FIELD_INVALID, PATH(at, "maxReplicas"), max,
			    "must be greater than or equal to 1");
	if (min && most < json_integer_value(min))
		rule_broken(e, FIELD_INVALID, PATH(at, "maxReplicas"), max,
			    "must be greater than or equal to `minReplicas`");
}

void validate_autoscaler(const json_t *tree, const json_t *old, struct field_errors *e)
{
	const struct path *at = PATH(NULL, "spec");
	const json_t *spec = json_object_get(tree, "spec"), *before = json_object_get(old, "spec");
	const json_t *target = json_object_get(spec, "scaleTargetRef");
	const json_t *was = json_object_get(before, "scaleTargetRef");
	const json_t *metrics = json_object_get(spec, "metrics");
	const json_t *behavior = json_object_get(spec, "behavior");
	/* The only kind of the core group that scales; and what was there may stay. */
	bool wants_group = !streq(json_str_or(target, "kind", ""), "ReplicationController");
	bool is_same =
		old && streq(json_str_or(target, "kind", ""), json_str_or(was, "kind", "")) &&
		streq(json_str_or(target, "apiVersion", ""), json_str_or(was, "apiVersion", ""));
	check_numbers(spec, before, at, e);
	check_object(target, wants_group && !is_same, PATH(at, "scaleTargetRef"), e);
	bool has_outer = false;
	for (size_t i = 0; i < json_array_size(metrics); i++) {
		const char *type = json_str_or(json_array_get(metrics, i), "type", "");
		check_metric(json_array_get(metrics, i), PATH_AT(PATH(at, "metrics"), i), e);
		has_outer |= streq(type, "Object") || streq(type, "External");
	}
	if (metrics && json_int_or(spec, "minReplicas", 1) == 0 && !has_outer)
		rule_broken(e, FIELD_FORBIDDEN, PATH(at, "metrics"), NULL,
			    "must specify at least one Object or External metric to support "
			    "scaling to zero replicas");
	check_pace(json_object_get(behavior, "scaleUp"), PATH(PATH(at, "behavior"), "scaleUp"), e);
	check_pace(json_object_get(behavior, "scaleDown"), PATH(PATH(at, "behavior"), "scaleDown"),
		   e);
}
