#include "controller/order_internal.h"

#include "common/base/selector.h"
#include "common/io/log.h"

#define GRACE_S 30

enum kind order_cache_kind(const struct order_kind *kind)
{
	static const enum kind kinds[] = { KIND_DEPLOYMENT, KIND_JOB, KIND_POD };
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (streq(kind_facts[kinds[i]].kind, kind->kind))
			return kinds[i];
	return KIND_COUNT;
}

/* ---- what is known of the deleted beside the caches ---- */

static struct stopping *stopping_of(struct order_controller *o, const char *uid, const char *ns)
{
	struct stopping *s = map_get(&o->stopping, uid);
	if (!s) {
		s = xcalloc(1, sizeof *s);
		*s = (struct stopping){ .ns = xstrdup(ns), .deleted_ms = -1, .since_ms = -1 };
		(void)map_put(&o->stopping, uid, s); /* was absent */
	}
	s->is_seen = true;
	return s;
}

static int64_t stopping_since(struct order_controller *o, const char *uid, const char *ns)
{
	struct stopping *s = stopping_of(o, uid, ns);
	if (s->since_ms < 0)
		s->since_ms = loop_now_ms(o->context->loop);
	return s->since_ms;
}

/* deletionTimestamp (which has the grace period added) is cut to whole seconds: what was deleted
 * at the end of one would seem to have waited for it already. */
static int64_t deleted_at(struct order_controller *o, const json_t *object, int64_t grace_s)
{
	struct stopping *s = stopping_of(o, uid_of(object), namespace_of(object));
	if (s->deleted_ms < 0) {
		const struct loop *loop = o->context->loop;
		int64_t now_ms = loop_now_ms(loop);
		int64_t cut_us = time_of(object, "metadata.deletionTimestamp") - grace_s * 1000000;
		s->deleted_ms = MIN(now_ms, now_ms - (loop_wall_us(loop) - cut_us) / 1000 + 999);
	}
	return s->deleted_ms;
}

static void stopping_free(struct stopping *s)
{
	free(s->ns);
	free(s);
}

/* Those that this look at the namespace did not meet are gone for good. */
static void forget(struct order_controller *o, const char *ns)
{
	const char *uid;
	void *value;
	for (size_t i = 0; (i = map_next(&o->stopping, i, &uid, &value)) != 0;) {
		struct stopping *s = value;
		if (!streq(s->ns, ns))
			continue;
		if (!s->is_seen)
			stopping_free(map_remove(&o->stopping, uid));
		else
			s->is_seen = false;
	}
}

void order_stop_fini(struct order_controller *o)
{
	const char *uid;
	void *value;
	for (size_t i = 0; (i = map_next(&o->stopping, i, &uid, &value)) != 0;)
		stopping_free(value);
	map_fini(&o->stopping);
}

/* ---- facts of what is there ---- */

static bool any_unfinished(struct cache_range pods)
{
	for (size_t i = 0; i < pods.count; i++)
		if (!pod_is_finished(pods.at[i]->tree))
			return true;
	return false;
}

bool order_has_pods(const struct order_controller *o, enum kind kind, const json_t *object)
{
	if (kind == KIND_POD)
		return !pod_is_finished(object);
	if (kind == KIND_JOB)
		return any_unfinished(controlled_by(o->context, KIND_POD, uid_of(object)));
	struct cache_range sets = controlled_by(o->context, KIND_REPLICASET, uid_of(object));
	for (size_t i = 0; i < sets.count; i++)
		if (any_unfinished(controlled_by(o->context, KIND_POD, uid_of(sets.at[i]->tree))))
			return true;
	return false;
}

static int64_t grace_ms(const json_t *object)
{
	int64_t s = json_int_or(object, "spec.template.spec.terminationGracePeriodSeconds",
				json_int_or(object, "spec.terminationGracePeriodSeconds", GRACE_S));
	return json_int_or(object, "metadata.deletionGracePeriodSeconds", s) * 1000;
}

static struct order_stop_facts stop_facts(struct order_controller *o, enum kind kind,
					  const json_t *object)
{
	struct order_stop_facts f = { .is_deleting = pod_is_terminating(object) };
	if (!f.is_deleting)
		return f;
	int64_t grace_s = json_int_or(object, "metadata.deletionGracePeriodSeconds", 0);
	f.deleted_at_ms = deleted_at(o, object, grace_s);
	f.has_pods = kind != KIND_SERVICE && order_has_pods(o, kind, object);
	f.is_exempt = has_finalizer(object, "orphan") || (kind == KIND_POD && grace_s == 0);
	f.is_held = has_finalizer(object, ORDER_FINALIZER);
	/* Of workloads the pods' own; they are not deleted yet, so their template says it. */
	f.grace_ms =
		kind == KIND_POD
			? grace_ms(object)
			: 1000 * json_int_or(object,
					     "spec.template.spec.terminationGracePeriodSeconds",
					     GRACE_S);
	if (!f.is_held)
		f.stopping_since_ms = stopping_since(o, uid_of(object), namespace_of(object));
	return f;
}

