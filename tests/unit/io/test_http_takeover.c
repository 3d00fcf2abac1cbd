/*
 * Connections taken over: bytes sent before the 101, half-close both ways, relays, much data,
 * streams that outlive their server; plain and over TLS. The client's side runs on a thread
 * of its own with blocking sockets; TLS comes from libcurl's CONNECT_ONLY, which only lends
 * the session.
 */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "common/io/http_server.h"
#include "common/io/tls.h"
#include "tests/support/check.h"

#define MUCH ((size_t)64 << 20)

static struct loop *loop;
static struct http_server *server;
static struct tls_pair ca, cert;
static bool is_tls;
static unsigned streams_done, streams_started;
static int far_end; /* of the relay's socket pair, held by the far thread */

/* ---- the server's side ---- */

static const char switching[] = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
				"Upgrade: test\r\n\r\n";

static void stream_done(void *ctx)
{
	(void)ctx;
	streams_done++;
}

/* Everything back; at the end of it "bye", because we may still speak. Who has left altogether does not
 * hear us, and whether a write tells so depends on when the reset comes: clients check what they get. */
static void echo(void *ctx, struct http_duplex *d)
{
	char buf[65536];
	ssize_t n;
	if (ctx)
		poll(NULL, 0, 50); /* the client's early bytes are there before the 101 */
	if (http_duplex_write(d, switching, sizeof switching - 1) < 0)
		return;
	while ((n = http_duplex_read(d, buf, sizeof buf)) > 0)
		if (http_duplex_write(d, buf, (size_t)n) < 0)
			return;
	if (n == 0)
		(void)http_duplex_write(d, "bye", 3);
}

/* Ends its own direction first, and then still hears the client. */
static void speak_first(void *ctx, struct http_duplex *d)
{
	char buf[100];
	ssize_t n, got = 0;
	(void)ctx;
	CHECK_INT(http_duplex_write(d, switching, sizeof switching - 1), 0);
	CHECK_INT(http_duplex_write(d, "only this", 9), 0);
	http_duplex_shutdown_write(d);
	while ((n = http_duplex_read(d, buf, sizeof buf)) > 0)
		got += n;
	CHECK_INT(got, 5);
}

static void refuse(void *ctx, struct http_duplex *d)
{
	static const char no[] = "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno";
	(void)ctx;
	CHECK_INT(http_duplex_write(d, no, sizeof no - 1), 0);
}

static void relay(void *ctx, struct http_duplex *d)
{
	int fd = (int)(intptr_t)ctx;
	CHECK_INT(http_duplex_write(d, switching, sizeof switching - 1), 0);
	http_duplex_relay(d, fd, -1);
	close(fd);
}

struct later {
	struct http_exchange *x;
	struct loop_timer *timer;
};

static void later(void *ctx)
{
	struct later *l = ctx;
	if (l->x->query[0])
		http_reply(l->x, 200, NULL, 0, "ok", 2, NULL, NULL);
	else
		http_takeover(l->x, echo, stream_done, NULL);
	loop_timer_free(l->timer);
	free(l);
}

static void handle(void *ctx, struct http_exchange *x)
{
	(void)ctx;
	streams_started++;
	if (streq(x->path, "/echo")) {
		CHECK_TEXT("upgrade", http_header_get(x, "Upgrade"), "test");
		http_takeover(x, echo, stream_done, x->query[0] ? &server : NULL);
	} else if (streq(x->path, "/first")) {
		http_takeover(x, speak_first, stream_done, NULL);
	} else if (streq(x->path, "/refuse")) {
		http_takeover(x, refuse, stream_done, NULL);
	} else if (streq(x->path, "/relay")) {
		int ends[2];
		CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
		far_end = ends[1];
		http_takeover(x, relay, stream_done, (void *)(intptr_t)ends[0]);
	} else if (streq(x->path, "/later")) {
		struct later *l = xcalloc(1, sizeof *l);
		l->x = x;
		l->timer = loop_timer_new(loop, later, l);
		loop_timer_set(l->timer, 2);
	} else {
		http_reply(x, 200, NULL, 0, "ok", 2, NULL, NULL);
	}
}

/* Without it a takeover works too, but what comes together with the head is lost. */
static bool may_take_over(void *ctx, const char *path)
{
	(void)ctx;
	return !streq(path, "/first") && !streq(path, "/x");
}

