/*
 * Connections that leave HTTP (exec, attach, port-forward): libmicrohttpd keeps them suspended
 * while a thread of their own uses their descriptor and TLS session with blocking calls.
 */
#include "common/io/http_server_internal.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#define STACK_SIZE (256u << 10)

struct http_duplex {
	int fd;
	gnutls_session_t session; /* NULL: plain */
	struct tls_wire *wire;    /* the session's */
	int stop_fd;              /* readable: the server ends */
	bool is_write_shut;
	/* What came together with the request's head; the exchange owns it. */
	const char *early;
	size_t early_len;
};

struct server_stream {
	struct server_stream *next;
	struct http_server *server;
	struct server_exchange *exchange;
	struct http_duplex duplex;
	void (*run)(void *ctx, struct http_duplex *d);
	void (*done)(void *ctx);
	void *ctx;
	pthread_t thread;
	bool is_launched;
	atomic_bool is_over;
};

/* ---- bytes ---- */

/* True when fd is ready for `events`; false when the server ends. */
static bool wait_fd(const struct http_duplex *d, short events)
{
	struct pollfd fds[] = { { d->fd, events, 0 }, { d->stop_fd, POLLIN, 0 } };
	while (poll(fds, 2, -1) < 0)
		if (errno != EINTR)
			return false;
	return !fds[1].revents;
}

static ssize_t socket_result(ssize_t n)
{
	return n >= 0 ? n : errno == EAGAIN || errno == EINTR ? STREAM_LATER : STREAM_BROKEN;
}

static ssize_t socket_read(void *fd, void *buf, size_t max)
{
	return socket_result(recv(*(int *)fd, buf, max, MSG_DONTWAIT));
}

static ssize_t socket_write(void *fd, const void *bytes, size_t n)
{
	return socket_result(send(*(int *)fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL));
}

static ssize_t read_early(struct http_duplex *d, void *buf, size_t max)
{
	size_t n = MIN(max, d->early_len);
	memcpy(buf, d->early, n);
	d->early += n;
	d->early_len -= n;
	return (ssize_t)n;
}

static ssize_t read_some(struct http_duplex *d, void *buf, size_t max)
{
	if (d->early_len > 0)
		return read_early(d, buf, max);
	if (!d->session)
		return socket_read(&d->fd, buf, max);
	ssize_t n = gnutls_record_recv(d->session, buf, max);
	if (n >= 0)
		return n;
	if (n == GNUTLS_E_PREMATURE_TERMINATION)
		return 0; /* a peer that closes without saying so: its bytes were whole records */
	return gnutls_error_is_fatal((int)n) ? STREAM_BROKEN : STREAM_LATER;
}

static ssize_t write_some(struct http_duplex *d, const void *bytes, size_t n)
{
	if (!d->session)
		return socket_write(&d->fd, bytes, n);
	ssize_t sent = gnutls_record_send(d->session, bytes, n);
	if (sent >= 0)
		return sent;
	return gnutls_error_is_fatal((int)sent) ? STREAM_BROKEN : STREAM_LATER;
}

ssize_t http_duplex_read(struct http_duplex *d, void *buf, size_t max)
{
	for (;;) {
		ssize_t n = read_some(d, buf, max);
		if (n != STREAM_LATER)
			return n;
		if (!wait_fd(d, POLLIN))
			return -1;
	}
}

int http_duplex_write(struct http_duplex *d, const void *bytes, size_t n)
{
	const char *at = bytes;
	while (n) {
		ssize_t sent = write_some(d, at, n);
		if (sent == STREAM_BROKEN || (sent == STREAM_LATER && !wait_fd(d, POLLOUT)))
			return -1;
		if (sent > 0) {
			at += sent;
			n -= (size_t)sent;
		}
	}
	return 0;
}

void http_duplex_shutdown_write(struct http_duplex *d)
{
	if (d->is_write_shut)
		return;
	d->is_write_shut = true;
	while (d->session && gnutls_bye(d->session, GNUTLS_SHUT_WR) == GNUTLS_E_AGAIN)
		if (!wait_fd(d, POLLOUT))
			break;
	shutdown(d->fd, SHUT_WR);
}

int http_duplex_fd(const struct http_duplex *d)
{
	return d->fd;
}

bool http_duplex_has_pending(const struct http_duplex *d)
{
	return d->early_len > 0 || (d->session && (gnutls_record_check_pending(d->session) > 0 ||
						   tls_wire_has_pending(d->wire)));
}

/* ---- relay ---- */

static ssize_t end_read(void *ctx, void *buf, size_t max)
{
	return read_some(ctx, buf, max);
}

static ssize_t end_write(void *ctx, const void *bytes, size_t n)
{
	return write_some(ctx, bytes, n);
}

static void end_shut(void *ctx)
{
	http_duplex_shutdown_write(ctx);
}

static bool end_has_pending(void *ctx)
{
	return http_duplex_has_pending(ctx);
}

struct stream_end http_duplex_end(struct http_duplex *d)
{
	return (struct stream_end){ .read = end_read,
				    .write = end_write,
				    .shut = end_shut,
				    .has_pending = end_has_pending,
				    .fd = d->fd,
				    .ctx = d };
}

