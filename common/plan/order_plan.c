#include "common/plan/order_plan.h"

/* ---- sorting ---- */

struct sorting {
	const struct order_graph *g;
	bool *is_done;
	size_t *path, *next_edge, path_count;
	bool *on_path;
	size_t *ret, count;
};

static void sort_from(struct sorting *s, size_t start)
{
	s->path[s->path_count++] = start;
	s->on_path[start] = true;
	while (s->path_count > 0) {
		size_t node = s->path[s->path_count - 1];
		const struct order_node *n = &s->g->nodes[node];
		if (s->next_edge[node] < n->edges_count) {
			size_t to = n->edges[s->next_edge[node]++].to;
			if (s->is_done[to] || s->on_path[to])
				continue;
			s->path[s->path_count++] = to;
			s->on_path[to] = true;
			continue;
		}
		s->path_count--;
		s->on_path[node] = false;
		s->is_done[node] = true;
		s->ret[s->count++] = node;
	}
}

void order_sort(const struct order_graph *g, size_t *ret)
{
	assert(g->is_linked);
	size_t n = g->nodes_count;
	auto_free bool *flags = xcalloc(2 * n + 1, sizeof(bool));
	auto_free size_t *numbers = xcalloc(2 * n + 1, sizeof(size_t));
	struct sorting s = { .g = g,
			     .is_done = flags,
			     .on_path = flags + n,
			     .path = numbers,
			     .next_edge = numbers + n,
			     .ret = ret };
	for (size_t i = 0; i < n; i++)
		if (!s.is_done[i])
			sort_from(&s, i);
	assert(s.count == n);
}

/* ---- start ---- */

static bool holds(const struct order_facts *f, enum order_condition condition)
{
	switch (condition) {
	case ORDER_READY:
		return f->is_ready;
	case ORDER_STARTED:
		return f->has_started || f->has_completed || f->is_ready;
	case ORDER_COMPLETED:
		return f->has_completed;
	case ORDER_EXISTS:
		return true;
	case ORDER_CONDITION_COUNT:
		break;
	}
	assert(false);
	return false;
}

static void add_state(const struct order_node *n, const struct order_facts *f,
		      enum order_condition condition, struct str *ret)
{
	const char *comma = *f->trouble ? ", " : "";
	str_addf(ret, "%s/%s", n->kind->kind, n->name);
	if (f->has_failed)
		str_addf(ret, " (failed%s%s)", f->failure ? ": " : "",
			 f->failure ? f->failure : "");
	else if (condition == ORDER_COMPLETED)
		str_addf(ret, " (not completed%s%s)", comma, f->trouble);
	else if (condition == ORDER_STARTED)
		str_addf(ret, " (not started%s%s)", comma, f->trouble);
	else
		str_addf(ret, " (%lld/%lld ready%s%s)", (long long)f->ready_count,
			 (long long)f->wanted_count, comma, f->trouble);
}

static size_t service_number(const struct order_graph *g, const char *name)
{
	for (size_t i = 0; i < g->services_count; i++)
		if (streq(g->services[i].name, name))
			return i;
	return ORDER_NONE;
}

/* What one entry waits for, appended to `waiting`; the worst news about it. */
static enum order_gate service_entry(const struct order_graph *g, const struct order_entry *e,
				     const bool *services_ready, struct str *waiting)
{
	size_t s = service_number(g, e->name);
	if (s != ORDER_NONE && (e->condition == ORDER_EXISTS || services_ready[s]))
		return ORDER_GATE_HOLDS;
	str_addf(waiting, "%sService/%s (%s)", waiting->len ? ", " : "", e->name,
		 s == ORDER_NONE ? "not found" : "no ready endpoint");
	return ORDER_GATE_PENDING;
}

static enum order_gate workload_entry(const struct order_graph *g, const struct order_node *n,
				      size_t entry, const struct order_facts *facts,
				      struct str *waiting)
{
	const struct order_entry *e = &n->depends.at[entry];
	enum order_gate worst = ORDER_GATE_HOLDS;
	bool is_found = false;
	for (size_t i = 0; i < n->edges_count; i++) {
		if (n->edges[i].entry != entry)
			continue;
		size_t to = n->edges[i].to;
		is_found = true;
		if (holds(&facts[to], e->condition))
			continue;
		if (waiting->len)
			str_add(waiting, ", ");
		add_state(&g->nodes[to], &facts[to], e->condition, waiting);
		worst = MAX(worst, facts[to].has_failed ? ORDER_GATE_FAILED : ORDER_GATE_PENDING);
	}
	if (is_found)
		return worst;
	str_addf(waiting, "%s%s%s%s (not found)", waiting->len ? ", " : "", e->kind ? e->kind : "",
		 e->kind ? "/" : "", e->name);
	return ORDER_GATE_PENDING;
}

enum order_gate order_gate(const struct order_graph *g, size_t node,
			   const struct order_facts *facts, const bool *services_ready,
			   struct str *ret_text)
{
	assert(g->is_linked);
	const struct order_node *n = &g->nodes[node];
	if (n->is_in_cycle) {
		str_add(ret_text, "it depends on itself: ");
		(void)order_cycle_text(g, node, ret_text); /* it is in one */
		return ORDER_GATE_CYCLE;
	}
	AUTO_STR waiting;
	str_init(&waiting, 8192);
	enum order_gate worst = ORDER_GATE_HOLDS;
	for (size_t i = 0; i < n->depends.count; i++) {
		const struct order_entry *e = &n->depends.at[i];
		enum order_gate gate = e->kind && streq(e->kind, "Service")
					       ? service_entry(g, e, services_ready, &waiting)
					       : workload_entry(g, n, i, facts, &waiting);
		worst = MAX(worst, gate);
	}
	if (worst == ORDER_GATE_HOLDS)
		str_add(ret_text, "all dependencies are ready");
	else
		str_addf(ret_text, "waiting for %s", waiting.data);
	return worst;
}

const char *order_gate_reason(enum order_gate gate)
{
	static const char *const reasons[] = { "DependenciesReady", "DependenciesPending",
					       "DependencyFailed", "DependencyCycle" };
	assert(gate < ORDER_GATE_COUNT);
	return reasons[gate];
}

enum order_latch order_latch(const struct order_latch_facts *f, int64_t *ret_wake_ms)
{
	*ret_wake_ms = -1;
	if (f->is_open)
		return ORDER_LATCH_OPEN;
	if (!f->has_dependencies || (f->is_update && !f->orders_updates))
		return ORDER_LATCH_NONE;
	if (f->gate != ORDER_GATE_HOLDS)
		return ORDER_LATCH_CLOSED;
	/* A file may change the dependency a moment after the dependent: then that one goes first. */
	int64_t left_ms = f->since_ms + ORDER_SETTLE_MS - f->now_ms;
	if (left_ms > 0) {
		*ret_wake_ms = left_ms;
		return ORDER_LATCH_CLOSED;
	}
	return ORDER_LATCH_OPEN_NOW;
}
