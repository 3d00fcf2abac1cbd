#include "controller/controllers_internal.h"

#include "common/base/map.h"
#include "common/base/selector.h"
#include "common/plan/order_plan.h"
#include "controller/facts.h"
#include "controller/replicaset_plan.h"

struct replicaset_controller {
	struct context *context;
	struct control_loop *loop;
	struct map memory; /* uid → struct memory */
	struct rs_plan plan;
};

/* What is known of a set beside the caches; losing it is harmless. */
struct memory {
	int64_t incarnations; /* pods of so many incarnations have come and gone */
	char *failure;        /* why the last create was refused, or NULL */
};

static struct memory *memory_of(struct replicaset_controller *r, const char *uid)
{
	struct memory *m = map_get(&r->memory, uid);
	if (!m) {
		m = xcalloc(1, sizeof *m);
		(void)map_put(&r->memory, uid, m); /* was absent */
	}
	return m;
}

static void forget(struct replicaset_controller *r, const char *uid)
{
	struct memory *m = map_remove(&r->memory, uid);
	if (!m)
		return;
	free(m->failure);
	free(m);
}

static void note_failure(void *ctx, const char *owner_uid, const char *failure)
{
	struct replicaset_controller *r = ctx;
	struct memory *m = map_get(&r->memory, owner_uid);
	if (!m)
		return; /* the set was deleted while the write was under way */
	free(m->failure);
	m->failure = failure ? xstrdup(failure) : NULL;
}

/* ---- adopting and letting go ---- */

static bool settle_ownership(struct replicaset_controller *r, struct work *w, json_t *rs,
			     const struct selector *selector, struct cache_range pods)
{
	bool asked = false;
	if (pod_is_terminating(rs))
		return false;
	for (size_t i = 0; i < pods.count; i++) {
		const json_t *pod = pods.at[i]->tree;
		if (selector_matches_json(selector, json_dig(pod, "metadata.labels")) ||
		    pod_is_terminating(pod))
			continue;
		work_release(w, r->context, KIND_POD, pod, uid_of(rs));
		asked = true;
	}
	struct cache_range orphans = controlled_by(r->context, KIND_POD, "");
	for (size_t i = 0; i < orphans.count; i++) {
		const json_t *pod = orphans.at[i]->tree;
		if (!streq(namespace_of(pod), namespace_of(rs)) || !pod_is_active(pod) ||
		    !selector_matches_json(selector, json_dig(pod, "metadata.labels")))
			continue;
		work_adopt(w, r->context, KIND_POD, pod,
			   controller_reference("apps/v1", "ReplicaSet", rs));
		asked = true;
	}
	return asked;
}

/* ---- facts ---- */

static int phase_rank(const json_t *pod)
{
	const char *phase = json_str_or(pod, "status.phase", "Pending");
	return streq(phase, "Pending") ? 0 : streq(phase, "Unknown") ? 1 : 2;
}

static void count_doubles(struct rs_pod *pods, struct cache_range range)
{
	struct map nodes = { 0 }; /* name → how many, as a pointer */
	for (size_t i = 0; i < range.count; i++) {
		const char *node = json_str(range.at[i]->tree, "spec.nodeName");
		if (node && pods[i].is_active)
			(void)map_put(&nodes, node, (void *)((uintptr_t)map_get(&nodes, node) + 1));
	}
	for (size_t i = 0; i < range.count; i++) {
		const char *node = json_str(range.at[i]->tree, "spec.nodeName");
		pods[i].doubled_up = node ? (int64_t)(uintptr_t)map_get(&nodes, node) : 0;
	}
	map_fini(&nodes);
}

static struct rs_pod *read_pods(struct cache_range range)
{
	struct rs_pod *pods = xcalloc(range.count + 1, sizeof *pods);
	for (size_t i = 0; i < range.count; i++) {
		const json_t *pod = range.at[i]->tree;
		struct rs_pod *p = &pods[i];
		*p = (struct rs_pod){ .name = name_of(pod), .slot = -1 };
		const char *slot = annotation_of(pod, RS_SLOT_ANNOTATION);
		if (slot && !rs_slot_parse(slot, &p->slot, &p->incarnation))
			p->slot = -1;
		const char *cost = annotation_of(pod, "controller.kubernetes.io/pod-deletion-cost");
		p->deletion_cost = cost ? strtoll(cost, NULL, 10) : 0;
		p->is_active = pod_is_active(pod);
		p->is_bound = json_str(pod, "spec.nodeName") != NULL;
		p->is_ready = pod_is_ready(pod, &p->ready_since_us);
		p->phase = phase_rank(pod);
		p->created_us = time_of(pod, "metadata.creationTimestamp");
		p->restarts = pod_restarts(pod);
	}
	count_doubles(pods, range);
	return pods;
}

