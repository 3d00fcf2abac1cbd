/* RuntimeClass and Lease. */
#include "schemas/rule.h"

/* Of the same key, operator, value and effect. */
static void check_tolerations(const json_t *list, const struct path *at, struct field_errors *e)
{
	auto_free size_t *firsts = RULE_FIRSTS(list, "key", "operator", "value", "effect");
	validate_tolerations(list, at, e);
	for (size_t i = 0; i < json_array_size(list); i++)
		if (firsts[i] != i)
			rule_broken_inside(e, FIELD_DUPLICATE, PATH_AT(at, i), "core.v1.Toleration",
					   json_array_get(list, i), NULL);
}

void validate_runtime_class(const json_t *tree, const json_t *old, struct field_errors *e)
{
	const json_t *overhead = json_object_get(tree, "overhead");
	const json_t *scheduling = json_object_get(tree, "scheduling");
	AUTO_JSON *handler = json_string_nocheck(json_str_or(tree, "handler", ""));
	rule_required_name(e, PATH(NULL, "handler"), json_str(tree, "handler"), name_dns_label);
	if (overhead) {
		AUTO_JSON *limits =
			json_pack("{s:O?}", "limits", json_object_get(overhead, "podFixed"));
		validate_resources(limits, PATH(NULL, "overhead"), e);
	}
	rule_labels(e, PATH(PATH(NULL, "scheduling"), "nodeSelector"),
		    json_object_get(scheduling, "nodeSelector"));
	check_tolerations(json_object_get(scheduling, "tolerations"),
			  PATH(PATH(NULL, "scheduling"), "tolerations"), e);
	if (old)
		rule_unchanged_text(e, PATH(NULL, "handler"), handler,
				    json_object_get(old, "handler"));
}

void validate_lease(const json_t *tree, const json_t *old, struct field_errors *e)
{
	static const char *const strategies[] = { "OldestEmulationVersion", NULL };
	(void)old;
	const struct path *at = PATH(NULL, "spec");
	const json_t *spec = json_object_get(tree, "spec");
	const json_t *duration = json_object_get(spec, "leaseDurationSeconds");
	const char *strategy = json_str_or(spec, "strategy", "");
	if (duration && json_integer_value(duration) <= 0)
		rule_broken(e, FIELD_INVALID, PATH(at, "leaseDurationSeconds"), duration,
			    "must be greater than 0");
	rule_at_least(e, at, spec, "leaseTransitions", 0);
	if (*strategy && !strchr(strategy, '/') && !rule_is_one_of(strategy, strategies))
		rule_unsupported(e, PATH(at, "strategy"), strategy, strategies);
	if (*json_str_or(spec, "preferredHolder", "") && !*strategy)
		rule_broken(e, FIELD_FORBIDDEN, PATH(at, "preferredHolder"), NULL,
			    "may only be specified if `strategy` is defined");
}
