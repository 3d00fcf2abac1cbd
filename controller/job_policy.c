/* spec.podFailurePolicy: what one failed pod means for its Job. */
#include "controller/job_internal.h"

static bool code_matches(const json_t *rule, int64_t code)
{
	bool is_listed = false;
	size_t i;
	json_t *v;
	json_array_foreach (json_object_get(rule, "values"), i, v)
		is_listed |= json_is_integer(v) && json_integer_value(v) == code;
	return streq(json_str_or(rule, "operator", ""), "In") ? is_listed : !is_listed;
}

/* The container whose failure the rule names, or NULL. */
static const json_t *failed_container(const json_t *pod, const json_t *rule)
{
	static const char *const lists[] = { "status.containerStatuses",
					     "status.initContainerStatuses" };
	const char *only = json_str(rule, "containerName");
	for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
		size_t i;
		json_t *c;
		json_array_foreach (json_dig(pod, lists[l]), i, c) {
			int64_t code = json_int_or(c, "state.terminated.exitCode", 0);
			bool is_named = !only || streq(only, json_str_or(c, "name", ""));
			if (code != 0 && is_named && code_matches(rule, code))
				return c;
		}
	}
	return NULL;
}

static const json_t *failed_condition(const json_t *pod, const json_t *patterns)
{
	size_t i;
	json_t *p;
	json_array_foreach (patterns, i, p) {
		const json_t *c = condition_of(json_dig(pod, "status.conditions"),
					       json_str_or(p, "type", ""));
		if (c && streq(json_str_or(c, "status", ""), json_str_or(p, "status", "True")))
			return c;
	}
	return NULL;
}

enum job_failure job_policy_of(const json_t *job, const json_t *pod, char **ret_message)
{
	size_t i;
	json_t *rule;
	json_array_foreach (json_dig(job, "spec.podFailurePolicy.rules"), i, rule) {
		const json_t *container =
			json_object_get(rule, "onExitCodes")
				? failed_container(pod, json_object_get(rule, "onExitCodes"))
				: NULL;
		const json_t *condition =
			failed_condition(pod, json_object_get(rule, "onPodConditions"));
		const char *action = json_str_or(rule, "action", "Count");
		if (!container && !condition)
			continue;
		if (streq(action, "Ignore"))
			return JOB_FAILURE_IGNORED;
		if (!streq(action, "FailJob"))
			return JOB_FAILURE_COUNTS;
		if (container)
			*ret_message = xasprintf(
				"Container %s for pod %s/%s failed with exit code %lld matching FailJob "
				"rule at index %zu",
				json_str_or(container, "name", ""), namespace_of(pod), name_of(pod),
				(long long)json_int_or(container, "state.terminated.exitCode", 0),
				i);
		else
			*ret_message = xasprintf(
				"Pod %s/%s has condition %s matching FailJob rule at index %zu",
				namespace_of(pod), name_of(pod), json_str_or(condition, "type", ""),
				i);
		return JOB_FAILURE_FAILS_JOB;
	}
	return JOB_FAILURE_COUNTS;
}
