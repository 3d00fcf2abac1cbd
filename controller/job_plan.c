#include "controller/job_plan.h"

#include <stdlib.h>

#define INDEXES_MAX 100000

struct view {
	struct job_plan *plan;
	const struct job_want *want;
	const struct job_pod *pods;
	size_t n;
	int64_t succeeded, failed; /* with those not yet counted */
	bool fails_job;            /* a pod's failure ends it all */
	bool *done;                /* Indexed: by index */
};

void job_plan_fini(struct job_plan *p)
{
	free(p->counts);
	free(p->drops_finalizer);
	free(p->is_deleted);
	free(p->creates);
	free(p->completed_indexes);
	*p = (struct job_plan){ 0 };
}

void job_indexes_parse(const char *text, bool *flags, int64_t count)
{
	while (*text) {
		char *end;
		int64_t first = strtoll(text, &end, 10), last = first;
		if (end == text)
			return;
		if (*end == '-')
			last = strtoll(end + 1, &end, 10);
		for (int64_t i = MAX(first, (int64_t)0); i <= last && i < count; i++)
			flags[i] = true;
		text = *end == ',' ? end + 1 : end;
		if (*end != ',')
			return;
	}
}

char *job_indexes_print(const bool *flags, int64_t count)
{
	AUTO_STR s;
	str_init(&s, 2u << 20);
	for (int64_t i = 0; i < count; i++) {
		if (!flags[i])
			continue;
		int64_t last = i;
		while (last + 1 < count && flags[last + 1])
			last++;
		str_addf(&s,
			 last == i       ? "%s%lld"
			 : last == i + 1 ? "%s%lld,%lld"
					 : "%s%lld-%lld",
			 s.len ? "," : "", (long long)i, (long long)last);
		i = last;
	}
	return str_take(&s);
}

static bool is_failed(const struct job_want *want, const struct job_pod *p)
{
	if (p->phase == JOB_POD_FAILED)
		return true;
	return !want->only_replaces_failed && p->is_terminating && p->phase != JOB_POD_SUCCEEDED;
}

static bool is_active(const struct job_want *want, const struct job_pod *p)
{
	return p->phase != JOB_POD_SUCCEEDED && !is_failed(want, p) && !p->is_terminating;
}

/* ---- counting ---- */

static void count_pods(struct view *v)
{
	const struct job_want *want = v->want;
	v->succeeded = want->succeeded + want->uncounted_succeeded;
	v->failed = want->failed + want->uncounted_failed;
	for (size_t i = 0; i < v->n; i++) {
		const struct job_pod *p = &v->pods[i];
		bool has_succeeded = p->phase == JOB_POD_SUCCEEDED;
		if (is_active(want, p)) {
			v->plan->active++;
			v->plan->ready += p->is_ready;
		}
		if (p->is_terminating && p->phase != JOB_POD_SUCCEEDED &&
		    p->phase != JOB_POD_FAILED)
			v->plan->terminating++;
		if (has_succeeded && p->has_finalizer && v->done && p->index >= 0 &&
		    p->index < want->completions)
			v->done[p->index] = true;
		if (!p->has_finalizer || (!has_succeeded && !is_failed(want, p)))
			continue;
		bool is_ignored = p->phase == JOB_POD_FAILED && p->failure == JOB_FAILURE_IGNORED;
		if (p->is_uncounted || is_ignored) {
			v->plan->drops_finalizer[i] = true;
			continue;
		}
		v->fails_job |= p->phase == JOB_POD_FAILED && p->failure == JOB_FAILURE_FAILS_JOB;
		v->plan->counts[i] = true;
		v->succeeded += has_succeeded;
		v->failed += !has_succeeded;
	}
	if (v->done) { /* an index counts once, however many of its pods succeeded */
		int64_t done = 0;
		for (int64_t i = 0; i < want->completions; i++)
			done += v->done[i];
		v->succeeded = done;
	}
}

/* ---- verdict ---- */

static void fail(struct view *v, const char *reason, const char *message)
{
	v->plan->verdict = JOB_FAILURE_TARGET;
	v->plan->reason = reason;
	v->plan->message = message;
}

static bool has_too_many_restarts(const struct view *v)
{
	int64_t restarts = 0;
	if (!v->want->restarts_in_place)
		return false;
	for (size_t i = 0; i < v->n; i++)
		if (is_active(v->want, &v->pods[i]))
			restarts += v->pods[i].restarts;
	return v->want->backoff_limit == 0 ? restarts > 0 : restarts >= v->want->backoff_limit;
}

