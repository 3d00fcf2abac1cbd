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

static void ghost_fini(struct ghost *g)
{
	free(g->ns);
	json_decref(g->what.object);
}

void order_ghost_add(struct order_controller *o, const char *kind, const json_t *object)
{
	if (o->ghosts_count == ORDER_GHOSTS_MAX) {
		ghost_fini(&o->ghosts[0]); /* the oldest: its dependencies wait no longer */
		o->ghosts_count--;
		memmove(o->ghosts, o->ghosts + 1, o->ghosts_count * sizeof *o->ghosts);
	}
	o->ghosts[o->ghosts_count++] = (struct ghost){
		.ns = xstrdup(namespace_of(object)),
		.what = { kind, json_incref((json_t *)(uintptr_t)object) },
		.deleted_at_ms = loop_now_ms(o->context->loop),
	};
}

static bool has_pods(const struct order_controller *o, const char *kind, const json_t *object)
{
	struct cache *pods = o->context->caches[KIND_POD];
	AUTO_SELECTOR selector = { 0 };
	struct error ignored; /* an object without a selector has no pods */
	if (streq(kind, "Pod")) {
		const json_t *pod = cache_get_at(pods, namespace_of(object), name_of(object));
		return pod && streq(uid_of(pod), uid_of(object)) && !pod_is_finished(pod);
	}
	if (selector_from_json(json_dig(object, "spec.selector"), &selector, &ignored) < 0)
		return false;
	struct cache_range range = cache_in_namespace(pods, namespace_of(object));
	for (size_t i = 0; i < range.count; i++)
		if (!pod_is_finished(range.at[i]->tree) &&
		    selector_matches_json(&selector,
					  json_dig(range.at[i]->tree, "metadata.labels")))
			return true;
	return false;
}

static int64_t grace_ms(const json_t *object)
{
	int64_t s = json_int_or(object, "spec.template.spec.terminationGracePeriodSeconds",
				json_int_or(object, "spec.terminationGracePeriodSeconds", GRACE_S));
	return s * 1000;
}

static struct order_stop_facts stop_facts(const struct order_controller *o, const char *kind,
					  const json_t *object)
{
	struct order_stop_facts f = { .is_deleting = pod_is_terminating(object),
				      .grace_ms = grace_ms(object) };
	if (!f.is_deleting)
		return f;
	const struct loop *loop = o->context->loop;
	int64_t grace_s = json_int_or(object, "metadata.deletionGracePeriodSeconds", 0);
	int64_t deleted_us = time_of(object, "metadata.deletionTimestamp") - grace_s * 1000000;
	f.deleted_at_ms = loop_now_ms(loop) - (loop_wall_us(loop) - deleted_us) / 1000;
	f.has_pods = has_pods(o, kind, object);
	f.is_exempt = has_finalizer(object, "orphan") || (streq(kind, "Pod") && grace_s == 0);
	return f;
}

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

/* A deleted one: may it go? */
static void stop_one(struct order_controller *o, struct work *w, const struct order_view *v,
		     size_t node, const struct order_stop_facts *facts)
{
	const json_t *object = v->objects[node];
	enum kind kind = order_cache_kind(v->graph->nodes[node].kind);
	int64_t wake_ms;
	AUTO_STR text;
	str_init(&text, 16384);
	enum order_stop stop = order_stop(v->graph, node, facts, work_now_ms(w), &wake_ms, &text);
	if (stop == ORDER_STOP_HOLD) {
		work_again(w, wake_ms);
		if (wake_ms > ORDER_STOP_WAIT_MS)
			context_event(o->context, kind, object, "Normal", "StopOrder", "%s",
				      text.data);
		return;
	}
	if (stop == ORDER_STOP_LATE) {
		context_event(o->context, kind, object, "Warning", "StopOrderTimeout", "%s",
			      text.data);
		log_warn("order", "a dependent did not stop in time, going on", "name",
			 name_of(object), "what", text.data);
	}
	patch_finalizers(o, w, kind, object, finalizers_without(object, ORDER_FINALIZER));
}

static void keep_one(struct order_controller *o, struct work *w, const struct order_view *v,
		     size_t node)
{
	const json_t *object = v->objects[node];
	enum kind kind = order_cache_kind(v->graph->nodes[node].kind);
	bool is_needed = order_has_dependents(v->graph, node) &&
			 !v->graph->nodes[node].is_in_cycle &&
			 !(kind == KIND_POD && pod_is_finished(object));
	bool has = has_finalizer(object, ORDER_FINALIZER);
	if (is_needed && !has)
		patch_finalizers(o, w, kind, object, finalizers_with(object, ORDER_FINALIZER));
	else if (!is_needed && has)
		patch_finalizers(o, w, kind, object, finalizers_without(object, ORDER_FINALIZER));
}

/* Ghosts whose pods are gone, or whose time is long over, vanish. */
static void lay_ghosts(struct order_controller *o)
{
	size_t kept = 0;
	for (size_t i = 0; i < o->ghosts_count; i++) {
		struct ghost *g = &o->ghosts[i];
		int64_t age_ms = loop_now_ms(o->context->loop) - g->deleted_at_ms;
		if (age_ms <= grace_ms(g->what.object) + ORDER_STOP_EXTRA_MS &&
		    has_pods(o, g->what.kind, g->what.object))
			o->ghosts[kept++] = *g;
		else
			ghost_fini(g);
	}
	o->ghosts_count = kept;
}

void order_stop_namespace(struct order_controller *o, struct work *w, const char *ns)
{
	lay_ghosts(o);
	auto_free struct order_ghost *ghosts = xcalloc(o->ghosts_count + 1, sizeof *ghosts);
	auto_free int64_t *deleted_at = xcalloc(o->ghosts_count + 1, sizeof *deleted_at);
	size_t count = 0;
	for (size_t i = 0; i < o->ghosts_count; i++) {
		if (!streq(o->ghosts[i].ns, ns))
			continue;
		deleted_at[count] = o->ghosts[i].deleted_at_ms;
		ghosts[count++] = o->ghosts[i].what;
	}
	AUTO_ORDER_VIEW v = { 0 };
	order_view_init(&v, o->context, ns, ghosts, count);
	size_t nodes = v.graph->nodes_count, real = nodes - count;
	auto_free struct order_stop_facts *facts = xcalloc(nodes + 1, sizeof *facts);
	for (size_t i = 0; i < real; i++)
		facts[i] = stop_facts(o, v.graph->nodes[i].kind->kind, v.objects[i]);
	for (size_t i = real; i < nodes; i++) /* ghosts come last, in order */
		facts[i] =
			(struct order_stop_facts){ .is_deleting = true,
						   .has_pods = true,
						   .deleted_at_ms = deleted_at[i - real],
						   .grace_ms = grace_ms(ghosts[i - real].object) };
	for (size_t i = 0; i < real; i++) {
		if (!facts[i].is_deleting)
			keep_one(o, w, &v, i);
		else if (has_finalizer(v.objects[i], ORDER_FINALIZER))
			stop_one(o, w, &v, i, facts);
	}
}
