#include "apiserver/rbac_keep.h"
#include "apiserver/own_exchange.h"
#include "common/base/jsonx.h"
#include "common/base/selector.h"

#define GROUP     "rbac.authorization.k8s.io"
#define SETTLE_MS 20 /* so that many roles made together are gathered once */
#define RETRY_MS  500

struct rbac_gatherer {
	struct server *server;
	const struct schema_kind *kind;
	struct hub_watcher watcher;
	struct loop_timer *timer;
};

static void add_once(json_t *rules, json_t *rule)
{
	size_t i;
	json_t *have;
	json_array_foreach (rules, i, have)
		if (json_equal(have, rule))
			return;
	json_array_append(rules, rule);
}

static bool is_gathered(const struct object *o, const struct selector *selectors, size_t count)
{
	const struct selector any = { 0 };
	for (size_t i = 0; i < count; i++)
		if (object_matches(o, &selectors[i], &any))
			return true;
	return false;
}

json_t *rbac_gather(const json_t *role, const struct index *roles)
{
	json_t *rules = json_array(), *rule, *text;
	const json_t *list = json_dig(role, "aggregationRule.clusterRoleSelectors");
	struct selector *selectors = xcalloc(json_array_size(list) + 1, sizeof *selectors);
	size_t count = 0, i;
	struct error err;
	json_array_foreach ((json_t *)(uintptr_t)list, i, text)
		count += selector_from_json(text, &selectors[count], &err) == 0;
	struct index_cursor at = index_seek(roles, NULL);
	for (struct object *o; (o = index_next(roles, &at));) {
		if (streq(o->name, json_str_or(role, "metadata.name", "")) ||
		    !is_gathered(o, selectors, count))
			continue;
		AUTO_JSON *tree = object_tree(o);
		json_array_foreach (json_object_get(tree, "rules"), i, rule)
			add_once(rules, rule);
	}
	for (i = 0; i < count; i++)
		selector_fini(&selectors[i]);
	free(selectors);
	return rules;
}

static bool gathers(const struct object *o)
{
	struct span rule = scan_member((struct span){ o->bytes, o->len }, "aggregationRule");
	return rule.at && *rule.at == '{' && !o->is_deleting;
}

/* True: its rules were already right. */
static bool keep_gathered(struct rbac_gatherer *g, const struct object *o,
			  const struct index *roles)
{
	AUTO_JSON *tree = object_tree(o);
	AUTO_JSON *rules = rbac_gather(tree, roles);
	json_t *have = json_object_get(tree, "rules");
	if (json_equal(have, rules) || (!json_array_size(have) && !json_array_size(rules)))
		return true;
	json_object_set(tree, "rules", rules);
	auto_free char *path = own_path(g->kind, "", o->name);
	own_request(g->server, "rbac", "PUT", path, tree);
	return false;
}

static void step(void *ctx)
{
	struct rbac_gatherer *g = ctx;
	bool all = true;
	struct index roles = index_snapshot(hub_index(g->server->hub, g->kind));
	struct index_cursor at = index_seek(&roles, NULL);
	for (struct object *o; (o = index_next(&roles, &at));)
		if (gathers(o))
			all = keep_gathered(g, o, &roles) && all;
	index_fini(&roles);
	if (!all)
		loop_timer_set(g->timer, RETRY_MS);
}

static void changed(struct hub_watcher *w)
{
	struct rbac_gatherer *g = CONTAINER_OF(w, struct rbac_gatherer, watcher);
	loop_timer_set(g->timer, SETTLE_MS);
}

struct rbac_gatherer *rbac_gatherer_new(struct server *s)
{
	struct rbac_gatherer *g = xcalloc(1, sizeof *g);
	*g = (struct rbac_gatherer){ .server = s,
				     .kind = schema_kind_by_kind(GROUP, "v1", "ClusterRole"),
				     .watcher = { .changed = changed } };
	g->timer = loop_timer_new(s->loop, step, g);
	hub_watch(s->hub, g->kind, &g->watcher);
	return g;
}

void rbac_gatherer_free(struct rbac_gatherer *g)
{
	if (!g)
		return;
	hub_unwatch(g->server->hub, g->kind, &g->watcher);
	loop_timer_free(g->timer);
	free(g);
}
