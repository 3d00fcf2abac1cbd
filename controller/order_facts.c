#include "controller/order_facts.h"

#include "common/base/map.h"
#include "controller/facts.h"

#include <stdio.h>

static const enum kind graph_kinds[] = { KIND_DEPLOYMENT, KIND_JOB, KIND_POD, KIND_SERVICE };
static const enum kind state_kinds[] = { KIND_DEPLOYMENT, KIND_JOB, KIND_POD, KIND_SERVICE,
					 KIND_ENDPOINTSLICE };

bool order_has_dependencies(const json_t *object)
{
	const char *text = annotation_of(object, ORDER_DEPENDS_ON);
	return text && text[strspn(text, " \t\r\n")] != '\0';
}

static struct order_facts deployment_facts(const json_t *o)
{
	int64_t wanted = json_int_or(o, "spec.replicas", 1);
	int64_t available = json_int_or(o, "status.availableReplicas", 0);
	int64_t updated = json_int_or(o, "status.updatedReplicas", 0);
	bool is_seen = json_int_or(o, "status.observedGeneration", 0) >=
		       json_int_or(o, "metadata.generation", 0);
	return (struct order_facts){
		.is_ready = is_seen && updated == wanted && available == wanted &&
			    json_int_or(o, "status.replicas", 0) == wanted,
		.has_started = is_seen && updated > 0,
		/* Only what is available at the new revision is of use to those who wait. */
		.ready_count = is_seen ? MIN(available, updated) : 0,
		.wanted_count = wanted,
	};
}

static struct order_facts job_facts(const json_t *o)
{
	const json_t *conditions = json_dig(o, "status.conditions");
	bool has_completed = condition_is(conditions, "Complete", "True");
	bool has_failed = condition_is(conditions, "Failed", "True");
	int64_t wanted = json_int_or(o, "spec.parallelism", 1);
	int64_t ready = json_int_or(o, "status.ready", 0);
	return (struct order_facts){
		.is_ready = has_completed || (wanted > 0 && ready >= wanted),
		.has_started = has_completed || json_int_or(o, "status.active", 0) > 0,
		.has_completed = has_completed,
		.has_failed = has_failed,
		.failure =
			has_failed ? json_str(condition_of(conditions, "Failed"), "reason") : NULL,
		.ready_count = ready,
		.wanted_count = wanted,
	};
}

static struct order_facts pod_facts(const json_t *o)
{
	const char *phase = json_str_or(o, "status.phase", "");
	bool is_ready = pod_is_ready(o, NULL) && !pod_is_terminating(o);
	return (struct order_facts){
		.is_ready = is_ready || streq(phase, "Succeeded"),
		.has_started = streq(phase, "Running") || streq(phase, "Succeeded"),
		.has_completed = streq(phase, "Succeeded"),
		.has_failed = streq(phase, "Failed"),
		.failure = json_str(o, "status.reason"),
		.ready_count = is_ready,
		.wanted_count = 1,
	};
}

struct order_facts order_facts_of(const char *kind, const json_t *object)
{
	if (streq(kind, "Deployment"))
		return deployment_facts(object);
	if (streq(kind, "Job"))
		return job_facts(object);
	if (streq(kind, "Pod"))
		return pod_facts(object);
	return (struct order_facts){ .wanted_count = 1 };
}

/* ---- why one may never be ready ---- */

/* What stays so while the pod tries again and again: the words must not come and go. */
static bool container_trouble(const json_t *c, char *ret, size_t size)
{
	static const char *const images[] = { "ImagePullBackOff", "ErrImagePull",
					      "ErrImageNeverPull", "InvalidImageName" };
	const char *waits = json_str_or(c, "state.waiting.reason", "");
	int64_t code = json_int_or(c, "state.terminated.exitCode",
				   json_int_or(c, "lastState.terminated.exitCode", 0));
	int n = 0;
	for (size_t i = 0; i < ARRAY_LEN(images); i++)
		if (streq(waits, images[i]))
			n = snprintf(ret, size, "its image cannot be pulled");
	if (n == 0 && streq(waits, "CreateContainerConfigError"))
		n = snprintf(ret, size, "its configuration is missing");
	if (n == 0 && code != 0 && json_int_or(c, "restartCount", 0) > 0)
		n = snprintf(ret, size, "crashing with exit code %lld", (long long)code);
	assert(n >= 0 && (size_t)n < size);
	return n > 0;
}

