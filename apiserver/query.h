/*
 * query.h - the query of a URL, decoded: names and values in order. Pure.
 */
#pragma once

#include "common/base/base.h"
#include "common/base/error.h"

#define QUERY_PAIRS_MAX 128

struct query_pair {
	const char *name, *value;
};

struct query {
	struct query_pair *at; /* with the texts behind them: one allocation */
	size_t count;
};

/* ERR_MALFORMED: a broken percent escape, a NUL, or too many pairs. */
int query_parse(const char *text, struct query *ret, struct error *err) MUST_CHECK;
void query_fini(struct query *q); /* {0} is fine */

const char *query_get(const struct query *q, const char *name); /* the first; NULL: absent */
/* "true", "1", "" (present without value) and the like; false where absent. */
bool query_bool(const struct query *q, const char *name);
/* A decimal number; `otherwise` where absent; ERR_MALFORMED for anything else. */
int query_int(const struct query *q, const char *name, int64_t otherwise, int64_t *ret,
	      struct error *err) MUST_CHECK;

/* The same into memory of n + 1 bytes, which may be where `text` is. The length; -1: broken. */
ssize_t url_decode_to(char *to, const char *text, size_t n, bool plus_is_blank);
/* One percent-encoded piece; '+' stays unless plus_is_blank. NULL: broken. The caller's. */
char *url_decode(const char *text, size_t n, bool plus_is_blank);

/* `timeout`, which clients send along with their own, is a duration; 0: none is said; less than a
 * microsecond is one; ERR_MALFORMED. */
int query_timeout(const struct query *q, int64_t *ret_us, struct error *err) MUST_CHECK;
