/*
 * queue_plan.h - which job runs next, and why: the deciding core of queues, apart from any cluster.
 * Pure: no clock, no I/O, no allocation. The plan is a value in memory that the caller gives; it is
 * told of changes (a job came, a job ended, a node went) and asked what to do now.
 *
 *	q = queue_init(memory, &limits, &settings);
 *	queue_set_place(q, 0, capacity);             facts
 *	queue_arrive(q, &job, now, &handle, &err);
 *	n = queue_next(q, now, actions, 16);         what to do, in order, each with its reason
 *
 * What queue_next answers counts as done: the job is running from then on. When it could not be done,
 * the shell says so with queue_lost, and the job waits again. Asked twice without a change, the
 * second answer is empty.
 *
 * Jobs need amounts of up to QUEUE_RESOURCES_MAX resources, whose names and units are the caller's.
 * They run on places: a cluster's nodes, or one place that stands for a quota or for C servers. A
 * gang of m members needs its amounts m times, on any places, all of them at once or none. A group
 * (a queue, a user) has limits on what runs in it.
 *
 * Jobs that need the same (amounts, members, group) share a shape. Waiting jobs of a shape stand in
 * one heap in the policy's order, and shapes in a tree that knows the first job and the least need
 * below each node. So the first job that fits is found without looking at those that cannot run:
 * O(log n) a change for n waiting jobs, times the shapes that look as if they fitted and do not. With
 * backfill a decision also looks at the running jobs and at `backfill_depth` waiting ones.
 *
 * Policies: docs/queueing.md tells when to choose which, with sources. Equal keys go to the lower id.
 */
#pragma once

#include "common/base/error.h"
#include "common/base/str.h"

#define QUEUE_RESOURCES_MAX 8
#define QUEUE_NONE          UINT32_MAX
#define QUEUE_TIME_MAX      (INT64_C(1) << 60) /* no time or estimate is larger: about 36,000 years */
#define QUEUE_SHAPES_MAX    (1u << 22)
#define QUEUE_QUANTUM_US    100000 /* of LAS where the settings name none */
#define QUEUE_DEPTH         128 /* waiting jobs that one backfill looks at, where none is named */
#define QUEUE_PRIORITY_US   60000000 /* with ageing 1, waiting this long is one step of priority */

enum queue_policy {
	QUEUE_FCFS,     /* first come, first served */
	QUEUE_SJF,      /* shortest estimate first; what runs is left alone */
	QUEUE_SRTF,     /* shortest remaining time first, by freezing what runs longer */
	QUEUE_LAS,      /* least attained service first: needs no estimates */
	QUEUE_PRIORITY, /* highest priority first */
	QUEUE_EDF,      /* earliest deadline first */
	QUEUE_POLICY_COUNT
};
/* "fcfs", …; and back, case ignored (also "srpt", "fifo", "fb"); false: no such policy. */
const char *queue_policy_name(enum queue_policy p);
bool queue_policy_find(const char *name, enum queue_policy *ret);

struct queue_settings {
	enum queue_policy policy;
	bool backfills; /* EASY: the first has a reservation, others may use what that leaves */
	bool preempts;  /* Priority and EDF freeze, too; SRTF and LAS always do */
	bool blocks;    /* whom the first cannot fit, nobody passes (implied by backfills) */
	bool may_evict; /* where freezing does not free enough, work may be thrown away */
	uint8_t kept;   /* bit r: frozen work keeps resource r (memory) */
	double ageing; /* µs of key a waiting µs is worth, 0 … 1000; see queue_plan.c, key_of */
	int64_t max_wait_us; /* who waited longer goes first and is not frozen again; 0: no bound */
	int64_t quantum_us;  /* LAS freezes whoever is ahead by so much; 0: QUEUE_QUANTUM_US */
	int64_t switch_us;   /* what a resumption costs: only a larger gain is worth it */
	uint32_t running_max;    /* 0: no bound but capacity */
	uint32_t backfill_depth; /* 0: QUEUE_DEPTH */
};
/* Does it freeze what runs? */
static inline bool queue_is_preemptive(const struct queue_settings *s)
{
	return s->policy == QUEUE_SRTF || s->policy == QUEUE_LAS ||
	       (s->preempts && (s->policy == QUEUE_PRIORITY || s->policy == QUEUE_EDF));
}
/* The policy as the literature has it: FCFS, Priority and EDF block, the others let pass who fits. */
struct queue_settings queue_settings_of(enum queue_policy p);

struct queue_limits {
	uint32_t jobs_max, shapes_max, places_max, groups_max;
	uint32_t parts_max; /* of gangs: places that running gangs are spread over, all told */
	uint32_t resources;
	const char *const *resource_names; /* borrowed for the plan's life; for words */
	bool has_deadlines;                /* else every deadline counts as never */
	bool has_max_wait;                 /* settings may bound the wait */
};

struct queue;
/* Bytes of memory for queue_init; untouched pages of it stay untouched until jobs fill them. */
size_t queue_size(const struct queue_limits *limits);
/* `memory` is zeroed, aligned to 64 and outlives the queue, which needs no fini. */
struct queue *queue_init(void *memory, const struct queue_limits *limits,
			 const struct queue_settings *settings);
