/*
 * simulate_trace.h - traces of jobs: read from CSV or SWF files line by line, or drawn from
 * distributions. Errors name the file and the line.
 *
 * CSV: a line of column names, then a job a line, sorted by arrival_us:
 *	id,arrival_us,size_us   needed; whole numbers, ids unique
 *	estimate_us             what was thought (with --estimate user)
 *	priority, deadline_us   for priority (higher first) and edf (a time; empty: none)
 *	class                   any text: what --estimate learned learns by
 *	members                 a gang of so many, all at once
 *	cpu, memory, …          amounts per member, named as in --servers: 500m, 2Gi
 *
 * SWF: the Standard Workload Format 2.2 (D. Feitelson, Parallel Workloads Archive): 18 fields a line,
 * comments after ';'. Used are job number, submit, run and requested time, processors (requested, else
 * allocated), user and executable (the class). Jobs that never ran are left out and counted.
 */
#pragma once

#include "common/plan/queue_replay.h"

#include <stdio.h>

#define TRACE_JOBS_MAX    200000000
#define TRACE_CLASSES_MAX 10000
#define TRACE_NAMED_MAX   1000 /* longer traces forget the ids: their order is kept */

struct trace {
	struct replay_trace replay; /* points into what follows */
	int64_t *arrival_us, *size_us, *estimate_us, *deadline_us, *ids;
	uint32_t *rank, *class_of, *request_of;
	int32_t *priority;
	struct queue_request *requests;
	size_t requests_max, classes_count, skipped;
	int64_t processors; /* of an SWF header; 0: not said */
	bool has_estimates; /* read from the file */
	bool leaves_out_memory;
	const char *path;
	uint32_t *lines; /* of requests: where each came first */
};
void trace_fini(struct trace *t); /* {0} is fine */
#define AUTO_TRACE __attribute__((cleanup(trace_fini))) struct trace

struct trace_form {
	const char *const *resources; /* names that are columns; or NULL: one server a job */
	size_t resources_count;
	bool sorts;                     /* in any order: sort it */
	void (*on_line)(uint64_t line); /* now and then, on long files; or NULL */
};
int trace_read(const char *path, const struct trace_form *f, struct trace *ret,
	       struct error *err) MUST_CHECK;
/* The same from an open file; `path` is for the messages. */
int trace_read_file(FILE *file, const char *path, const struct trace_form *f, struct trace *ret,
		    struct error *err) MUST_CHECK;

/* `arrivals` "poisson:RATE" a second; `service` "exp:RATE", "det:SECONDS", "pareto:ALPHA,MIN,MAX". */
int trace_draw(const char *arrivals, const char *service, size_t count, uint64_t seed,
	       struct trace *ret, struct error *err) MUST_CHECK;
/* The estimates become size × exp(sigma × a normal number). */
void trace_blur(struct trace *t, double sigma, uint64_t seed);

/* What the service text says, for the closed forms. */
enum service_kind { SERVICE_EXP, SERVICE_DET, SERVICE_PARETO, SERVICE_KIND_COUNT };
struct service {
	enum service_kind kind;
	double a, b, c; /* rate; seconds; alpha, min, max */
};
int service_parse(const char *text, struct service *ret, struct error *err) MUST_CHECK;
int rate_parse(const char *text, double *ret_per_second, struct error *err) MUST_CHECK;
