/* Frames of WebSocket and SPDY: what is written is read back, whole or in any pieces. */
#include "common/base/spdy.h"
#include "common/base/ws_frame.h"
#include "tests/support/check.h"

/* All pieces of `text`, given in slices, as text: "binary(…) ping(…) error". */
static void ws_print(bool is_masked, const struct str *text, size_t slice, struct str *out)
{
	struct ws_reader r = { .is_masked = is_masked };
	auto_free char *copy = xmemdup(text->data, text->len + 1);
	bool is_open = false;
	for (size_t at = 0; at < text->len; at += slice) {
		char *bytes = copy + at;
		size_t n = MIN(slice, text->len - at);
		struct ws_piece p;
		struct error err;
		int code;
		while ((code = ws_reader_next(&r, &bytes, &n, &p, &err)) > 0) {
			static const char *const names[] = { [WS_TEXT] = "text",
							     [WS_BINARY] = "binary",
							     [WS_CLOSE] = "close",
							     [WS_PING] = "ping",
							     [WS_PONG] = "pong" };
			bool is_control = p.opcode >= WS_CLOSE;
			CHECK(is_control || p.is_first == !is_open);
			if (is_control || p.is_first)
				str_addf(out, "%s%s(", out->len ? " " : "", names[p.opcode]);
			str_add_bytes(out, p.bytes, p.n);
			is_open = is_control ? is_open : !p.is_last;
			if (is_control || p.is_last)
				str_add(out, ")");
		}
		if (code < 0) {
			CHECK_INT(code, ERR_MALFORMED);
			str_add(out, out->len ? " error" : "error");
			return;
		}
		CHECK_INT(n, 0);
	}
}

static const struct {
	const char *name, *bytes;
	size_t n;
	bool is_masked;
	const char *want;
} frames[] = {
#define ROW(name, is_masked, bytes, want)                                                          \
	{                                                                                          \
		name, bytes, sizeof(bytes) - 1, is_masked, want                                    \
	}
	/* RFC 6455, 5.7 */
	ROW("a single text", false, "\x81\x05Hello", "text(Hello)"),
	ROW("the same, masked", true, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58",
	    "text(Hello)"),
	ROW("in fragments", false, "\x01\x03Hel\x80\x02lo", "text(Hello)"),
	ROW("a ping between fragments", false, "\x01\x03Hel\x89\x01?\x80\x02lo",
	    "text(Hel ping(?)lo)"),
	ROW("nothing in it", false, "\x82\0\x82\0", "binary() binary()"),
	ROW("a long form of a short length", false, "\x82\x7e\0\x01x", "binary(x)"),
	ROW("close with a code", false, "\x88\x02\x03\xe8", "close(\x03\xe8)"),
	ROW("no mask where one must be", true, "\x81\x05", "error"),
	ROW("a mask where none may be", false, "\x81\x85", "error"),
	ROW("reserved bits", false, "\xc1\x05", "error"),
	ROW("an unknown opcode", false, "\x83\x05", "error"),
	ROW("the continuation of nothing", false, "\x80\x01x", "error"),
	ROW("a message inside another", false, "\x01\x01x\x81\x01x", "text(x error"),
	ROW("a ping too large", false, "\x89\x7e", "error"),
	ROW("a ping in fragments", false, "\x09\x01", "error"),
	ROW("a negative length", false, "\x82\x7f\xff\0\0\0\0\0\0\0", "error"),
#undef ROW
};

static void test_ws_table(void)
{
	for (size_t i = 0; i < ARRAY_LEN(frames); i++)
		for (size_t slice = 1; slice <= frames[i].n; slice++) {
			AUTO_STR text, out;
			str_init(&text, 1024);
			str_init(&out, 1024);
			str_add_bytes(&text, frames[i].bytes, frames[i].n);
			ws_print(frames[i].is_masked, &text, slice, &out);
			CHECK_TEXT(frames[i].name, out.data, frames[i].want);
		}
}

static void test_ws_sizes(void)
{
	static const size_t sizes[] = { 0, 1, 125, 126, 65535, 65536, 200000 };
	static const uint8_t mask[4] = { 1, 2, 3, 4 };
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		for (int is_masked = 0; is_masked < 2; is_masked++) {
			AUTO_STR bytes, frame, want, got;
			str_init(&bytes, 1u << 20);
			str_init(&frame, 1u << 20);
			str_init(&want, 1u << 20);
			str_init(&got, 1u << 20);
			for (size_t k = 0; k < sizes[i]; k++)
				str_add_char(&bytes, (char)('a' + k % 26));
			ws_frame_add(&frame, WS_BINARY, is_masked ? mask : NULL, bytes.data,
				     bytes.len);
			size_t head = sizes[i] < 126 ? 2 : sizes[i] < 65536 ? 4 : 10;
			CHECK_INT(frame.len, head + (is_masked ? 4 : 0) + sizes[i]);
			str_addf(&want, "binary(%s)", bytes.data);
			ws_print(is_masked, &frame, 4096, &got);
			CHECK_TEXT("round", got.data, want.data);
		}
}

/* ---- SPDY ---- */

