/* The HTTP client: what callers do inside callbacks, time-outs, tokens, names, failures. */
#include <fcntl.h>

#include "common/base/str.h"
#include "common/io/http_client.h"
#include "common/io/http_server.h"
#include "common/io/tls.h"
#include "tests/support/check.h"

static struct loop *loop;
static struct loop_timer *guard;
static bool is_late;
static struct http_server *server;
static struct http_transport *client;
static struct tls_pair ca, cert;
static char token_path[] = "/tmp/skiff-test-XXXXXX";

/* ---- the server: says what it got, or keeps silent ---- */

static ssize_t silence(void *ctx, char *buf, size_t max)
{
	bool *has_spoken = ctx;
	if (*has_spoken)
		return 0;
	CHECK(max > 1);
	*has_spoken = true;
	buf[0] = 's';
	return 1;
}

static void source_closed(void *ctx)
{
	free(ctx);
}

static void handle(void *ctx, struct http_exchange *x)
{
	static const struct http_source silent = { silence, source_closed };
	(void)ctx;
	if (streq(x->path, "/silent")) {
		http_stream(x, 200, NULL, 0, &silent, xcalloc(1, sizeof(bool)));
		return;
	}
	AUTO_STR s;
	str_init(&s, 100000);
	const char *names[] = { "Authorization", "User-Agent", "Host", "Content-Type", "Expect" };
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *value = http_header_get(x, names[i]);
		str_addf(&s, "%s=%s|", names[i], value ? value : "-");
	}
	http_reply(x, 200, NULL, 0, s.data, s.len, NULL, NULL);
}

/* ---- calls ---- */

enum action {
	DO_NOTHING,
	CANCEL_IN_HEAD,
	CANCEL_IN_DATA,
	START_IN_DONE,
	FREE_IN_DONE,
	FREE_IN_DATA,
	CANCEL_OTHER_IN_DATA
};

struct call {
	enum action action;
	struct http_call *call, *other;
	struct call *next;
	unsigned heads, datas, dones;
	int status;
	bool is_failed;
	struct str body;
	char why[200];
};

static void begin(struct call *c, const char *target, int64_t timeout_ms, int64_t idle_ms);

static void got_head(void *ctx, int status, const struct http_header *headers, size_t n)
{
	struct call *c = ctx;
	(void)headers;
	(void)n;
	c->heads++;
	c->status = status;
	if (c->action == CANCEL_IN_HEAD)
		http_cancel(client, c->call);
	loop_stop(loop);
}

static void free_client(void)
{
	http_transport_free(client);
	client = NULL;
}

static void got_data(void *ctx, const char *bytes, size_t n)
{
	struct call *c = ctx;
	c->datas++;
	str_add_bytes(&c->body, bytes, n);
	if (c->action == CANCEL_IN_DATA)
		http_cancel(client, c->call);
	if (c->action == CANCEL_OTHER_IN_DATA)
		http_cancel(client, c->other);
	if (c->action == FREE_IN_DATA)
		free_client();
	loop_stop(loop);
}

static void got_done(void *ctx, const struct error *err)
{
	struct call *c = ctx;
	c->dones++;
	c->is_failed = err != NULL;
	if (err) {
		CHECK_INT(err->code, ERR_UNAVAILABLE);
		CHECK(snprintf(c->why, sizeof c->why, "%.150s", err->text) >= 0);
	}
	if (c->action == START_IN_DONE)
		begin(c->next, "/x", 0, 0);
	if (c->action == FREE_IN_DONE)
		free_client();
	loop_stop(loop);
}

static void begin(struct call *c, const char *target, int64_t timeout_ms, int64_t idle_ms)
{
	static const struct http_events events = { got_head, got_data, got_done };
	struct http_request r = {
		.method = "GET", .target = target, .timeout_ms = timeout_ms, .idle_ms = idle_ms
	};
	str_init(&c->body, 100000);
	c->call = http_start(client, &r, &events, c);
	CHECK(!c->heads && !c->dones); /* no callback inside start */
}

static void late(void *ctx)
{
	(void)ctx;
	is_late = true;
	loop_stop(loop);
}

static void run_until(const unsigned *counter)
{
	is_late = false;
	loop_timer_set(guard, 20000);
	while (!*counter && !is_late)
		loop_run(loop);
	loop_timer_stop(guard);
	CHECK(*counter);
}

static void run_ms(int64_t ms)
{
	is_late = false;
	loop_timer_set(guard, ms);
	while (!is_late)
		loop_run(loop);
}

