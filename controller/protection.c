/*
 * Storage that is in use does not go: claims that pods use, volumes that are bound, attributes classes
 * that are named. A finalizer holds them from their birth; here it is given to those that were born
 * without, and taken off when nobody needs them any more. Who needs them is asked of the server, not of
 * a cache: what was bound a moment ago counts.
 */
#include "controller/controllers_internal.h"

#include "controller/facts.h"
#include "controller/protection_plan.h"

#define AGAIN_MS 30000 /* users come and go without telling the attributes class */

enum sort { CLAIM, VOLUME, CLASS, SORT_COUNT };

static const struct {
	const char *finalizer;
	struct api_resource resource;
} sorts[SORT_COUNT] = {
	[CLAIM] = { "kubernetes.io/pvc-protection", { "", "v1", "persistentvolumeclaims", true } },
	[VOLUME] = { "kubernetes.io/pv-protection", { "", "v1", "persistentvolumes", false } },
	[CLASS] = { "kubernetes.io/vac-protection",
		    { "storage.k8s.io", "v1", "volumeattributesclasses", false } },
};

/* One sort of object: a loop of its own. */
struct guard {
	enum sort sort;
	struct cache *cache; /* of metadata; the garbage collector's */
	struct control_loop *loop;
};

struct protection_controller {
	struct context *context;
	struct guard guards[SORT_COUNT];
};

static void set_finalizers(const struct guard *g, struct work *w, const json_t *object,
			   json_t *take_finalizers)
{
	json_t *patch = json_object();
	json_put_str(patch, "metadata.uid", uid_of(object));
	json_put_str(patch, "metadata.resourceVersion",
		     json_str_or(object, "metadata.resourceVersion", ""));
	json_put(patch, "metadata.finalizers", take_finalizers);
	struct work_write *write =
		work_patch(w, g->cache, &sorts[g->sort].resource, namespace_of(object),
			   name_of(object), NULL, API_MERGE_PATCH, patch);
	write->fine = WORK_FINE_GONE | WORK_FINE_CONFLICT;
}

/* ---- who uses it? ---- */

struct question {
	const struct guard *guard;
	json_t *object; /* its metadata; a reference */
	size_t wanted, answered;
	bool is_used;
};

static void question_free(void *ctx)
{
	struct question *q = ctx;
	json_decref(q->object);
	free(q);
}

static bool item_uses(const struct question *q, const json_t *item)
{
	return q->guard->sort == CLAIM ? protection_plan_pod_uses(item, q->object)
				       : protection_plan_uses_class(item, name_of(q->object));
}

static void on_answer(void *ctx, struct work *w, const struct api_reply *reply)
{
	struct question *q = ctx;
	size_t i;
	json_t *item;
	(void)w; /* what failed is asked again */
	if (reply->code == ERR_NOT_FOUND)
		q->answered++; /* a volume that is gone */
	if (reply->code != 0)
		return;
	q->answered++;
	if (q->guard->sort == VOLUME)
		q->is_used |= protection_plan_is_bound(reply->body);
	json_array_foreach (json_object_get(reply->body, "items"), i, item)
		q->is_used |= item_uses(q, item);
}

static void ask(struct work *w, struct question *q, const struct api_resource *r, const char *ns,
		const char *name)
{
	q->wanted++;
	struct work_write *write = work_get(w, r, ns, name, on_answer, q);
	write->fine = WORK_FINE_ANY;
}

static void decided(void *ctx, struct work *w, const char *key)
{
	struct question *q = ctx;
	(void)key; /* the object is in the question */
	if (q->answered < q->wanted || (q->is_used && q->guard->sort == CLASS))
		work_again(w, AGAIN_MS);
	if (q->answered == q->wanted && !q->is_used)
		set_finalizers(q->guard, w, q->object,
			       finalizers_without(q->object, sorts[q->guard->sort].finalizer));
}

static void ask_users(const struct guard *g, struct work *w, const json_t *object)
{
	struct question *q = xcalloc(1, sizeof *q);
	*q = (struct question){ .guard = g, .object = json_incref((json_t *)(uintptr_t)object) };
	switch (g->sort) {
	case CLAIM:
		ask(w, q, resource_of(KIND_POD), namespace_of(object), NULL);
		break;
	case VOLUME:
		ask(w, q, &sorts[VOLUME].resource, NULL, name_of(object));
		break;
	case CLASS:
		ask(w, q, &sorts[CLAIM].resource, NULL, NULL);
		ask(w, q, &sorts[VOLUME].resource, NULL, NULL);
		break;
	case SORT_COUNT:
		break;
	}
	work_then(w, decided, q, question_free);
}

static void reconcile(void *ctx, struct work *w, const char *key)
{
	struct guard *g = ctx;
	const json_t *object = cache_get(g->cache, key);
	bool is_held = object && has_finalizer(object, sorts[g->sort].finalizer);
	if (object && pod_is_terminating(object) && is_held)
		ask_users(g, w, object);
	else if (object && !pod_is_terminating(object) && !is_held)
		set_finalizers(g, w, object, finalizers_with(object, sorts[g->sort].finalizer));
}

/* ---- what wakes it ---- */

static void on_object(void *ctx, const char *key, const json_t *before, const json_t *now)
{
	struct guard *g = ctx;
	(void)before; /* the present counts */
	if (now && pod_is_terminating(now) == has_finalizer(now, sorts[g->sort].finalizer))
		control_loop_add(g->loop, key);
}

/* A pod that goes, or whose containers have ended, may have been the last one. */
static void on_pod(void *ctx, const char *key, const json_t *before, const json_t *now)
{
	struct protection_controller *p = ctx;
	struct guard *g = &p->guards[CLAIM];
	char ns[256];
	(void)cache_key_split(key, ns);
	if (!before || (now && !pod_is_terminating(now)))
		return;
	struct cache_range claims = cache_in_namespace(g->cache, ns);
	for (size_t i = 0; i < claims.count; i++)
		if (pod_is_terminating(claims.at[i]->tree))
			control_loop_add(g->loop, claims.at[i]->key);
}

struct protection_controller *protection_controller_new(struct context *c,
							const struct gc_controller *gc)
{
	struct protection_controller *p = xcalloc(1, sizeof *p);
	p->context = c;
	for (size_t i = 0; i < SORT_COUNT; i++) {
		struct guard *g = &p->guards[i];
		g->sort = (enum sort)i;
		g->cache = gc_controller_metadata(gc, &sorts[i].resource);
		g->loop = context_loop(c, "protection", reconcile, g, NULL, 0);
		control_loop_needs(g->loop, g->cache);
		cache_subscribe(g->cache,
				&(struct cache_subscriber){ .changed = on_object, .ctx = g });
	}
	cache_subscribe(c->caches[KIND_POD],
			&(struct cache_subscriber){ .changed = on_pod, .ctx = p });
	return p;
}

void protection_controller_free(struct protection_controller *p)
{
	if (!p)
		return;
	cache_unsubscribe(p->context->caches[KIND_POD], p);
	for (size_t i = 0; i < SORT_COUNT; i++) {
		cache_unsubscribe(p->guards[i].cache, &p->guards[i]);
		control_loop_free(p->guards[i].loop);
	}
	free(p);
}
