/*
 * share_plan.h - who gets what there is: a tree of pools whose leaves are queues, with weights,
 * guarantees, limits, reservations, borrowing and taking back, and capacity that may be revoked. Which
 * of a queue's jobs is next is the queue's own matter (queue_plan): here it shows one, its head. Pure.
 *
 * Fairness is hierarchical dominant resource fairness. A leaf's share is its largest part of any
 * resource, divided by its weight; the lowest share goes first (Ghodsi et al., "Dominant Resource
 * Fairness", NSDI 2011). A pool's share is made of its children's use, each scaled down to the least
 * share among its children that can still start something, so that a child that holds much of what
 * nobody else wants does not starve its siblings (Bhattacharya et al., "Hierarchical Scheduling for
 * Diverse Datacenter Workloads", SoCC 2013; there H-DRF, sections 4.2-4.3).
 *
 *	guarantee   whatever a node wants of it it gets before anybody gets more than his own. Others may
 *	            borrow what of it lies idle; it is taken back when wanted.
 *	reserved    a part of the guarantee that is never lent.
 *	limit       a node never has more.
 *
 * What holds, and when. With tasks that can be divided at will, demands in fixed proportion (Leontief)
 * and neither guarantees nor limits but an end to what is wanted (share_ideal computes that allocation;
 * Parkes, Procaccia, Shah, "Beyond Dominant Resource Fairness", EC 2012, for demands of zero): sharing
 * incentive (nobody has less than his weight's part of everything would give him), envy-freeness (nobody
 * would rather have another's allocation, scaled by weights), Pareto efficiency (nobody can get more
 * without another getting less) and strategy-proofness (a false demand gains nothing). With tasks as
 * they are: sharing incentive up to one task of each queue, also down a tree by the product of weights;
 * envy-freeness up to one task of either; Pareto efficiency as "no queue that waits could start its
 * head"; strategy-proofness not at all (a padded task may win a round). With a guarantee or a limit they
 * hold among what is left. tests/unit/plan/test_share_property.c checks each by lot. Taking back bounds
 * how long a queue that hoards holds others up: by an eviction, not by how long its tasks run.
 *
 * A decision looks at every node: O(nodes × resources); a change costs O(depth × resources).
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/error.h"

#define SHARE_RESOURCES_MAX 8
#define SHARE_NODES_MAX     100000
#define SHARE_DEPTH_MAX     16
#define SHARE_TASKS_MAX     1000000
#define SHARE_NONE          UINT32_MAX
#define SHARE_NO_LIMIT      INT64_MAX
#define SHARE_AMOUNT_MAX    (INT64_MAX / SHARE_TASKS_MAX) /* of a task or capacity: sums fit */

struct share_amounts { /* by resource, in its own unit: millicores, bytes, pieces */
	int64_t of[SHARE_RESOURCES_MAX];
};

struct share_node {
	double weight; /* > 0 */
	struct share_amounts guarantee, reserved;
	struct share_amounts limit; /* SHARE_NO_LIMIT where there is none */
};
/* Weight 1, no guarantee, no limit. */
struct share_node share_node_plain(void);

struct share_settings {
	uint32_t resources;
	/* Take back for fairness too: a queue may have a task of another evicted as long as its own
	 * share stays, with its task started, no larger than what the other is left with. */
	bool reclaims_fairly;
};

struct share_tree;

/* The root is node 0. */
struct share_tree *share_tree_new(const struct share_settings *s, struct arena *a);
/* The node's number, one more than the last; a node with children is a pool. ERR_INVALID: no such
 * parent, the parent has tasks or a head, a number out of range (NaN too), more reserved than
 * guaranteed, more guaranteed than the limit allows. ERR_LIMIT. */
int share_add(struct share_tree *t, uint32_t parent, const struct share_node *node, uint32_t *ret,
	      struct error *err) MUST_CHECK;

enum share_change_kind {
	SHARE_CAPACITY,  /* there is `amounts` in all */
	SHARE_REVOCABLE, /* and so much more that may be taken back at any time */
	SHARE_NODE,      /* node `node` is now `spec` */
	SHARE_HEAD,    /* leaf `node` wants to start a task of `amounts`; has_head false: nothing */
	SHARE_STARTED, /* as the action asked: `node`, `task`, `is_revocable`; the head is gone */
	SHARE_ENDED,   /* `task` ended, was evicted or revoked */
	SHARE_CHANGE_COUNT
};
struct share_change {
	enum share_change_kind kind;
	uint32_t node, task;
	struct share_amounts amounts;
	struct share_node spec;
	bool has_head;
	bool takes_revocable; /* HEAD: it may run where it can be revoked */
	bool is_revocable;
};
/* ERR_INVALID, and nothing is changed: no such node or task, a pool, a number out of range, or it cannot
 * be (a task that was never asked for). ERR_LIMIT. */
int share_apply(struct share_tree *t, const struct share_change *c, struct error *err) MUST_CHECK;

enum share_action_kind {
	SHARE_WAIT,
	SHARE_START,   /* leaf `node` starts its head as `task` */
	SHARE_RECLAIM, /* evict `task` of `node`, for the head of `for_node` */
	SHARE_REVOKE,  /* evict the revocable `task` of `node` */
	SHARE_ACTION_COUNT
};
struct share_action {
	enum share_action_kind kind;
	uint32_t node, task, for_node;
	bool is_revocable;
	const char *why;
};
/* What to do first; the same until a change is applied. */
struct share_action share_next(struct share_tree *t);

/* Why leaf `node` does not start its head: static text. */
const char *share_why(struct share_tree *t, uint32_t node);
/* The weighted dominant share of a node below the root, as it counts for who is next (of a pool: see
 * above), and what a node has. */
double share_of(struct share_tree *t, uint32_t node);
struct share_amounts share_used(const struct share_tree *t, uint32_t node);
uint32_t share_nodes_count(const struct share_tree *t);

/* ---- the allocation of tasks that can be divided (see above) ---- */
struct share_claim {
	double weight;                      /* > 0 */
	double demand[SHARE_RESOURCES_MAX]; /* of one task; not all 0 */
	double tasks_max;                   /* it wants no more; INFINITY: no end */
};
/* How many tasks, not whole ones, each of `n` gets. O(n × (n + resources)). */
void share_ideal(const double *capacity, uint32_t resources, const struct share_claim *claims,
		 size_t n, double *ret_tasks);
