/*
 * scene.h - one namespace as dependency order sees it: its workloads, who depends on whom, and what
 * state each is in.
 */
#pragma once

#include "cli/live.h"
#include "cli/tree_plan.h"

struct scene {
	struct live *live;
	struct order_graph *graph;
	const json_t **trees; /* by node, borrowed from live */
	struct tree_node *nodes;
	struct ready_culprit *culprits;
};
void scene_fini(struct scene *s); /* {0} is fine */
#define AUTO_SCENE __attribute__((cleanup(scene_fini))) struct scene

/* ERR_UNAVAILABLE. */
int scene_read(struct session *session, const char *ns, struct scene *ret,
	       struct error *err) MUST_CHECK;
