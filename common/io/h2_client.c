#include "common/io/h2_client_internal.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/un.h>

#define STREAM_WINDOW      (16 << 20)
#define CONNECTION_WINDOW  (64 << 20)
#define BACKOFF_FIRST_MS   50
#define BACKOFF_MAX_MS     2000
#define CONNECT_TIMEOUT_MS 5000
#define OUT_MAX            ((size_t)1 << 20)
#define READ_SIZE          65536
#define RECORD_SIZE        16384
#define READS_PER_TURN     4
#define TURN_US            1500 /* a turn that is longer already is left to others */

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
	conn_free(TAKE(c->conn));
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
	/* All endpoints are tried once before anybody waits. */
	if (c->failures < c->endpoints_count)
		span = 0;
	loop_timer_set(c->timer, span / 2 + (int64_t)rng_below(&c->rng, (uint64_t)span / 2 + 1));
}

/* Called inside enter/leave. */
static void connection_lost(struct h2_client *c, const char *why)
{
	bool was_ready = c->state == H2_READY && c->has_heard;
	bool was_connecting = c->state == H2_CONNECTING;
	auto_free char *text = xstrdup(why); /* perhaps the connection's own words */
	connection_close(c);
	c->endpoint = (c->endpoint + 1) % c->endpoints_count;
	if (was_ready) {
		c->failures = 0;
		set_state(c, H2_IDLE);
	} else {
		c->counts.connects_failed_total++;
		back_off(c);
	}
	/* What waits for a connection may have it by another endpoint. */
	if (!was_connecting || c->failures >= c->endpoints_count)
		fail_calls(c, text);
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
	if (set_nghttp2_up(c) != 0) {
		connection_lost(c, "no HTTP/2 session could be made");
		return;
	}
	c->counts.connects_total++;
	c->has_heard = false;
	c->heard_ms = loop_now_ms(c->loop);
	set_state(c, H2_READY);
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
			conn_want_write(c->conn, false);
			return;
		}
		ssize_t n = conn_write(c->conn, c->out.data, c->out.len);
		if (n < 0) {
			h2_mark_broken(c, conn_why(c->conn));
			return;
		}
		bool is_all = (size_t)n == c->out.len;
		c->counts.bytes_out += (uint64_t)n;
		str_consume(&c->out, (size_t)n);
		if (!is_all) {
			conn_want_write(c->conn, true);
			return;
		}
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
		ssize_t n = conn_read(c->conn, buf, READ_SIZE);
		if (n == 0)
			return;
		if (n < 0) {
			connection_lost(c, n == CONN_ENDED ? "the peer closed the connection"
							   : conn_why(c->conn));
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
		if (n < RECORD_SIZE) /* less than a TLS record: that was all */
			return;
		if (loop_turn_us(c->loop) >= TURN_US)
			return;
	}
}

static void on_conn(void *ctx, enum conn_event event)
{
	struct h2_client *c = ctx;
	h2_enter(c);
	switch (event) {
	case CONN_OPEN:
		connected(c);
		break;
	case CONN_READABLE:
		read_in(c);
		break;
	case CONN_WRITABLE: /* h2_leave() writes */
		break;
	case CONN_LOST:
		connection_lost(c, conn_why(c->conn));
		break;
	}
	h2_leave(c);
}

static void start_connecting(struct h2_client *c)
{
	const struct h2_endpoint *e = &c->endpoints[c->endpoint];
	loop_timer_stop(c->timer);
	set_state(c, H2_CONNECTING);
	c->has_heard = false;
	c->conn = conn_new(c->loop,
			   &(struct conn_options){ .unix_socket = e->unix_socket,
						   .host = e->host,
						   .port = e->port,
						   .tls = c->options.tls,
						   .timeout_ms = c->options.connect_timeout_ms,
						   .happened = on_conn,
						   .ctx = c });
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
	for (size_t i = 0; i < c->endpoints_count; i++) {
		free((char *)c->endpoints[i].unix_socket);
		free((char *)c->endpoints[i].host);
	}
	free(c->endpoints);
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
	if (c->state == H2_WAITING && c->first)
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

static int check_endpoint(const struct h2_endpoint *e, struct error *err)
{
	struct sockaddr_un local;
	if (e->unix_socket && strlen(e->unix_socket) >= sizeof(local.sun_path))
		return error_set(err, ERR_INVALID, "socket path '%s' is longer than %zu bytes",
				 e->unix_socket, sizeof(local.sun_path) - 1);
	if (!e->unix_socket && (!e->host || !e->host[0] || strpbrk(e->host, " /@")))
		return error_set(err, ERR_INVALID, "'%s' is no address or host name",
				 e->host ? e->host : "");
	return 0;
}

int h2_client_new(struct loop *loop, const struct h2_client_options *options,
		  struct h2_client **ret, struct error *err)
{
	const struct h2_endpoint *from = options->endpoints;
	if (options->endpoints_count == 0)
		return error_set(err, ERR_INVALID, "no endpoint");
	for (size_t i = 0; i < options->endpoints_count; i++)
		if (check_endpoint(&from[i], err) < 0)
			return err->code;
	struct h2_client *c = xcalloc(1, sizeof(*c));
	c->loop = loop;
	c->options = *options;
	c->endpoints = xcalloc(options->endpoints_count, sizeof(*c->endpoints));
	c->endpoints_count = options->endpoints_count;
	for (size_t i = 0; i < c->endpoints_count; i++)
		c->endpoints[i] = (struct h2_endpoint){
			.unix_socket = from[i].unix_socket ? xstrdup(from[i].unix_socket) : NULL,
			.host = from[i].host ? xstrdup(from[i].host) : NULL,
			.port = from[i].port,
		};
	c->authority = xstrdup(options->authority ? options->authority : "localhost");
	c->options.authority = NULL;
	c->options.endpoints = NULL;
	if (c->options.message_max == 0)
		c->options.message_max = H2_MESSAGE_MAX;
	if (c->options.connect_timeout_ms == 0)
		c->options.connect_timeout_ms = CONNECT_TIMEOUT_MS;
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
