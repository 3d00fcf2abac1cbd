/*
 * str.h - text (or bytes) that grows, with a cap from birth.
 *
 * At most `max` bytes ever: the first append that would pass it sets `overflow`
 * and changes nothing, and so does every later append. Check once, at the end,
 * with str_ok(). The text is always NUL-terminated. fini of {0} is fine.
 */
#pragma once

#include "common/base/base.h"
#include "common/base/error.h"

#include <stdarg.h>

struct str {
	char *data; /* NUL-terminated; "" while empty (never NULL after init) */
	size_t len;
	size_t size; /* allocated */
	size_t max;
	bool overflow;
};

void str_init(struct str *s, size_t max);
void str_fini(struct str *s);

#define AUTO_STR __attribute__((cleanup(str_fini))) struct str

void str_add(struct str *s, const char *text);
void str_add_bytes(struct str *s, const void *bytes, size_t n);
void str_add_char_slowly(struct str *s, char c);
static inline void str_add_char(struct str *s, char c)
{
	/* Where there is room, text is made of pieces as short as this. */
	if (s->overflow || s->len >= s->max || s->len + 1 >= s->size) {
		str_add_char_slowly(s, c);
		return;
	}
	s->data[s->len++] = c;
	s->data[s->len] = '\0';
}
void str_addf(struct str *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
void str_vaddf(struct str *s, const char *fmt, va_list args) PRINTF_LIKE(2, 0);

/* `text` as the inside of a JSON string: quotes, escapes, quotes. Bytes that are
 * no valid UTF-8 must have been refused before. */
void str_add_json(struct str *s, const char *text, size_t n);

/* Percent-encoding for one query value or path segment (RFC 3986 unreserved kept). */
void str_add_urlencoded(struct str *s, const char *text);

void str_clear(struct str *s);              /* keeps the memory */
void str_truncate(struct str *s, size_t n); /* n <= len */
void str_rewind(struct str *s, size_t n);   /* the same; what overflowed behind is forgotten */
void str_consume(struct str *s, size_t n);  /* drop n bytes from the front */

/* Memory for `n` more bytes, or NULL on overflow; then str_grew(n). */
char *str_reserve(struct str *s, size_t n);
void str_grew(struct str *s, size_t n);

static inline bool str_ok(const struct str *s)
{
	return !s->overflow;
}

/* 0, or ERR_LIMIT "what is larger than N bytes". */
int str_check(const struct str *s, const char *what, struct error *err) MUST_CHECK;

/* The text, now the caller's (free); s is empty afterwards. */
char *str_take(struct str *s);
