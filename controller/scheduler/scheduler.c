#include "controller/controllers_internal.h"

#include "common/base/map.h"
#include "common/plan/order_plan.h"
#include "controller/facts.h"
#include "controller/order_facts.h"
#include "controller/scheduler/scheduler_plan.h"

#define EVERYTHING "all" /* the one key: a pass over all pods that wait */

struct scheduler {
	struct context *context;
	struct control_loop *loop;
};

/* One pass: what it looks at. */
struct pass {
	struct sched_node *nodes;
	const json_t **node_objects;
	size_t nodes_count;
	struct sched_pod *pods;
	const json_t **pod_objects;
	size_t pods_count;
	struct sched_owned *owned;
	size_t owned_count;
	bool has_more;
};

/* ---- facts ---- */

static bool is_waiting(const json_t *pod)
{
	if (json_str(pod, "spec.nodeName") || !pod_is_active(pod) ||
	    !streq(json_str_or(pod, "spec.schedulerName", "default-scheduler"),
		   "default-scheduler") ||
	    json_array_size(json_dig(pod, "spec.schedulingGates")) > 0)
		return false;
	/* A pod of its own with dependencies: its gate is that it is not bound. */
	if (controller_of(pod) || !order_has_dependencies(pod))
		return true;
	const char *gate = annotation_of(pod, ORDER_GATE_OPEN);
	return gate && streq(gate, "true");
}

static bool is_node_ready(const json_t *node)
{
	return condition_is(json_dig(node, "status.conditions"), "Ready", "True");
}

static void read_bound(struct scheduler *s, struct pass *p, size_t i)
{
	struct sched_node *n = &p->nodes[i];
	struct cache_range pods = cache_indexed(s->context->caches[KIND_POD], INDEX_NODE, n->name);
	for (size_t k = 0; k < pods.count; k++) {
		const json_t *pod = pods.at[k]->tree;
		const json_t *spec = json_object_get(pod, "spec");
		struct sched_resources wants;
		if (pod_is_finished(pod))
			continue;
		sched_pod_resources(spec, &wants);
		sched_resources_add(&n->used, &wants);
		struct sched_ports *ports = sched_pod_ports(spec);
		sched_ports_add(&n->ports, ports);
		free(ports);
		n->pods_used++;
		const json_t *owner = controller_of(pod);
		if (owner && !pod_is_terminating(pod))
			p->owned[p->owned_count++] =
				(struct sched_owned){ json_str_or(owner, "uid", ""), i, 1 };
	}
}

static void read_nodes(struct scheduler *s, struct pass *p)
{
	struct cache_range nodes = cache_all(s->context->caches[KIND_NODE]);
	p->nodes = xcalloc(nodes.count + 1, sizeof *p->nodes);
	p->node_objects = xcalloc(nodes.count + 1, sizeof(json_t *));
	p->owned = xcalloc(cache_count(s->context->caches[KIND_POD]) + 1, sizeof *p->owned);
	for (size_t i = 0; i < nodes.count; i++) {
		const json_t *node = nodes.at[i]->tree;
		if (pod_is_terminating(node))
			continue;
		struct sched_node *n = &p->nodes[p->nodes_count];
		n->name = name_of(node);
		n->labels = json_dig(node, "metadata.labels");
		n->taints = json_dig(node, "spec.taints");
		n->images = json_dig(node, "status.images");
		n->is_unschedulable = json_bool_or(node, "spec.unschedulable", false);
		n->is_ready = is_node_ready(node);
		sched_node_total(node, &n->total, &n->pods_max);
		p->node_objects[p->nodes_count] = node;
		read_bound(s, p, p->nodes_count++);
	}
}

struct waiting {
	const json_t *pod;
	int64_t priority, created_us;
	const char *key;
	size_t class;
};

static int compare_waiting(const void *a, const void *b)
{
	const struct waiting *x = a, *y = b;
	if (x->priority != y->priority)
		return x->priority > y->priority ? -1 : 1;
	if (x->created_us != y->created_us)
		return x->created_us < y->created_us ? -1 : 1;
	if (x->class != y->class)
		return x->class < y->class ? -1 : 1;
	return strcmp(x->key, y->key);
}

/* Pods that one owner makes from one template differ in nothing that matters here. */
static size_t class_of(struct map *classes, const json_t *pod, size_t fresh)
{
	const json_t *owner = controller_of(pod);
	const char *hash = json_member_str(json_dig(pod, "metadata.labels"), "pod-template-hash");
	if (!owner || !hash)
		return fresh;
	const char *uid = json_str_or(owner, "uid", "");
	void *known = map_get(classes, uid);
	if (known)
		return (size_t)(uintptr_t)known;
	(void)map_put(classes, uid, (void *)(uintptr_t)fresh); /* was absent */
	return fresh;
}