static void new_server_at(bool is_tls, uint16_t port)
{
	struct error err;
	struct http_server_options o = { .address = "127.0.0.1",
					 .port = port,
					 .cert_pem = is_tls ? cert.cert_pem : NULL,
					 .key_pem = is_tls ? cert.key_pem : NULL,
					 .handle = handle };
	CHECK_INT(http_server_new(loop, &o, &server, &err), 0);
}

static void new_server(bool is_tls)
{
	new_server_at(is_tls, 0);
}

static void new_client(struct http_client_options o, bool is_tls)
{
	struct error err;
	char url[60];
	CHECK(snprintf(url, sizeof url, "%s://127.0.0.1:%u", is_tls ? "https" : "http",
		       http_server_port(server)) > 0);
	o.base_url = o.base_url ? o.base_url : url;
	int code = http_client_new(loop, &o, &client, &err);
	if (code)
		fprintf(stderr, "%s\n", err.text);
	CHECK_INT(code, 0);
}

/* ---- cases ---- */

static void inside_callbacks(void)
{
	struct call c = { .action = CANCEL_IN_HEAD };
	new_client((struct http_client_options){ 0 }, false);
	begin(&c, "/x", 0, 0);
	run_until(&c.heads);
	run_ms(20);
	CHECK(c.heads == 1 && c.datas == 0 && c.dones == 0);
	str_fini(&c.body);

	c = (struct call){ .action = CANCEL_IN_DATA };
	begin(&c, "/x", 0, 0);
	run_until(&c.datas);
	run_ms(20);
	CHECK(c.datas == 1 && c.dones == 0);
	str_fini(&c.body);

	struct call next = { 0 };
	c = (struct call){ .action = START_IN_DONE, .next = &next };
	begin(&c, "/x", 0, 0);
	run_until(&next.dones);
	CHECK(!next.is_failed && next.status == 200);
	str_fini(&c.body);
	str_fini(&next.body);

	struct call other = { 0 };
	begin(&other, "/silent", 0, 0);
	run_until(&other.datas);
	c = (struct call){ .action = CANCEL_OTHER_IN_DATA, .other = other.call };
	begin(&c, "/x", 0, 0);
	run_until(&c.dones);
	run_ms(20);
	CHECK_INT(other.dones, 0);
	str_fini(&other.body);
	str_fini(&c.body);

	c = (struct call){ 0 }; /* cancelled before it was sent */
	begin(&c, "/x", 0, 0);
	http_cancel(client, c.call);
	run_ms(20);
	CHECK(!c.heads && !c.dones);
	str_fini(&c.body);

	other = (struct call){ 0 };
	begin(&other, "/silent", 0, 0);
	run_until(&other.datas);
	c = (struct call){ .action = FREE_IN_DONE };
	begin(&c, "/x", 0, 0);
	run_until(&c.dones);
	run_ms(20);
	CHECK_INT(other.dones, 0);
	str_fini(&c.body);
	str_fini(&other.body);

	new_client((struct http_client_options){ 0 }, false);
	c = (struct call){ .action = FREE_IN_DATA };
	begin(&c, "/x", 0, 0);
	run_until(&c.datas);
	run_ms(20);
	CHECK_INT(c.dones, 0);
	str_fini(&c.body);
}

static void timeouts(void)
{
	struct call c = { 0 }, d = { 0 };
	new_client((struct http_client_options){ 0 }, false);
	begin(&c, "/silent", 60, 0);
	run_until(&c.dones);
	CHECK(c.is_failed && c.datas == 1);
	begin(&d, "/silent", 0, 50);
	run_until(&d.dones);
	CHECK(d.is_failed && strstr(d.why, "no byte came for 50 ms"));
	str_fini(&c.body);
	str_fini(&d.body);
	free_client();
	/* Nobody listens there. */
	new_client((struct http_client_options){ .base_url = "http://127.0.0.1:1" }, false);
	c = (struct call){ 0 };
	begin(&c, "/x", 1000, 0);
	run_until(&c.dones);
	CHECK(c.is_failed && c.heads == 0);
	str_fini(&c.body);
	free_client();
}

static void answer_says(const char *what, const char *want, bool is_tls)
{
	struct call c = { 0 };
	begin(&c, "/x", 5000, 0);
	run_until(&c.dones);
	if (c.is_failed || !strstr(c.body.data, want))
		fprintf(stderr, "%s: '%s' (%s), expected '%s'\n", what, c.body.data, c.why, want);
	CHECK(!c.is_failed && strstr(c.body.data, want));
	CHECK(is_tls || strstr(c.body.data, "Content-Type=-|Expect=-|"));
	str_fini(&c.body);
}