/* Another policy or other bounds from now on: O(waiting). */
void queue_set_settings(struct queue *q, const struct queue_settings *settings);
const struct queue_settings *queue_get_settings(const struct queue *q);

/* ---- facts about the machine ---- */
/* Amounts of each resource; less than what runs there is no error: nothing starts until it fits. */
void queue_set_place(struct queue *q, uint32_t place, const int64_t *capacity);
struct queue_group {
	uint32_t running_max;               /* 0: no bound */
	int64_t quota[QUEUE_RESOURCES_MAX]; /* 0: no bound */
};
void queue_set_group(struct queue *q, uint32_t group, const struct queue_group *limits);

/* ---- jobs ---- */
struct queue_request {
	int64_t need[QUEUE_RESOURCES_MAX]; /* of one member, >= 0 */
	uint32_t members;                  /* 0 counts as 1 */
	uint32_t group;                    /* below groups_max */
};
/* The shape of a request. It stays as long as a job has it or it is held: each queue_shape wants its
 * queue_shape_drop. ERR_LIMIT: shapes_max different ones. */
int queue_shape(struct queue *q, const struct queue_request *r, uint32_t *ret,
		struct error *err) MUST_CHECK;
void queue_shape_drop(struct queue *q, uint32_t shape);

struct queue_job {
	uint64_t id; /* its rank among equals: a number in order of submission */
	int64_t arrival_us, estimate_us; /* 0 … QUEUE_TIME_MAX */
	int64_t deadline_us;             /* 0: none */
	int32_t priority;
	uint32_t shape;
};
/* ERR_LIMIT: jobs_max are there; ERR_INVALID: a time out of bounds. The handle is good until the job
 * ends or is cancelled. */
int queue_arrive(struct queue *q, const struct queue_job *job, int64_t now_us, uint32_t *ret,
		 struct error *err) MUST_CHECK;
void queue_finish(struct queue *q, uint32_t job, int64_t now_us); /* running: done or failed */
void queue_cancel(struct queue *q, uint32_t job, int64_t now_us); /* in any state */
/* Its work is gone (it could not start, its node died): it waits again, in its old place. */
void queue_lost(struct queue *q, uint32_t job, int64_t now_us);
/* After a restart of the shell: it waits (queue_arrive), and really has run `attained_us` and runs on
 * `place` (no gangs), or is frozen there. */
void queue_adopt(struct queue *q, uint32_t job, uint32_t place, int64_t attained_us,
		 bool is_running, int64_t now_us);
void queue_set_estimate(struct queue *q, uint32_t job, int64_t estimate_us, int64_t now_us);

/* ---- what to do ---- */
enum queue_verb { QUEUE_ADMIT, QUEUE_FREEZE, QUEUE_RESUME, QUEUE_EVICT, QUEUE_VERB_COUNT };
struct queue_action {
	enum queue_verb verb;
	uint32_t job;    /* handle */
	uint64_t id;     /* its id */
	uint32_t place;  /* admit, resume: where; QUEUE_NONE: a gang, see queue_parts */
	const char *why; /* static: what people see in events */
};
#define QUEUE_ACTIONS_MIN 65 /* one job may need so many: 64 frozen, and itself started */
/* At most `max` (at least QUEUE_ACTIONS_MIN) actions in their order; 0: nothing to do. There may be
 * more than fit: ask until it is 0. */
size_t queue_next(struct queue *q, int64_t now_us, struct queue_action *ret, size_t max);
/* When to ask again although nothing changed (a wait bound, a quantum); INT64_MAX: no need. */
int64_t queue_wake_us(const struct queue *q, int64_t now_us);

/* ---- what is ---- */
enum queue_state { QUEUE_GONE, QUEUE_WAITING, QUEUE_RUNNING, QUEUE_FROZEN, QUEUE_STATE_COUNT };
struct queue_view {
	uint64_t id;
	enum queue_state state;
	int64_t arrival_us, estimate_us, since_us; /* since: in this state */
	int64_t attained_us;                       /* until `since` */
	uint32_t place;
	bool is_kept; /* it waited too long once and is not frozen any more */
};
struct queue_view queue_view(const struct queue *q, uint32_t job);
size_t queue_waiting(const struct queue *q); /* frozen ones, too */
size_t queue_running(const struct queue *q);
/* The running jobs, in no order; the array is the plan's, until the next call. */
const uint32_t *queue_running_jobs(const struct queue *q);
/* The places of a gang: (place, members) pairs, at most max; how many there are. */
size_t queue_parts(const struct queue *q, uint32_t job, uint32_t (*ret)[2], size_t max);

/* Why it is not running, in words; "" when it runs. */
void queue_why(const struct queue *q, uint32_t job, int64_t now_us, struct str *ret);

/* Can this job (not in the queue yet) end by its deadline, if the jobs with earlier deadlines go first?
 * False and words where it cannot: its own time is too long, or the work before it is (a bound that no
 * order can beat). Looks only at jobs whose work would fit before the deadline. */
bool queue_meets_deadline(const struct queue *q, const struct queue_job *job, int64_t now_us,
			  struct str *ret_words);
/* The reservation of the first waiting job under backfill, as of the last queue_next; false: none. */
bool queue_reservation(const struct queue *q, uint32_t *ret_job, int64_t *ret_start_us);
