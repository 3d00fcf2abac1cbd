/*
 * deadline.h - until when a request must be answered. Who has heard nothing by then hears 504; what was
 * begun goes on to its end, commits what it commits, and what it then has to say goes nowhere.
 *
 * From then on the request has a copy of what its client sent in place of its exchange, for headers and
 * body are borrowed until the answer. While a worker has the request, its end waits for that worker.
 *
 * Threads: the core loop's.
 *
 * Source: the API server's filters for request deadlines and time-outs, as their answers show them.
 */
#pragma once

#include "common/base/error.h"
#include "common/io/loop.h"

struct deadlines;
struct request;

/* A request's place; zeroed at first. */
struct deadline {
	struct request *next, **link; /* by time; link NULL: it has no deadline (any more) */
	int64_t at_ms;
	unsigned workers; /* that have the request now */
	bool is_due;      /* while they had it */
	bool is_over;     /* the client has heard 504 */
};

struct deadlines *deadlines_new(struct loop *loop);
void deadlines_free(struct deadlines *d); /* whoever still waits has no deadline from now on */
DEFINE_CLEANUP(deadlines)

/* At most a minute; timeout_us <= 0: a minute. The request is not freed in this call. */
void deadline_set(struct request *r, int64_t timeout_us);
/* It is answered, or given to a stream. */
void deadline_clear(struct request *r);

/* Around each computation of a worker that looks at the request. */
void deadline_lend(struct request *r);
void deadline_give_back(struct request *r);
