#include "cli/tree_plan.h"

#define DEPTH_MAX 64

struct drawing {
	const struct order_graph *g;
	const struct tree_node *nodes;
	bool *is_drawn, *is_on_path;
	const char *const *marks;
	struct str *out;
	struct str indent;
};

static void add_name(const struct order_graph *g, size_t node, struct str *out)
{
	str_addf(out, "%s/%s", g->nodes[node].kind->kind, g->nodes[node].name);
}

/* How the dependency is meant, where it is not simply "ready". */
static void add_condition(const struct order_graph *g, size_t from, const struct order_edge *e,
			  struct str *out)
{
	const struct order_entry *entry = &g->nodes[from].depends.at[e->entry];
	if (entry->condition != ORDER_READY)
		str_addf(out, ":%s", order_condition_name(entry->condition));
	if (e->service != ORDER_NONE)
		str_addf(out, " (Service/%s)", g->services[e->service].name);
}

static bool is_found(const struct order_node *n, size_t entry)
{
	for (size_t i = 0; i < n->edges_count; i++)
		if (n->edges[i].entry == entry)
			return true;
	return false;
}

static void draw_node(struct drawing *d, size_t node, size_t from, const struct order_edge *edge,
		      int depth);

static size_t missing_count(const struct order_node *n)
{
	size_t missing = 0;
	for (size_t i = 0; i < n->depends.count; i++)
		missing += !is_found(n, i);
	return missing;
}

static size_t push(struct drawing *d, bool is_last)
{
	size_t before = d->indent.len;
	str_addf(d->out, "%s%s ", d->indent.data, is_last ? "└─" : "├─");
	str_add(&d->indent, is_last ? "   " : "│  ");
	return before;
}

static void draw_children(struct drawing *d, size_t node, int depth)
{
	const struct order_node *n = &d->g->nodes[node];
	size_t left = n->edges_count + missing_count(n);
	for (size_t i = 0; i < n->depends.count; i++) {
		const struct order_entry *entry = &n->depends.at[i];
		for (size_t k = 0; k < n->edges_count; k++) {
			if (n->edges[k].entry != i)
				continue;
			size_t before = push(d, --left == 0);
			draw_node(d, n->edges[k].to, node, &n->edges[k], depth + 1);
			str_truncate(&d->indent, before);
		}
		if (is_found(n, i))
			continue;
		size_t before = push(d, --left == 0);
		str_addf(d->out, "%s %s%s%s  is not there\n", d->marks[READY_STUCK],
			 entry->kind ? entry->kind : "", entry->kind ? "/" : "", entry->name);
		str_truncate(&d->indent, before);
	}
}

static void draw_node(struct drawing *d, size_t node, size_t from, const struct order_edge *edge,
		      int depth)
{
	const struct tree_node *view = &d->nodes[node];
	str_addf(d->out, "%s ", d->marks[view->state]);
	add_name(d->g, node, d->out);
	if (edge)
		add_condition(d->g, from, edge, d->out);
	bool has_children = d->g->nodes[node].depends.count > 0;
	if (d->is_on_path[node]) {
		str_add(d->out, "  (a cycle)\n");
		return;
	}
	if (d->is_drawn[node] && has_children) {
		str_add(d->out, "  (see above)\n");
		return;
	}
	str_addf(d->out, "  %s\n", view->text);
	d->is_drawn[node] = true;
	d->is_on_path[node] = true;
	if (depth < DEPTH_MAX)
		draw_children(d, node, depth);
	else if (has_children)
		str_addf(d->out, "%s└─ …\n", d->indent.data);
	d->is_on_path[node] = false;
}

