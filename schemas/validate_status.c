/*
 * What a Job's status may become: its end is final and whole. Of pods see validate_pod_status.c, of
 * other kinds validate_kind_status.c. Source: upstream's batch validation.
 */
#include "schemas/rule.h"

#include "common/base/time_text.h"

/* ---- Jobs ---- */

static bool is_true(const json_t *job, const char *type)
{
	size_t i;
	json_t *c;
	json_array_foreach (json_dig(job, "status.conditions"), i, c) {
		if (streq(json_str_or(c, "type", ""), type))
			return streq(json_str_or(c, "status", ""), "True");
	}
	return false;
}

static void check_kept_end(const json_t *job, const json_t *old, const struct path *at,
			   struct field_errors *e)
{
	static const char *const ends[] = { "Failed", "Complete", "FailureTarget",
					    "SuccessCriteriaMet" };
	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		if (is_true(old, ends[i]) && !is_true(job, ends[i]))
			rule_broken(e, FIELD_INVALID, PATH(at, "conditions"), NULL,
				    "cannot disable the terminal %s=True condition", ends[i]);
}

static void check_together(const json_t *job, const char *a, const char *b, const struct path *at,
			   struct field_errors *e)
{
	if (is_true(job, a) && is_true(job, b))
		rule_broken(e, FIELD_INVALID, PATH(at, "conditions"), NULL,
			    "cannot set %s=True and %s=true conditions", a, b);
}

static void check_end_conditions(const json_t *job, const json_t *old, const struct path *at,
				 struct field_errors *e)
{
	check_kept_end(job, old, at, e);
	check_together(job, "Complete", "Failed", at, e);
	check_together(job, "Complete", "FailureTarget", at, e);
	check_together(job, "SuccessCriteriaMet", "Failed", at, e);
	check_together(job, "SuccessCriteriaMet", "FailureTarget", at, e);
	if (is_true(job, "Failed") && !is_true(job, "FailureTarget") && !is_true(old, "Failed"))
		rule_broken(e, FIELD_INVALID, PATH(at, "conditions"), NULL,
			    "cannot set Failed=True condition without the FailureTarget=true "
			    "condition");
	if (is_true(job, "Complete") && !is_true(job, "SuccessCriteriaMet") &&
	    !is_true(old, "Complete"))
		rule_broken(e, FIELD_INVALID, PATH(at, "conditions"), NULL,
			    "cannot set Complete=True condition without the "
			    "SuccessCriteriaMet=true condition");
}

static void check_counters(const json_t *job, const json_t *old, const struct path *at,
			   struct field_errors *e)
{
	static const char *const counters[] = { "succeeded", "failed" };
	const json_t *status = json_object_get(job, "status");
	const json_t *before = json_object_get(old, "status");
	for (size_t i = 0; i < ARRAY_LEN(counters); i++) {
		int64_t now = json_int_or(status, counters[i], 0);
		AUTO_JSON *shown = json_integer(now);
		bool may_shrink =
			i == 0 && streq(json_str_or(job, "spec.completionMode", ""), "Indexed");
		if (now < json_int_or(before, counters[i], 0) && !may_shrink)
			rule_broken(e, FIELD_INVALID, PATH(at, counters[i]), shown,
				    "cannot decrease the %s counter", counters[i]);
	}
	if (json_int_or(status, "ready", 0) > json_int_or(status, "active", 0))
		rule_broken(e, FIELD_INVALID, PATH(at, "ready"), json_object_get(status, "ready"),
			    "cannot set more ready pods than active");
}

/* What must be so, once, when it ends. */
static void check_finished(const json_t *job, const json_t *old, const struct path *at,
			   struct field_errors *e)
{
	const json_t *status = json_object_get(job, "status");
	const json_t *uncounted = json_object_get(status, "uncountedTerminatedPods");
	static const char *const zero[] = { "active", "terminating" };
	bool was_finished = is_true(old, "Complete") || is_true(old, "Failed");
	if (was_finished || !(is_true(job, "Complete") || is_true(job, "Failed")))
		return;
	for (size_t i = 0; i < ARRAY_LEN(zero); i++)
		if (json_int_or(status, zero[i], 0) > 0)
			rule_broken(e, FIELD_INVALID, PATH(at, zero[i]),
				    json_object_get(status, zero[i]),
				    "%s>0 is invalid for finished job", zero[i]);
	if (!json_object_get(status, "startTime"))
		rule_broken(e, FIELD_REQUIRED, PATH(at, "startTime"), NULL,
			    "startTime is required for finished job");
	if (json_array_size(json_object_get(uncounted, "succeeded")) +
		    json_array_size(json_object_get(uncounted, "failed")) >
	    0)
		rule_broken_inside(e, FIELD_INVALID, PATH(at, "uncountedTerminatedPods"),
				   "batch.v1.UncountedTerminatedPods", uncounted,
				   "must be empty for finished job");
}

static void check_times(const json_t *job, const json_t *old, const struct path *at,
			struct field_errors *e)
{
	const json_t *status = json_object_get(job, "status");
	const json_t *end = json_object_get(status, "completionTime");
	const json_t *before = json_dig(old, "status.startTime");
	const json_t *start = json_object_get(status, "startTime");
	bool is_suspended = json_bool_or(job, "spec.suspend", false);
	int64_t start_us = 0, end_us = 0;
	if (before && start && !is_suspended && !json_equal(before, start))
		rule_broken(e, FIELD_INVALID, PATH(at, "startTime"), start,
			    "startTime cannot be updated for unsuspended job");
	if (end && !is_true(job, "Complete"))
		rule_broken(e, FIELD_INVALID, PATH(at, "completionTime"), end,
			    "cannot set completionTime when there is no Complete=True condition");
	if (!end && is_true(job, "Complete") && !is_true(old, "Complete"))
		rule_broken(e, FIELD_REQUIRED, PATH(at, "completionTime"), NULL,
			    "completionTime is required for Complete jobs");
	if (end && start && time_parse(json_string_value(start), &start_us) &&
	    time_parse(json_string_value(end), &end_us) && end_us < start_us)
		rule_broken(e, FIELD_INVALID, PATH(at, "completionTime"), end,
			    "completionTime cannot be set before startTime");
}

void validate_job_status(const json_t *job, const json_t *old, struct field_errors *e)
{
	const struct path *at = PATH(NULL, "status");
	check_end_conditions(job, old, at, e);
	check_counters(job, old, at, e);
	check_finished(job, old, at, e);
	check_times(job, old, at, e);
}
