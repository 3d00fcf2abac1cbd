/* The HTTP server and client: answers now and later, streams, idleness, client certificates. */
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "tests/unit/io/http_world.h"

static void replies(void)
{
	struct got g;
	struct http_header header = { "X-Test", "v" };
	fetch(W.client,
	      (struct http_request){ .method = "POST",
				     .target = "/echo%2Fa/b?x=%20y&z",
				     .headers = &header,
				     .headers_count = 1,
				     .body = "hello",
				     .body_len = 5 },
	      &g);
	CHECK_INT(g.status, 200);
	CHECK_TEXT("as sent", g.body.data, "POST /echo%2Fa/b ? x=%20y&z | v | hello");
	CHECK_TEXT("header", g.answer_header, "yes");
	str_fini(&g.body);
	static const char *const methods[] = { "PUT", "PATCH", "DELETE" };
	for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
		fetch(W.client,
		      (struct http_request){
			      .method = methods[i], .target = "/echo", .body = "b", .body_len = 1 },
		      &g);
		char want[60];
		CHECK(snprintf(want, sizeof want, "%s /echo ?  | - | b", methods[i]) > 0);
		CHECK_TEXT("method", g.body.data, want);
		str_fini(&g.body);
	}
	fetch(W.client, (struct http_request){ .method = "HEAD", .target = "/echo" }, &g);
	CHECK_INT(g.status, 200);
	CHECK_INT(g.bytes, 0);
	CHECK(!g.is_failed);
	str_fini(&g.body);
	unsigned closed = W.closed;
	fetch(W.client, GET("/released"), &g);
	CHECK_TEXT("released", g.body.data, "released");
	str_fini(&g.body);
	run_ms(5);
	CHECK_INT(W.closed, closed + 1);
	fetch(W.client, GET("/other"), &g);
	CHECK_INT(g.status, 404);
	str_fini(&g.body);
}

static void later_answers(void)
{
	struct got g, h;
	bool is_kept = false;
	begin(W.client, GET("/later"), &g);
	while (!W.kept)
		loop_run(W.loop);
	(void)is_kept;
	struct http_exchange *first = TAKE(W.kept);
	fetch(W.client, GET("/echo"), &h); /* others go on meanwhile */
	str_fini(&h.body);
	CHECK(!g.is_done);
	http_reply(first, 200, NULL, 0, "late", 4, NULL, NULL);
	run_until(&g.is_done);
	CHECK_TEXT("late", g.body.data, "late");
	str_fini(&g.body);
	/* The peer leaves before the answer. */
	unsigned gone = W.gone;
	struct http_transport *t = new_client(NULL);
	begin(t, GET("/later"), &g);
	while (!W.kept)
		loop_run(W.loop);
	http_transport_free(t);
	str_fini(&g.body);
	while (W.gone == gone)
		loop_run(W.loop);
	run_ms(5);
}

static void streams(void)
{
	struct got g;
	W.ticks = 0;
	unsigned closed = W.closed;
	struct http_call *call = begin(W.client, GET("/ticks"), &g);
	run_until(&g.has_head); /* before any data */
	for (int i = 1; i <= 5; i++) {
		uint64_t before = g.bytes;
		W.ticks = i;
		http_wake(W.kept);
		while (g.bytes == before)
			loop_run(W.loop);
	}
	CHECK_TEXT("ticks", g.body.data, "tick 1\ntick 2\ntick 3\ntick 4\ntick 5\n");
	W.ticks = 101; /* the end */
	http_wake(W.kept);
	run_until(&g.is_done);
	CHECK(!g.is_failed);
	CHECK_INT(W.closed, closed + 1);
	str_fini(&g.body);
	/* The client leaves a silent stream: the server notices without writing. */
	W.ticks = 0;
	call = begin(W.client, GET("/ticks"), &g);
	run_until(&g.has_head);
	http_cancel(W.client, call);
	str_fini(&g.body);
	while (W.closed != closed + 2)
		loop_run(W.loop);
	/* Much, as fast as it goes. */
	begin(W.client, GET("/much"), &g);
	run_until(&g.is_done);
	CHECK_INT(g.bytes, 200u << 20);
	str_fini(&g.body);
	W.kept = NULL;
}

