#include "common/io/http_server_internal.h"
#include "common/io/http_target.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <strings.h>
#include <sys/socket.h>

/* What follows a refused or early answered body is read and dropped up to here, so that the
 * client sees the answer; beyond, the connection is cut. */
#define DISCARD_MAX (1u << 30)

/* Most of what is asked for is not there, and no name begins like it. */
static bool may_have(const struct server_exchange *x, const char *name)
{
	return x->connection->mhd && !x->is_mhd_over && (x->initials & server_initial(name)) != 0;
}

static const char *find_header(struct http_exchange *base, const char *name)
{
	struct server_exchange *x = exchange_of(base);
	if (!may_have(x, name))
		return NULL;
	return MHD_lookup_connection_value(x->connection->mhd, MHD_HEADER_KIND, name);
}

struct gathered {
	const char *name;
	const char **values;
	size_t count, max;
};

static enum MHD_Result gather(void *ctx, enum MHD_ValueKind kind, const char *name,
			      const char *value)
{
	struct gathered *g = ctx;
	(void)kind;
	if (value && g->count < g->max && strcasecmp(name, g->name) == 0)
		g->values[g->count++] = value;
	return MHD_YES;
}

static size_t find_header_values(struct http_exchange *base, const char *name,
				 const char **ret_values, size_t max)
{
	struct server_exchange *x = exchange_of(base);
	struct gathered g = { .name = name, .values = ret_values, .max = max };
	if (!may_have(x, name))
		return 0;
	(void)MHD_get_connection_values(x->connection->mhd, MHD_HEADER_KIND, gather, &g);
	return g.count;
}

struct visiting {
	const char *prefix;
	http_visit *visit;
	void *ctx;
};

static enum MHD_Result visit_like(void *ctx, enum MHD_ValueKind kind, const char *name,
				  const char *value)
{
	const struct visiting *v = ctx;
	(void)kind;
	if (value && strncasecmp(name, v->prefix, strlen(v->prefix)) == 0)
		v->visit(v->ctx, name, value);
	return MHD_YES;
}

static void find_headers_like(struct http_exchange *base, const char *prefix, http_visit *visit,
			      void *ctx)
{
	struct server_exchange *x = exchange_of(base);
	struct visiting v = { prefix, visit, ctx };
	if (*prefix ? may_have(x, prefix) : x->connection->mhd && !x->is_mhd_over)
		(void)MHD_get_connection_values(x->connection->mhd, MHD_HEADER_KIND, visit_like,
						&v);
}

const struct http_exchange_ops server_exchange_ops = {
	.header = find_header,
	.header_values = find_header_values,
	.headers_like = find_headers_like,
	.reply = server_reply,
	.stream = server_stream,
	.wake = server_wake,
};

void server_exchange_unref(struct server_exchange *x)
{
	if (--x->refs > 0)
		return;
	struct http_server *s = x->connection->server;
	server_connection_unref(x->connection);
	str_fini(&x->body);
	if (x->uri != x->uri_room)
		free(x->uri);
	if (!s || s->spare_count >= SERVER_SPARE_MAX) {
		free(x);
		return;
	}
	x->next_spare = s->spare;
	s->spare = x;
	s->spare_count++;
}

void server_spare_free(struct http_server *s)
{
	while (s->spare) {
		struct server_exchange *x = s->spare;
		s->spare = x->next_spare;
		free(x);
	}
}

static struct server_exchange *exchange_new(struct http_server *s, const char *uri)
{
	struct server_exchange *x = s->spare;
	if (x) {
		s->spare = x->next_spare;
		s->spare_count--;
		memset(x, 0, offsetof(struct server_exchange, uri_room));
	} else {
		x = xcalloc(1, sizeof *x);
	}
	size_t n = strlen(uri) + 1;
	x->uri = n <= sizeof x->uri_room ? x->uri_room : xcalloc(n, 1);
	memcpy(x->uri, uri, n);
	return x;
}

static struct server_connection *connection_of(struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	return info->socket_context;
}

