#include "common/base/jsonx.h"
#include "common/plan/order_plan.h"

#define CYCLE_SHOWN_MAX 64

struct order_graph *order_graph_new(void)
{
	return xcalloc(1, sizeof(struct order_graph));
}

void order_graph_free(struct order_graph *g)
{
	if (!g)
		return;
	for (size_t i = 0; i < g->nodes_count; i++) {
		free(g->nodes[i].name);
		free(g->nodes[i].edges);
		order_list_fini(&g->nodes[i].depends);
	}
	for (size_t i = 0; i < g->services_count; i++)
		free(g->services[i].name);
	free(g->nodes);
	free(g->services);
	free(g);
}

/* Room grows by doubling: the size is the next power of two. */
static void *grown(void *p, size_t count, size_t size)
{
	if (count >= 8 && (count & (count - 1)) != 0)
		return p;
	return xrealloc(p, count < 8 ? 8 : 2 * count, size);
}

size_t order_add_workload(struct order_graph *g, const struct order_kind *kind, const char *name,
			  const json_t *pod_labels, struct order_list *take_depends)
{
	assert(!g->is_linked);
	if (g->nodes_count == ORDER_NODES_MAX)
		return ORDER_NONE;
	g->nodes = grown(g->nodes, g->nodes_count, sizeof *g->nodes);
	struct order_node *n = &g->nodes[g->nodes_count];
	*n = (struct order_node){ .kind = kind, .name = xstrdup(name), .pod_labels = pod_labels };
	if (take_depends) {
		n->depends = *take_depends;
		*take_depends = (struct order_list){ 0 };
	}
	return g->nodes_count++;
}

void order_add_service(struct order_graph *g, const char *name, const json_t *selector)
{
	assert(!g->is_linked);
	if (g->services_count == ORDER_NODES_MAX)
		return;
	g->services = grown(g->services, g->services_count, sizeof *g->services);
	g->services[g->services_count++] = (struct order_service){ xstrdup(name), selector };
}

size_t order_add_object(struct order_graph *g, const char *kind_name, const json_t *object)
{
	const struct order_kind *kind = order_kind_find(kind_name);
	const char *name = json_str_or(object, "metadata.name", "");
	if (!kind)
		return ORDER_NONE;
	if (!kind->pod_labels) {
		order_add_service(g, name, json_dig(object, "spec.selector"));
		return ORDER_NONE;
	}
	AUTO_ORDER_LIST depends = { 0 };
	struct error ignored;
	const char *text =
		json_member_str(json_dig(object, "metadata.annotations"), ORDER_DEPENDS_ON);
	if (text && order_parse(text, &depends, &ignored) < 0)
		depends = (struct order_list){ 0 };
	return order_add_workload(g, kind, name, json_dig(object, kind->pod_labels), &depends);
}

/* ---- edges ---- */

static bool selects(const json_t *selector, const json_t *labels)
{
	void *at = json_object_iter((json_t *)(uintptr_t)selector);
	if (!at)
		return false; /* a Service without selector stands for nothing of ours */
	for (; at; at = json_object_iter_next((json_t *)(uintptr_t)selector, at)) {
		const char *want = json_string_value(json_object_iter_value(at));
		const char *have =
			json_string_value(json_object_get(labels, json_object_iter_key(at)));
		if (!want || !have || !streq(want, have))
			return false;
	}
	return true;
}

static void add_edge(struct order_node *n, struct order_edge edge)
{
	n->edges = grown(n->edges, n->edges_count, sizeof *n->edges);
	n->edges[n->edges_count++] = edge;
}

static bool names(const struct order_entry *e, const struct order_node *n)
{
	if (!streq(e->name, n->name))
		return false;
	if (e->kind)
		return streq(e->kind, n->kind->kind);
	return e->condition != ORDER_COMPLETED || n->kind->can_complete;
}

static void link_service(struct order_graph *g, size_t from, size_t entry, const char *name)
{
	struct order_node *n = &g->nodes[from];
	for (size_t s = 0; s < g->services_count; s++) {
		if (!streq(g->services[s].name, name))
			continue;
		for (size_t to = 0; to < g->nodes_count; to++)
			if (selects(g->services[s].selector, g->nodes[to].pod_labels))
				add_edge(n, (struct order_edge){ to, entry, s });
	}
}

