/*
 * scan.h - reading members out of canonical JSON bytes without a tree. Only for
 * bytes that schema_print() made (valid, no blanks): what comes from outside is decoded.
 * Spans borrow from the scanned bytes. Pure.
 */
#pragma once

#include "common/base/base.h"

struct span {
	const char *at; /* NULL: absent */
	size_t len;
};

static inline bool span_is(struct span s, const char *text)
{
	size_t n = strlen(text);
	return s.at && s.len == n && memcmp(s.at, text, n) == 0;
}

/* Walk the members of an object or the elements of an array:
 *
 *	struct scan s = scan_open(object);
 *	for (struct span name, value; scan_next(&s, &name, &value);)
 *
 * `name` is the text between the quotes (empty for arrays); `value` the whole value. */
struct scan {
	const char *p, *end;
	bool is_object;
};
/* Past the value on which p stands. */
const char *scan_past(const char *p, const char *end);

struct scan scan_open(struct span container);
bool scan_next(struct scan *s, struct span *ret_name, struct span *ret_value);

/* The value of a member of an object; dotted path for scan_dig. */
struct span scan_member(struct span object, const char *name);
struct span scan_dig(struct span object, const char *path);

/* Text of a string value with escapes undone, or of a number or literal as it stands; the
 * caller's. NULL for an absent value. */
char *scan_text(struct span value);
char *scan_text_len(struct span value, size_t *ret_len); /* it may hold NULs */

/* True where the value is the string `text` (no escapes needed). */
bool scan_is(struct span value, const char *text);
