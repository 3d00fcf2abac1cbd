/* h2_client against a small gRPC server (nghttp2's server side) on the same loop. */
#include "common/base/str.h"
#include "common/io/h2_client.h"
#include "common/io/log.h"
#include "tests/support/check.h"

#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <sys/socket.h>
#include <sys/un.h>

/* ---- the server: what a method does is its name ---- */

struct server {
	struct loop *loop;
	char path[64];
	int listen_fd, fd;
	struct loop_fd *listener, *io;
	nghttp2_session *session;
	unsigned resets;
	bool is_dropping;
};

struct stream {
	char method[64];
	struct str in, out;
	size_t out_at;
	bool is_answered, is_ended;
	char status[4];
};

static nghttp2_nv nv(const char *name, const char *value)
{
	return (nghttp2_nv){ (uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
			     strlen(value), NGHTTP2_NV_FLAG_NONE };
}

static ssize_t stream_read(nghttp2_session *session, int32_t id, uint8_t *buf, size_t max,
			   uint32_t *flags, nghttp2_data_source *source, void *ctx)
{
	(void)ctx;
	struct stream *s = source->ptr;
	size_t n = MIN(max, s->out.len - s->out_at);
	if (n == 0 && !s->is_ended)
		return NGHTTP2_ERR_DEFERRED;
	memcpy(buf, s->out.data + s->out_at, n);
	s->out_at += n;
	if (s->out_at == s->out.len && s->is_ended) {
		*flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
		nghttp2_nv trailers[] = { nv("grpc-status", s->status),
					  nv("grpc-message", "100%25 of it") };
		CHECK_INT(nghttp2_submit_trailer(session, id, trailers, 2), 0);
	}
	return (ssize_t)n;
}

static void reply_message(struct stream *s, const char *bytes, size_t n)
{
	char head[5] = { 0, (char)(n >> 24), (char)(n >> 16), (char)(n >> 8), (char)n };
	str_add_bytes(&s->out, head, 5);
	str_add_bytes(&s->out, bytes, n);
}

static void answer(struct server *server, int32_t id, struct stream *s)
{
	if (!s->is_answered) {
		nghttp2_nv headers[] = { nv(":status", "200"),
					 nv("content-type", "application/grpc") };
		nghttp2_data_provider provider = { .source.ptr = s, .read_callback = stream_read };
		CHECK_INT(nghttp2_submit_response(server->session, id, headers, 2, &provider), 0);
		s->is_answered = true;
	} else {
		(void)nghttp2_session_resume_data(server->session, id);
	}
}

static void serve_end(struct server *server, int32_t id, struct stream *s)
{
	const char *m = s->method;
	s->is_ended = true;
	if (streq(m, "/t.T/Echo")) {
		str_add_bytes(&s->out, s->in.data, s->in.len);
	} else if (streq(m, "/t.T/Missing")) {
		s->status[0] = '5';
	} else if (streq(m, "/t.T/Big")) {
		auto_free char *big = xcalloc(1, 3 << 20);
		memset(big, 'b', 3 << 20);
		reply_message(s, big, 3 << 20);
	} else if (streq(m, "/t.T/Count")) {
		for (int i = 0; i < 1000; i++)
			reply_message(s, (const char *)&i, sizeof(i));
	} else if (streq(m, "/t.T/Hang")) {
		return;
	} else if (streq(m, "/t.T/Drop")) {
		server->is_dropping = true;
		return;
	} else if (streq(m, "/t.T/Refuse")) {
		nghttp2_submit_rst_stream(server->session, 0, id, NGHTTP2_REFUSED_STREAM);
		return;
	}
	answer(server, id, s);
}

static int server_begin(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
	(void)ctx;
	struct stream *s = xcalloc(1, sizeof(*s));
	str_init(&s->in, SIZE_MAX);
	str_init(&s->out, SIZE_MAX);
	s->status[0] = '0';
	return nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, s);
}

static int server_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
			 size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
			 void *ctx)
{
	(void)flags;
	(void)ctx;
	(void)name_len;
	struct stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
	if (streq((const char *)name, ":path") && value_len < sizeof(s->method))
		memcpy(s->method, value, value_len);
	return 0;
}

