#include "schemas/json_text.h"

#include "common/base/jsonx.h"
#include "common/base/scan.h"

#include <errno.h>

#define NAME_SMALL 128 /* longer names of members are copied to the heap */

struct reader {
	const char *start, *at, *end;
	struct schema_report *report;
	struct error *err;
	struct str scratch;
	size_t depth;
};

static int read_value(struct reader *r, const struct path *where, json_t **ret);

static int fail_at(struct reader *r, const char *expected)
{
	if (r->at >= r->end)
		return error_set(r->err, ERR_MALFORMED, "unexpected end of JSON input");
	size_t line = 1;
	for (const char *p = r->start; p < r->at; p++)
		line += *p == '\n';
	unsigned char c = (unsigned char)*r->at;
	if (c >= 0x20 && c < 0x7f)
		return error_set(r->err, ERR_MALFORMED, "invalid character '%c' %s (line %zu)", c,
				 expected, line);
	return error_set(r->err, ERR_MALFORMED, "invalid byte 0x%02x %s (line %zu)", c, expected,
			 line);
}

static void skip_blanks(struct reader *r)
{
	while (r->at < r->end &&
	       (*r->at == ' ' || *r->at == '\n' || *r->at == '\r' || *r->at == '\t'))
		r->at++;
}

static int read_hex(struct reader *r, unsigned *ret)
{
	unsigned value = 0;
	for (int i = 0; i < 4; i++, r->at++) {
		if (r->at >= r->end)
			return fail_at(r, "");
		char c = *r->at;
		unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
				 : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
				 : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A' + 10)
							: 16;
		if (digit > 15)
			return fail_at(r, "in \\u hexadecimal character escape");
		value = value * 16 + digit;
	}
	*ret = value;
	return 0;
}

static void add_rune(struct str *out, unsigned rune)
{
	if (rune < 0x80) {
		str_add_char(out, (char)rune);
		return;
	}
	if (rune < 0x800) {
		str_add_char(out, (char)(0xc0 | rune >> 6));
	} else {
		if (rune < 0x10000) {
			str_add_char(out, (char)(0xe0 | rune >> 12));
		} else {
			str_add_char(out, (char)(0xf0 | rune >> 18));
			str_add_char(out, (char)(0x80 | (rune >> 12 & 0x3f)));
		}
		str_add_char(out, (char)(0x80 | (rune >> 6 & 0x3f)));
	}
	str_add_char(out, (char)(0x80 | (rune & 0x3f)));
}

/* After "\u": one rune, of two escapes where they are a surrogate pair. */
static int read_unicode(struct reader *r)
{
	unsigned rune, low;
	if (read_hex(r, &rune) < 0)
		return r->err->code;
	if (rune >= 0xd800 && rune < 0xe000) {
		const char *before = r->at;
		if (rune < 0xdc00 && r->end - r->at >= 6 && r->at[0] == '\\' && r->at[1] == 'u') {
			r->at += 2;
			if (read_hex(r, &low) < 0)
				return r->err->code;
			if (low >= 0xdc00 && low < 0xe000) {
				rune = 0x10000 + ((rune - 0xd800) << 10) + (low - 0xdc00);
				add_rune(&r->scratch, rune);
				return 0;
			}
			r->at = before;
		}
		rune = 0xfffd;
	}
	add_rune(&r->scratch, rune);
	return 0;
}

static int read_escape(struct reader *r)
{
	if (r->at >= r->end)
		return fail_at(r, "");
	char c = *r->at;
	if (c == 'u') {
		r->at++;
		return read_unicode(r);
	}
	static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
	const char *known = c ? strchr(names, c) : NULL;
	if (!known)
		return fail_at(r, "in string escape code");
	r->at++;
	str_add_char(&r->scratch, values[known - names]);
	return 0;
}