/* ---- the client's side, on a thread ---- */

struct client {
	CURL *easy;
	curl_socket_t fd;
};

static void client_open(struct client *c)
{
	auto_free char *url =
		xasprintf("%s://127.0.0.1:%u", is_tls ? "https" : "http", http_server_port(server));
	c->easy = curl_easy_init();
	curl_easy_setopt(c->easy, CURLOPT_URL, url);
	curl_easy_setopt(c->easy, CURLOPT_CONNECT_ONLY, 1l);
	curl_easy_setopt(c->easy, CURLOPT_SSL_VERIFYPEER, 0l);
	curl_easy_setopt(c->easy, CURLOPT_SSL_VERIFYHOST, 0l);
	curl_easy_setopt(c->easy, CURLOPT_NOPROXY, "*");
	CHECK_INT(curl_easy_perform(c->easy), CURLE_OK);
	curl_easy_getinfo(c->easy, CURLINFO_ACTIVESOCKET, &c->fd);
}

static void client_close(struct client *c)
{
	curl_easy_cleanup(c->easy);
}

static void wait_fd(const struct client *c, short events)
{
	struct pollfd p = { c->fd, events, 0 };
	CHECK(poll(&p, 1, 20000) == 1);
}

static void put(struct client *c, const void *bytes, size_t n)
{
	const char *at = bytes;
	while (n) {
		size_t sent = 0;
		CURLcode code = curl_easy_send(c->easy, at, n, &sent);
		if (code == CURLE_AGAIN)
			wait_fd(c, POLLOUT);
		else
			CHECK_INT(code, CURLE_OK);
		at += sent;
		n -= sent;
	}
}

static void put_text(struct client *c, const char *text)
{
	put(c, text, strlen(text));
}

/* Bytes, or 0 at the end. */
static size_t get_some(struct client *c, char *buf, size_t max)
{
	for (;;) {
		size_t n = 0;
		CURLcode code = curl_easy_recv(c->easy, buf, max, &n);
		if (code == CURLE_AGAIN) {
			wait_fd(c, POLLIN);
			continue;
		}
		return code == CURLE_OK ? n : 0;
	}
}

static size_t get_until(struct client *c, char *buf, size_t max, const char *end)
{
	size_t have = 0;
	buf[0] = '\0';
	while (have < max - 1) {
		size_t n = get_some(c, buf + have, max - 1 - have);
		have += n;
		buf[have] = '\0';
		if (!n || (end && strstr(buf, end)))
			break;
	}
	return have;
}

static void ask(struct client *c, const char *path)
{
	char text[300];
	client_open(c);
	CHECK(snprintf(text, sizeof text,
		       "POST %s HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
		       "Upgrade: test\r\nContent-Length: 0\r\n\r\n",
		       path) > 0);
	put_text(c, text);
}

static void switched(struct client *c)
{
	char got[400];
	/* Exactly the head: what follows is the stream's. */
	size_t have = 0;
	while (have < sizeof switching - 1)
		have += get_some(c, got + have, sizeof switching - 1 - have);
	got[have] = '\0';
	CHECK_TEXT("101", got, switching);
}

/* libcurl cannot half-close, but lends its GnuTLS session. */
static void half_close(struct client *c)
{
	struct curl_tlssessioninfo *info = NULL;
	if (is_tls) {
		CHECK_INT(curl_easy_getinfo(c->easy, CURLINFO_TLS_SSL_PTR, &info), CURLE_OK);
		CHECK_INT(info->backend, CURLSSLBACKEND_GNUTLS);
		CHECK_INT(gnutls_bye(info->internals, GNUTLS_SHUT_WR), 0);
	}
	shutdown(c->fd, SHUT_WR);
}

static void *case_echo(void *arg)
{
	struct client c;
	char got[400];
	(void)arg;
	ask(&c, "/echo");
	switched(&c);
	put_text(&c, "hello");
	get_until(&c, got, sizeof got, "hello");
	CHECK_TEXT("echo", got, "hello");
	half_close(&c);
	get_until(&c, got, sizeof got, NULL); /* to the end */
	CHECK_TEXT("after the half-close", got, "bye");
	client_close(&c);
	return NULL;
}

