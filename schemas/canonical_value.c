/* Texts, numbers and the other values that are not taken apart. */
#include "common/base/time_text.h"
#include "schemas/base64.h"
#include "schemas/canonical_internal.h"
#include "schemas/field_set.h"
#include "schemas/json_text.h"
#include "schemas/owned.h"
#include "schemas/quantity.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define SHORT_MAX 64 /* characters of a number, a time or a quantity */

/* ---- strings ---- */

const char *canonical_plain(const char *p, const char *end)
{
#ifdef __SSE2__
	for (; end - p >= 16; p += 16) {
		__m128i block = _mm_loadu_si128((const __m128i *)p);
		/* Signed: what is no ASCII is less than a blank, too. */
		__m128i stops =
			_mm_or_si128(_mm_cmplt_epi8(block, _mm_set1_epi8(' ')),
				     _mm_or_si128(_mm_cmpeq_epi8(block, _mm_set1_epi8('"')),
						  _mm_cmpeq_epi8(block, _mm_set1_epi8('\\'))));
		unsigned bits = (unsigned)_mm_movemask_epi8(stops);
		if (bits)
			return p + __builtin_ctz(bits);
	}
#endif
	while (p < end && *p != '"' && *p != '\\' && (unsigned char)(*p - ' ') < 0x80 - ' ')
		p++;
	return p;
}

/* "\u003c", as Go writes what HTML would take: its character; surrogates come too rarely. */
static bool unicode_escape(struct canonical *c)
{
	unsigned rune = 0;
	char utf8[4];
	if (c->end - c->p < 6)
		return false;
	for (int i = 2; i < 6; i++) {
		unsigned char digit = (unsigned char)c->p[i];
		unsigned letter = digit | 0x20u;
		unsigned value = digit >= '0' && digit <= '9'     ? digit - (unsigned)'0'
				 : letter >= 'a' && letter <= 'f' ? letter - 'a' + 10u
								  : 16u;
		if (value > 15)
			return false;
		rune = rune * 16 + value;
	}
	if (rune < ' ' || rune == '"' || rune == '\\' || (rune >= 0xd800 && rune < 0xe000))
		return false;
	size_t n = 0;
	if (rune < 0x80) {
		utf8[n++] = (char)rune;
	} else if (rune < 0x800) {
		utf8[n++] = (char)(0xc0 | rune >> 6);
		utf8[n++] = (char)(0x80 | (rune & 0x3f));
	} else {
		utf8[n++] = (char)(0xe0 | rune >> 12);
		utf8[n++] = (char)(0x80 | (rune >> 6 & 0x3f));
		utf8[n++] = (char)(0x80 | (rune & 0x3f));
	}
	str_add_bytes(c->out, utf8, n);
	c->p += 6;
	return true;
}

static bool escape(struct canonical *c)
{
	if (c->end - c->p < 2)
		return false;
	char next = c->p[1];
	if (next == 'u')
		return unicode_escape(c);
	if (next == '/')
		str_add_char(c->out, '/');
	else if (next && strchr("\"\\bfnrt", next))
		str_add_bytes(c->out, c->p, 2);
	else
		return false;
	c->p += 2;
	return true;
}

bool canonical_foreign(struct canonical *c)
{
	const char *from = c->p;
	while (c->p < c->end && (unsigned char)*c->p >= 0x80)
		c->p++;
	size_t n = (size_t)(c->p - from), before = c->out->len;
	utf8_add_valid(c->out, from, n);
	return str_ok(c->out) && c->out->len - before == n &&
	       memcmp(c->out->data + before, from, n) == 0;
}

bool canonical_text(struct canonical *c, struct span *ret_inside)
{
	if (c->p >= c->end || *c->p != '"')
		return false;
	size_t begin = c->out->len + 1;
	const char *from = c->p++;
	for (;;) {
		c->p = canonical_plain(c->p, c->end);
		str_add_bytes(c->out, from, (size_t)(c->p - from));
		if (c->p >= c->end)
			return false;
		if (*c->p == '"')
			break;
		if (*c->p == '\\' ? !escape(c)
				  : (unsigned char)*c->p < ' ' || !canonical_foreign(c))
			return false;
		from = c->p;
	}
	c->p++;
	str_add_char(c->out, '"');
	if (ret_inside)
		*ret_inside = (struct span){ c->out->data + begin, c->out->len - begin - 1 };
	return str_ok(c->out);
}

