/*
 * pattern_parse.h - what the readers of expressions and of their classes share.
 */
#pragma once

#include "common/base/str.h"
#include "schemas/pattern_internal.h"

struct parser {
	const char *start, *p, *end;
	bool folds, is_multiline, dot_is_all;
	size_t depth;
	struct error *err;
};

/* "error parsing regexp: WHAT: `from … to`" */
int parser_bad(struct parser *s, const char *what, const char *from, const char *to) MUST_CHECK;
int parser_rune(struct parser *s, uint32_t *ret) MUST_CHECK;
bool parser_is_at(const struct parser *s, const char *text);
bool parser_is_alnum(uint32_t c);

/* One escaped character; p stands on its backslash. */
int parser_escape(struct parser *s, uint32_t *ret) MUST_CHECK;
/* \d and the like; false: it is none. */
bool parser_perl_class(struct parser *s, struct runes *to);
/* \pL and the like: 1; 0: it is none. */
int parser_unicode_class(struct parser *s, struct runes *to) MUST_CHECK;
/* […]; clean afterwards. */
int parser_class(struct parser *s, struct runes *to) MUST_CHECK;