/* ---- ghosts: workloads that are gone before their pods ---- */

struct ghosts {
	struct order_ghost *at;
	struct order_stop_facts *facts;
	const char **uids; /* borrowed from the cache */
	size_t count;
};

static void ghosts_fini(struct ghosts *g)
{
	for (size_t i = 0; i < g->count; i++)
		free(g->at[i].name);
	free(g->at);
	free(g->facts);
	free(g->uids);
}

/* The pod's workload is gone (and did not leave its pods to themselves). */
static bool is_left_behind(const struct order_controller *o, const json_t *pod, const json_t *owner)
{
	const char *uid = json_str_or(owner, "uid", ""), *kind = json_str_or(owner, "kind", "");
	const char *ns = namespace_of(pod), *name = json_str_or(owner, "name", "");
	if (streq(kind, "Job")) {
		const json_t *job = cache_get_at(o->context->caches[KIND_JOB], ns, name);
		return !job || !streq(uid_of(job), uid);
	}
	if (!streq(kind, "ReplicaSet"))
		return false;
	const json_t *set = cache_get_at(o->context->caches[KIND_REPLICASET], ns, name);
	if (!set || !streq(uid_of(set), uid))
		return true;
	const json_t *top = controller_of(set);
	if (!top)
		return false;
	const json_t *deployment =
		cache_get_at(o->context->caches[KIND_DEPLOYMENT], ns, json_str_or(top, "name", ""));
	return !deployment || !streq(uid_of(deployment), json_str_or(top, "uid", ""));
}

/* Of a Deployment it is the ReplicaSet's without its hash. */
static char *workload_name(const json_t *pod, const json_t *owner)
{
	const char *name = json_str_or(owner, "name", "");
	const char *hash = json_member_str(json_dig(pod, "metadata.labels"), "pod-template-hash");
	size_t n = strlen(name), tail = hash ? strlen(hash) + 1 : 0;
	bool has_tail = tail > 1 && n > tail && streq(name + n - tail + 1, hash);
	return xstrndup(name, has_tail ? n - tail : n);
}

static void ghost_pod(struct ghosts *g, struct order_controller *o, const json_t *pod,
		      const json_t *owner, const char *depends)
{
	const char *uid = json_str_or(owner, "uid", "");
	bool is_job = streq(json_str_or(owner, "kind", ""), "Job");
	size_t i = g->count;
	while (i > 0 && !streq(g->uids[i - 1], uid))
		i--;
	if (i == 0) {
		i = ++g->count;
		g->at = xrealloc(g->at, i, sizeof *g->at);
		g->facts = xrealloc(g->facts, i, sizeof *g->facts);
		g->uids = xrealloc(g->uids, i, sizeof *g->uids);
		g->uids[i - 1] = uid;
		g->at[i - 1] = (struct order_ghost){
			.kind = order_kind_find(is_job ? "Job" : "Deployment"),
			.name = workload_name(pod, owner),
			.depends = depends,
		};
		g->facts[i - 1] = (struct order_stop_facts){
			.is_deleting = true,
			.has_pods = true,
			.stopping_since_ms = stopping_since(o, uid, namespace_of(pod)),
		};
	}
	g->facts[i - 1].grace_ms = MAX(g->facts[i - 1].grace_ms, grace_ms(pod));
}

static void ghosts_init(struct ghosts *g, struct order_controller *o, const char *ns)
{
	struct cache_range pods = cache_in_namespace(o->context->caches[KIND_POD], ns);
	*g = (struct ghosts){ 0 };
	for (size_t i = 0; i < pods.count; i++) {
		const json_t *pod = pods.at[i]->tree, *owner = controller_of(pod);
		const char *depends = annotation_of(pod, ORDER_STOPS_BEFORE);
		if (owner && depends && *depends && !pod_is_finished(pod) &&
		    is_left_behind(o, pod, owner))
			ghost_pod(g, o, pod, owner, depends);
	}
}

void order_mark_pod(struct order_controller *o, struct work *w, const struct order_view *v,
		    size_t workload, const json_t *pod)
{
	if (workload == ORDER_NONE || !controller_of(pod) || pod_is_finished(pod) ||
	    pod_is_terminating(v->objects[workload]))
		return;
	const char *depends = annotation_of(v->objects[workload], ORDER_DEPENDS_ON);
	const char *told = annotation_of(pod, ORDER_STOPS_BEFORE);
	if (streq(depends ? depends : "", told ? told : ""))
		return;
	json_t *annotations = json_object();
	(void)json_object_set_new(annotations, ORDER_STOPS_BEFORE,
				  depends ? json_string(depends) : json_null());
	order_annotate_pod(o, w, pod, annotations);
}

/* ---- the finalizer ---- */

