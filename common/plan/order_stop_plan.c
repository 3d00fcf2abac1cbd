/* Stop order: who of those that are deleted together waits for whom, and for how long. */
#include "common/plan/order_plan.h"

#define AWAITED_SHOWN_MAX 10

/* What is deleted: a node, or (node is ORDER_NONE) a Service. */
struct leaving {
	size_t node, service;
	const struct order_stop_facts *own;
};

static bool names_service(const struct order_graph *g, size_t node, size_t service)
{
	const struct order_node *n = &g->nodes[node];
	for (size_t i = 0; i < n->depends.count; i++)
		if (n->depends.at[i].kind && streq(n->depends.at[i].kind, "Service") &&
		    streq(n->depends.at[i].name, g->services[service].name))
			return true;
	return false;
}

bool order_service_has_dependents(const struct order_graph *g, size_t service)
{
	for (size_t i = 0; i < g->nodes_count; i++)
		if (!g->nodes[i].is_in_cycle && names_service(g, i, service))
			return true;
	return false;
}

static bool is_awaited(const struct order_graph *g, const struct leaving *l, size_t dependent,
		       const struct order_stop_facts *f)
{
	if (dependent == l->node || !f->is_deleting || !f->has_pods || f->is_exempt ||
	    g->nodes[dependent].is_in_cycle)
		return false;
	return l->node == ORDER_NONE ? names_service(g, dependent, l->service)
				     : order_depends_on(g, dependent, l->node);
}

struct awaited {
	struct str text;
	size_t count;
	bool any_held;
	int64_t left_ms; /* the longest that a stopping one still has */
};

static void await(struct awaited *a, const struct order_graph *g, size_t node,
		  const struct order_stop_facts *f, int64_t now_ms)
{
	if (a->count < AWAITED_SHOWN_MAX)
		str_addf(&a->text, "%s%s/%s", a->count ? ", " : "", g->nodes[node].kind->kind,
			 g->nodes[node].name);
	a->count++;
	if (f->is_held) {
		a->any_held = true;
		return;
	}
	int64_t left_ms = f->stopping_since_ms + f->grace_ms + ORDER_STOP_EXTRA_MS - now_ms;
	a->left_ms = MAX(a->left_ms, left_ms);
}

static enum order_stop decide(const struct order_graph *g, const struct leaving *l,
			      const struct order_stop_facts *facts, int64_t now_ms,
			      int64_t *ret_wake_ms, struct str *ret_text)
{
	assert(g->is_linked);
	*ret_wake_ms = -1;
	if (l->own->is_exempt || (l->node != ORDER_NONE && g->nodes[l->node].is_in_cycle))
		return ORDER_STOP_GO;
	int64_t settle_ms = l->own->deleted_at_ms + ORDER_STOP_WAIT_MS - now_ms;
	if (settle_ms > 0) {
		*ret_wake_ms = settle_ms;
		str_add(ret_text, "waiting a moment for more deletions");
		return ORDER_STOP_HOLD;
	}
	struct awaited a = { 0 };
	str_init(&a.text, 8192);
	for (size_t i = 0; i < g->nodes_count; i++)
		if (is_awaited(g, l, i, &facts[i]))
			await(&a, g, i, &facts[i], now_ms);
	if (a.count > AWAITED_SHOWN_MAX)
		str_addf(&a.text, " and %zu more", a.count - AWAITED_SHOWN_MAX);
	bool is_late = !a.any_held && a.left_ms <= 0;
	if (a.count > 0)
		str_addf(ret_text, is_late ? "no longer waiting for %s to stop" : "stops after %s",
			 a.text.data);
	str_fini(&a.text);
	if (a.count == 0)
		return ORDER_STOP_GO;
	if (!is_late && a.left_ms > 0)
		*ret_wake_ms = a.left_ms;
	return is_late ? ORDER_STOP_LATE : ORDER_STOP_HOLD;
}

enum order_stop order_stop(const struct order_graph *g, size_t node,
			   const struct order_stop_facts *facts, int64_t now_ms,
			   int64_t *ret_wake_ms, struct str *ret_text)
{
	const struct leaving l = { node, ORDER_NONE, &facts[node] };
	return decide(g, &l, facts, now_ms, ret_wake_ms, ret_text);
}

enum order_stop order_stop_service(const struct order_graph *g, size_t service,
				   const struct order_stop_facts *own,
				   const struct order_stop_facts *facts, int64_t now_ms,
				   int64_t *ret_wake_ms, struct str *ret_text)
{
	const struct leaving l = { ORDER_NONE, service, own };
	return decide(g, &l, facts, now_ms, ret_wake_ms, ret_text);
}
