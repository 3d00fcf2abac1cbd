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

#define STACK_SIZE  (256u << 10)
#define RELAY_PIECE (64u << 10)

struct http_duplex {
	int fd;
	gnutls_session_t session; /* NULL: plain */
	int stop_fd;              /* readable: the server ends */
	bool is_write_shut;
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

/* What one call gave: > 0 bytes, 0 the end, -1 broken, -2 not now. */
static ssize_t read_some(struct http_duplex *d, void *buf, size_t max)
{
	if (!d->session) {
		ssize_t n = recv(d->fd, buf, max, MSG_DONTWAIT);
		return n >= 0 ? n : errno == EAGAIN || errno == EINTR ? -2 : -1;
	}
	ssize_t n = gnutls_record_recv(d->session, buf, max);
	if (n >= 0)
		return n;
	if (n == GNUTLS_E_PREMATURE_TERMINATION)
		return 0; /* a peer that closes without saying so: its bytes were whole records */
	return gnutls_error_is_fatal((int)n) ? -1 : -2;
}

static ssize_t write_some(struct http_duplex *d, const void *bytes, size_t n)
{
	if (!d->session) {
		ssize_t sent = send(d->fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		return sent >= 0 ? sent : errno == EAGAIN || errno == EINTR ? -2 : -1;
	}
	ssize_t sent = gnutls_record_send(d->session, bytes, n);
	if (sent >= 0)
		return sent;
	return gnutls_error_is_fatal((int)sent) ? -1 : -2;
}

ssize_t http_duplex_read(struct http_duplex *d, void *buf, size_t max)
{
	for (;;) {
		ssize_t n = read_some(d, buf, max);
		if (n != -2)
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
		if (sent == -1 || (sent == -2 && !wait_fd(d, POLLOUT)))
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
	return d->session && gnutls_record_check_pending(d->session) > 0;
}

/* ---- relay: one thread, both ways ---- */

struct flow {
	char *buf;
	size_t at, len; /* what waits to be written */
	bool is_ended;  /* no more to read */
	bool is_closed; /* and the end was passed on */
};

struct relay {
	struct http_duplex *d;
	int fd;
	struct flow up, down; /* client → fd, fd → client */
};

/* Read what is there, write what can be written; false: broken. */
static bool pump_up(struct relay *r, bool can_read)
{
	struct flow *f = &r->up;
	if (f->at == f->len && !f->is_ended && can_read) {
		ssize_t n = read_some(r->d, f->buf, RELAY_PIECE);
		if (n == -1)
			return false;
		f->is_ended = n == 0;
		f->at = 0;
		f->len = n > 0 ? (size_t)n : 0;
	}
	if (f->at < f->len) {
		ssize_t n =
			send(r->fd, f->buf + f->at, f->len - f->at, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return false;
		f->at += n > 0 ? (size_t)n : 0;
	}
	if (f->at == f->len && f->is_ended && !f->is_closed) {
		f->is_closed = true;
		shutdown(r->fd, SHUT_WR);
	}
	return true;
}

static bool pump_down(struct relay *r, bool can_read)
{
	struct flow *f = &r->down;
	if (f->at == f->len && !f->is_ended && can_read) {
		ssize_t n = recv(r->fd, f->buf, RELAY_PIECE, MSG_DONTWAIT);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return false;
		f->is_ended = n == 0;
		f->at = 0;
		f->len = n > 0 ? (size_t)n : 0;
	}
	while (f->at < f->len) {
		ssize_t n = write_some(r->d, f->buf + f->at, f->len - f->at);
		if (n == -1)
			return false;
		if (n == -2)
			break;
		f->at += (size_t)n;
	}
	if (f->at == f->len && f->is_ended && !f->is_closed) {
		f->is_closed = true;
		http_duplex_shutdown_write(r->d);
	}
	return true;
}

static short events_for(const struct flow *in, const struct flow *out)
{
	short events = 0;
	if (in->at == in->len && !in->is_ended)
		events |= POLLIN;
	if (out->at < out->len)
		events |= POLLOUT;
	return events;
}

/* The side whose directions are both done is not polled: its hang-up would spin. */
static int poll_fd(int fd, short events)
{
	return events ? fd : -1;
}

static bool relay_step(struct relay *r, int stop_fd)
{
	short client = events_for(&r->up, &r->down), other = events_for(&r->down, &r->up);
	struct pollfd fds[] = { { poll_fd(r->d->fd, client), client, 0 },
				{ poll_fd(r->fd, other), other, 0 },
				{ r->d->stop_fd, POLLIN, 0 },
				{ stop_fd, POLLIN, 0 } };
	bool has_pending = (client & POLLIN) && http_duplex_has_pending(r->d);
	if (poll(fds, 4, has_pending ? 0 : -1) < 0)
		return errno == EINTR;
	if (fds[2].revents || fds[3].revents)
		return false;
	bool client_reads = has_pending || (fds[0].revents & (POLLIN | POLLHUP | POLLERR));
	bool other_reads = fds[1].revents & (POLLIN | POLLHUP | POLLERR);
	return pump_up(r, client_reads) && pump_down(r, other_reads);
}

void http_duplex_relay(struct http_duplex *d, int fd, int stop_fd)
{
	auto_free char *up = xcalloc(1, RELAY_PIECE);
	auto_free char *down = xcalloc(1, RELAY_PIECE);
	struct relay r = { .d = d, .fd = fd, .up = { .buf = up }, .down = { .buf = down } };
	while (!(r.up.is_closed && r.down.is_closed))
		if (!relay_step(&r, stop_fd))
			break;
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

static void launch(struct server_stream *t)
{
	pthread_attr_t attr;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	if (pthread_create(&t->thread, &attr, stream_thread, t) == 0) {
		t->is_launched = true;
	} else {
		atomic_store(&t->is_over, true);
		loop_wake_post(t->server->wake);
	}
	pthread_attr_destroy(&attr);
}

void server_streams_launch(struct http_server *s)
{
	for (struct server_stream *t = s->streams; t; t = t->next)
		if (!t->is_launched && !atomic_load(&t->is_over))
			launch(t);
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
	if (x->is_suspended)
		server_resume(x);
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
		server_reply_status(x, 503, "ServiceUnavailable", "too many streams");
		if (done)
			done(ctx);
		return;
	}
	struct server_stream *t = xcalloc(1, sizeof *t);
	*t = (struct server_stream){
		.next = s->streams, .server = s, .exchange = x, .run = run, .done = done, .ctx = ctx
	};
	t->duplex =
		(struct http_duplex){ x->connection->fd, x->connection->session, stop_fd, false };
	s->streams = t;
	s->streams_count++;
	x->stream = t;
	x->is_answered = true;
	x->state = EXCHANGE_TAKEN;
	if (x->is_in_callback)
		return; /* suspended on the way out, then launched */
	assert(x->is_suspended);
	launch(t);
}