static int server_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *bytes,
		       size_t n, void *ctx)
{
	(void)flags;
	struct stream *s = nghttp2_session_get_stream_user_data(session, id);
	if (streq(s->method, "/t.T/Bidi")) {
		str_add_bytes(&s->out, bytes, n);
		answer(ctx, id, s);
	} else {
		str_add_bytes(&s->in, bytes, n);
	}
	return 0;
}

static int server_frame(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
	struct server *server = ctx;
	if (frame->hd.type == NGHTTP2_RST_STREAM)
		server->resets++;
	struct stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
	if (s && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) &&
	    (frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS))
		serve_end(server, frame->hd.stream_id, s);
	return 0;
}

static int server_close(nghttp2_session *session, int32_t id, uint32_t code, void *ctx)
{
	(void)code;
	(void)ctx;
	struct stream *s = nghttp2_session_get_stream_user_data(session, id);
	if (s) {
		str_fini(&s->in);
		str_fini(&s->out);
		free(s);
	}
	return 0;
}

static void server_hang_up(struct server *s)
{
	/* Streams still open: their memory goes with close callbacks. */
	for (int32_t id = 1; s->session && id < 4000; id += 2)
		if (nghttp2_session_find_stream(s->session, id))
			server_close(s->session, id, 0, s);
	loop_fd_free(s->io);
	s->io = NULL;
	nghttp2_session_del(s->session);
	s->session = NULL;
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	s->is_dropping = false;
}

static void server_ready(void *ctx, unsigned events)
{
	struct server *s = ctx;
	static uint8_t buf[65536];
	(void)events;
	ssize_t n = recv(s->fd, buf, sizeof(buf), 0);
	if (n == 0 || (n < 0 && errno != EAGAIN)) {
		server_hang_up(s);
		return;
	}
	if (n > 0)
		CHECK_INT(nghttp2_session_mem_recv(s->session, buf, (size_t)n), n);
	if (s->is_dropping) {
		server_hang_up(s);
		return;
	}
	const uint8_t *out;
	for (ssize_t m; (m = nghttp2_session_mem_send(s->session, &out)) > 0;)
		for (ssize_t sent = 0; sent < m;) {
			ssize_t k = send(s->fd, out + sent, (size_t)(m - sent), MSG_NOSIGNAL);
			if (k < 0 && errno == EPIPE)
				return;
			CHECK(k > 0);
			sent += k;
		}
}

static void server_accept(void *ctx, unsigned events)
{
	struct server *s = ctx;
	(void)events;
	int fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	if (s->fd >= 0)
		server_hang_up(s);
	int size = 32 << 20; /* the server writes blocking: everything fits */
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	s->fd = fd;
	nghttp2_session_callbacks *cb;
	nghttp2_session_callbacks_new(&cb);
	nghttp2_session_callbacks_set_on_begin_headers_callback(cb, server_begin);
	nghttp2_session_callbacks_set_on_header_callback(cb, server_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, server_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, server_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, server_close);
	CHECK_INT(nghttp2_session_server_new(&s->session, cb, s), 0);
	nghttp2_session_callbacks_del(cb);
	nghttp2_submit_settings(s->session, 0, NULL, 0);
	s->io = loop_fd_new(s->loop, fd, server_ready, s);
	loop_fd_set(s->io, LOOP_READ);
}

static void server_listen(struct server *s)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	CHECK(snprintf(a.sun_path, sizeof(a.sun_path), "%s", s->path) > 0);
	unlink(s->path);
	s->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK_INT(bind(s->listen_fd, (struct sockaddr *)&a, sizeof(a)), 0);
	CHECK_INT(listen(s->listen_fd, 8), 0);
	s->listener = loop_fd_new(s->loop, s->listen_fd, server_accept, s);
	loop_fd_set(s->listener, LOOP_READ);
}

static void server_end(struct server *s)
{
	server_hang_up(s);
	loop_fd_free(s->listener);
	close(s->listen_fd);
	unlink(s->path);
}

/* ---- what the tests see ---- */

