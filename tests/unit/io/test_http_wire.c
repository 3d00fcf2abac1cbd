/*
 * What is between libmicrohttpd and a client over TLS: records cut and joined anyhow, answers that leave in one
 * piece, clients that do not read or leave early, and answers that are waited for inside the epoll
 * set. The client is one that sends exactly what a row says.
 */
#include "common/io/tls_client.h"
#include "tests/unit/io/http_world.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

struct raw {
	int fd;
	struct tls_client *tls;
	struct str got;
	bool has_ended;
};

static struct tls_credentials *credentials;

static void connect_raw(struct raw *r)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons(http_server_port(W.server)),
				  .sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct error err;
	memset(r, 0, sizeof *r);
	str_init(&r->got, 32u << 20);
	r->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK_INT(connect(r->fd, (struct sockaddr *)&at, sizeof at), 0);
	CHECK_INT(fcntl(r->fd, F_SETFL, O_NONBLOCK), 0);
	int on = 1; /* records that follow each other are not kept for an acknowledgement */
	CHECK_INT(setsockopt(r->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
	r->tls = tls_client_new(credentials, r->fd, "127.0.0.1");
	for (int i = 0; i < 2000; i++) {
		enum tls_step step = tls_client_handshake(r->tls, &err);
		CHECK(step != TLS_FAILED);
		if (step == TLS_DONE)
			return;
		run_ms(1);
	}
	CHECK(false);
}

static void end_raw(struct raw *r)
{
	tls_client_free(r->tls);
	close(r->fd);
	str_fini(&r->got);
}

static void send_raw(struct raw *r, const char *bytes, size_t n)
{
	struct error err;
	while (n) {
		ssize_t sent = tls_client_write(r->tls, bytes, n, &err);
		CHECK(sent >= 0);
		bytes += sent;
		n -= (size_t)sent;
		while (tls_client_has_unsent(r->tls)) {
			CHECK_INT(tls_client_flush(r->tls, &err), 0);
			run_ms(1);
		}
	}
}

static void read_raw(struct raw *r)
{
	char buf[65536];
	struct error err;
	ssize_t n;
	while (!r->has_ended && (n = tls_client_read(r->tls, buf, sizeof buf, &err)) != 0) {
		r->has_ended = n < 0;
		if (n > 0)
			str_add_bytes(&r->got, buf, (size_t)n);
	}
}

static size_t count(const char *text, const char *piece)
{
	size_t n = 0;
	for (; (text = strstr(text, piece)); text += strlen(piece))
		n++;
	return n;
}

/* Until so many answers have begun and the last byte is `end`'s last. */
static void wait_answers(struct raw *r, size_t answers, const char *end)
{
	for (int i = 0; i < 5000; i++) {
		read_raw(r);
		size_t n = strlen(end);
		if (count(r->got.data, "HTTP/1.1 ") == answers && r->got.len >= n &&
		    strcmp(r->got.data + r->got.len - n, end) == 0)
			return;
		run_ms(1);
	}
	fprintf(stderr, "got '%s'\n", r->got.data);
	CHECK(false);
}

/* A machine that is busy takes its time: what must come about is waited for. */
static void wait_no_connection(void)
{
	struct http_server_counts counts;
	for (int i = 0; i < 5000; i++) {
		http_server_counts(W.server, &counts);
		if (counts.connections_now == 0)
			return;
		run_ms(1);
	}
	CHECK_INT(counts.connections_now, 0);
}

#define LINE(target) "GET " target " HTTP/1.1\r\nHost: h\r\n\r\n"

/* ---- requests as they come ---- */

static const struct {
	const char *name, *bytes;
	size_t step; /* bytes a record; 0: all in one */
	size_t answers;
	const char *end;
} rows[] = {
	{ "one", LINE("/echo?a"), 0, 1, "GET /echo ? a | - | " },
	{ "byte by byte", LINE("/echo?b"), 1, 1, "GET /echo ? b | - | " },
	{ "three in one record", LINE("/echo?1") LINE("/echo?2") LINE("/echo?3"), 0, 3,
	  "GET /echo ? 3 | - | " },
	{ "three in pieces", LINE("/echo?1") LINE("/echo?2") LINE("/echo?3"), 17, 3,
	  "GET /echo ? 3 | - | " },
	{ "without a body, then with", "HEAD /echo HTTP/1.1\r\nHost: h\r\n\r\n" LINE("/echo?x"), 0,
	  2, "GET /echo ? x | - | " },
	{ "nothing in it, then something", LINE("/large?0") LINE("/large?3"), 0, 2, "\r\n\r\nabc" },
	{ "an upload between",
	  LINE("/echo?1") "POST /echo?2 HTTP/1.1\r\nHost: h\r\n"
			  "Content-Length: 5\r\n\r\nhello" LINE("/echo?3"),
	  0, 3, "GET /echo ? 3 | - | " },
	{ "brief", LINE("/brief?0"), 0, 1, "\r\n\r\n0" },
	{ "brief in a row", LINE("/brief?0") LINE("/brief?1") LINE("/brief?0") LINE("/echo?4"), 0,
	  4, "GET /echo ? 4 | - | " },
	{ "not so brief", LINE("/brief?60") LINE("/brief?0"), 0, 2, "\r\n\r\n0" },
	{ "the last one", "GET /brief?5 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", 0, 1,
	  "\r\n\r\n5" },
	{ "said twice",
	  "GET /echo?0 HTTP/1.1\r\nHost: h\r\nConnection: keep-alive\r\n\r\n" LINE("/echo?1"), 0, 2,
	  "GET /echo ? 1 | - | " },
	{ "not known", LINE("/nothing") LINE("/nothing"), 0, 2, "nothing" },
	{ "of old", "GET /echo?0 HTTP/1.0\r\n\r\n", 0, 1, "GET /echo ? 0 | - | " },
};

static void run_rows(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct raw r;
		connect_raw(&r);
		size_t len = strlen(rows[i].bytes), step = rows[i].step ? rows[i].step : len;
		for (size_t at = 0; at < len; at += step) {
			send_raw(&r, rows[i].bytes + at, MIN(step, len - at));
			if (step == 1 || at % 2)
				run_ms(1);
		}
		fprintf(stderr, "row '%s'\n", rows[i].name);
		wait_answers(&r, rows[i].answers, rows[i].end);
		end_raw(&r);
	}
}

