#include "controller/controllers_internal.h"

#include "common/client/metadata_watch.h"
#include "common/io/log.h"
#include "controller/facts.h"
#include "controller/gc_plan.h"
#include "schemas/kinds.h"

#define KINDS_MAX 1024

/* One kind that is watched: through the context's cache, or the watch of all metadata. */
struct source {
	struct gc_controller *owner;
	struct gc_kind kind;
	char *api_version;
	struct cache *cache;
	bool is_custom;
};

struct gc_controller {
	struct context *context;
	struct control_loop *loop;
	struct gc_graph graph;
	struct map unknown; /* uids of those whose owner's kind is not known: a set */
	struct source *sources;
	size_t sources_count;
	struct metadata_watch *metadata;
	struct loop_timer *starter;
};

/* ---- acting ---- */

static struct cache *cache_of(struct gc_controller *g, const struct gc_node *n)
{
	const struct source *s = CONTAINER_OF(n->kind, struct source, kind);
	(void)g; /* the source knows */
	return s->cache;
}

static void delete_object(struct gc_controller *g, struct work *w, const struct gc_node *n,
			  const char *policy)
{
	struct work_write *write = work_delete(w, cache_of(g, n), &n->kind->resource, n->ns,
					       n->name, n->uid, -1, policy);
	write->fine = WORK_FINE_GONE | WORK_FINE_CONFLICT;
}

/* Custom kinds have no strategic merge: the whole list, of this version. */
static void drop_custom_owner(struct gc_controller *g, struct work *w, const struct gc_node *n,
			      const bool *drops, const char *only_uid)
{
	auto_free char *key = cache_key(n->ns, n->name);
	const json_t *object = cache_get(cache_of(g, n), key);
	if (!object)
		return;
	json_t *patch = json_object(), *kept = json_array(), *owner;
	size_t i;
	json_array_foreach (json_dig(object, "metadata.ownerReferences"), i, owner) {
		const char *uid = json_str_or(owner, "uid", "");
		bool goes = false;
		for (size_t k = 0; k < n->owners_count; k++)
			goes |= streq(n->owners[k].uid, uid) &&
				(only_uid ? streq(uid, only_uid) : drops[k]);
		if (!goes)
			(void)json_array_append(kept, owner);
	}
	json_put_str(patch, "metadata.uid", n->uid);
	json_put_str(patch, "metadata.resourceVersion",
		     json_str_or(object, "metadata.resourceVersion", ""));
	json_put(patch, "metadata.ownerReferences", kept);
	struct work_write *write = work_patch(w, cache_of(g, n), &n->kind->resource, n->ns, n->name,
					      NULL, API_MERGE_PATCH, patch);
	write->fine = WORK_FINE_GONE;
}

static void drop_owner(struct gc_controller *g, struct work *w, const struct gc_node *n,
		       const bool *drops, const char *only_uid)
{
	if (CONTAINER_OF(n->kind, struct source, kind)->is_custom) {
		drop_custom_owner(g, w, n, drops, only_uid);
		return;
	}
	json_t *patch = json_object(), *owners = json_array();
	for (size_t i = 0; i < n->owners_count; i++) {
		if (only_uid ? !streq(n->owners[i].uid, only_uid) : !drops[i])
			continue;
		json_t *gone = json_object();
		json_put_str(gone, "$patch", "delete");
		json_put_str(gone, "uid", n->owners[i].uid);
		(void)json_array_append_new(owners, gone);
	}
	json_put_str(patch, "metadata.uid", n->uid);
	json_put(patch, "metadata.ownerReferences", owners);
	struct work_write *write = work_patch(w, cache_of(g, n), &n->kind->resource, n->ns, n->name,
					      NULL, API_STRATEGIC_PATCH, patch);
	write->fine = WORK_FINE_GONE | WORK_FINE_CONFLICT;
}

