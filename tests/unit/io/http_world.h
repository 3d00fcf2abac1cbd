/*
 * http_world.h - what the tests of the HTTP server stand on: a server with a handler for every
 * kind of answer, our own client, certificates. Included by one test program at a time.
 */
#pragma once

#include "common/base/str.h"
#include "common/io/http_client.h"
#include "common/io/http_server.h"
#include "common/io/tls.h"
#include "tests/support/check.h"

#define GUARD_MS 20000

struct world {
	struct loop *loop;
	struct loop_timer *guard;
	struct http_server *server;
	struct http_transport *client;
	struct tls_pair ca, other_ca, server_cert, client_cert, bad_cert;
	bool is_tls;
	const char *unix_socket;
	bool is_late;
	/* what the handler keeps */
	struct http_exchange *kept;
	unsigned gone, closed;
	int ticks; /* a streamed answer's */
	uint64_t uploaded;
	bool upload_complete, upload_ended;
	char last_cn[64], last_orgs[128];
	bool had_bad_cert;
};

static struct world W;

static void late(void *ctx)
{
	(void)ctx;
	W.is_late = true;
	loop_stop(W.loop);
}

static void run_until(const bool *flag)
{
	W.is_late = false;
	loop_timer_set(W.guard, GUARD_MS);
	while (!*flag && !W.is_late)
		loop_run(W.loop);
	loop_timer_stop(W.guard);
	CHECK(*flag);
}

static void run_ms(int64_t ms)
{
	W.is_late = false;
	loop_timer_set(W.guard, ms);
	while (!W.is_late)
		loop_run(W.loop);
}

/* ---- the handler ---- */

static void free_body(void *ctx)
{
	free(ctx);
	W.closed++;
}

static ssize_t read_ticks(void *ctx, char *buf, size_t max)
{
	(void)ctx;
	if (W.ticks > 100)
		return -1;
	if (W.ticks <= 0)
		return 0;
	CHECK(max > 16);
	int n = snprintf(buf, max, "tick %d\n", W.ticks);
	W.ticks = 0;
	return n;
}

static ssize_t read_much(void *ctx, char *buf, size_t max)
{
	uint64_t *left = ctx;
	size_t n = (size_t)MIN(*left, (uint64_t)max);
	if (!n)
		return -1;
	memset(buf, 'm', n);
	*left -= n;
	return (ssize_t)n;
}

static void source_closed(void *ctx)
{
	free(ctx);
	W.closed++;
	loop_stop(W.loop);
}

static void peer_gone(struct http_exchange *x)
{
	W.gone++;
	W.kept = NULL;
	http_reply(x, 500, NULL, 0, "x", 1, NULL, NULL);
	loop_stop(W.loop);
}

static bool upload_piece(void *ctx, const char *bytes, size_t n)
{
	(void)ctx;
	CHECK(bytes[0] == 'u');
	W.uploaded += n;
	return W.uploaded % 3 != 0; /* pauses now and then */
}

static void upload_end(void *ctx, bool is_complete)
{
	struct http_exchange *x = ctx;
	W.upload_ended = true;
	W.upload_complete = is_complete;
	char text[40];
	int n = snprintf(text, sizeof text, "%llu", (unsigned long long)W.uploaded);
	http_reply(x, 201, NULL, 0, text, (size_t)n, NULL, NULL);
	W.kept = NULL;
	loop_stop(W.loop);
}

static void note_peer(const struct http_exchange *x)
{
	W.had_bad_cert = x->peer.has_bad_cert;
	CHECK(snprintf(W.last_cn, sizeof W.last_cn, "%s", x->peer.cert_cn ? x->peer.cert_cn : "-") >
	      0);
	W.last_orgs[0] = '\0';
	for (size_t i = 0; i < x->peer.cert_orgs_count; i++)
		CHECK(snprintf(W.last_orgs + strlen(W.last_orgs),
			       sizeof W.last_orgs - strlen(W.last_orgs), "%s,",
			       x->peer.cert_orgs[i]) > 0);
	CHECK(x->peer.address[0]);
}

static void echo_request(struct http_exchange *x)
{
	AUTO_STR s;
	str_init(&s, 8u << 20);
	const char *header = http_header_get(x, "X-test");
	str_addf(&s, "%s %s ? %s | %s | ", x->method, x->path, x->query, header ? header : "-");
	str_add_bytes(&s, x->body, x->body_len);
	static const struct http_header headers[] = { { "Content-Type", "text/plain" },
						      { "X-Answer", "yes" } };
	http_reply(x, 200, headers, 2, s.data, s.len, NULL, NULL);
}

