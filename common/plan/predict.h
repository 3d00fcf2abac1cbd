/*
 * predict.h - what queueing theory says of a queue, and when each waiting job will run. Pure. The
 * formulas and their sources stand in docs/queueing.md.
 *
 * A law of service is a list of sizes with their chances, rising. Measured sizes are one (each with
 * chance 1/n), and the formulas hold exactly for it: equal sizes are one class that is served in
 * order of arrival. Continuous laws are cut into many sizes, each the mean of its piece.
 */
#pragma once

#include "common/plan/estimate.h"
#include "common/plan/queue_replay.h"

struct predict_law {
	size_t n;
	const double *size_us, *chance; /* sizes rise and are above 0 (smaller ones count as 0) */
};
/* Laws into arrays of n the caller gives (n at least 1; 20,000 is exact to 6 digits). */
struct predict_law predict_exponential(double mean_us, double *sizes, double *chances, size_t n);
struct predict_law predict_constant(double size_us, double *sizes, double *chances);
/* F(x) = (1 - (k/x)^α) / (1 - (k/p)^α) from k to p. */
struct predict_law predict_pareto(double alpha, double least_us, double most_us, double *sizes,
				  double *chances, size_t n);
/* Measured sizes, sorted; `chances` is filled. */
struct predict_law predict_measured(const double *sorted_us, double *chances, size_t n);
double predict_mean(const struct predict_law *l);
double predict_variation(const struct predict_law *l); /* C² */

enum predict_policy {
	PREDICT_FCFS, /* Pollaczek and Khinchine */
	PREDICT_SJF,  /* Cobham; Phipps */
	PREDICT_SRPT, /* Schrage and Miller */
	PREDICT_LAS,  /* Schrage; Kleinrock: foreground-background */
	PREDICT_PS,   /* Kleinrock: processor sharing */
	PREDICT_POLICY_COUNT
};
/* Mean wait (response minus size) of Poisson arrivals, `rate` a µs, at one server. INFINITY where the
 * server cannot keep up. */
double predict_wait(enum predict_policy p, const struct predict_law *l, double rate);
/* Mean of response / size. */
double predict_slowdown(enum predict_policy p, const struct predict_law *l, double rate);
/* M/M/c: the chance to wait (Erlang's C) for a load of `offered` = λ/μ servers' work; the mean wait. */
double predict_erlang_c(uint32_t servers, double offered);
double predict_wait_of_many(uint32_t servers, double rate, double mean_us);

/* ---- when will it run? ---- */

struct predict_job {         /* in the order in which they came; running ones anywhere */
	struct estimate run; /* of the whole run time, see estimate_of; samples 0: nothing known */
	int64_t estimate_us; /* by which the policy orders it */
	int64_t attained_us, deadline_us;
	int32_t priority;
	uint32_t request; /* of `requests`; 0 where there are none */
	bool is_running;
};
struct predict_times {
	int64_t low_us, median_us, high_us; /* from now; QUEUE_TIME_MAX: may be never */
};
struct predicted {
	struct predict_times start, finish; /* a running job starts at 0 */
	double coverage; /* of low … high: at most the asked one, less where estimates know little */
};
struct predict_request {
	const struct predict_job *jobs;
	size_t count;
	const struct queue_request *requests; /* or NULL: one unit of the only resource */
	size_t requests_count;
	struct replay_settings machine; /* policy and places; learned and callbacks are not used */
	double coverage;                /* asked: above 0, below 1 */
	uint32_t worlds;                /* drawn futures: 8 … 1000 */
	uint64_t seed;
};
/* Each world draws every run time from what is known of it (given that it already ran so long) and
 * replays the queue; nobody else arrives. The interval is the middle of the worlds. */
size_t predict_size(const struct predict_request *r);
/* `memory` is aligned to 64 and of any content; `ret` has room for count. */
int predict_queue(const struct predict_request *r, void *memory, struct predicted *ret,
		  struct error *err) MUST_CHECK;