static void link_entry(struct order_graph *g, size_t from, size_t entry)
{
	struct order_node *n = &g->nodes[from];
	const struct order_entry *e = &n->depends.at[entry];
	if (e->kind && streq(e->kind, "Service")) {
		link_service(g, from, entry, e->name);
		return;
	}
	for (size_t to = 0; to < g->nodes_count; to++)
		if (names(e, &g->nodes[to]))
			add_edge(n, (struct order_edge){ to, entry, ORDER_NONE });
}

/* ---- strongly connected components (Tarjan, without recursion) ---- */

struct walk {
	size_t *index, *low, *stack, *path, *next_edge;
	bool *on_stack;
	size_t stack_count, path_count, counter, components;
};

static void close_component(struct order_graph *g, struct walk *w, size_t root)
{
	size_t members = 0, node;
	do {
		node = w->stack[--w->stack_count];
		w->on_stack[node] = false;
		g->nodes[node].component = w->components;
		members++;
	} while (node != root);
	for (size_t i = 0; members > 1 && i < g->nodes_count; i++)
		if (w->index[i] != 0 && !w->on_stack[i] && g->nodes[i].component == w->components)
			g->nodes[i].is_in_cycle = true;
	w->components++;
}

static void enter(struct walk *w, size_t node)
{
	w->index[node] = w->low[node] = ++w->counter;
	w->stack[w->stack_count++] = node;
	w->on_stack[node] = true;
	w->path[w->path_count++] = node;
	w->next_edge[node] = 0;
}

static void walk_from(struct order_graph *g, struct walk *w, size_t start)
{
	enter(w, start);
	while (w->path_count > 0) {
		size_t node = w->path[w->path_count - 1];
		struct order_node *n = &g->nodes[node];
		if (w->next_edge[node] < n->edges_count) {
			size_t to = n->edges[w->next_edge[node]++].to;
			if (to == node)
				n->is_in_cycle = true;
			if (w->index[to] == 0)
				enter(w, to);
			else if (w->on_stack[to])
				w->low[node] = MIN(w->low[node], w->index[to]);
			continue;
		}
		w->path_count--;
		if (w->path_count > 0) {
			size_t parent = w->path[w->path_count - 1];
			w->low[parent] = MIN(w->low[parent], w->low[node]);
		}
		if (w->low[node] == w->index[node])
			close_component(g, w, node);
	}
}

static void find_components(struct order_graph *g)
{
	size_t n = g->nodes_count;
	auto_free size_t *numbers = xcalloc(5 * n + 1, sizeof(size_t));
	auto_free bool *on_stack = xcalloc(n + 1, sizeof(bool));
	struct walk w = { .index = numbers,
			  .low = numbers + n,
			  .stack = numbers + 2 * n,
			  .path = numbers + 3 * n,
			  .next_edge = numbers + 4 * n,
			  .on_stack = on_stack };
	for (size_t i = 0; i < n; i++)
		g->nodes[i].component = ORDER_NONE;
	for (size_t i = 0; i < n; i++)
		if (w.index[i] == 0)
			walk_from(g, &w, i);
}

void order_link(struct order_graph *g)
{
	assert(!g->is_linked);
	g->is_linked = true;
	for (size_t i = 0; i < g->nodes_count; i++)
		for (size_t k = 0; k < g->nodes[i].depends.count; k++)
			link_entry(g, i, k);
	find_components(g);
}

size_t order_find(const struct order_graph *g, const char *kind, const char *name)
{
	for (size_t i = 0; i < g->nodes_count; i++)
		if (streq(g->nodes[i].name, name) && streq(g->nodes[i].kind->kind, kind))
			return i;
	return ORDER_NONE;
}

bool order_depends_on(const struct order_graph *g, size_t node, size_t on)
{
	for (size_t i = 0; i < g->nodes[node].edges_count; i++)
		if (g->nodes[node].edges[i].to == on)
			return true;
	return false;
}

