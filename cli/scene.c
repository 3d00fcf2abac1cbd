#include "cli/scene.h"

#define SYNC_MS  20000
#define TEXT_MAX 4096

void scene_fini(struct scene *s)
{
	for (size_t i = 0; s->nodes && i < s->graph->nodes_count; i++)
		free((char *)(uintptr_t)s->nodes[i].text);
	free(s->nodes);
	free(s->culprits);
	free(s->trees);
	order_graph_free(s->graph);
	live_free(s->live);
	*s = (struct scene){ 0 };
}

static bool is_owned(const json_t *tree)
{
	return json_array_size(json_dig(tree, "metadata.ownerReferences")) > 0;
}

/* Kinds that this server has; pods and jobs that belong to another workload are its own matter. */
static void add_kind(struct scene *s, const char *ns, const struct order_kind *k)
{
	struct cache *c = live_cache(s->live, k->kind, ns);
	if (!c)
		return;
	struct cache_range all = cache_all(c);
	for (size_t i = 0; i < all.count; i++) {
		if (k->pod_labels && is_owned(all.at[i]->tree))
			continue;
		size_t node = order_add_object(s->graph, k->kind, all.at[i]->tree);
		if (node == ORDER_NONE)
			continue;
		s->trees = xrealloc(s->trees, node + 1, sizeof *s->trees);
		s->trees[node] = all.at[i]->tree;
	}
}

static void look_at(struct scene *s, size_t node)
{
	const char *kind = s->graph->nodes[node].kind->kind;
	const json_t **pods = xcalloc(LIVE_PODS_MAX, sizeof *pods);
	size_t n = live_pods(s->live, kind, s->trees[node], pods, LIVE_PODS_MAX);
	AUTO_STR text;
	str_init(&text, TEXT_MAX);
	struct tree_node *view = &s->nodes[node];
	view->state = ready_plan(kind, s->trees[node], pods, n, &text, &s->culprits[node]);
	const json_t *gate = ready_condition(s->trees[node], ORDER_CONDITION);
	view->waits = gate && !streq(json_str_or(gate, "status", ""), "True");
	view->text = str_take(&text);
	free(pods);
}

int scene_read(struct session *session, const char *ns, struct scene *ret, struct error *err)
{
	AUTO_SCENE s = { 0 };
	s.live = live_new(session, NULL, NULL);
	live_watch_workloads(s.live, ns);
	for (size_t i = 0; i < order_kinds_count; i++) {
		const struct order_kind *k = &order_kinds[i];
		if (!schema_kind_by_resource(k->group, k->version, k->resource))
			continue;
		struct kind kind = kind_builtin(k->group, k->version, k->resource);
		(void)live_watch(s.live, &kind, ns); /* a few kinds: never too many */
	}
	if (live_sync(s.live, SYNC_MS, err) < 0)
		return err->code;
	s.graph = order_graph_new();
	for (size_t i = 0; i < order_kinds_count; i++)
		add_kind(&s, ns, &order_kinds[i]);
	order_link(s.graph);
	s.nodes = xcalloc(s.graph->nodes_count + 1, sizeof *s.nodes);
	s.culprits = xcalloc(s.graph->nodes_count + 1, sizeof *s.culprits);
	for (size_t i = 0; i < s.graph->nodes_count; i++)
		look_at(&s, i);
	*ret = s;
	s = (struct scene){ 0 };
	return 0;
}