static double cpu_s(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (double)u.ru_utime.tv_sec + (double)u.ru_stime.tv_sec +
	       ((double)u.ru_utime.tv_usec + (double)u.ru_stime.tv_usec) / 1e6;
}

static int connect_raw(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(http_server_port(W.server)) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK_INT(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
	return fd;
}

/* Open connections, a silent stream and an owed answer cost nothing. */
static void idles(void)
{
	struct got g, h;
	W.ticks = 0;
	struct http_call *stream = begin(W.client, GET("/ticks"), &g);
	run_until(&g.has_head);
	begin(W.client, GET("/later"), &h);
	W.kept = NULL;
	while (!W.kept)
		loop_run(W.loop);
	struct http_exchange *owed = W.kept;
	/* Somebody who starts to speak and stops: half a request, or half a TLS record. */
	int half = W.unix_socket ? -1 : connect_raw();
	if (half >= 0)
		CHECK_INT(send(half, W.is_tls ? "\x16\x03\x01\x02\x00\x01" : "GET / ", 6, 0), 6);
	run_ms(30);
	double before = cpu_s();
	run_ms(300);
	CHECK(cpu_s() - before < 0.03);
	if (half >= 0)
		close(half);
	http_cancel(W.client, stream);
	http_reply(owed, 200, NULL, 0, "", 0, NULL, NULL);
	run_until(&h.is_done);
	run_ms(5);
	str_fini(&g.body);
	str_fini(&h.body);
}

static void client_certificates(void)
{
	struct got g;
	fetch(W.client, GET("/echo"), &g);
	CHECK_TEXT("anonymous", W.last_cn, "-");
	CHECK(!W.had_bad_cert);
	str_fini(&g.body);
	struct http_transport *t = new_client(&W.client_cert);
	fetch(t, GET("/echo"), &g);
	CHECK_INT(g.status, 200);
	CHECK_TEXT("cn", W.last_cn, "system:node:n1");
	CHECK(!W.had_bad_cert);
	CHECK_TEXT("orgs", W.last_orgs, "system:nodes,b,");
	str_fini(&g.body);
	http_transport_free(t);
	struct http_server_counts before, after;
	http_server_counts(W.server, &before);
	t = new_client(&W.bad_cert);
	fetch(t, GET("/echo"), &g); /* the connection stands, and says nothing of who it is */
	CHECK_INT(g.status, 200);
	CHECK_TEXT("bad cn", W.last_cn, "-");
	CHECK(W.had_bad_cert);
	str_fini(&g.body);
	http_transport_free(t);
	run_ms(5);
	http_server_counts(W.server, &after);
	CHECK_INT(after.handshakes_failed_total, before.handshakes_failed_total);
	/* A client that does not trust our CA. */
	struct tls_pair swap = W.ca;
	W.ca = W.other_ca;
	t = new_client(NULL);
	fetch(t, GET("/echo"), &g);
	CHECK(g.is_failed);
	str_fini(&g.body);
	http_transport_free(t);
	W.ca = swap;
	/* A new server certificate serves new connections. */
	struct error err;
	CHECK_INT(http_server_set_certificate(W.server, W.server_cert.cert_pem,
					      W.server_cert.key_pem, &err),
		  0);
	t = new_client(NULL);
	fetch(t, GET("/echo"), &g);
	CHECK_INT(g.status, 200);
	str_fini(&g.body);
	http_transport_free(t);
}

static void all(void)
{
	replies();
	later_answers();
	streams();
	idles();
	if (W.is_tls)
		client_certificates();
}

int main(void)
{
	run_ways(all);
	return 0;
}
