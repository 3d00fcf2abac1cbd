#include "common/io/http_server.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "common/io/http_server_internal.h"

#define REST_MS 2

/* ---- the daemon on the loop ---- */

void server_turn_soon(struct http_server *s)
{
	if (!s->is_closing && !loop_timer_is_set(s->soon))
		loop_timer_set(s->soon, 0);
}

/*
 * libmicrohttpd wants to be run again at once while there is a connection that it has not seen come
 * to nothing: one more read, or the same question about a brief answer. Where no bytes are left
 * that it could find and no answer is on its way, that can wait for the next one who brings some;
 * what may be left is the end of a peer that said so together with its request. A connection that was
 * suspended is in no epoll set until libmicrohttpd has asked it in vain: that is not put off.
 */
static bool has_more(const struct http_server *s)
{
	const struct server_run *r = &s->run;
	return !s->wires || s->handshakes || r->has_resumed || r->has_body || r->must_rejoin ||
	       s->wires->is_full || r->queued > r->completed || s->wires->pushes > r->completed ||
	       tls_wires_have_pending(s->wires);
}

/* When libmicrohttpd wants to be run again without an event. */
static void schedule(struct http_server *s)
{
	MHD_UNSIGNED_LONG_LONG left_ms;
	bool is_wanted = MHD_get_timeout(s->daemon, &left_ms) == MHD_YES;
	if (is_wanted && left_ms == 0 && s->handshakes) {
		server_pause_handshakes(s);
		is_wanted = MHD_get_timeout(s->daemon, &left_ms) == MHD_YES;
	}
	if (is_wanted && left_ms == 0 && !has_more(s))
		left_ms = REST_MS;
	loop_timer_stop(s->later);
	if (is_wanted && left_ms)
		/* One more than it says: deadlines are compared with "later than". */
		loop_timer_set(s->later, (int64_t)MIN(left_ms, 3600000) + 1);
	/* What was resumed meanwhile MHD_get_timeout does not tell. */
	if (s->is_dirty || (is_wanted && !left_ms))
		server_turn_soon(s);
}

static void run_daemon(void *server)
{
	struct http_server *s = server;
	s->is_in_run = true;
	s->run.has_resumed = s->is_dirty;
	s->is_dirty = false;
	if (s->wires)
		s->wires->now_ms = loop_now_ms(s->loop);
	loop_timer_stop(s->soon);
	MHD_run(s->daemon);
	s->is_in_run = false;
	server_streams_launch(s);
	schedule(s);
	s->run = (struct server_run){ 0 };
	if (s->wires) {
		s->wires->is_full = false;
		s->wires->pushes = 0;
	}
}

static void daemon_ready(void *ctx, unsigned events)
{
	(void)events;
	run_daemon(ctx);
}

void server_resume(struct server_exchange *x)
{
	struct http_server *s = x->connection->server;
	x->is_suspended = false;
	x->connection->wire.moved_ms = loop_now_ms(s->loop);
	MHD_resume_connection(x->connection->mhd);
	s->is_dirty = true;
	if (!s->is_in_run)
		server_turn_soon(s);
}

void server_suspend(struct server_exchange *x)
{
	x->is_suspended = x->was_suspended = true;
	MHD_suspend_connection(x->connection->mhd);
	if (x->state != EXCHANGE_TAKEN)
		server_watch_hangup(x->connection);
}

static const struct tls_identity *identity_of(void *mhd)
{
	const struct server_connection *c =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
	return c ? c->server->identity : NULL;
}

/* ---- life ---- */

/* Nothing is decoded: paths and queries go out as they were sent. */
static size_t keep_escapes(void *cls, struct MHD_Connection *mhd, char *text)
{
	(void)cls;
	(void)mhd;
	return strlen(text);
}

static void no_log(void *cls, const char *format, va_list args)
{
	(void)cls; /* what peers do wrong is no news; our own errors come back as values */
	(void)format;
	(void)args;
}