static bool pod_trouble(const json_t *pod, char *ret, size_t size)
{
	static const char *const lists[] = { "status.initContainerStatuses",
					     "status.containerStatuses" };
	if (pod_is_ready(pod, NULL) || pod_is_finished(pod) || pod_is_terminating(pod))
		return false;
	for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
		size_t i;
		json_t *c;
		json_array_foreach (json_dig(pod, lists[l]), i, c) {
			if (!json_bool_or(c, "ready", false) && container_trouble(c, ret, size))
				return true;
		}
	}
	const json_t *placed = condition_of(json_dig(pod, "status.conditions"), "PodScheduled");
	if (!placed || !streq(json_str_or(placed, "reason", ""), "Unschedulable"))
		return false;
	int n = snprintf(ret, size, "no node has room for it");
	assert(n > 0 && (size_t)n < size);
	return true;
}

static bool any_trouble(struct cache_range pods, struct order_facts *f)
{
	for (size_t i = 0; i < pods.count; i++)
		if (pod_trouble(pods.at[i]->tree, f->trouble, sizeof f->trouble))
			return true;
	return false;
}

static void find_trouble(const struct context *c, enum kind kind, const json_t *object,
			 struct order_facts *f)
{
	if (f->is_ready || f->has_failed || f->has_completed)
		return;
	if (kind == KIND_POD)
		(void)pod_trouble(object, f->trouble, sizeof f->trouble); /* "" is fine */
	if (kind == KIND_JOB)
		(void)any_trouble(controlled_by(c, KIND_POD, uid_of(object)), f); /* too */
	if (kind != KIND_DEPLOYMENT)
		return;
	struct cache_range sets = controlled_by(c, KIND_REPLICASET, uid_of(object));
	for (size_t i = 0; i < sets.count; i++)
		if (any_trouble(controlled_by(c, KIND_POD, uid_of(sets.at[i]->tree)), f))
			return;
}

static bool has_ready_endpoint(const struct context *c, const char *ns, const char *service)
{
	struct cache_range slices = cache_in_namespace(c->caches[KIND_ENDPOINTSLICE], ns);
	for (size_t i = 0; i < slices.count; i++) {
		const json_t *slice = slices.at[i]->tree;
		const char *of = json_member_str(json_dig(slice, "metadata.labels"),
						 "kubernetes.io/service-name");
		size_t k;
		json_t *endpoint;
		if (!of || !streq(of, service))
			continue;
		json_array_foreach (json_object_get(slice, "endpoints"), k, endpoint) {
			if (json_bool_or(endpoint, "conditions.ready", true))
				return true;
		}
	}
	return false;
}

/* No labels: it serves nobody any more, and no Service stands for it. */
static void add_ghost(struct order_graph *g, const struct order_ghost *ghost)
{
	AUTO_ORDER_LIST depends = { 0 };
	struct error ignored; /* admission refused it; an older version may have let it in */
	if (order_parse(ghost->depends, &depends, &ignored) < 0)
		depends = (struct order_list){ 0 };
	(void)order_add_workload(g, ghost->kind, ghost->name, NULL, &depends); /* no facts */
}