/* A string of nothing but plain ASCII, as most are: between its quotes. False: look closer. */
static bool read_plain(struct reader *r, struct span *ret)
{
	const char *from = r->at + 1, *p = from;
	while (p < r->end && *p != '"' && *p != '\\' && (unsigned char)(*p - ' ') < 0x80 - ' ')
		p++;
	if (p >= r->end || *p != '"')
		return false;
	*ret = (struct span){ from, (size_t)(p - from) };
	r->at = p + 1;
	return true;
}

/* A string's text into scratch. */
static int read_text(struct reader *r)
{
	str_clear(&r->scratch);
	r->at++;
	for (;;) {
		const char *from = r->at;
		while (r->at < r->end && *r->at != '"' && *r->at != '\\' &&
		       (unsigned char)*r->at >= 0x20)
			r->at++;
		utf8_add_valid(&r->scratch, from, (size_t)(r->at - from));
		if (r->at >= r->end)
			return fail_at(r, "");
		if (*r->at == '"') {
			r->at++;
			return str_check(&r->scratch, "a JSON string", r->err);
		}
		if (*r->at != '\\')
			return fail_at(r, "in string literal");
		r->at++;
		if (read_escape(r) < 0)
			return r->err->code;
	}
}

static size_t skip_digits(struct reader *r)
{
	const char *from = r->at;
	while (r->at < r->end && *r->at >= '0' && *r->at <= '9')
		r->at++;
	return (size_t)(r->at - from);
}

static int read_number(struct reader *r, json_t **ret)
{
	const char *from = r->at;
	bool is_real = false;
	if (*r->at == '-')
		r->at++;
	const char *digits = r->at;
	size_t count = skip_digits(r);
	if (count == 0)
		return fail_at(r, "in numeric literal");
	if (count > 1 && *digits == '0') {
		r->at = digits + 1;
		return fail_at(r, "after top-level value");
	}
	if (r->at < r->end && *r->at == '.') {
		is_real = true;
		r->at++;
		if (skip_digits(r) == 0)
			return fail_at(r, "after decimal point in numeric literal");
	}
	if (r->at < r->end && (*r->at == 'e' || *r->at == 'E')) {
		is_real = true;
		r->at++;
		if (r->at < r->end && (*r->at == '+' || *r->at == '-'))
			r->at++;
		if (skip_digits(r) == 0)
			return fail_at(r, "in exponent of numeric literal");
	}
	auto_free char *text = xstrndup(from, (size_t)(r->at - from));
	errno = 0;
	long long whole = is_real ? 0 : strtoll(text, NULL, 10);
	if (!is_real && errno == 0) {
		*ret = json_integer(whole);
		return 0;
	}
	double real = strtod(text, NULL);
	if (real > 1.7e308 || real < -1.7e308)
		return error_set(r->err, ERR_MALFORMED, "number %s is out of range", text);
	*ret = json_real(real);
	return 0;
}

static int read_word(struct reader *r, json_t **ret)
{
	static const char *const words[] = { "true", "false", "null" };
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		size_t n = strlen(words[i]);
		if ((size_t)(r->end - r->at) >= n && memcmp(r->at, words[i], n) == 0) {
			r->at += n;
			*ret = i == 0 ? json_true() : i == 1 ? json_false() : json_null();
			return 0;
		}
	}
	return fail_at(r, "looking for beginning of value");
}

static int read_array(struct reader *r, const struct path *where, json_t **ret)
{
	AUTO_JSON *list = json_array();
	r->at++;
	skip_blanks(r);
	if (r->at < r->end && *r->at == ']') {
		r->at++;
		*ret = TAKE(list);
		return 0;
	}
	for (;;) {
		json_t *item = NULL;
		if (read_value(r, PATH_AT(where, json_array_size(list)), &item) < 0)
			return r->err->code;
		json_array_append_new(list, item);
		skip_blanks(r);
		if (r->at < r->end && *r->at == ',') {
			r->at++;
			continue;
		}
		if (r->at < r->end && *r->at == ']')
			break;
		return fail_at(r, "after array element");
	}
	r->at++;
	*ret = TAKE(list);
	return 0;
}

