/*
 * load.c - a load of requests over TLS: CONNECTIONS at a time, each of which sends the next as soon as it
 * has the answer to its last.
 *
 *	load URL CA CERT KEY METHOD TARGET TYPE BODY-FILE CONNECTIONS COUNT [FIRST [ANY]]
 *
 * TARGET and the body's text may hold @N@: the number of the request, six digits from FIRST (0) on. TYPE is
 * the Content-Type, or ACCEPT:… for a GET; BODY-FILE "-": none. Prints: requests a second, p50, p99 and
 * longest in microseconds, bytes of answers, answers that were no 2xx, seconds. With ANY such answers are
 * counted only; else the first is shown and the exit code is 1.
 */
#include <stdio.h>

#include "common/base/str.h"
#include "common/io/http_client.h"
#include "common/io/loop.h"

#define DIGITS     6
#define ANSWER_MAX 2000
#define BODY_MAX   (8u << 20)

struct load;

struct worker {
	struct load *load;
	int status;
	int64_t begun_us;
	struct str answer; /* its begin, to show what went wrong */
};

struct load {
	struct loop *loop;
	struct http_transport *http;
	const char *method, *target, *type;
	char *body;
	size_t connections, next, end, answered, bad;
	uint64_t bytes;
	uint32_t *took_us;
	bool takes_any;
};

static void begin(struct worker *w);

/* @N@ → the number. */
static void fill(struct str *out, const char *text, size_t number)
{
	for (const char *at; (at = strstr(text, "@N@")); text = at + 3) {
		str_add_bytes(out, text, (size_t)(at - text));
		str_addf(out, "%0*zu", DIGITS, number);
	}
	str_add(out, text);
}

static void head(void *ctx, int status, const struct http_header *headers, size_t n)
{
	struct worker *w = ctx;
	(void)headers;
	(void)n;
	w->status = status;
}

static void data(void *ctx, const char *bytes, size_t n)
{
	struct worker *w = ctx;
	w->load->bytes += n;
	if (w->answer.len < ANSWER_MAX)
		str_add_bytes(&w->answer, bytes, MIN(n, ANSWER_MAX - w->answer.len));
}

static void done(void *ctx, const struct error *err)
{
	struct worker *w = ctx;
	struct load *l = w->load;
	l->took_us[l->answered++] = (uint32_t)(loop_wall_us(l->loop) - w->begun_us);
	if (err || w->status / 100 != 2) {
		l->bad++;
		if (!l->takes_any) {
			fprintf(stderr, "load: %s %s: %d %s\n", l->method, l->target, w->status,
				err ? err->text : w->answer.data);
			exit(1);
		}
	}
	if (l->next < l->end)
		begin(w);
	else if (--l->connections == 0)
		loop_stop(l->loop);
}

static void begin(struct worker *w)
{
	static const struct http_events events = { head, data, done };
	struct load *l = w->load;
	size_t number = l->next++;
	AUTO_STR target, body;
	str_init(&target, 4096);
	str_init(&body, BODY_MAX);
	fill(&target, l->target, number);
	if (l->body)
		fill(&body, l->body, number);
	bool is_accept = starts_with(l->type, "ACCEPT:");
	struct http_header header = { is_accept ? "Accept" : "Content-Type",
				      is_accept ? l->type + strlen("ACCEPT:") : l->type };
	str_clear(&w->answer);
	w->status = 0;
	w->begun_us = loop_wall_us(l->loop);
	http_start(l->http,
		   &(struct http_request){ .method = l->method,
					   .target = target.data,
					   .headers = &header,
					   .headers_count = 1,
					   .body = l->body ? body.data : NULL,
					   .body_len = body.len },
		   &events, w);
}

static char *read_file(const char *path)
{
	FILE *f = streq(path, "-") ? NULL : fopen(path, "re");
	if (!f)
		return NULL;
	char *text = xcalloc(BODY_MAX, 1);
	size_t n = fread(text, 1, BODY_MAX - 1, f);
	(void)fclose(f);
	return xrealloc(text, n + 1, 1);
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

static void report(struct load *l, int64_t us)
{
	size_t n = l->answered;
	qsort(l->took_us, n, sizeof *l->took_us, by_number);
	printf("%.1f %u %u %u %llu %zu %.6f\n", (double)n * 1e6 / (double)us, l->took_us[n / 2],
	       l->took_us[n * 99 / 100], l->took_us[n - 1], (unsigned long long)l->bytes, l->bad,
	       (double)us / 1e6);
}

static int run(struct load *l, size_t workers_count)
{
	struct worker *workers = xcalloc(workers_count, sizeof *workers);
	int64_t begun_us = loop_wall_us(l->loop);
	l->connections = workers_count;
	for (size_t i = 0; i < workers_count; i++) {
		workers[i].load = l;
		str_init(&workers[i].answer, 2 * ANSWER_MAX);
		begin(&workers[i]);
	}
	loop_run(l->loop);
	report(l, loop_wall_us(l->loop) - begun_us);
	for (size_t i = 0; i < workers_count; i++)
		str_fini(&workers[i].answer);
	free(workers);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc < 11) {
		fprintf(stderr,
			"usage: load URL CA CERT KEY METHOD TARGET TYPE BODY-FILE CONNECTIONS "
			"COUNT [FIRST [ANY]]\n");
		return 2;
	}
	struct load l = { .loop = loop_new(),
			  .method = argv[5],
			  .target = argv[6],
			  .type = argv[7],
			  .body = read_file(argv[8]),
			  .next = argc > 11 ? strtoul(argv[11], NULL, 10) : 0,
			  .takes_any = argc > 12 };
	size_t count = strtoul(argv[10], NULL, 10), workers = strtoul(argv[9], NULL, 10);
	struct error err;
	l.end = l.next + count;
	l.took_us = xcalloc(count, sizeof *l.took_us);
	workers = MIN(workers, count);
	struct http_client_options o = { .base_url = argv[1],
					 .ca_file = argv[2],
					 .cert_file = argv[3],
					 .key_file = argv[4],
					 .user_agent = "load/1.0",
					 .connections_max = (int)workers };
	if (http_client_new(l.loop, &o, &l.http, &err) < 0) {
		fprintf(stderr, "load: %s\n", err.text);
		return 1;
	}
	int code = run(&l, workers);
	http_transport_free(l.http);
	loop_free(l.loop);
	free(l.took_us);
	free(l.body);
	return code;
}