struct brief {
	struct http_exchange *x;
	struct loop_timer *timer;
};

static void brief_gone(struct http_exchange *x)
{
	(void)x;
	W.gone++;
}

static void brief_over(void *ctx)
{
	struct brief *b = ctx;
	http_reply(b->x, 200, NULL, 0, b->x->query, strlen(b->x->query), NULL, NULL);
	loop_timer_free(b->timer);
	free(b);
	W.closed++;
}

/* "/brief?MS": answered after so long, though it said that it would not take long. */
static void be_brief(struct http_exchange *x)
{
	struct brief *b = xcalloc(1, sizeof *b);
	*b = (struct brief){ x, loop_timer_new(W.loop, brief_over, b) };
	x->is_brief = true;
	x->gone = brief_gone;
	loop_timer_set(b->timer, strtol(x->query, NULL, 10));
}

/* "/large?N": a body of N bytes. */
static void be_large(struct http_exchange *x)
{
	size_t n = strtoul(x->query, NULL, 10);
	char *body = xcalloc(n + 1, 1);
	for (size_t i = 0; i < n; i++)
		body[i] = (char)('a' + i % 26);
	http_reply(x, 200, NULL, 0, body, n, free_body, body);
}

static void handle(void *ctx, struct http_exchange *x)
{
	static const struct http_source ticks = { read_ticks, source_closed };
	static const struct http_source much = { read_much, source_closed };
	static const struct http_body_sink sink = { upload_piece, upload_end };
	CHECK(ctx == &W);
	note_peer(x);
	if (starts_with(x->path, "/echo")) {
		echo_request(x);
	} else if (streq(x->path, "/later")) {
		W.kept = x;
		x->gone = peer_gone;
		loop_stop(W.loop);
	} else if (streq(x->path, "/brief")) {
		be_brief(x);
	} else if (streq(x->path, "/large")) {
		be_large(x);
	} else if (streq(x->path, "/ticks")) {
		W.kept = x;
		http_stream(x, 200, NULL, 0, &ticks, NULL);
	} else if (streq(x->path, "/much")) {
		uint64_t *left = xcalloc(1, sizeof *left);
		*left = 200u << 20;
		http_stream(x, 200, NULL, 0, &much, left);
	} else if (streq(x->path, "/released")) {
		char *body = xstrdup("released");
		http_reply(x, 200, NULL, 0, body, strlen(body), free_body, body);
	} else if (streq(x->path, "/upload")) {
		CHECK(!x->body);
		W.kept = x;
		http_body_consume(x, &sink, x);
		loop_stop(W.loop);
	} else if (streq(x->path, "/upload-refused")) {
		http_reply(x, 403, NULL, 0, "no", 2, NULL, NULL);
	} else {
		http_reply(x, 404, NULL, 0, "nothing", 7, NULL, NULL);
	}
}

static bool wants_stream(void *ctx, const char *method, const char *path)
{
	(void)ctx;
	(void)method;
	return starts_with(path, "/upload");
}

/* ---- world ---- */

static void start_server(void)
{
	struct error err = { 0 };
	struct http_server_options o = {
		.address = "127.0.0.1",
		.unix_socket = W.unix_socket,
		.cert_pem = W.is_tls ? W.server_cert.cert_pem : NULL,
		.key_pem = W.is_tls ? W.server_cert.key_pem : NULL,
		.client_ca_pem = W.is_tls ? W.ca.cert_pem : NULL,
		.handle = handle,
		.wants_stream = wants_stream,
		.ctx = &W,
	};
	int code = http_server_new(W.loop, &o, &W.server, &err);
	if (code)
		fprintf(stderr, "%s\n", err.text);
	CHECK_INT(code, 0);
}

static struct http_transport *new_client(const struct tls_pair *cert)
{
	struct error err = { 0 };
	struct http_transport *t = NULL;
	char url[80];
	CHECK(snprintf(url, sizeof url, "%s://127.0.0.1:%u", W.is_tls ? "https" : "http",
		       http_server_port(W.server)) > 0);
	struct http_client_options o = {
		.base_url = url,
		.unix_socket = W.unix_socket,
		.ca_data = W.is_tls ? W.ca.cert_pem : NULL,
		.cert_data = cert ? cert->cert_pem : NULL,
		.key_data = cert ? cert->key_pem : NULL,
		.user_agent = "test/1",
	};
	CHECK_INT(http_client_new(W.loop, &o, &t, &err), 0);
	return t;
}

