/*
 * The translation of WebSocket channels, as text: what the client and the node say, and what each
 * of them hears.
 *
 * Said:   C0:abc a message on channel 0; C255:\0 …; Cping:x; Cbye; Craw:… bytes as they are
 *         N3:abc data on stream 3; N3! its end; Nreset:3; Nping:2; Nraw:…; Nend the connection's end
 * Heard:  c1:abc a message; cping:x, cpong:x, cbye:1000; ctext:…
 *         n1+streamtype=error a stream is opened; n3:abc data; n3! its end; nping:2; nraw:…
 */
#include "apiserver/channels.h"
#include "tests/support/check.h"

#include <ctype.h>
#include <stdio.h>
#include <zlib.h>

#define TEXT_MAX 65536

static const struct {
	const char *name;
	struct channels options;
	const char *said, *heard;
} rows[] = {
#define EXEC(...)                                                                                  \
	{                                                                                          \
		.kind = CHANNELS_EXEC, __VA_ARGS__                                                 \
	}
#define ALL .has_stdin = true, .has_stdout = true, .has_stderr = true
	{ "streams of an exec", EXEC(ALL), "",
	  "c1: n1+streamtype=error n3+streamtype=stdin n5+streamtype=stdout n7+streamtype=stderr" },
	{ "a terminal has one output and sizes", EXEC(ALL, .has_tty = true), "C4:{\"Width\":1}",
	  "c1: n1+streamtype=error n3+streamtype=stdin n5+streamtype=stdout n7+streamtype=resize "
	  "n7:{\"Width\":1}" },
	{ "only errors", EXEC(.has_stderr = true), "N3:x",
	  "c2: n1+streamtype=error n3+streamtype=stderr c2:x" },
#define SHORT EXEC(.has_stdin = true, .has_stdout = true, .can_close = true)
#define BEGIN "c1: n1+streamtype=error n3+streamtype=stdin n5+streamtype=stdout "
	{ "both ways", SHORT, "C0:in N5:out C0:more", BEGIN "n3:in c1:out n3:more" },
	{ "v5 closes stdin", SHORT, "C0:x C255:\\0 C0:y", BEGIN "n3:x n3!" },
	{ "closed twice", SHORT, "C255:\\0 C255:\\0", BEGIN "n3!" },
	{ "what cannot be closed", SHORT, "C255:\\1 C255:\\3 C255:\\377", BEGIN },
	{ "v4 has no such channel", EXEC(.has_stdin = true, .has_stdout = true), "C255:\\0 C0:x",
	  BEGIN "n3:x" },
	{ "no channel of the client's", SHORT, "C1:x C2:x C3:x C4:x C9:x C200:x", BEGIN },
	{ "empty messages", SHORT, "C0: Craw:\\202\\200abcd C0:x", BEGIN "n3:x" },
	{ "the status is one message", SHORT, "N1:{\"a\" N1::1} N5:late N1! N5!",
	  BEGIN "c1:late c3:{\"a\":1}" },
	{ "the end after the status", SHORT, "N1:{} N1! N5! Nend", BEGIN "c3:{} cbye:1000" },
	{ "the end before it", SHORT, "N1:{} Nend", BEGIN "c3:{} cbye:1000" },
	{ "the end without it", SHORT, "N5:x Nend",
	  BEGIN "c1:x c3:{\"metadata\":{},\"status\":\"Failure\",\"reason\":\"InternalError\","
		"\"message\":\"the connection to the container's node ended before the process "
		"did\"} cbye:1000" },
	{ "pings are answered, the node's own only", SHORT, "Cping:hi Nping:2 Nping:3",
	  BEGIN "cpong:hi nping:2" },
	{ "the client closes", SHORT, "C0:x Cbye C0:y", BEGIN "n3:x cbye:1000" },
	{ "the client breaks the rules", SHORT, "Craw:\\202\\1x", BEGIN "cbye:1002" },
	{ "the node breaks them", SHORT, "Nraw:\\200\\2\\0\\1\\0\\0\\0\\0", BEGIN "cbye:1011" },
	{ "streams of nobody", SHORT, "N9:x N4:x N0:x Nreset:9", BEGIN },
	{ "stdin is refused", SHORT, "Nreset:3 C0:x N5:y", BEGIN "c1:y" },

	{ "a port",
	  { .kind = CHANNELS_FORWARD, .ports = { 80 }, .ports_count = 1 },
	  "C0:GET N3:200 C1:x C2:x",
	  "c0:P\\0 c1:P\\0 n1+streamtype=error,port=80,requestid=0 n1! "
	  "n3+streamtype=data,port=80,requestid=0 n3:GET c0:200" },
	{ "v5 ends the client's direction",
	  { .kind = CHANNELS_FORWARD, .ports = { 80 }, .ports_count = 1, .can_close = true },
	  "C0:x C255:\\0 C0:y N3:z C255:\\1",
	  "c0:P\\0 c1:P\\0 n1+streamtype=error,port=80,requestid=0 n1! "
	  "n3+streamtype=data,port=80,requestid=0 n3:x n3! c0:z" },
	{ "two ports, one fails",
	  { .kind = CHANNELS_FORWARD, .ports = { 80, 258 }, .ports_count = 2 },
	  "C2:x N5:refused N5! N7! N3:y N3! N1!",
	  "c0:P\\0 c1:P\\0 c2:\\2\\1 c3:\\2\\1 n1+streamtype=error,port=80,requestid=0 n1! "
	  "n3+streamtype=data,port=80,requestid=0 n5+streamtype=error,port=258,requestid=1 n5! "
	  "n7+streamtype=data,port=258,requestid=1 n7:x c3:refused c0:y cbye:1000" },

	{ "a tunnel",
	  { .kind = CHANNELS_TUNNEL },
	  "Craw:\\202\\202\\0\\0\\0\\0ab Nraw:xyz Nend",
	  "nraw:ab craw:xyz cbye:1000" },
	{ "a log", { .kind = CHANNELS_LOG }, "Nraw:line C0:x Nend", "c: craw:line cbye:1000" },
	{ "a log in base64",
	  { .kind = CHANNELS_LOG_BASE64 },
	  "Nraw:line Nraw:s! Nend",
	  "ctext: ctext:bGlu ctext:ZXMh cbye:1000" },
	{ "its rest",
	  { .kind = CHANNELS_LOG_BASE64 },
	  "Nraw:line Nend",
	  "ctext: ctext:bGlu ctext:ZQ== cbye:1000" },
};