void order_view_init(struct order_view *v, const struct context *c, const char *ns,
		     const struct order_ghost *ghosts, size_t ghosts_count)
{
	size_t room = ghosts_count;
	*v = (struct order_view){ .graph = order_graph_new() };
	for (size_t k = 0; k < ARRAY_LEN(graph_kinds); k++)
		room += cache_in_namespace(c->caches[graph_kinds[k]], ns).count;
	v->facts = xcalloc(room + 1, sizeof *v->facts);
	v->objects = xcalloc(room + 1, sizeof(json_t *));
	v->services = xcalloc(room + 1, sizeof(json_t *));
	for (size_t k = 0; k < ARRAY_LEN(graph_kinds); k++) {
		const char *kind = kind_facts[graph_kinds[k]].kind;
		struct cache_range range = cache_in_namespace(c->caches[graph_kinds[k]], ns);
		for (size_t i = 0; i < range.count; i++) {
			json_t *object = range.at[i]->tree;
			/* Pods of workloads are not workloads themselves. */
			if (graph_kinds[k] == KIND_POD && controller_of(object))
				continue;
			size_t services = v->graph->services_count;
			size_t node = order_add_object(v->graph, kind, object);
			if (v->graph->services_count > services)
				v->services[services] = object;
			if (node == ORDER_NONE)
				continue;
			v->facts[node] = order_facts_of(kind, object);
			find_trouble(c, graph_kinds[k], object, &v->facts[node]);
			v->objects[node] = object;
		}
	}
	for (size_t i = 0; i < ghosts_count; i++)
		add_ghost(v->graph, &ghosts[i]);
	order_link(v->graph);
	v->services_ready = xcalloc(v->graph->services_count + 1, sizeof(bool));
	for (size_t i = 0; i < v->graph->services_count; i++)
		v->services_ready[i] = has_ready_endpoint(c, ns, v->graph->services[i].name);
}

void order_view_fini(struct order_view *v)
{
	order_graph_free(v->graph);
	free(v->facts);
	free(v->services_ready);
	free(v->objects);
	free(v->services);
	*v = (struct order_view){ 0 };
}

enum order_gate order_gate_of(const struct context *c, const char *kind, const json_t *object,
			      struct str *ret_text)
{
	if (!order_has_dependencies(object))
		return ORDER_GATE_HOLDS;
	AUTO_ORDER_VIEW v = { 0 };
	order_view_init(&v, c, namespace_of(object), NULL, 0);
	size_t node = order_find(v.graph, kind, name_of(object));
	if (node == ORDER_NONE)
		return ORDER_GATE_HOLDS; /* it has just gone */
	return order_gate(v.graph, node, v.facts, v.services_ready, ret_text);
}

/* ---- who waits ---- */

struct order_waiters {
	struct context *context;
	struct control_loop *loop;
	struct map waiting; /* namespace → struct map of keys */
};

static void on_change(void *ctx, const char *key, const json_t *before, const json_t *now)
{
	struct order_waiters *w = ctx;
	char ns[256];
	(void)before, (void)now; /* whatever it is, the gate looks anew */
	(void)cache_key_split(key, ns);
	struct map *keys = map_get(&w->waiting, ns);
	if (!keys || keys->count == 0)
		return;
	const char **sorted = map_sorted_keys(keys);
	for (size_t i = 0; i < keys->count; i++)
		control_loop_add(w->loop, sorted[i]);
	free(sorted);
}

struct order_waiters *order_waiters_new(struct context *c, struct control_loop *loop)
{
	struct order_waiters *w = xcalloc(1, sizeof *w);
	w->context = c;
	w->loop = loop;
	for (size_t i = 0; i < ARRAY_LEN(state_kinds); i++)
		cache_subscribe(c->caches[state_kinds[i]],
				&(struct cache_subscriber){ .changed = on_change, .ctx = w });
	return w;
}

void order_waiters_free(struct order_waiters *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < ARRAY_LEN(state_kinds); i++)
		cache_unsubscribe(w->context->caches[state_kinds[i]], w);
	const char *ns;
	void *value;
	for (size_t i = 0; (i = map_next(&w->waiting, i, &ns, &value)) != 0;) {
		map_fini(value);
		free(value);
	}
	map_fini(&w->waiting);
	free(w);
}

void order_wait(struct order_waiters *w, const char *key, bool is_waiting)
{
	char ns[256];
	(void)cache_key_split(key, ns);
	struct map *keys = map_get(&w->waiting, ns);
	if (!keys && !is_waiting)
		return;
	if (!keys) {
		keys = xcalloc(1, sizeof *keys);
		(void)map_put(&w->waiting, ns, keys); /* was absent */
	}
	if (is_waiting)
		(void)map_put(keys, key, w); /* a set */
	else
		(void)map_remove(keys, key); /* fine if absent */
}
