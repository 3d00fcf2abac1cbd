#include "common/io/h2_client_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#define STREAM_WINDOW      (16 << 20)
#define CONNECTION_WINDOW  (64 << 20)
#define BACKOFF_FIRST_MS   50
#define BACKOFF_MAX_MS     2000
#define CONNECT_TIMEOUT_MS 5000
#define OUT_MAX            ((size_t)1 << 20)
#define READ_SIZE          65536
#define READS_PER_TURN     16

static void set_state(struct h2_client *c, enum h2_state state)
{
	if (c->state == state)
		return;
	c->state = state;
	if (c->options.state_changed && c->depth == 0)
		loop_timer_set(c->later, 0);
}

static void announce(struct h2_client *c)
{
	if (c->announced == c->state || !c->options.state_changed)
		return;
	c->announced = c->state;
	c->options.state_changed(c->options.ctx, c->state);
}

/* ---- the connection ---- */

static void connection_close(struct h2_client *c)
{
	loop_timer_stop(c->timer);
	loop_timer_stop(c->keepalive);
	nghttp2_session_del(c->session);
	c->session = NULL;
	loop_fd_free(c->io);
	c->io = NULL;
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	str_clear(&c->out);
	c->out.overflow = false;
	c->is_broken = false;
	c->is_ping_out = false;
}

/* Calls that were open when the connection ended; those made by their callbacks stay. */
static void fail_calls(struct h2_client *c, const char *why)
{
	uint64_t epoch = c->epoch++;
	while (!c->is_freed && c->first && c->first->epoch <= epoch)
		call_end(c->first, GRPC_UNAVAILABLE, why, false);
}

static void start_connecting(struct h2_client *c);

static void back_off(struct h2_client *c)
{
	unsigned shift = MIN(c->failures, 10u);
	int64_t span = MIN((int64_t)BACKOFF_FIRST_MS << shift, (int64_t)BACKOFF_MAX_MS);
	c->failures++;
	set_state(c, H2_WAITING);
	loop_timer_set(c->timer, span / 2 + (int64_t)rng_below(&c->rng, (uint64_t)span / 2 + 1));
}

/* Called inside enter/leave. */
static void connection_lost(struct h2_client *c, const char *why)
{
	bool was_ready = c->state == H2_READY && c->has_heard;
	connection_close(c);
	if (was_ready) {
		c->failures = 0;
		set_state(c, H2_IDLE);
	} else {
		c->counts.connects_failed_total++;
		back_off(c);
	}
	fail_calls(c, why);
	if (!c->is_freed && c->state == H2_IDLE && c->first)
		start_connecting(c);
}

static int set_nghttp2_up(struct h2_client *c)
{
	nghttp2_option *option;
	if (nghttp2_option_new(&option) != 0)
		return -1;
	nghttp2_option_set_peer_max_concurrent_streams(option, 1000);
	int n = nghttp2_session_client_new2(&c->session, c->callbacks, c, option);
	nghttp2_option_del(option);
	if (n != 0)
		return -1;
	nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW },
	};
	if (nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, settings, ARRAY_LEN(settings)))
		return -1;
	return nghttp2_session_set_local_window_size(c->session, NGHTTP2_FLAG_NONE, 0,
						     CONNECTION_WINDOW);
}

static void connected(struct h2_client *c)
{
	loop_timer_stop(c->timer);
	if (set_nghttp2_up(c) != 0) {
		connection_lost(c, "no HTTP/2 session could be made");
		return;
	}
	c->counts.connects_total++;
	c->has_heard = false;
	c->heard_ms = loop_now_ms(c->loop);
	set_state(c, H2_READY);
	loop_fd_set(c->io, LOOP_READ);
	if (c->options.keepalive_ms > 0)
		loop_timer_set(c->keepalive, c->options.keepalive_ms);
	for (struct grpc_call *call = c->first, *next; call; call = next) {
		next = call->next;
		call_submit(call);
	}
}

/* Takes bytes from the session and gives them to the socket until one has had enough. */
static void write_out(struct h2_client *c)
{
	while (!c->is_broken) {
		while (c->out.len < READ_SIZE) {
			const uint8_t *bytes;
			ssize_t n = nghttp2_session_mem_send(c->session, &bytes);
			if (n < 0) {
				h2_mark_broken(c, nghttp2_strerror((int)n));
				return;
			}
			if (n == 0)
				break;
			str_add_bytes(&c->out, bytes, (size_t)n);
		}
		if (c->out.len == 0) {
			loop_fd_set(c->io, LOOP_READ);
			return;
		}
		ssize_t n = send(c->fd, c->out.data, c->out.len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			loop_fd_set(c->io, LOOP_READ | LOOP_WRITE);
			return;
		}
		if (n < 0) {
			h2_mark_broken(c, strerror(errno));
			return;
		}
		c->counts.bytes_out += (uint64_t)n;
		str_consume(&c->out, (size_t)n);
	}
}