static void judge(struct view *v)
{
	const struct job_want *want = v->want;
	int64_t left_us = 0;
	v->plan->verdict = want->verdict;
	if (want->verdict != JOB_GOES_ON)
		return;
	if (want->deadline_s >= 0 && want->start_us > 0 && !want->is_suspended) {
		left_us = want->start_us + want->deadline_s * 1000000 - want->now_us;
		v->plan->wake_ms = left_us > 0 ? left_us / 1000 + 1 : -1;
	}
	if (v->fails_job)
		fail(v, "PodFailurePolicy", want->failure_message ? want->failure_message : "");
	else if (v->failed > want->backoff_limit || has_too_many_restarts(v))
		fail(v, "BackoffLimitExceeded", "Job has reached the specified backoff limit");
	else if (left_us < 0 || (want->deadline_s >= 0 && want->start_us > 0 &&
				 !want->is_suspended && left_us <= 0))
		fail(v, "DeadlineExceeded", "Job was active longer than specified deadline");
	else if (want->completions < 0 ? v->succeeded > 0 && v->plan->active == 0
				       : v->succeeded >= want->completions)
		v->plan->verdict = JOB_SUCCESS_CRITERIA;
}

/* The interim verdict becomes final when no pod is left to stop or to count. */
static void settle(struct view *v)
{
	bool is_quiet = v->plan->active == 0 && v->plan->terminating == 0 &&
			v->want->uncounted_succeeded + v->want->uncounted_failed == 0;
	for (size_t i = 0; i < v->n; i++)
		is_quiet &= !v->plan->counts[i];
	/* Only what the status already says becomes final: readers see both conditions in turn. */
	if (!is_quiet || v->want->verdict != v->plan->verdict)
		return;
	if (v->plan->verdict == JOB_SUCCESS_CRITERIA)
		v->plan->verdict = JOB_COMPLETE;
	else if (v->plan->verdict == JOB_FAILURE_TARGET)
		v->plan->verdict = JOB_FAILED;
}

/* ---- pods ---- */

/* Failures since the last success, and when the last of them was. */
static int64_t backoff_left_ms(const struct view *v)
{
	int64_t last_success_us = 0, last_failure_us = 0, failures = 0;
	for (size_t i = 0; i < v->n; i++)
		if (v->pods[i].phase == JOB_POD_SUCCEEDED)
			last_success_us = MAX(last_success_us, v->pods[i].finished_us);
	for (size_t i = 0; i < v->n; i++) {
		if (v->pods[i].phase != JOB_POD_FAILED || v->pods[i].finished_us <= last_success_us)
			continue;
		failures++;
		last_failure_us = MAX(last_failure_us, v->pods[i].finished_us);
	}
	if (failures == 0)
		return 0;
	int64_t ms = JOB_BACKOFF_MS;
	for (int64_t i = 1; i < failures && ms < JOB_BACKOFF_MAX_MS; i++)
		ms *= 2;
	ms = MIN(ms, (int64_t)JOB_BACKOFF_MAX_MS);
	return MAX(last_failure_us / 1000 + ms - v->want->now_us / 1000, (int64_t)0);
}

static int64_t wanted_active(const struct view *v)
{
	const struct job_want *want = v->want;
	if (want->completions < 0)
		return v->succeeded > 0 ? MIN(v->plan->active, want->parallelism)
					: want->parallelism;
	return MAX(MIN(want->parallelism, want->completions - v->succeeded), (int64_t)0);
}

static struct rs_pod as_rs_pod(const struct view *v, const struct job_pod *p)
{
	return (struct rs_pod){ .name = p->name,
				.slot = p->slot,
				.incarnation = p->incarnation,
				.is_active = is_active(v->want, p),
				.is_bound = p->phase > 0,
				.is_ready = p->is_ready,
				.phase = (int)p->phase };
}

static void plan_slots(struct view *v, int64_t wanted, bool may_create)
{
	auto_free struct rs_pod *pods = xcalloc(v->n + 1, sizeof *pods);
	auto_free struct rs_plan *slots = xcalloc(1, sizeof *slots);
	for (size_t i = 0; i < v->n; i++)
		pods[i] = as_rs_pod(v, &v->pods[i]);
	const struct rs_want want = { .uid = v->want->uid,
				      .replicas = wanted,
				      .is_gate_closed = !may_create };
	rs_plan_make(slots, &want, pods, v->n, v->want->incarnations);
	for (size_t i = 0; i < slots->deletes_count; i++)
		v->plan->is_deleted[slots->deletes[i]] = true;
	v->plan->creates = xcalloc(slots->creates_count + 1, sizeof *v->plan->creates);
	for (size_t i = 0; i < slots->creates_count; i++)
		v->plan->creates[v->plan->creates_count++] = slots->creates[i];
}

