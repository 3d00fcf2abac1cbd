/*
 * What one client may take: connections, and time for heads and bodies. Clients are plain sockets
 * on the server's own loop; they dribble a byte now and then, so that they are never idle.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "tests/unit/io/http_world.h"

#define HEAD_MS 60
#define BODY_MS 200
#define IDLE_S  1

static struct http_server *server;

static void serve_limited(bool is_tls)
{
	struct error err;
	struct http_server_options o = { .address = "127.0.0.1",
					 .cert_pem = is_tls ? W.server_cert.cert_pem : NULL,
					 .key_pem = is_tls ? W.server_cert.key_pem : NULL,
					 .handle = handle,
					 .ctx = &W,
					 .connections_per_client_max = 3,
					 .idle_timeout_s = IDLE_S,
					 .head_timeout_ms = HEAD_MS,
					 .body_timeout_ms = BODY_MS };
	CHECK_INT(http_server_new(W.loop, &o, &server, &err), 0);
	run_ms(5);
}

static int dial(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(http_server_port(server)),
				  .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK_INT(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
	return fd;
}

/* 'o' open and silent, 'c' closed, or 'a': an answer has come. */
static char state_of(int fd)
{
	char buf[1000];
	ssize_t n = recv(fd, buf, sizeof buf, MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN)
		return 'o';
	return n > 0 ? 'a' : 'c';
}

static char state_after(int fd, int64_t ms)
{
	run_ms(ms);
	return state_of(fd);
}

static void put(int fd, const char *text)
{
	size_t n = strlen(text);
	CHECK_INT(send(fd, text, n, MSG_NOSIGNAL), n);
}

/* A byte every 20 ms; after how long the server has closed it. */
static int64_t dribble(int fd)
{
	int64_t begin_ms = loop_now_ms(W.loop);
	for (int i = 0; i < 500; i++) {
		if (state_after(fd, 20) == 'c')
			return loop_now_ms(W.loop) - begin_ms;
		(void)send(fd, "\x16", 1, MSG_NOSIGNAL); /* it may have been closed just now */
	}
	return -1;
}

static void too_many(void)
{
	struct http_server_counts counts;
	int fds[3];
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fds[i] = dial();
	run_ms(20);
	int more = dial();
	CHECK_INT(state_after(more, 20), 'c');
	http_server_counts(server, &counts);
	CHECK_INT(counts.refused_total, 1);
	CHECK_INT(counts.connections_now, 3);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		CHECK_INT(state_of(fds[i]), 'o');
	close(more);
	close(fds[0]);
	run_ms(20);
	more = dial();
	put(more, "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
	CHECK_INT(state_after(more, 20), 'a');
	close(more);
	close(fds[1]);
	close(fds[2]);
	run_ms(20);
	http_server_counts(server, &counts);
	CHECK_INT(counts.connections_now, 0);
}

/* ms: when it is too late; it ends not much after that. */
static void is_ended(const char *name, const char *begin, int64_t ms)
{
	struct http_server_counts before, after;
	http_server_counts(server, &before);
	int fd = dial();
	put(fd, begin);
	int64_t took_ms = dribble(fd);
	fprintf(stderr, "  %s: %d ms\n", name, (int)took_ms);
	CHECK(took_ms >= ms && took_ms < ms + 1000);
	http_server_counts(server, &after);
	CHECK_INT(after.timed_out_total, before.timed_out_total + 1);
	close(fd);
}

/* An answer that takes long is our time, not the client's. */
static void is_patient(void)
{
	int fd = dial();
	put(fd, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
	CHECK_INT(state_after(fd, 3 * BODY_MS), 'o');
	CHECK(W.kept != NULL);
	http_reply(TAKE(W.kept), 200, NULL, 0, "ok", 2, NULL, NULL);
	CHECK_INT(state_after(fd, 20), 'a');
	/* And kept alive it may come again. */
	put(fd, "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
	CHECK_INT(state_after(fd, 20), 'a');
	close(fd);
}

/* The kernel asks whether a quiet peer is still there: its timer is running (proc_net_tcp). */
static void is_asked(void)
{
	char line[300], want[20];
	bool found = false;
	int fd = dial();
	run_ms(20);
	CHECK(snprintf(want, sizeof want, ":%04X ", http_server_port(server)) > 0);
	FILE *f = fopen("/proc/net/tcp", "re");
	CHECK(f != NULL);
	while (fgets(line, sizeof line, f)) {
		unsigned local, port, remote, remote_port, state, out, in, timer;
		if (sscanf(line, " %*d: %8X:%4X %8X:%4X %2X %8X:%8X %2X:", &local, &port, &remote,
			   &remote_port, &state, &out, &in, &timer) == 8 &&
		    port == http_server_port(server) && state == 1) {
			found = true;
			CHECK_INT(timer, 2);
		}
	}
	fclose(f);
	CHECK(found);
	close(fd);
}

int main(void)
{
	world_init(true, NULL);
	serve_limited(false);
	too_many();
	is_ended("no request line", "GET /ec", IDLE_S * 1000 + HEAD_MS);
	is_ended("no end of the head", "GET /echo HTTP/1.1\r\nHost: x\r\nA: ", HEAD_MS);
	is_ended("no end of the body",
		 "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n", BODY_MS);
	is_patient();
	is_asked();
	http_server_free(server);
	serve_limited(true);
	is_ended("no handshake", "", HEAD_MS);
	is_ended("half of one", "\x16\x03\x01\x02\x01\x01", HEAD_MS);
	http_server_free(server);
	world_fini();
	return 0;
}
