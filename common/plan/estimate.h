/*
 * estimate.h - how long jobs run, learned by class (a task's name, a user, an image) from those that
 * ended. Pure, over memory that the caller gives.
 *
 * A class remembers its last ESTIMATE_RECENT run times as they were, and all of them as a histogram
 * over powers of 2^(1/4) whose weights fade, so that what is old counts little. With few samples the
 * quantiles are order statistics of the recent ones, and the interval says how little is known:
 * it covers the next run time with the stated chance whatever the distribution (the next of n + 1
 * exchangeable values falls between the i-th and the j-th with chance (j - i)/(n + 1)). A class
 * without samples is judged by all classes together, with `is_own` false.
 *
 * Drift: when the recent run times (in powers of two) differ from the remembered ones by more than
 * chance allows (Page's cumulative sum, Biometrika 41, 1954), the old memory is dropped.
 */
#pragma once

#include "common/base/error.h"

#define ESTIMATE_RECENT  32
#define ESTIMATE_BUCKETS 204 /* up to 2^51 µs: 71 years; what is longer counts as that */

struct estimate_class {
	uint64_t count;             /* ever, since the last drift */
	double mean_us, square_sum; /* Welford's: variance = square_sum / (count - 1) */
	double log_mean, log_square_sum;
	double up, down; /* Page's sums */
	uint32_t drifts;
	int64_t recent_us[ESTIMATE_RECENT];
	float weights[ESTIMATE_BUCKETS];
	float weight; /* their sum */
};

struct estimates {
	struct estimate_class all;
	struct estimate_class *classes;
	size_t classes_count;
};
/* `classes` is zeroed memory of the caller's for n classes, borrowed. */
void estimate_init(struct estimates *e, struct estimate_class *classes, size_t n);

/* A job of the class ran so long (0 or more). True: the class has drifted and starts anew. */
bool estimate_learn(struct estimates *e, size_t class, int64_t run_us);

struct estimate {
	int64_t low_us, median_us, high_us; /* low … high holds the next run with `coverage` */
	double mean_us, variation; /* C²: variance / mean²; 0 with fewer than 2 samples */
	double coverage;           /* at most the asked one: with few samples less is known */
	uint64_t samples;
	bool is_own; /* of its class; else of all classes, or nothing is known (samples 0) */
};
/* `asked` coverage is above 0 and below 1. */
struct estimate estimate_of(const struct estimates *e, size_t class, double asked);
/* The run time below which a share `q` of the class's runs stays; -1: nothing known. */
int64_t estimate_quantile(const struct estimate_class *c, double q);

/* ---- what arrives, and what is done about it ---- */

/* Counted over a window that fades with time constant `window_us`; and all sums for Little's law. */
struct load {
	double window_us;
	int64_t last_us, last_arrival_us, begin_us;
	uint64_t arrivals, completions;
	double weight, gap_sum, gap_square_sum; /* of gaps between arrivals, fading by arrivals */
	double size_weight, size_sum, size_square_sum;
	double present_area; /* jobs present × µs */
	double response_sum; /* of those that ended */
	int64_t present;
};
void load_init(struct load *l, int64_t now_us, int64_t window_us);
void load_arrived(struct load *l, int64_t now_us);
void load_ended(struct load *l, int64_t now_us, int64_t size_us, int64_t response_us);

struct load_summary {
	double rate;              /* λ: arrivals a µs */
	double arrival_variation; /* C² of the gaps: 1 for Poisson arrivals */
	double mean_us;           /* of the sizes */
	double variation;         /* C² of the sizes */
	double utilization;       /* ρ = λ · mean / servers */
	uint64_t samples;         /* completions behind it */
	/* Little's law: both sides over all the time seen. They differ by the jobs still present, so
	 * their ratio nears 1; far from 1 after many completions, a measurement is wrong. */
	double mean_present, rate_times_response;
};
struct load_summary load_summarize(const struct load *l, int64_t now_us, double servers);
