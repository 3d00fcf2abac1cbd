#include "nodeagent/probe_check.h"

#include "common/base/str.h"
#include "common/io/h2_client.h"
#include "common/io/http_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#define ANSWER_MAX  4096 /* the status line is all that counts */
#define REQUEST_MAX 16384

struct probe_check {
	struct loop *loop;
	enum probe_method method;
	int fd;
	struct loop_fd *io;
	struct loop_timer *timer; /* the deadline, or what must come in a later turn */
	struct str out, in;
	size_t sent;
	bool is_connected, is_failed_early;
	struct h2_client *h2;
	struct http_transport *http;
	int status;
	char why[256];
	void (*done)(void *ctx, bool is_fine, const char *why);
	void *ctx;
};

void probe_check_cancel(struct probe_check *c)
{
	if (!c)
		return;
	loop_fd_free(c->io);
	if (c->fd >= 0)
		close(c->fd);
	loop_timer_free(c->timer);
	h2_client_free(c->h2);
	http_transport_free(c->http);
	str_fini(&c->out);
	str_fini(&c->in);
	free(c);
}

static void end(struct probe_check *c, bool is_fine, const char *why)
{
	void (*done)(void *, bool, const char *) = c->done;
	void *ctx = c->ctx;
	char text[256];
	if (snprintf(text, sizeof(text), "%s", why) < 0)
		text[0] = '\0';
	probe_check_cancel(c);
	done(ctx, is_fine, text);
}

static void on_deadline(void *ctx)
{
	struct probe_check *c = ctx;
	if (c->is_failed_early)
		end(c, c->why[0] == '\0', c->why);
	else
		end(c, false,
		    c->is_connected ? "no answer within the time-out" : "dial: i/o timeout");
}

static void fail_later(struct probe_check *c, const char *why)
{
	c->is_failed_early = true;
	if (snprintf(c->why, sizeof(c->why), "%s", why) < 0)
		c->why[0] = '\0';
	loop_timer_set(c->timer, 0);
}

/* ---- HTTP on a socket of our own: a new connection a probe, as the kubelet does ---- */

static void end_http(struct probe_check *c, int status)
{
	char why[80] = "";
	bool is_fine = status >= 200 && status < 400;
	if (!is_fine &&
	    snprintf(why, sizeof(why), "HTTP probe failed with statuscode: %d", status) < 0)
		why[0] = '\0';
	end(c, is_fine, why);
}

static void read_answer(struct probe_check *c)
{
	char buf[1024];
	int status;
	ssize_t n = recv(c->fd, buf, sizeof(buf), 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		end(c, false,
		    n == 0 ? "the connection was closed without an answer" : strerror(errno));
		return;
	}
	str_add_bytes(&c->in, buf, (size_t)n);
	if (!str_ok(&c->in) || (c->in.len > 12 && !starts_with(c->in.data, "HTTP/1.")))
		end(c, false, "malformed HTTP answer");
	else if (c->in.len > 12 && sscanf(c->in.data, "HTTP/1.%*d %3d", &status) == 1)
		end_http(c, status);
}

static void write_request(struct probe_check *c)
{
	ssize_t n = send(c->fd, c->out.data + c->sent, c->out.len - c->sent, MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		end(c, false, strerror(errno));
		return;
	}
	c->sent += n > 0 ? (size_t)n : 0;
	loop_fd_set(c->io, c->sent < c->out.len ? LOOP_WRITE : LOOP_READ);
}

static void on_ready(void *ctx, unsigned events)
{
	struct probe_check *c = ctx;
	int failure = 0;
	socklen_t len = sizeof(failure);
	if (!c->is_connected) {
		if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &failure, &len) < 0)
			failure = errno;
		if (failure) {
			end(c, false, strerror(failure));
			return;
		}
		c->is_connected = true;
		if (c->method == PROBE_TCP) {
			end(c, true, "");
			return;
		}
	}
	if (events & LOOP_READ)
		read_answer(c);
	else if (events & LOOP_WRITE)
		write_request(c);
}

static void start_socket(struct probe_check *c, const struct probe_target *t)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(t->port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(t->port) };
	bool is_v4 = inet_pton(AF_INET, t->address, &v4.sin_addr) == 1;
	if (!is_v4 && inet_pton(AF_INET6, t->address, &v6.sin6_addr) != 1) {
		fail_later(c, "the pod has no address yet");
		return;
	}
	c->fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd < 0 || (connect(c->fd, is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6,
				  is_v4 ? sizeof(v4) : sizeof(v6)) < 0 &&
			  errno != EINPROGRESS)) {
		fail_later(c, strerror(errno));
		return;
	}
	c->io = loop_fd_new(c->loop, c->fd, on_ready, c);
	loop_fd_set(c->io, LOOP_WRITE);
}

static bool has_header(const json_t *headers, const char *name)
{
	size_t i;
	json_t *h;
	json_array_foreach (headers, i, h) {
		if (strcasecmp(json_str_or(h, "name", ""), name) == 0)
			return true;
	}
	return false;
}

