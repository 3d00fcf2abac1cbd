/*
 * error.h - how a function says that it failed, and why.
 *
 * A function that can fail returns 0 or a negative enum err_code and takes a
 * `struct error *err` as its last parameter. The error is plain data on the
 * caller's stack: nothing to free, and never NULL.
 *
 *	if (pod_parse(json, &pod, err) < 0)
 *		return error_wrap(err, "manifest '%s'", path);
 *
 * Code is for programs to branch on; text is for people. Only main files and
 * controllers log errors; everything below them returns them.
 */
#pragma once

#include "common/base/base.h"

enum err_code {
	ERR_OK = 0,
	ERR_INVALID = -1,     /* input breaks the schema or a rule      422 */
	ERR_NOT_FOUND = -2,   /*                                        404 */
	ERR_EXISTS = -3,      /* create lost to an earlier create       409 */
	ERR_CONFLICT = -4,    /* compare-and-swap lost, read again      409 */
	ERR_GONE = -5,        /* revision compacted, list again         410 */
	ERR_LIMIT = -6,       /* one of our own caps was reached        429 */
	ERR_UNAVAILABLE = -7, /* peer down or timed out, retry later    503 */
	ERR_INTERNAL = -8,    /* a bug or a broken peer                 500 */
	ERR_FORBIDDEN = -9,   /* known, and not allowed                 403 */
	ERR_MALFORMED = -10,  /* input cannot even be parsed            400 */
};

struct error {
	enum err_code code;
	char text[1016];
};

int error_set(struct error *err, enum err_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Put "context: " in front of the text; returns the code that was set. */
int error_wrap(struct error *err, const char *fmt, ...) PRINTF_LIKE(2, 3);
