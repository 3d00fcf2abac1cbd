/* One exchange: the request as bytes, and the answer by http_parser (Debian's libhttp-parser). */
#include "common/io/http_client_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <strings.h>
#include <sys/stat.h>

#define READS_PER_TURN   16
#define RECORD_SIZE      16384
#define HEADERS_MAX      128
#define HEADER_BYTES_MAX (256u << 10)
#define FRAME_SIZE       16 /* a chunk's length and line ends */

/* ---- the request ---- */

static bool has_header(const struct http_request *r, const char *name)
{
	for (size_t i = 0; i < r->headers_count; i++)
		if (strcasecmp(r->headers[i].name, name) == 0)
			return true;
	return false;
}

/* A line end in a value would begin another header: it is left out. */
static void add_header(struct str *out, const char *name, const char *value)
{
	str_add(out, name);
	str_add(out, ": ");
	for (const char *p = value; *p; p++)
		if (*p != '\r' && *p != '\n')
			str_add_char(out, *p);
	str_add(out, "\r\n");
}

/* Bytes from the present offset to the end of a plain file, or -1. */
static int64_t file_left(int fd)
{
	struct stat st;
	off_t at = lseek(fd, 0, SEEK_CUR);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || at < 0 || at > st.st_size)
		return -1;
	return st.st_size - at;
}

static void add_length(struct http_call *call, const struct http_request *r)
{
	int64_t length = r->body ? (int64_t)r->body_len : 0;
	bool has_body = r->body || streq(r->method, "POST") || streq(r->method, "PUT") ||
			streq(r->method, "PATCH");
	if (call->body_fd >= 0) {
		length = file_left(call->body_fd);
		call->is_chunked = length < 0;
		has_body = true;
	}
	if (call->is_chunked)
		add_header(&call->out, "Transfer-Encoding", "chunked");
	else if (has_body)
		str_addf(&call->out, "Content-Length: %lld\r\n", (long long)length);
}

void exchange_prepare(struct http_call *call, const struct http_request *r)
{
	struct http_client *c = call->client;
	struct str *out = &call->out;
	str_init(out, r->body_len + HEADER_BYTES_MAX + 2 * PIECE_SIZE);
	str_init(&call->head, HEADER_BYTES_MAX);
	call->body_fd = r->body_fd > 0 ? fcntl(r->body_fd, F_DUPFD_CLOEXEC, 0) : -1;
	call->is_head_only = streq(r->method, "HEAD");
	call->is_safe = call->is_head_only || streq(r->method, "GET");
	str_addf(out, "%s %s HTTP/1.1\r\n", r->method, r->target);
	add_header(out, "Host", c->options.authority);
	if (c->options.user_agent && !has_header(r, "User-Agent"))
		add_header(out, "User-Agent", c->options.user_agent);
	const char *token = client_token(&c->options, loop_now_ms(c->loop));
	if (token && !has_header(r, "Authorization")) {
		auto_free char *value = xasprintf("Bearer %s", token);
		add_header(out, "Authorization", value);
	}
	for (size_t i = 0; i < r->headers_count; i++)
		add_header(out, r->headers[i].name, r->headers[i].value);
	add_length(call, r);
	str_add(out, "\r\n");
	if (r->body && call->body_fd < 0)
		str_add_bytes(out, r->body, r->body_len);
}

/* ---- a body that is a file ---- */

static void body_is_ready(void *ctx, unsigned events)
{
	struct http_call *call = ctx;
	struct http_client *c = call->client;
	(void)events;
	client_enter(c);
	loop_fd_free(TAKE(call->body_ready));
	(void)exchange_write(call);
	client_leave(c);
}

enum filled { FILLED, FILLED_LATER, FILLED_FAILED };

/* The next piece of the file into `out`, which is empty. */
static enum filled fill(struct http_call *call)
{
	char piece[PIECE_SIZE];
	struct pollfd now = { .fd = call->body_fd, .events = POLLIN };
	if (poll(&now, 1, 0) == 0) { /* a pipe without data; plain files are always ready */
		call->body_ready =
			loop_fd_new(call->client->loop, call->body_fd, body_is_ready, call);
		loop_fd_set(call->body_ready, LOOP_READ);
		return FILLED_LATER;
	}
	ssize_t n = read(call->body_fd, piece, sizeof piece);
	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? FILLED : FILLED_FAILED;
	call->last_byte_ms = loop_now_ms(call->client->loop);
	if (n == 0)
		close(TAKE_FD(call->body_fd));
	if (call->is_chunked)
		str_addf(&call->out, "%zx\r\n", (size_t)n);
	str_add_bytes(&call->out, piece, (size_t)n);
	if (call->is_chunked)
		str_add(&call->out, "\r\n");
	return FILLED;
}

bool exchange_write(struct http_call *call)
{
	struct conn *conn = call->link->conn;
	while (!call->body_ready) {
		if (call->out_at == call->out.len && call->body_fd >= 0) {
			str_clear(&call->out);
			call->out_at = 0;
			enum filled filled = fill(call);
			if (filled == FILLED_FAILED) {
				auto_free char *why =
					xasprintf("the body cannot be read: %s", strerror(errno));
				call_finish(call, why);
				return false;
			}
			if (filled == FILLED_LATER)
				break;
		}
		size_t left = call->out.len - call->out_at;
		if (left == 0 && call->body_fd < 0)
			break;
		ssize_t n = conn_write(conn, call->out.data + call->out_at, left);
		if (n < 0) {
			auto_free char *why = xstrdup(conn_why(conn));
			exchange_read(call); /* what the peer said before may explain it */
			if (!call->is_gone && call->link)
				call_finish(call, why);
			return false;
		}
		call->out_at += (size_t)n;
		if ((size_t)n < left) {
			conn_want_write(conn, true);
			return true;
		}
	}
	conn_want_write(conn, false);
	return true;
}