/* A short string without anything escaped: its text. */
static bool short_text(struct canonical *c, char text[SHORT_MAX])
{
	const char *from = c->p + 1, *to = from;
	if (c->p >= c->end || *c->p != '"')
		return false;
	to = canonical_plain(from, c->end);
	if (to >= c->end || *to != '"' || to - from >= SHORT_MAX)
		return false;
	memcpy(text, from, (size_t)(to - from));
	text[to - from] = '\0';
	c->p = to + 1;
	return true;
}

static void add_quoted(struct canonical *c, const char *text)
{
	str_add_char(c->out, '"');
	str_add(c->out, text);
	str_add_char(c->out, '"');
}

/* ---- numbers and words ---- */

/* Digits as they stay. More than eighteen of them, and all that is no integer, are left to others. */
bool canonical_integer(struct canonical *c, int64_t *ret)
{
	const char *from = c->p;
	bool is_negative = c->p < c->end && *c->p == '-';
	int64_t n = 0;
	c->p += is_negative;
	const char *digits = c->p;
	while (c->p < c->end && *c->p >= '0' && *c->p <= '9' && c->p - digits < 18)
		n = n * 10 + (*c->p++ - '0');
	size_t count = (size_t)(c->p - digits);
	bool is_odd = count == 0 || (count > 1 && *digits == '0') || (is_negative && n == 0) ||
		      (c->p < c->end && *c->p && strchr(".eE0123456789", *c->p));
	if (is_odd)
		return false;
	*ret = is_negative ? -n : n;
	str_add_bytes(c->out, from, (size_t)(c->p - from));
	return true;
}

bool canonical_within(const struct schema_field *f, int64_t n)
{
	return (!f->has_min || n >= f->min) && (!f->has_max || n <= f->max) && !f->enum_values;
}

static bool whole_number(struct canonical *c, const struct schema_field *f, struct written *ret)
{
	int64_t n;
	if (!canonical_integer(c, &n) || !canonical_within(f, n) ||
	    (f->form != SCHEMA_INT64 && f->form != SCHEMA_DOUBLE &&
	     (n > INT32_MAX || n < INT32_MIN)))
		return false;
	ret->is_empty = n == 0;
	return true;
}

bool canonical_word(struct canonical *c, struct written *ret)
{
	static const char *const words[] = { "true", "false" };
	for (int i = 0; i < 2; i++) {
		size_t n = strlen(words[i]);
		if ((size_t)(c->end - c->p) < n || memcmp(c->p, words[i], n) != 0)
			continue;
		str_add_bytes(c->out, words[i], n);
		c->p += n;
		ret->is_empty = i == 1;
		return true;
	}
	return false;
}

/* ---- texts with a meaning ---- */

bool canonical_known(const struct schema_field *f, struct span inside)
{
	/* Nobody minds an empty text, where that is none. */
	bool is_known =
		!f->enum_values || (inside.len == 0 && f->shape == SCHEMA_ONE && !f->keeps_empty);
	for (const char *const *v = f->enum_values; v && *v && !is_known; v++)
		is_known = strlen(*v) == inside.len && memcmp(*v, inside.at, inside.len) == 0;
	return is_known;
}

static bool string(struct canonical *c, const struct schema_field *f, struct written *ret)
{
	struct span inside;
	if (!canonical_text(c, &inside))
		return false;
	ret->is_empty = inside.len == 0;
	return canonical_known(f, inside);
}

static bool bytes(struct canonical *c, struct written *ret)
{
	struct span inside;
	if (!canonical_text(c, &inside) || memchr(inside.at, '\\', inside.len) ||
	    base64_check(inside.at, inside.len) >= 0)
		return false;
	ret->is_empty = inside.len == 0;
	return true;
}

static bool moment(struct canonical *c, const struct schema_field *f, struct written *ret)
{
	char text[SHORT_MAX], made[TIME_TEXT_SIZE];
	int64_t us;
	ret->is_empty = false;
	if (!short_text(c, text) || !*text)
		return false;
	if (f->form == SCHEMA_DURATION) {
		if (!duration_parse(text, &us))
			return false;
		add_quoted(c, text);
		return true;
	}
	if (!time_parse(text, &us))
		return false;
	if (f->form == SCHEMA_TIME)
		time_format(us, made);
	else
		time_format_micro(us, made);
	add_quoted(c, made);
	return true;
}

bool canonical_quantity(struct canonical *c, const char *text)
{
	char made[QUANTITY_TEXT_SIZE];
	if (!quantity_canonical(text, made))
		return false;
	add_quoted(c, made);
	return true;
}

static bool quantity(struct canonical *c, struct written *ret)
{
	char text[SHORT_MAX];
	ret->is_empty = false;
	return short_text(c, text) && canonical_quantity(c, text);
}