static void drop_finalizer(struct gc_controller *g, struct work *w, const struct gc_node *n,
			   const char *finalizer)
{
	auto_free char *key = cache_key(n->ns, n->name);
	const json_t *object = cache_get(cache_of(g, n), key);
	if (!object || !has_finalizer(object, finalizer))
		return;
	json_t *patch = json_object();
	json_put_str(patch, "metadata.uid", n->uid);
	json_put_str(patch, "metadata.resourceVersion",
		     json_str_or(object, "metadata.resourceVersion", ""));
	json_put(patch, "metadata.finalizers", finalizers_without(object, finalizer));
	struct work_write *write = work_patch(w, cache_of(g, n), &n->kind->resource, n->ns, n->name,
					      NULL, API_MERGE_PATCH, patch);
	write->fine = WORK_FINE_GONE;
}

static void wake_dependents(struct gc_controller *g, const struct gc_node *n)
{
	const char **uids = map_sorted_keys(&n->dependents);
	for (size_t i = 0; i < n->dependents.count; i++)
		control_loop_add(g->loop, uids[i]);
	free(uids);
}

static void orphan(struct gc_controller *g, struct work *w, const struct gc_node *n)
{
	const char **uids = map_sorted_keys(&n->dependents);
	for (size_t i = 0; i < n->dependents.count; i++)
		drop_owner(g, w, map_get(&n->dependents, uids[i]), NULL, n->uid);
	free(uids);
	drop_finalizer(g, w, n, "orphan");
}

/* ---- looking for an owner ---- */

struct look {
	struct gc_controller *owner;
	char *uid;
};

static void look_free(void *ctx)
{
	struct look *l = ctx;
	free(l->uid);
	free(l);
}

static void on_looked(void *ctx, struct work *w, const struct api_reply *reply)
{
	struct look *l = ctx;
	bool is_gone = reply->code == ERR_NOT_FOUND ||
		       (reply->code == 0 && !streq(uid_of(reply->body), l->uid));
	if (is_gone)
		gc_graph_set_absent(&l->owner->graph, l->uid);
	if (is_gone)
		work_again(w, 0);
	else if (reply->code == 0)
		work_again(w, 5000); /* new: its event has not come yet */
}

static bool resource_of_owner(const struct gc_controller *g, const char *group, const char *version,
			      const char *name, struct api_resource *ret)
{
	const struct schema_kind *kind = schema_kind_by_kind(group, version, name);
	if (kind) {
		*ret = (struct api_resource){ kind->group, kind->version, kind->resource,
					      kind->is_namespaced };
		return true;
	}
	for (size_t i = 0; i < g->sources_count; i++) {
		const struct source *s = &g->sources[i];
		if (!s->is_custom || !streq(s->kind.resource.group, group) ||
		    !streq(s->kind.kind, name))
			continue;
		*ret = s->kind.resource; /* whatever version: it is the same object */
		return true;
	}
	return false;
}

static void verify(struct gc_controller *g, struct work *w, const struct gc_node *n,
		   const struct gc_owner *owner)
{
	const char *slash = strchr(owner->api_version, '/');
	auto_free char *group =
		slash ? xstrndup(owner->api_version, (size_t)(slash - owner->api_version))
		      : xstrdup("");
	const char *version = slash ? slash + 1 : owner->api_version;
	struct api_resource resource;
	if (!resource_of_owner(g, group, version, owner->kind, &resource)) {
		/* It may well be there: nothing is deleted for it until it is known. */
		(void)map_put(&g->unknown, n->uid, g);
		return;
	}
	if (resource.is_namespaced && n->ns[0] == '\0')
		return;
	struct look *l = xcalloc(1, sizeof *l);
	*l = (struct look){ g, xstrdup(owner->uid) };
	work_get(w, &resource, n->ns, owner->name, on_looked, l)->free_ctx = look_free;
}

static void reconcile(void *ctx, struct work *w, const char *uid)
{
	struct gc_controller *g = ctx;
	const struct gc_node *n = gc_graph_get(&g->graph, uid);
	struct gc_plan plan;
	if (!n)
		return;
	gc_plan_make(&plan, &g->graph, n);
	switch (plan.verb) {
	case GC_NOTHING:
		return;
	case GC_VERIFY:
		verify(g, w, n, &n->owners[plan.owner]);
		return;
	case GC_DELETE:
		delete_object(g, w, n, plan.policy);
		return;
	case GC_DROP_OWNERS:
		drop_owner(g, w, n, plan.drops, NULL);
		return;
	case GC_DROP_FOREGROUND:
		drop_finalizer(g, w, n, "foregroundDeletion");
		return;
	case GC_WAKE_DEPENDENTS:
		wake_dependents(g, n);
		return;
	case GC_ORPHAN:
		orphan(g, w, n);
		return;
	case GC_VERB_COUNT:
		break;
	}
	assert(false);
}