static void write_head(struct probe_check *c, const struct probe_target *t)
{
	bool is_v6 = strchr(t->address, ':') != NULL;
	size_t i;
	json_t *h;
	str_addf(&c->out, "GET %s%s HTTP/1.1\r\n", t->path[0] == '/' ? "" : "/", t->path);
	if (!has_header(t->headers, "Host"))
		str_addf(&c->out, "Host: %s%s%s:%u\r\n", is_v6 ? "[" : "", t->address,
			 is_v6 ? "]" : "", t->port);
	if (!has_header(t->headers, "User-Agent"))
		str_add(&c->out, "User-Agent: kube-probe/1.36\r\n");
	if (!has_header(t->headers, "Accept"))
		str_add(&c->out, "Accept: */*\r\n");
	json_array_foreach (t->headers, i, h) {
		str_addf(&c->out, "%s: %s\r\n", json_str_or(h, "name", "X"),
			 json_str_or(h, "value", ""));
	}
	str_add(&c->out, "Connection: close\r\n\r\n");
}

/* ---- HTTPS: libcurl, whoever signed the certificate ---- */

static void on_https_head(void *ctx, int status, const struct http_header *headers, size_t n)
{
	(void)headers;
	(void)n;
	((struct probe_check *)ctx)->status = status;
}

static void on_https_data(void *ctx, const char *bytes, size_t n)
{
	(void)ctx;
	(void)bytes;
	(void)n;
}

static void on_https_done(void *ctx, const struct error *err)
{
	struct probe_check *c = ctx;
	c->is_failed_early = true; /* the client must not be freed inside its own callback */
	bool is_fine = c->status >= 200 && c->status < 400;
	if (is_fine)
		c->why[0] = '\0';
	else if (snprintf(c->why, sizeof(c->why), "%s",
			  err ? err->text : "HTTP probe failed with a bad statuscode") < 0)
		c->why[0] = '\0';
	loop_timer_set(c->timer, 0);
}

static void start_https(struct probe_check *c, const struct probe_target *t)
{
	static const struct http_events events = { on_https_head, on_https_data, on_https_done };
	struct error err;
	auto_free char *url = xasprintf("https://%s:%u", t->address, t->port);
	auto_free char *path = xasprintf("%s%s", t->path[0] == '/' ? "" : "/", t->path);
	struct http_client_options options = { .base_url = url,
					       .insecure_skip_verify = true,
					       .user_agent = "kube-probe/1.36",
					       .connections_max = 1 };
	if (http_client_new(c->loop, &options, &c->http, &err) < 0) {
		fail_later(c, err.text);
		return;
	}
	struct http_request request = { .method = "GET",
					.target = path,
					.timeout_ms = t->timeout_ms };
	(void)http_start(c->http, &request, &events, c);
}

/* ---- gRPC health ---- */

static void on_grpc(void *ctx, const struct grpc_reply *reply)
{
	struct probe_check *c = ctx;
	const uint8_t *bytes = reply->bytes;
	/* HealthCheckResponse { status = 1: SERVING is 1 } */
	if (reply->status != GRPC_OK)
		end(c, false, reply->message);
	else if (reply->len == 2 && bytes[0] == 0x08 && bytes[1] == 1)
		end(c, true, "");
	else
		end(c, false, "service unhealthy (responded with \"NOT_SERVING\")");
}

static void start_grpc(struct probe_check *c, const struct probe_target *t)
{
	struct error err;
	struct h2_endpoint at = { .host = t->address, .port = t->port };
	struct h2_client_options options = { .endpoints = &at,
					     .endpoints_count = 1,
					     .connect_timeout_ms = t->timeout_ms };
	if (h2_client_new(c->loop, &options, &c->h2, &err) < 0) {
		fail_later(c, err.text);
		return;
	}
	size_t n = MIN(strlen(t->service), (size_t)127);
	str_add_bytes(&c->out, "\x0a", 1);
	str_add_char(&c->out, (char)n);
	str_add_bytes(&c->out, t->service, n);
	(void)grpc_call(c->h2, "/grpc.health.v1.Health/Check", c->out.data, n ? c->out.len : 0,
			t->timeout_ms, on_grpc, c);
}

struct probe_check *probe_check_start(struct loop *loop, const struct probe_target *t,
				      void (*done)(void *ctx, bool is_fine, const char *why),
				      void *ctx)
{
	struct probe_check *c = xcalloc(1, sizeof(*c));
	c->loop = loop;
	c->method = t->method;
	c->fd = -1;
	c->done = done;
	c->ctx = ctx;
	str_init(&c->out, REQUEST_MAX);
	str_init(&c->in, ANSWER_MAX);
	c->timer = loop_timer_new(loop, on_deadline, c);
	loop_timer_set(c->timer, t->timeout_ms);
	switch (t->method) {
	case PROBE_HTTP:
		write_head(c, t);
		start_socket(c, t);
		break;
	case PROBE_TCP:
		start_socket(c, t);
		break;
	case PROBE_HTTPS:
		start_https(c, t);
		break;
	case PROBE_GRPC:
		start_grpc(c, t);
		break;
	}
	return c;
}
