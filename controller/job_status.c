#include "controller/job_internal.h"

#include "common/base/time_text.h"

#define UNCOUNTED "uncountedTerminatedPods"

/* A uid whose pod has lost its finalizer (or is gone) becomes a number. */
static bool is_settled(const struct job_facts *f, const char *uid)
{
	for (size_t i = 0; i < f->range.count; i++)
		if (streq(f->pods[i].uid, uid))
			return !f->pods[i].has_finalizer;
	return true;
}

static json_t *next_uncounted(const struct job_facts *f, const char *list, bool has_succeeded,
			      int64_t *count)
{
	json_t *kept = json_array(), *v;
	auto_free char *path = xasprintf("status." UNCOUNTED ".%s", list);
	size_t i;
	json_array_foreach (json_dig(f->job, path), i, v) {
		if (is_settled(f, json_is_string(v) ? json_string_value(v) : ""))
			(*count)++;
		else
			(void)json_array_append(kept, v);
	}
	for (i = 0; i < f->range.count; i++)
		if (f->plan.counts[i] && (f->pods[i].phase == JOB_POD_SUCCEEDED) == has_succeeded)
			(void)json_array_append_new(kept, json_string(f->pods[i].uid));
	return kept;
}

static void put_counts(const struct job_facts *f, json_t *status)
{
	int64_t succeeded = f->want.succeeded, failed = f->want.failed;
	AUTO_JSON *done = next_uncounted(f, "succeeded", true, &succeeded);
	AUTO_JSON *lost = next_uncounted(f, "failed", false, &failed);
	const struct {
		const char *name;
		int64_t value;
	} counts[] = { { "active", f->plan.active },
		       { "ready", f->plan.ready },
		       { "terminating", f->plan.terminating },
		       { "succeeded", succeeded },
		       { "failed", failed } };
	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		/* ready and terminating are pointers upstream: 0 is written too. */
		bool shows_zero = i == 1 || i == 2;
		if (counts[i].value != 0 || shows_zero)
			json_put_int(status, counts[i].name, counts[i].value);
		else
			json_drop(status, counts[i].name);
	}
	json_drop(status, UNCOUNTED);
	json_put(status, UNCOUNTED, json_object());
	if (json_array_size(done) > 0)
		json_put(status, UNCOUNTED ".succeeded", TAKE(done));
	if (json_array_size(lost) > 0)
		json_put(status, UNCOUNTED ".failed", TAKE(lost));
	if (f->plan.completed_indexes && *f->plan.completed_indexes)
		json_put_str(status, "completedIndexes", f->plan.completed_indexes);
}

static void put_condition(const struct job_facts *f, json_t *status, const char *type,
			  const char *value, const char *reason, const char *message)
{
	const struct condition c = { .type = type,
				     .status = value,
				     .reason = reason,
				     .message = message,
				     .has_probe_time = true };
	if (!json_object_get(status, "conditions"))
		json_put(status, "conditions", json_array());
	(void)condition_set(json_object_get(status, "conditions"), &c,
			    f->now_us); /* compared later */
}

/* The end of one that never started (it was suspended, or waited): the API wants a start too. */
static void put_late_start(const struct job_facts *f, json_t *status)
{
	char now[TIME_TEXT_SIZE];
	if (json_object_get(status, "startTime"))
		return;
	time_format(f->now_us, now);
	json_put_str(status, "startTime", now);
}

static void put_verdict(const struct job_facts *f, json_t *status)
{
	const json_t *target = condition_of(json_object_get(status, "conditions"), "FailureTarget");
	auto_free char *reason =
		xstrdup(*f->plan.reason ? f->plan.reason : json_str_or(target, "reason", ""));
	auto_free char *message =
		xstrdup(*f->plan.message ? f->plan.message : json_str_or(target, "message", ""));
	const char *reached = "Reached expected number of succeeded pods";

	switch (f->plan.verdict) {
	case JOB_SUCCESS_CRITERIA:
		put_condition(f, status, "SuccessCriteriaMet", "True", "CompletionsReached",
			      reached);
		return;
	case JOB_FAILURE_TARGET:
		put_condition(f, status, "FailureTarget", "True", reason, message);
		return;
	case JOB_COMPLETE:
		if (f->want.verdict == JOB_COMPLETE)
			return;
		put_late_start(f, status);
		put_condition(f, status, "Complete", "True", "CompletionsReached", reached);
		char now[TIME_TEXT_SIZE];
		time_format(f->now_us, now);
		json_put_str(status, "completionTime", now);
		return;
	case JOB_FAILED:
		if (f->want.verdict == JOB_FAILED)
			return;
		put_late_start(f, status);
		put_condition(f, status, "Failed", "True", reason, message);
		return;
	case JOB_GOES_ON:
	case JOB_VERDICT_COUNT:
		return;
	}
}