static void world_init(bool is_tls, const char *unix_socket)
{
	struct error err;
	memset(&W, 0, sizeof W);
	W.is_tls = is_tls;
	W.unix_socket = unix_socket;
	W.loop = loop_new();
	W.guard = loop_timer_new(W.loop, late, NULL);
	if (is_tls) {
		int64_t now_s = loop_wall_us(W.loop) / 1000000;
		struct tls_cert_request server = {
			.common_name = "server",
			.ips = (const char *[]){ "127.0.0.1", NULL },
			.is_server = true,
			.now_s = now_s,
			.days = 2,
		};
		struct tls_cert_request client = {
			.common_name = "system:node:n1",
			.orgs = (const char *[]){ "system:nodes", "b", NULL },
			.is_client = true,
			.now_s = now_s,
			.days = 2,
		};
		CHECK_INT(tls_ca_new("ca", now_s, 10, &W.ca, &err), 0);
		CHECK_INT(tls_ca_new("other", now_s, 10, &W.other_ca, &err), 0);
		CHECK_INT(tls_cert_issue(&W.ca, &server, &W.server_cert, &err), 0);
		CHECK_INT(tls_cert_issue(&W.ca, &client, &W.client_cert, &err), 0);
		CHECK_INT(tls_cert_issue(&W.other_ca, &client, &W.bad_cert, &err), 0);
	}
	start_server();
	W.client = new_client(NULL);
}

static void world_fini(void)
{
	http_transport_free(W.client);
	http_server_free(W.server);
	loop_timer_free(W.guard);
	loop_free(W.loop);
	tls_pair_fini(&W.ca);
	tls_pair_fini(&W.other_ca);
	tls_pair_fini(&W.server_cert);
	tls_pair_fini(&W.client_cert);
	tls_pair_fini(&W.bad_cert);
}

/* ---- our client ---- */

struct got {
	bool is_done, is_failed, has_head;
	int status;
	struct str body;
	uint64_t bytes;
	char answer_header[40], why[200];
};

static void got_head(void *ctx, int status, const struct http_header *headers, size_t n)
{
	struct got *g = ctx;
	CHECK(!g->has_head);
	g->has_head = true;
	g->status = status;
	for (size_t i = 0; i < n; i++)
		if (strcasecmp(headers[i].name, "x-answer") == 0)
			CHECK(snprintf(g->answer_header, sizeof g->answer_header, "%s",
				       headers[i].value) > 0);
	loop_stop(W.loop);
}

static void got_data(void *ctx, const char *bytes, size_t n)
{
	struct got *g = ctx;
	CHECK(g->has_head);
	g->bytes += n;
	if (g->body.len + n < g->body.max)
		str_add_bytes(&g->body, bytes, n);
	loop_stop(W.loop);
}

static void got_done(void *ctx, const struct error *err)
{
	struct got *g = ctx;
	g->is_done = true;
	g->is_failed = err != NULL;
	if (err)
		CHECK(snprintf(g->why, sizeof g->why, "%.150s", err->text) >= 0);
	loop_stop(W.loop);
}

static const struct http_events events = { got_head, got_data, got_done };

static struct http_call *begin(struct http_transport *t, struct http_request r, struct got *g)
{
	memset(g, 0, sizeof *g);
	str_init(&g->body, 8u << 20);
	return http_start(t, &r, &events, g);
}

static inline void fetch(struct http_transport *t, struct http_request r, struct got *g)
{
	begin(t, r, g);
	run_until(&g->is_done);
}

#define GET(path) ((struct http_request){ .method = "GET", .target = (path) })

/* The cases of one test program, in each way to connect. */
static inline void run_ways(void (*cases)(void))
{
	static const struct {
		const char *name;
		bool is_tls;
		const char *socket;
	} ways[] = { { "plain", false, NULL },
		     { "unix", false, "/tmp/skiff-test-http.sock" },
		     { "tls", true, NULL } };
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		auto_free char *socket =
			ways[i].socket ? xasprintf("%s.%d", ways[i].socket, (int)getpid()) : NULL;
		world_init(ways[i].is_tls, socket);
		fprintf(stderr, "%s\n", ways[i].name);
		cases();
		/* Every connection is gone with its client. */
		struct http_server_counts counts;
		http_transport_free(TAKE(W.client));
		run_ms(20);
		http_server_counts(W.server, &counts);
		CHECK_INT(counts.connections_now, 0);
		world_fini();
	}
}
