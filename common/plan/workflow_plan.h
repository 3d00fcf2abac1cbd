/*
 * workflow_plan.h - a run of a workflow: which step may start, must stop, is skipped, is tried again,
 * and when the run is over. Pure: time and everything that happens are arguments; it does nothing.
 *
 *	graph = workflow_graph_make(definition)      once; checked, never changed
 *	run = workflow_run_new(graph)                a value; memory from the caller's arena
 *	workflow_apply(run, change)                  something happened: O(degree), O(log n)
 *	while (workflow_next(run, now, &action))     perform it, then apply what came of it
 *
 * Trigger rules, branches, setup and teardown mean what they mean in Apache Airflow 3 (its
 * trigger_rule_dep.py); what differs is said at its place. A step's `needs` are its parents. Of a
 * mapped step every instance counts as a parent. A rule decides as soon as its parents' states leave
 * no doubt, as in Airflow; where one parent of an all_success step fails and another is skipped, the
 * one that comes first decides. Every other rule comes to the same whatever the order; so a child of
 * a branch does not start before the branch has chosen, and rule `always` heeds no branch or setup.
 *
 * Ready steps start by upward rank: the longest way, by estimated times, to the end of the graph
 * (the order of HEFT: Topcuoglu, Hariri, Wu, IEEE TPDS 13(3), 2002); ties by priority, then by place.
 * A step that waits for slots of its pool holds up only others of that pool (and those it does hold
 * up, so that it cannot starve); a step at its own limit holds up nobody.
 *
 * Times are microseconds of one clock that never goes back.
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/str.h"

#define WORKFLOW_STEPS_MAX     100000
#define WORKFLOW_EDGES_MAX     2000000
#define WORKFLOW_INSTANCES_MAX 1000000
#define WORKFLOW_POOLS_MAX     64
#define WORKFLOW_RETRIES_MAX   1000
#define WORKFLOW_NAME_MAX      253
#define WORKFLOW_NONE          UINT32_MAX
#define WORKFLOW_NEVER         INT64_MAX
#define WORKFLOW_TIME_MAX      (INT64_MAX / 4) /* of every time and span: sums cannot overflow */

/* ---- definition ---- */
enum workflow_trigger {
	WORKFLOW_ALL_SUCCESS, /* the default */
	WORKFLOW_ALL_FAILED,
	WORKFLOW_ALL_DONE,
	WORKFLOW_ALL_DONE_MIN_ONE_SUCCESS,
	WORKFLOW_ALL_DONE_SETUP_SUCCESS, /* a teardown's default */
	WORKFLOW_ONE_SUCCESS,
	WORKFLOW_ONE_FAILED,
	WORKFLOW_ONE_DONE,
	WORKFLOW_NONE_FAILED,
	WORKFLOW_NONE_SKIPPED,
	WORKFLOW_NONE_FAILED_MIN_ONE_SUCCESS,
	WORKFLOW_ALL_SKIPPED,
	WORKFLOW_ALWAYS,
	WORKFLOW_TRIGGER_COUNT
};
const char *workflow_trigger_name(enum workflow_trigger t);
bool workflow_trigger_find(const char *name, enum workflow_trigger *ret);

/* What a step's parents are, counted; `setups_*` are those of them that are setups. */
struct workflow_parents {
	uint32_t all, succeeded, failed, upstream_failed, skipped;
	uint32_t setups_all, setups_succeeded, setups_skipped;
};
enum workflow_verdict {
	WORKFLOW_HOLD, /* too early to tell */
	WORKFLOW_RUN,
	WORKFLOW_SKIP,
	WORKFLOW_FAIL, /* a parent failed: it never will run */
	WORKFLOW_VERDICT_COUNT
};
enum workflow_verdict workflow_judge(enum workflow_trigger t, const struct workflow_parents *p);

enum workflow_role {
	WORKFLOW_WORK,
	WORKFLOW_SETUP,
	WORKFLOW_TEARDOWN, /* runs if its setups did, whatever became of the work */
	WORKFLOW_ROLE_COUNT
};

struct workflow_retry {
	uint32_t count;       /* attempts beyond the first */
	int64_t delay_us;     /* before the first of them */
	double factor;        /* each further delay is so many times the one before; 0 is 1 */
	int64_t delay_max_us; /* 0: none */
	double jitter;        /* 0 … 1: up to this part of a delay is taken off, by lot */
};

