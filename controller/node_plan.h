/*
 * node_plan.h - what a node's lease and conditions mean: is it reachable, which taints it
 * should bear, which of its pods must go when. Pure.
 */
#pragma once

#include "common/base/jsonx.h"

#define NODE_GRACE_MS   40000 /* without a sign of life */
#define NODE_STARTUP_MS 60000 /* for one that never gave any */

struct node_signs {
	int64_t silent_ms; /* since lease or status last changed, as we saw it */
	bool has_signed;   /* it has a lease or a status */
	const char *ready; /* status of its Ready condition: True, False, Unknown, "" */
};
/* Must the controller say Unknown in the node's name? *ret_wake_ms: when to look again. */
bool node_plan_is_lost(const struct node_signs *s, int64_t *ret_wake_ms);

/* spec.taints as they should be (a new array), from conditions and unschedulable; taints that
 * are not ours stay. `now` becomes timeAdded of new NoExecute taints. */
json_t *node_plan_taints(const json_t *node, const char *now);

/* When the pod must leave because of NoExecute taints: -1 never, else milliseconds from now
 * (0: at once). */
int64_t node_plan_evict_in_ms(const json_t *pod, const json_t *taints, int64_t now_us);

/* The first free range of `bits` bits inside cidr that no `taken[i]` overlaps; "10.244.3.0/24". */
bool node_plan_range(const char *cidr, int bits, const char *const *taken, size_t n, char out[32]);
