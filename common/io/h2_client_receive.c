/* What the session tells: headers, data, ends of streams; and what calls make of it. */
#include "common/io/h2_client_internal.h"

#include <stdio.h>

#define MESSAGE_TEXT_MAX 4096
#define ROOM_MAX         ((size_t)8 << 20)

static struct grpc_call *call_of(nghttp2_session *session, int32_t stream_id)
{
	return nghttp2_session_get_stream_user_data(session, stream_id);
}

ssize_t call_read(nghttp2_session *session, int32_t stream_id, uint8_t *buf, size_t max,
		  uint32_t *flags, nghttp2_data_source *source, void *ctx)
{
	(void)source;
	(void)ctx;
	struct grpc_call *call = call_of(session, stream_id);
	if (!call)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	size_t n = MIN(max, call->send.len - call->send_at);
	if (n == 0 && !call->is_finished) {
		call->is_deferred = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	memcpy(buf, call->send.data + call->send_at, n);
	call->send_at += n;
	if (call->send_at == call->send.len) {
		str_clear(&call->send);
		call->send_at = 0;
		if (call->is_finished)
			*flags |= NGHTTP2_DATA_FLAG_EOF;
	}
	return (ssize_t)n;
}

static size_t frame_length(const char *bytes)
{
	const uint8_t *b = (const uint8_t *)bytes;
	return (size_t)b[1] << 24 | (size_t)b[2] << 16 | (size_t)b[3] << 8 | b[4];
}

/* Is the frame at the front acceptable? NULL, or the reason why not. */
static const char *frame_problem(const struct grpc_call *call, const char *at, int *ret_status)
{
	*ret_status = GRPC_INTERNAL;
	if (at[0] != 0)
		return "compressed message, which was not asked for";
	if (frame_length(at) > call->client->options.message_max) {
		*ret_status = GRPC_RESOURCE_EXHAUSTED;
		return "message is larger than the limit";
	}
	return NULL;
}

/* Who was given the last message owns its memory: what follows it is copied. */
static void leave_memory(struct grpc_call *call, size_t at)
{
	struct str old = call->in;
	call->is_kept = false;
	str_init(&call->in, old.max);
	str_add_bytes(&call->in, old.data + at, old.len - at);
}

void *grpc_stream_keep(struct grpc_call *call)
{
	call->is_kept = true;
	return call->in.data;
}

static void deliver_stream(struct grpc_call *call)
{
	size_t at = 0;
	while (call->in.len - at >= FRAME_HEADER) {
		const char *frame = call->in.data + at;
		int status;
		const char *problem = frame_problem(call, frame, &status);
		if (problem) {
			call_end(call, status, problem, false);
			return;
		}
		size_t n = frame_length(frame);
		if (call->in.len - at - FRAME_HEADER < n)
			break;
		call->events.message(call->ctx, frame + FRAME_HEADER, n);
		at += FRAME_HEADER + n;
		if (call->is_kept) {
			leave_memory(call, at);
			at = 0;
		}
		if (call->is_gone)
			return;
	}
	str_consume(&call->in, at);
}

static void check_unary(struct grpc_call *call)
{
	int status;
	if (call->in.len < FRAME_HEADER)
		return;
	const char *problem = frame_problem(call, call->in.data, &status);
	if (!problem && call->in.len - FRAME_HEADER > frame_length(call->in.data)) {
		problem = "more than one message in the answer";
		status = GRPC_INTERNAL;
	}
	if (problem)
		call_end(call, status, problem, false);
}

/* For the whole message once its length is known: growing step by step would copy it each time. */
static void make_room(struct grpc_call *call)
{
	if (!str_ok(&call->in) || call->in.len < FRAME_HEADER)
		return;
	size_t whole = frame_length(call->in.data) + FRAME_HEADER;
	if (call->in.len < whole && whole <= ROOM_MAX)
		(void)str_reserve(&call->in, whole - call->in.len);
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream_id, const uint8_t *bytes,
		   size_t n, void *ctx)
{
	(void)flags;
	(void)ctx;
	struct grpc_call *call = call_of(session, stream_id);
	if (!call || call->is_gone)
		return 0;
	str_add_bytes(&call->in, bytes, n);
	make_room(call);
	if (!str_ok(&call->in))
		call_end(call, GRPC_RESOURCE_EXHAUSTED, "message is larger than the limit", false);
	else if (call->is_unary)
		check_unary(call);
	else
		deliver_stream(call);
	return 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* grpc-message is percent-encoded UTF-8; what is not valid stays as it is. */
static char *decode_message(const uint8_t *text, size_t n)
{
	AUTO_STR out;
	str_init(&out, MESSAGE_TEXT_MAX);
	for (size_t i = 0; i < n && out.len < MESSAGE_TEXT_MAX; i++) {
		char c = (char)text[i];
		if (c == '%' && i + 2 < n && hex_digit((char)text[i + 1]) >= 0 &&
		    hex_digit((char)text[i + 2]) >= 0) {
			c = (char)(hex_digit((char)text[i + 1]) * 16 +
				   hex_digit((char)text[i + 2]));
			i += 2;
		}
		str_add_char(&out, c);
	}
	return str_take(&out);
}

static int small_number(const uint8_t *text, size_t n)
{
	int value = 0;
	if (n == 0 || n > 4)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		value = value * 10 + text[i] - '0';
	}
	return value;
}

static bool name_is(const uint8_t *name, size_t n, const char *want)
{
	return n == strlen(want) && memcmp(name, want, n) == 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
		     void *ctx)
{
	(void)flags;
	(void)ctx;
	struct grpc_call *call = call_of(session, frame->hd.stream_id);
	if (!call)
		return 0;
	if (name_is(name, name_len, ":status")) {
		call->http_status = small_number(value, value_len);
	} else if (name_is(name, name_len, "grpc-status")) {
		call->status = small_number(value, value_len);
	} else if (name_is(name, name_len, "grpc-message")) {
		free(call->message);
		call->message = decode_message(value, value_len);
	}
	return 0;
}

/* The server has said everything. */
static void end_by_server(struct grpc_call *call)
{
	call->is_complete = call->is_finished && call->send.len == 0;
	if (call->status >= 0) {
		bool is_cut = call->is_unary && call->status == GRPC_OK &&
			      call->in.len >= FRAME_HEADER &&
			      call->in.len - FRAME_HEADER != frame_length(call->in.data);
		if (is_cut)
			call_end(call, GRPC_INTERNAL, "the answer's message was cut off", false);
		else
			call_end(call, call->status, call->message, true);
		return;
	}
	char text[64];
	int n = snprintf(text, sizeof(text), "HTTP status %d without grpc-status",
			 call->http_status);
	call_end(call, call->http_status == 503 ? GRPC_UNAVAILABLE : GRPC_UNKNOWN,
		 n > 0 ? text : "", false);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
	(void)ctx;
	if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
		return 0;
	struct grpc_call *call = call_of(session, frame->hd.stream_id);
	if (!call || call->is_gone)
		return 0;
	if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
		end_by_server(call);
	else if (frame->hd.type == NGHTTP2_HEADERS && call->events.opened)
		call->events.opened(call->ctx);
	return 0;
}

/* The stream is closed, and no trailers came. */
static void end_closed(struct grpc_call *call)
{
	int status = GRPC_INTERNAL;
	if (call->is_refused)
		status = GRPC_UNAVAILABLE;
	else if (call->close_code == NGHTTP2_CANCEL)
		status = GRPC_CANCELLED;
	else if (call->close_code == NGHTTP2_ENHANCE_YOUR_CALM)
		status = GRPC_RESOURCE_EXHAUSTED;
	call_end(call, status, nghttp2_http2_strerror(call->close_code), false);
}

void calls_end_closed(struct h2_client *c)
{
	for (struct grpc_call *call = c->first; call && !c->is_freed;) {
		if (call->is_closed) {
			end_closed(call);
			call = c->first; /* the callback may have changed the list */
		} else {
			call = call->next;
		}
	}
}

static int on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t code, void *ctx)
{
	struct h2_client *c = ctx;
	struct grpc_call *call = call_of(session, stream_id);
	if (!call || call->is_gone)
		return 0;
	call->stream_id = -1;
	call->close_code = code;
	if (code == NGHTTP2_REFUSED_STREAM)
		call->is_refused = true;
	if (c->depth > 0) {
		end_closed(call);
	} else { /* seen while writing, perhaps inside a caller's function */
		call->is_closed = true;
		loop_timer_set(c->later, 0);
	}
	return 0;
}

