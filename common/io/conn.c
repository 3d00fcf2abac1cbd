#include "common/io/conn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#define ADDRESSES_MAX 8
#define KEEP_IDLE_S   20
#define KEEP_EVERY_S  5

struct address {
	struct sockaddr_storage at;
	socklen_t len;
};

/* Of a name, on a worker; outlives its connection where that ends first. */
struct lookup {
	struct conn *conn; /* NULL: nobody waits any more */
	char *host, port[8];
	struct address found[ADDRESSES_MAX];
	size_t found_count;
	int code;
};

enum conn_state { CONN_LOOKING_UP, CONN_CONNECTING, CONN_SHAKING, CONN_IS_OPEN, CONN_IS_LOST };

struct conn {
	struct loop *loop;
	struct conn_options options;
	char *host, *server_name;
	enum conn_state state;
	struct address addresses[ADDRESSES_MAX];
	size_t addresses_count, address_at;
	struct lookup *lookup;
	int fd;
	struct loop_fd *io;
	struct loop_timer *timer; /* the time limit; then what the socket does not say */
	struct tls_client *tls;
	bool wants_write, is_freed;
	unsigned depth;
	struct error err;
};

static void try_next(struct conn *c);

static void set_events(struct conn *c)
{
	bool writes = c->wants_write || (c->tls && tls_client_has_unsent(c->tls));
	loop_fd_set(c->io, LOOP_READ | (writes ? LOOP_WRITE : 0));
}

static void close_socket(struct conn *c)
{
	tls_client_free(TAKE(c->tls));
	loop_fd_free(TAKE(c->io));
	if (c->fd >= 0)
		close(TAKE_FD(c->fd));
}

static void destroy(struct conn *c)
{
	if (c->lookup)
		c->lookup->conn = NULL;
	close_socket(c);
	loop_timer_free(c->timer);
	free(c->host);
	free(c->server_name);
	free(c);
}

/* Events may free the connection: nothing of it is touched after the outermost leave. */
static void enter(struct conn *c)
{
	c->depth++;
}

static void leave(struct conn *c)
{
	if (--c->depth == 0 && c->is_freed)
		destroy(c);
}

static void tell(struct conn *c, enum conn_event event)
{
	if (!c->is_freed)
		c->options.happened(c->options.ctx, event);
}

static void lost(struct conn *c)
{
	close_socket(c);
	loop_timer_stop(c->timer);
	c->state = CONN_IS_LOST;
	tell(c, CONN_LOST);
}

/* ---- becoming open ---- */

static void opened(struct conn *c)
{
	loop_timer_stop(c->timer);
	c->state = CONN_IS_OPEN;
	set_events(c);
	tell(c, CONN_OPEN);
}

static void shake(struct conn *c)
{
	switch (tls_client_handshake(c->tls, &c->err)) {
	case TLS_DONE:
		opened(c);
		return;
	case TLS_WANTS_READ:
		loop_fd_set(c->io, LOOP_READ);
		return;
	case TLS_WANTS_WRITE:
		loop_fd_set(c->io, LOOP_WRITE);
		return;
	case TLS_FAILED:
		lost(c);
	}
}

static void connected(struct conn *c)
{
	int failure = 0;
	socklen_t len = sizeof failure;
	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &failure, &len) < 0)
		failure = errno;
	if (failure) {
		error_set(&c->err, ERR_UNAVAILABLE, "cannot connect to %s: %s", c->host,
			  strerror(failure));
		try_next(c);
		return;
	}
	if (!c->options.tls) {
		opened(c);
		return;
	}
	c->state = CONN_SHAKING;
	c->tls = tls_client_new(c->options.tls, c->fd, c->server_name);
	shake(c);
}

static void readable(struct conn *c)
{
	tell(c, CONN_READABLE);
	/* What TLS holds decrypted is told in a turn of its own, for the socket is silent. */
	if (!c->is_freed && c->tls && tls_client_has_pending(c->tls))
		loop_timer_set(c->timer, 0);
}

static void on_socket(void *ctx, unsigned events)
{
	struct conn *c = ctx;
	enter(c);
	if (c->state == CONN_CONNECTING) {
		connected(c);
	} else if (c->state == CONN_SHAKING) {
		shake(c);
	} else if (c->state == CONN_IS_OPEN) {
		if ((events & LOOP_WRITE) && c->tls)
			(void)tls_client_flush(c->tls, &c->err); /* a failure shows in reading */
		if (events & LOOP_READ)
			readable(c);
		if (!c->is_freed && (events & LOOP_WRITE) && c->wants_write)
			tell(c, CONN_WRITABLE);
		if (!c->is_freed && c->io)
			set_events(c);
	}
	leave(c);
}

static void on_timer(void *ctx)
{
	struct conn *c = ctx;
	enter(c);
	if (c->state == CONN_IS_OPEN) {
		readable(c);
	} else if (c->state != CONN_IS_LOST) {
		if (c->err.code == 0) /* else: why it was lost at once */
			error_set(&c->err, ERR_UNAVAILABLE, "cannot connect to %s within %lld ms",
				  c->host, (long long)c->options.timeout_ms);
		lost(c);
	}
	leave(c);
}

static void set_tcp_options(int fd)
{
	static const int one = 1, idle = KEEP_IDLE_S, every = KEEP_EVERY_S;
	/* A refusal only costs latency, or time until a dead peer is noticed. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every, sizeof every);
}

static bool start_one(struct conn *c, const struct address *a)
{
	c->fd = socket(a->at.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd >= 0 && a->at.ss_family != AF_UNIX)
		set_tcp_options(c->fd);
	if (c->fd < 0 ||
	    (connect(c->fd, (const struct sockaddr *)&a->at, a->len) < 0 && errno != EINPROGRESS)) {
		error_set(&c->err, ERR_UNAVAILABLE, "cannot connect to %s: %s", c->host,
			  strerror(errno));
		return false;
	}
	c->io = loop_fd_new(c->loop, c->fd, on_socket, c);
	loop_fd_set(c->io, LOOP_WRITE); /* a connected socket is writable at once */
	c->state = CONN_CONNECTING;
	return true;
}