/* ---- what wakes it ---- */

static bool needs_a_look(const struct gc_controller *g, const struct gc_node *n)
{
	if (n->waits_for_dependents || n->orphans_dependents)
		return true;
	for (size_t i = 0; i < n->owners_count; i++) {
		const struct gc_node *owner = gc_graph_get(&g->graph, n->owners[i].uid);
		if (!owner || !owner->kind || owner->waits_for_dependents)
			return true;
	}
	return false;
}

static void wake_owners(struct gc_controller *g, const struct gc_node *n)
{
	for (size_t i = 0; i < n->owners_count; i++) {
		const struct gc_node *owner = gc_graph_get(&g->graph, n->owners[i].uid);
		if (owner && owner->waits_for_dependents)
			control_loop_add(g->loop, owner->uid);
	}
}

static void forget(struct gc_controller *g, const char *uid)
{
	const struct gc_node *n = gc_graph_get(&g->graph, uid);
	if (!n)
		return;
	wake_owners(g, n);
	wake_dependents(g, n);
	(void)map_remove(&g->unknown, uid); /* it may be one of them */
	gc_graph_remove(&g->graph, uid);
}

static void on_object(void *ctx, const char *key, const json_t *before, const json_t *now)
{
	struct source *s = ctx;
	struct gc_controller *g = s->owner;
	(void)key; /* the uid is the key here */
	if (before && (!now || !streq(uid_of(before), uid_of(now))))
		forget(g, uid_of(before));
	if (!now || !gc_graph_put(&g->graph, &s->kind, now))
		return;
	const struct gc_node *n = gc_graph_get(&g->graph, uid_of(now));
	if (needs_a_look(g, n))
		control_loop_add(g->loop, n->uid);
	if (n->waits_for_dependents)
		wake_dependents(g, n);
	if (before)
		wake_owners(g, n); /* it may block them no more */
}

/* ---- sources ---- */

static bool is_watched(const struct gc_controller *g, const struct schema_kind *k)
{
	if (!kind_offers(k, "list") || !kind_offers(k, "watch") || !kind_offers(k, "delete") ||
	    streq(k->kind, "Event"))
		return false;
	for (size_t i = 0; i < g->sources_count; i++)
		if (streq(g->sources[i].kind.resource.group, k->group) &&
		    streq(g->sources[i].kind.resource.resource, k->resource))
			return false; /* another version of it */
	return g->sources_count < KINDS_MAX;
}

/* The context's cache of the kind, if it holds the kind whole. */
static struct cache *whole_cache(const struct context *c, const struct schema_kind *k)
{
	for (size_t i = 0; i < KIND_COUNT; i++) {
		const struct kind_facts *f = &kind_facts[i];
		if (!f->ns && !f->field_selector && streq(f->resource.group, k->group) &&
		    streq(f->resource.resource, k->resource))
			return c->caches[i];
	}
	return NULL;
}

static void add_source(struct gc_controller *g, const struct schema_kind *k)
{
	struct source *s = &g->sources[g->sources_count++];
	s->owner = g;
	s->api_version = *k->group ? xasprintf("%s/%s", k->group, k->version) : xstrdup(k->version);
	s->kind = (struct gc_kind){ .resource = { k->group, k->version, k->resource,
						  k->is_namespaced },
				    .api_version = s->api_version,
				    .kind = k->kind };
	s->cache = whole_cache(g->context, k);
	if (!s->cache)
		s->cache = metadata_watch_add(g->metadata, &s->kind.resource);
	cache_subscribe(s->cache, &(struct cache_subscriber){ .changed = on_object, .ctx = s });
	control_loop_needs(g->loop, s->cache);
}

static void free_custom(struct source *s)
{
	if (!s->is_custom)
		return;
	/* Made by us, below. */
	free((char *)(uintptr_t)s->kind.resource.group);
	free((char *)(uintptr_t)s->kind.resource.version);
	free((char *)(uintptr_t)s->kind.resource.resource);
	free((char *)(uintptr_t)s->kind.kind);
}

