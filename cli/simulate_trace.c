#include "cli/simulate_lines.h"

#include <errno.h>

void trace_fini(struct trace *t)
{
	free(t->arrival_us);
	free(t->size_us);
	free(t->estimate_us);
	free(t->deadline_us);
	free(t->ids);
	free(t->rank);
	free(t->class_of);
	free(t->request_of);
	free(t->priority);
	free(t->requests);
	free(t->lines);
	*t = (struct trace){ 0 };
}

/* ---- lines ---- */

int lines_error(const struct lines *l, struct error *err, const char *fmt, ...)
{
	AUTO_STR text;
	va_list args;
	str_init(&text, 900);
	va_start(args, fmt);
	str_vaddf(&text, fmt, args);
	va_end(args);
	return error_set(err, ERR_INVALID, "%s:%llu: %s", l->path, (unsigned long long)l->number,
			 text.data);
}

bool lines_next(struct lines *l, struct error *err)
{
	err->code = ERR_OK;
	if (!fgets(l->text, sizeof l->text, l->file)) {
		if (ferror(l->file))
			error_set(err, ERR_UNAVAILABLE, "%s: %s", l->path, strerror(errno));
		return false;
	}
	l->number++;
	l->len = strlen(l->text);
	bool is_ended = l->len > 0 && l->text[l->len - 1] == '\n';
	if (!is_ended && !feof(l->file)) {
		lines_error(l, err, "a line of more than %d characters, or a zero byte",
			    LINE_SIZE_MAX - 2);
		return false;
	}
	while (l->len > 0 && (l->text[l->len - 1] == '\n' || l->text[l->len - 1] == '\r'))
		l->text[--l->len] = 0;
	return true;
}

bool number_parse(const char *text, int64_t *ret)
{
	bool is_negative = *text == '-';
	const char *p = text + is_negative;
	int64_t n = 0;
	if (*p < '0' || *p > '9')
		return false;
	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, *p - '0', &n))
			return false;
	*ret = is_negative ? -n : n;
	return *p == 0;
}

/* ---- jobs into columns ---- */

static void *grown(void *p, size_t room, size_t size, bool is_wanted)
{
	return is_wanted ? xrealloc(p, room, size) : NULL;
}

static void grow(struct trace_builder *b)
{
	struct trace *t = b->t;
	size_t n = b->room = b->room ? b->room * 2 : 1024;
	t->arrival_us = grown(t->arrival_us, n, sizeof *t->arrival_us, true);
	t->size_us = grown(t->size_us, n, sizeof *t->size_us, true);
	t->ids = grown(t->ids, n, sizeof *t->ids, true);
	t->estimate_us = grown(t->estimate_us, n, sizeof *t->estimate_us, b->has_estimates);
	t->deadline_us = grown(t->deadline_us, n, sizeof *t->deadline_us, b->has_deadlines);
	t->priority = grown(t->priority, n, sizeof *t->priority, b->has_priority);
	t->class_of = grown(t->class_of, n, sizeof *t->class_of, b->has_classes);
	t->request_of = grown(t->request_of, n, sizeof *t->request_of, b->has_requests);
}

static int class_number(struct trace_builder *b, const char *class, uint32_t *ret,
			struct error *err)
{
	uintptr_t known = (uintptr_t)map_get(&b->classes, class ? class : "");
	if (!known) {
		if (b->classes.count == TRACE_CLASSES_MAX)
			return lines_error(b->l, err, "more than %d classes", TRACE_CLASSES_MAX);
		known = b->classes.count + 1;
		(void)map_put(&b->classes, class ? class : "", (void *)known);
	}
	*ret = (uint32_t)known - 1;
	return 0;
}

static int request_number(struct trace_builder *b, const struct queue_request *r, uint32_t *ret,
			  struct error *err)
{
	struct trace *t = b->t;
	char key[2 * sizeof r->need + 2 * sizeof r->members + 1];
	const unsigned char *bytes = (const unsigned char *)r->need;
	size_t n = 0;
	for (size_t i = 0; i < sizeof r->need; i++) {
		key[n++] = (char)('a' + (bytes[i] >> 4));
		key[n++] = (char)('a' + (bytes[i] & 15));
	}
	int wrote = snprintf(key + n, sizeof key - n, "%x", r->members);
	(void)wrote;
	uintptr_t known = (uintptr_t)map_get(&b->requests, key);
	if (!known) {
		if (t->replay.requests_count == QUEUE_SHAPES_MAX / 2)
			return lines_error(b->l, err, "too many different needs");
		if (t->replay.requests_count == b->requests_room) {
			b->requests_room = b->requests_room ? 2 * b->requests_room : 64;
			t->requests = xrealloc(t->requests, b->requests_room, sizeof *t->requests);
			t->lines = xrealloc(t->lines, b->requests_room, sizeof *t->lines);
		}
		t->requests[t->replay.requests_count] = *r;
		t->lines[t->replay.requests_count] = (uint32_t)b->l->number;
		known = ++t->replay.requests_count;
		(void)map_put(&b->requests, key, (void *)known);
	}
	*ret = (uint32_t)known - 1;
	return 0;
}