static void read_waiting(struct scheduler *s, struct pass *p)
{
	struct cache_range range = cache_indexed(s->context->caches[KIND_POD], INDEX_NODE, "");
	auto_free struct waiting *waiting = xcalloc(range.count + 1, sizeof *waiting);
	struct map classes = { 0 };
	size_t n = 0;
	for (size_t i = 0; i < range.count; i++) {
		const json_t *pod = range.at[i]->tree;
		if (!is_waiting(pod))
			continue;
		waiting[n++] = (struct waiting){
			.pod = pod,
			.priority = json_int_or(pod, "spec.priority", 0),
			.created_us = time_of(pod, "metadata.creationTimestamp"),
			.key = range.at[i]->key,
			.class = class_of(&classes, pod, i + 1),
		};
	}
	map_fini(&classes);
	qsort(waiting, n, sizeof *waiting, compare_waiting);
	p->has_more = n > SCHED_PLACE_MAX;
	p->pods_count = MIN(n, (size_t)SCHED_PLACE_MAX);
	p->pods = xcalloc(p->pods_count + 1, sizeof *p->pods);
	p->pod_objects = xcalloc(p->pods_count + 1, sizeof(json_t *));
	for (size_t i = 0; i < p->pods_count; i++) {
		const json_t *pod = waiting[i].pod, *spec = json_object_get(pod, "spec");
		const json_t *owner = controller_of(pod);
		p->pod_objects[i] = pod;
		p->pods[i] = (struct sched_pod){ .spec = spec,
						 .owner = json_str_or(owner, "uid", ""),
						 .class = waiting[i].class,
						 .ports = sched_pod_ports(spec) };
		sched_pod_resources(spec, &p->pods[i].wants);
	}
}

static void pass_fini(struct pass *p)
{
	for (size_t i = 0; i < p->nodes_count; i++)
		free(p->nodes[i].ports);
	for (size_t i = 0; i < p->pods_count; i++)
		free(p->pods[i].ports);
	free(p->nodes);
	free(p->node_objects);
	free(p->pods);
	free(p->pod_objects);
	free(p->owned);
}

/* ---- acting ---- */

struct binding {
	struct scheduler *scheduler;
	json_t *pod; /* a reference */
	char *node;
};

static void binding_free(void *ctx)
{
	struct binding *b = ctx;
	json_decref(b->pod);
	free(b->node);
	free(b);
}

static void on_bound(void *ctx, struct work *w, const struct api_reply *reply)
{
	struct binding *b = ctx;
	if (reply->code == 0) {
		context_event(b->scheduler->context, KIND_POD, b->pod, "Normal", "Scheduled",
			      "Successfully assigned %s/%s to %s", namespace_of(b->pod),
			      name_of(b->pod), b->node);
		return;
	}
	/* Gone, or bound by another: its event tells. Anything else: another pass. */
	if (reply->code != ERR_NOT_FOUND && reply->code != ERR_CONFLICT)
		work_again(w, 1000);
}

static void bind(struct scheduler *s, struct work *w, const json_t *pod, const json_t *node)
{
	json_t *body = json_object();
	json_put_str(body, "apiVersion", "v1");
	json_put_str(body, "kind", "Binding");
	json_put_str(body, "metadata.name", name_of(pod));
	json_put_str(body, "metadata.namespace", namespace_of(pod));
	json_put_str(body, "metadata.uid", uid_of(pod));
	json_put_str(body, "target.apiVersion", "v1");
	json_put_str(body, "target.kind", "Node");
	json_put_str(body, "target.name", name_of(node));
	const char *boot = json_str(node, "status.nodeInfo.bootID");
	if (boot && annotation_of(pod, ORDER_GATED)) {
		/* It may start in this boot; after the next one it waits for its turn. */
		json_t *annotations = json_object();
		(void)json_object_set_new(annotations, ORDER_START_BOOT, json_string(boot));
		json_put(body, "metadata.annotations", annotations);
	}
	struct binding *b = xcalloc(1, sizeof *b);
	*b = (struct binding){ s, json_incref((json_t *)(uintptr_t)pod), xstrdup(name_of(node)) };
	work_write(w, &(struct work_write){ .method = "POST",
					    .take_target = api_path(resource_of(KIND_POD),
								    namespace_of(pod), name_of(pod),
								    "binding"),
					    .take_body = body,
					    .cache = s->context->caches[KIND_POD],
					    .group = 1 | WORK_EAGER,
					    .fine = WORK_FINE_ANY,
					    .replied = on_bound,
					    .replied_ctx = b,
					    .free_ctx = binding_free });
}

