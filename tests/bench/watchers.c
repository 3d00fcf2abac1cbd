/*
 * watchers.c - many watches, changes at a rate, and how long each change takes to arrive everywhere.
 *
 *	watchers URL CA CERT KEY WATCHERS WATCH-TARGET CHANGES RATE [OBJECT-TARGET BYTES]
 *
 * RATE > 0: so many merge patches a second to OBJECT-TARGET, a ConfigMap, each with data.seq and BYTES of
 * text; 0: 16 at a time, as fast as they are answered, OBJECT-TARGET's @N@ being the writer's number;
 * -1: none, somebody else sends them. WATCH_ACCEPT in the environment: the Accept of the watches.
 * Prints "ready" when all watch, then: events a second, p50, p99 and
 * longest in microseconds from the write's answer to the arrival (an arrival before the answer is 0), and
 * seconds from the first write (or arrival) to the last arrival.
 */
#include <stdio.h>

#include "common/base/str.h"
#include "common/io/http_client.h"

#define MARK         "change-" /* as it is in any encoding */
#define MARK_LEN     7
#define DIGITS       6
#define TAIL         (MARK_LEN + DIGITS - 1)
#define WRITERS      16
#define OPEN_AT_ONCE 64
#define GIVE_UP_MS   120000

struct bench;

struct watcher {
	struct bench *bench;
	char tail[TAIL + TAIL + 1]; /* what may be the begin of a mark */
	size_t tail_len;
};

struct writer {
	struct bench *bench;
	size_t number, seq;
	int status;
};

struct bench {
	struct loop *loop;
	struct http_transport *watching, *writing;
	struct loop_timer *tick, *give_up;
	const char *watch_target, *object_target;
	struct watcher *watchers;
	size_t watchers_count, opened, open;
	struct writer writers[WRITERS];
	size_t changes, next, bytes, in_flight;
	double rate;
	int64_t begun_us, last_us;
	int64_t *answered_us; /* by change; 0: not yet */
	uint32_t *arrived_us; /* since begun_us, by change and watcher */
	uint32_t *arrived;    /* how many, by change */
	size_t arrived_total;
};

static void open_next(struct bench *b);
static void write_next(struct writer *w);
static void ticked(void *ctx);

static void fail(const char *what, int status, const struct error *err)
{
	fprintf(stderr, "watchers: %s: %d %s\n", what, status, err ? err->text : "");
	exit(1);
}

/* ---- watching ---- */

static void begin_changes(struct bench *b)
{
	puts("ready");
	(void)fflush(stdout);
	loop_timer_set(b->give_up, GIVE_UP_MS);
	b->begun_us = loop_wall_us(b->loop);
	if (b->rate > 0)
		ticked(b);
	for (size_t i = 0; i < WRITERS && b->rate == 0; i++)
		write_next(&b->writers[i]);
}

static void watch_head(void *ctx, int status, const struct http_header *headers, size_t n)
{
	struct bench *b = ((struct watcher *)ctx)->bench;
	(void)headers;
	(void)n;
	if (status != 200)
		fail("watch", status, NULL);
	b->open++;
	if (b->open == b->watchers_count)
		begin_changes(b);
	else
		open_next(b);
}

static void arrived(struct watcher *w, const char *digits)
{
	struct bench *b = w->bench;
	size_t seq = 0;
	for (int i = 0; i < DIGITS; i++)
		seq = seq * 10 + (size_t)(digits[i] - '0');
	if (seq >= b->changes)
		return;
	int64_t now_us = loop_wall_us(b->loop);
	if (b->rate < 0 && b->arrived_total == 0)
		b->begun_us = now_us;
	if (b->arrived[seq] < b->watchers_count)
		b->arrived_us[seq * b->watchers_count + b->arrived[seq]++] =
			(uint32_t)(now_us - b->begun_us);
	b->last_us = now_us;
	if (++b->arrived_total == b->changes * b->watchers_count)
		loop_stop(b->loop);
}