static void name_custom(struct source *s, const struct api_resource *r, const char *kind)
{
	free_custom(s);
	free(s->api_version);
	s->is_custom = true;
	s->api_version = xasprintf("%s/%s", r->group, r->version);
	s->kind = (struct gc_kind){ .resource = { xstrdup(r->group), xstrdup(r->version),
						  xstrdup(r->resource), r->is_namespaced },
				    .api_version = s->api_version,
				    .kind = xstrdup(kind) };
}

/* Their owner may be of the kind that is known from now on. */
static void wake_unknown(struct gc_controller *g)
{
	const char **uids = map_sorted_keys(&g->unknown);
	for (size_t i = 0; i < g->unknown.count; i++)
		control_loop_add(g->loop, uids[i]);
	free(uids);
	map_fini(&g->unknown);
	g->unknown = (struct map){ 0 };
}

/* A definition's kind, or another version of one that is known. One that is gone is kept: it
 * costs little, and it may come again. */
static void on_custom_kind(void *ctx, const struct api_resource *r, const char *kind)
{
	struct gc_controller *g = ctx;
	for (size_t i = 0; i < g->sources_count; i++) {
		struct source *s = &g->sources[i];
		if (!streq(s->kind.resource.group, r->group) ||
		    !streq(s->kind.resource.resource, r->resource))
			continue;
		if (s->is_custom)
			name_custom(s, r, kind);
		wake_unknown(g);
		return;
	}
	if (g->sources_count == KINDS_MAX) {
		log_warn("garbage-collector", "too many kinds, not followed", "group", r->group,
			 "resource", r->resource);
		return;
	}
	struct source *s = &g->sources[g->sources_count++];
	s->owner = g;
	name_custom(s, r, kind);
	s->cache = metadata_watch_add(g->metadata, &s->kind.resource);
	cache_subscribe(s->cache, &(struct cache_subscriber){ .changed = on_object, .ctx = s });
	wake_unknown(g);
}

static void start_watch(void *ctx)
{
	metadata_watch_start(((struct gc_controller *)ctx)->metadata);
}

struct gc_controller *gc_controller_new(struct context *c)
{
	struct gc_controller *g = xcalloc(1, sizeof *g);
	g->context = c;
	g->loop = context_loop(c, "garbage-collector", reconcile, g, NULL, 0);
	g->metadata = metadata_watch_new(c->loop, c->api, c->settings.seed);
	g->sources = xcalloc(KINDS_MAX, sizeof *g->sources);
	for (size_t i = 0; i < schema_kinds_count(); i++)
		if (is_watched(g, schema_kind_at(i)))
			add_source(g, schema_kind_at(i));
	metadata_watch_on_kind(g->metadata, on_custom_kind, g);
	g->starter = loop_timer_new(c->loop, start_watch, g);
	loop_timer_set(g->starter, 0);
	return g;
}

struct cache *gc_controller_metadata(const struct gc_controller *g, const struct api_resource *r)
{
	for (size_t i = 0; i < g->sources_count; i++)
		if (streq(g->sources[i].kind.resource.group, r->group) &&
		    streq(g->sources[i].kind.resource.resource, r->resource))
			return g->sources[i].cache;
	abort(); /* it watches every kind that can be deleted */
}

bool gc_controller_custom(const struct gc_controller *g, size_t *i, struct api_resource *ret)
{
	for (; *i < g->sources_count; ++*i) {
		if (!g->sources[*i].is_custom)
			continue;
		*ret = g->sources[(*i)++].kind.resource;
		return true;
	}
	return false;
}

void gc_controller_free(struct gc_controller *g)
{
	if (!g)
		return;
	for (size_t i = 0; i < g->sources_count; i++)
		cache_unsubscribe(g->sources[i].cache, &g->sources[i]);
	loop_timer_free(g->starter);
	control_loop_free(g->loop);
	metadata_watch_free(g->metadata);
	for (size_t i = 0; i < g->sources_count; i++) {
		free_custom(&g->sources[i]);
		free(g->sources[i].api_version);
	}
	free(g->sources);
	map_fini(&g->unknown);
	gc_graph_fini(&g->graph);
	free(g);
}
