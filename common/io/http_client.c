#include "common/io/http_client_internal.h"

#include <stdio.h>

#define IDLE_MAX_MS 30000 /* an idle connection is kept so long … */
#define IDLE_MAX    4     /* … and so many of them: each costs the server 40 KB. … */
#define SPARE_MS    2000 /* … More only for a moment: a burst that opens each anew pays handshakes */

static struct http_client *client_of(struct http_transport *t)
{
	return CONTAINER_OF(t, struct http_client, base);
}

/* ---- connections ---- */

static void link_close(struct link *l)
{
	struct http_client *c = l->client;
	if (l->prev)
		l->prev->next = l->next;
	else
		c->links = l->next;
	if (l->next)
		l->next->prev = l->prev;
	c->links_count--;
	c->idle_count -= l->is_idle;
	conn_free(l->conn);
	/* Its own event may be on the stack: the memory goes in a later turn. */
	*l = (struct link){ .client = c, .next = c->broken };
	c->broken = l;
	loop_timer_set(c->turn, 0);
}

static void link_idle(struct link *l)
{
	struct http_client *c = l->client;
	l->call = NULL;
	l->is_used = l->is_idle = true;
	/* More than these are for who waits: the turn gives them, or they go soon. */
	c->idle_count++;
	l->idle_since_ms = loop_now_ms(c->loop);
	conn_want_write(l->conn, false);
	if (!loop_timer_is_set(c->tidy))
		loop_timer_set(c->tidy, IDLE_MAX_MS);
	loop_timer_set(c->turn, 0); /* perhaps somebody waits for it */
}

/* Sent anew on another connection, where nothing can have been carried out. */
static void call_again(struct http_call *call)
{
	link_close(call->link);
	call->link = NULL;
	call->out_at = 0;
	loop_timer_set(call->client->turn, 0);
}

/* Nothing but the end, or a session ticket, may come on it. */
static bool link_is_quiet(struct link *l)
{
	char byte;
	return conn_is_open(l->conn) && conn_read(l->conn, &byte, 1) == 0;
}

/* The peer closed a kept connection before it saw the request. */
static bool may_try_again(const struct http_call *call)
{
	return call->link->is_used && !call->has_answer && call->is_safe && call->body_fd < 0;
}

static void link_readable(struct link *l)
{
	struct http_call *call = l->call;
	if (!call) {
		if (!link_is_quiet(l))
			link_close(l);
		return;
	}
	exchange_read(call);
}

static void happened(void *ctx, enum conn_event event)
{
	struct link *l = ctx;
	struct http_client *c = l->client;
	client_enter(c);
	switch (event) {
	case CONN_OPEN:
		if (l->call)
			exchange_begin(l->call);
		else
			link_idle(l);
		break;
	case CONN_READABLE:
		link_readable(l);
		break;
	case CONN_WRITABLE:
		if (l->call)
			(void)exchange_write(l->call);
		break;
	case CONN_LOST:
		if (l->call) {
			auto_free char *why = xstrdup(conn_why(l->conn));
			call_finish(l->call, why);
		} else {
			link_close(l);
		}
		break;
	}
	client_leave(c);
}

static struct link *link_new(struct http_client *c)
{
	const struct client_options *o = &c->options;
	struct link *l = xcalloc(1, sizeof *l);
	*l = (struct link){ .client = c, .next = c->links };
	if (c->links)
		c->links->prev = l;
	c->links = l;
	c->links_count++;
	l->conn = conn_new(
		c->loop,
		&(struct conn_options){ .unix_socket = o->unix_socket,
					.host = o->host,
					.port = o->port,
					.tls = o->tls,
					.server_name = o->server_name ? o->server_name : o->host,
					.timeout_ms = o->connect_timeout_ms,
					.happened = happened,
					.ctx = l });
	return l;
}

/* A quiet idle connection, else a new one if there is room, else NULL. What lasts (a watch) gets a
 * new one: libmicrohttpd writes over all 40 KB of a connection's memory when it is used again,
 * and would keep them for as long. */
