/*
 * simulate.h - what `skiff simulate` was asked, and its two halves: jobs on servers under a policy
 * (simulate_jobs.c), and a workflow's steps on workers (simulate_workflow.c). Neither needs a cluster.
 */
#pragma once

#include "common/base/error.h"

struct simulate_options { /* texts are borrowed from argv; NULL: not given */
	/* What runs: exactly one of trace, arrivals and workflow. */
	const char *trace;    /* a file, SWF or CSV */
	const char *arrivals; /* poisson:RATE */
	const char *service;  /* exp:RATE, pareto:ALPHA,MIN,MAX, det:SECONDS */
	const char *workflow; /* a file: a DAG of steps with times */
	/* On what, and how. */
	const char *servers; /* a number, or a list of nodes: cpu=4,memory=8Gi;cpu=2 */
	const char *policy;
	const char *estimate;  /* exact, noisy:SIGMA, learned */
	const char *objective; /* of auto: wait, slowdown, p99 */
	int64_t jobs;          /* of --arrivals: how many */
	int64_t seed;
	const char *ageing;  /* µs of the policy's key that a waiting µs is worth */
	int64_t max_wait_us; /* 0: none */
	int64_t switch_us;   /* what a preemption costs */
	int64_t quantum_us;  /* of LAS; 0: equal shares, as small as can be */
	bool backfills;
	bool preempts;   /* priority and edf */
	bool sorts;      /* a trace that is not in order of arrival */
	bool is_compare; /* all policies side by side */
	/* What comes out. */
	bool is_json;
	const char *svg; /* a file to write */
};

/* A whole number of at least 1 in `servers` (NULL: 1); ERR_INVALID says what is allowed. */
int simulate_servers_count(const struct simulate_options *o, int64_t *ret,
			   struct error *err) MUST_CHECK;

/* Each runs, prints and returns an exit code (enum exit_code); errors are printed. */
int simulate_jobs(const struct simulate_options *o);
int simulate_workflow(const struct simulate_options *o);
