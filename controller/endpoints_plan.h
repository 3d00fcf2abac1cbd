/*
 * endpoints_plan.h - what the Endpoints object and the EndpointSlices of a Service should
 * say, and which slices to write for it. Pure.
 *
 * Slices hold at most 100 endpoints. An endpoint stays in the slice it is in; new ones fill
 * slices that are written anyway, then those with room, then new slices; so a
 * change of one pod changes one slice.
 */
#pragma once

#include "common/base/jsonx.h"

#define SLICE_ENDPOINTS_MAX  100
#define ENDPOINTS_SUBSET_MAX 1000 /* addresses in one Endpoints object */

/* Pods that share one list of ports (named target ports may differ from pod to pod). */
struct endpoint_group {
	json_t *ports;     /* [{ name, port, protocol, appProtocol }] */
	json_t *endpoints; /* [{ addresses, conditions, … }], by address */
};
struct endpoint_groups {
	struct endpoint_group *at;
	size_t count;
};
void endpoint_groups_fini(struct endpoint_groups *g);

/* `pods`: those that the Service selects, in key order. */
void endpoints_plan_groups(const json_t *service, const json_t *const *pods, size_t n,
			   struct endpoint_groups *ret);
/* The subsets of the Endpoints object. */
json_t *endpoints_plan_subsets(const json_t *service, const json_t *const *pods, size_t n);

enum slice_verb { SLICE_CREATE, SLICE_UPDATE, SLICE_DELETE, SLICE_VERB_COUNT };
struct slice_action {
	enum slice_verb verb;
	size_t slice;              /* number among the present ones; not for create */
	json_t *ports, *endpoints; /* owned by the plan; not for delete */
};
struct slice_plan {
	struct slice_action *actions;
	size_t count;
};
void slice_plan_fini(struct slice_plan *p);
void slice_plan_make(struct slice_plan *plan, const struct endpoint_groups *groups,
		     const json_t *const *slices, size_t n);

/* Equal in what we write; other fields and absent defaults do not count. */
bool endpoints_are_same_subsets(const json_t *a, const json_t *b);
