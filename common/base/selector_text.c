/* Label selectors as text: what ?labelSelector= says. */
#include "common/base/selector_internal.h"

enum token {
	TOKEN_ERROR,
	TOKEN_END,
	TOKEN_WORD,
	TOKEN_IN,
	TOKEN_NOT_IN,
	TOKEN_OPEN,
	TOKEN_CLOSE,
	TOKEN_COMMA,
	TOKEN_NOT,
	TOKEN_EQUALS,
	TOKEN_DOUBLE_EQUALS,
	TOKEN_NOT_EQUALS,
	TOKEN_GREATER,
	TOKEN_LESS,
};

struct reader {
	const char *p; /* behind the token */
	enum token token;
	const char *text; /* the token's */
	size_t len;
};

static bool is_special(char c)
{
	return c && strchr("=!(),><", c);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The longest sign that stands here. */
static enum token sign_at(const char *p, size_t *ret_len)
{
	static const struct {
		const char *text;
		enum token token;
	} signs[] = { { "==", TOKEN_DOUBLE_EQUALS },
		      { "=", TOKEN_EQUALS },
		      { "!=", TOKEN_NOT_EQUALS },
		      { "!", TOKEN_NOT },
		      { "(", TOKEN_OPEN },
		      { ")", TOKEN_CLOSE },
		      { ",", TOKEN_COMMA },
		      { ">", TOKEN_GREATER },
		      { "<", TOKEN_LESS } };
	for (size_t i = 0; i < ARRAY_LEN(signs); i++)
		if (starts_with(p, signs[i].text)) {
			*ret_len = strlen(signs[i].text);
			return signs[i].token;
		}
	return TOKEN_ERROR;
}

static bool is_text(const struct reader *r, const char *text)
{
	return r->len == strlen(text) && memcmp(r->text, text, r->len) == 0;
}

static void advance(struct reader *r)
{
	while (is_blank(*r->p))
		r->p++;
	r->text = r->p;
	r->len = 0;
	if (!*r->p) {
		r->token = TOKEN_END;
	} else if (is_special(*r->p)) {
		r->token = sign_at(r->p, &r->len);
	} else {
		while (r->p[r->len] && !is_special(r->p[r->len]) && !is_blank(r->p[r->len]))
			r->len++;
		r->token = is_text(r, "in")      ? TOKEN_IN
			   : is_text(r, "notin") ? TOKEN_NOT_IN
						 : TOKEN_WORD;
	}
	r->p += r->len;
}

/* Where a word is wanted, "in" and "notin" are words too. */
static bool is_word(const struct reader *r)
{
	return r->token == TOKEN_WORD || r->token == TOKEN_IN || r->token == TOKEN_NOT_IN;
}

static int found(const struct reader *r, const char *wanted, bool in_term, struct error *err)
{
	return error_set(err, ERR_MALFORMED, "%sfound '%.*s'%s expected: %s",
			 in_term ? "unable to parse requirement: " : "", (int)r->len, r->text,
			 streq(wanted, "'('") ? "" : ",", wanted);
}

static int too_many(const char *what, struct error *err)
{
	return error_set(err, ERR_MALFORMED, "unable to parse requirement: too many %s", what);
}

static int value_list(struct reader *r, struct selector_term *t, struct error *err)
{
	if (r->token != TOKEN_OPEN)
		return found(r, "'('", true, err);
	advance(r);
	for (;; advance(r)) {
		if (t->values_count == SELECTOR_TERMS_MAX)
			return too_many("values", err);
		bool has_word = is_word(r);
		selector_add_value(t, has_word ? xstrndup(r->text, r->len) : xstrdup(""));
		if (has_word)
			advance(r);
		if (r->token == TOKEN_CLOSE)
			break;
		if (r->token != TOKEN_COMMA)
			return found(r, has_word ? "',' or ')'" : "',', ')' or identifier", true,
				     err);
	}
	advance(r);
	return 0;
}

/* A value that is compared must be a number. */
static int one_value(struct reader *r, struct selector_term *t, struct error *err)
{
	bool has_word = is_word(r);
	if (!has_word && r->token != TOKEN_END && r->token != TOKEN_COMMA)
		return found(r, "identifier", true, err);
	selector_add_value(t, has_word ? xstrndup(r->text, r->len) : xstrdup(""));
	if (has_word)
		advance(r);
	int64_t n;
	bool compares = t->op == SELECT_GREATER || t->op == SELECT_LESS;
	if (compares && !selector_number(t->values[0], &n))
		return error_set(
			err, ERR_MALFORMED,
			"unable to parse requirement: values[0]: Invalid value: \"%s\": for "
			"'Gt', 'Lt' operators, the value must be an integer",
			t->values[0]);
	return 0;
}

static int parse_term(struct reader *r, struct selector *s, struct error *err)
{
	static const enum selector_op ops[] = {
		[TOKEN_IN] = SELECT_IN,
		[TOKEN_NOT_IN] = SELECT_NOT_IN,
		[TOKEN_EQUALS] = SELECT_IN,
		[TOKEN_DOUBLE_EQUALS] = SELECT_IN,
		[TOKEN_NOT_EQUALS] = SELECT_NOT_IN,
		[TOKEN_GREATER] = SELECT_GREATER,
		[TOKEN_LESS] = SELECT_LESS,
	};
	bool negated = r->token == TOKEN_NOT;
	if (negated)
		advance(r);
	if (!is_word(r))
		return found(r, "identifier", true, err);
	auto_free char *key = xstrndup(r->text, r->len);
	advance(r);
	enum token op = r->token;
	if (negated || op == TOKEN_END || op == TOKEN_COMMA) {
		selector_add_term(s, TAKE(key), negated ? SELECT_NOT_EXISTS : SELECT_EXISTS);
		return 0;
	}
	if (op == TOKEN_ERROR || op == TOKEN_WORD || op == TOKEN_NOT || op == TOKEN_OPEN ||
	    op == TOKEN_CLOSE)
		return found(r, "in, notin, =, ==, !=, gt, lt", true, err);
	advance(r);
	struct selector_term *t = selector_add_term(s, TAKE(key), ops[op]);
	return op == TOKEN_IN || op == TOKEN_NOT_IN ? value_list(r, t, err) : one_value(r, t, err);
}

int selector_parse(const char *text, struct selector *ret, struct error *err)
{
	AUTO_SELECTOR s = { 0 };
	struct reader r = { .p = text };
	advance(&r);
	while (r.token != TOKEN_END) {
		if (s.count == SELECTOR_TERMS_MAX)
			return too_many("requirements", err);
		if (!is_word(&r) && r.token != TOKEN_NOT)
			return found(&r,
				     s.count ? "identifier after ','"
					     : "!, identifier, or 'end of string'",
				     false, err);
		int code = parse_term(&r, &s, err);
		if (code < 0)
			return code;
		if (r.token == TOKEN_END)
			break;
		if (r.token != TOKEN_COMMA)
			return found(&r, "',' or 'end of string'", false, err);
		advance(&r);
		if (r.token == TOKEN_END)
			return found(&r, "identifier after ','", false, err);
	}
	*ret = s;
	s = (struct selector){ 0 };
	return 0;
}