/* A client that says with its only packet that nothing more comes still gets its answer, and the
 * connection's end. */
static void leaves_at_once(void)
{
	struct raw r;
	connect_raw(&r);
	send_raw(&r, LINE("/echo?z"), strlen(LINE("/echo?z")));
	CHECK_INT(shutdown(r.fd, SHUT_WR), 0);
	for (int i = 0; i < 3000 && !r.has_ended; i++) {
		read_raw(&r);
		run_ms(1);
	}
	CHECK(r.has_ended);
	CHECK_INT(count(r.got.data, "GET /echo ? z | - | "), 1);
	end_raw(&r);
	wait_no_connection();
}

/* ---- many at a time ---- */

static void many(void)
{
	enum { N = 12 };
	struct raw all[N];
	for (int i = 0; i < N; i++)
		connect_raw(&all[i]);
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < N; i++) {
			const char *text = (i + round) % 3 == 0   ? LINE("/brief?0")
					   : (i + round) % 3 == 1 ? LINE("/large?1300")
								  : LINE("/large?40000");
			str_clear(&all[i].got);
			/* Half a request first: what others have not used of the shared buffer stays
			 * theirs. */
			send_raw(&all[i], text, 9);
		}
		run_ms(1);
		for (int i = 0; i < N; i++) {
			const char *text = (i + round) % 3 == 0   ? LINE("/brief?0")
					   : (i + round) % 3 == 1 ? LINE("/large?1300")
								  : LINE("/large?40000");
			send_raw(&all[i], text + 9, strlen(text) - 9);
		}
		for (int i = 0; i < N; i++) {
			char end[3] = { (char)('a' + 1299 % 26), 0, 0 };
			if ((i + round) % 3 == 0)
				end[0] = '0';
			else if ((i + round) % 3 == 2)
				end[0] = (char)('a' + 39999 % 26);
			wait_answers(&all[i], 1, end);
		}
	}
	for (int i = 0; i < N; i++)
		end_raw(&all[i]);
}

/* In so many bytes, not in all that follows. */
static const char *head_end(const char *text, size_t len)
{
	return memmem(text, len, "\r\n\r\n", 4);
}

