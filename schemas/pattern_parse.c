/* Go's syntax of regular expressions, to a tree. */
#include "common/base/str.h"
#include "schemas/pattern_parse.h"

#define REPEAT_MAX 1000

static struct node *node_new(enum node_op op)
{
	struct node *n = xcalloc(1, sizeof *n);
	n->op = op;
	return n;
}

void pattern_node_free(struct node *n)
{
	if (!n)
		return;
	for (size_t i = 0; i < n->below_count; i++)
		pattern_node_free(n->below[i]);
	free(n->below);
	free(n->runes.at);
	free(n);
}

static void node_add(struct node *to, struct node *take_one)
{
	to->below = xrealloc(to->below, to->below_count + 1, sizeof *to->below);
	to->below[to->below_count++] = take_one;
}

/* ---- one thing ---- */

static struct node *rune_node(struct parser *s, uint32_t rune)
{
	struct node *n = node_new(NODE_RUNES);
	runes_add(&n->runes, rune, rune);
	if (s->folds)
		runes_fold(&n->runes);
	return n;
}

/* An escape that stands for a place or a class; 0: it is none. */
static int read_special(struct parser *s, struct node **ret)
{
	static const struct {
		char name;
		enum node_op op;
	} places[] = { { 'A', NODE_TEXT_BEGIN },
		       { 'b', NODE_WORD_EDGE },
		       { 'B', NODE_NO_WORD_EDGE },
		       { 'z', NODE_TEXT_END } };
	struct node *n = node_new(NODE_RUNES);
	if (parser_is_at(s, "\\C")) {
		pattern_node_free(n);
		return parser_bad(s, "invalid escape sequence", s->p, s->p + 2);
	}
	for (size_t i = 0; i < ARRAY_LEN(places) && s->end - s->p >= 2; i++) {
		if (s->p[1] != places[i].name)
			continue;
		n->op = places[i].op;
		s->p += 2;
		*ret = n;
		return 1;
	}
	int code = parser_unicode_class(s, &n->runes);
	if (code == 0)
		code = parser_perl_class(s, &n->runes);
	if (code == 1) {
		runes_clean(&n->runes);
		*ret = n;
		return 1;
	}
	pattern_node_free(n);
	return code;
}

static void add_dot(struct parser *s, struct node *to)
{
	static const struct rune_range line[] = { { '\n', '\n' } };
	struct node *n = node_new(NODE_RUNES);
	if (s->dot_is_all)
		runes_add(&n->runes, 0, PATTERN_RUNE_MAX);
	else
		runes_add_all(&n->runes, line, 1, true);
	node_add(to, n);
}

/* \Q … \E: each character itself. */
static int read_quoted(struct parser *s, struct node *to)
{
	uint32_t rune = 0;
	s->p += 2;
	while (s->p < s->end && !parser_is_at(s, "\\E")) {
		if (parser_rune(s, &rune) < 0)
			return s->err->code;
		node_add(to, rune_node(s, rune));
	}
	s->p += s->p < s->end ? 2 : 0;
	return 0;
}

static int read_backslash(struct parser *s, struct node *to)
{
	struct node *n = NULL;
	uint32_t rune = 0;
	if (parser_is_at(s, "\\Q"))
		return read_quoted(s, to);
	int code = read_special(s, &n);
	if (code == 0) {
		code = parser_escape(s, &rune);
		if (code == 0)
			n = rune_node(s, rune);
	}
	if (code < 0)
		return code;
	node_add(to, n);
	return 0;
}

/* ---- repetition ---- */

static bool read_number(const char **p, const char *end, int *ret)
{
	const char *from = *p;
	int n = 0;
	while (*p < end && **p >= '0' && **p <= '9') {
		n = n > REPEAT_MAX ? n : n * 10 + (**p - '0');
		++*p;
	}
	*ret = n;
	return *p > from && (*p == from + 1 || *from != '0');
}

/* {n}, {n,} or {n,m}; false: it is no such thing, and a character. */
static bool read_counts(struct parser *s, int *ret_min, int *ret_max)
{
	const char *p = s->p + 1;
	if (!read_number(&p, s->end, ret_min) || p == s->end)
		return false;
	*ret_max = *ret_min;
	if (*p == ',') {
		*ret_max = -1;
		if (++p == s->end || (*p != '}' && !read_number(&p, s->end, ret_max)))
			return false;
	}
	if (p == s->end || *p != '}')
		return false;
	s->p = p + 1;
	return true;
}

/* Nested counts multiply: at most 1,000 together. */
static bool counts_fit(const struct node *n, int left)
{
	if (n->op == NODE_MANY && (n->min > 1 || n->max > 1)) {
		int most = n->max < 0 ? n->min : n->max;
		if (most > left)
			return false;
		left /= most ? most : 1;
	}
	for (size_t i = 0; i < n->below_count; i++)
		if (!counts_fit(n->below[i], left))
			return false;
	return true;
}

/* `last` is where the repetition just before this one began, or NULL. */
static int read_repeat(struct parser *s, struct node *to, const char *last)
{
	const char *from = s->p;
	int min = *from == '+', max = *from == '?' ? 1 : -1;
	if (*from != '{')
		s->p++;
	else
		(void)read_counts(s, &min, &max); /* the caller has looked */
	if (*from == '{' && (min > REPEAT_MAX || max > REPEAT_MAX || (max >= 0 && min > max)))
		return parser_bad(s, "invalid repeat count", from, s->p);
	if (s->p < s->end && *s->p == '?')
		s->p++;
	if (last)
		return parser_bad(s, "invalid nested repetition operator", last, s->p);
	if (to->below_count == 0)
		return parser_bad(s, "missing argument to repetition operator", from, s->p);
	struct node *n = node_new(NODE_MANY);
	n->min = min;
	n->max = max;
	node_add(n, to->below[to->below_count - 1]);
	to->below[to->below_count - 1] = n;
	if ((min > 1 || max > 1) && !counts_fit(n, REPEAT_MAX))
		return parser_bad(s, "invalid repeat count", from, s->p);
	return 0;
}

