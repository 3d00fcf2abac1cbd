#include "controller/job_internal.h"

/* ---- facts ---- */

static enum job_phase phase_of(const json_t *pod)
{
	const char *phase = json_str_or(pod, "status.phase", "Pending");
	if (streq(phase, "Succeeded"))
		return JOB_POD_SUCCEEDED;
	if (streq(phase, "Failed"))
		return JOB_POD_FAILED;
	return streq(phase, "Running") ? JOB_POD_RUNNING : JOB_POD_PENDING;
}

static int64_t finished_us(const json_t *pod)
{
	int64_t last = 0;
	size_t i;
	json_t *c;
	json_array_foreach (json_dig(pod, "status.containerStatuses"), i, c)
		last = MAX(last, time_of(c, "state.terminated.finishedAt"));
	return last ? last : time_of(pod, "metadata.creationTimestamp");
}

static bool is_listed(const json_t *list, const char *uid)
{
	size_t i;
	json_t *v;
	json_array_foreach (list, i, v) {
		if (json_is_string(v) && streq(json_string_value(v), uid))
			return true;
	}
	return false;
}

static struct job_pod *read_pods(const json_t *job, struct cache_range range)
{
	const json_t *succeeded = json_dig(job, "status.uncountedTerminatedPods.succeeded");
	const json_t *failed = json_dig(job, "status.uncountedTerminatedPods.failed");
	struct job_pod *pods = xcalloc(range.count + 1, sizeof *pods);
	for (size_t i = 0; i < range.count; i++) {
		const json_t *pod = range.at[i]->tree;
		struct job_pod *p = &pods[i];
		*p = (struct job_pod){
			.name = name_of(pod), .uid = uid_of(pod), .slot = -1, .index = -1
		};
		const char *index = annotation_of(pod, JOB_INDEX);
		const char *slot = annotation_of(pod, RS_SLOT_ANNOTATION);
		if (index)
			p->index = strtoll(index, NULL, 10);
		if (slot && !rs_slot_parse(slot, &p->slot, &p->incarnation))
			p->slot = -1;
		p->phase = phase_of(pod);
		p->is_terminating = pod_is_terminating(pod);
		p->has_finalizer = has_finalizer(pod, JOB_FINALIZER);
		p->is_ready = pod_is_ready(pod, NULL);
		p->is_uncounted = is_listed(succeeded, p->uid) || is_listed(failed, p->uid);
		p->finished_us = finished_us(pod);
		p->restarts = pod_restarts(pod);
	}
	return pods;
}

static enum job_verdict verdict_of(const json_t *job)
{
	const json_t *conditions = json_dig(job, "status.conditions");
	if (condition_is(conditions, "Complete", "True"))
		return JOB_COMPLETE;
	if (condition_is(conditions, "Failed", "True"))
		return JOB_FAILED;
	if (condition_is(conditions, "FailureTarget", "True"))
		return JOB_FAILURE_TARGET;
	if (condition_is(conditions, "SuccessCriteriaMet", "True"))
		return JOB_SUCCESS_CRITERIA;
	return JOB_GOES_ON;
}

static void read_want(struct job_want *want, const json_t *job, int64_t now_us)
{
	*want = (struct job_want){
		.uid = uid_of(job),
		.parallelism = json_int_or(job, "spec.parallelism", 1),
		.completions = json_int_or(job, "spec.completions", -1),
		.backoff_limit = json_int_or(job, "spec.backoffLimit", 6),
		.deadline_s = json_int_or(job, "spec.activeDeadlineSeconds", -1),
		.is_indexed = streq(json_str_or(job, "spec.completionMode", ""), "Indexed"),
		.is_suspended = json_bool_or(job, "spec.suspend", false),
		.is_deleting = pod_is_terminating(job),
		.only_replaces_failed =
			streq(json_str_or(job, "spec.podReplacementPolicy", ""), "Failed"),
		.restarts_in_place = streq(json_str_or(job, "spec.template.spec.restartPolicy", ""),
					   "OnFailure"),
		.verdict = verdict_of(job),
		.start_us = time_of(job, "status.startTime"),
		.succeeded = json_int_or(job, "status.succeeded", 0),
		.failed = json_int_or(job, "status.failed", 0),
		.uncounted_succeeded = (int64_t)json_array_size(
			json_dig(job, "status.uncountedTerminatedPods.succeeded")),
		.uncounted_failed = (int64_t)json_array_size(
			json_dig(job, "status.uncountedTerminatedPods.failed")),
		.completed_indexes = json_str_or(job, "status.completedIndexes", ""),
		.now_us = now_us,
	};
}

