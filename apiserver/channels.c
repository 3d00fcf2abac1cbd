#include "apiserver/channels.h"
#include "schemas/base64.h"

#include <stdio.h>

enum channel { CHANNEL_STDIN, CHANNEL_STDOUT, CHANNEL_STDERR, CHANNEL_STATUS, CHANNEL_RESIZE };

#define CHANNEL_CLOSE 255
#define CLOSE_NORMAL  1000
#define CLOSE_BROKEN  1002 /* RFC 6455, 7.4.1: protocol error */
#define CLOSE_FAILED  1011 /* the server's side */

/* ---- to the client ---- */

static void message_add(struct str *to_client, uint8_t channel, const void *bytes, size_t n)
{
	ws_head_add(to_client, WS_BINARY, n + 1);
	str_add_bytes(to_client, &channel, 1);
	str_add_bytes(to_client, bytes, n);
}

static void close_add(struct channels *c, unsigned code, struct str *to_client)
{
	const uint8_t bytes[] = { (uint8_t)(code >> 8), (uint8_t)code };
	if (!c->is_close_sent)
		ws_frame_add(to_client, WS_CLOSE, NULL, bytes, sizeof bytes);
	c->is_close_sent = true;
}

/* One message whatever the runtime cut it into: some clients parse each by itself. */
static void status_send(struct channels *c, struct str *to_client)
{
	if (c->is_status_sent || c->status.len == 0)
		return;
	c->is_status_sent = true;
	message_add(to_client, CHANNEL_STATUS, c->status.data, c->status.len);
}

/* ---- streams to the node ---- */

static void open_stream(struct channels *c, size_t channel, const struct spdy_header *headers,
			size_t n, struct str *to_node)
{
	struct error err;
	uint32_t stream = c->next_stream;
	int code = spdy_open_add(to_node, &c->has_begun_headers, stream, headers, n, &err);
	assert(code == 0); /* a few short words */
	(void)code;
	c->stream_of[channel] = stream;
	c->is_open_to_node[channel] = c->is_open_to_client[channel] = true;
	c->next_stream = stream + 2;
}

static void end_to_node(struct channels *c, size_t channel, struct str *to_node)
{
	if (!c->is_open_to_node[channel])
		return;
	c->is_open_to_node[channel] = false;
	spdy_data_head_add(to_node, c->stream_of[channel], 0, true);
}

/* The status comes first: agents know its stream by being number one. */
static void begin_exec(struct channels *c, struct str *to_client, struct str *to_node)
{
	const struct {
		uint8_t channel;
		const char *type;
		bool is_wanted;
	} streams[] = {
		{ CHANNEL_STATUS, "error", true },
		{ CHANNEL_STDIN, "stdin", c->has_stdin },
		{ CHANNEL_STDOUT, "stdout", c->has_stdout },
		{ CHANNEL_STDERR, "stderr", c->has_stderr && !c->has_tty },
		{ CHANNEL_RESIZE, "resize", c->has_tty },
	};
	for (size_t i = 0; i < ARRAY_LEN(streams); i++) {
		const struct spdy_header type = { "streamtype", streams[i].type };
		if (streams[i].is_wanted)
			open_stream(c, streams[i].channel, &type, 1, to_node);
	}
	/* Empty, on the first that can be: so a client of a silent process sees it is there. */
	message_add(to_client,
		    c->has_stdout   ? CHANNEL_STDOUT
		    : c->has_stderr ? CHANNEL_STDERR
				    : CHANNEL_STATUS,
		    "", 0);
}

static void begin_forward(struct channels *c, struct str *to_client, struct str *to_node)
{
	for (size_t i = 0; i < c->ports_count; i++) {
		char port[8], number[8];
		uint16_t p = c->ports[i];
		const uint8_t greeting[] = { (uint8_t)p, (uint8_t)(p >> 8) };
		(void)!snprintf(port, sizeof port, "%u", p);
		(void)!snprintf(number, sizeof number, "%u", (unsigned)i);
		struct spdy_header headers[] = { { "streamtype", "error" },
						 { "port", port },
						 { "requestid", number } };
		open_stream(c, 2 * i + 1, headers, ARRAY_LEN(headers), to_node);
		end_to_node(c, 2 * i + 1, to_node); /* nobody reports errors to the node */
		headers[0].value = "data";
		open_stream(c, 2 * i, headers, ARRAY_LEN(headers), to_node);
		message_add(to_client, (uint8_t)(2 * i), greeting, sizeof greeting);
		message_add(to_client, (uint8_t)(2 * i + 1), greeting, sizeof greeting);
	}
}

