#include "common/io/http_server_internal.h"

#include <stdio.h>

/* Unknown lengths are sent as chunks from the connection's own memory; this buffer serves
 * HTTP/1.0 clients alone. */
#define BLOCK_SIZE 4096

static void add_headers(struct MHD_Response *r, const struct http_header *headers, size_t n)
{
	for (size_t i = 0; i < n; i++)
		(void)MHD_add_response_header(r, headers[i].name, headers[i].value);
}

enum MHD_Result server_queue(struct server_exchange *x)
{
	struct MHD_Response *r = TAKE(x->response);
	if (x->has_body && x->connection->session && !streq(x->base.method, "HEAD") &&
	    x->status != 204 && x->status != 304)
		tls_wire_hold(&x->connection->wire);
	enum MHD_Result result = MHD_queue_response(x->connection->mhd, (unsigned)x->status, r);
	x->state = EXCHANGE_ANSWERED;
	x->connection->server->run.queued++;
	x->connection->wire.moved_ms = loop_now_ms(x->connection->server->loop);
	MHD_destroy_response(r); /* the connection holds it */
	return result;
}

static void queue_staying(struct server_exchange *x)
{
	x->is_staying = false;
	x->must_close |= server_queue(x) == MHD_NO;
	server_turn_soon(x->connection->server);
}

/* The answer is there: now, or when libmicrohttpd comes by. */
static void answer(struct server_exchange *x, int status, struct MHD_Response *r)
{
	assert(!x->is_answered);
	x->is_answered = true;
	if (x->is_mhd_over) { /* nobody listens any more */
		x->state = EXCHANGE_ANSWERED;
		MHD_destroy_response(r);
		return;
	}
	x->response = r;
	x->status = status;
	if (x->is_staying && !x->is_in_callback) {
		queue_staying(x);
		return;
	}
	if (x->is_in_callback || !x->is_suspended)
		return; /* server_access() queues it on its way out, or when the body is through */
	if (x->state == EXCHANGE_WAITING && server_queue(x) == MHD_NO)
		x->must_close = true;
	server_resume(x);
}

void server_reply(struct http_exchange *base, int status, const struct http_header *headers,
		  size_t headers_count, const void *body, size_t body_len,
		  void (*release)(void *ctx), void *release_ctx)
{
	struct server_exchange *x = exchange_of(base);
	struct MHD_Response *r;
	x->has_body = body_len > 0;
	if (release)
		r = MHD_create_response_from_buffer_with_free_callback_cls(body_len, (void *)body,
									   release, release_ctx);
	else
		r = MHD_create_response_from_buffer(body_len, (void *)body, MHD_RESPMEM_MUST_COPY);
	assert(r);
	add_headers(r, headers, headers_count);
	if (x->connection->server)
		x->connection->server->counts.bytes_out += body_len;
	answer(x, status, r);
	server_exchange_unref(x);
}

void server_reply_status(struct server_exchange *x, int status, const char *reason,
			 const char *message, bool closes)
{
	static const struct http_header headers[] = { { "Content-Type", "application/json" },
						      { "Connection", "close" } };
	char body[512];
	int n = snprintf(
		body, sizeof body,
		"{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},"
		"\"status\":\"Failure\",\"message\":\"%s\",\"reason\":\"%s\",\"code\":%d}\n",
		message, reason, status);
	assert(n > 0 && (size_t)n < sizeof body);
	server_reply(&x->base, status, headers, closes ? 2 : 1, body, (size_t)n, NULL, NULL);
}

/* ---- streams ---- */

static ssize_t read_source(void *ctx, uint64_t at, char *buf, size_t max)
{
	struct server_exchange *x = ctx;
	(void)at;
	if (x->is_hung || x->must_close)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	x->is_woken = false;
	ssize_t n = x->source.read(x->source_ctx, buf, max);
	if (n > 0) {
		x->connection->server->counts.bytes_out += (uint64_t)n;
		return n;
	}
	if (n < 0)
		return n == -1 ? MHD_CONTENT_READER_END_OF_STREAM
			       : MHD_CONTENT_READER_END_WITH_ERROR;
	server_suspend(x);
	if (x->is_woken) /* from inside read() */
		server_resume(x);
	return 0;
}

static void source_over(void *ctx)
{
	struct server_exchange *x = ctx;
	x->is_streaming = false;
	x->source.closed(x->source_ctx);
	server_exchange_unref(x);
}

void server_stream(struct http_exchange *base, int status, const struct http_header *headers,
		   size_t headers_count, const struct http_source *source, void *ctx)
{
	struct server_exchange *x = exchange_of(base);
	x->source = *source;
	x->source_ctx = ctx;
	x->is_streaming = true;
	struct MHD_Response *r = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_SIZE,
								   read_source, x, source_over);
	assert(r);
	add_headers(r, headers, headers_count);
	answer(x, status, r);
}

void server_wake(struct http_exchange *base)
{
	struct server_exchange *x = exchange_of(base);
	x->is_woken = true;
	if (x->is_streaming && x->is_suspended && x->state == EXCHANGE_ANSWERED)
		server_resume(x);
}
