/*
 * What one client may take of the server: connections, and time. libmicrohttpd's own time-out
 * counts from the last byte, so that a byte now and then holds a connection for ever.
 */
#include "common/io/http_server_internal.h"

#include <arpa/inet.h>
#include <sys/socket.h>

/* ---- connections ---- */

static bool address_text(const struct sockaddr *from, char text[INET6_ADDRSTRLEN])
{
	if (!from)
		return false;
	const void *at = from->sa_family == AF_INET
				 ? (const void *)&((const struct sockaddr_in *)from)->sin_addr
			 : from->sa_family == AF_INET6
				 ? (const void *)&((const struct sockaddr_in6 *)from)->sin6_addr
				 : NULL;
	return at && inet_ntop(from->sa_family, at, text, INET6_ADDRSTRLEN);
}

static size_t connections_of(const struct http_server *s, const char *client)
{
	return (uintptr_t)map_get(&s->clients, client);
}

enum MHD_Result server_may_connect(void *server, const struct sockaddr *from, socklen_t len)
{
	struct http_server *s = server;
	char client[INET6_ADDRSTRLEN];
	size_t max = s->options.connections_per_client_max;
	(void)len;
	if (!max || !address_text(from, client) || connections_of(s, client) < max)
		return MHD_YES;
	s->counts.refused_total++;
	return MHD_NO;
}

static void count(struct http_server *s, const char *client, int by)
{
	size_t n = connections_of(s, client) + (size_t)by;
	if (n)
		(void)map_put(&s->clients, client, (void *)(uintptr_t)n);
	else
		(void)map_remove(&s->clients, client);
}

static int64_t period_ms(const struct http_server *s)
{
	int64_t shortest = MIN(s->options.head_timeout_ms, s->options.body_timeout_ms);
	return MIN(MAX(shortest / 4, 1), SERVER_DEADLINES_MS);
}

void server_limits_opened(struct server_connection *c)
{
	char client[INET6_ADDRSTRLEN];
	struct http_server *s = c->server;
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	if (info && address_text(info->client_addr, client)) {
		c->client = xstrdup(client);
		count(s, client, 1);
	}
	c->free_since_ms = c->opened_ms;
	if (!loop_timer_is_set(s->deadlines))
		loop_timer_set(s->deadlines, period_ms(s));
}

void server_limits_closed(struct server_connection *c)
{
	if (c->client)
		count(c->server, c->client, -1);
	free(c->client);
	c->client = NULL;
}

/* ---- time ----
 * libmicrohttpd keeps its connections in the order of their last byte: at each byte a clock, a lock
 * and the memory of three connections. Behind TLS our wire knows when the last byte was, so it is
 * not asked to. */

/* The peer owes the next move. */
static bool is_silent(const struct server_connection *c, int64_t now_ms)
{
	return c->session && now_ms - MAX(c->wire.moved_ms, c->opened_ms) >
				     (int64_t)c->server->options.idle_timeout_s * 1000;
}

static bool is_late(const struct server_connection *c, int64_t now_ms)
{
	const struct http_server_options *o = &c->server->options;
	const struct server_exchange *x = c->exchange;
	if (!x)
		return is_silent(c, now_ms) ||
		       now_ms - c->free_since_ms > o->idle_timeout_s * 1000 + o->head_timeout_ms;
	switch (x->state) {
	case EXCHANGE_HEAD:
		return now_ms - x->begun_ms > o->head_timeout_ms;
	case EXCHANGE_BODY:
		return x->is_body_streamed ? !x->is_suspended && is_silent(c, now_ms)
					   : now_ms - x->begun_ms > o->body_timeout_ms;
	case EXCHANGE_ANSWERED: /* suspended: a stream that has nothing to say */
		return !x->is_suspended && is_silent(c, now_ms);
	case EXCHANGE_WAITING: /* our own time */
	case EXCHANGE_TAKEN:
	case EXCHANGE_STATE_COUNT:
		break;
	}
	return false;
}

void server_check_deadlines(void *server)
{
	struct http_server *s = server;
	int64_t now_ms = loop_now_ms(s->loop);
	for (struct server_connection *c = s->connections; c; c = c->next) {
		if (!c->mhd || c->is_cut || c->is_handshake_paused || !is_late(c, now_ms))
			continue;
		c->is_cut = true;
		s->counts.timed_out_total++;
		shutdown(c->fd, SHUT_RDWR); /* libmicrohttpd sees it and closes */
	}
	if (s->connections)
		loop_timer_set(s->deadlines, period_ms(s));
}
