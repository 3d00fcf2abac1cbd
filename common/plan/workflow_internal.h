/*
 * workflow_internal.h - what the parts of workflow_plan share: the linked graph, a run's value, heaps
 * of instances.
 */
#pragma once

#include "common/plan/workflow_plan.h"

struct list { /* of numbers in one array of the graph */
	uint32_t *at;
	uint32_t count;
};

struct node {
	struct workflow_step is; /* name is a copy; needs and pool are not kept */
	struct list parents, children;
	struct list setups;     /* not among its parents, but it stands in their scope */
	struct list dependents; /* of a setup: those that have it in `setups` */
	uint32_t pool;          /* or WORKFLOW_NONE */
	int64_t rank_us;
	uint32_t position; /* in the order */
	bool is_leaf;      /* its state counts for the run's result */
	bool has_branch_parent;
};

struct workflow_graph {
	struct node *nodes;
	uint32_t count;
	uint32_t *order; /* parents first */
	uint32_t *by_name;
	struct workflow_pool *pools;
	uint32_t pools_count;
	uint32_t active_max;
	int64_t timeout_us;
	bool fails_fast;
};

/* What stands between a step and its setups, as numbers of nodes. */
int graph_link_setups(struct workflow_graph *g, struct arena *a, struct error *err) MUST_CHECK;
int graph_check_cycle(struct workflow_graph *g, struct error *err) MUST_CHECK;
/* error_set with "line N: step 'x': " in front. */
int graph_refuse(const struct workflow_step *s, struct error *err, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

/* ---- a run ---- */
struct queue { /* of instances */
	uint32_t first, last;
};
struct instance {
	uint32_t step, index;
	enum workflow_state state;
	uint32_t attempt;      /* the number of the last one that began */
	uint32_t tries;        /* attempts since it was last cleared */
	uint32_t heap_at;      /* its place in a heap, or WORKFLOW_NONE */
	struct queue *in;      /* the one queue it stands in, or NULL */
	uint32_t next, last;   /* there */
	int64_t timer_us;      /* in the heap of timers */
	int64_t since_us;      /* when its present state began */
	bool must_stop;        /* and was not told yet */
	bool was_late;         /* it ran into its timeout */
	bool is_due, is_asked; /* a sensor: to be asked; asked, no answer yet */
	const char *why;
};

struct heap {
	uint32_t *at;
	uint32_t count, size;
};

struct step_run {
	struct workflow_parents parents;
	uint32_t setups_left, setups_bad, setups_skipped, branches_left;
	uint32_t first, count;    /* instances */
	uint32_t capacity;        /* instances that have room from `first` on */
	uint32_t open;            /* not final */
	uint32_t active, offered; /* running; in a heap of ready ones */
	uint32_t attempts;        /* the highest number an instance of it had when it was cleared */
	struct queue parked;      /* ready, but at the step's own limit */
	bool is_decided;          /* by its trigger, a branch or by hand */
	bool is_excluded;         /* a branch went another way */
	bool is_clearing;         /* once nothing of it runs it waits again */
	bool is_dirty;
	uint8_t *goes_on; /* of a branch: by child */
	bool has_chosen;
};

struct pool_run {
	uint32_t slots, used;
	struct heap ready;
};

struct workflow_run {
	const struct workflow_graph *g;
	struct arena *a;
	uint64_t seed;
	struct step_run *steps;
	struct instance *instances;
	uint32_t instances_count, instances_size;
	struct pool_run *pools; /* one more than the graph's: steps without a pool */
	struct heap timers;
	struct queue stops, expansions, pokes;
	uint32_t *dirty; /* places in the order of steps to look at: a heap */
	uint32_t dirty_count;
	uint32_t *stamps, stamp, *stack; /* of walks over the graph */
	uint32_t active, open_steps;
	bool has_failed_fast;
	int64_t now_us, deadline_us;
	enum workflow_result ending; /* why nothing new starts; WORKFLOW_ACTIVE: it does */
	enum workflow_result result;
};

static inline const struct node *node_of(const struct workflow_run *r, const struct instance *i)
{
	return &r->g->nodes[i->step];
}

/* ---- workflow_ready.c: heaps and queues ---- */
void timer_set(struct workflow_run *r, struct instance *i, int64_t at_us);
void timer_drop(struct workflow_run *r, struct instance *i);
struct instance *timer_first(const struct workflow_run *r);
void queue_push(struct workflow_run *r, struct queue *q, struct instance *i);
struct instance *queue_first(const struct workflow_run *r, const struct queue *q);
void queue_leave(struct workflow_run *r, struct instance *i); /* fine in none */
void ready_add(struct workflow_run *r, struct instance *i);
/* It is READY no longer. */
void ready_remove(struct workflow_run *r, struct instance *i);
/* A slot of the step itself became free. */
void ready_offer(struct workflow_run *r, uint32_t step);
struct instance *ready_first(const struct workflow_run *r);
bool ready_before(const struct workflow_run *r, const struct instance *a, const struct instance *b);

/* ---- workflow_settle.c: what follows from what happened ---- */
/* The one way into a state. */
void settle_enter(struct workflow_run *r, struct instance *i, enum workflow_state s,
		  const char *why);
void settle_begin(struct workflow_run *r, struct instance *i, const char *why);
/* The length of a step's list is known; there is room. Pointers to instances are void afterwards. */
void settle_expand(struct workflow_run *r, uint32_t step, uint32_t count);
/* The same where a run is taken up: its instances are as they were before anything happened. */
void settle_prepare(struct workflow_run *r, uint32_t step, uint32_t count);
bool settle_has_room(const struct workflow_run *r, uint32_t step, uint32_t count);
/* A branch's choice; then its children know. */
void settle_choose(struct workflow_run *r, uint32_t branch, const uint32_t *chosen, size_t count);
void settle_exclude(struct workflow_run *r, uint32_t branch);
void settle_count(struct workflow_run *r, const struct instance *i); /* a final one, for others */
void settle_mark(struct workflow_run *r, uint32_t step);
void settle_all(struct workflow_run *r); /* looks at every marked step, and at what follows */
void settle_end(struct workflow_run *r, enum workflow_result why);
static inline void ask_stop(struct workflow_run *r, struct instance *i)
{
	if (i->state == WORKFLOW_RUNNING && !i->must_stop) {
		i->must_stop = true;
		queue_push(r, &r->stops, i);
	}
}
static inline int64_t sensor_late_us(const struct workflow_run *r, const struct instance *i)
{
	int64_t timeout_us = node_of(r, i)->is.timeout_us;
	return timeout_us ? i->since_us + timeout_us : WORKFLOW_NEVER;
}

/* ---- workflow_clear.c: what follows from all that is recorded ---- */
void clear_step(struct workflow_run *r, uint32_t step);
void clear_if_idle(struct workflow_run *r, uint32_t step);
void reset_step(struct workflow_run *r, uint32_t step);
void derive_all(struct workflow_run *r);