/* More answers than the socket takes: nothing is lost and nothing comes twice. */
static void does_not_read(size_t size, size_t n, bool leaves)
{
	struct raw r;
	connect_raw(&r);
	int small = 256 << 10;
	CHECK_INT(setsockopt(r.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
	auto_free char *line = xasprintf("GET /large?%zu HTTP/1.1\r\nHost: h\r\n\r\n", size);
	for (size_t i = 0; i < n; i++)
		send_raw(&r, line, strlen(line));
	run_ms(200);
	if (leaves) {
		end_raw(&r);
		run_ms(50);
		return;
	}
	size_t wanted = 0;
	for (int i = 0; i < 10000 && (!wanted || r.got.len < wanted); i++) {
		read_raw(&r);
		const char *body = wanted ? NULL : head_end(r.got.data, r.got.len);
		if (body)
			wanted = n * ((size_t)(body + 4 - r.got.data) + size);
		run_ms(1);
	}
	CHECK_INT(r.got.len, wanted);
	const char *at = r.got.data;
	for (size_t i = 0; i < n; i++) {
		CHECK(starts_with(at, "HTTP/1.1 200 OK\r\n"));
		at = head_end(at, 1000) + 4;
		for (size_t k = 0; k < size; k++)
			CHECK(at[k] == (char)('a' + k % 26));
		at += size;
	}
	end_raw(&r);
}

/* The peer of a brief wait goes: the handler still answers, into nothing. */
static void leaves_while_brief(void)
{
	static const char *const lines[] = { LINE("/brief?0"), LINE("/brief?7"),
					     LINE("/brief?80") };
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		struct raw r;
		unsigned closed = W.closed;
		struct linger hard = { .l_onoff = 1 };
		connect_raw(&r);
		send_raw(&r, lines[i], strlen(lines[i]));
		run_ms(5);
		CHECK_INT(setsockopt(r.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard), 0);
		end_raw(&r);
		run_ms(120);
		for (int k = 0; k < 5000 && W.closed == closed; k++)
			run_ms(1);
		CHECK_INT(W.closed, closed + 1);
	}
	wait_no_connection();
}

/* ---- who does not move ---- */

#define IDLE_S 1

static struct http_server *ordinary;

static void serve_impatiently(void)
{
	struct error err;
	struct http_server_options o = { .address = "127.0.0.1",
					 .cert_pem = W.server_cert.cert_pem,
					 .key_pem = W.server_cert.key_pem,
					 .handle = handle,
					 .wants_stream = wants_stream,
					 .ctx = &W,
					 .idle_timeout_s = IDLE_S,
					 .head_timeout_ms = 500,
					 .body_timeout_ms = 700 };
	ordinary = W.server;
	CHECK_INT(http_server_new(W.loop, &o, &W.server, &err), 0);
}

static const struct {
	const char *name, *bytes;
	bool reads, ends; /* within two seconds */
	size_t answers;
} still[] = {
	{ "no request", "", true, true, 0 },
	{ "after an answer", LINE("/echo?a"), true, true, 1 },
	{ "half a head", "GET /echo HTTP/1.1\r\nHost", true, true, 0 },
	{ "an upload stops", "POST /upload HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nuu",
	  true, true, 0 },
	{ "it does not read", LINE("/much"), false, true, 0 },
	{ "our own time", LINE("/brief?1300"), true, false, 1 },
	{ "a stream that has nothing to say", LINE("/ticks"), true, false, 1 },
};

static void stands_still(void)
{
	serve_impatiently();
	for (size_t i = 0; i < ARRAY_LEN(still); i++) {
		struct raw r;
		struct http_server_counts before, after;
		http_server_counts(W.server, &before);
		W.ticks = 0;
		connect_raw(&r);
		send_raw(&r, still[i].bytes, strlen(still[i].bytes));
		int64_t begin_ms = loop_now_ms(W.loop);
		fprintf(stderr, "row '%s'\n", still[i].name);
		while (loop_now_ms(W.loop) - begin_ms < 2000) {
			run_ms(10);
			if (still[i].reads)
				read_raw(&r);
		}
		http_server_counts(W.server, &after);
		CHECK_INT(after.timed_out_total, before.timed_out_total + still[i].ends);
		CHECK_INT(after.connections_now, still[i].ends ? 0 : 1);
		if (still[i].reads)
			CHECK_INT(count(r.got.data, "HTTP/1.1 200"), still[i].answers);
		/* What was quiet for long may speak again. */
		if (streq(still[i].name, "a stream that has nothing to say")) {
			W.ticks = 7;
			http_wake(W.kept);
			for (int k = 0; k < 20; k++) {
				run_ms(5);
				read_raw(&r);
			}
			CHECK_INT(count(r.got.data, "tick 7"), 1);
			W.kept = NULL;
		}
		end_raw(&r);
		run_ms(50);
	}
	http_server_free(W.server);
	W.server = ordinary;
}

/* The server may end while somebody waits so. */
static void server_ends(void)
{
	struct raw r;
	unsigned gone = W.gone;
	connect_raw(&r);
	send_raw(&r, LINE("/brief?3"), strlen(LINE("/brief?3")));
	for (int i = 0; i < 3; i++)
		run_ms(1);
	http_server_free(W.server);
	CHECK(W.gone <= gone + 1);
	run_ms(20);
	end_raw(&r);
	start_server();
}

int main(void)
{
	struct error err;
	world_init(true, NULL);
	const struct tls_credentials_options o = { .ca_pem = W.ca.cert_pem };
	CHECK_INT(tls_credentials_new(&o, &credentials, &err), 0);
	run_rows();
	leaves_at_once();
	many();
	does_not_read(300000, 40, false);
	does_not_read(4000, 4000, false);
	does_not_read(1300, 10000, false);
	does_not_read(4000, 4000, true);
	does_not_read(300000, 40, true);
	leaves_while_brief();
	stands_still();
	server_ends();
	tls_credentials_free(credentials);
	world_fini();
	puts("ok");
	return 0;
}