static const char *scan(struct watcher *w, const char *p, const char *end)
{
	const char *at;
	while ((at = memmem(p, (size_t)(end - p), MARK, MARK_LEN)) &&
	       end - at >= MARK_LEN + DIGITS) {
		arrived(w, at + MARK_LEN);
		p = at + MARK_LEN + DIGITS;
	}
	return at ? at : MAX(p, end - MIN(end - p, (ptrdiff_t)TAIL));
}

static void watch_data(void *ctx, const char *bytes, size_t n)
{
	struct watcher *w = ctx;
	/* A mark over the border between two pieces: the old tail with the begin of the new one. */
	size_t more = MIN(n, (size_t)TAIL);
	memcpy(w->tail + w->tail_len, bytes, more);
	const char *rest = scan(w, w->tail, w->tail + w->tail_len + more);
	if (n <= TAIL) {
		size_t left = (size_t)(w->tail + w->tail_len + more - rest);
		w->tail_len = MIN(left, (size_t)TAIL);
		memmove(w->tail, w->tail + (rest - w->tail) + (left - w->tail_len), w->tail_len);
		return;
	}
	size_t used = rest > w->tail + w->tail_len ? (size_t)(rest - w->tail) - w->tail_len : 0;
	rest = scan(w, bytes + used, bytes + n);
	w->tail_len = MIN((size_t)(bytes + n - rest), (size_t)TAIL);
	memcpy(w->tail, bytes + n - w->tail_len, w->tail_len);
}

static void watch_done(void *ctx, const struct error *err)
{
	(void)ctx;
	fail("a watch ended", 0, err);
}

static void open_next(struct bench *b)
{
	static const struct http_events events = { watch_head, watch_data, watch_done };
	if (b->opened == b->watchers_count)
		return;
	struct watcher *w = &b->watchers[b->opened++];
	w->bench = b;
	const struct http_header accept = { "Accept", getenv("WATCH_ACCEPT") };
	http_start(b->watching,
		   &(struct http_request){ .method = "GET",
					   .target = b->watch_target,
					   .headers = &accept,
					   .headers_count = accept.value ? 1 : 0 },
		   &events, w);
}

/* ---- writing ---- */

static void write_head(void *ctx, int status, const struct http_header *headers, size_t n)
{
	(void)headers;
	(void)n;
	((struct writer *)ctx)->status = status;
}

static void write_data(void *ctx, const char *bytes, size_t n)
{
	(void)ctx;
	(void)bytes;
	(void)n;
}

static void write_done(void *ctx, const struct error *err)
{
	struct writer *w = ctx;
	struct bench *b = w->bench;
	if (err || w->status != 200)
		fail("write", w->status, err);
	b->answered_us[w->seq] = loop_wall_us(b->loop);
	b->in_flight--;
	if (b->rate == 0)
		write_next(w);
	else
		free(w);
}

static void write_next(struct writer *w)
{
	static const struct http_events events = { write_head, write_data, write_done };
	static const struct http_header type = { "Content-Type", "application/merge-patch+json" };
	struct bench *b = w->bench;
	if (b->next == b->changes)
		return;
	w->seq = b->next++;
	AUTO_STR body, target;
	str_init(&body, b->bytes + 256);
	str_init(&target, 1024);
	str_addf(&body, "{\"data\":{\"seq\":\"" MARK "%06zu\",\"text\":\"%0*d\"}}", w->seq,
		 (int)b->bytes, 0);
	const char *at = strstr(b->object_target, "@N@");
	str_add_bytes(&target, b->object_target,
		      at ? (size_t)(at - b->object_target) : strlen(b->object_target));
	if (at)
		str_addf(&target, "%06zu%s", w->number, at + 3);
	b->in_flight++;
	http_start(b->writing,
		   &(struct http_request){ .method = "PATCH",
					   .target = target.data,
					   .headers = &type,
					   .headers_count = 1,
					   .body = body.data,
					   .body_len = body.len },
		   &events, w);
}