static void read_failures(struct job_facts *f)
{
	for (size_t i = 0; i < f->range.count; i++) {
		auto_free char *message = NULL;
		if (f->pods[i].phase != JOB_POD_FAILED || !f->pods[i].has_finalizer)
			continue;
		f->pods[i].failure = job_policy_of(f->job, f->range.at[i]->tree, &message);
		if (message && !f->failure_message)
			f->failure_message = TAKE(message);
	}
	f->want.failure_message = f->failure_message;
}

void job_facts_init(struct job_facts *f, const struct context *c, json_t *job, int64_t since_ms,
		    int64_t now_ms, int64_t incarnations)
{
	*f = (struct job_facts){ .job = job, .gate_wake_ms = -1, .now_us = loop_wall_us(c->loop) };
	str_init(&f->gate_text, 16384);
	read_want(&f->want, job, f->now_us);
	f->want.incarnations = incarnations;
	f->range = controlled_by(c, KIND_POD, uid_of(job));
	f->pods = read_pods(job, f->range);
	read_failures(f);
	const char *gate = annotation_of(job, ORDER_GATE_OPEN);
	struct order_latch_facts latch = {
		.is_open = (gate && streq(gate, "true")) || f->want.start_us > 0,
		.has_dependencies = order_has_dependencies(job),
		.orders_updates = true,
		.since_ms = since_ms,
		.now_ms = now_ms,
	};
	f->has_dependencies = latch.has_dependencies;
	f->is_stopped = lost_note_stops(annotation_of(job, ORDER_LOST));
	f->want.is_suspended |= f->is_stopped;
	if (latch.has_dependencies && (!latch.is_open || f->is_stopped))
		f->gate = order_gate_of(c, "Job", job, &f->gate_text);
	latch.gate = f->gate;
	f->latch = order_latch(&latch, &f->gate_wake_ms);
	f->want.is_gate_closed = f->latch == ORDER_LATCH_CLOSED || f->latch == ORDER_LATCH_OPEN_NOW;
	job_plan_make(&f->plan, &f->want, f->pods, f->range.count);
}

void job_facts_fini(struct job_facts *f)
{
	job_plan_fini(&f->plan);
	free(f->pods);
	free(f->failure_message);
	str_fini(&f->gate_text);
}

/* ---- performing ---- */

static void put_index(json_t *pod, const json_t *job, int64_t index)
{
	auto_free char *number = xasprintf("%lld", (long long)index);
	auto_free char *hostname = xasprintf("%.50s-%lld", name_of(job), (long long)index);
	json_t *annotations = json_dig(pod, "metadata.annotations");
	(void)json_object_set_new(annotations, JOB_INDEX, json_string(number));
	if (!json_dig(pod, "metadata.labels"))
		json_put(pod, "metadata.labels", json_object());
	(void)json_object_set_new(json_dig(pod, "metadata.labels"), JOB_INDEX, json_string(number));
	if (!json_str(pod, "spec.hostname"))
		json_put_str(pod, "spec.hostname", hostname);
	static const char *const lists[] = { "spec.containers", "spec.initContainers" };
	for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
		size_t i;
		json_t *container;
		json_array_foreach (json_dig(pod, lists[l]), i, container) {
			json_t *variable = json_object();
			json_put_str(variable, "name", "JOB_COMPLETION_INDEX");
			json_put_str(variable, "valueFrom.fieldRef.fieldPath",
				     "metadata.labels['" JOB_INDEX "']");
			if (!json_object_get(container, "env"))
				json_put(container, "env", json_array());
			(void)json_array_append_new(json_object_get(container, "env"), variable);
		}
	}
}

