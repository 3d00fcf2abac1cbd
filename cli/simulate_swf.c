/* SWF: 18 numbers a line, in seconds; -1 where nothing is known; comments after ';'. */
#include "cli/simulate_lines.h"

#include <errno.h>
#include <math.h>

#define FIELDS 18

enum field { /* numbered from 0 */
	     FIELD_NUMBER = 0,
	     FIELD_SUBMIT = 1,
	     FIELD_RUN = 3,
	     FIELD_ALLOCATED = 4,
	     FIELD_PROCESSORS = 7,
	     FIELD_TIME = 8,
	     FIELD_USER = 11,
	     FIELD_EXECUTABLE = 13,
};

/* "; MaxProcs: 128" */
static void read_comment(const char *text, struct trace *t)
{
	const char *p = strstr(text, "MaxProcs:");
	long long n = p ? strtoll(p + strlen("MaxProcs:"), NULL, 10) : 0;
	if (n > 0 && n <= 1000000000)
		t->processors = n;
}

static int read_fields(const struct lines *l, double fields[FIELDS], struct error *err)
{
	const char *p = l->text;
	for (size_t i = 0; i < FIELDS; i++) {
		char *end;
		p += strspn(p, " \t");
		errno = 0;
		fields[i] = strtod(p, &end);
		if (end == p && *p == 0)
			return lines_error(l, err,
					   "%zu numbers, where SWF has %d: is the line cut off?", i,
					   FIELDS);
		if (end == p || (*end && *end != ' ' && *end != '\t') || !isfinite(fields[i]))
			return lines_error(l, err, "'%.*s' is no number", (int)strcspn(p, " \t"),
					   p);
		p = end;
	}
	p += strspn(p, " \t");
	if (*p)
		return lines_error(l, err, "more than %d numbers", FIELDS);
	return 0;
}

static int time_of(const struct lines *l, const char *name, double seconds, int64_t *ret,
		   struct error *err)
{
	if (seconds < 0 || seconds > (double)QUEUE_TIME_MAX / 2e6)
		return lines_error(l, err, "%s %g is %s", name, seconds,
				   seconds < 0 ? "negative" : "too large");
	*ret = (int64_t)llround(seconds * 1e6);
	return 0;
}

static int read_job(struct lines *l, struct trace_builder *b, struct error *err)
{
	double v[FIELDS];
	char class[64];
	struct trace_job job = { .request.members = 1 };
	if (read_fields(l, v, err) < 0)
		return err->code;
	if (v[FIELD_RUN] == -1) {
		b->t->skipped++;
		return 0;
	}
	double processors = v[FIELD_PROCESSORS] > 0 ? v[FIELD_PROCESSORS] : v[FIELD_ALLOCATED];
	if (processors > 1e9 || fabs(v[FIELD_NUMBER]) > 1e15)
		return lines_error(l, err, "a number that is too large");
	job.id = (int64_t)v[FIELD_NUMBER];
	job.request.need[0] = MAX(1, (int64_t)processors);
	if (time_of(l, "the submit time", v[FIELD_SUBMIT], &job.arrival_us, err) < 0 ||
	    time_of(l, "the run time", v[FIELD_RUN], &job.size_us, err) < 0)
		return err->code;
	job.estimate_us = job.size_us;
	if (v[FIELD_TIME] >= 0 &&
	    time_of(l, "the requested time", v[FIELD_TIME], &job.estimate_us, err) < 0)
		return err->code;
	int n = snprintf(class, sizeof class, "%.0f/%.0f", v[FIELD_USER], v[FIELD_EXECUTABLE]);
	(void)n;
	job.class = class;
	return builder_add(b, &job, err);
}

int swf_read(struct lines *l, const struct trace_form *f, struct trace_builder *b,
	     struct error *err)
{
	if (f->resources_count > 0)
		return error_set(err, ERR_INVALID,
				 "%s: an SWF trace counts processors: give --servers a number",
				 l->path);
	b->has_estimates = b->has_classes = b->has_requests = true;
	do {
		const char *text = l->text + strspn(l->text, " \t");
		if (*text == ';')
			read_comment(text, b->t);
		else if (*text && read_job(l, b, err) < 0)
			return err->code;
		if (f->on_line && l->number % 65536 == 0)
			f->on_line(l->number);
	} while (lines_next(l, err));
	return err->code;
}
