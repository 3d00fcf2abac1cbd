#include "common/io/h2_client_internal.h"

#include <stdio.h>

/* ---- ending ---- */

static void unlink_call(struct grpc_call *call)
{
	struct h2_client *c = call->client;
	if (call->prev)
		call->prev->next = call->next;
	else
		c->first = call->next;
	if (call->next)
		call->next->prev = call->prev;
	else
		c->last = call->prev;
	c->counts.calls_now--;
}

/* Out of the list, without a callback; the memory lives until the outermost leave. */
void call_bury(struct grpc_call *call)
{
	struct h2_client *c = call->client;
	unlink_call(call);
	call->is_gone = true;
	if (call->deadline)
		loop_timer_stop(call->deadline);
	if (c->session && call->stream_id > 0) {
		/* Both are fine for a stream that is closed already. */
		(void)nghttp2_session_set_stream_user_data(c->session, call->stream_id, NULL);
		if (!call->is_complete)
			(void)nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE,
							call->stream_id, NGHTTP2_CANCEL);
	}
	call->next = c->graveyard;
	c->graveyard = call;
}

void call_end(struct grpc_call *call, int status, const char *message, bool is_from_server)
{
	struct grpc_reply reply = {
		.status = status,
		.message = message ? message : "",
		.may_have_run = call->is_sent && !call->is_refused,
		.is_from_server = is_from_server,
	};
	if (call->is_unary && status == GRPC_OK) {
		if (call->in.len < FRAME_HEADER) {
			reply.status = GRPC_INTERNAL;
			reply.message = "answer without a message";
		} else {
			reply.bytes = call->in.data + FRAME_HEADER;
			reply.len = call->in.len - FRAME_HEADER;
		}
	}
	call_bury(call);
	call->events.done(call->ctx, &reply);
}

/* ---- starting ---- */

static nghttp2_nv header(const char *name, const char *value)
{
	return (nghttp2_nv){
		.name = (uint8_t *)(uintptr_t)name,
		.namelen = strlen(name),
		.value = (uint8_t *)(uintptr_t)value,
		.valuelen = strlen(value),
	};
}

void call_submit(struct grpc_call *call)
{
	struct h2_client *c = call->client;
	char timeout[32];
	size_t n = 0;
	nghttp2_nv headers[8];
	headers[n++] = header(":method", "POST");
	headers[n++] = header(":scheme", "http");
	headers[n++] = header(":path", call->method);
	headers[n++] = header(":authority", c->authority);
	headers[n++] = header("te", "trailers");
	headers[n++] = header("content-type", "application/grpc");
	headers[n++] = header("user-agent", "skiff/" SKIFF_VERSION);
	if (call->deadline) {
		int64_t left_ms = MAX(call->deadline_at_ms - loop_now_ms(c->loop), (int64_t)1);
		/* The wire allows eight digits. */
		bool is_long = left_ms > 99999999;
		if (snprintf(timeout, sizeof(timeout), "%lld%c",
			     (long long)(is_long ? left_ms / 1000 : left_ms),
			     is_long ? 'S' : 'm') > 0)
			headers[n++] = header("grpc-timeout", timeout);
	}
	nghttp2_data_provider provider = { .read_callback = call_read };
	int32_t id = nghttp2_submit_request(c->session, NULL, headers, n, &provider, call);
	if (id < 0) { /* stream numbers used up, after a thousand million calls */
		h2_mark_broken(c, nghttp2_strerror(id));
		return;
	}
	call->stream_id = id;
}

static void on_deadline(void *ctx)
{
	struct grpc_call *call = ctx;
	struct h2_client *c = call->client;
	h2_enter(c);
	call_end(call, GRPC_DEADLINE_EXCEEDED, "deadline exceeded", false);
	h2_leave(c);
}

static struct grpc_call *call_new(struct h2_client *c, const char *method, void *ctx)
{
	struct grpc_call *call = xcalloc(1, sizeof(*call));
	call->client = c;
	call->method = xstrdup(method);
	call->ctx = ctx;
	call->epoch = c->epoch + (c->is_broken ? 1 : 0); /* not for the connection that ends */
	call->status = -1;
	str_init(&call->send, SIZE_MAX);
	str_init(&call->in, c->options.message_max + FRAME_HEADER + (1u << 20));
	call->prev = c->last;
	if (c->last)
		c->last->next = call;
	else
		c->first = call;
	c->last = call;
	c->counts.calls_total++;
	c->counts.calls_now++;
	return call;
}