static void create_pod(struct job_controller *j, struct work *w, const struct job_facts *f,
		       const struct rs_create *create)
{
	const json_t *job = f->job;
	auto_free char *name = f->want.is_indexed
				       ? xasprintf("%.230s-%lld-%s", name_of(job),
						   (long long)create->slot, create->suffix)
				       : xasprintf("%.247s-%s", name_of(job), create->suffix);
	auto_free char *slot =
		xasprintf("%lld.%lld", (long long)create->slot, (long long)create->incarnation);
	auto_free char *generate = xasprintf("%.247s-", name_of(job));
	json_t *pod = pod_from_template(json_dig(job, "spec.template"), namespace_of(job), name,
					controller_reference("batch/v1", "Job", job));
	json_put_str(pod, "metadata.generateName", generate);
	json_put(pod, "metadata.finalizers", finalizers_with(pod, JOB_FINALIZER));
	if (!json_dig(pod, "metadata.annotations"))
		json_put(pod, "metadata.annotations", json_object());
	json_t *annotations = json_dig(pod, "metadata.annotations");
	(void)json_object_set_new(annotations, RS_SLOT_ANNOTATION, json_string(slot));
	if (f->has_dependencies)
		(void)json_object_set_new(annotations, ORDER_GATED, json_string("true"));
	const char *depends = annotation_of(f->job, ORDER_DEPENDS_ON);
	if (depends)
		(void)json_object_set_new(annotations, ORDER_STOPS_BEFORE, json_string(depends));
	if (f->want.is_indexed)
		put_index(pod, job, create->slot);
	struct work_write *write = work_create(w, j->context->caches[KIND_POD],
					       resource_of(KIND_POD), namespace_of(job), pod);
	write->group = 2;
	write->fine = WORK_FINE_EXISTS;
	child_write_track(write, &(struct child_write){ .context = j->context,
							.owner_kind = KIND_JOB,
							.owner = f->job,
							.child_kind = "pod",
							.child = name });
}

static void drop_finalizer(struct job_controller *j, struct work *w, const json_t *pod)
{
	json_t *patch = json_object();
	json_put_str(patch, "metadata.uid", uid_of(pod));
	json_put_str(patch, "metadata.resourceVersion",
		     json_str_or(pod, "metadata.resourceVersion", ""));
	json_put(patch, "metadata.finalizers", finalizers_without(pod, JOB_FINALIZER));
	struct work_write *write =
		work_patch(w, j->context->caches[KIND_POD], resource_of(KIND_POD),
			   namespace_of(pod), name_of(pod), NULL, API_MERGE_PATCH, patch);
	write->group = 1 | WORK_EAGER;
	write->fine = WORK_FINE_GONE;
}

static void delete_pod(struct job_controller *j, struct work *w, const struct job_facts *f,
		       const json_t *pod)
{
	struct work_write *write =
		work_delete(w, j->context->caches[KIND_POD], resource_of(KIND_POD),
			    namespace_of(pod), name_of(pod), uid_of(pod), -1, NULL);
	write->group = 3;
	write->fine = WORK_FINE_GONE | WORK_FINE_CONFLICT;
	child_write_track(write, &(struct child_write){ .context = j->context,
							.owner_kind = KIND_JOB,
							.owner = f->job,
							.child_kind = "pod",
							.child = (char *)(uintptr_t)name_of(pod),
							.is_delete = true });
}

static void open_gate(struct job_controller *j, struct work *w, const struct job_facts *f)
{
	json_t *patch = json_object(), *annotations = json_object();
	(void)json_object_set_new(annotations, ORDER_GATE_OPEN, json_string("true"));
	json_put_str(patch, "metadata.uid", uid_of(f->job));
	json_put(patch, "metadata.annotations", annotations);
	(void)work_patch(w, j->context->caches[KIND_JOB], resource_of(KIND_JOB),
			 namespace_of(f->job), name_of(f->job), NULL, API_MERGE_PATCH,
			 patch); /* the write needs no change */
}

static void perform(struct job_controller *j, struct work *w, const struct job_facts *f)
{
	/* First the count is on record, then the finalizers go: never the other way round. */
	if (job_write_status(j, w, f))
		return; /* its event brings us back */
	/* Pods that a failing Job stops count as failed; those that are merely too many do not. */
	bool counts_stopped = f->plan.verdict == JOB_FAILURE_TARGET;
	for (size_t i = 0; i < f->range.count; i++)
		if (f->plan.drops_finalizer[i] ||
		    (f->plan.is_deleted[i] && f->pods[i].has_finalizer && !counts_stopped))
			drop_finalizer(j, w, f->range.at[i]->tree);
	if (f->want.is_deleting)
		return; /* garbage collection owns the pods */
	for (size_t i = 0; i < f->plan.creates_count; i++)
		create_pod(j, w, f, &f->plan.creates[i]);
	for (size_t i = 0; i < f->range.count; i++)
		if (f->plan.is_deleted[i])
			delete_pod(j, w, f, f->range.at[i]->tree);
}