bool order_has_dependents(const struct order_graph *g, size_t node)
{
	for (size_t i = 0; i < g->nodes_count; i++)
		if (i != node && order_depends_on(g, i, node))
			return true;
	return false;
}

/* ---- cycles as text ---- */

/* The shortest way from `node` back to itself: the edges in order; how many. */
static size_t shortest_cycle(const struct order_graph *g, size_t node,
			     const struct order_edge **ret)
{
	size_t n = g->nodes_count;
	auto_free size_t *from = xcalloc(n, sizeof(size_t));
	auto_free const struct order_edge **by = xcalloc(n, sizeof(struct order_edge *));
	auto_free size_t *queue = xcalloc(n + 1, sizeof(size_t));
	size_t head = 0, tail = 0;

	queue[tail++] = node;
	while (head < tail && !by[node]) {
		size_t at = queue[head++];
		for (size_t i = 0; i < g->nodes[at].edges_count; i++) {
			const struct order_edge *e = &g->nodes[at].edges[i];
			if (by[e->to] || g->nodes[e->to].component != g->nodes[node].component)
				continue;
			by[e->to] = e;
			from[e->to] = at;
			if (e->to != node)
				queue[tail++] = e->to;
		}
	}
	assert(by[node]);
	size_t count = 0;
	for (size_t at = node; count == 0 || at != node; at = from[at])
		ret[count++] = by[at];
	for (size_t i = 0; i < count / 2; i++) {
		const struct order_edge *e = ret[i];
		ret[i] = ret[count - 1 - i];
		ret[count - 1 - i] = e;
	}
	return count;
}

static void add_name(const struct order_graph *g, size_t node, struct str *ret)
{
	const struct order_node *n = &g->nodes[node];
	size_t same = 0;
	for (size_t i = 0; i < g->nodes_count; i++)
		same += streq(g->nodes[i].name, n->name);
	if (same > 1)
		str_addf(ret, "%s/", n->kind->kind);
	str_add(ret, n->name);
}

static size_t any_in_cycle(const struct order_graph *g)
{
	for (size_t i = 0; i < g->nodes_count; i++)
		if (g->nodes[i].is_in_cycle)
			return i;
	return ORDER_NONE;
}

static bool describe_cycle(const struct order_graph *g, size_t node, struct str *ret,
			   bool with_advice)
{
	assert(g->is_linked);
	if (node == ORDER_NONE)
		node = any_in_cycle(g);
	if (node == ORDER_NONE || !g->nodes[node].is_in_cycle)
		return false;
	auto_free const struct order_edge **edges =
		xcalloc(g->nodes_count + 1, sizeof(struct order_edge *));
	size_t count = shortest_cycle(g, node, edges);
	add_name(g, node, ret);
	for (size_t i = 0; i < count; i++) {
		if (i == CYCLE_SHOWN_MAX && i + 1 < count) {
			str_addf(ret, " → … (%zu more)", count - i - 1);
			i = count - 1;
		}
		str_add(ret, " → ");
		add_name(g, edges[i]->to, ret);
		if (edges[i]->service != ORDER_NONE)
			str_addf(ret, " (Service/%s)", g->services[edges[i]->service].name);
	}
	if (!with_advice)
		return true;
	size_t last = count == 1 ? node : edges[count - 2]->to;
	const struct order_entry *entry = &g->nodes[last].depends.at[edges[count - 1]->entry];
	str_addf(ret, "; to break it, remove '%s%s%s' from the annotation " ORDER_DEPENDS_ON " of ",
		 entry->kind ? entry->kind : "", entry->kind ? "/" : "", entry->name);
	str_addf(ret, "%s/%s", g->nodes[last].kind->kind, g->nodes[last].name);
	if (count > 1)
		str_addf(ret, ", or let %s/%s depend on it instead", g->nodes[node].kind->kind,
			 g->nodes[node].name);
	return true;
}

bool order_cycle_text(const struct order_graph *g, size_t node, struct str *ret)
{
	return describe_cycle(g, node, ret, false);
}

bool order_cycle_advice(const struct order_graph *g, size_t node, struct str *ret)
{
	return describe_cycle(g, node, ret, true);
}