static struct MHD_Daemon *start_daemon(struct http_server *s, int fd)
{
	const struct http_server_options *o = &s->options;
	unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
	struct MHD_OptionItem tls[] = {
		{ MHD_OPTION_HTTPS_CERT_CALLBACK, 0, (void *)tls_identity_callback(identity_of) },
		{ MHD_OPTION_HTTPS_PRIORITIES, 0,
		  (void *)"NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:%SERVER_PRECEDENCE" },
		{ s->client_ca_pem ? MHD_OPTION_HTTPS_MEM_TRUST : MHD_OPTION_END, 0,
		  s->client_ca_pem },
		{ MHD_OPTION_END, 0, NULL },
	};
	struct MHD_OptionItem none[] = { { MHD_OPTION_END, 0, NULL } };
	if (s->identity)
		flags |= MHD_USE_TLS;
	return MHD_start_daemon(
		flags, 0, server_may_connect, s, server_access, s, MHD_OPTION_EXTERNAL_LOGGER,
		no_log, NULL, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_URI_LOG_CALLBACK, server_uri,
		s, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_NOTIFY_COMPLETED,
		server_completed, s, MHD_OPTION_NOTIFY_CONNECTION, server_connection_changed, s,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)o->connections_max,
		MHD_OPTION_CONNECTION_TIMEOUT, s->identity ? 0 : o->idle_timeout_s,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)SERVER_CONNECTION_MEMORY,
		MHD_OPTION_ARRAY, s->identity ? tls : none, MHD_OPTION_END);
}

/* Behind TLS libmicrohttpd corks the socket and pushes what it holds around each small answer, two
 * calls of the kernel, where our wire has made one packet of it already. It leaves alone what comes
 * from a unix socket: so it is started on one, and then its descriptor becomes the real one. */
