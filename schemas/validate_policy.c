/* PodDisruptionBudget and PriorityClass. */
#include "schemas/rule.h"

#define PRIORITY_MAX 1000000000

void validate_disruption_budget(const json_t *tree, const json_t *old, struct field_errors *e)
{
	static const char *const policies[] = { "AlwaysAllow", "IfHealthyBudget", NULL };
	static const char *const amounts[] = { "minAvailable", "maxUnavailable" };
	(void)old;
	const struct path *at = PATH(NULL, "spec");
	const json_t *spec = json_object_get(tree, "spec");
	if (json_object_get(spec, amounts[0]) && json_object_get(spec, amounts[1]))
		rule_broken(e, FIELD_INVALID, at, spec,
			    "minAvailable and maxUnavailable cannot be both set");
	for (size_t i = 0; i < ARRAY_LEN(amounts); i++) {
		const json_t *amount = json_object_get(spec, amounts[i]);
		if (!amount)
			continue;
		(void)rule_amount(e, PATH(at, amounts[i]), amount);
		rule_not_over_100_percent(e, PATH(at, amounts[i]), amount);
	}
	rule_label_selector(e, PATH(at, "selector"), json_object_get(spec, "selector"));
	if (json_object_get(spec, "unhealthyPodEvictionPolicy"))
		rule_enum(e, at, spec, "unhealthyPodEvictionPolicy", policies);
}

/* The two that the server makes itself. */
static const struct {
	const char *name;
	int64_t value;
} system_classes[] = {
	{ "system-node-critical", 2000001000 },
	{ "system-cluster-critical", 2000000000 },
};

/* What is wrong with one that has a name of theirs. */
static void system_problem(const char *name, const json_t *tree, struct str *out)
{
	for (size_t i = 0; i < ARRAY_LEN(system_classes); i++) {
		if (!streq(name, system_classes[i].name))
			continue;
		if (json_int_or(tree, "value", 0) != system_classes[i].value)
			str_addf(out, "value of %s PriorityClass must be %lld", name,
				 (long long)system_classes[i].value);
		else if (json_bool_or(tree, "globalDefault", false))
			str_addf(out, "globalDefault of %s PriorityClass must be false", name);
		return;
	}
	str_addf(out, "%s is not a known system priority class", name);
}

static void check_priority(const json_t *tree, struct field_errors *e)
{
	static const char *const policies[] = { "PreemptLowerPriority", "Never", NULL };
	const char *name = json_str_or(tree, "metadata.name", "");
	if (strncmp(name, "system-", 7) == 0) {
		AUTO_STR why;
		str_init(&why, 1024);
		system_problem(name, tree, &why);
		if (why.len)
			rule_broken(e, FIELD_FORBIDDEN, PATH(PATH(NULL, "metadata"), "name"), NULL,
				    "priority class names with 'system-' prefix are reserved for "
				    "system use only. error: %s",
				    why.data);
	} else if (json_int_or(tree, "value", 0) > PRIORITY_MAX) {
		rule_broken(e, FIELD_FORBIDDEN, PATH(NULL, "value"), NULL,
			    "maximum allowed value of a user defined priority is %d", PRIORITY_MAX);
	}
	const char *policy = json_str(tree, "preemptionPolicy");
	if (policy && !*policy)
		rule_required(e, PATH(NULL, "preemptionPolicy"), NULL);
	else if (policy)
		rule_enum(e, NULL, tree, "preemptionPolicy", policies);
}

void validate_priority_class(const json_t *tree, const json_t *old, struct field_errors *e)
{
	if (!old) {
		check_priority(tree, e);
		return;
	}
	if (json_int_or(tree, "value", 0) != json_int_or(old, "value", 0))
		rule_broken(e, FIELD_FORBIDDEN, PATH(NULL, "value"), NULL,
			    "may not be changed in an update.");
	rule_unchanged(e, PATH(NULL, "preemptionPolicy"), json_object_get(tree, "preemptionPolicy"),
		       json_object_get(old, "preemptionPolicy"));
}
