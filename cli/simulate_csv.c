/* CSV: plain fields between commas, no quotes; the columns are found by the names in the first line. */
#include "cli/simulate_lines.h"
#include "schemas/quantity.h"

#define COLUMNS_MAX 64

enum column {
	COLUMN_ID,
	COLUMN_ARRIVAL,
	COLUMN_SIZE,
	COLUMN_ESTIMATE,
	COLUMN_PRIORITY,
	COLUMN_DEADLINE,
	COLUMN_CLASS,
	COLUMN_MEMBERS,
	COLUMN_IGNORED,
	COLUMN_RESOURCE, /* + its number */
};
static const char *const names[COLUMN_IGNORED] = { "id",          "arrival_us", "size_us",
						   "estimate_us", "priority",   "deadline_us",
						   "class",       "members" };

struct header {
	int columns[COLUMNS_MAX];
	size_t count;
};

/* Cuts the line into fields, in place; blanks around them are no part of them. */
static size_t split(char *text, char *fields[COLUMNS_MAX])
{
	size_t n = 0;
	for (char *p = text; p && n < COLUMNS_MAX;) {
		char *end = strchr(p, ',');
		if (end)
			*end++ = 0;
		p += strspn(p, " \t");
		size_t len = strlen(p);
		while (len > 0 && (p[len - 1] == ' ' || p[len - 1] == '\t'))
			p[--len] = 0;
		fields[n++] = p;
		p = end;
	}
	return n;
}

static int column_of(const char *name, const struct trace_form *f)
{
	for (int i = 0; i < COLUMN_IGNORED; i++)
		if (streq(name, names[i]))
			return i;
	for (size_t i = 0; i < f->resources_count; i++)
		if (streq(name, f->resources[i]))
			return COLUMN_RESOURCE + (int)i;
	/* Without a list of nodes nobody has less than all of them. */
	return streq(name, "cpu") || streq(name, "memory") ? COLUMN_IGNORED : -1;
}

static int read_header(struct lines *l, const struct trace_form *f, struct trace_builder *b,
		       struct header *h, struct error *err)
{
	char *fields[COLUMNS_MAX];
	bool has[COLUMN_RESOURCE + QUEUE_RESOURCES_MAX] = { false };
	/* A byte order mark is no part of the first name. */
	bool has_mark = starts_with(l->text, "\xef\xbb\xbf");
	h->count = split(l->text + (has_mark ? 3 : 0), fields);
	for (size_t i = 0; i < h->count; i++) {
		int c = column_of(fields[i], f);
		if (c < 0)
			return lines_error(
				l, err,
				"there is no column '%s': known are id, arrival_us, size_us, "
				"estimate_us, priority, deadline_us, class, members, and the "
				"resources that --servers names",
				fields[i]);
		if (has[c] && c != COLUMN_IGNORED)
			return lines_error(l, err, "the column '%s' stands there twice", fields[i]);
		has[c] = true;
		h->columns[i] = c;
	}
	for (int i = 0; i <= COLUMN_SIZE; i++)
		if (!has[i])
			return lines_error(l, err, "the column '%s' is missing in the first line",
					   names[i]);
	b->has_estimates = has[COLUMN_ESTIMATE];
	b->has_priority = has[COLUMN_PRIORITY];
	b->has_deadlines = has[COLUMN_DEADLINE];
	b->has_classes = has[COLUMN_CLASS];
	b->has_requests = f->resources_count > 0 || has[COLUMN_MEMBERS];
	b->t->leaves_out_memory = has[COLUMN_IGNORED];
	return 0;
}

static int read_amount(struct lines *l, const char *name, const char *text, int64_t *ret,
		       struct error *err)
{
	char canonical[QUANTITY_TEXT_SIZE];
	if (!quantity_canonical(text, canonical))
		return lines_error(l, err, "%s '%s' is no amount: write 2, 500m or 4Gi", name,
				   text);
	*ret = quantity_milli(text);
	if (*ret < 0 || *ret > QUEUE_TIME_MAX / 1024)
		return lines_error(l, err, "%s '%s' is out of bounds", name, text);
	return 0;
}

static int read_number(struct lines *l, int column, const char *text, struct trace_job *job,
		       struct error *err)
{
	int64_t n = 0;
	bool may_be_empty = column == COLUMN_DEADLINE || column == COLUMN_PRIORITY;
	if (*text == 0 && !may_be_empty)
		return lines_error(l, err, "%s is empty", names[column]);
	if (*text && !number_parse(text, &n))
		return lines_error(l, err, "%s '%s' is no whole number", names[column], text);
	switch (column) {
	case COLUMN_ID:
		job->id = n;
		break;
	case COLUMN_ARRIVAL:
		job->arrival_us = n;
		break;
	case COLUMN_SIZE:
		job->size_us = n;
		break;
	case COLUMN_ESTIMATE:
		job->estimate_us = n;
		break;
	case COLUMN_DEADLINE:
		job->deadline_us = n;
		break;
	case COLUMN_PRIORITY:
		if (n < INT32_MIN || n > INT32_MAX)
			return lines_error(l, err, "the priority %s is out of bounds", text);
		job->priority = (int32_t)n;
		break;
	default:
		if (n < 1 || n > 1000000)
			return lines_error(l, err, "members is 1 to 1000000, not %s", text);
		job->request.members = (uint32_t)n;
	}
	return 0;
}

static int read_job(struct lines *l, const struct trace_form *f, const struct header *h,
		    struct trace_builder *b, struct error *err)
{
	char *fields[COLUMNS_MAX];
	struct trace_job job = { .request.members = 1 };
	if (l->len == 0)
		return lines_error(l, err, "an empty line");
	size_t n = split(l->text, fields);
	if (n != h->count)
		return lines_error(l, err, "%zu fields, where there are %zu columns", n, h->count);
	for (size_t i = 0; i < n; i++) {
		int c = h->columns[i], code = 0;
		if (c == COLUMN_CLASS)
			job.class = fields[i];
		else if (c >= COLUMN_RESOURCE)
			code = read_amount(l, f->resources[c - COLUMN_RESOURCE], fields[i],
					   &job.request.need[c - COLUMN_RESOURCE], err);
		else if (c != COLUMN_IGNORED)
			code = read_number(l, c, fields[i], &job, err);
		if (code < 0)
			return code;
	}
	/* Of plain servers a gang takes so many at once. */
	if (f->resources_count == 0) {
		job.request.need[0] = job.request.members;
		job.request.members = 1;
	}
	return builder_add(b, &job, err);
}

/* A first line of numbers is a job already: the columns are the three that are needed. */
static bool is_job(const char *text)
{
	return *text && text[strspn(text, "0123456789-, \t")] == 0;
}

int csv_read(struct lines *l, const struct trace_form *f, struct trace_builder *b,
	     struct error *err)
{
	struct header h = { .columns = { COLUMN_ID, COLUMN_ARRIVAL, COLUMN_SIZE }, .count = 3 };
	b->has_requests = f->resources_count > 0;
	int code = is_job(l->text) ? read_job(l, f, &h, b, err) : read_header(l, f, b, &h, err);
	if (code < 0)
		return code;
	while (lines_next(l, err)) {
		if (read_job(l, f, &h, b, err) < 0)
			return err->code;
		if (f->on_line && l->number % 65536 == 0)
			f->on_line(l->number);
	}
	return err->code;
}