/* ---- status ---- */

static bool has_labels_of(const json_t *pod, const json_t *template)
{
	const json_t *labels = json_dig(pod, "metadata.labels");
	const char *name;
	json_t *value;
	json_object_foreach (json_dig(template, "metadata.labels"), name, value) {
		if (!json_equal(json_object_get(labels, name), value))
			return false;
	}
	return true;
}

static json_t *make_status(const json_t *rs, struct cache_range pods, const char *failure,
			   int64_t now_us, int64_t *ret_wait_ms)
{
	int64_t replicas = 0, labeled = 0, ready = 0, available = 0;
	int64_t min_ready_s = json_int_or(rs, "spec.minReadySeconds", 0);
	for (size_t i = 0; i < pods.count; i++) {
		const json_t *pod = pods.at[i]->tree;
		if (!pod_is_active(pod))
			continue;
		int64_t wait_ms = 0;
		replicas++;
		labeled += has_labels_of(pod, json_dig(rs, "spec.template"));
		ready += pod_is_ready(pod, NULL);
		available += pod_is_available(pod, min_ready_s, now_us, &wait_ms);
		if (wait_ms > 0 && (*ret_wait_ms == 0 || wait_ms < *ret_wait_ms))
			*ret_wait_ms = wait_ms;
	}
	json_t *status = json_object();
	json_put_int(status, "replicas", replicas);
	if (labeled > 0)
		json_put_int(status, "fullyLabeledReplicas", labeled);
	if (ready > 0)
		json_put_int(status, "readyReplicas", ready);
	if (available > 0)
		json_put_int(status, "availableReplicas", available);
	json_put_int(status, "observedGeneration", json_int_or(rs, "metadata.generation", 0));
	const json_t *before = json_dig(rs, "status.conditions");
	json_t *conditions = before ? json_deep_copy(before) : json_array();
	const struct condition failed = { .type = "ReplicaFailure",
					  .status = "True",
					  .reason = "FailedCreate",
					  .message = failure };
	if (failure)
		(void)condition_set(conditions, &failed, now_us); /* compared below */
	else
		condition_remove(conditions, "ReplicaFailure");
	if (json_array_size(conditions) > 0)
		json_put(status, "conditions", conditions);
	else
		json_decref(conditions);
	return status;
}

/* The fields we write, as they stand now: what is left out there is left out here. */
static bool is_same_status(const json_t *rs, const json_t *status)
{
	static const char *const counts[] = { "replicas", "fullyLabeledReplicas", "readyReplicas",
					      "availableReplicas", "observedGeneration" };
	const json_t *now = json_object_get(rs, "status");
	for (size_t i = 0; i < ARRAY_LEN(counts); i++)
		if (json_int_or(now, counts[i], 0) != json_int_or(status, counts[i], 0))
			return false;
	const json_t *a = json_object_get(now, "conditions");
	const json_t *b = json_object_get(status, "conditions");
	return json_array_size(a) == 0 ? json_array_size(b) == 0 : json_equal(a, b);
}

static void write_status(struct replicaset_controller *r, struct work *w, const json_t *rs,
			 json_t *take_status)
{
	AUTO_JSON *status = take_status;
	if (is_same_status(rs, status))
		return;
	json_t *changed = json_copy((json_t *)(uintptr_t)rs); /* shallow: status is replaced */
	(void)json_object_set_new(changed, "status", TAKE(status));
	json_put_str(changed, "apiVersion", "apps/v1");
	json_put_str(changed, "kind", "ReplicaSet");
	(void)work_update(w, r->context->caches[KIND_REPLICASET], resource_of(KIND_REPLICASET),
			  "status", changed); /* the write needs no change */
}

/* ---- performing ---- */