/* What is due by now; late ones are made up for. */
static void ticked(void *ctx)
{
	struct bench *b = ctx;
	double seconds = (double)(loop_wall_us(b->loop) - b->begun_us) / 1e6;
	while (b->next < b->changes && (double)b->next <= seconds * b->rate &&
	       b->in_flight < WRITERS) {
		struct writer *w = xcalloc(1, sizeof *w);
		*w = (struct writer){ .bench = b, .number = b->next % WRITERS };
		write_next(w);
	}
	if (b->next < b->changes)
		loop_timer_set(b->tick, 1);
}

static void too_late(void *ctx)
{
	struct bench *b = ctx;
	fprintf(stderr, "watchers: %zu of %zu events arrived\n", b->arrived_total,
		b->changes * b->watchers_count);
	exit(1);
}

/* ---- the end ---- */

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

static void report(struct bench *b)
{
	size_t n = b->changes * b->watchers_count;
	for (size_t c = 0; c < b->changes; c++)
		for (size_t i = 0; i < b->watchers_count; i++) {
			uint32_t *us = &b->arrived_us[c * b->watchers_count + i];
			int64_t late = b->begun_us + *us - b->answered_us[c];
			*us = b->answered_us[c] && late > 0 ? (uint32_t)late : 0;
		}
	qsort(b->arrived_us, n, sizeof *b->arrived_us, by_number);
	double s = (double)(b->last_us - b->begun_us) / 1e6;
	printf("%.0f %u %u %u %.6f\n", (double)n / s, b->arrived_us[n / 2],
	       b->arrived_us[n * 99 / 100], b->arrived_us[n - 1], s);
}

int main(int argc, char **argv)
{
	if (argc != 9 && argc != 11) {
		fprintf(stderr,
			"usage: watchers URL CA CERT KEY WATCHERS WATCH-TARGET CHANGES RATE "
			"[OBJECT-TARGET BYTES]\n");
		return 2;
	}
	struct bench b = { .loop = loop_new(),
			   .watch_target = argv[6],
			   .watchers_count = strtoul(argv[5], NULL, 10),
			   .changes = strtoul(argv[7], NULL, 10),
			   .rate = strtod(argv[8], NULL),
			   .object_target = argc > 9 ? argv[9] : "",
			   .bytes = argc > 9 ? strtoul(argv[10], NULL, 10) : 0 };
	struct http_client_options o = { .base_url = argv[1],
					 .ca_file = argv[2],
					 .cert_file = argv[3],
					 .key_file = argv[4],
					 .user_agent = "watchers/1.0",
					 .connect_timeout_ms = 60000,
					 .connections_max = (int)b.watchers_count };
	struct error err;
	b.watchers = xcalloc(b.watchers_count, sizeof *b.watchers);
	b.answered_us = xcalloc(b.changes, sizeof *b.answered_us);
	b.arrived = xcalloc(b.changes, sizeof *b.arrived);
	b.arrived_us = xcalloc(b.changes * b.watchers_count, sizeof *b.arrived_us);
	b.tick = loop_timer_new(b.loop, ticked, &b);
	b.give_up = loop_timer_new(b.loop, too_late, &b);
	for (size_t i = 0; i < WRITERS; i++)
		b.writers[i] = (struct writer){ .bench = &b, .number = i };
	if (http_client_new(b.loop, &o, &b.watching, &err) < 0)
		fail("client", 0, &err);
	o.connections_max = WRITERS;
	if (http_client_new(b.loop, &o, &b.writing, &err) < 0)
		fail("client", 0, &err);
	for (size_t i = 0; i < OPEN_AT_ONCE; i++)
		open_next(&b);
	loop_run(b.loop);
	report(&b);
	return 0;
}