/* A finished Job goes by itself when it says so. */
static void expire(struct job_controller *j, struct work *w, const json_t *job, int64_t now_us)
{
	int64_t ttl_s = json_int_or(job, "spec.ttlSecondsAfterFinished", -1);
	const json_t *conditions = json_dig(job, "status.conditions");
	const json_t *end = condition_is(conditions, "Complete", "True")
				    ? condition_of(conditions, "Complete")
				    : condition_of(conditions, "Failed");
	if (ttl_s < 0 || !end || pod_is_terminating(job))
		return;
	int64_t left_us = time_of(end, "lastTransitionTime") + ttl_s * 1000000 - now_us;
	if (left_us > 0)
		work_again(w, left_us / 1000 + 1);
	else
		(void)work_delete(w, j->context->caches[KIND_JOB], resource_of(KIND_JOB),
				  namespace_of(job), name_of(job), uid_of(job), -1, "Foreground");
}

static struct job_memory *memory_of(struct job_controller *j, const char *key, const char *uid,
				    int64_t now_ms)
{
	struct job_memory *m = map_get(&j->memory, key);
	if (!m) {
		m = xcalloc(1, sizeof *m);
		(void)map_put(&j->memory, key, m); /* was absent */
	}
	if (!m->uid || !streq(m->uid, uid)) {
		free(m->uid);
		*m = (struct job_memory){ .uid = xstrdup(uid), .since_ms = now_ms };
	}
	return m;
}

static void forget(struct job_controller *j, const char *key)
{
	struct job_memory *m = map_remove(&j->memory, key);
	if (m)
		free(m->uid);
	free(m);
	order_wait(j->waiters, key, false);
}

static void reconcile(void *ctx, struct work *w, const char *key)
{
	struct job_controller *j = ctx;
	json_t *job = cache_get(j->context->caches[KIND_JOB], key);
	if (!job) {
		forget(j, key);
		return;
	}
	const struct job_memory *m = memory_of(j, key, uid_of(job), work_now_ms(w));
	struct job_facts f;
	job_facts_init(&f, j->context, job, m->since_ms, work_now_ms(w), m->incarnations);
	order_wait(j->waiters, key, f.latch == ORDER_LATCH_CLOSED || f.is_stopped);
	if (f.gate_wake_ms >= 0)
		work_again(w, f.gate_wake_ms);
	if (f.plan.wake_ms >= 0)
		work_again(w, f.plan.wake_ms);
	if (f.latch == ORDER_LATCH_OPEN_NOW && !f.want.is_deleting)
		open_gate(j, w, &f);
	else
		perform(j, w, &f);
	expire(j, w, job, f.now_us);
	job_facts_fini(&f);
}

/* ---- what wakes it ---- */

static void on_job(void *ctx, const char *key, const json_t *before, const json_t *now)
{
	struct job_controller *j = ctx;
	(void)before, (void)now; /* the key is all */
	control_loop_add(j->loop, key);
}

static void on_pod(void *ctx, const char *key, const json_t *before, const json_t *now)
{
	struct job_controller *j = ctx;
	const json_t *pod = now ? now : before;
	(void)key; /* its owner's is asked for */
	auto_free char *owner = owner_key(pod, "Job");
	if (!owner)
		return;
	control_loop_add(j->loop, owner);
	struct job_memory *m = now ? NULL : map_get(&j->memory, owner);
	const char *text = annotation_of(pod, RS_SLOT_ANNOTATION);
	int64_t slot, incarnation;
	if (m && text && rs_slot_parse(text, &slot, &incarnation))
		m->incarnations = MAX(m->incarnations, incarnation + 1);
}

struct job_controller *job_controller_new(struct context *c)
{
	static const enum kind needs[] = { KIND_JOB, KIND_POD, KIND_DEPLOYMENT, KIND_SERVICE,
					   KIND_ENDPOINTSLICE };
	struct job_controller *j = xcalloc(1, sizeof *j);
	j->context = c;
	j->loop = context_loop(c, "job", reconcile, j, needs, ARRAY_LEN(needs));
	j->waiters = order_waiters_new(c, j->loop);
	cache_subscribe(c->caches[KIND_JOB],
			&(struct cache_subscriber){ .changed = on_job, .ctx = j });
	cache_subscribe(c->caches[KIND_POD],
			&(struct cache_subscriber){ .changed = on_pod, .ctx = j });
	return j;
}

void job_controller_free(struct job_controller *j)
{
	if (!j)
		return;
	cache_unsubscribe(j->context->caches[KIND_JOB], j);
	cache_unsubscribe(j->context->caches[KIND_POD], j);
	order_waiters_free(j->waiters);
	control_loop_free(j->loop);
	const char *key;
	void *value;
	for (size_t i = 0; (i = map_next(&j->memory, i, &key, &value)) != 0;) {
		struct job_memory *m = value;
		free(m->uid);
		free(m);
	}
	map_fini(&j->memory);
	free(j);
}