static struct link *find_link(struct http_client *c, bool lasts)
{
	if (lasts && c->links_count < c->options.connections_max)
		return link_new(c);
	for (struct link *l = c->links, *next; l; l = next) {
		next = l->next;
		if (!l->is_idle)
			continue;
		if (link_is_quiet(l))
			return l;
		link_close(l);
	}
	return c->links_count < c->options.connections_max ? link_new(c) : NULL;
}

/* ---- calls ---- */

static void call_unlist(struct http_call *call)
{
	struct http_client *c = call->client;
	if (call->prev)
		call->prev->next = call->next;
	else
		c->first = call->next;
	if (call->next)
		call->next->prev = call->prev;
	else
		c->last = call->prev;
	call->next = c->graveyard;
	c->graveyard = call;
	call->is_gone = true;
	loop_timer_set(c->turn, 0);
}

void call_finish(struct http_call *call, const char *why)
{
	struct link *l = call->link;
	if (why && l && may_try_again(call)) {
		call_again(call);
		return;
	}
	call->link = NULL;
	if (l && !why && call->is_kept_alive)
		link_idle(l);
	else if (l)
		link_close(l);
	call_unlist(call);
	struct error err = { 0 };
	if (why)
		error_set(&err, ERR_UNAVAILABLE, "%s", why);
	if (call->events.done)
		call->events.done(call->ctx, why ? &err : NULL);
}

static void call_free(struct http_call *call)
{
	loop_timer_free(call->timeout);
	loop_timer_free(call->idle);
	loop_fd_free(call->body_ready);
	if (call->body_fd >= 0)
		close(call->body_fd);
	str_fini(&call->out);
	str_fini(&call->head);
	free(call);
}

/* Time limits hold on any connection: none is a reason to try again. */
static void out_of_time(struct http_call *call, const char *why)
{
	struct http_client *c = call->client;
	client_enter(c);
	call->is_safe = false;
	call_finish(call, why);
	client_leave(c);
}

static void on_timeout(void *ctx)
{
	struct http_call *call = ctx;
	auto_free char *why = xasprintf("not answered within %lld ms", (long long)call->timeout_ms);
	out_of_time(call, why);
}

static void on_idle(void *ctx)
{
	struct http_call *call = ctx;
	int64_t left = call->last_byte_ms + call->idle_ms - loop_now_ms(call->client->loop);
	if (left > 0) {
		loop_timer_set(call->idle, left);
		return;
	}
	auto_free char *why = xasprintf("no byte came for %lld ms", (long long)call->idle_ms);
	out_of_time(call, why);
}

/* ---- turns ---- */

static void sweep(struct http_client *c)
{
	while (c->graveyard) {
		struct http_call *call = c->graveyard;
		c->graveyard = call->next;
		call_free(call);
	}
	while (c->broken) {
		struct link *l = c->broken;
		c->broken = l->next;
		free(l);
	}
}

static void destroy(struct http_client *c)
{
	while (c->first)
		call_unlist(c->first);
	while (c->links)
		link_close(c->links);
	sweep(c);
	loop_timer_free(c->turn);
	loop_timer_free(c->tidy);
	client_options_fini(&c->options);
	free(c->piece);
	free(c);
}

void client_enter(struct http_client *c)
{
	c->depth++;
}

void client_leave(struct http_client *c)
{
	if (--c->depth == 0 && c->is_closing)
		loop_timer_set(c->turn, 0); /* connections' own functions are on the stack yet */
}

/* Idle connections that are too many, or idle for too long. */
static void close_idle(struct http_client *c)
{
	int64_t now = loop_now_ms(c->loop);
	for (struct link *l = c->links, *next; l; l = next) {
		next = l->next;
		int64_t kept_ms = c->idle_count > IDLE_MAX ? SPARE_MS : IDLE_MAX_MS;
		if (l->is_idle && now >= l->idle_since_ms + kept_ms)
			link_close(l);
	}
}