/* The request line as it was sent, before libmicrohttpd decodes it. */
void *server_uri(void *cls, const char *uri, struct MHD_Connection *mhd)
{
	struct http_server *s = cls;
	struct server_connection *c = connection_of(mhd);
	struct server_exchange *x = exchange_new(s, uri);
	x->refs = 1;
	x->begun_ms = loop_now_ms(s->loop);
	x->connection = c;
	c->refs++;
	c->exchange = x;
	c->had_request = true;
	server_handshake_over(c);
	str_init(&x->body, s->options.body_max);
	x->base.ops = &server_exchange_ops;
	x->target_problem = http_target_split(x->uri, &x->base.path, &x->base.query);
	x->may_be_taken =
		s->options.may_take_over && s->options.may_take_over(s->options.ctx, x->base.path);
	/* For libmicrohttpd what follows is a body of unknown length: so it gives us the bytes that
	 * it has read together with the head, which it would take for the next request. Set before
	 * the client's headers are read, this one counts. */
	if (x->may_be_taken)
		(void)MHD_set_connection_value(mhd, MHD_HEADER_KIND, "Transfer-Encoding", "stream");
	return x;
}

/* ---- who it is ---- */

static void write_address(struct server_connection *c)
{
	struct sockaddr_storage at;
	socklen_t len = sizeof at;
	char ip[INET6_ADDRSTRLEN] = "";
	int n = -1;
	if (getpeername(c->fd, (struct sockaddr *)&at, &len) == 0 && at.ss_family == AF_INET) {
		const struct sockaddr_in *v4 = (const struct sockaddr_in *)&at;
		inet_ntop(AF_INET, &v4->sin_addr, ip, sizeof ip);
		n = snprintf(c->address, sizeof c->address, "%s:%u", ip, ntohs(v4->sin_port));
	} else if (at.ss_family == AF_INET6) {
		const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&at;
		inet_ntop(AF_INET6, &v6->sin6_addr, ip, sizeof ip);
		n = snprintf(c->address, sizeof c->address, "[%s]:%u", ip, ntohs(v6->sin6_port));
	}
	if (n < 0)
		memcpy(c->address, "unix", sizeof "unix");
}

static void set_peer(struct server_exchange *x)
{
	struct server_connection *c = x->connection;
	if (!c->is_peer_known) {
		c->is_peer_known = true;
		write_address(c);
		if (c->session && c->server->client_ca_pem)
			tls_session_peer(c->session, &c->peer);
	}
	struct http_peer *p = &x->base.peer;
	p->address = c->address;
	x->base.memo = &c->memo;
	p->cert_cn = c->peer.common_name;
	p->cert_until_s = c->peer.until_s;
	p->has_bad_cert = c->peer.is_refused;
	for (size_t i = 0; i < c->peer.orgs_count && i < HTTP_PEER_ORGS_MAX; i++)
		p->cert_orgs[p->cert_orgs_count++] = c->peer.orgs[i];
}

/* ---- the head ---- */

static void hand_over(struct server_exchange *x)
{
	struct http_server *s = x->connection->server;
	x->is_handed = true;
	x->refs++;
	s->options.handle(s->options.ctx, &x->base);
}

static void refuse_size(struct server_exchange *x)
{
	x->is_handed = true;
	x->refs++;
	auto_free char *why = xasprintf("Request entity too large: limit is %zu",
					x->connection->server->options.body_max);
	server_reply_status(x, 413, "RequestEntityTooLarge", why, false);
}

static bool declares_too_much(struct server_exchange *x)
{
	const char *length = find_header(&x->base, "Content-Length");
	return length && strtoull(length, NULL, 10) > x->connection->server->options.body_max;
}

/* Handed over before what follows: an answer ends the connection, a takeover gets the bytes. */
static enum MHD_Result offer(struct server_exchange *x)
{
	x->state = EXCHANGE_WAITING;
	x->base.body = "";
	hand_over(x);
	if (x->response)
		return server_queue(x);
	if (x->state == EXCHANGE_TAKEN)
		x->has_passed = true;
	else
		server_suspend(x);
	return MHD_YES;
}

/* Asked again after the offer. */
static enum MHD_Result pass_on(struct server_exchange *x, const char *bytes, size_t *size)
{
	if (x->state == EXCHANGE_WAITING) { /* resumed for nothing: the peer moved */
		server_suspend(x);
		return MHD_YES;
	}
	x->has_passed = true;
	str_add_bytes(&x->body, bytes, *size); /* of one read buffer: far from its limit */
	*size = 0;
	return MHD_YES;
}