struct seen {
	struct loop *loop;
	int waiting; /* done callbacks still to come */
	int status;
	bool may_have_run, is_from_server;
	char message[128];
	size_t len, messages, bytes;
	struct grpc_call *call;
	struct h2_client *to_free;
	char text[128];
};

static void on_done(void *ctx, const struct grpc_reply *r)
{
	struct seen *s = ctx;
	s->status = r->status;
	s->may_have_run = r->may_have_run;
	s->is_from_server = r->is_from_server;
	s->len = r->len;
	CHECK(snprintf(s->message, sizeof(s->message), "%s", r->message) >= 0);
	if (r->len < sizeof(s->text) && r->len) {
		memcpy(s->text, r->bytes, r->len);
		s->text[r->len] = '\0';
	}
	if (s->to_free)
		h2_client_free(s->to_free);
	if (--s->waiting == 0)
		loop_stop(s->loop);
}

static void on_message(void *ctx, const void *bytes, size_t len)
{
	struct seen *s = ctx;
	(void)bytes;
	s->messages++;
	s->bytes += len;
	if (s->messages == 3 && s->call) { /* the bidi test: end after three */
		grpc_stream_finish(s->call);
		s->call = NULL;
	}
}

static void on_patience(void *ctx)
{
	(void)ctx;
	fprintf(stderr, "nothing came for 10 s\n");
	exit(1);
}

static void wait_done(struct seen *s)
{
	struct loop_timer *patience = loop_timer_new(s->loop, on_patience, NULL);
	loop_timer_set(patience, 10000);
	loop_run(s->loop);
	loop_timer_free(patience);
}

static void one(struct h2_client *c, struct seen *s, const char *method, const char *text)
{
	*s = (struct seen){ .loop = s->loop, .waiting = 1 };
	grpc_call(c, method, text, strlen(text), 5000, on_done, s);
	CHECK_INT(s->waiting, 1); /* no callback inside */
	wait_done(s);
}

static void test_unary(struct h2_client *c, struct seen *s, struct server *server)
{
	one(c, s, "/t.T/Echo", "hello");
	CHECK_INT(s->status, GRPC_OK);
	CHECK_TEXT("echo", s->text, "hello");
	CHECK(s->is_from_server && s->may_have_run);
	one(c, s, "/t.T/Echo", "");
	CHECK_INT(s->status, GRPC_OK);
	CHECK_INT(s->len, 0);
	one(c, s, "/t.T/Missing", "x");
	CHECK_INT(s->status, GRPC_NOT_FOUND);
	CHECK_TEXT("percent decoding", s->message, "100% of it");
	CHECK_INT(server->resets, 0); /* a complete call needs no reset */
	one(c, s, "/t.T/Refuse", "x");
	CHECK_INT(s->status, GRPC_UNAVAILABLE);
	CHECK(!s->may_have_run);
	one(c, s, "/t.T/Big", "x");
	CHECK_INT(s->status, GRPC_OK);
	CHECK_INT(s->len, 3 << 20);

	*s = (struct seen){ .loop = s->loop, .waiting = 200 };
	for (int i = 0; i < 200; i++) /* more than the server's limit of streams */
		grpc_call(c, "/t.T/Echo", "many", 4, 0, on_done, s);
	wait_done(s);
	CHECK_INT(s->status, GRPC_OK);
}

static void test_streams(struct h2_client *c, struct seen *s)
{
	const struct grpc_stream_events events = { .message = on_message, .done = on_done };
	*s = (struct seen){ .loop = s->loop, .waiting = 1 };
	struct grpc_call *call = grpc_stream_open(c, "/t.T/Count", &events, s);
	grpc_stream_send(call, "x", 1);
	grpc_stream_finish(call);
	wait_done(s);
	CHECK_INT(s->status, GRPC_OK);
	CHECK_INT(s->messages, 1000);
	CHECK_INT(s->bytes, 4000);

	*s = (struct seen){ .loop = s->loop, .waiting = 1 };
	s->call = call = grpc_stream_open(c, "/t.T/Bidi", &events, s);
	for (int i = 0; i < 3; i++)
		grpc_stream_send(call, "abcd", 4);
	wait_done(s);
	CHECK_INT(s->status, GRPC_OK);
	CHECK_INT(s->messages, 3);
}

