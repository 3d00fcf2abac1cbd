#include "apiserver/service_keep.h"
#include "apiserver/definitions.h"
#include "apiserver/own_exchange.h"
#include "apiserver/service_defaults.h"
#include "common/base/jsonx.h"

#define SETTLE_MS 20
#define RETRY_MS  500

struct service_keeper {
	struct server *server;
	const struct schema_kind *kind;
	struct hub_watcher watcher;
	struct loop_timer *timer;
};

static bool is_custom(const struct server *s, const char *group, const char *version)
{
	for (size_t i = 0; i < kinds_count(s->kinds); i++) {
		const struct schema_kind *kind = kinds_at(s->kinds, i);
		if (kind->custom && streq(kind->group, group) && streq(kind->version, version))
			return true;
	}
	return false;
}

/* True: it is there and right, or somebody else's. */
static bool keep(struct service_keeper *k, const char *group, const char *version)
{
	AUTO_JSON *wanted = service_of_custom(group, version);
	const char *name = json_str_or(wanted, "metadata.name", "");
	const struct object *o = hub_get(k->server->hub, k->kind, NULL, name);
	if (!o) {
		auto_free char *all = own_path(k->kind, "", NULL);
		own_request(k->server, "services", "POST", all, wanted);
		return false;
	}
	AUTO_JSON *live = object_tree(o);
	AUTO_JSON *better = service_default_mend(live, wanted);
	if (!better)
		return true;
	auto_free char *path = own_path(k->kind, "", name);
	own_request(k->server, "services", "PUT", path, better);
	return false;
}

static bool keep_custom(struct service_keeper *k)
{
	const struct schema_kind *last = NULL;
	bool all = true;
	for (size_t i = 0; i < kinds_count(k->server->kinds); i++) {
		const struct schema_kind *kind = kinds_at(k->server->kinds, i);
		if (!kind->custom || (last && streq(last->group, kind->group) &&
				      streq(last->version, kind->version)))
			continue;
		last = kind;
		all = keep(k, kind->group, kind->version) && all;
	}
	return all;
}

/* Those of groups that are served no more. */
static bool remove_rest(struct service_keeper *k)
{
	bool all = true;
	struct index objects = index_snapshot(hub_index(k->server->hub, k->kind));
	struct index_cursor at = index_seek(&objects, NULL);
	for (struct object *o; (o = index_next(&objects, &at));) {
		AUTO_JSON *tree = object_tree(o);
		const char *managed =
			json_member_str(json_dig(tree, "metadata.labels"), SERVICE_MANAGED);
		if (o->is_deleting || !managed || !streq(managed, "true") ||
		    is_custom(k->server, json_str_or(tree, "spec.group", ""),
			      json_str_or(tree, "spec.version", "")))
			continue;
		AUTO_JSON *options = json_object();
		auto_free char *path = own_path(k->kind, "", o->name);
		own_request(k->server, "services", "DELETE", path, options);
		all = false;
	}
	index_fini(&objects);
	return all;
}

static void step(void *ctx)
{
	struct service_keeper *k = ctx;
	/* What is served is looked at once it is known. */
	if (!k->server->has_system_objects || definitions_wait(k->server->definitions)) {
		loop_timer_set(k->timer, SETTLE_MS);
		return;
	}
	bool all = keep_custom(k);
	all = remove_rest(k) && all;
	if (!all)
		loop_timer_set(k->timer, RETRY_MS);
}

void service_keeper_follow(struct service_keeper *k)
{
	if (k)
		loop_timer_set(k->timer, SETTLE_MS);
}

static void changed(struct hub_watcher *w)
{
	service_keeper_follow(CONTAINER_OF(w, struct service_keeper, watcher));
}

struct service_keeper *service_keeper_new(struct server *s)
{
	struct service_keeper *k = xcalloc(1, sizeof *k);
	*k = (struct service_keeper){ .server = s,
				      .kind = schema_kind_by_kind("apiregistration.k8s.io", "v1",
								  "APIService"),
				      .watcher = { .changed = changed } };
	k->timer = loop_timer_new(s->loop, step, k);
	hub_watch(s->hub, k->kind, &k->watcher);
	return k;
}

void service_keeper_free(struct service_keeper *k)
{
	if (!k)
		return;
	hub_unwatch(k->server->hub, k->kind, &k->watcher);
	loop_timer_free(k->timer);
	free(k);
}