static void create_pod(struct replicaset_controller *r, struct work *w, json_t *rs,
		       const struct rs_create *create, struct memory *memory)
{
	const char *ns = namespace_of(rs);
	auto_free char *name = xasprintf("%.247s-%s", name_of(rs), create->suffix);
	const json_t *other = cache_get_at(r->context->caches[KIND_POD], ns, name);
	const json_t *owner = other ? controller_of(other) : NULL;
	if (other && (!owner || !streq(json_str_or(owner, "uid", ""), uid_of(rs)))) {
		/* Somebody else's pod bears the name: the next incarnation has another. */
		memory->incarnations = MAX(memory->incarnations, create->incarnation + 1);
		work_again(w, 0);
		return;
	}
	json_t *pod = pod_from_template(json_dig(rs, "spec.template"), ns, name,
					controller_reference("apps/v1", "ReplicaSet", rs));
	auto_free char *generate = xasprintf("%.247s-", name_of(rs));
	auto_free char *slot =
		xasprintf("%lld.%lld", (long long)create->slot, (long long)create->incarnation);
	json_put_str(pod, "metadata.generateName", generate);
	json_t *annotations = json_dig(pod, "metadata.annotations");
	if (!annotations) {
		json_put(pod, "metadata.annotations", json_object());
		annotations = json_dig(pod, "metadata.annotations");
	}
	(void)json_object_set_new(annotations, RS_SLOT_ANNOTATION, json_string(slot));
	if (annotation_of(rs, ORDER_GATE_OPEN))
		(void)json_object_set_new(annotations, ORDER_GATED, json_string("true"));
	const char *depends = annotation_of(rs, ORDER_DEPENDS_ON); /* its Deployment's */
	if (depends)
		(void)json_object_set_new(annotations, ORDER_STOPS_BEFORE, json_string(depends));
	struct work_write *write =
		work_create(w, r->context->caches[KIND_POD], resource_of(KIND_POD), ns, pod);
	write->group = 1;
	write->fine = WORK_FINE_EXISTS;
	child_write_track(write, &(struct child_write){ .context = r->context,
							.owner_kind = KIND_REPLICASET,
							.owner = rs,
							.child_kind = "pod",
							.child = name,
							.note = note_failure,
							.note_ctx = r });
}

static void delete_pod(struct replicaset_controller *r, struct work *w, json_t *rs,
		       const json_t *pod)
{
	struct work_write *write =
		work_delete(w, r->context->caches[KIND_POD], resource_of(KIND_POD),
			    namespace_of(pod), name_of(pod), uid_of(pod), -1, NULL);
	write->group = 2;
	write->fine = WORK_FINE_GONE | WORK_FINE_CONFLICT;
	child_write_track(write, &(struct child_write){ .context = r->context,
							.owner_kind = KIND_REPLICASET,
							.owner = rs,
							.child_kind = "pod",
							.child = (char *)(uintptr_t)name_of(pod),
							.is_delete = true });
}

static void perform(struct replicaset_controller *r, struct work *w, json_t *rs,
		    struct cache_range pods, struct memory *memory)
{
	for (size_t i = 0; i < r->plan.creates_count; i++)
		create_pod(r, w, rs, &r->plan.creates[i], memory);
	for (size_t i = 0; i < r->plan.deletes_count; i++)
		delete_pod(r, w, rs, pods.at[r->plan.deletes[i]]->tree);
	if (r->plan.creates_count == RS_BURST_MAX || r->plan.deletes_count == RS_BURST_MAX)
		work_again(w, 0);
}