/* ---- the answer ---- */

static struct http_call *call_of(http_parser *p)
{
	return p->data;
}

/* Nonzero stops the parser: the call has been cancelled. */
static int go_on(const struct http_call *call)
{
	return call->is_gone ? 1 : 0;
}

static void add_to_head(struct http_call *call, const char *at, size_t n, bool is_value)
{
	if (is_value != call->is_in_value) {
		str_add_char(&call->head, '\0');
		call->headers_count += !is_value;
		call->is_in_value = is_value;
	}
	str_add_bytes(&call->head, at, n);
}

static int on_begin(http_parser *p)
{
	struct http_call *call = call_of(p);
	str_clear(&call->head); /* anew after a 1xx */
	call->headers_count = 0;
	call->is_in_value = false;
	return 0;
}

static int on_field(http_parser *p, const char *at, size_t n)
{
	add_to_head(call_of(p), at, n, false);
	return str_ok(&call_of(p)->head) ? 0 : 1;
}

static int on_value(http_parser *p, const char *at, size_t n)
{
	add_to_head(call_of(p), at, n, true);
	return str_ok(&call_of(p)->head) ? 0 : 1;
}

static void tell_head(struct http_call *call)
{
	struct http_header headers[HEADERS_MAX];
	size_t n = MIN(call->headers_count, (size_t)HEADERS_MAX);
	const char *at = call->head.data;
	for (size_t i = 0; i < n; i++) {
		headers[i].name = at;
		at += strlen(at) + 1;
		headers[i].value = at;
		at += strlen(at) + 1;
	}
	if (call->events.head)
		call->events.head(call->ctx, (int)call->parser.status_code, headers, n);
}

static int on_headers(http_parser *p)
{
	struct http_call *call = call_of(p);
	if (p->status_code / 100 == 1)
		return 0;
	if (call->is_in_value)
		add_to_head(call, "", 0, false); /* ends the last value and counts it */
	if (!call->is_head_told && str_ok(&call->head)) {
		call->is_head_told = true;
		tell_head(call);
	}
	if (go_on(call))
		return -1;
	return call->is_head_only ? 1 : 0; /* 1: no body follows, whatever the head says */
}

static int on_body(http_parser *p, const char *at, size_t n)
{
	struct http_call *call = call_of(p);
	if (call->events.data)
		call->events.data(call->ctx, at, n);
	return go_on(call);
}

static int on_complete(http_parser *p)
{
	struct http_call *call = call_of(p);
	if (p->status_code / 100 == 1)
		return 0;
	call->is_complete = true;
	call->is_kept_alive = http_should_keep_alive(p) != 0;
	http_parser_pause(p, 1); /* what follows is no part of this answer */
	return 0;
}

static const http_parser_settings settings = {
	.on_message_begin = on_begin,
	.on_header_field = on_field,
	.on_header_value = on_value,
	.on_headers_complete = on_headers,
	.on_body = on_body,
	.on_message_complete = on_complete,
};

void exchange_begin(struct http_call *call)
{
	http_parser_init(&call->parser, HTTP_RESPONSE);
	call->parser.data = call;
	call->has_answer = false;
	call->last_byte_ms = loop_now_ms(call->client->loop);
	if (call->idle)
		loop_timer_set(call->idle, call->idle_ms);
	(void)exchange_write(call);
}

/* n 0: the connection has ended. */
static void parse(struct http_call *call, const char *bytes, size_t n)
{
	size_t used = http_parser_execute(&call->parser, &settings, bytes, n);
	if (call->is_gone)
		return;
	if (call->is_complete) {
		/* Bytes after it belong to nobody: such a connection is not used again. */
		bool is_sent = call->out_at == call->out.len && call->body_fd < 0;
		call->is_kept_alive = call->is_kept_alive && used == n && is_sent && n > 0;
		call_finish(call, NULL);
	} else if (!str_ok(&call->head)) {
		call_finish(call, "the answer's headers are larger than 256 KiB");
	} else if (n == 0) {
		call_finish(call, "the connection ended before the answer did");
	} else if (HTTP_PARSER_ERRNO(&call->parser) != HPE_OK || call->parser.upgrade) {
		call_finish(call, "the answer is no HTTP/1.1");
	}
}

void exchange_read(struct http_call *call)
{
	char *buf = call->client->piece;
	struct conn *conn = call->link->conn;
	for (int i = 0; i < READS_PER_TURN; i++) {
		ssize_t n = conn_read(conn, buf, PIECE_SIZE);
		if (n == 0)
			return;
		if (n == CONN_BROKEN) {
			auto_free char *why = xstrdup(conn_why(conn));
			call_finish(call, why);
			return;
		}
		call->has_answer |= n > 0;
		call->last_byte_ms = loop_now_ms(call->client->loop);
		parse(call, buf, n > 0 ? (size_t)n : 0);
		/* Less than a TLS record: that was all. */
		if (call->is_gone || n < RECORD_SIZE)
			return;
	}
}