static int read_member(struct reader *r, const struct path *where, json_t *object)
{
	skip_blanks(r);
	if (r->at >= r->end || *r->at != '"')
		return fail_at(r, "looking for beginning of object key string");
	struct span plain;
	auto_free char *longer = NULL;
	char small[NAME_SMALL], *name = small;
	if (!read_plain(r, &plain)) {
		if (read_text(r) < 0)
			return r->err->code;
		if (memchr(r->scratch.data, '\0', r->scratch.len))
			return error_set(r->err, ERR_MALFORMED, "a member name holds a NUL");
		plain = (struct span){ r->scratch.data, r->scratch.len };
	}
	if (plain.len >= sizeof small)
		name = longer = xstrndup(plain.at, plain.len);
	else
		memcpy(small, plain.at, plain.len);
	name[plain.len] = '\0';
	skip_blanks(r);
	if (r->at >= r->end || *r->at != ':')
		return fail_at(r, "after object key");
	r->at++;
	json_t *value = NULL;
	if (read_value(r, PATH(where, name), &value) < 0)
		return r->err->code;
	size_t before = json_object_size(object);
	json_object_setn_new_nocheck(object, name, strlen(name), value);
	if (json_object_size(object) == before)
		report_field(r->report, "duplicate", PATH(where, name));
	return 0;
}

static int read_object(struct reader *r, const struct path *where, json_t **ret)
{
	AUTO_JSON *object = json_object();
	r->at++;
	skip_blanks(r);
	if (r->at < r->end && *r->at == '}') {
		r->at++;
		*ret = TAKE(object);
		return 0;
	}
	for (;;) {
		if (read_member(r, where, object) < 0)
			return r->err->code;
		skip_blanks(r);
		if (r->at < r->end && *r->at == ',') {
			r->at++;
			continue;
		}
		if (r->at < r->end && *r->at == '}')
			break;
		return fail_at(r, "after object key:value pair");
	}
	r->at++;
	*ret = TAKE(object);
	return 0;
}

static int read_value(struct reader *r, const struct path *where, json_t **ret)
{
	skip_blanks(r);
	if (r->at >= r->end)
		return fail_at(r, "");
	if (r->depth == JSON_DEPTH_MAX)
		return error_set(r->err, ERR_LIMIT, "JSON is nested deeper than %d levels",
				 JSON_DEPTH_MAX);
	r->depth++;
	struct span plain;
	int code = 0;
	switch (*r->at) {
	case '{':
		code = read_object(r, where, ret);
		break;
	case '[':
		code = read_array(r, where, ret);
		break;
	case '"':
		if (read_plain(r, &plain)) {
			*ret = json_stringn_nocheck(plain.at, plain.len);
			break;
		}
		code = read_text(r);
		if (code == 0)
			*ret = json_stringn_nocheck(r->scratch.data, r->scratch.len);
		break;
	case '-':
	case '0':
	case '1':
	case '2':
	case '3':
	case '4':
	case '5':
	case '6':
	case '7':
	case '8':
	case '9':
		code = read_number(r, ret);
		break;
	default:
		code = read_word(r, ret);
	}
	r->depth--;
	return code;
}

int json_text_parse(const char *text, size_t len, json_t **ret, struct schema_report *report,
		    struct error *err)
{
	struct reader r = {
		.start = text, .at = text, .end = text + len, .report = report, .err = err
	};
	str_init(&r.scratch, len + 16 + 2 * len);
	json_t *tree = NULL;
	int code = read_value(&r, NULL, &tree);
	if (code == 0) {
		skip_blanks(&r);
		if (r.at < r.end)
			code = fail_at(&r, "after top-level value");
	}
	str_fini(&r.scratch);
	if (code < 0) {
		json_decref(tree);
		return code;
	}
	*ret = tree;
	return 0;
}
