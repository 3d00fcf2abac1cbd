/*
 * simulate_lines.h - what the readers of simulate_trace.h share: lines with their numbers, whole
 * numbers, and jobs appended to growing columns. All errors begin with file:line.
 */
#pragma once

#include "cli/simulate_trace.h"
#include "common/base/map.h"

#define LINE_SIZE_MAX 4096

struct lines {
	FILE *file;
	const char *path;
	uint64_t number;
	char text[LINE_SIZE_MAX];
	size_t len;
};
/* The next line without its end; false: no more, or *err is set (code not 0). */
bool lines_next(struct lines *l, struct error *err);
int lines_error(const struct lines *l, struct error *err, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* A whole number that is all of the text. */
bool number_parse(const char *text, int64_t *ret);

/* A job with everything that may be said of it. */
struct trace_job {
	int64_t id, arrival_us, size_us, estimate_us, deadline_us;
	int32_t priority;
	const char *class; /* NULL: none */
	struct queue_request request;
};
struct trace_builder {
	struct trace *t;
	struct lines *l;
	size_t room, requests_room;
	bool has_estimates, has_priority, has_deadlines, has_classes, has_requests;
	bool sorts;
	uint64_t first_line; /* of the first job; 0: lines and jobs do not go together */
	int64_t size_sum, last_arrival;
	struct map classes, requests;
};
int builder_add(struct trace_builder *b, const struct trace_job *job, struct error *err) MUST_CHECK;
/* Sorts (where asked), ranks the ids and points `replay` at the columns. */
int builder_finish(struct trace_builder *b, struct error *err) MUST_CHECK;
void builder_fini(struct trace_builder *b);

int swf_read(struct lines *l, const struct trace_form *f, struct trace_builder *b,
	     struct error *err) MUST_CHECK;
int csv_read(struct lines *l, const struct trace_form *f, struct trace_builder *b,
	     struct error *err) MUST_CHECK;