static void patch_finalizers(struct order_controller *o, struct work *w, enum kind kind,
			     const json_t *object, json_t *take_finalizers)
{
	json_t *patch = json_object();
	json_put_str(patch, "metadata.resourceVersion",
		     json_str_or(object, "metadata.resourceVersion", ""));
	json_put(patch, "metadata.finalizers", take_finalizers);
	struct work_write *write =
		work_patch(w, o->context->caches[kind], resource_of(kind), namespace_of(object),
			   name_of(object), NULL, API_MERGE_PATCH, patch);
	write->fine = WORK_FINE_GONE;
}

/* Each news once, however often the namespace is looked at. */
static void tell(struct order_controller *o, enum kind kind, const json_t *object,
		 const char *reason, const struct str *text)
{
	struct stopping *s = stopping_of(o, uid_of(object), namespace_of(object));
	uint64_t hash = hash_bytes(text->data, text->len);
	if (s->told_hash == hash)
		return;
	s->told_hash = hash;
	context_event(o->context, kind, object, streq(reason, "StopOrder") ? "Normal" : "Warning",
		      reason, "%s", text->data);
}

/* A deleted one, and the answer about it. */
static void perform(struct order_controller *o, struct work *w, enum kind kind,
		    const json_t *object, enum order_stop stop, int64_t wake_ms,
		    const struct str *text)
{
	if (stop == ORDER_STOP_HOLD) {
		bool settles = wake_ms >= 0 && wake_ms <= ORDER_STOP_WAIT_MS;
		if (wake_ms >= 0)
			work_again(w, wake_ms);
		if (!settles)
			tell(o, kind, object, "StopOrder", text);
		return;
	}
	if (stop == ORDER_STOP_LATE) {
		tell(o, kind, object, "StopOrderTimeout", text);
		log_warn("order", "a dependent did not stop in time, going on", "name",
			 name_of(object), "what", text->data);
	}
	patch_finalizers(o, w, kind, object, finalizers_without(object, ORDER_FINALIZER));
}

static void keep(struct order_controller *o, struct work *w, enum kind kind, const json_t *object,
		 bool is_needed)
{
	bool has = has_finalizer(object, ORDER_FINALIZER);
	if (is_needed && !has)
		patch_finalizers(o, w, kind, object, finalizers_with(object, ORDER_FINALIZER));
	else if (!is_needed && has)
		patch_finalizers(o, w, kind, object, finalizers_without(object, ORDER_FINALIZER));
}

static void look_at_node(struct order_controller *o, struct work *w, const struct order_view *v,
			 size_t node, const struct order_stop_facts *facts)
{
	const json_t *object = v->objects[node];
	enum kind kind = order_cache_kind(v->graph->nodes[node].kind);
	if (!facts[node].is_deleting) {
		keep(o, w, kind, object,
		     order_has_dependents(v->graph, node) && !v->graph->nodes[node].is_in_cycle &&
			     !(kind == KIND_POD && pod_is_finished(object)));
		return;
	}
	if (!facts[node].is_held)
		return;
	int64_t wake_ms;
	AUTO_STR text;
	str_init(&text, 16384);
	enum order_stop stop = order_stop(v->graph, node, facts, work_now_ms(w), &wake_ms, &text);
	perform(o, w, kind, object, stop, wake_ms, &text);
}

static void look_at_service(struct order_controller *o, struct work *w, const struct order_view *v,
			    size_t service, const struct order_stop_facts *facts)
{
	const json_t *object = v->services[service];
	const struct order_stop_facts own = stop_facts(o, KIND_SERVICE, object);
	if (!own.is_deleting) {
		keep(o, w, KIND_SERVICE, object, order_service_has_dependents(v->graph, service));
		return;
	}
	if (!own.is_held)
		return;
	int64_t wake_ms;
	AUTO_STR text;
	str_init(&text, 16384);
	enum order_stop stop =
		order_stop_service(v->graph, service, &own, facts, work_now_ms(w), &wake_ms, &text);
	perform(o, w, KIND_SERVICE, object, stop, wake_ms, &text);
}

void order_stop_namespace(struct order_controller *o, struct work *w, const char *ns)
{
	struct ghosts ghosts;
	ghosts_init(&ghosts, o, ns);
	AUTO_ORDER_VIEW v = { 0 };
	order_view_init(&v, o->context, ns, ghosts.at, ghosts.count);
	size_t nodes = v.graph->nodes_count, real = nodes - ghosts.count;
	auto_free struct order_stop_facts *facts = xcalloc(nodes + 1, sizeof *facts);
	for (size_t i = 0; i < real; i++)
		facts[i] = stop_facts(o, order_cache_kind(v.graph->nodes[i].kind), v.objects[i]);
	for (size_t i = real; i < nodes; i++)
		facts[i] = ghosts.facts[i - real];
	for (size_t i = 0; i < real; i++)
		look_at_node(o, w, &v, i, facts);
	for (size_t i = 0; i < v.graph->services_count; i++)
		look_at_service(o, w, &v, i, facts);
	forget(o, ns);
	ghosts_fini(&ghosts);
}
