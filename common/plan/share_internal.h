/* share_internal.h - the tree as the parts of share_plan see it. */
#pragma once

#include "common/plan/share_plan.h"

enum share_block { /* why a leaf's head does not start; texts in share_plan.c */
		   SHARE_FITS,
		   SHARE_NO_HEAD,
		   SHARE_AT_LIMIT,
		   SHARE_NO_CAPACITY,
		   SHARE_RESERVED,  /* there is room, but it is reserved for others */
		   SHARE_TOO_LARGE, /* for all there is */
		   SHARE_BLOCK_COUNT
};

struct node {
	/* What every decision looks at stands together. */
	uint32_t parent, first_child, next, depth;
	enum share_block block;
	bool has_head, takes_revocable;
	bool is_limited; /* it, or a pool above it, has a limit */
	bool is_dirty;   /* what it has changed since its share was computed */
	bool is_assumed; /* while victims are looked for: its head is the task that it would lose */
	bool is_tried;   /* to find room for */
	bool can_start;  /* it, or something below it */
	bool is_guaranteed; /* what would start is within a guarantee */
	uint32_t best;      /* of a pool: the child that is next */
	uint32_t leaf;      /* the leaf that is next below it */
	double share;       /* weighted */
	struct share_amounts head;
	struct share_amounts used;
	int64_t taken[SHARE_RESOURCES_MAX]; /* while victims are looked for: what of `used` goes */

	double scaled[SHARE_RESOURCES_MAX]; /* what it counts as having */
	double least; /* of a pool: the share that its children were scaled to */
	uint32_t last_child;
	uint32_t stamp;     /* of the search that took of it */
	uint32_t newest[2]; /* task, or SHARE_NONE; [1]: of the revocable ones */
	struct share_node spec;
	struct share_amounts revocable;          /* with what is below */
	int64_t kept[SHARE_RESOURCES_MAX];       /* what its reservation still keeps from others */
	int64_t kept_below[SHARE_RESOURCES_MAX]; /* the sum of its children's */
};

struct task {
	uint32_t leaf;
	struct share_amounts amounts;
	bool is_live, is_revocable;
	uint32_t stamp;        /* of the search that took it */
	uint32_t older, newer; /* of its leaf; of a free one `older` is the next free one */
};

struct share_tree {
	struct arena *a;
	uint32_t resources;
	bool reclaims_fairly;
	struct share_amounts capacity, slack;
	struct node *nodes;
	uint32_t count, size;
	struct task *tasks;
	uint32_t tasks_count, tasks_size, free_task;
	bool is_judged;
	bool has_guarantees, has_reservations; /* any node */
	uint32_t stamp;
};

/* share_reclaim.c: the queue for whose head a task is to be evicted, rather than that `start` (or
 * SHARE_NONE) starts; SHARE_NONE: none. */
uint32_t share_find_claim(struct share_tree *t, uint32_t start, uint32_t *ret_task,
			  bool *ret_is_guarantee);
/* What it has, or would have left. */
static inline int64_t share_have(const struct node *n, uint32_t r)
{
	return n->used.of[r] - n->taken[r];
}
/* share_plan.c */
void share_judge(struct share_tree *t);
void share_all_dirty(struct share_tree *t);
int64_t share_kept_from(const struct share_tree *t, uint32_t leaf, uint32_t r);
bool share_is_guaranteed(const struct share_tree *t, uint32_t n, const struct share_amounts *head);
/* Would a leaf's head be within its own guarantee, or that of a pool above it? */
bool share_has_guarantee(const struct share_tree *t, uint32_t leaf);
double share_dominant(const struct share_tree *t, const double *amounts);

uint32_t share_next_task(const struct share_tree *t);