static void on_turn(void *ctx)
{
	struct http_client *c = ctx;
	if (c->is_closing) {
		destroy(c);
		return;
	}
	sweep(c);
	client_enter(c);
	for (struct http_call *call = c->first, *next; call && !c->is_closing; call = next) {
		next = call->next;
		if (call->link)
			continue;
		struct link *l = find_link(c, call->timeout_ms == 0);
		if (!l)
			break;
		c->idle_count -= l->is_idle;
		l->is_idle = false;
		l->call = call;
		call->link = l;
		if (conn_is_open(l->conn))
			exchange_begin(call);
		/* Callbacks may have ended any of them. */
		if (call->is_gone || (next && next->is_gone))
			next = c->first;
	}
	if (c->idle_count > IDLE_MAX && !c->tidies_soon) {
		c->tidies_soon = true;
		loop_timer_set(c->tidy, SPARE_MS);
	}
	client_leave(c);
}

static void on_tidy(void *ctx)
{
	struct http_client *c = ctx;
	close_idle(c);
	c->tidies_soon = c->idle_count > IDLE_MAX;
	if (c->idle_count > 0)
		loop_timer_set(c->tidy, c->tidies_soon ? SPARE_MS : IDLE_MAX_MS / 2);
}

/* ---- the transport ---- */

static struct http_call *start(struct http_transport *t, const struct http_request *r,
			       const struct http_events *events, void *ctx)
{
	struct http_client *c = client_of(t);
	assert(!c->is_closing);
	struct http_call *call = xcalloc(1, sizeof *call);
	*call = (struct http_call){ .client = c,
				    .prev = c->last,
				    .events = *events,
				    .ctx = ctx,
				    .idle_ms = r->idle_ms,
				    .timeout_ms = r->timeout_ms,
				    .last_byte_ms = loop_now_ms(c->loop) };
	if (c->last)
		c->last->next = call;
	else
		c->first = call;
	c->last = call;
	exchange_prepare(call, r);
	if (r->timeout_ms > 0) {
		call->timeout = loop_timer_new(c->loop, on_timeout, call);
		loop_timer_set(call->timeout, r->timeout_ms);
	}
	if (r->idle_ms > 0) {
		call->idle = loop_timer_new(c->loop, on_idle, call);
		loop_timer_set(call->idle, r->idle_ms);
	}
	loop_timer_set(c->turn, 0);
	return call;
}

static void cancel(struct http_transport *t, struct http_call *call)
{
	(void)t;
	if (call->is_gone)
		return;
	struct link *l = call->link;
	call->link = NULL;
	if (l)
		link_close(l);
	if (call->timeout)
		loop_timer_stop(call->timeout);
	if (call->idle)
		loop_timer_stop(call->idle);
	if (call->body_ready)
		loop_fd_set(call->body_ready, 0);
	call_unlist(call);
}

static void client_free(struct http_transport *t)
{
	struct http_client *c = client_of(t);
	while (c->first)
		cancel(t, c->first);
	c->is_closing = true;
	if (c->depth == 0)
		destroy(c);
}

static const struct http_transport_ops client_ops = {
	.start = start,
	.cancel = cancel,
	.free = client_free,
};

int http_client_new(struct loop *loop, const struct http_client_options *options,
		    struct http_transport **ret, struct error *err)
{
	struct client_options own;
	int code = client_options_init(&own, options, err);
	if (code < 0)
		return code;
	struct http_client *c = xcalloc(1, sizeof *c);
	*c = (struct http_client){ .base = { &client_ops }, .loop = loop, .options = own };
	c->piece = xrealloc(NULL, PIECE_SIZE, 1);
	c->turn = loop_timer_new(loop, on_turn, c);
	c->tidy = loop_timer_new(loop, on_tidy, c);
	*ret = &c->base;
	return 0;
}