static void headers(void)
{
	new_client((struct http_client_options){ .bearer_token = "abc", .user_agent = "me/1" },
		   false);
	answer_says("token", "Authorization=Bearer abc|User-Agent=me/1|", false);
	free_client();
	int fd = mkstemp(token_path);
	CHECK(fd >= 0 && write(fd, "from-file\n", 10) == 10);
	close(fd);
	new_client((struct http_client_options){ .bearer_token_file = token_path }, false);
	answer_says("token file", "Authorization=Bearer from-file|", false);
	free_client();
	unlink(token_path);
}

/* A name is looked up on a worker; what nobody knows fails by itself. */
static void lookups(void)
{
	char url[60];
	struct call c = { 0 };
	CHECK(snprintf(url, sizeof url, "http://localhost:%u", http_server_port(server)) > 0);
	new_client((struct http_client_options){ .base_url = url }, false);
	answer_says("localhost", "Host=localhost:", false);
	begin(&c, "/x", 5000, 0);
	free_client(); /* in the middle of it */
	run_ms(20);
	CHECK(!c.heads && !c.dones);
	str_fini(&c.body);
	new_client((struct http_client_options){ .base_url = "http://nobody.invalid" }, false);
	c = (struct call){ 0 };
	begin(&c, "/x", 15000, 0);
	run_until(&c.dones);
	CHECK(c.is_failed && strstr(c.why, "nobody.invalid"));
	str_fini(&c.body);
	free_client();
}

/* A kept connection that died meanwhile: the next request goes by another. */
static void server_restarts(bool is_tls)
{
	uint16_t port = http_server_port(server);
	new_client((struct http_client_options){ .insecure_skip_verify = true }, is_tls);
	answer_says("before", "Host=127.0.0.1", is_tls);
	run_ms(5);
	answer_says("kept", "Host=127.0.0.1", is_tls);
	http_server_free(server);
	new_server_at(is_tls, port);
	answer_says("after", "Host=127.0.0.1", is_tls);
	free_client();
}

/* More calls at once than connections: each has its turn. */
static void queues(void)
{
	struct call calls[9] = { { 0 } };
	new_client((struct http_client_options){ .connections_max = 2 }, false);
	for (size_t i = 0; i < ARRAY_LEN(calls); i++)
		begin(&calls[i], "/x", 5000, 0);
	for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
		run_until(&calls[i].dones);
		CHECK(!calls[i].is_failed && calls[i].status == 200);
		str_fini(&calls[i].body);
	}
	free_client();
}

static void names(void)
{
	struct error err;
	struct call c = { 0 };
	new_client((struct http_client_options){ .ca_data = ca.cert_pem }, true);
	begin(&c, "/x", 5000, 0); /* the certificate is for kubernetes.default, not 127.0.0.1 */
	run_until(&c.dones);
	CHECK(c.is_failed);
	str_fini(&c.body);
	free_client();
	new_client((struct http_client_options){ .ca_data = ca.cert_pem,
						 .server_name = "kubernetes.default" },
		   true);
	answer_says("server name", "Host=kubernetes.default", true);
	free_client();
	new_client((struct http_client_options){ .insecure_skip_verify = true }, true);
	answer_says("not verified", "Host=127.0.0.1", true);
	free_client();
	static const struct http_client_options bad[] = {
		{ .base_url = "ftp://x" },
		{ .base_url = "http://" },
		{ .base_url = "http://x/path" },
		{ .base_url = "http://user@x" },
		{ .base_url = "https://x", .ca_file = "/no/such" },
		{ .base_url = "https://x", .cert_data = "only a certificate" },
		{ .base_url = "https://x", .bearer_token_file = "/no/such" },
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CHECK_INT(http_client_new(loop, &bad[i], &client, &err), ERR_INVALID);
}

int main(void)
{
	struct error err;
	loop = loop_new();
	guard = loop_timer_new(loop, late, NULL);
	int64_t now_s = loop_wall_us(loop) / 1000000;
	struct tls_cert_request r = { .common_name = "server",
				      .dns = (const char *[]){ "kubernetes.default", NULL },
				      .is_server = true,
				      .now_s = now_s,
				      .days = 2 };
	CHECK_INT(tls_ca_new("ca", now_s, 10, &ca, &err), 0);
	CHECK_INT(tls_cert_issue(&ca, &r, &cert, &err), 0);
	new_server(false);
	inside_callbacks();
	timeouts();
	headers();
	lookups();
	queues();
	server_restarts(false);
	http_server_free(server);
	new_server(true);
	names();
	server_restarts(true);
	http_server_free(server);
	tls_pair_fini(&ca);
	tls_pair_fini(&cert);
	loop_timer_free(guard);
	loop_free(loop);
	return 0;
}