static void *case_early(void *arg)
{
	struct client c;
	char got[400];
	(void)arg;
	ask(&c, "/echo?slow");
	poll(NULL, 0, 10); /* another packet than the head's */
	put_text(&c, "early");
	switched(&c);
	get_until(&c, got, sizeof got, "early");
	CHECK_TEXT("early bytes", got, "early");
	client_close(&c); /* and simply leave */
	return NULL;
}

/* In one packet, and so in one TLS record, with the head. */
static void *case_together(void *arg)
{
	struct client c;
	char got[400];
	(void)arg;
	for (int i = 0; i < 20; i++) {
		client_open(&c);
		put_text(&c, i % 2 ? "POST /echo?slow HTTP/1.1\r\nHost: x\r\nUpgrade: test\r\n"
				     "Connection: Upgrade\r\nContent-Length: 0\r\n\r\ntogether"
				   : "GET /later HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
				     "Upgrade: test\r\n\r\ntogether");
		switched(&c);
		put_text(&c, " and after");
		get_until(&c, got, sizeof got, "after");
		CHECK_TEXT("bytes beside the head", got, "together and after");
		client_close(&c);
	}
	return NULL;
}

/* An answer instead of a stream, at once and later: it comes whole, and nothing after it. */
static void *case_answer(void *arg)
{
	struct client c;
	char got[400];
	(void)arg;
	for (int i = 0; i < 10; i++) {
		ask(&c, i % 2 ? "/answer" : "/later?answer");
		if (i % 3 == 0)
			put_text(&c, "what it will not read");
		get_until(&c, got, sizeof got, NULL);
		CHECK(strstr(got, "200 OK") && strstr(got, "\r\n\r\nok"));
		CHECK_TEXT("the end", strstr(got, "\r\n\r\nok"), "\r\n\r\nok");
		client_close(&c);
	}
	return NULL;
}

/* Gone while the handler thinks it over. */
static void *case_gone(void *arg)
{
	struct client c;
	(void)arg;
	for (int i = 0; i < 10; i++) {
		ask(&c, "/later");
		client_close(&c);
	}
	return NULL;
}

static void *case_first(void *arg)
{
	struct client c;
	char got[400];
	(void)arg;
	ask(&c, "/first");
	switched(&c);
	get_until(&c, got, sizeof got, NULL);
	CHECK_TEXT("to its end", got, "only this");
	put_text(&c, "still"); /* our direction is open */
	half_close(&c);
	client_close(&c);
	return NULL;
}

static void *case_refuse(void *arg)
{
	struct client c;
	char got[400];
	(void)arg;
	ask(&c, "/refuse");
	get_until(&c, got, sizeof got, NULL);
	CHECK(strstr(got, "403") && strstr(got, "\r\n\r\nno"));
	client_close(&c);
	return NULL;
}

static void *far_sends(void *arg)
{
	int fd = (int)(intptr_t)arg;
	auto_free char *piece = xcalloc(1, 65536);
	memset(piece, 'd', 65536);
	for (size_t left = MUCH; left;) {
		ssize_t n = send(fd, piece, MIN(left, (size_t)65536), MSG_NOSIGNAL);
		CHECK(n > 0);
		left -= (size_t)n;
	}
	shutdown(fd, SHUT_WR); /* half-close: the client's upload goes on */
	return NULL;
}

static void *far_receives(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char buf[65536];
	size_t got = 0;
	ssize_t n;
	while ((n = recv(fd, buf, sizeof buf, 0)) > 0)
		got += (size_t)n;
	CHECK_INT(n, 0);
	CHECK_INT(got, 7);
	return NULL;
}

static void *case_relay(void *arg)
{
	struct client c;
	pthread_t sender, receiver;
	(void)arg;
	ask(&c, "/relay");
	switched(&c);
	pthread_create(&sender, NULL, far_sends, (void *)(intptr_t)far_end);
	pthread_create(&receiver, NULL, far_receives, (void *)(intptr_t)far_end);
	put_text(&c, "up");
	size_t got = 0, n;
	char buf[65536];
	while ((n = get_some(&c, buf, sizeof buf))) {
		CHECK(buf[0] == 'd' && buf[n - 1] == 'd');
		got += n;
	}
	CHECK_INT(got, MUCH);
	pthread_join(sender, NULL);
	put_text(&c, "after"); /* the far end has ended its direction; ours is open */
	half_close(&c);
	pthread_join(receiver, NULL);
	close(far_end);
	client_close(&c);
	return NULL;
}

