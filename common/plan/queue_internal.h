/*
 * queue_internal.h - the memory of a queue_plan, shared by its files: queue_heap.c (orders),
 * queue_place.c (what is free), queue_shape.c (the ready set), queue_backfill.c (reservations),
 * queue_change.c (what happens), queue_plan.c
 * (decisions), queue_why.c (words).
 */
#pragma once

#include "common/plan/queue_plan.h"

#define QUEUE_VICTIMS_MAX  64
#define QUEUE_FRONTIER_MAX 4096

/* A job: one cache line. In a waiting heap left, right and parent are its neighbours; while it runs,
 * `left` is its place in the running heap; free ones are chained by `left`. */
struct queue_slot {
	uint64_t id;
	int64_t arrival_us, estimate_us;
	int64_t attained_us; /* service before since_us */
	int64_t since_us;    /* in this state; of a resumed job: when its service began */
	uint32_t shape : 22;
	uint32_t distance : 6; /* to the nearest missing child: what makes the heap leftist */
	uint32_t state : 2;
	uint32_t is_kept : 1;
	uint32_t is_overdue : 1; /* was started out of order because it waited too long */
	int32_t priority;
	uint32_t place; /* running or pinned; of a gang its first part */
	uint32_t left, right, parent;
};
_Static_assert(sizeof(struct queue_slot) == 64, "a job is a cache line");

struct queue_link { /* the order of waiting since when, for max_wait */
	uint32_t before, after;
};
struct queue_part { /* members of a gang on a place */
	uint32_t place, members, next;
};

struct queue_shape {
	int64_t need[QUEUE_RESOURCES_MAX]; /* of a member */
	uint32_t members, group;
	uint32_t pin;    /* frozen work that keeps something: only here; else QUEUE_NONE */
	uint32_t origin; /* the shape it had before it was frozen */
	uint32_t refs;   /* jobs, holds */
	uint32_t root;   /* of its waiting jobs */
	uint32_t chain;  /* next in its hash bucket, or next free */
	uint32_t next_in_group, before_in_group;
	bool is_possible; /* it would fit an empty machine */
	bool is_held_up;  /* its group takes no more of it */
	bool is_closed;   /* looked as if it fitted and did not; until something is freed */
};

struct queue_group_use {
	struct queue_group limits;
	uint32_t running;
	int64_t used[QUEUE_RESOURCES_MAX];
	uint32_t shapes; /* first of its shapes */
};

struct queue {
	struct queue_limits limits;
	struct queue_settings settings;
	struct queue_slot *slots;
	int64_t *deadlines;       /* or NULL */
	struct queue_link *links; /* or NULL */
	uint32_t slots_used, slots_free;
	uint32_t oldest, newest; /* of the links */

	uint32_t *running; /* a heap: who would be frozen first on top */
	uint32_t *scratch; /* as large: sorted copies */
	uint32_t running_count, waiting_count;

	struct queue_shape *shapes;
	uint32_t shapes_used, shapes_free, shapes_mask;
	uint32_t *buckets;
	uint32_t *winners;   /* the tree over shapes: the shape with the first job below a node */
	int64_t *least_need; /* and the least whole need below it, `resources` a node */
	uint32_t width;      /* leaves of the tree: a power of two */
	uint32_t pinned_count, closed_count;

	int64_t *capacity, *free; /* by place */
	int64_t *most_free;       /* the tree over places: the most free below a node */
	int64_t *spare;           /* by place: what the reservation leaves; for backfill */
	uint32_t places_width;
	int64_t total[QUEUE_RESOURCES_MAX], total_free[QUEUE_RESOURCES_MAX];

	struct queue_part *parts;
	uint32_t parts_used, parts_free;
	struct queue_group_use *groups;

	uint32_t first;         /* whom the last decision kept a place for, or who blocked it */
	int64_t first_start_us; /* by reservation; INT64_MAX: none */
	uint32_t frontier[QUEUE_FRONTIER_MAX];
};

/* ---- queue_heap.c ---- */
int64_t queue_key(const struct queue *q, const struct queue_slot *s);
/* The key at `now_us` of one that runs. */
int64_t queue_running_key(const struct queue *q, const struct queue_slot *s, int64_t now_us);
bool queue_before(const struct queue *q, uint32_t a, uint32_t b);
uint32_t queue_heap_merge(struct queue *q, uint32_t a, uint32_t b);
/* The new root of the heap with that root. */
uint32_t queue_heap_add(struct queue *q, uint32_t root, uint32_t job);
uint32_t queue_heap_remove(struct queue *q, uint32_t root, uint32_t job);
void queue_running_add(struct queue *q, uint32_t job);
void queue_running_remove(struct queue *q, uint32_t job);
void queue_running_order(struct queue *q); /* anew, after the settings changed */
static inline int64_t queue_deadline(const struct queue *q, uint32_t job)
{
	return q->deadlines && q->deadlines[job] ? q->deadlines[job] : QUEUE_TIME_MAX;
}

/* ---- queue_place.c ---- */
void queue_place_changed(struct queue *q, uint32_t place);
/* The first place with room for a member (a pinned shape: its own), or QUEUE_NONE. */
uint32_t queue_place_find(const struct queue *q, const struct queue_shape *s, uint32_t from);
/* Is there room for all members now? */
bool queue_fits(const struct queue *q, const struct queue_shape *s);
bool queue_fits_empty(const struct queue *q, const struct queue_shape *s);
/* Takes what queue_fits found; the job's place and parts are set. False: no parts left. */
bool queue_take(struct queue *q, uint32_t job);
/* `sign` -1: take its amounts again where it runs; +1: give them back. `kept_too`: all of them. */
void queue_shift(struct queue *q, uint32_t job, int sign, bool kept_too);
void queue_parts_drop(struct queue *q, uint32_t job);

/* ---- queue_shape.c ---- */
void queue_shape_changed(struct queue *q,
			 uint32_t shape);                /* its first job, or whether it may run */
void queue_shape_judge(struct queue *q, uint32_t shape); /* anew: is it possible, is it held up */
void queue_shapes_judge(struct queue *q);                /* all of them */
int queue_shape_intern(struct queue *q, const struct queue_shape *like, uint32_t *ret,
		       struct error *err) MUST_CHECK;
void queue_shape_unref(struct queue *q, uint32_t shape);
void queue_shapes_reopen(struct queue *q);
uint32_t queue_shape_first(const struct queue *q);   /* with the first job of all, or QUEUE_NONE */
uint32_t queue_shape_fitting(const struct queue *q); /* the same among those that seem to fit */
void queue_group_shift(struct queue *q, const struct queue_shape *s, int sign);
bool queue_group_takes(const struct queue *q, const struct queue_shape *s);

/* ---- queue_change.c ---- */
void queue_wait_remove(struct queue *q, uint32_t job); /* out of the ready set */
/* A frozen job is thawed on paper: its own shape again. What it kept stays taken. */
void queue_unpin(struct queue *q, uint32_t job);
/* It waits for what freezing freed. If it keeps something, it can only go on where that is. */
void queue_freeze(struct queue *q, uint32_t job, int64_t now_us);

/* ---- queue_plan.c ---- */
void queue_start(struct queue *q, uint32_t job, int64_t now_us, const char *why,
		 struct queue_action *ret);

/* ---- queue_backfill.c ---- */
/* A reservation for `first`, which does not fit, and at most one job that may start before it. */
size_t queue_backfill(struct queue *q, uint32_t first, int64_t now_us, struct queue_action *ret);
