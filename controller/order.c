#include "controller/order_internal.h"

#define BOOT_SETTLE_MS 2000 /* readiness from before the boot must have left the caches */

struct boot {
	char *id;
	int64_t since_ms;
};

/* ---- naked pods ---- */

static int64_t seen_since(struct order_controller *o, const char *key, int64_t now_ms)
{
	int64_t *since_ms = map_get(&o->since, key);
	if (!since_ms) {
		since_ms = xcalloc(1, sizeof *since_ms);
		*since_ms = now_ms;
		(void)map_put(&o->since, key, since_ms); /* was absent */
	}
	return *since_ms;
}

void order_annotate_pod(struct order_controller *o, struct work *w, const json_t *pod,
			json_t *take_annotations)
{
	json_t *patch = json_object();
	json_put_str(patch, "metadata.uid", uid_of(pod));
	json_put(patch, "metadata.annotations", take_annotations);
	struct work_write *write =
		work_patch(w, o->context->caches[KIND_POD], resource_of(KIND_POD),
			   namespace_of(pod), name_of(pod), NULL, API_MERGE_PATCH, patch);
	write->fine = WORK_FINE_GONE | WORK_FINE_CONFLICT;
}

void order_tell_pod(struct order_controller *o, struct work *w, const json_t *pod,
		    enum order_gate gate, bool is_open, const char *text)
{
	const json_t *before = json_dig(pod, "status.conditions");
	AUTO_JSON *conditions = before ? json_deep_copy(before) : json_array();
	const struct condition c = { .type = ORDER_CONDITION,
				     .status = is_open ? "True" : "False",
				     .reason = order_gate_reason(is_open ? ORDER_GATE_HOLDS : gate),
				     .message = text };
	if (!condition_set(conditions, &c, work_wall_us(w)))
		return;
	context_event(o->context, KIND_POD, pod,
		      !is_open && gate > ORDER_GATE_PENDING ? "Warning" : "Normal", c.reason, "%s",
		      text);
	json_t *patch = json_object(), *list = json_array();
	(void)json_array_append(list,
				(json_t *)(uintptr_t)condition_of(conditions, ORDER_CONDITION));
	json_put(patch, "status.conditions", list);
	struct work_write *write =
		work_patch(w, o->context->caches[KIND_POD], resource_of(KIND_POD),
			   namespace_of(pod), name_of(pod), "status", API_STRATEGIC_PATCH, patch);
	write->fine = WORK_FINE_GONE | WORK_FINE_CONFLICT;
}

static void gate_pod(struct order_controller *o, struct work *w, const struct order_view *v,
		     const char *key, const json_t *pod)
{
	const char *gate = annotation_of(pod, ORDER_GATE_OPEN);
	if (controller_of(pod) || !order_has_dependencies(pod) || json_str(pod, "spec.nodeName") ||
	    !pod_is_active(pod) || (gate && streq(gate, "true")))
		return;
	size_t node = order_find(v->graph, "Pod", name_of(pod));
	if (node == ORDER_NONE)
		return;
	AUTO_STR text;
	str_init(&text, 16384);
	struct order_latch_facts latch = {
		.has_dependencies = true,
		.orders_updates = true,
		.gate = order_gate(v->graph, node, v->facts, v->services_ready, &text),
		.since_ms = seen_since(o, key, work_now_ms(w)),
		.now_ms = work_now_ms(w),
	};
	int64_t wake_ms;
	if (order_latch(&latch, &wake_ms) == ORDER_LATCH_OPEN_NOW) {
		json_t *annotations = json_object();
		(void)json_object_set_new(annotations, ORDER_GATE_OPEN, json_string("true"));
		(void)json_object_set_new(annotations, ORDER_GATED, json_string("true"));
		order_annotate_pod(o, w, pod, annotations);
		order_tell_pod(o, w, pod, ORDER_GATE_HOLDS, true, text.data);
		return;
	}
	if (wake_ms >= 0)
		work_again(w, wake_ms);
	else
		order_tell_pod(o, w, pod, latch.gate, false, text.data);
}

/* ---- after a boot ---- */

static const struct boot *boot_of(struct order_controller *o, const char *node_name, int64_t now_ms)
{
	const json_t *node = cache_get(o->context->caches[KIND_NODE], node_name);
	const char *id = json_str_or(node, "status.nodeInfo.bootID", "");
	if (!*id)
		return NULL;
	struct boot *b = map_get(&o->boots, node_name);
	if (!b) {
		b = xcalloc(1, sizeof *b);
		(void)map_put(&o->boots, node_name, b); /* was absent */
	}
	if (!b->id || !streq(b->id, id)) {
		free(b->id);
		*b = (struct boot){ xstrdup(id), now_ms };
	}
	return b;
}

/* The workload that the pod belongs to; ORDER_NONE where it has none in the graph. */
static size_t workload_of(struct order_controller *o, const struct order_view *v, const json_t *pod)
{
	const json_t *owner = controller_of(pod);
	if (!owner)
		return order_find(v->graph, "Pod", name_of(pod));
	auto_free char *set_key = owner_key(pod, "ReplicaSet");
	const json_t *set =
		set_key ? cache_get(o->context->caches[KIND_REPLICASET], set_key) : NULL;
	if (set)
		owner = controller_of(set);
	return owner ? order_find(v->graph, json_str_or(owner, "kind", ""),
				  json_str_or(owner, "name", ""))
		     : ORDER_NONE;
}

