#include "common/base/spdy.h"

#define CONTROL  0x80
#define VERSION  3
#define FLAG_FIN 1

enum control { SYN_STREAM = 1, SYN_REPLY = 2, RST_STREAM = 3, PING = 6, GOAWAY = 7, HEADERS = 8 };

/* zlib's head (RFC 1950): deflate, 32 KiB, a preset dictionary, and the Adler-32 of SPDY's. */
static const uint8_t zlib_begin[] = { 0x78, 0xbb, 0xe3, 0xc6, 0xa7, 0xc2 };
/* An empty stored block, as a flush ends with: what stands before it is complete. */
static const uint8_t flush[] = { 0, 0, 0, 0xff, 0xff };

static void add_u32(struct str *out, uint32_t n)
{
	const uint8_t bytes[] = { (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8),
				  (uint8_t)n };
	str_add_bytes(out, bytes, sizeof bytes);
}

static void control_add(struct str *out, enum control type, uint8_t flags, size_t n)
{
	add_u32(out, (uint32_t)CONTROL << 24 | VERSION << 16 | type);
	add_u32(out, (uint32_t)flags << 24 | (uint32_t)n);
}

static void text_add(struct str *out, const char *text)
{
	add_u32(out, (uint32_t)strlen(text));
	str_add(out, text);
}

int spdy_open_add(struct str *out, bool *has_begun, uint32_t stream,
		  const struct spdy_header *headers, size_t n, struct error *err)
{
	AUTO_STR block;
	str_init(&block, SPDY_BLOCK_MAX);
	add_u32(&block, (uint32_t)n);
	for (size_t i = 0; i < n; i++) {
		text_add(&block, headers[i].name);
		text_add(&block, headers[i].value);
	}
	int code = str_check(&block, "the headers of a stream", err);
	if (code < 0)
		return code;
	size_t begin = *has_begun ? 0 : sizeof zlib_begin;
	const uint8_t stored[] = { 0, (uint8_t)block.len, (uint8_t)(block.len >> 8),
				   (uint8_t)~block.len, (uint8_t)(~block.len >> 8) };
	control_add(out, SYN_STREAM, 0, 10 + begin + sizeof stored + block.len + sizeof flush);
	add_u32(out, stream);
	add_u32(out, 0);               /* belongs to no other stream */
	str_add_bytes(out, "\0\0", 2); /* priority and credential slot */
	str_add_bytes(out, zlib_begin, begin);
	str_add_bytes(out, stored, sizeof stored);
	str_add_bytes(out, block.data, block.len);
	str_add_bytes(out, flush, sizeof flush);
	*has_begun = true;
	return 0;
}

void spdy_data_head_add(struct str *out, uint32_t stream, size_t n, bool is_end)
{
	assert(n <= SPDY_DATA_MAX);
	add_u32(out, stream);
	add_u32(out, (is_end ? (uint32_t)FLAG_FIN << 24 : 0) | (uint32_t)n);
}

void spdy_ping_add(struct str *out, uint32_t id)
{
	control_add(out, PING, 0, 4);
	add_u32(out, id);
}

/* ---- reading ---- */

static uint32_t u32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static bool is_control(const struct spdy_reader *r)
{
	return r->head[0] & CONTROL;
}

/* With the number of a stream or ping that begins the payload of those control frames. */
static size_t head_size(const struct spdy_reader *r)
{
	if (r->head_len < 8 || !is_control(r))
		return 8;
	uint32_t type = u32(r->head) & 0xffff;
	return type == SYN_REPLY || type == RST_STREAM || type == PING || type == HEADERS ? 12 : 8;
}

static int take_head(struct spdy_reader *r, char **bytes, size_t *n, struct error *err)
{
	while (r->head_len < head_size(r)) {
		if (!*n)
			return 0;
		r->head[r->head_len++] = (uint8_t) * *bytes;
		(*bytes)++;
		(*n)--;
		if (r->head_len < 8)
			continue;
		r->left = u32(r->head + 4) & SPDY_DATA_MAX;
		if (is_control(r) && (u32(r->head) >> 16 & 0x7fff) != VERSION)
			return error_set(err, ERR_MALFORMED, "SPDY: a frame of version %u",
					 u32(r->head) >> 16 & 0x7fff);
		if (r->left < head_size(r) - 8)
			return error_set(err, ERR_MALFORMED, "SPDY: a control frame too short");
		r->left -= (uint32_t)(head_size(r) - 8);
	}
	r->is_in_frame = true;
	return 1;
}

static void describe(const struct spdy_reader *r, struct spdy_piece *ret)
{
	bool is_end = r->head[4] & FLAG_FIN;
	switch (u32(r->head) & 0xffff) {
	case SYN_REPLY:
		*ret = (struct spdy_piece){ .kind = SPDY_REPLY, .is_end = is_end };
		break;
	case RST_STREAM:
		*ret = (struct spdy_piece){ .kind = SPDY_RESET, .is_end = true };
		break;
	case PING:
		*ret = (struct spdy_piece){ .kind = SPDY_PING };
		break;
	case GOAWAY:
		*ret = (struct spdy_piece){ .kind = SPDY_GOAWAY };
		break;
	case HEADERS:
		*ret = (struct spdy_piece){ .kind = SPDY_OTHER, .is_end = is_end };
		break;
	default:
		*ret = (struct spdy_piece){ .kind = SPDY_OTHER };
		break;
	}
	if (r->head_len == 12)
		ret->stream =
			ret->kind == SPDY_PING ? u32(r->head + 8) : u32(r->head + 8) & 0x7fffffff;
}

int spdy_reader_next(struct spdy_reader *r, char **bytes, size_t *n, struct spdy_piece *ret,
		     struct error *err)
{
	int code = r->is_in_frame ? 1 : take_head(r, bytes, n, err);
	if (code <= 0)
		return code;
	size_t have = r->left < *n ? r->left : *n;
	if (have == 0 && r->left > 0)
		return 0;
	char *at = *bytes;
	*bytes += have;
	*n -= have;
	r->left -= (uint32_t)have;
	bool is_ended = r->left == 0;
	if (is_control(r) && !is_ended)
		return 0; /* the rest of it is passed over */
	if (is_control(r))
		describe(r, ret);
	else
		*ret = (struct spdy_piece){ .kind = SPDY_DATA,
					    .stream = u32(r->head),
					    .bytes = at,
					    .n = have,
					    .is_end = is_ended && r->head[4] & FLAG_FIN };
	if (is_ended) {
		r->is_in_frame = false;
		r->head_len = 0;
	}
	return 1;
}