/* ---- what is said ---- */

static void unescape(const char *text, size_t n, struct str *out)
{
	for (size_t i = 0; i < n; i++) {
		unsigned c = 0;
		if (text[i] != '\\') {
			str_add_char(out, text[i]);
			continue;
		}
		while (i + 1 < n && isdigit((unsigned char)text[i + 1]))
			c = c * 8 + (unsigned)(text[++i] - '0');
		str_add_char(out, (char)c);
	}
}

static void spdy_control(struct str *out, unsigned type, uint32_t id, size_t more)
{
	const uint8_t bytes[] = { 0x80, 3, 0, (uint8_t)type, 0, 0, 0, (uint8_t)(4 + more),
				  0,    0, 0, (uint8_t)id };
	str_add_bytes(out, bytes, sizeof bytes);
	for (size_t i = 0; i < more; i++)
		str_add_char(out, 1);
}

static void say(const char *word, size_t n, struct str *out)
{
	static const uint8_t mask[4] = { 9, 8, 7, 6 };
	const char *colon = memchr(word, ':', n);
	AUTO_STR bytes;
	str_init(&bytes, TEXT_MAX);
	if (word[0] == 'C' && isdigit((unsigned char)word[1]))
		str_add_char(&bytes, (char)strtoul(word + 1, NULL, 10));
	if (colon)
		unescape(colon + 1, n - (size_t)(colon - word) - 1, &bytes);
	if (starts_with(word + 1, "raw:"))
		str_add_bytes(out, bytes.data, bytes.len);
	else if (starts_with(word, "Cping:"))
		ws_frame_add(out, WS_PING, mask, bytes.data, bytes.len);
	else if (starts_with(word, "Cbye"))
		ws_frame_add(out, WS_CLOSE, mask, "\3\350", 2);
	else if (word[0] == 'C')
		ws_frame_add(out, WS_BINARY, mask, bytes.data, bytes.len);
	else if (starts_with(word, "Nreset:"))
		spdy_control(out, 3, (uint32_t)strtoul(bytes.data, NULL, 10), 4);
	else if (starts_with(word, "Nping:"))
		spdy_control(out, 6, (uint32_t)strtoul(bytes.data, NULL, 10), 0);
	else {
		spdy_data_head_add(out, (uint32_t)strtoul(word + 1, NULL, 10), bytes.len,
				   word[n - 1] == '!');
		str_add_bytes(out, bytes.data, bytes.len);
	}
}