/* libmicrohttpd's text ends with its request. */
static const char *lasting_method(struct server_exchange *x, const char *method)
{
	static const char *const known[] = { "GET",    "HEAD",    "POST",  "PUT",    "PATCH",
					     "DELETE", "OPTIONS", "TRACE", "CONNECT" };
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (streq(known[i], method))
			return known[i];
	size_t n = strnlen(method, sizeof x->method - 1);
	memcpy(x->method, method, n);
	return x->method;
}

/* Its connection is closed: what follows is not looked at. */
static enum MHD_Result refuse_head(struct server_exchange *x, const char *problem)
{
	x->is_handed = true;
	x->refs++;
	server_reply_status(x, 400, "BadRequest", problem, true);
	return server_queue(x);
}

static enum MHD_Result take_head(struct server_exchange *x, const char *method, const char *version)
{
	struct http_server *s = x->connection->server;
	s->counts.requests_total++;
	x->base.method = lasting_method(x, method);
	x->state = EXCHANGE_BODY;
	set_peer(x);
	x->initials = UINT32_MAX;
	const char *problem =
		x->may_be_taken ? server_host_problem(x->connection->mhd, version)
				: server_framing_problem(x->connection->mhd, version, &x->initials);
	if (problem || x->target_problem)
		return refuse_head(x, problem ? problem : x->target_problem);
	if (x->may_be_taken)
		return offer(x); /* what follows is never taken for a request */
	if (s->options.wants_stream &&
	    s->options.wants_stream(s->options.ctx, x->base.method, x->base.path)) {
		x->is_body_streamed = true;
		hand_over(x);
		/* An answer now would close the connection under the client's upload; it is
		 * queued when the body is through. Only who waits for "100" hears at once. */
		if (x->response && find_header(&x->base, "Expect"))
			return server_queue(x);
		return MHD_YES;
	}
	x->is_too_large = declares_too_much(x);
	if (x->is_too_large && find_header(&x->base, "Expect")) {
		refuse_size(x);
		return server_queue(x);
	}
	return MHD_YES;
}

/* ---- the body ---- */

static enum MHD_Result discard(struct server_exchange *x, size_t *size)
{
	x->discarded += *size;
	*size = 0;
	return x->discarded > DISCARD_MAX ? MHD_NO : MHD_YES;
}

static enum MHD_Result take_streamed(struct server_exchange *x, const char *bytes, size_t *size)
{
	if (x->is_answered || x->is_body_ended)
		return discard(x, size);
	if (!x->sink.piece || x->is_paused) { /* http_body_consume or _resume goes on */
		server_suspend(x);
		return MHD_YES;
	}
	size_t n = *size;
	*size = 0;
	x->is_paused = !x->sink.piece(x->sink_ctx, bytes, n);
	return MHD_YES;
}

static enum MHD_Result take_body(struct server_exchange *x, const char *bytes, size_t *size)
{
	x->connection->server->counts.bytes_in += *size;
	if (x->is_body_streamed)
		return take_streamed(x, bytes, size);
	if (!x->is_too_large)
		str_add_bytes(&x->body, bytes, *size);
	x->is_too_large |= !str_ok(&x->body);
	if (x->is_too_large)
		return discard(x, size);
	*size = 0;
	return MHD_YES;
}

static void end_body(struct server_exchange *x, bool is_complete)
{
	if (!x->is_body_streamed || x->is_body_ended || x->is_answered)
		return;
	if (!x->sink.end)
		return; /* not consumed yet: http_body_consume() tells */
	x->is_body_ended = true;
	x->sink.end(x->sink_ctx, is_complete);
}

/* A brief wait: libmicrohttpd will ask again in each of its runs. */
static bool stays(struct server_exchange *x)
{
	struct http_server *s = x->connection->server;
	if (x->state != EXCHANGE_WAITING || !x->base.is_brief || !s->wires ||
	    x->stays++ >= SERVER_STAYS_MAX) {
		x->is_staying = false;
		return false;
	}
	x->is_staying = true;
	return true;
}