int http_duplex_stop_fd(const struct http_duplex *d)
{
	return d->stop_fd;
}

static void socket_shut(void *ctx)
{
	shutdown(*(int *)ctx, SHUT_WR);
}

void http_duplex_relay(struct http_duplex *d, int fd, int stop_fd)
{
	const struct stream_end client = http_duplex_end(d);
	const struct stream_end other = { .read = socket_read,
					  .write = socket_write,
					  .shut = socket_shut,
					  .fd = fd,
					  .ctx = &fd };
	const struct stream_relay_options options = { .linger_ms = -1,
						      .stop_fds = { d->stop_fd, stop_fd } };
	stream_relay(&client, &other, &options);
}

/* ---- threads ---- */

static void *stream_thread(void *arg)
{
	struct server_stream *t = arg;
	t->run(t->ctx, &t->duplex);
	http_duplex_shutdown_write(&t->duplex);
	atomic_store(&t->is_over, true);
	loop_wake_post(t->server->wake);
	return NULL;
}

static void give_up(struct server_stream *t)
{
	atomic_store(&t->is_over, true);
	loop_wake_post(t->server->wake);
}

static void launch(struct server_stream *t)
{
	pthread_attr_t attr;
	if (t->duplex.session)
		tls_wire_detach(t->duplex.wire);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	if (pthread_create(&t->thread, &attr, stream_thread, t) == 0) {
		t->is_launched = true;
	} else {
		give_up(t);
	}
	pthread_attr_destroy(&attr);
}

/* libmicrohttpd has handed on what it had read: from here on the descriptor is the thread's. */
static void begin(struct server_stream *t)
{
	struct server_exchange *x = t->exchange;
	if (!x->is_suspended)
		server_suspend(x);
	t->duplex.early = x->body.data;
	t->duplex.early_len = x->body.len;
	launch(t);
}

void server_streams_launch(struct http_server *s)
{
	for (struct server_stream *t = s->streams; t; t = t->next) {
		const struct server_exchange *x = t->exchange;
		if (t->is_launched || atomic_load(&t->is_over))
			continue;
		if (x->is_mhd_over) /* the peer left in between */
			give_up(t);
		else if (!x->may_be_taken || x->has_passed)
			begin(t);
	}
}

/* The thread is gone; libmicrohttpd gets its connection back to close it. */
static void stream_end(struct http_server *s, struct server_stream *t)
{
	struct server_exchange *x = t->exchange;
	if (t->is_launched)
		pthread_join(t->thread, NULL);
	close(t->duplex.stop_fd);
	s->streams_count--;
	x->stream = NULL;
	x->must_close = true;
	if (x->is_suspended) {
		/* For libmicrohttpd it is in the middle of a body: at its end it asks no more. */
		if (x->may_be_taken)
			shutdown(x->connection->fd, SHUT_RDWR);
		server_resume(x);
	}
	if (t->done)
		t->done(t->ctx);
	server_exchange_unref(x);
	free(t);
}

void server_streams_reap(void *server)
{
	struct http_server *s = server;
	for (struct server_stream **link = &s->streams; *link;) {
		struct server_stream *t = *link;
		if (!atomic_load(&t->is_over)) {
			link = &t->next;
			continue;
		}
		*link = t->next;
		stream_end(s, t);
	}
}

void server_streams_stop(struct http_server *s)
{
	for (struct server_stream *t = s->streams; t; t = t->next) {
		uint64_t one = 1;
		if (write(t->duplex.stop_fd, &one, sizeof one) != sizeof one)
			shutdown(t->duplex.fd, SHUT_RDWR); /* cannot be: an eventfd has room */
	}
	while (s->streams) {
		struct server_stream *t = s->streams;
		s->streams = t->next;
		stream_end(s, t);
	}
}

void http_takeover(struct http_exchange *base, void (*run)(void *ctx, struct http_duplex *d),
		   void (*done)(void *ctx), void *ctx)
{
	assert(base->ops == &server_exchange_ops);
	struct server_exchange *x = exchange_of(base);
	struct http_server *s = x->connection->server;
	int stop_fd = x->is_mhd_over || s->streams_count >= SERVER_STREAMS_MAX
			      ? -1
			      : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (stop_fd < 0) { /* the peer left, or there are too many */
		server_reply_status(x, 503, "ServiceUnavailable", "too many streams", false);
		if (done)
			done(ctx);
		return;
	}
	struct server_stream *t = xcalloc(1, sizeof *t);
	*t = (struct server_stream){
		.next = s->streams, .server = s, .exchange = x, .run = run, .done = done, .ctx = ctx
	};
	t->duplex = (struct http_duplex){ .fd = x->connection->fd,
					  .session = x->connection->session,
					  .wire = &x->connection->wire,
					  .stop_fd = stop_fd };
	s->streams = t;
	s->streams_count++;
	x->stream = t;
	x->is_answered = true;
	x->state = EXCHANGE_TAKEN;
	if (x->is_in_callback)
		return; /* begins when libmicrohttpd is through with it */
	assert(x->is_suspended);
	if (x->may_be_taken)
		server_resume(x);
	else
		launch(t);
}