static struct MHD_Daemon *start_quietly(struct http_server *s, int fd)
{
	int stand_in = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct MHD_Daemon *d = stand_in < 0 ? NULL : start_daemon(s, stand_in);
	if (!d) {
		if (stand_in >= 0)
			close(stand_in);
		return NULL;
	}
	struct epoll_event accepts = { .events = EPOLLIN, .data = { .ptr = d } };
	int epoll = MHD_get_daemon_info(d, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
	if (dup3(fd, stand_in, O_CLOEXEC) < 0 ||
	    epoll_ctl(epoll, EPOLL_CTL_ADD, stand_in, &accepts) < 0) {
		MHD_stop_daemon(d);
		return NULL;
	}
	close(fd);
	return d;
}

static int start(struct http_server *s, struct error *err)
{
	int fd = server_listen(s, err);
	if (fd < 0)
		return fd;
	s->daemon = s->identity ? start_quietly(s, fd) : start_daemon(s, fd);
	if (!s->daemon) {
		close(fd);
		return error_set(err, ERR_INVALID, "the HTTP server did not start (client CA?)");
	}
	int epoll = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
	s->ready = loop_fd_new(s->loop, epoll, daemon_ready, s);
	s->hangups = loop_fd_new(s->loop, s->hangup_epoll, server_hangups_ready, s);
	loop_fd_set(s->ready, LOOP_READ);
	loop_fd_set(s->hangups, LOOP_READ);
	server_turn_soon(s); /* the listening socket enters the epoll set when it first runs */
	return 0;
}

static void set_defaults(struct http_server_options *o)
{
	o->body_max = o->body_max ? o->body_max : SERVER_BODY_MAX;
	o->connections_max = o->connections_max ? o->connections_max : SERVER_CONNECTIONS_MAX;
	o->idle_timeout_s = o->idle_timeout_s ? o->idle_timeout_s : SERVER_IDLE_TIMEOUT_S;
	o->head_timeout_ms = o->head_timeout_ms ? o->head_timeout_ms : SERVER_HEAD_MS;
	o->body_timeout_ms = o->body_timeout_ms ? o->body_timeout_ms : SERVER_BODY_MS;
}

int http_server_new(struct loop *loop, const struct http_server_options *options,
		    struct http_server **ret, struct error *err)
{
	struct http_server *s = xcalloc(1, sizeof *s);
	*s = (struct http_server){ .loop = loop, .options = *options };
	set_defaults(&s->options);
	s->hangup_epoll = epoll_create1(EPOLL_CLOEXEC);
	assert(s->hangup_epoll >= 0);
	s->later = loop_timer_new(loop, run_daemon, s);
	s->soon = loop_timer_new(loop, run_daemon, s);
	s->deadlines = loop_timer_new(loop, server_check_deadlines, s);
	s->handshake_check = loop_timer_new(loop, server_check_handshakes, s);
	s->wake = loop_wake_new(loop, server_streams_reap, s);
	s->unix_socket = options->unix_socket ? xstrdup(options->unix_socket) : NULL;
	s->client_ca_pem = options->client_ca_pem ? xstrdup(options->client_ca_pem) : NULL;
	int code = 0;
	if (options->cert_pem)
		s->wires = xcalloc(1, sizeof *s->wires);
	if (options->cert_pem)
		code = tls_identity_new(options->cert_pem, options->key_pem, &s->identity, err);
	if (code == 0)
		code = start(s, err);
	if (code < 0) {
		http_server_free(s);
		return code;
	}
	*ret = s;
	return 0;
}

int http_server_set_certificate(struct http_server *s, const char *cert_pem, const char *key_pem,
				struct error *err)
{
	struct tls_identity *fresh;
	int code = tls_identity_new(cert_pem, key_pem, &fresh, err);
	if (code < 0)
		return code;
	/* The old one stays: a handshake in the middle may still sign with it. */
	s->retired = xrealloc(s->retired, s->retired_count + 1, sizeof(struct tls_identity *));
	s->retired[s->retired_count++] = s->identity;
	s->identity = fresh;
	return 0;
}

uint16_t http_server_port(const struct http_server *s)
{
	return s->port;
}

void http_server_counts(const struct http_server *s, struct http_server_counts *ret)
{
	*ret = s->counts;
	ret->streams_now = s->streams_count;
}

/* libmicrohttpd must not be stopped while connections are suspended: wake them to end. */
static void end_connections(struct http_server *s)
{
	server_streams_stop(s);
	for (struct server_connection *c = s->connections, *next; c; c = next) {
		next = c->next;
		struct server_exchange *x = c->exchange;
		if (c->is_handshake_paused)
			MHD_resume_connection(c->mhd);
		if (!x)
			continue;
		if (x->state != EXCHANGE_TAKEN)
			server_peer_left(x); /* may be answered from inside: fine */
		x->must_close = true;
		if (x->is_suspended)
			server_resume(x);
	}
	MHD_run(s->daemon);
	MHD_stop_daemon(s->daemon); /* closes the listening socket */
	s->daemon = NULL;
}

void http_server_free(struct http_server *s)
{
	if (!s)
		return;
	assert(!s->is_in_run);
	s->is_closing = true;
	loop_fd_free(s->ready);
	loop_fd_free(s->hangups);
	if (s->daemon)
		end_connections(s);
	loop_timer_free(s->later);
	loop_timer_free(s->handshake_check);
	loop_timer_free(s->deadlines);
	map_fini(&s->clients);
	loop_timer_free(s->soon);
	loop_wake_free(s->wake);
	close(s->hangup_epoll);
	server_spare_free(s);
	free(s->wires);
	if (s->unix_socket)
		unlink(s->unix_socket);
	tls_identity_free(s->identity);
	for (size_t i = 0; i < s->retired_count; i++)
		tls_identity_free(s->retired[i]);
	free(s->retired);
	free(s->unix_socket);
	free(s->client_ca_pem);
	free(s);
}
