/*
 * policy_auto.h - which policy a queue should have: the one with the least predicted mean wait, mean
 * slowdown or 99th percentile of the wait, among those that keep a bound on the wait. Pure, a value.
 *
 * It remembers the last POLICY_RING jobs as they came: arrival, size (of those that run, the estimate)
 * and estimate. A prediction is the M/G/1 formula for their sizes where that holds (one server, arrivals
 * like Poisson's, estimates that are right), else a replay of them, which also gives the percentiles.
 * The policy is changed only when the gain is larger than the hysteresis, larger than what the change
 * costs until the next look, and seen at two looks in a row (a gain of twice at one); and not again
 * before POLICY_RING more jobs have come.
 */
#pragma once

#include "common/plan/predict.h"

#define POLICY_RING     1024
#define POLICY_WHY_SIZE 320

enum policy_objective { POLICY_WAIT, POLICY_SLOWDOWN, POLICY_P99, POLICY_OBJECTIVE_COUNT };
const char *policy_objective_name(enum policy_objective o);
bool policy_objective_find(const char *name, enum policy_objective *ret);

struct policy_settings {
	enum policy_objective objective;
	struct replay_settings machine; /* servers, or places and resources; borrowed */
	int64_t max_wait_us;            /* of the 99th percentile; 0: no bound */
	int64_t switch_us;              /* what a preemption costs */
	int64_t change_cost_us; /* what changing the policy costs, all jobs' wait together */
	double hysteresis;      /* the share that the objective must fall by; 0: 0.1 */
	bool may_preempt;       /* else FCFS and SJF only */
};

struct policy_seen {
	uint64_t job;
	int64_t arrival_us, size_us, estimate_us; /* size -1: it has not ended */
};
struct policy_auto {
	struct policy_settings settings;
	enum queue_policy current;
	struct load load;
	struct policy_seen seen[POLICY_RING];
	struct queue_request requests[POLICY_RING]; /* what the jobs seen take */
	uint64_t arrived, looked_at, changed_at;    /* counts of arrivals */
	enum queue_policy candidate;                /* of the last look */
	uint32_t changes;
	/* As of the last look: */
	struct load_summary summary;
	double predicted[QUEUE_POLICY_COUNT]; /* the objective; NAN: not a candidate */
	char why[POLICY_WHY_SIZE];
};
void policy_init(struct policy_auto *a, const struct policy_settings *s, enum queue_policy current,
		 int64_t now_us);
/* `job` counts arrivals: 0, 1, 2, …; `request` NULL: one of the servers. It fits the machine. */
void policy_arrived(struct policy_auto *a, uint64_t job, int64_t now_us, int64_t estimate_us,
		    const struct queue_request *request);
void policy_ended(struct policy_auto *a, uint64_t job, int64_t now_us, int64_t size_us,
		  int64_t response_us);
/* Is it time for a look? (When 50 jobs have ended, then every 256 arrivals.) */
bool policy_is_due(const struct policy_auto *a);
/* Looks; true: `current` is another now, and `why` says why. `memory` of policy_size() bytes, aligned to
 * 64, of any content. */
size_t policy_size(const struct policy_auto *a);
bool policy_look(struct policy_auto *a, int64_t now_us, void *memory);