static void spdy_print(const char *text, size_t len, size_t slice, struct str *out)
{
	static const char *const names[] = { "data", "reply", "reset", "ping", "goaway", "other" };
	struct spdy_reader r = { 0 };
	auto_free char *copy = xmemdup(text, len);
	uint32_t open = 0;
	for (size_t at = 0; at < len; at += slice) {
		char *bytes = copy + at;
		size_t n = MIN(slice, len - at);
		struct spdy_piece p;
		struct error err;
		int code;
		while ((code = spdy_reader_next(&r, &bytes, &n, &p, &err)) > 0) {
			if (p.kind != SPDY_DATA || open != p.stream)
				str_addf(out, "%s%s %u ", out->len ? " " : "", names[p.kind],
					 p.stream);
			open = p.kind == SPDY_DATA && !p.is_end ? p.stream : 0;
			str_add_bytes(out, p.bytes ? p.bytes : "", p.n);
			str_add(out, p.is_end ? "!" : "");
		}
		if (code < 0) {
			CHECK_INT(code, ERR_MALFORMED);
			str_add(out, "error");
			return;
		}
		CHECK_INT(n, 0);
	}
}

static const struct {
	const char *name, *bytes;
	size_t n;
	const char *want;
} spdy[] = {
#define ROW(name, bytes, want)                                                                     \
	{                                                                                          \
		name, bytes, sizeof(bytes) - 1, want                                               \
	}
	ROW("data",
	    "\0\0\0\x05\0\0\0\x03"
	    "abc",
	    "data 5 abc"),
	ROW("data and its end",
	    "\0\0\0\x05\1\0\0\x03"
	    "abc",
	    "data 5 abc!"),
	ROW("only the end", "\0\0\0\x05\1\0\0\0", "data 5 !"),
	ROW("a reply with headers", "\x80\x03\0\x02\0\0\0\x06\0\0\0\x07zz", "reply 7 "),
	ROW("a reset", "\x80\x03\0\x03\0\0\0\x08\0\0\0\x07\0\0\0\x05", "reset 7 !"),
	ROW("a ping", "\x80\x03\0\x06\0\0\0\x04\0\0\0\x02", "ping 2 "),
	ROW("going away", "\x80\x03\0\x07\0\0\0\x08\0\0\0\x02\0\0\0\0", "goaway 0 "),
	ROW("settings are passed over", "\x80\x03\0\x04\0\0\0\x04\0\0\0\0\0\0\0\1\1\0\0\1x",
	    "other 0  data 1 x!"),
	ROW("another version", "\x80\x02\0\x06\0\0\0\x04", "error"),
	ROW("a ping without number", "\x80\x03\0\x06\0\0\0\x03", "error"),
	/* A stream that nobody opened: whoever reads it finds no channel for it. */
	ROW("HTTP", "HTTP\0\0\0\2ab", "data 1213486160 ab"),
#undef ROW
};

static void test_spdy_table(void)
{
	for (size_t i = 0; i < ARRAY_LEN(spdy); i++)
		for (size_t slice = 1; slice <= spdy[i].n; slice++) {
			AUTO_STR out;
			str_init(&out, 1024);
			spdy_print(spdy[i].bytes, spdy[i].n, slice, &out);
			CHECK_TEXT(spdy[i].name, out.data, spdy[i].want);
		}
}

/* The bytes of the first two streams of a connection, as Go's reader takes them. */
static void test_spdy_open(void)
{
	static const struct spdy_header header = { "streamtype", "error" };
	static const char want[] = "\x80\x03\0\x01\0\0\0\x35\0\0\0\x01\0\0\0\0\0\0"
				   "\x78\xbb\xe3\xc6\xa7\xc2"
				   "\0\x1b\0\xe4\xff\0\0\0\x01\0\0\0\x0astreamtype\0\0\0\x05"
				   "error\0\0\0\xff\xff"
				   "\x80\x03\0\x01\0\0\0\x2f\0\0\0\x03\0\0\0\0\0\0"
				   "\0\x1b\0\xe4\xff\0\0\0\x01\0\0\0\x0astreamtype\0\0\0\x05"
				   "error\0\0\0\xff\xff";
	AUTO_STR out;
	struct error err;
	bool has_begun = false;
	str_init(&out, 1024);
	CHECK_INT(spdy_open_add(&out, &has_begun, 1, &header, 1, &err), 0);
	CHECK_INT(spdy_open_add(&out, &has_begun, 3, &header, 1, &err), 0);
	CHECK_INT(out.len, sizeof want - 1);
	CHECK(memcmp(out.data, want, out.len) == 0);
	auto_free char *huge = xcalloc(SPDY_BLOCK_MAX + 1, 1);
	memset(huge, 'x', SPDY_BLOCK_MAX);
	const struct spdy_header large = { "streamtype", huge };
	CHECK_INT(spdy_open_add(&out, &has_begun, 5, &large, 1, &err), ERR_LIMIT);
	CHECK_INT(out.len, sizeof want - 1);
}

int main(void)
{
	test_ws_table();
	test_ws_sizes();
	test_spdy_table();
	test_spdy_open();
	return 0;
}