static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
	(void)ctx;
	if (frame->hd.type != NGHTTP2_HEADERS)
		return 0;
	struct grpc_call *call = call_of(session, frame->hd.stream_id);
	if (call)
		call->is_sent = true;
	return 0;
}

/* A request that the session cannot send any more (the peer is going away). */
static int on_frame_not_send(nghttp2_session *session, const nghttp2_frame *frame, int code,
			     void *ctx)
{
	(void)code;
	(void)ctx;
	if (frame->hd.type != NGHTTP2_HEADERS)
		return 0;
	struct grpc_call *call = call_of(session, frame->hd.stream_id);
	if (call)
		call->is_refused = true;
	return 0;
}

void calls_set_callbacks(nghttp2_session_callbacks *callbacks)
{
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
	nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
	nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_frame_not_send);
}

int grpc_reply_error(const struct grpc_reply *reply, struct error *err)
{
	enum err_code code = ERR_INTERNAL;
	switch (reply->status) {
	case GRPC_OK:
		return 0;
	case GRPC_NOT_FOUND:
		code = ERR_NOT_FOUND;
		break;
	case GRPC_ALREADY_EXISTS:
		code = ERR_EXISTS;
		break;
	case GRPC_RESOURCE_EXHAUSTED:
		code = ERR_LIMIT;
		break;
	case GRPC_INVALID_ARGUMENT:
	case GRPC_OUT_OF_RANGE:
	case GRPC_FAILED_PRECONDITION:
		code = ERR_INVALID;
		break;
	case GRPC_CANCELLED:
	case GRPC_DEADLINE_EXCEEDED:
	case GRPC_UNAVAILABLE:
		code = ERR_UNAVAILABLE;
		break;
	}
	return error_set(err, code, "%s", reply->message[0] ? reply->message : "call failed");
}