static int check_times(struct trace_builder *b, const struct trace_job *job, struct error *err)
{
	const struct lines *l = b->l;
	if (job->arrival_us < 0)
		return lines_error(l, err, "the arrival %lld is negative",
				   (long long)job->arrival_us);
	if (job->size_us < 0)
		return lines_error(l, err, "the size %lld is negative", (long long)job->size_us);
	if (job->estimate_us < 0 || job->estimate_us > QUEUE_TIME_MAX)
		return lines_error(l, err, "the estimate %lld is out of bounds",
				   (long long)job->estimate_us);
	if (job->deadline_us < 0 || job->deadline_us > QUEUE_TIME_MAX)
		return lines_error(l, err, "the deadline %lld is out of bounds",
				   (long long)job->deadline_us);
	if (!b->sorts && job->arrival_us < b->last_arrival)
		return lines_error(
			l, err,
			"arrival %lld comes after %lld: sort the trace by arrival, or give "
			"--sort",
			(long long)job->arrival_us, (long long)b->last_arrival);
	b->last_arrival = MAX(b->last_arrival, job->arrival_us);
	if (__builtin_add_overflow(b->size_sum, job->size_us, &b->size_sum) ||
	    b->size_sum > QUEUE_TIME_MAX / 2 || b->last_arrival > QUEUE_TIME_MAX / 2)
		return lines_error(l, err, "the times are too large: together over 18,000 years");
	return 0;
}

int builder_add(struct trace_builder *b, const struct trace_job *job, struct error *err)
{
	struct trace *t = b->t;
	size_t i = t->replay.count;
	if (check_times(b, job, err) < 0)
		return err->code;
	if (i == TRACE_JOBS_MAX)
		return lines_error(b->l, err, "more than %d jobs", TRACE_JOBS_MAX);
	if (i == b->room)
		grow(b);
	if (i == 0)
		b->first_line = b->l->number;
	if (b->first_line && b->l->number != b->first_line + i)
		b->first_line = 0;
	t->arrival_us[i] = job->arrival_us;
	t->size_us[i] = job->size_us;
	t->ids[i] = job->id;
	if (b->has_estimates)
		t->estimate_us[i] = job->estimate_us;
	if (b->has_deadlines)
		t->deadline_us[i] = job->deadline_us;
	if (b->has_priority)
		t->priority[i] = job->priority;
	if (b->has_classes && class_number(b, job->class, &t->class_of[i], err) < 0)
		return err->code;
	if (b->has_requests && request_number(b, &job->request, &t->request_of[i], err) < 0)
		return err->code;
	t->replay.count++;
	return 0;
}

/* ---- order ---- */

struct place {
	int64_t arrival_us, id;
	uint32_t at;
};

static int by_arrival(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	if (x->arrival_us != y->arrival_us)
		return x->arrival_us < y->arrival_us ? -1 : 1;
	return (x->id > y->id) - (x->id < y->id);
}

static int by_id(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return (x->at > y->at) - (x->at < y->at);
}

#define REORDER(column)                                                                            \
	do {                                                                                       \
		if (column) {                                                                      \
			__typeof__(column) old_ = xmemdup(column, n * sizeof *column);             \
			for (size_t i_ = 0; i_ < n; i_++)                                          \
				(column)[i_] = old_[places[i_].at];                                \
			free(old_);                                                                \
		}                                                                                  \
	} while (0)

static void sort_columns(struct trace *t, struct place *places)
{
	size_t n = t->replay.count;
	qsort(places, n, sizeof *places, by_arrival);
	REORDER(t->arrival_us);
	REORDER(t->size_us);
	REORDER(t->ids);
	REORDER(t->estimate_us);
	REORDER(t->deadline_us);
	REORDER(t->priority);
	REORDER(t->class_of);
	REORDER(t->request_of);
}

/* Is the file in order of (arrival, id), and do the ids rise with it? */
static void look_at_order(const struct trace *t, bool *ret_is_sorted, bool *ret_rises)
{
	*ret_is_sorted = *ret_rises = true;
	for (size_t i = 1; i < t->replay.count; i++) {
		bool rises = t->ids[i - 1] < t->ids[i];
		*ret_rises &= rises;
		*ret_is_sorted &= t->arrival_us[i - 1] < t->arrival_us[i] ||
				  (t->arrival_us[i - 1] == t->arrival_us[i] && rises);
	}
}

