/*
 * pattern.h - regular expressions as JSON schemas have them: Go's syntax (RE2's), whole words of which
 * are parsed and whose errors read as Go's. Matching takes time linear in the text for a given
 * expression, whatever both are: states are followed side by side, nothing is tried twice. So
 * what a user writes cannot hang the server, which no backtracking library promises.
 *
 * Differences: \p{…} takes general categories (\p{L}, \pN, \p{Lu}), not scripts; character data
 * are those of the Python that built us; an expression may have 100,000 states.
 * A compiled pattern is immutable: any number of threads may match with it. Pure.
 * Source: https://github.com/google/re2/wiki/Syntax, Go's regexp/syntax.
 */
#pragma once

#include "common/base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct pattern;

/* ERR_INVALID: "error parsing regexp: missing closing ): `(a`". */
int pattern_compile(const char *text, size_t len, struct pattern **ret,
		    struct error *err) MUST_CHECK;
void pattern_free(struct pattern *p); /* NULL is fine */

enum pattern_answer {
	PATTERN_NO,
	PATTERN_YES,
	PATTERN_COSTLY, /* more steps than anybody may cause; then nobody knows */
};
/* Whether it occurs anywhere in a text of valid UTF-8. */
enum pattern_answer pattern_match(const struct pattern *p, const char *text, size_t len);