static void test_faults(struct h2_client *c, struct seen *s, struct server *server)
{
	*s = (struct seen){ .loop = s->loop, .waiting = 1 };
	grpc_call(c, "/t.T/Hang", "x", 1, 30, on_done, s);
	wait_done(s);
	CHECK_INT(s->status, GRPC_DEADLINE_EXCEEDED);
	CHECK(s->may_have_run);

	one(c, s, "/t.T/Drop", "x");
	CHECK_INT(s->status, GRPC_UNAVAILABLE);
	CHECK(s->may_have_run && !s->is_from_server);
	one(c, s, "/t.T/Echo", "again");
	CHECK_TEXT("connects anew", s->text, "again");

	/* A cancelled call says nothing; the one beside it is not disturbed. */
	*s = (struct seen){ .loop = s->loop, .waiting = 1 };
	struct grpc_call *hang = grpc_call(c, "/t.T/Hang", "x", 1, 0, on_done, s);
	grpc_call(c, "/t.T/Echo", "b", 1, 0, on_done, s);
	grpc_cancel(hang);
	wait_done(s);
	CHECK_TEXT("beside a cancelled call", s->text, "b");

	/* Disconnected: the open call ends, one made meanwhile is carried out. */
	*s = (struct seen){ .loop = s->loop, .waiting = 2 };
	grpc_call(c, "/t.T/Hang", "x", 1, 0, on_done, s);
	h2_client_disconnect(c);
	grpc_call(c, "/t.T/Echo", "after", 5, 0, on_done, s);
	wait_done(s);
	CHECK_TEXT("after disconnect", s->text, "after");

	server_end(server);
	one(c, s, "/t.T/Echo", "x"); /* the connection ends, or none can be made */
	one(c, s, "/t.T/Echo", "x");
	CHECK_INT(s->status, GRPC_UNAVAILABLE);
	CHECK(!s->may_have_run);
	server_listen(server);
	one(c, s, "/t.T/Echo", "back");
	CHECK_TEXT("server is back", s->text, "back");
}

static void test_limit_and_free(struct loop *loop, struct server *server)
{
	struct error err;
	struct h2_client *c;
	struct seen s = { .loop = loop };
	struct h2_endpoint at = { .unix_socket = server->path };
	struct h2_client_options options = { .endpoints = &at,
					     .endpoints_count = 1,
					     .message_max = 1 << 20 };
	CHECK_INT(h2_client_new(loop, &options, &c, &err), 0);
	one(c, &s, "/t.T/Big", "x");
	CHECK_INT(s.status, GRPC_RESOURCE_EXHAUSTED);
	s = (struct seen){ .loop = loop, .waiting = 1, .to_free = c };
	grpc_call(c, "/t.T/Hang", "x", 1, 0, on_done, &s);
	grpc_call(c, "/t.T/Echo", "x", 1, 0, on_done, &s);
	wait_done(&s);
	CHECK_INT(s.status, GRPC_OK);

	at.unix_socket = NULL;
	at.host = "local host";
	CHECK_INT(h2_client_new(loop, &options, &c, &err), ERR_INVALID);
}

int main(void)
{
	log_set_quiet(true);
	AUTO(loop) *loop = loop_new();
	struct server server = { .loop = loop, .fd = -1 };
	CHECK(snprintf(server.path, sizeof(server.path), "/tmp/skiff-h2-%d.sock", getpid()) > 0);
	server_listen(&server);
	struct error err;
	struct h2_client *c;
	struct h2_endpoint at = { .unix_socket = server.path };
	struct h2_client_options options = { .endpoints = &at, .endpoints_count = 1 };
	CHECK_INT(h2_client_new(loop, &options, &c, &err), 0);
	struct seen s = { .loop = loop };
	test_unary(c, &s, &server);
	test_streams(c, &s);
	test_faults(c, &s, &server);
	h2_client_free(c);
	test_limit_and_free(loop, &server);
	server_end(&server);
	return 0;
}