void channels_begin(struct channels *c, struct str *to_client, struct str *to_node)
{
	c->from_client.is_masked = true;
	c->next_stream = 1;
	str_init(&c->status, CHANNELS_STATUS_MAX);
	switch (c->kind) {
	case CHANNELS_EXEC:
		begin_exec(c, to_client, to_node);
		break;
	case CHANNELS_FORWARD:
		begin_forward(c, to_client, to_node);
		break;
	case CHANNELS_LOG:
	case CHANNELS_LOG_BASE64:
		ws_head_add(to_client, c->kind == CHANNELS_LOG ? WS_BINARY : WS_TEXT, 0);
		break;
	case CHANNELS_TUNNEL:
	case CHANNELS_KIND_COUNT:
		break;
	}
}

void channels_fini(struct channels *c)
{
	str_fini(&c->status);
}

/* ---- from the client ---- */

static void data_to_node(struct channels *c, size_t channel, const char *bytes, size_t n,
			 struct str *to_node)
{
	if (!c->is_open_to_node[channel] || n == 0)
		return;
	spdy_data_head_add(to_node, c->stream_of[channel], n, false);
	str_add_bytes(to_node, bytes, n);
}

static bool is_client_channel(const struct channels *c, size_t channel)
{
	if (c->kind == CHANNELS_EXEC)
		return channel == CHANNEL_STDIN || channel == CHANNEL_RESIZE;
	return channel < 2 * c->ports_count && channel % 2 == 0;
}

/* A piece of a message that begins with its channel. What goes to no channel is passed over. */
static void channel_piece(struct channels *c, const struct ws_piece *p, struct str *to_node)
{
	const char *bytes = p->bytes;
	size_t n = p->n;
	if (p->is_first)
		c->has_channel = false;
	if (!c->has_channel && n > 0) {
		c->has_channel = true;
		c->channel = (uint8_t)*bytes++;
		n--;
	}
	if (n == 0)
		return;
	if (c->channel == CHANNEL_CLOSE && c->can_close) {
		if (is_client_channel(c, (uint8_t)bytes[0]))
			end_to_node(c, (uint8_t)bytes[0], to_node);
	} else if (is_client_channel(c, c->channel)) {
		data_to_node(c, c->channel, bytes, n, to_node);
	}
}

static void take_piece(struct channels *c, const struct ws_piece *p, struct str *to_client,
		       struct str *to_node)
{
	switch (p->opcode) {
	case WS_PING:
		ws_frame_add(to_client, WS_PONG, NULL, p->bytes, p->n);
		break;
	case WS_CLOSE:
		close_add(c, CLOSE_NORMAL, to_client);
		c->is_over = true;
		break;
	case WS_TEXT:
	case WS_BINARY:
		if (c->kind == CHANNELS_TUNNEL)
			str_add_bytes(to_node, p->bytes, p->n);
		else if (c->kind == CHANNELS_EXEC || c->kind == CHANNELS_FORWARD)
			channel_piece(c, p, to_node);
		break;
	case WS_PONG:
	case WS_CONTINUATION: /* never given */
		break;
	}
}

int channels_from_client(struct channels *c, char *bytes, size_t n, struct str *to_client,
			 struct str *to_node, struct error *err)
{
	struct ws_piece p;
	int code = 0;
	while (!c->is_over && (code = ws_reader_next(&c->from_client, &bytes, &n, &p, err)) > 0)
		take_piece(c, &p, to_client, to_node);
	if (code < 0) {
		close_add(c, CLOSE_BROKEN, to_client);
		c->is_over = true;
	}
	return MIN(code, 0);
}

/* ---- from the node ---- */

