/* JSON text as it was sent, but on one line. */
#include "common/base/str.h"
#include "schemas/json_text.h"

#include <math.h>

#define LONG_NUMBER 300 /* shorter ones without an exponent are in range */

struct copy {
	const char *at, *end;
	struct str *out;
	int depth;
};

static bool copy_value(struct copy *c);

static void skip_blanks(struct copy *c)
{
	while (c->at < c->end &&
	       (*c->at == ' ' || *c->at == '\n' || *c->at == '\r' || *c->at == '\t'))
		c->at++;
}

static bool copy_char(struct copy *c, char wanted)
{
	if (c->at >= c->end || *c->at != wanted)
		return false;
	str_add_char(c->out, *c->at++);
	return true;
}

/* ---- strings ---- */

/* Four hexadecimal digits; -1: they are none. */
static int hex_at(const struct copy *c, const char *p)
{
	int value = 0;
	for (int i = 0; i < 4; i++, p++) {
		if (p >= c->end || !*p)
			return -1;
		const char *digits = "0123456789abcdefABCDEF", *digit = strchr(digits, *p);
		if (!digit)
			return -1;
		int n = (int)(digit - digits);
		value = value * 16 + (n > 15 ? n - 6 : n);
	}
	return value;
}

/* Behind "\u". Halves of a pair are text only together. */
static bool copy_unicode(struct copy *c)
{
	int first = hex_at(c, c->at);
	if (first < 0)
		return false;
	size_t n = 4;
	bool is_half = first >= 0xd800 && first < 0xe000;
	if (is_half && first < 0xdc00 && c->end - c->at >= 6 && c->at[4] == '\\' &&
	    c->at[5] == 'u') {
		int second = hex_at(c, c->at + 6);
		is_half = second < 0xdc00 || second >= 0xe000;
		n = is_half ? 4 : 10;
	}
	str_add(c->out, "\\u");
	str_add_bytes(c->out, is_half ? "fffd" : c->at, n);
	c->at += n;
	return true;
}

static bool copy_escape(struct copy *c)
{
	if (c->at >= c->end || !*c->at || !strchr("\"\\/bfnrtu", *c->at))
		return false;
	if (*c->at == 'u') {
		c->at++;
		return copy_unicode(c);
	}
	str_add_char(c->out, '\\');
	str_add_char(c->out, *c->at++);
	return true;
}

static bool copy_text(struct copy *c)
{
	if (!copy_char(c, '"'))
		return false;
	for (;;) {
		const char *from = c->at;
		unsigned char high = 0;
		while (c->at < c->end && *c->at != '"' && *c->at != '\\' &&
		       (unsigned char)*c->at >= ' ')
			high |= (unsigned char)*c->at++;
		if (high & 0x80)
			utf8_add_valid(c->out, from, (size_t)(c->at - from));
		else
			str_add_bytes(c->out, from, (size_t)(c->at - from));
		if (c->at >= c->end || *c->at != '\\')
			return copy_char(c, '"');
		c->at++;
		if (!copy_escape(c))
			return false;
	}
}

/* ---- numbers and words ---- */

static bool past_digits(struct copy *c)
{
	const char *from = c->at;
	while (c->at < c->end && *c->at >= '0' && *c->at <= '9')
		c->at++;
	return c->at > from;
}

static bool copy_number(struct copy *c)
{
	const char *from = c->at;
	bool has_exponent = false;
	c->at += *c->at == '-';
	const char *digits = c->at;
	if (!past_digits(c) || (*digits == '0' && c->at - digits > 1))
		return false;
	if (c->at < c->end && *c->at == '.') {
		c->at++;
		if (!past_digits(c))
			return false;
	}
	if (c->at < c->end && (*c->at == 'e' || *c->at == 'E')) {
		has_exponent = true;
		c->at++;
		c->at += c->at < c->end && (*c->at == '+' || *c->at == '-');
		if (!past_digits(c))
			return false;
	}
	size_t n = (size_t)(c->at - from);
	if (has_exponent || n > LONG_NUMBER) {
		auto_free char *text = xstrndup(from, n);
		if (!isfinite(strtod(text, NULL))) /* who reads the line could not */
			return false;
	}
	str_add_bytes(c->out, from, n);
	return true;
}

static bool copy_word(struct copy *c, const char *word)
{
	size_t n = strlen(word);
	if ((size_t)(c->end - c->at) < n || memcmp(c->at, word, n) != 0)
		return false;
	str_add_bytes(c->out, word, n);
	c->at += n;
	return true;
}

/* ---- what holds others ---- */

static bool copy_container(struct copy *c, char close)
{
	bool is_object = close == '}';
	str_add_char(c->out, *c->at++);
	skip_blanks(c);
	if (copy_char(c, close))
		return true;
	for (;;) {
		if (is_object) {
			if (!copy_text(c))
				return false;
			skip_blanks(c);
			if (!copy_char(c, ':'))
				return false;
		}
		if (!copy_value(c))
			return false;
		if (!copy_char(c, ','))
			return copy_char(c, close);
		skip_blanks(c);
	}
}

/* With the blanks around it. */
static bool copy_value(struct copy *c)
{
	bool done = false;
	skip_blanks(c);
	if (c->at >= c->end || ++c->depth > JSON_DEPTH_MAX || !str_ok(c->out))
		return false;
	switch (*c->at) {
	case '{':
		done = copy_container(c, '}');
		break;
	case '[':
		done = copy_container(c, ']');
		break;
	case '"':
		done = copy_text(c);
		break;
	case 't':
		done = copy_word(c, "true");
		break;
	case 'f':
		done = copy_word(c, "false");
		break;
	case 'n':
		done = copy_word(c, "null");
		break;
	default:
		done = copy_number(c);
	}
	c->depth--;
	skip_blanks(c);
	return done;
}

bool json_text_compact(const char *text, size_t len, struct str *out)
{
	struct copy c = { .at = text, .end = text + len, .out = out };
	size_t before = out->len;
	if (copy_value(&c) && c.at == c.end)
		return true;
	str_truncate(out, before);
	return false;
}