static void create_index(struct view *v, int64_t index)
{
	struct rs_create *c = &v->plan->creates[v->plan->creates_count++];
	*c = (struct rs_create){ .slot = index, .incarnation = v->want->incarnations };
	for (size_t i = 0; i < v->n; i++)
		if (v->pods[i].slot == index)
			c->incarnation = MAX(c->incarnation, v->pods[i].incarnation + 1);
	derived_suffix(v->want->uid, index, c->incarnation, c->suffix);
}

static void plan_indexes(struct view *v, int64_t wanted, bool may_create)
{
	int64_t count = v->want->completions, missing = wanted - v->plan->active;
	auto_free bool *is_taken = xcalloc((size_t)count + 1, sizeof(bool));
	for (size_t i = 0; i < v->n; i++) {
		const struct job_pod *p = &v->pods[i];
		if (p->index < 0 || p->index >= count || !is_active(v->want, p)) {
			/* A stopping pod keeps its index where only failed ones are replaced. */
			if (p->index >= 0 && p->index < count && p->is_terminating &&
			    v->want->only_replaces_failed && p->phase < JOB_POD_SUCCEEDED)
				is_taken[p->index] = true;
			continue;
		}
		if (is_taken[p->index] || v->done[p->index])
			v->plan->is_deleted[i] = true; /* one pod an index is enough */
		is_taken[p->index] = true;
	}
	for (size_t i = v->n; i-- > 0 && missing < 0;) {
		if (!is_active(v->want, &v->pods[i]) || v->plan->is_deleted[i])
			continue;
		v->plan->is_deleted[i] = true;
		missing++;
	}
	v->plan->creates = xcalloc((size_t)MIN(MAX(missing, (int64_t)0), (int64_t)RS_BURST_MAX) + 1,
				   sizeof *v->plan->creates);
	for (int64_t i = 0; i < count && missing > 0 && may_create; i++) {
		if (is_taken[i] || v->done[i])
			continue;
		if (v->plan->creates_count == RS_BURST_MAX)
			return;
		create_index(v, i);
		missing--;
	}
}

static void delete_all(struct view *v)
{
	for (size_t i = 0; i < v->n; i++)
		v->plan->is_deleted[i] = is_active(v->want, &v->pods[i]);
}

static void plan_pods(struct view *v)
{
	if (v->want->is_suspended || v->plan->verdict != JOB_GOES_ON) {
		delete_all(v);
		return;
	}
	int64_t backoff_ms = backoff_left_ms(v);
	int64_t wanted = wanted_active(v);
	if (v->want->only_replaces_failed)
		wanted = MAX(wanted - v->plan->terminating, (int64_t)0);
	bool may_create = !v->want->is_gate_closed && backoff_ms == 0;
	if (backoff_ms > 0 && wanted > v->plan->active &&
	    (v->plan->wake_ms < 0 || backoff_ms < v->plan->wake_ms))
		v->plan->wake_ms = backoff_ms;
	if (v->want->is_indexed)
		plan_indexes(v, wanted, may_create);
	else
		plan_slots(v, wanted, may_create);
}

void job_plan_make(struct job_plan *plan, const struct job_want *want, const struct job_pod *pods,
		   size_t n)
{
	*plan = (struct job_plan){ .wake_ms = -1, .pods_count = n, .reason = "", .message = "" };
	plan->counts = xcalloc(n + 1, sizeof(bool));
	plan->drops_finalizer = xcalloc(n + 1, sizeof(bool));
	plan->is_deleted = xcalloc(n + 1, sizeof(bool));
	struct view v = { .plan = plan, .want = want, .pods = pods, .n = n };
	bool is_over = want->verdict == JOB_COMPLETE || want->verdict == JOB_FAILED;
	auto_free bool *done = NULL;
	if (want->is_indexed && want->completions >= 0) {
		assert(want->completions <= INDEXES_MAX);
		done = xcalloc((size_t)want->completions + 1, sizeof(bool));
		job_indexes_parse(want->completed_indexes, done, want->completions);
		v.done = done;
	}
	if (is_over || want->is_deleting) {
		/* Nobody counts any more: let the pods go. */
		plan->verdict = want->verdict;
		for (size_t i = 0; i < n; i++) {
			plan->drops_finalizer[i] = pods[i].has_finalizer;
			plan->active += is_active(want, &pods[i]);
		}
	} else {
		count_pods(&v);
		judge(&v);
		settle(&v);
		plan_pods(&v);
	}
	if (done)
		plan->completed_indexes = job_indexes_print(done, want->completions);
}