struct grpc_message grpc_message_new(size_t len)
{
	assert(len <= UINT32_MAX);
	uint8_t *memory = xrealloc(NULL, FRAME_HEADER + len + 1, 1);
	const uint8_t head[FRAME_HEADER] = { 0, (uint8_t)(len >> 24), (uint8_t)(len >> 16),
					     (uint8_t)(len >> 8), (uint8_t)len };
	memcpy(memory, head, sizeof head);
	memory[FRAME_HEADER + len] = '\0';
	return (struct grpc_message){ memory, memory + FRAME_HEADER, len };
}

/* Sent from where it lies, unless something waits before it. */
static void take_message(struct grpc_call *call, struct grpc_message m)
{
	size_t len = FRAME_HEADER + m.len;
	if (call->send.len == 0) {
		size_t max = call->send.max;
		str_fini(&call->send);
		call->send = (struct str){
			.data = (char *)m.memory, .len = len, .size = len + 1, .max = max
		};
		return;
	}
	if (call->send_at > 0 && call->send_at * 2 > call->send.len) {
		str_consume(&call->send, call->send_at);
		call->send_at = 0;
	}
	str_add_bytes(&call->send, m.memory, len);
	free(m.memory);
}

static struct grpc_message message_of(const void *bytes, size_t len)
{
	struct grpc_message m = grpc_message_new(len);
	if (len)
		memcpy(m.bytes, bytes, len);
	return m;
}

static void call_start(struct grpc_call *call)
{
	struct h2_client *c = call->client;
	if (c->state == H2_READY && !c->is_broken) {
		call_submit(call);
		h2_flush(c);
	} else if (c->state == H2_IDLE) {
		h2_client_connect(c);
	}
}

struct grpc_call *grpc_call(struct h2_client *c, const char *method, const void *bytes, size_t len,
			    int64_t deadline_ms, grpc_done *done, void *ctx)
{
	return grpc_call_message(c, method, message_of(bytes, len), deadline_ms, done, ctx);
}

struct grpc_call *grpc_call_message(struct h2_client *c, const char *method,
				    struct grpc_message take_m, int64_t deadline_ms,
				    grpc_done *done, void *ctx)
{
	struct grpc_call *call = call_new(c, method, ctx);
	call->is_unary = true;
	call->is_finished = true;
	call->events.done = done;
	take_message(call, take_m);
	if (deadline_ms > 0) {
		call->deadline = loop_timer_new(c->loop, on_deadline, call);
		call->deadline_at_ms = loop_now_ms(c->loop) + deadline_ms;
		loop_timer_set(call->deadline, deadline_ms);
	}
	call_start(call);
	return call;
}

struct grpc_call *grpc_stream_open(struct h2_client *c, const char *method,
				   const struct grpc_stream_events *events, void *ctx)
{
	struct grpc_call *call = call_new(c, method, ctx);
	call->events = *events;
	call_start(call);
	return call;
}

static void resume(struct grpc_call *call)
{
	struct h2_client *c = call->client;
	if (!c->session || call->stream_id <= 0)
		return;
	if (call->is_deferred) {
		call->is_deferred = false;
		/* Fails only for a stream that just ended, whose end is on its way to us. */
		(void)nghttp2_session_resume_data(c->session, call->stream_id);
	}
	h2_flush(c);
}

void grpc_stream_send(struct grpc_call *call, const void *bytes, size_t len)
{
	grpc_stream_send_message(call, message_of(bytes, len));
}

void grpc_stream_send_message(struct grpc_call *call, struct grpc_message take_m)
{
	assert(!call->is_finished);
	take_message(call, take_m);
	resume(call);
}

void grpc_stream_finish(struct grpc_call *call)
{
	call->is_finished = true;
	resume(call);
}

size_t grpc_stream_queued(const struct grpc_call *call)
{
	return call->send.len - call->send_at;
}

void grpc_cancel(struct grpc_call *call)
{
	struct h2_client *c = call->client;
	call_bury(call);
	if (c->depth > 0)
		return;
	h2_sweep(c);
	h2_flush(c);
}