struct workflow_step {
	const char *name;         /* borrowed for workflow_graph_make */
	const char *const *needs; /* names of steps, each once */
	size_t needs_count;
	enum workflow_trigger trigger;
	enum workflow_role role;
	bool is_default_trigger; /* `trigger` is not set: all_success, or as a teardown wants it */
	bool fails_run;          /* a teardown whose failure is the run's */
	bool is_branch;  /* its success names the children that go on; the others are skipped */
	bool is_mapped;  /* it becomes as many instances as its list has items */
	bool is_sensor;  /* it waits for a condition: asked again and again, holding no slot */
	bool skips_late; /* a sensor that timed out is skipped, not failed */
	struct workflow_retry retry;
	int64_t timeout_us;  /* of one attempt; of a sensor: of its whole waiting; 0: none */
	int64_t poke_us;     /* how often a sensor asks */
	const char *pool;    /* NULL: none */
	uint32_t slots;      /* of the pool; 0 is 1 */
	uint32_t active_max; /* instances of it at a time; 0: no limit */
	int32_t priority;    /* among equal ranks higher goes first */
	int64_t estimate_us; /* of one attempt */
	size_t line;         /* of a file, for messages; 0: none */
};
struct workflow_pool {
	const char *name;
	uint32_t slots;
};
struct workflow_definition {
	const struct workflow_step *steps;
	size_t steps_count;
	const struct workflow_pool *pools;
	size_t pools_count;
	uint32_t active_max; /* steps that run at a time; 0: no limit */
	int64_t timeout_us;  /* of the run; 0: none */
	bool fails_fast;     /* the first step that failed ends the run */
};

/* ---- graph ---- */
struct workflow_graph;

/* ERR_INVALID: an unknown or doubled name, a cycle (`a → b → c → a`), a number out of range; where the
 * step has a line the text begins with `line N: `. ERR_LIMIT: too large. */
int workflow_graph_make(const struct workflow_definition *d, struct arena *a,
			struct workflow_graph **ret, struct error *err) MUST_CHECK;
size_t workflow_steps_count(const struct workflow_graph *g);
const char *workflow_step_name(const struct workflow_graph *g, uint32_t step);
uint32_t workflow_step_find(const struct workflow_graph *g,
			    const char *name); /* or WORKFLOW_NONE */
/* Parents first, else by place; `ret` has room for all. */
void workflow_sort(const struct workflow_graph *g, uint32_t *ret);
/* The longest way from the step's start to the end of the graph, by estimates. */
int64_t workflow_rank_us(const struct workflow_graph *g, uint32_t step);
/* The steps of the longest way of all, first to last; how many. `ret` has room for all. */
size_t workflow_critical_path(const struct workflow_graph *g, uint32_t *ret);

/* ---- run ---- */
enum workflow_state {
	WORKFLOW_WAITING,   /* for its parents */
	WORKFLOW_EXPANDING, /* for the length of its list */
	WORKFLOW_READY,     /* for a slot */
	WORKFLOW_RUNNING,
	WORKFLOW_STOPPING, /* it was told to stop */
	WORKFLOW_BACKOFF,  /* until it is tried again */
	WORKFLOW_SENSING,  /* for its condition */
	WORKFLOW_SUCCEEDED,
	WORKFLOW_FAILED,
	WORKFLOW_UPSTREAM_FAILED,
	WORKFLOW_SKIPPED,
	WORKFLOW_STATE_COUNT
};
const char *workflow_state_name(enum workflow_state s);
static inline bool workflow_is_final(enum workflow_state s)
{
	return s >= WORKFLOW_SUCCEEDED;
}

enum workflow_result {
	WORKFLOW_ACTIVE,
	WORKFLOW_RUN_SUCCEEDED,
	WORKFLOW_RUN_FAILED,
	WORKFLOW_RUN_TIMED_OUT,
	WORKFLOW_RUN_CANCELLED,
	WORKFLOW_RESULT_COUNT
};

struct workflow_place { /* an instance; index 0 of a step that is not mapped */
	uint32_t step, index;
};

