/*
 * simulate_run.h - one policy run over a trace, with what the report and the drawing need of it.
 */
#pragma once

#include "cli/simulate.h"
#include "cli/simulate_trace.h"

#define RUN_SAMPLES    500 /* of the number waiting, over time */
#define RUN_CURVE      120 /* of the distribution */
#define RUN_SPANS_MAX  4000
#define RUN_DRAWN_MAX  40 /* jobs that a Gantt chart shows */
#define RUN_PLACES_MAX 10000

/* The machine of --servers. */
struct machine {
	uint32_t servers; /* of the plain number */
	int64_t *places;  /* rows of resources_count amounts, in thousandths; NULL: plain servers */
	uint32_t places_count, resources_count;
	char *names[QUEUE_RESOURCES_MAX];
};
/* A number, or nodes between ';': "cpu=4,memory=8Gi;3*cpu=2,memory=4Gi,gpu=1". NULL: one server. */
int machine_parse(const char *text, struct machine *ret, struct error *err) MUST_CHECK;
void machine_fini(struct machine *m); /* {0} is fine */
#define AUTO_MACHINE __attribute__((cleanup(machine_fini))) struct machine

struct run_span {
	size_t job;
	int64_t from_us, to_us;
};
struct run {
	const char *name; /* of the policy */
	struct replay_result result;
	double theory_us; /* the mean wait by formula; NAN: none holds */
	/* For a drawing: */
	double *at_us, *waiting; /* samples over time */
	size_t samples, every;   /* of so many looks one is kept */
	double *wait_us, *above; /* so long (rising), and the share that waited longer */
	size_t curve;
	struct run_span *spans;
	size_t spans_count;
	double *waits; /* by job, of small traces only; or NULL */
	char *said;    /* what the automatic choice said; or NULL */
};
void run_fini(struct run *r); /* {0} is fine */

struct run_request {
	const struct simulate_options *options;
	const struct trace *trace;
	const struct machine *machine;
	bool is_auto, is_learned;
	double ageing;
	enum queue_policy policy;
	bool is_drawn;
};
/* May take long: tells its progress on standard error then. */
int run_policy(const struct run_request *q, struct run *ret, struct error *err) MUST_CHECK;

/* Once a second at most, when it has gone on for two: "\rfcfs: 3.1 of 10.0 million jobs". */
void run_tell(const char *what, uint64_t done, uint64_t of);
void run_tell_end(void); /* leaves the line */

/* ---- simulate_theory.c, simulate_report.c, simulate_draw.c ---- */
/* What the trace is like as lines, and each run's theory_us. runs[0] is FCFS. */
void theory_add(const struct trace *t, const struct machine *m, struct run *runs, size_t n,
		struct str *out);
void report_json(const struct run *r, uint32_t servers, struct str *out);
void report_text(const struct run *r, uint32_t servers, struct str *out);
void report_table(const struct run *runs, size_t n, struct str *out);
int draw_runs(const struct run *runs, size_t n, const struct trace *t, const char *path,
	      struct error *err) MUST_CHECK;