static bool find_channel(const struct channels *c, uint32_t stream, size_t *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(c->stream_of); i++)
		if (stream && c->stream_of[i] == stream) {
			*ret = i;
			return true;
		}
	return false;
}

static void node_data(struct channels *c, const struct spdy_piece *p, struct str *to_client)
{
	size_t channel;
	if (!find_channel(c, p->stream, &channel))
		return;
	if (p->n > 0 && c->kind == CHANNELS_EXEC && channel == CHANNEL_STATUS)
		str_add_bytes(&c->status, p->bytes, p->n);
	else if (p->n > 0)
		message_add(to_client, (uint8_t)channel, p->bytes, p->n);
	if (!p->is_end)
		return;
	c->is_open_to_client[channel] = false;
	if (c->kind == CHANNELS_EXEC && channel == CHANNEL_STATUS)
		status_send(c, to_client);
}

static bool is_all_forwarded(const struct channels *c)
{
	for (size_t i = 0; i < 2 * c->ports_count; i++)
		if (c->is_open_to_client[i])
			return false;
	return true;
}

static int spdy_from_node(struct channels *c, char *bytes, size_t n, struct str *to_client,
			  struct str *to_node, struct error *err)
{
	struct spdy_piece p;
	int code;
	while ((code = spdy_reader_next(&c->from_node, &bytes, &n, &p, err)) > 0) {
		if (p.kind == SPDY_PING && p.stream % 2 == 0)
			spdy_ping_add(to_node, p.stream);
		else if (p.kind == SPDY_DATA || p.is_end)
			node_data(c, &p, to_client);
		size_t channel;
		if (p.kind == SPDY_RESET && find_channel(c, p.stream, &channel))
			c->is_open_to_node[channel] = false;
	}
	bool is_done = c->kind == CHANNELS_FORWARD && is_all_forwarded(c);
	if (code < 0 || is_done) {
		close_add(c, code < 0 ? CLOSE_FAILED : CLOSE_NORMAL, to_client);
		c->is_over = true;
	}
	return code;
}

/* Whole groups of three at a time, so that each message decodes by itself; the rest waits for
 * what follows, and channels_node_ended() sends it. */
static void base64_from_node(struct channels *c, const char *bytes, size_t n, bool is_end,
			     struct str *to_client)
{
	AUTO_STR plain, text;
	str_init(&plain, to_client->max);
	str_init(&text, to_client->max);
	str_add_bytes(&plain, c->rest, c->rest_len);
	str_add_bytes(&plain, bytes, n);
	size_t whole = is_end ? plain.len : plain.len - plain.len % 3;
	c->rest_len = plain.len - whole;
	memcpy(c->rest, plain.data + whole, c->rest_len);
	if (whole == 0)
		return;
	base64_add(&text, plain.data, whole);
	ws_frame_add(to_client, WS_TEXT, NULL, text.data, text.len);
}

int channels_from_node(struct channels *c, char *bytes, size_t n, struct str *to_client,
		       struct str *to_node, struct error *err)
{
	if (n == 0)
		return 0;
	switch (c->kind) {
	case CHANNELS_EXEC:
	case CHANNELS_FORWARD:
		return spdy_from_node(c, bytes, n, to_client, to_node, err);
	case CHANNELS_LOG_BASE64:
		base64_from_node(c, bytes, n, false, to_client);
		return 0;
	case CHANNELS_TUNNEL:
	case CHANNELS_LOG:
	case CHANNELS_KIND_COUNT:
		break;
	}
	ws_frame_add(to_client, WS_BINARY, NULL, bytes, n);
	return 0;
}

void channels_node_ended(struct channels *c, struct str *to_client)
{
	static const char lost[] = "{\"metadata\":{},\"status\":\"Failure\",\"reason\":"
				   "\"InternalError\",\"message\":\"the connection to the "
				   "container's node ended before the process did\"}";
	if (c->kind == CHANNELS_LOG_BASE64)
		base64_from_node(c, "", 0, true, to_client);
	if (c->kind == CHANNELS_EXEC && c->status.len == 0)
		str_add(&c->status, lost);
	if (c->kind == CHANNELS_EXEC)
		status_send(c, to_client);
	close_add(c, CLOSE_NORMAL, to_client);
	c->is_over = true;
}
