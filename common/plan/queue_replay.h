/*
 * queue_replay.h - a trace of jobs run through queue_plan in simulated time: what `skiff simulate`
 * shows, what predictions and the automatic choice of a policy ask. Pure: the memory is the caller's.
 *
 * Rules, so that a replay is exact to the microsecond:
 *   - At one time, arrivals come before completions. Arrivals of one time come in order of rank; under
 *     a preempting policy each is decided on alone, under another they are all there before a
 *     server is given away.
 *   - Equal keys go to the lower rank. A newcomer preempts only when strictly smaller, and of equal
 *     largest ones the highest rank is preempted. Who was preempted may go on on any server.
 *   - LAS without a quantum shares the servers among the least served in exact rational time
 *     (queue_las.h); with a quantum, a bound on the wait, backfill, a cost of switching or jobs of
 *     different needs it is queue_plan's.
 */
#pragma once

#include "common/plan/estimate.h"
#include "common/plan/queue_plan.h"

struct replay_trace { /* borrowed until the end; arrays of `count`, in order of arrival and rank */
	size_t count;
	const int64_t *arrival_us, *size_us;
	const int64_t *estimate_us; /* NULL: the sizes are known */
	const uint32_t *rank;       /* of the ids; NULL: the index */
	const uint32_t *class_of;   /* with `learned`; NULL: all are class 0 */
	const uint32_t *request_of; /* NULL: each takes one of the only resource */
	const struct queue_request *requests;
	size_t requests_count;
	const int32_t *priority;    /* NULL: 0 */
	const int64_t *deadline_us; /* NULL or 0: none */
};

/* One that ran (or was frozen, or ended) at `to_us`, since `from_us`. */
typedef void replay_span(void *ctx, size_t job, uint32_t place, int64_t from_us, int64_t to_us);
/* A job arrived or ended: settings that the queue has from now on may be changed. True: they were. */
typedef bool replay_steer(void *ctx, size_t job, bool has_ended, int64_t estimate_us,
			  int64_t now_us, int64_t wait_us, struct queue_settings *settings);

struct replay_settings {
	struct queue_settings queue;
	uint32_t servers;      /* of one resource; or, where places_count > 0: */
	const int64_t *places; /* rows of `resources` amounts */
	uint32_t places_count, resources;
	const char *const *resource_names;
	struct estimates *learned; /* estimates from what has ended so far; or NULL */
	replay_span *on_span;      /* or NULL; LAS by shares has no spans */
	replay_steer *on_steer;    /* or NULL */
	void *ctx;
};

struct replay_result {
	size_t count;
	double mean_wait_us, p50_wait_us, p99_wait_us, max_wait_us;
	double mean_response_us, mean_slowdown;
	double utilization, makespan_us;
	uint64_t events, preemptions;
	size_t missed; /* ended after their deadline */
};

struct replay;
size_t replay_size(const struct replay_trace *t, const struct replay_settings *s);
/* Would it fit the empty machine? What does not must be refused before. */
bool replay_can_start(const struct replay_settings *s, const struct queue_request *q);
/* `memory` is zeroed and aligned to 64. ERR_INVALID: no servers, a need out of bounds. */
int replay_init(void *memory, const struct replay_trace *t, const struct replay_settings *s,
		struct replay **ret, struct error *err) MUST_CHECK;
/* At most so many events (arrivals, completions, wake-ups) more; false: it is over. */
bool replay_step(struct replay *r, uint64_t events);
int64_t replay_now_us(const struct replay *r);
size_t replay_waiting(const struct replay *r);
size_t replay_done(const struct replay *r);
/* After the end. By job; response minus size. */
const double *replay_waits(const struct replay *r);
void replay_finish(struct replay *r, struct replay_result *ret); /* sorts the waits */