void tree_draw(const struct order_graph *g, const struct tree_node *nodes, size_t root,
	       const char *const marks[READY_STATE_COUNT], struct str *out)
{
	struct drawing d = { .g = g, .nodes = nodes, .marks = marks, .out = out };
	d.is_drawn = xcalloc(g->nodes_count + 1, sizeof *d.is_drawn);
	d.is_on_path = xcalloc(g->nodes_count + 1, sizeof *d.is_on_path);
	str_init(&d.indent, 8 * DEPTH_MAX);
	if (root != ORDER_NONE)
		draw_node(&d, root, ORDER_NONE, NULL, 0);
	for (size_t i = 0; root == ORDER_NONE && i < g->nodes_count; i++)
		if (!order_has_dependents(g, i))
			draw_node(&d, i, ORDER_NONE, NULL, 0);
	/* What is left are cycles that nothing outside depends on. */
	for (size_t i = 0; root == ORDER_NONE && i < g->nodes_count; i++)
		if (!d.is_drawn[i])
			draw_node(&d, i, ORDER_NONE, NULL, 0);
	str_fini(&d.indent);
	free(d.is_drawn);
	free(d.is_on_path);
}

/* ---- why ---- */

struct following {
	const struct order_graph *g;
	const struct tree_node *nodes;
	bool *is_seen;
	struct str *out;
	size_t *causes, causes_count;
};

static bool holds_up(const struct following *f, const struct order_node *n,
		     const struct order_edge *e)
{
	const struct tree_node *to = &f->nodes[e->to];
	return n->depends.at[e->entry].condition != ORDER_EXISTS && to->state != READY_YES;
}

/* One that runs does not wait any more; what it has lost since is said all the same. */
static void tell_lost(struct following *f, size_t node)
{
	static const char goes_on[] = "it runs on without";
	const struct order_node *n = &f->g->nodes[node];
	for (size_t i = 0; i < n->edges_count; i++) {
		const struct tree_node *to = &f->nodes[n->edges[i].to];
		if (!holds_up(f, n, &n->edges[i]))
			continue;
		str_add(f->out, "└─ ");
		add_name(f->g, n->edges[i].to, f->out);
		str_addf(f->out, "  %s (%s)\n", to->text, goes_on);
	}
	for (size_t i = 0; i < n->depends.count; i++)
		if (!is_found(n, i))
			str_addf(f->out, "└─ %s%s%s  is not there (%s)\n",
				 n->depends.at[i].kind ? n->depends.at[i].kind : "",
				 n->depends.at[i].kind ? "/" : "", n->depends.at[i].name, goes_on);
}

static void follow(struct following *f, size_t node, size_t depth)
{
	const struct order_node *n = &f->g->nodes[node];
	const struct tree_node *view = &f->nodes[node];
	for (size_t i = 0; i < depth; i++)
		str_add(f->out, i + 1 < depth ? "   " : "└─ ");
	add_name(f->g, node, f->out);
	str_addf(f->out, "  %s\n", view->text);
	if (depth == 0 && view->state == READY_YES)
		tell_lost(f, node);
	if (f->is_seen[node] || view->state == READY_YES || depth >= DEPTH_MAX)
		return;
	f->is_seen[node] = true;
	bool has_cause = false;
	for (size_t i = 0; view->waits && i < n->edges_count; i++)
		if (holds_up(f, n, &n->edges[i])) {
			follow(f, n->edges[i].to, depth + 1);
			has_cause = true;
		}
	for (size_t i = 0; view->waits && i < n->depends.count; i++) {
		const struct order_entry *entry = &n->depends.at[i];
		if (is_found(n, i))
			continue;
		for (size_t k = 0; k <= depth; k++)
			str_add(f->out, k < depth ? "   " : "└─ ");
		str_addf(f->out, "%s%s%s  is not there: apply it, or change %s\n",
			 entry->kind ? entry->kind : "", entry->kind ? "/" : "", entry->name,
			 ORDER_DEPENDS_ON);
		has_cause = true;
	}
	if (!has_cause)
		f->causes[f->causes_count++] = node;
}

size_t why_chain(const struct order_graph *g, const struct tree_node *nodes, size_t node,
		 struct str *out, size_t *ret_causes)
{
	struct following f = { .g = g, .nodes = nodes, .out = out, .causes = ret_causes };
	f.is_seen = xcalloc(g->nodes_count + 1, sizeof *f.is_seen);
	follow(&f, node, 0);
	free(f.is_seen);
	return f.causes_count;
}
