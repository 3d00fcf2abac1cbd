/* Accepted connections: their handshakes, and peers that leave while nobody looks. */
#include "common/io/http_server_internal.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#define EVENTS_MAX 4 /* a turn: a step of a handshake takes up to a millisecond */

/* ---- watching what libmicrohttpd does not see ---- */

/* A suspended connection is out of libmicrohttpd's sight. */
static void watch(struct server_connection *c, enum connection_watch what)
{
	struct epoll_event e = { .events = what == WATCH_HANGUP
						   ? EPOLLRDHUP | EPOLLET
						   : EPOLLIN | EPOLLRDHUP | EPOLLONESHOT,
				 .data = { .ptr = c } };
	int how = c->watch == WATCH_NONE ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
	if (epoll_ctl(c->server->hangup_epoll, how, c->fd, &e) == 0)
		c->watch = what;
}

void server_watch_hangup(struct server_connection *c)
{
	/* Once is enough, but an edge that has passed is asked for again. */
	if (c->watch != WATCH_HANGUP || c->has_hung_up)
		watch(c, WATCH_HANGUP);
}

static void resume_handshake(struct server_connection *c)
{
	c->is_handshake_paused = false;
	MHD_resume_connection(c->mhd);
	c->server->is_dirty = true;
	server_turn_soon(c->server);
}

void server_hangups_ready(void *server, unsigned events)
{
	struct http_server *s = server;
	struct epoll_event got[EVENTS_MAX];
	(void)events;
	int n = epoll_wait(s->hangup_epoll, got, EVENTS_MAX, 0);
	for (int i = 0; i < n; i++)
		((struct server_connection *)got[i].data.ptr)->refs++;
	for (int i = 0; i < n; i++) {
		struct server_connection *c = got[i].data.ptr;
		c->has_hung_up |= (got[i].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
		if (c->mhd && c->is_handshake_paused)
			resume_handshake(c);
		else if (c->mhd && c->exchange && c->exchange->is_suspended && c->has_hung_up)
			server_peer_left(c->exchange);
		server_connection_unref(c);
	}
}

/* ---- handshakes ---- */

void server_handshake_over(struct server_connection *c)
{
	if (!c->handshake_link)
		return;
	if (c->next_handshake)
		c->next_handshake->handshake_link = c->handshake_link;
	*c->handshake_link = c->next_handshake;
	c->handshake_link = NULL;
}

/*
 * libmicrohttpd 0.9.75 on epoll keeps a connection whose handshake waits for the peer marked as
 * readable, and wants to be run again at once, for ever. So we suspend it until it is readable.
 */
void server_pause_handshakes(struct http_server *s)
{
	for (struct server_connection *c = s->handshakes, *next; c; c = next) {
		next = c->next_handshake;
		if (tls_session_is_established(c->session)) {
			server_handshake_over(c);
		} else if (!c->is_handshake_paused && !tls_wire_has_pending(&c->wire)) {
			c->is_handshake_paused = true;
			MHD_suspend_connection(c->mhd);
			watch(c, WATCH_HANDSHAKE);
		}
	}
	if (s->handshakes && !loop_timer_is_set(s->handshake_check))
		loop_timer_set(s->handshake_check, MAX(s->options.head_timeout_ms / 10, 1));
}

/* libmicrohttpd does not count the time of suspended connections. */
void server_check_handshakes(void *server)
{
	struct http_server *s = server;
	int64_t now_ms = loop_now_ms(s->loop);
	for (struct server_connection *c = s->handshakes; c; c = c->next_handshake)
		if (c->is_handshake_paused && now_ms - c->opened_ms > s->options.head_timeout_ms) {
			s->counts.timed_out_total++;
			shutdown(c->fd, SHUT_RDWR);
			resume_handshake(c);
		}
	if (s->handshakes)
		loop_timer_set(s->handshake_check, MAX(s->options.head_timeout_ms / 10, 1));
}

/* ---- opened and closed ---- */

void server_connection_unref(struct server_connection *c)
{
	if (--c->refs > 0)
		return;
	tls_peer_fini(&c->peer);
	free(c);
}

static void opened(struct http_server *s, struct MHD_Connection *mhd, void **context)
{
	struct server_connection *c = xcalloc(1, sizeof *c);
	*c = (struct server_connection){ .server = s,
					 .refs = 1,
					 .mhd = mhd,
					 .next = s->connections,
					 .link = &s->connections,
					 .opened_ms = loop_now_ms(s->loop) };
	if (c->next)
		c->next->link = &c->next;
	s->connections = c;
	*context = c;
	s->counts.connections_now++;
	server_limits_opened(c);
	c->fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	if (!s->identity)
		return;
	c->session = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION)->tls_session;
	tls_wire_attach(&c->wire, s->wires, c->session, c->fd);
	c->next_handshake = s->handshakes;
	c->handshake_link = &s->handshakes;
	if (c->next_handshake)
		c->next_handshake->handshake_link = &c->next_handshake;
	s->handshakes = c;
}

static void closed(struct http_server *s, struct server_connection *c)
{
	s->counts.connections_now--;
	if (c->session && !c->had_request && !tls_session_is_established(c->session))
		s->counts.handshakes_failed_total++;
	server_handshake_over(c);
	server_limits_closed(c);
	if (c->watch != WATCH_NONE)
		epoll_ctl(s->hangup_epoll, EPOLL_CTL_DEL, c->fd, NULL);
	if (c->next)
		c->next->link = c->link;
	*c->link = c->next;
	if (c->session)
		tls_wire_fini(&c->wire);
	if (c->memo.release)
		c->memo.release(c->memo.value);
	c->memo = (struct http_memo){ 0 };
	c->mhd = NULL;
	c->server = NULL;
	c->session = NULL;
	server_connection_unref(c);
}

void server_connection_changed(void *cls, struct MHD_Connection *mhd, void **context,
			       enum MHD_ConnectionNotificationCode code)
{
	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		opened(cls, mhd, context);
	else if (*context)
		closed(cls, *context);
}
