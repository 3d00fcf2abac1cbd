#include "common/base/ws_frame.h"

#define FINAL    0x80
#define RESERVED 0x70
#define MASKED   0x80

static void head_add(struct str *out, enum ws_opcode opcode, uint8_t masked, size_t n)
{
	str_add_char(out, (char)(FINAL | opcode));
	if (n < 126) {
		str_add_char(out, (char)(masked | n));
		return;
	}
	int shift = n < 65536 ? 8 : 56;
	str_add_char(out, (char)(masked | (n < 65536 ? 126 : 127)));
	for (; shift >= 0; shift -= 8)
		str_add_char(out, (char)((uint64_t)n >> shift));
}

void ws_head_add(struct str *out, enum ws_opcode opcode, size_t n)
{
	head_add(out, opcode, 0, n);
}

void ws_frame_add(struct str *out, enum ws_opcode opcode, const uint8_t *mask, const void *bytes,
		  size_t n)
{
	const uint8_t *from = bytes;
	head_add(out, opcode, mask ? MASKED : 0, n);
	if (!mask) {
		str_add_bytes(out, bytes, n);
		return;
	}
	str_add_bytes(out, mask, 4);
	char *to = str_reserve(out, n);
	if (!to)
		return; /* overflow: the caller checks once */
	for (size_t i = 0; i < n; i++)
		to[i] = (char)(from[i] ^ mask[i & 3]);
	str_grew(out, n);
}

/* ---- reading ---- */

/* How long the head is, as far as it is known. */
static size_t head_size(const struct ws_reader *r)
{
	if (r->head_len < 2)
		return 2;
	uint8_t len = r->head[1] & 0x7f;
	return 2u + (len == 126 ? 2u : len == 127 ? 8u : 0u) + (r->is_masked ? 4u : 0u);
}

static int check_head(const struct ws_reader *r, struct error *err)
{
	uint8_t opcode = r->head[0] & 0x0f;
	bool is_final = r->head[0] & FINAL;
	if (r->head[0] & RESERVED)
		return error_set(err, ERR_MALFORMED, "WebSocket: an extension nobody asked for");
	if (((r->head[1] & MASKED) != 0) != r->is_masked)
		return error_set(err, ERR_MALFORMED, "WebSocket: %s",
				 r->is_masked ? "a client's frame without mask"
					      : "a server's frame with a mask");
	switch (opcode) {
	case WS_TEXT:
	case WS_BINARY:
		if (!r->is_in_message)
			return 0;
		return error_set(err, ERR_MALFORMED, "WebSocket: a message inside another");
	case WS_CONTINUATION:
		if (r->is_in_message)
			return 0;
		return error_set(err, ERR_MALFORMED, "WebSocket: the continuation of nothing");
	case WS_CLOSE:
	case WS_PING:
	case WS_PONG:
		if (is_final && (r->head[1] & 0x7f) <= WS_CONTROL_MAX)
			return 0;
		return error_set(err, ERR_MALFORMED, "WebSocket: a control frame too large");
	default:
		return error_set(err, ERR_MALFORMED, "WebSocket: opcode %u", opcode);
	}
}

static void read_length(struct ws_reader *r)
{
	uint8_t len = r->head[1] & 0x7f;
	size_t count = len == 126 ? 2 : len == 127 ? 8 : 0;
	r->left = count ? 0 : len;
	for (size_t i = 0; i < count; i++)
		r->left = r->left << 8 | r->head[2 + i];
	r->mask_at = 0;
}

/* 1: the head is whole and good. */
static int take_head(struct ws_reader *r, char **bytes, size_t *n, struct error *err)
{
	while (r->head_len < head_size(r)) {
		if (!*n)
			return 0;
		r->head[r->head_len++] = (uint8_t) * *bytes;
		(*bytes)++;
		(*n)--;
		/* At once: who forgets the mask would be waited for. */
		int code = r->head_len == 2 ? check_head(r, err) : 0;
		if (code < 0)
			return code;
	}
	read_length(r);
	if (r->left >> 63)
		return error_set(err, ERR_MALFORMED, "WebSocket: a length beyond all bounds");
	r->is_in_frame = true;
	r->control_len = 0;
	uint8_t opcode = r->head[0] & 0x0f;
	if (opcode == WS_TEXT || opcode == WS_BINARY) {
		r->opcode = opcode;
		r->is_in_message = r->is_first = true;
	}
	return 1;
}

static void unmask(struct ws_reader *r, char *bytes, size_t n)
{
	const uint8_t *mask = r->head + head_size(r) - 4;
	for (size_t i = 0; i < n; i++)
		bytes[i] = (char)((uint8_t)bytes[i] ^ mask[(r->mask_at + i) & 3]);
	r->mask_at = (r->mask_at + n) & 3;
}

int ws_reader_next(struct ws_reader *r, char **bytes, size_t *n, struct ws_piece *ret,
		   struct error *err)
{
	int code = r->is_in_frame ? 1 : take_head(r, bytes, n, err);
	if (code <= 0)
		return code;
	size_t have = r->left < *n ? (size_t)r->left : *n;
	if (have == 0 && r->left > 0)
		return 0;
	if (r->is_masked)
		unmask(r, *bytes, have);
	char *at = *bytes;
	*bytes += have;
	*n -= have;
	r->left -= have;
	bool is_ended = r->left == 0;
	uint8_t opcode = r->head[0] & 0x0f;
	if (opcode >= WS_CLOSE) {
		memcpy(r->control + r->control_len, at, have);
		r->control_len += have;
		if (!is_ended)
			return 0;
		*ret = (struct ws_piece){ opcode, r->control, r->control_len, true, true };
	} else {
		bool is_last = is_ended && r->head[0] & FINAL;
		*ret = (struct ws_piece){ r->opcode, at, have, r->is_first, is_last };
		r->is_first = false;
		r->is_in_message = !is_last;
	}
	if (is_ended) {
		r->is_in_frame = false;
		r->head_len = 0;
	}
	return 1;
}