static void start_after_boot(struct order_controller *o, struct work *w, const struct order_view *v,
			     size_t workload, const json_t *pod)
{
	const char *node = json_str(pod, "spec.nodeName");
	const char *gated = annotation_of(pod, ORDER_GATED);
	if (!node || !gated || !streq(gated, "true") || !pod_is_active(pod))
		return;
	const struct boot *boot = boot_of(o, node, work_now_ms(w));
	const char *started = annotation_of(pod, ORDER_START_BOOT);
	if (!boot || (started && streq(started, boot->id)))
		return;
	int64_t left_ms = boot->since_ms + BOOT_SETTLE_MS - work_now_ms(w);
	if (left_ms > 0) {
		work_again(w, left_ms);
		return;
	}
	AUTO_STR text;
	str_init(&text, 16384);
	if (workload != ORDER_NONE &&
	    order_gate(v->graph, workload, v->facts, v->services_ready, &text) != ORDER_GATE_HOLDS)
		return; /* what it waits for will wake us */
	json_t *annotations = json_object();
	(void)json_object_set_new(annotations, ORDER_START_BOOT, json_string(boot->id));
	order_annotate_pod(o, w, pod, annotations);
}

static void reconcile(void *ctx, struct work *w, const char *ns)
{
	struct order_controller *o = ctx;
	order_stop_namespace(o, w, ns);
	AUTO_ORDER_VIEW v = { 0 };
	order_view_init(&v, o->context, ns, NULL, 0);
	order_restart_namespace(o, w, &v);
	struct cache_range pods = cache_in_namespace(o->context->caches[KIND_POD], ns);
	for (size_t i = 0; i < pods.count; i++) {
		size_t workload = workload_of(o, &v, pods.at[i]->tree);
		gate_pod(o, w, &v, pods.at[i]->key, pods.at[i]->tree);
		start_after_boot(o, w, &v, workload, pods.at[i]->tree);
		order_mark_pod(o, w, &v, workload, pods.at[i]->tree);
	}
}

/* ---- what wakes it ---- */

static bool takes_part(const json_t *object)
{
	return object &&
	       (order_has_dependencies(object) || has_finalizer(object, ORDER_FINALIZER) ||
		annotation_of(object, ORDER_GATED) || annotation_of(object, ORDER_RESTART_WITH));
}

static void wake(struct order_controller *o, const char *kind, const char *key,
		 const json_t *before, const json_t *now)
{
	char ns[256];
	const char *name = cache_key_split(key, ns);
	(void)name; /* the namespace is the key here */
	if (takes_part(now) || takes_part(before))
		(void)map_put(&o->ordered, ns, o); /* a set */
	if (!map_has(&o->ordered, ns))
		return;
	if (before && !now && streq(kind, "Pod"))
		free(map_remove(&o->since, key));
	control_loop_add(o->loop, ns);
}

static void on_deployment(void *ctx, const char *key, const json_t *before, const json_t *now)
{
	wake(ctx, "Deployment", key, before, now);
}

static void on_job(void *ctx, const char *key, const json_t *before, const json_t *now)
{
	wake(ctx, "Job", key, before, now);
}

static void on_pod(void *ctx, const char *key, const json_t *before, const json_t *now)
{
	wake(ctx, "Pod", key, before, now);
}

static void on_service(void *ctx, const char *key, const json_t *before, const json_t *now)
{
	wake(ctx, "Service", key, before, now);
}

static void on_node(void *ctx, const char *key, const json_t *before, const json_t *now)
{
	struct order_controller *o = ctx;
	(void)key; /* every namespace may have pods on it */
	if (!now || streq(json_str_or(before, "status.nodeInfo.bootID", ""),
			  json_str_or(now, "status.nodeInfo.bootID", "")))
		return;
	const char **namespaces = map_sorted_keys(&o->ordered);
	for (size_t i = 0; i < o->ordered.count; i++)
		control_loop_add(o->loop, namespaces[i]);
	free(namespaces);
}

static const struct {
	enum kind kind;
	void (*changed)(void *ctx, const char *key, const json_t *before, const json_t *now);
} subscriptions[] = {
	{ KIND_DEPLOYMENT, on_deployment },
	{ KIND_JOB, on_job },
	{ KIND_POD, on_pod },
	{ KIND_SERVICE, on_service },
	{ KIND_NODE, on_node },
	{ KIND_ENDPOINTSLICE, on_service },
};

struct order_controller *order_controller_new(struct context *c)
{
	static const enum kind needs[] = { KIND_DEPLOYMENT,   KIND_JOB,  KIND_POD,
					   KIND_SERVICE,      KIND_NODE, KIND_REPLICASET,
					   KIND_ENDPOINTSLICE };
	struct order_controller *o = xcalloc(1, sizeof *o);
	o->context = c;
	o->loop = context_loop(c, "order", reconcile, o, needs, ARRAY_LEN(needs));
	for (size_t i = 0; i < ARRAY_LEN(subscriptions); i++)
		cache_subscribe(c->caches[subscriptions[i].kind],
				&(struct cache_subscriber){ .changed = subscriptions[i].changed,
							    .ctx = o });
	return o;
}

static void free_values(struct map *m)
{
	const char *key;
	void *value;
	for (size_t i = 0; (i = map_next(m, i, &key, &value)) != 0;)
		free(value);
	map_fini(m);
}

void order_controller_free(struct order_controller *o)
{
	if (!o)
		return;
	for (size_t i = 0; i < ARRAY_LEN(subscriptions); i++)
		cache_unsubscribe(o->context->caches[subscriptions[i].kind], o);
	control_loop_free(o->loop);
	order_stop_fini(o);
	const char *node;
	void *boot;
	for (size_t i = 0; (i = map_next(&o->boots, i, &node, &boot)) != 0;)
		free(((struct boot *)boot)->id);
	free_values(&o->boots);
	free_values(&o->since);
	map_fini(&o->ordered);
	free(o);
}