enum workflow_change_kind {
	WORKFLOW_STARTED,   /* as the action asked */
	WORKFLOW_ENDED,     /* an attempt, or a sensor's condition: `outcome` */
	WORKFLOW_POKED,     /* a sensor was asked: not yet */
	WORKFLOW_TOLD,      /* it was told to stop; a sensor: asked, the answer will come */
	WORKFLOW_EXPANDED,  /* `count` items; 0: the step is skipped */
	WORKFLOW_POOL_SIZE, /* pool number `place.step` has `count` slots */
	WORKFLOW_CANCELLED, /* the run: nothing new starts but teardowns whose setup ran */
	WORKFLOW_CLEARED,   /* `place.step` is to run again, with what depends on it */
	WORKFLOW_CHANGE_COUNT
};
enum workflow_outcome {
	WORKFLOW_GOOD,
	WORKFLOW_BAD,          /* tried again if it may */
	WORKFLOW_BAD_FOR_GOOD, /* not tried again */
	WORKFLOW_NOTHING,      /* skipped itself */
	WORKFLOW_OUTCOME_COUNT
};
struct workflow_change {
	enum workflow_change_kind kind;
	struct workflow_place place;
	int64_t now_us;
	enum workflow_outcome outcome;
	uint32_t count;
	/* Of a branch that succeeded: the children that go on. Other children are skipped, unless
	 * a chosen one leads to them. None chosen: all are skipped. */
	const uint32_t *chosen;
	size_t chosen_count;
};

enum workflow_action_kind {
	WORKFLOW_DO_WAIT, /* until wake_us, or a change */
	WORKFLOW_DO_START,
	WORKFLOW_DO_POKE,   /* ask the sensor's condition; answer by POKED or ENDED */
	WORKFLOW_DO_EXPAND, /* tell the length of the list */
	WORKFLOW_DO_STOP,
	WORKFLOW_DO_END, /* the run is over */
	WORKFLOW_DO_COUNT
};
struct workflow_action {
	enum workflow_action_kind kind;
	struct workflow_place place;
	uint32_t attempt; /* START: from 1; never used twice, even when cleared */
	const char *why;
	int64_t wake_us;             /* WAIT; WORKFLOW_NEVER: only a change can matter */
	enum workflow_result result; /* END */
};

struct workflow_run;

/* `seed` is for jitter. The graph must live as long. */
struct workflow_run *workflow_run_new(const struct workflow_graph *g, struct arena *a,
				      uint64_t seed, int64_t now_us);
/* ERR_INVALID, and nothing is changed: no such place, or it cannot happen in that state (a repeated or
 * late message). ERR_LIMIT: too many instances. */
int workflow_apply(struct workflow_run *r, const struct workflow_change *c,
		   struct error *err) MUST_CHECK;
/* What to do first. False: nothing now (`ret` is WAIT or END). The same is answered until a change is
 * applied. */
bool workflow_next(struct workflow_run *r, int64_t now_us, struct workflow_action *ret);

enum workflow_result workflow_result(const struct workflow_run *r);
enum workflow_state workflow_state(const struct workflow_run *r, struct workflow_place p);
/* A mapped step that was not expanded has one instance that stands for all. */
uint32_t workflow_instances(const struct workflow_run *r, uint32_t step);
uint32_t workflow_attempt(const struct workflow_run *r, struct workflow_place p);
/* Why it is in its state: "waits for 2 of its 3 parents: build, test"; "no slot: pool db has 2". */
void workflow_explain(const struct workflow_run *r, struct workflow_place p, int64_t now_us,
		      struct str *ret);
/* "RUN.STEP", "RUN.STEP.INDEX" of a mapped step, and ".ATTEMPT" after the first: always the same. */
void workflow_attempt_name(const struct workflow_run *r, const char *run, struct workflow_place p,
			   uint32_t attempt, struct str *ret);

/* What is recorded of an instance, to take a run up again: only what was reported is needed, the rest
 * follows. */
struct workflow_record {
	struct workflow_place place;
	enum workflow_state state;  /* not EXPANDING or READY: they follow */
	uint32_t attempt, tries;    /* the last one's number; attempts since it was last cleared */
	int64_t since_us, until_us; /* BACKOFF: until; SENSING: the next poke */
	const uint32_t *chosen;     /* as in workflow_change */
	size_t chosen_count;
};
/* On a new run, once. ERR_INVALID as in workflow_apply: the run is then of no use. `counts` says by
 * step how many instances a mapped one was expanded into (0: not yet); NULL: none was. Instances of
 * those without a record were ready. */
int workflow_restore(struct workflow_run *r, const struct workflow_record *records, size_t n,
		     const uint32_t *counts, int64_t now_us, struct error *err) MUST_CHECK;