static void say_why_not(struct scheduler *s, struct work *w, const json_t *pod, const char *why)
{
	const json_t *before = json_dig(pod, "status.conditions");
	AUTO_JSON *conditions = before ? json_deep_copy(before) : json_array();
	const struct condition c = {
		.type = "PodScheduled", .status = "False", .reason = "Unschedulable", .message = why
	};
	if (!condition_set(conditions, &c, work_wall_us(w)))
		return; /* it has been said */
	context_event(s->context, KIND_POD, pod, "Warning", "FailedScheduling", "%s", why);
	json_t *patch = json_object(), *list = json_array();
	(void)json_array_append(list,
				(json_t *)(uintptr_t)condition_of(conditions, "PodScheduled"));
	json_put(patch, "status.conditions", list);
	struct work_write *write =
		work_patch(w, s->context->caches[KIND_POD], resource_of(KIND_POD),
			   namespace_of(pod), name_of(pod), "status", API_STRATEGIC_PATCH, patch);
	write->group = 2 | WORK_EAGER;
	write->fine = WORK_FINE_GONE | WORK_FINE_CONFLICT;
}

static void reconcile(void *ctx, struct work *w, const char *key)
{
	struct scheduler *s = ctx;
	struct pass p = { .nodes_count = 0 };
	(void)key; /* there is but one */
	read_waiting(s, &p);
	if (p.pods_count > 0) {
		struct sched_plan plan;
		read_nodes(s, &p);
		sched_plan_make(&plan, p.nodes, p.nodes_count, p.pods, p.pods_count, p.owned,
				p.owned_count);
		for (size_t i = 0; i < plan.count; i++)
			if (plan.places[i].node != SIZE_MAX)
				bind(s, w, p.pod_objects[i], p.node_objects[plan.places[i].node]);
		for (size_t i = 0; i < plan.count; i++)
			if (plan.places[i].node == SIZE_MAX)
				say_why_not(s, w, p.pod_objects[i], plan.places[i].why);
		sched_plan_fini(&plan);
	}
	if (p.has_more)
		work_again(w, 0);
	pass_fini(&p);
}

/* ---- what wakes it ---- */

static void on_pod(void *ctx, const char *key, const json_t *before, const json_t *now)
{
	struct scheduler *s = ctx;
	(void)key; /* every pass looks at all */
	bool is_freed = before && json_str(before, "spec.nodeName") && !pod_is_finished(before) &&
			(!now || pod_is_finished(now));
	if (is_freed || (now && is_waiting(now)))
		control_loop_add(s->loop, EVERYTHING);
}

static void on_node(void *ctx, const char *key, const json_t *before, const json_t *now)
{
	struct scheduler *s = ctx;
	(void)key; /* every pass looks at all */
	/* Heartbeats that change nothing of interest must not cost a pass. */
	if (before && now &&
	    json_equal(json_object_get(before, "spec"), json_object_get(now, "spec")) &&
	    json_equal(json_dig(before, "metadata.labels"), json_dig(now, "metadata.labels")) &&
	    json_equal(json_dig(before, "status.allocatable"),
		       json_dig(now, "status.allocatable")) &&
	    is_node_ready(before) == is_node_ready(now))
		return;
	control_loop_add(s->loop, EVERYTHING);
}

struct scheduler *scheduler_new(struct context *c)
{
	static const enum kind needs[] = { KIND_POD, KIND_NODE };
	struct scheduler *s = xcalloc(1, sizeof *s);
	s->context = c;
	s->loop = context_loop(c, "scheduler", reconcile, s, needs, ARRAY_LEN(needs));
	cache_subscribe(c->caches[KIND_POD],
			&(struct cache_subscriber){ .changed = on_pod, .ctx = s });
	cache_subscribe(c->caches[KIND_NODE],
			&(struct cache_subscriber){ .changed = on_node, .ctx = s });
	return s;
}

void scheduler_free(struct scheduler *s)
{
	if (!s)
		return;
	cache_unsubscribe(s->context->caches[KIND_POD], s);
	cache_unsubscribe(s->context->caches[KIND_NODE], s);
	control_loop_free(s->loop);
	free(s);
}