void h2_flush(struct h2_client *c)
{
	if (c->depth == 0 && c->session && !c->is_broken)
		write_out(c);
}

void h2_mark_broken(struct h2_client *c, const char *why)
{
	if (c->is_broken)
		return;
	c->is_broken = true;
	if (snprintf(c->broken_why, sizeof(c->broken_why), "%s", why) < 0)
		c->broken_why[0] = '\0';
	loop_timer_set(c->later, 0);
}

static void read_in(struct h2_client *c)
{
	uint8_t *buf = c->piece;
	for (int i = 0; i < READS_PER_TURN && c->session && !c->is_freed; i++) {
		ssize_t n = recv(c->fd, buf, READ_SIZE, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (n <= 0) {
			connection_lost(c, n == 0 ? "the peer closed the connection"
						  : strerror(errno));
			return;
		}
		c->has_heard = true;
		c->failures = 0;
		c->is_ping_out = false;
		c->heard_ms = loop_now_ms(c->loop);
		c->counts.bytes_in += (uint64_t)n;
		ssize_t used = nghttp2_session_mem_recv(c->session, buf, (size_t)n);
		if (used < 0) {
			connection_lost(c, nghttp2_strerror((int)used));
			return;
		}
		if ((size_t)n < READ_SIZE)
			return;
	}
}

/* What TCP says about an attempt under way. */
static void finish_connecting(struct h2_client *c)
{
	int failure = 0;
	socklen_t len = sizeof(failure);
	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &failure, &len) < 0)
		failure = errno;
	if (failure)
		connection_lost(c, strerror(failure));
	else
		connected(c);
}

static void on_ready(void *ctx, unsigned events)
{
	struct h2_client *c = ctx;
	h2_enter(c);
	if (c->state == H2_CONNECTING)
		finish_connecting(c);
	else if (events & LOOP_READ)
		read_in(c);
	h2_leave(c);
}