/* ---- groups ---- */

static int read_any(struct parser *s, struct node **ret);

static int read_name(struct parser *s, const char *from)
{
	const char *name = s->p + (s->p[2] == 'P' ? 4 : 3);
	const char *close = memchr(s->p, '>', (size_t)(s->end - s->p));
	if (!close)
		return parser_bad(s, "invalid named capture", from, s->end);
	bool is_good = name < close;
	for (const char *p = name; p < close; p++)
		is_good &= *p == '_' || parser_is_alnum((unsigned char)*p);
	if (!is_good)
		return parser_bad(s, "invalid named capture", from, close + 1);
	s->p = close + 1;
	return 0;
}

/* (?i), (?s-m:; 0: flags only, 1: a group begins. */
static int read_flags(struct parser *s, const char *from)
{
	struct parser now = *s;
	bool value = true, has_one = false;
	uint32_t c = 0;
	s->p += 2;
	while (s->p < s->end) {
		if (parser_rune(s, &c) < 0)
			return s->err->code;
		if (c == 'i') {
			now.folds = value;
		} else if (c == 'm') {
			now.is_multiline = value;
		} else if (c == 's') {
			now.dot_is_all = value;
		} else if (c == '-' && value) {
			value = has_one = false;
			continue;
		} else if ((c == ':' || c == ')') && (value || has_one)) {
			s->folds = now.folds;
			s->is_multiline = now.is_multiline;
			s->dot_is_all = now.dot_is_all;
			return c == ':';
		} else if (c != 'U') {
			break;
		}
		has_one = true;
	}
	return parser_bad(s, "invalid or unsupported Perl syntax", from, s->p);
}

static int read_group(struct parser *s, struct node *to)
{
	const char *from = s->p;
	struct parser before = *s;
	struct node *inside = NULL;
	int code = 1;
	if (parser_is_at(s, "(?P<") || parser_is_at(s, "(?<"))
		code = read_name(s, from) < 0 ? s->err->code : 1;
	else if (parser_is_at(s, "(?"))
		code = read_flags(s, from);
	else
		s->p++;
	if (code <= 0)
		return code;
	if (s->depth == PATTERN_DEPTH_MAX)
		return parser_bad(s, "expression nests too deeply", s->start, s->end);
	s->depth++;
	if (read_any(s, &inside) < 0)
		return s->err->code;
	s->depth--;
	node_add(to, inside);
	if (s->p == s->end)
		return parser_bad(s, "missing closing )", s->start, s->end);
	s->p++;
	s->folds = before.folds;
	s->is_multiline = before.is_multiline;
	s->dot_is_all = before.dot_is_all;
	return 0;
}

static int read_item(struct parser *s, struct node *to)
{
	uint32_t rune = 0;
	struct node *n;
	switch (*s->p) {
	case '(':
		return read_group(s, to);
	case '^':
		s->p++;
		node_add(to, node_new(s->is_multiline ? NODE_LINE_BEGIN : NODE_TEXT_BEGIN));
		return 0;
	case '$':
		s->p++;
		node_add(to, node_new(s->is_multiline ? NODE_LINE_END : NODE_TEXT_END));
		return 0;
	case '.':
		s->p++;
		add_dot(s, to);
		return 0;
	case '[':
		n = node_new(NODE_RUNES);
		node_add(to, n);
		return parser_class(s, &n->runes);
	case '\\':
		return read_backslash(s, to);
	default:
		if (parser_rune(s, &rune) < 0)
			return s->err->code;
		node_add(to, rune_node(s, rune));
		return 0;
	}
}

/* What follows one another, up to | or ). */
static int read_all(struct parser *s, struct node *to)
{
	const char *last = NULL;
	while (s->p < s->end && *s->p != '|' && *s->p != ')') {
		const char *from = s->p;
		struct parser ahead = *s;
		int min, max;
		bool repeats =
			strchr("*+?", *s->p) || (*s->p == '{' && read_counts(&ahead, &min, &max));
		int code = repeats && *s->p ? read_repeat(s, to, last) : read_item(s, to);
		if (code < 0)
			return code;
		last = repeats && *from ? from : NULL;
	}
	return 0;
}

static int read_any(struct parser *s, struct node **ret)
{
	struct node *any = node_new(NODE_ANY);
	int code = 0;
	for (bool goes_on = true; goes_on && code == 0;) {
		struct node *all = node_new(NODE_ALL);
		node_add(any, all);
		code = read_all(s, all);
		goes_on = s->p < s->end && *s->p == '|';
		s->p += goes_on;
	}
	if (code < 0) {
		pattern_node_free(any);
		return code;
	}
	*ret = any;
	return 0;
}

int pattern_parse(const char *text, size_t len, struct node **ret, struct error *err)
{
	struct parser s = { .start = text, .p = text, .end = text + len, .err = err };
	struct node *made = NULL;
	if (read_any(&s, &made) < 0)
		return err->code;
	if (s.p < s.end) {
		pattern_node_free(made);
		return parser_bad(&s, "unexpected )", text, s.end);
	}
	*ret = made;
	return 0;
}