static void reconcile(void *ctx, struct work *w, const char *key)
{
	struct replicaset_controller *r = ctx;
	json_t *rs = cache_get(r->context->caches[KIND_REPLICASET], key);
	AUTO_SELECTOR selector = { 0 };
	struct error err;
	if (!rs)
		return; /* garbage collection owns the pods */
	if (selector_from_json(json_dig(rs, "spec.selector"), &selector, &err) < 0) {
		work_fail(w, err.text);
		return;
	}
	struct cache_range pods = controlled_by(r->context, KIND_POD, uid_of(rs));
	if (settle_ownership(r, w, rs, &selector, pods))
		return; /* the pods' events bring us back */

	struct memory *memory = memory_of(r, uid_of(rs));
	const char *gate = annotation_of(rs, ORDER_GATE_OPEN);
	const struct rs_want want = {
		.uid = uid_of(rs),
		.replicas = json_int_or(rs, "spec.replicas", 1),
		.is_gate_closed = gate && streq(gate, "false"),
		.is_deleting = pod_is_terminating(rs),
	};
	auto_free struct rs_pod *facts = read_pods(pods);
	rs_plan_make(&r->plan, &want, facts, pods.count, memory->incarnations);
	if (r->plan.creates_count == 0 && want.replicas <= r->plan.active) {
		free(memory->failure);
		memory->failure = NULL;
	}
	int64_t wait_ms = 0;
	json_t *status = make_status(rs, pods, memory->failure, work_wall_us(w), &wait_ms);
	/* Pods come first, unless they were refused: then people must see why. */
	bool status_is_first = memory->failure != NULL;
	if (status_is_first)
		write_status(r, w, rs, status);
	perform(r, w, rs, pods, memory);
	if (!status_is_first)
		write_status(r, w, rs, status);
	if (wait_ms > 0)
		work_again(w, wait_ms);
}

/* ---- what wakes it ---- */

static void on_rs(void *ctx, const char *key, const json_t *before, const json_t *now)
{
	struct replicaset_controller *r = ctx;
	if (before && (!now || !streq(uid_of(before), uid_of(now))))
		forget(r, uid_of(before));
	control_loop_add(r->loop, key);
}

static void wake_owner(struct replicaset_controller *r, const json_t *pod)
{
	auto_free char *key = owner_key(pod, "ReplicaSet");
	if (key)
		control_loop_add(r->loop, key);
}

/* A pod without an owner may be one to adopt. */
static void wake_adopters(struct replicaset_controller *r, const json_t *pod)
{
	struct cache_range sets =
		cache_in_namespace(r->context->caches[KIND_REPLICASET], namespace_of(pod));
	for (size_t i = 0; i < sets.count; i++) {
		AUTO_SELECTOR selector = { 0 };
		struct error ignored; /* reconcile says it */
		if (selector_from_json(json_dig(sets.at[i]->tree, "spec.selector"), &selector,
				       &ignored) == 0 &&
		    selector_matches_json(&selector, json_dig(pod, "metadata.labels")))
			control_loop_add(r->loop, sets.at[i]->key);
	}
}

static void on_pod(void *ctx, const char *key, const json_t *before, const json_t *now)
{
	struct replicaset_controller *r = ctx;
	(void)key; /* its owner's is asked for */
	if (before)
		wake_owner(r, before);
	if (now)
		wake_owner(r, now);
	if (now && !controller_of(now) && pod_is_active(now))
		wake_adopters(r, now);
	if (now || !before || !controller_of(before))
		return;
	struct memory *m = map_get(&r->memory, json_str_or(controller_of(before), "uid", ""));
	const char *text = annotation_of(before, RS_SLOT_ANNOTATION);
	int64_t slot, incarnation;
	if (m && text && rs_slot_parse(text, &slot, &incarnation))
		m->incarnations = MAX(m->incarnations, incarnation + 1);
}

struct replicaset_controller *replicaset_controller_new(struct context *c)
{
	static const enum kind needs[] = { KIND_POD, KIND_REPLICASET };
	struct replicaset_controller *r = xcalloc(1, sizeof *r);
	r->context = c;
	r->loop = context_loop(c, "replicaset", reconcile, r, needs, ARRAY_LEN(needs));
	cache_subscribe(c->caches[KIND_REPLICASET],
			&(struct cache_subscriber){ .changed = on_rs, .ctx = r });
	cache_subscribe(c->caches[KIND_POD],
			&(struct cache_subscriber){ .changed = on_pod, .ctx = r });
	return r;
}

void replicaset_controller_free(struct replicaset_controller *r)
{
	if (!r)
		return;
	cache_unsubscribe(r->context->caches[KIND_REPLICASET], r);
	cache_unsubscribe(r->context->caches[KIND_POD], r);
	control_loop_free(r->loop);
	const char *uid;
	void *value;
	for (size_t i = 0; (i = map_next(&r->memory, i, &uid, &value)) != 0;) {
		struct memory *m = value;
		free(m->failure);
		free(m);
	}
	map_fini(&r->memory);
	free(r);
}