/* Never tells anything itself: the timer does, in a turn of its own. */
static void try_next(struct conn *c)
{
	close_socket(c);
	while (c->address_at < c->addresses_count) {
		if (start_one(c, &c->addresses[c->address_at++]))
			return;
		close_socket(c);
	}
	loop_timer_set(c->timer, 0);
}

/* ---- names ---- */

static void look_up(void *ctx)
{
	struct lookup *l = ctx;
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG };
	struct addrinfo *list = NULL;
	l->code = getaddrinfo(l->host, l->port, &hints, &list);
	for (struct addrinfo *a = list; a && l->found_count < ADDRESSES_MAX; a = a->ai_next) {
		struct address *to = &l->found[l->found_count++];
		memcpy(&to->at, a->ai_addr, a->ai_addrlen);
		to->len = a->ai_addrlen;
	}
	if (list)
		freeaddrinfo(list);
}

static void looked_up(void *ctx)
{
	struct lookup *l = ctx;
	struct conn *c = l->conn;
	if (c) {
		enter(c);
		c->lookup = NULL;
		memcpy(c->addresses, l->found, sizeof c->addresses);
		c->addresses_count = l->found_count;
		if (l->code != 0)
			error_set(&c->err, ERR_UNAVAILABLE, "the name %s is not known: %s", c->host,
				  gai_strerror(l->code));
		try_next(c);
		leave(c);
	}
	free(l->host);
	free(l);
}

static void start_lookup(struct conn *c)
{
	struct lookup *l = xcalloc(1, sizeof *l);
	l->conn = c;
	l->host = xstrdup(c->host);
	int n = snprintf(l->port, sizeof l->port, "%u", c->options.port);
	assert(n > 0);
	c->lookup = l;
	c->state = CONN_LOOKING_UP;
	loop_offload(c->loop, look_up, looked_up, l);
}

static bool literal(const struct conn_options *o, struct address *ret)
{
	struct sockaddr_in *v4 = (void *)&ret->at;
	struct sockaddr_in6 *v6 = (void *)&ret->at;
	struct sockaddr_un *local = (void *)&ret->at;
	*ret = (struct address){ 0 };
	if (o->unix_socket) {
		local->sun_family = AF_UNIX;
		size_t n = MIN(strlen(o->unix_socket), sizeof local->sun_path - 1);
		memcpy(local->sun_path, o->unix_socket, n); /* a longer one is not found */
		ret->len = sizeof *local;
	} else if (inet_pton(AF_INET, o->host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(o->port);
		ret->len = sizeof *v4;
	} else if (inet_pton(AF_INET6, o->host, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(o->port);
		ret->len = sizeof *v6;
	}
	return ret->len > 0;
}

/* ---- public ---- */

struct conn *conn_new(struct loop *loop, const struct conn_options *options)
{
	struct conn *c = xcalloc(1, sizeof *c);
	c->loop = loop;
	c->options = *options;
	c->fd = -1;
	c->host = xstrdup(options->unix_socket ? options->unix_socket : options->host);
	c->server_name = xstrdup(options->server_name ? options->server_name : c->host);
	c->timer = loop_timer_new(loop, on_timer, c);
	loop_timer_set(c->timer, options->timeout_ms);
	if (literal(options, &c->addresses[0])) {
		c->addresses_count = 1;
		try_next(c);
	} else {
		start_lookup(c);
	}
	c->options.unix_socket = c->options.host = c->options.server_name = NULL;
	return c;
}

void conn_free(struct conn *c)
{
	if (!c || c->is_freed)
		return;
	c->is_freed = true;
	if (c->depth == 0)
		destroy(c);
}

ssize_t conn_read(struct conn *c, void *buf, size_t max)
{
	assert(c->state == CONN_IS_OPEN);
	if (c->tls)
		return tls_client_read(c->tls, buf, max, &c->err);
	ssize_t n;
	do
		n = recv(c->fd, buf, max, 0);
	while (n < 0 && errno == EINTR);
	if (n > 0)
		return n;
	if (n == 0)
		return CONN_ENDED;
	if (errno == EAGAIN || errno == EWOULDBLOCK)
		return 0;
	error_set(&c->err, ERR_UNAVAILABLE, "the connection to %s broke: %s", c->host,
		  strerror(errno));
	return CONN_BROKEN;
}

ssize_t conn_write(struct conn *c, const void *bytes, size_t n)
{
	assert(c->state == CONN_IS_OPEN);
	if (c->tls) {
		ssize_t taken = tls_client_write(c->tls, bytes, n, &c->err);
		set_events(c);
		return taken;
	}
	const char *at = bytes;
	size_t left = n;
	while (left > 0) {
		ssize_t sent = send(c->fd, at, left, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		if (sent < 0) {
			error_set(&c->err, ERR_UNAVAILABLE, "the connection to %s broke: %s",
				  c->host, strerror(errno));
			return CONN_BROKEN;
		}
		at += sent;
		left -= (size_t)sent;
	}
	return (ssize_t)(n - left);
}

void conn_want_write(struct conn *c, bool wants)
{
	if (c->wants_write == wants)
		return;
	c->wants_write = wants;
	if (c->io)
		set_events(c);
}

bool conn_is_open(const struct conn *c)
{
	return c->state == CONN_IS_OPEN;
}

const char *conn_why(const struct conn *c)
{
	return c->err.text;
}