/* ---- what is heard ---- */

struct hearing {
	struct ws_reader client;
	struct spdy_reader node;
	z_stream headers;
	bool has_headers, is_raw;
	char last[32]; /* data of one stream in a row is one word */
	struct str text;
};

static void escape(struct str *out, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (isprint((unsigned char)bytes[i]))
			str_add_char(out, bytes[i]);
		else
			str_addf(out, "\\%o", (unsigned char)bytes[i]);
}

static void word(struct hearing *h, const char *name, const char *bytes, size_t n, bool joins)
{
	bool is_same = joins && n > 0 && streq(h->last, name) && h->text.len;
	if (!is_same)
		str_addf(&h->text, "%s%s", h->text.len ? " " : "", name);
	escape(&h->text, bytes, n);
	(void)!snprintf(h->last, sizeof h->last, "%s", joins ? name : "");
}

static void hear_client(struct hearing *h, struct str *bytes)
{
	char *at = bytes->data, name[32];
	size_t n = bytes->len;
	struct ws_piece p;
	struct error err;
	while (ws_reader_next(&h->client, &at, &n, &p, &err) > 0) {
		CHECK(p.is_first && p.is_last);
		if (p.opcode == WS_CLOSE) {
			CHECK_INT(p.n, 2);
			(void)!snprintf(name, sizeof name, "cbye:%u",
					(unsigned)(uint8_t)p.bytes[0] << 8 | (uint8_t)p.bytes[1]);
			word(h, name, "", 0, false);
		} else if (p.opcode == WS_PONG) {
			word(h, "cpong:", p.bytes, p.n, false);
		} else if (p.opcode == WS_TEXT) {
			word(h, "ctext:", p.bytes, p.n, false);
		} else if (h->is_raw) { /* no channels: a word of its own */
			word(h, p.n ? "craw:" : "c:", p.bytes, p.n, p.n > 0);
		} else {
			(void)!snprintf(name, sizeof name, "c%u:", (uint8_t)p.bytes[0]);
			word(h, name, p.bytes + 1, p.n - 1, p.n > 1);
		}
	}
	CHECK_INT(n, 0);
	str_clear(bytes);
}