static int open_socket(struct h2_client *c, struct sockaddr_storage *address, socklen_t *len)
{
	*address = (struct sockaddr_storage){ 0 };
	struct sockaddr_in *v4 = (void *)address;
	struct sockaddr_in6 *v6 = (void *)address;
	struct sockaddr_un *local = (void *)address;
	if (c->unix_socket) {
		local->sun_family = AF_UNIX;
		memcpy(local->sun_path, c->unix_socket, strlen(c->unix_socket) + 1);
		*len = sizeof(*local);
	} else if (inet_pton(AF_INET, c->address, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(c->options.port);
		*len = sizeof(*v4);
	} else if (inet_pton(AF_INET6, c->address, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(c->options.port);
		*len = sizeof(*v6);
	}
	int fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int one = 1;
	if (fd >= 0 && !c->unix_socket) /* a refusal only costs latency */
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

static void start_connecting(struct h2_client *c)
{
	struct sockaddr_storage address;
	socklen_t len = 0;
	loop_timer_stop(c->timer);
	set_state(c, H2_CONNECTING);
	c->has_heard = false;
	c->fd = open_socket(c, &address, &len);
	if (c->fd < 0) {
		h2_mark_broken(c, strerror(errno));
		return;
	}
	int n = connect(c->fd, (struct sockaddr *)&address, len);
	if (n < 0 && errno != EINPROGRESS) {
		AUTO_STR why;
		str_init(&why, sizeof(c->broken_why));
		str_addf(&why, "connect: %s", strerror(errno));
		h2_mark_broken(c, why.data);
		return;
	}
	c->io = loop_fd_new(c->loop, c->fd, on_ready, c);
	loop_fd_set(c->io, LOOP_WRITE); /* a connected socket is writable at once */
	loop_timer_set(c->timer, c->options.connect_timeout_ms);
}

/* ---- what the loop calls ---- */

void h2_enter(struct h2_client *c)
{
	c->depth++;
}

static void destroy(struct h2_client *c)
{
	connection_close(c);
	loop_timer_free(c->timer);
	loop_timer_free(c->keepalive);
	loop_timer_free(c->later);
	nghttp2_session_callbacks_del(c->callbacks);
	str_fini(&c->out);
	free(c->piece);
	free(c->unix_socket);
	free(c->address);
	free(c->authority);
	free(c);
}

void h2_sweep(struct h2_client *c)
{
	while (c->graveyard) {
		struct grpc_call *call = c->graveyard;
		c->graveyard = call->next;
		loop_timer_free(call->deadline);
		str_fini(&call->send);
		str_fini(&call->in);
		free(call->method);
		free(call->message);
		free(call);
	}
}

void h2_leave(struct h2_client *c)
{
	if (c->depth == 1 && !c->is_freed)
		announce(c);
	if (--c->depth > 0)
		return;
	h2_sweep(c);
	if (c->is_freed) {
		destroy(c);
		return;
	}
	h2_flush(c);
	if (c->session && !c->is_broken && c->out.len == 0 &&
	    !nghttp2_session_want_read(c->session) && !nghttp2_session_want_write(c->session))
		h2_mark_broken(c, "the peer ended the session");
}

static void on_later(void *ctx)
{
	struct h2_client *c = ctx;
	h2_enter(c);
	if (c->is_broken) {
		c->is_broken = false;
		connection_lost(c, c->broken_why);
	}
	calls_end_closed(c);
	h2_leave(c);
}

static void on_timer(void *ctx)
{
	struct h2_client *c = ctx;
	h2_enter(c);
	if (c->state == H2_CONNECTING)
		connection_lost(c, "connect: timed out");
	else if (c->state == H2_WAITING && c->first)
		start_connecting(c);
	else if (c->state == H2_WAITING)
		set_state(c, H2_IDLE);
	h2_leave(c);
}

static void on_keepalive(void *ctx)
{
	struct h2_client *c = ctx;
	h2_enter(c);
	int64_t silent_ms = loop_now_ms(c->loop) - c->heard_ms;
	if (c->is_ping_out && silent_ms >= 2 * c->options.keepalive_ms) {
		connection_lost(c, "the peer does not answer");
	} else {
		if (c->first && !c->is_ping_out && silent_ms >= c->options.keepalive_ms &&
		    nghttp2_submit_ping(c->session, NGHTTP2_FLAG_NONE, NULL) == 0)
			c->is_ping_out = true;
		loop_timer_set(c->keepalive, c->options.keepalive_ms);
	}
	h2_leave(c);
}

/* ---- public ---- */

static int check_options(const struct h2_client_options *o, struct error *err)
{
	struct sockaddr_un local;
	struct in6_addr any;
	if (o->unix_socket && strlen(o->unix_socket) >= sizeof(local.sun_path))
		return error_set(err, ERR_INVALID, "socket path '%s' is longer than %zu bytes",
				 o->unix_socket, sizeof(local.sun_path) - 1);
	if (o->unix_socket)
		return 0;
	if (!o->address || (inet_pton(AF_INET, o->address, &any) != 1 &&
			    inet_pton(AF_INET6, o->address, &any) != 1))
		return error_set(err, ERR_INVALID, "'%s' is no IP address",
				 o->address ? o->address : "");
	return 0;
}

int h2_client_new(struct loop *loop, const struct h2_client_options *options,
		  struct h2_client **ret, struct error *err)
{
	if (check_options(options, err) < 0)
		return err->code;
	struct h2_client *c = xcalloc(1, sizeof(*c));
	c->loop = loop;
	c->options = *options;
	c->unix_socket = options->unix_socket ? xstrdup(options->unix_socket) : NULL;
	c->address = options->address ? xstrdup(options->address) : NULL;
	c->authority = xstrdup(options->authority ? options->authority : "localhost");
	c->options.unix_socket = c->options.address = c->options.authority = NULL;
	if (c->options.message_max == 0)
		c->options.message_max = H2_MESSAGE_MAX;
	if (c->options.connect_timeout_ms == 0)
		c->options.connect_timeout_ms = CONNECT_TIMEOUT_MS;
	c->fd = -1;
	c->piece = xrealloc(NULL, READ_SIZE, 1);
	c->rng.state = (uint64_t)loop_wall_us(loop) ^ (uint64_t)(uintptr_t)c;
	str_init(&c->out, OUT_MAX);
	if (nghttp2_session_callbacks_new(&c->callbacks) != 0)
		abort(); /* out of memory, as in xcalloc */
	calls_set_callbacks(c->callbacks);
	c->timer = loop_timer_new(loop, on_timer, c);
	c->keepalive = loop_timer_new(loop, on_keepalive, c);
	c->later = loop_timer_new(loop, on_later, c);
	*ret = c;
	return 0;
}

void h2_client_free(struct h2_client *c)
{
	if (!c || c->is_freed)
		return;
	while (c->first)
		call_bury(c->first);
	c->is_freed = true;
	if (c->depth > 0)
		return;
	h2_sweep(c);
	destroy(c);
}

enum h2_state h2_client_state(const struct h2_client *c)
{
	return c->state;
}

void h2_client_connect(struct h2_client *c)
{
	if (c->state == H2_READY || c->state == H2_CONNECTING)
		return;
	c->failures = 0;
	start_connecting(c);
}

void h2_client_disconnect(struct h2_client *c)
{
	if (c->state == H2_READY || c->state == H2_CONNECTING)
		h2_mark_broken(c, "disconnected");
}

void h2_client_counts(const struct h2_client *c, struct h2_client_counts *ret)
{
	*ret = c->counts;
}