/* Everything is there, or we come back because an answer is. */
static enum MHD_Result complete(struct server_exchange *x)
{
	if (x->state == EXCHANGE_BODY) {
		x->state = EXCHANGE_WAITING;
		if (x->is_body_streamed) {
			end_body(x, true);
		} else if (x->is_too_large) {
			refuse_size(x);
		} else {
			x->base.body = x->body.data;
			x->base.body_len = x->body.len;
			hand_over(x);
		}
	}
	if (x->response)
		return server_queue(x);
	if (stays(x))
		return MHD_YES;
	server_suspend(x); /* until the answer, or until the stream that took it over ends */
	return MHD_YES;
}

enum MHD_Result server_access(void *cls, struct MHD_Connection *mhd, const char *url,
			      const char *method, const char *version, const char *upload,
			      size_t *upload_size, void **request)
{
	struct server_exchange *x = *request;
	enum MHD_Result result;
	(void)cls;
	(void)mhd;
	(void)url; /* x has it undecoded */
	if (!x || x->must_close)
		return MHD_NO;
	x->is_in_callback = true;
	if (x->state == EXCHANGE_HEAD)
		result = take_head(x, method, version);
	else if (x->may_be_taken)
		result = pass_on(x, upload, upload_size);
	else if (*upload_size) {
		x->connection->server->run.has_body = true;
		result = take_body(x, upload, upload_size);
	} else
		result = complete(x);
	x->is_in_callback = false;
	return result;
}

/* ---- the end ---- */

/* The peer left, and the handler still owes an answer. */
static void tell_gone(struct server_exchange *x)
{
	if (!x->is_handed || x->is_answered || x->is_hung)
		return;
	x->is_hung = true;
	if (x->base.gone)
		x->base.gone(&x->base);
}

void server_peer_left(struct server_exchange *x)
{
	if (x->state == EXCHANGE_WAITING) {
		tell_gone(x); /* the connection stays until the answer: headers are borrowed */
		return;
	}
	x->is_hung = x->is_hung || x->state == EXCHANGE_ANSWERED;
	if (x->is_suspended && x->state != EXCHANGE_TAKEN)
		server_resume(x); /* libmicrohttpd sees for itself */
}

/* libmicrohttpd 0.9.75 on epoll forgets a connection that it closed because a content reader
 * failed, until its idle time is over. Those with a time-out of their own it always looks at. */
static void let_it_notice(struct http_server *s, struct MHD_Connection *mhd)
{
	if (s->is_closing)
		return;
	(void)MHD_set_connection_option(mhd, MHD_CONNECTION_OPTION_TIMEOUT, 1u);
	s->is_dirty = true;
	if (!s->is_in_run)
		server_turn_soon(s);
}

void server_completed(void *cls, struct MHD_Connection *mhd, void **request,
		      enum MHD_RequestTerminationCode code)
{
	struct server_exchange *x = *request;
	if (code != MHD_REQUEST_TERMINATED_COMPLETED_OK)
		let_it_notice(cls, mhd);
	if (!x)
		return;
	*request = NULL;
	((struct http_server *)cls)->run.completed += code == MHD_REQUEST_TERMINATED_COMPLETED_OK;
	((struct http_server *)cls)->run.must_rejoin |= x->was_suspended;
	x->is_staying = false;
	if (x->connection->session)
		tls_wire_let_go(&x->connection->wire);
	x->is_mhd_over = true;
	x->connection->exchange = NULL;
	x->connection->free_since_ms = loop_now_ms(((struct http_server *)cls)->loop);
	end_body(x, false);
	tell_gone(x);
	if (x->response) { /* never queued */
		struct MHD_Response *r = TAKE(x->response);
		MHD_destroy_response(r);
	}
	server_exchange_unref(x);
}

void http_body_consume(struct http_exchange *base, const struct http_body_sink *sink, void *ctx)
{
	struct server_exchange *x = exchange_of(base);
	x->sink = *sink;
	x->sink_ctx = ctx;
	if (x->is_mhd_over || x->state == EXCHANGE_WAITING)
		end_body(x, !x->is_mhd_over);
	else if (x->is_suspended)
		server_resume(x);
}

void http_body_resume(struct http_exchange *base)
{
	struct server_exchange *x = exchange_of(base);
	x->is_paused = false;
	if (x->state == EXCHANGE_BODY && x->is_suspended && !x->is_in_callback)
		server_resume(x);
}