static void put_suspension(const struct job_facts *f, json_t *status)
{
	const json_t *before = condition_of(json_object_get(status, "conditions"), "Suspended");
	bool was_suspended = before && streq(json_str_or(before, "status", ""), "True");
	if (f->want.is_suspended)
		json_drop(status, "startTime"); /* its deadline does not run */
	if (json_bool_or(f->job, "spec.suspend", false))
		put_condition(f, status, "Suspended", "True", "JobSuspended", "Job suspended");
	else if (was_suspended) {
		put_condition(f, status, "Suspended", "False", "JobResumed", "Job resumed");
	}
}

static void put_gate(const struct job_facts *f, json_t *status)
{
	if (!f->has_dependencies)
		return;
	bool is_open = f->latch != ORDER_LATCH_CLOSED && !f->is_stopped;
	bool settles = !is_open && f->gate == ORDER_GATE_HOLDS;
	const char *why = f->is_stopped ? lost_note_text(annotation_of(f->job, ORDER_LOST))
					: "waiting a moment for changes of dependencies";
	put_condition(f, status, ORDER_CONDITION, is_open ? "True" : "False",
		      is_open ? order_gate_reason(ORDER_GATE_HOLDS)
			      : order_gate_reason(settles ? ORDER_GATE_PENDING : f->gate),
		      is_open   ? "all dependencies are ready"
		      : settles ? why
				: f->gate_text.data);
}

static void put_start(const struct job_facts *f, json_t *status)
{
	char now[TIME_TEXT_SIZE];
	if (f->want.is_suspended || f->want.is_gate_closed || json_object_get(status, "startTime"))
		return;
	time_format(f->now_us, now);
	json_put_str(status, "startTime", now);
}

static void tell(struct job_controller *j, const struct job_facts *f, const json_t *status)
{
	struct context *c = j->context;
	const json_t *conditions = json_object_get(status, "conditions");
	if (f->plan.verdict == JOB_COMPLETE)
		context_event(c, KIND_JOB, f->job, "Normal", "Completed", "Job completed");
	else if (f->plan.verdict == JOB_FAILURE_TARGET && f->want.verdict == JOB_GOES_ON)
		context_event(c, KIND_JOB, f->job, "Warning", f->plan.reason, "%s",
			      f->plan.message);
	const json_t *gate = condition_of(conditions, ORDER_CONDITION);
	const json_t *before = condition_of(json_dig(f->job, "status.conditions"), ORDER_CONDITION);
	if (gate && !streq(json_str_or(gate, "message", ""), json_str_or(before, "message", "")))
		context_event(
			c, KIND_JOB, f->job, f->gate > ORDER_GATE_PENDING ? "Warning" : "Normal",
			json_str_or(gate, "reason", ""), "%s", json_str_or(gate, "message", ""));
}

/* Equal but for an empty uncounted list, which a server may leave out. */
static bool is_same(const json_t *a, const json_t *b)
{
	AUTO_JSON *x = json_deep_copy(a), *y = json_deep_copy(b);
	json_t *both[] = { x, y };
	for (size_t i = 0; i < ARRAY_LEN(both); i++) {
		if (json_object_size(json_object_get(both[i], UNCOUNTED)) == 0)
			json_drop(both[i], UNCOUNTED);
		if (json_int_or(both[i], "ready", 0) == 0)
			json_drop(both[i], "ready");
		if (json_int_or(both[i], "terminating", 0) == 0)
			json_drop(both[i], "terminating");
	}
	return x && y ? json_equal(x, y) : json_object_size(y) == 0 && !x;
}

bool job_write_status(struct job_controller *j, struct work *w, const struct job_facts *f)
{
	const json_t *before = json_object_get(f->job, "status");
	bool was_over = f->want.verdict == JOB_COMPLETE || f->want.verdict == JOB_FAILED;
	if (was_over || f->want.is_deleting)
		return false;
	AUTO_JSON *status = before ? json_deep_copy(before) : json_object();
	put_gate(f, status);
	put_suspension(f, status);
	put_start(f, status);
	put_counts(f, status);
	put_verdict(f, status);
	if (is_same(before, status))
		return false;
	if (f->plan.verdict != f->want.verdict || f->has_dependencies)
		tell(j, f, status);
	json_t *changed = json_copy(f->job); /* shallow: status is replaced */
	(void)json_object_set_new(changed, "status", TAKE(status));
	json_put_str(changed, "apiVersion", "batch/v1");
	json_put_str(changed, "kind", "Job");
	(void)work_update(w, j->context->caches[KIND_JOB], resource_of(KIND_JOB), "status",
			  changed);
	/* Counts of pods may lag; only what decides about finalizers and the end must be on
	 * record before anything else is done. */
	bool must_wait = f->plan.verdict != f->want.verdict;
	for (size_t i = 0; i < f->range.count; i++)
		must_wait |= f->plan.counts[i];
	return must_wait;
}