/* Others are served while a stream is open. */
static void *case_beside(void *arg)
{
	struct client c, other;
	char got[400];
	(void)arg;
	ask(&c, "/echo");
	switched(&c);
	for (int i = 0; i < 20; i++) {
		client_open(&other);
		put_text(&other, "GET /x HTTP/1.1\r\nHost: x\r\n\r\n");
		get_until(&other, got, sizeof got, "\r\n\r\nok");
		CHECK(strstr(got, "200 OK"));
		client_close(&other);
	}
	put_text(&c, "x");
	get_until(&c, got, sizeof got, "x");
	client_close(&c);
	return NULL;
}

static struct client left_open;

static void *case_left_open(void *arg)
{
	(void)arg;
	ask(&left_open, "/echo");
	switched(&left_open);
	return NULL;
}

/* ---- running ---- */

struct job {
	void *(*run)(void *arg);
	atomic_bool is_over;
	struct loop_wake *wake;
};

static void woken(void *ctx)
{
	(void)ctx;
	loop_stop(loop);
}

static void *run_job(void *arg)
{
	struct job *j = arg;
	j->run(NULL);
	atomic_store(&j->is_over, true);
	loop_wake_post(j->wake);
	return NULL;
}

static void tick(void *ctx)
{
	(void)ctx;
	loop_stop(loop);
}

static void run(const char *name, void *(*client)(void *arg), bool ends)
{
	struct job j = { .run = client, .wake = loop_wake_new(loop, woken, NULL) };
	pthread_t thread;
	fprintf(stderr, "%s %s\n", is_tls ? "tls" : "plain", name);
	pthread_create(&thread, NULL, run_job, &j);
	while (!atomic_load(&j.is_over))
		loop_run(loop);
	pthread_join(thread, NULL);
	loop_wake_free(j.wake);
	/* The stream's end arrives, and its connection is closed. */
	struct http_server_counts counts;
	struct loop_timer *t = loop_timer_new(loop, tick, NULL);
	for (int i = 0; ends && i < 2000; i++) {
		http_server_counts(server, &counts);
		if (counts.connections_now == 0)
			break;
		loop_timer_set(t, 5);
		loop_run(loop);
	}
	if (ends)
		CHECK_INT(counts.connections_now, 0);
	loop_timer_free(t);
}

static void run_all(void)
{
	struct error err;
	struct http_server_options o = {
		.address = "127.0.0.1",
		.cert_pem = is_tls ? cert.cert_pem : NULL,
		.key_pem = is_tls ? cert.key_pem : NULL,
		.handle = handle,
		.may_take_over = may_take_over,
	};
	streams_done = streams_started = 0;
	CHECK_INT(http_server_new(loop, &o, &server, &err), 0);
	run("echo", case_echo, true);
	run("early bytes", case_early, true);
	run("server ends first", case_first, true);
	run("refused", case_refuse, true);
	run("relay", case_relay, true);
	CHECK_INT(streams_done, streams_started);
	run("together with the head", case_together, true);
	run("an answer", case_answer, true);
	run("gone meanwhile", case_gone, true);
	run("beside", case_beside, true);
	run("left open", case_left_open, false);
	unsigned done = streams_done;
	http_server_free(server); /* ends the stream's thread */
	CHECK_INT(streams_done, done + 1);
	client_close(&left_open);
}

int main(void)
{
	struct error err;
	curl_global_init(CURL_GLOBAL_DEFAULT);
	loop = loop_new();
	int64_t now_s = loop_wall_us(loop) / 1000000;
	struct tls_cert_request r = { .common_name = "server",
				      .ips = (const char *[]){ "127.0.0.1", NULL },
				      .is_server = true,
				      .now_s = now_s,
				      .days = 2 };
	CHECK_INT(tls_ca_new("ca", now_s, 10, &ca, &err), 0);
	CHECK_INT(tls_cert_issue(&ca, &r, &cert, &err), 0);
	run_all();
	is_tls = true;
	run_all();
	tls_pair_fini(&ca);
	tls_pair_fini(&cert);
	loop_free(loop);
	curl_global_cleanup();
	return 0;
}
