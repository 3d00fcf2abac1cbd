#include "apiserver/flow_keep.h"
#include "apiserver/flow_defaults.h"
#include "apiserver/own_exchange.h"
#include "common/base/jsonx.h"
#include "common/base/time_text.h"

#define GROUP     "flowcontrol.apiserver.k8s.io"
#define SETTLE_MS 20
#define RETRY_MS  500

struct flow_keeper {
	struct server *server;
	const struct schema_kind *schemas, *levels;
	struct hub_watcher schemas_watcher, levels_watcher;
	struct loop_timer *timer;
};

static void remove_stray(struct flow_keeper *k, const struct schema_kind *kind,
			 const struct object *o)
{
	AUTO_JSON *options = json_object();
	auto_free char *path = own_path(kind, "", o->name);
	own_request(k->server, "flow", "DELETE", path, options);
}

/* True: all is said rightly. */
static bool keep_schema(struct flow_keeper *k, const struct object *o)
{
	char now[TIME_TEXT_SIZE];
	AUTO_JSON *tree = object_tree(o);
	const char *level = json_str_or(tree, "spec.priorityLevelConfiguration.name", "");
	server_now_text(k->server, now);
	if (flow_is_stray(tree)) {
		remove_stray(k, k->schemas, o);
		return false;
	}
	AUTO_JSON *better =
		flow_status(tree, hub_get(k->server->hub, k->levels, NULL, level) != NULL, now);
	if (!better)
		return true;
	auto_free char *object = own_path(k->schemas, "", o->name);
	auto_free char *path = xasprintf("%s/status", object);
	own_request(k->server, "flow", "PUT", path, better);
	return false;
}

static bool keep_level(struct flow_keeper *k, const struct object *o)
{
	AUTO_JSON *tree = object_tree(o);
	if (!flow_is_stray(tree))
		return true;
	remove_stray(k, k->levels, o);
	return false;
}

static bool keep_all(struct flow_keeper *k, const struct schema_kind *kind,
		     bool (*keep)(struct flow_keeper *k, const struct object *o))
{
	bool all = true;
	struct index objects = index_snapshot(hub_index(k->server->hub, kind));
	struct index_cursor at = index_seek(&objects, NULL);
	for (struct object *o; (o = index_next(&objects, &at));)
		all = (o->is_deleting || keep(k, o)) && all;
	index_fini(&objects);
	return all;
}

static void step(void *ctx)
{
	struct flow_keeper *k = ctx;
	/* Not before the levels of a new cluster had their chance to be made. */
	if (!k->server->has_system_objects) {
		loop_timer_set(k->timer, SETTLE_MS);
		return;
	}
	bool all = keep_all(k, k->schemas, keep_schema);
	all = keep_all(k, k->levels, keep_level) && all;
	if (!all)
		loop_timer_set(k->timer, RETRY_MS);
}

static void schemas_changed(struct hub_watcher *w)
{
	loop_timer_set(CONTAINER_OF(w, struct flow_keeper, schemas_watcher)->timer, SETTLE_MS);
}

static void levels_changed(struct hub_watcher *w)
{
	loop_timer_set(CONTAINER_OF(w, struct flow_keeper, levels_watcher)->timer, SETTLE_MS);
}

struct flow_keeper *flow_keeper_new(struct server *s)
{
	struct flow_keeper *k = xcalloc(1, sizeof *k);
	*k = (struct flow_keeper){ .server = s,
				   .schemas = schema_kind_by_kind(GROUP, "v1", "FlowSchema"),
				   .levels = schema_kind_by_kind(GROUP, "v1",
								 "PriorityLevelConfiguration"),
				   .schemas_watcher = { .changed = schemas_changed },
				   .levels_watcher = { .changed = levels_changed } };
	k->timer = loop_timer_new(s->loop, step, k);
	hub_watch(s->hub, k->schemas, &k->schemas_watcher);
	hub_watch(s->hub, k->levels, &k->levels_watcher);
	return k;
}

void flow_keeper_free(struct flow_keeper *k)
{
	if (!k)
		return;
	hub_unwatch(k->server->hub, k->schemas, &k->schemas_watcher);
	hub_unwatch(k->server->hub, k->levels, &k->levels_watcher);
	loop_timer_free(k->timer);
	free(k);
}