static bool texts(struct canonical *c, struct written *ret)
{
	str_add_char(c->out, '[');
	ret->is_empty = false;
	if (!canonical_past(c, '['))
		return false;
	for (bool is_first = true; c->p < c->end && *c->p != ']'; is_first = false) {
		if (!is_first && !canonical_past(c, ','))
			return false;
		if (!is_first)
			str_add_char(c->out, ',');
		if (!canonical_text(c, NULL))
			return false;
		canonical_blanks(c);
	}
	str_add_char(c->out, ']');
	return c->p++ < c->end;
}

/* ---- who owns what: objects of objects, whose names are sorted as they were stored ---- */

static bool field_nodes(struct canonical *c)
{
	if (++c->depth > CANONICAL_DEPTH_MAX || !canonical_past(c, '{'))
		return false;
	str_add_char(c->out, '{');
	for (bool is_first = true; c->p < c->end && *c->p != '}'; is_first = false) {
		if (!is_first && !canonical_past(c, ','))
			return false;
		if (!is_first)
			str_add_char(c->out, ',');
		struct span name;
		if (!canonical_text(c, &name) || (!is_first && name.len == 1 && *name.at == '.') ||
		    !canonical_past(c, ':'))
			return false;
		str_add_char(c->out, ':');
		if (!field_nodes(c))
			return false;
		canonical_blanks(c);
	}
	str_add_char(c->out, '}');
	c->depth--;
	return c->p++ < c->end;
}

static bool fields(struct canonical *c, struct written *ret)
{
	AUTO_ARENA arena = { 0 };
	struct owned set;
	size_t begin = c->out->len;
	ret->is_empty = false;
	return field_nodes(c) && str_ok(c->out) &&
	       owned_parse(&arena, (struct span){ c->out->data + begin, c->out->len - begin },
			   false, &set);
}

/* ---- what is left out ---- */

/* The text of what is skipped is written, and taken back. */
static bool skip_container(struct canonical *c, char close)
{
	bool is_object = close == '}';
	c->p++;
	canonical_blanks(c);
	for (bool is_first = true; c->p < c->end && *c->p != close; is_first = false) {
		if (!is_first && !canonical_past(c, ','))
			return false;
		if (is_object && (!canonical_text(c, NULL) || !canonical_past(c, ':')))
			return false;
		if (!canonical_skip(c))
			return false;
		canonical_blanks(c);
	}
	return c->p++ < c->end;
}

bool canonical_skip(struct canonical *c)
{
	size_t begin = c->out->len;
	struct written ignored;
	int64_t number;
	bool done = false;
	if (c->p >= c->end || ++c->depth > CANONICAL_DEPTH_MAX)
		return false;
	switch (*c->p) {
	case '{':
		done = skip_container(c, '}');
		break;
	case '[':
		done = skip_container(c, ']');
		break;
	case '"':
		done = canonical_text(c, NULL);
		break;
	case 't':
	case 'f':
		done = canonical_word(c, &ignored);
		break;
	case 'n':
		done = canonical_null(c);
		break;
	default:
		done = canonical_integer(c, &number);
	}
	c->depth--;
	str_truncate(c->out, begin);
	return done && str_ok(c->out);
}

bool canonical_value(struct canonical *c, const struct schema_field *f, struct written *ret)
{
	switch (f->form) {
	case SCHEMA_STRING:
		return string(c, f, ret);
	case SCHEMA_INT32:
	case SCHEMA_INT64:
	case SCHEMA_DOUBLE:
		return whole_number(c, f, ret);
	case SCHEMA_INT_OR_STRING:
		return c->p < c->end && *c->p == '"' ? string(c, f, ret) : whole_number(c, f, ret);
	case SCHEMA_BOOL:
		return canonical_word(c, ret);
	case SCHEMA_BYTES:
		return bytes(c, ret);
	case SCHEMA_TIME:
	case SCHEMA_MICRO_TIME:
	case SCHEMA_DURATION:
		return moment(c, f, ret);
	case SCHEMA_QUANTITY:
		return quantity(c, ret);
	case SCHEMA_OBJECT:
		return canonical_object(c, f->type, ret);
	case SCHEMA_FIELDS_V1:
		return fields(c, ret);
	case SCHEMA_STRING_LIST:
		return texts(c, ret);
	case SCHEMA_ANY:
	case SCHEMA_SCHEMA_OR_LIST:
	case SCHEMA_SCHEMA_OR_BOOL:
	case SCHEMA_SCHEMA_OR_STRINGS:
	case SCHEMA_FORM_COUNT:
		break;
	}
	return false;
}
