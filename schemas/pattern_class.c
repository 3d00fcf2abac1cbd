/* Escapes and classes of characters, as Go's regular expressions have them. */
#include "common/base/str.h"
#include "schemas/pattern_parse.h"

#define MESSAGE_MAX 900
#define CLASS_MAX   100000 /* ranges of one class, while it is read */

int parser_bad(struct parser *s, const char *what, const char *from, const char *to)
{
	return error_set(s->err, ERR_INVALID, "error parsing regexp: %s: `%.*s`", what,
			 (int)(to - from > MESSAGE_MAX ? MESSAGE_MAX : to - from), from);
}

int parser_rune(struct parser *s, uint32_t *ret)
{
	size_t n = rune_read(s->p, (size_t)(s->end - s->p), ret);
	if (n == 0)
		return parser_bad(s, "invalid UTF-8", s->p, s->end);
	s->p += n;
	return 0;
}

bool parser_is_at(const struct parser *s, const char *text)
{
	size_t n = strlen(text);
	return (size_t)(s->end - s->p) >= n && memcmp(s->p, text, n) == 0;
}

bool parser_is_alnum(uint32_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int hex_value(uint32_t c)
{
	if (c >= '0' && c <= '9')
		return (int)c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? (int)c - 'a' + 10 : -1;
}

/* ---- \x ---- */

static int bad_escape(struct parser *s, const char *from)
{
	return parser_bad(s, "invalid escape sequence", from, s->p);
}

static int read_hex(struct parser *s, const char *from, uint32_t *ret)
{
	uint32_t c = 0, value = 0;
	size_t digits = 0;
	if (s->p == s->end)
		return bad_escape(s, from);
	if (parser_rune(s, &c) < 0)
		return s->err->code;
	if (c != '{') {
		uint32_t second = 0;
		if (s->p == s->end)
			return bad_escape(s, from);
		if (parser_rune(s, &second) < 0)
			return s->err->code;
		if (hex_value(c) < 0 || hex_value(second) < 0)
			return bad_escape(s, from);
		*ret = (uint32_t)hex_value(c) * 16 + (uint32_t)hex_value(second);
		return 0;
	}
	for (;; digits++) {
		if (s->p == s->end)
			return bad_escape(s, from);
		if (parser_rune(s, &c) < 0)
			return s->err->code;
		if (c == '}')
			break;
		value = value * 16 + (uint32_t)hex_value(c);
		if (hex_value(c) < 0 || value > PATTERN_RUNE_MAX)
			return bad_escape(s, from);
	}
	if (digits == 0)
		return bad_escape(s, from);
	*ret = value;
	return 0;
}

/* p stands on the backslash. */
int parser_escape(struct parser *s, uint32_t *ret)
{
	static const char names[] = "afnrtv", values[] = "\a\f\n\r\t\v";
	const char *from = s->p++;
	uint32_t c = 0;
	if (s->p == s->end)
		return parser_bad(s, "trailing backslash at end of expression", s->p, s->p);
	if (parser_rune(s, &c) < 0)
		return s->err->code;
	const char *named = c < 0x80 && c ? strchr(names, (int)c) : NULL;
	bool is_next_octal = s->p < s->end && *s->p >= '0' && *s->p <= '7';
	if (c == '0' || (c >= '1' && c <= '7' && is_next_octal)) {
		*ret = c - '0';
		for (int i = 1; i < 3 && s->p < s->end && *s->p >= '0' && *s->p <= '7'; i++)
			*ret = *ret * 8 + (uint32_t)(*s->p++ - '0');
		return 0;
	}
	if (c == 'x')
		return read_hex(s, from, ret);
	if (named) {
		*ret = (unsigned char)values[named - names];
		return 0;
	}
	if (c >= 0x80 || parser_is_alnum(c))
		return bad_escape(s, from);
	*ret = c;
	return 0;
}

/* ---- classes ---- */

static const struct {
	const char *name;
	struct rune_range at[4];
	size_t count;
} posix[] = {
	{ "alnum", { { '0', '9' }, { 'A', 'Z' }, { 'a', 'z' } }, 3 },
	{ "alpha", { { 'A', 'Z' }, { 'a', 'z' } }, 2 },
	{ "ascii", { { 0, 0x7f } }, 1 },
	{ "blank", { { '\t', '\t' }, { ' ', ' ' } }, 2 },
	{ "cntrl", { { 0, 0x1f }, { 0x7f, 0x7f } }, 2 },
	{ "digit", { { '0', '9' } }, 1 },
	{ "graph", { { '!', '~' } }, 1 },
	{ "lower", { { 'a', 'z' } }, 1 },
	{ "print", { { ' ', '~' } }, 1 },
	{ "punct", { { '!', '/' }, { ':', '@' }, { '[', '`' }, { '{', '~' } }, 4 },
	{ "space", { { '\t', '\r' }, { ' ', ' ' } }, 2 },
	{ "upper", { { 'A', 'Z' } }, 1 },
	{ "word", { { '0', '9' }, { 'A', 'Z' }, { '_', '_' }, { 'a', 'z' } }, 4 },
	{ "xdigit", { { '0', '9' }, { 'A', 'F' }, { 'a', 'f' } }, 3 },
};

static void add_group(struct parser *s, struct runes *to, const struct rune_range *at, size_t count,
		      bool is_negated)
{
	struct runes made = { 0 };
	runes_add_all(&made, at, count, false);
	if (s->folds)
		runes_fold(&made);
	runes_add_all(to, made.at, made.count, is_negated);
	free(made.at);
}

/* \d \s \w and their opposites; false: it is none. */
bool parser_perl_class(struct parser *s, struct runes *to)
{
	static const struct rune_range digit[] = { { '0', '9' } },
				       space[] = { { '\t', '\n' }, { '\f', '\r' }, { ' ', ' ' } },
				       word[] = { { '0', '9' },
						  { 'A', 'Z' },
						  { '_', '_' },
						  { 'a', 'z' } };
	if (s->end - s->p < 2 || *s->p != '\\')
		return false;
	char c = s->p[1];
	switch (c | 0x20) {
	case 'd':
		add_group(s, to, digit, ARRAY_LEN(digit), c == 'D');
		break;
	case 's':
		add_group(s, to, space, ARRAY_LEN(space), c == 'S');
		break;
	case 'w':
		add_group(s, to, word, ARRAY_LEN(word), c == 'W');
		break;
	default:
		return false;
	}
	s->p += 2;
	return true;
}

/* [:alpha:], [:^alpha:]; 0: it is none, 1: read. */
static int read_posix_class(struct parser *s, struct runes *to)
{
	const char *close = NULL;
	if (!parser_is_at(s, "[:"))
		return 0;
	for (const char *q = s->p + 2; q + 1 < s->end && !close; q++)
		if (q[0] == ':' && q[1] == ']')
			close = q;
	if (!close)
		return 0;
	const char *name = s->p + 2;
	bool is_negated = name < close && *name == '^';
	name += is_negated;
	for (size_t i = 0; i < ARRAY_LEN(posix); i++) {
		if (strlen(posix[i].name) != (size_t)(close - name) ||
		    memcmp(posix[i].name, name, (size_t)(close - name)) != 0)
			continue;
		add_group(s, to, posix[i].at, posix[i].count, is_negated);
		s->p = close + 2;
		return 1;
	}
	return parser_bad(s, "invalid character class range", s->p, close + 2);
}

static const struct unicode_category *find_category(const char *name, size_t n)
{
	for (size_t i = 0; i < unicode_tables.categories_count; i++)
		if (strlen(unicode_tables.categories[i].name) == n &&
		    memcmp(unicode_tables.categories[i].name, name, n) == 0)
			return &unicode_tables.categories[i];
	return NULL;
}

/* \pL, \p{Lu}, \P{^Lu}; 0: it is none, 1: read. */
int parser_unicode_class(struct parser *s, struct runes *to)
{
	static const struct rune_range all = { 0, PATTERN_RUNE_MAX };
	static const struct unicode_category any = { "Any", &all, 1 };
	const char *from = s->p;
	uint32_t c = 0;
	if (!parser_is_at(s, "\\p") && !parser_is_at(s, "\\P"))
		return 0;
	bool is_negated = from[1] == 'P';
	s->p += 2;
	const char *name = s->p;
	if (s->p == s->end)
		return parser_bad(s, "invalid character class range", from, s->p);
	if (parser_rune(s, &c) < 0)
		return s->err->code;
	const char *name_end = s->p;
	if (c == '{') {
		name = s->p;
		name_end = memchr(s->p, '}', (size_t)(s->end - s->p));
		if (!name_end)
			return parser_bad(s, "invalid character class range", from, s->end);
		s->p = name_end + 1;
	}
	if (name < name_end && *name == '^') {
		is_negated = !is_negated;
		name++;
	}
	size_t n = (size_t)(name_end - name);
	const struct unicode_category *found =
		n == 3 && memcmp(name, "Any", 3) == 0 ? &any : find_category(name, n);
	if (!found)
		return parser_bad(s, "invalid character class range", from, s->p);
	add_group(s, to, found->at, found->count, is_negated);
	return 1;
}

static int read_class_rune(struct parser *s, const char *whole, uint32_t *ret)
{
	if (s->p == s->end)
		return parser_bad(s, "missing closing ]", whole, s->end);
	return *s->p == '\\' ? parser_escape(s, ret) : parser_rune(s, ret);
}

static int read_range(struct parser *s, const char *whole, struct runes *to)
{
	struct runes made = { 0 };
	const char *from = s->p;
	uint32_t low = 0, high = 0;
	if (read_class_rune(s, whole, &low) < 0)
		return s->err->code;
	high = low;
	if (s->end - s->p >= 2 && s->p[0] == '-' && s->p[1] != ']') {
		s->p++;
		if (read_class_rune(s, whole, &high) < 0)
			return s->err->code;
		if (high < low)
			return parser_bad(s, "invalid character class range", from, s->p);
	}
	runes_add(&made, low, high);
	add_group(s, to, made.at, made.count, false);
	free(made.at);
	return 0;
}

int parser_class(struct parser *s, struct runes *to)
{
	const char *whole = s->p++;
	bool is_negated = s->p < s->end && *s->p == '^';
	s->p += is_negated;
	for (bool is_first = true; s->p == s->end || *s->p != ']' || is_first; is_first = false) {
		int code = read_posix_class(s, to);
		if (code == 0)
			code = parser_unicode_class(s, to);
		if (code == 0)
			code = parser_perl_class(s, to);
		if (code == 0)
			code = read_range(s, whole, to);
		if (code < 0)
			return code;
		if (to->count > CLASS_MAX)
			return parser_bad(s, "expression too large", s->start, s->end);
	}
	s->p++;
	runes_clean(to);
	if (is_negated)
		runes_negate(to);
	return 0;
}