static void rank_ids(struct trace *t, struct place *places)
{
	size_t n = t->replay.count;
	for (size_t i = 0; i < n; i++)
		places[i] = (struct place){ t->arrival_us[i], t->ids[i], (uint32_t)i };
	qsort(places, n, sizeof *places, by_id);
	t->rank = xcalloc(n, sizeof *t->rank);
	for (size_t i = 0; i < n; i++)
		t->rank[places[i].at] = (uint32_t)i;
}

/* `places` in the order of the file. */
static int check_ids(const struct trace_builder *b, struct place *places, struct error *err)
{
	const struct trace *t = b->t;
	size_t n = t->replay.count;
	qsort(places, n, sizeof *places, by_id);
	for (size_t i = 1; i < n; i++) {
		long long id = places[i].id;
		if (places[i - 1].id != places[i].id)
			continue;
		if (b->first_line)
			return error_set(err, ERR_INVALID,
					 "%s:%llu: the id %lld is also in line %llu", t->path,
					 (unsigned long long)b->first_line + places[i].at, id,
					 (unsigned long long)b->first_line + places[i - 1].at);
		return error_set(err, ERR_INVALID, "%s: two jobs have the id %lld", t->path, id);
	}
	return 0;
}

static int bring_into_order(struct trace_builder *b, bool is_sorted, struct error *err)
{
	struct trace *t = b->t;
	size_t n = t->replay.count;
	bool rises;
	struct place *places = xcalloc(n, sizeof *places);
	for (size_t i = 0; i < n; i++)
		places[i] = (struct place){ t->arrival_us[i], t->ids[i], (uint32_t)i };
	int code = check_ids(b, places, err);
	if (code == 0 && !is_sorted)
		sort_columns(t, places);
	look_at_order(t, &is_sorted, &rises);
	if (code == 0 && !rises)
		rank_ids(t, places);
	free(places);
	return code;
}

int builder_finish(struct trace_builder *b, struct error *err)
{
	struct trace *t = b->t;
	bool is_sorted, rises;
	look_at_order(t, &is_sorted, &rises);
	if ((!is_sorted || !rises) && bring_into_order(b, is_sorted, err) < 0)
		return err->code;
	/* Of long traces nobody asks for the ids any more, and they are a tenth of the memory. */
	if (t->replay.count > TRACE_NAMED_MAX) {
		free(t->ids);
		t->ids = NULL;
	}
	t->classes_count = b->classes.count;
	t->has_estimates = b->has_estimates;
	t->replay.arrival_us = t->arrival_us;
	t->replay.size_us = t->size_us;
	t->replay.rank = t->rank;
	t->replay.class_of = t->class_of;
	t->replay.request_of = t->request_of;
	t->replay.requests = t->requests;
	t->replay.priority = t->priority;
	t->replay.deadline_us = t->deadline_us;
	return 0;
}

void builder_fini(struct trace_builder *b)
{
	map_fini(&b->classes);
	map_fini(&b->requests);
}

/* ---- which of the two ---- */

static bool looks_like_swf(const char *path, const char *line)
{
	size_t len = strlen(path), fields = 0;
	if (len > 4 && strcasecmp(path + len - 4, ".swf") == 0)
		return true;
	while (*line == ' ' || *line == '\t')
		line++;
	if (*line == ';')
		return true;
	for (const char *p = line; *p; fields++) {
		p += strcspn(p, " \t");
		p += strspn(p, " \t");
	}
	return fields > 3 && !strchr(line, ',');
}

int trace_read_file(FILE *file, const char *path, const struct trace_form *f, struct trace *ret,
		    struct error *err)
{
	AUTO_TRACE t = { .path = path };
	struct lines *l = xcalloc(1, sizeof *l);
	*l = (struct lines){ .file = file, .path = path };
	struct trace_builder b = { .t = &t, .l = l, .sorts = f->sorts };
	int code = 0;
	if (!lines_next(l, err))
		code = err->code ? err->code : error_set(err, ERR_INVALID, "%s is empty", path);
	else
		code = looks_like_swf(path, l->text) ? swf_read(l, f, &b, err)
						     : csv_read(l, f, &b, err);
	if (code == 0 && t.replay.count == 0)
		code = error_set(err, ERR_INVALID, "%s: no jobs in it", path);
	if (code == 0)
		code = builder_finish(&b, err);
	builder_fini(&b);
	free(l);
	if (code == 0) {
		*ret = t;
		t = (struct trace){ 0 };
	}
	return code;
}

int trace_read(const char *path, const struct trace_form *f, struct trace *ret, struct error *err)
{
	FILE *file = fopen(path, "rbe");
	if (!file)
		return error_set(err, ERR_NOT_FOUND, "%s: %s", path, strerror(errno));
	int code = trace_read_file(file, path, f, ret, err);
	fclose(file);
	return code;
}