static uint32_t u32(const uint8_t *b)
{
	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* Header blocks go through zlib's own reader; what stands before is not of deflate. */
static void hear_open(struct hearing *h, const uint8_t *frame, size_t n)
{
	uint8_t block[1024];
	AUTO_STR name;
	str_init(&name, 1024);
	h->headers.next_in = (uint8_t *)(uintptr_t)(frame + 18);
	h->headers.avail_in = (unsigned)(n - 18);
	if (!h->has_headers) {
		CHECK(memcmp(h->headers.next_in, "\x78\xbb\xe3\xc6\xa7\xc2", 6) == 0);
		h->headers.next_in += 6;
		h->headers.avail_in -= 6;
	}
	h->has_headers = true;
	h->headers.next_out = block;
	h->headers.avail_out = sizeof block;
	CHECK_INT(inflate(&h->headers, Z_SYNC_FLUSH), Z_OK);
	CHECK_INT(h->headers.avail_in, 0);
	str_addf(&name, "n%u+", u32(frame + 8));
	const uint8_t *at = block + 4;
	for (uint32_t i = 0; i < u32(block); i++)
		for (int part = 0; part < 2; part++) {
			str_add(&name, part ? "=" : i ? "," : "");
			str_add_bytes(&name, at + 4, u32(at));
			at += 4 + u32(at);
		}
	word(h, name.data, "", 0, false);
}

static void hear_node(struct hearing *h, struct str *bytes)
{
	char name[32];
	const uint8_t *at = (const uint8_t *)bytes->data;
	if (h->is_raw && bytes->len)
		word(h, "nraw:", bytes->data, bytes->len, true);
	for (size_t left = h->is_raw ? 0 : bytes->len; left > 0;) {
		size_t n = 8 + (u32(at + 4) & 0xffffff);
		CHECK(left >= n);
		if (at[0] & 0x80 && at[3] == 1) {
			hear_open(h, at, n);
		} else if (at[0] & 0x80) {
			CHECK_INT(at[3], 6);
			(void)!snprintf(name, sizeof name, "nping:%u", u32(at + 8));
			word(h, name, "", 0, false);
		} else {
			(void)!snprintf(name, sizeof name, "n%u%s", u32(at), at[4] & 1 ? "!" : ":");
			word(h, name, (const char *)at + 8, n - 8, true);
		}
		at += n;
		left -= n;
	}
	str_clear(bytes);
}

/* ---- the table ---- */

static void feed(struct channels *c, bool is_client, struct str *bytes, size_t slice,
		 struct hearing *h)
{
	AUTO_STR to_client, to_node;
	str_init(&to_client, TEXT_MAX);
	str_init(&to_node, TEXT_MAX);
	for (size_t at = 0; at < bytes->len; at += slice) {
		struct error err;
		size_t n = MIN(slice, bytes->len - at);
		auto_free char *copy = xmemdup(bytes->data + at, n);
		int code = (is_client ? channels_from_client
				      : channels_from_node)(c, copy, n, &to_client, &to_node, &err);
		hear_client(h, &to_client);
		hear_node(h, &to_node);
		if (code < 0)
			return;
	}
}

static void play(size_t row, size_t slice)
{
	struct channels c = rows[row].options;
	struct hearing h = { .is_raw = c.kind != CHANNELS_EXEC && c.kind != CHANNELS_FORWARD };
	AUTO_STR to_client, to_node;
	str_init(&to_client, TEXT_MAX);
	str_init(&to_node, TEXT_MAX);
	str_init(&h.text, TEXT_MAX);
	CHECK_INT(inflateInit2(&h.headers, -15), Z_OK);
	channels_begin(&c, &to_client, &to_node);
	hear_client(&h, &to_client);
	hear_node(&h, &to_node);
	for (const char *at = rows[row].said; *at;) {
		size_t n = strcspn(at, " ");
		AUTO_STR bytes;
		str_init(&bytes, TEXT_MAX);
		if (starts_with(at, "Nend")) {
			channels_node_ended(&c, &to_client);
			hear_client(&h, &to_client);
		} else {
			say(at, n, &bytes);
			feed(&c, at[0] == 'C', &bytes, slice, &h);
		}
		at += n;
		at += strspn(at, " ");
	}
	AUTO_STR want;
	str_init(&want, TEXT_MAX);
	str_add(&want, rows[row].heard);
	while (want.len && want.data[want.len - 1] == ' ')
		str_truncate(&want, want.len - 1);
	CHECK_TEXT(rows[row].name, h.text.data, want.data);
	inflateEnd(&h.headers);
	str_fini(&h.text);
	channels_fini(&c);
}

int main(void)
{
	static const size_t slices[] = { 4096, 1, 2, 3, 7 };
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (size_t k = 0; k < ARRAY_LEN(slices); k++)
			if (k == 0 || rows[i].options.kind != CHANNELS_LOG_BASE64)
				play(i, slices[k]);
	return 0;
}
