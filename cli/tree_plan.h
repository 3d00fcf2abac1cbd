/*
 * tree_plan.h - draws the dependency graph, and follows it from what waits to what is the cause.
 * Pure.
 */
#pragma once

#include "cli/ready_plan.h"
#include "common/plan/order_plan.h"

struct tree_node { /* by node of the graph */
	enum ready_state state;
	const char *text;
	bool waits; /* its dependencies do not hold yet */
};

/* What nobody depends on stands at the left, what it depends on below it:
 *
 *	· Deployment/a  waiting for Deployment/b (0/1 ready)
 *	└─ ✗ Deployment/b  0/1 ready: container b: exit code 3
 *
 * `root` ORDER_NONE: the whole graph. A node is drawn once; later it is only named. `marks` stand
 * before names, by state. */
void tree_draw(const struct order_graph *g, const struct tree_node *nodes, size_t root,
	       const char *const marks[READY_STATE_COUNT], struct str *out);

/* One line a step: who waits for whom, down to the causes. `ret_causes` has room for nodes_count:
 * the nodes at the ends that are not ready. Returns how many. */
size_t why_chain(const struct order_graph *g, const struct tree_node *nodes, size_t node,
		 struct str *out, size_t *ret_causes);
