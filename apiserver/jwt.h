/*
 * jwt.h - JSON Web Tokens in their compact form (RFC 7519, 7515), taken apart: nothing here says
 * that a token is good; whoever holds the key does. Pure.
 */
#pragma once

#include "common/base/jsonx.h"

#define JWT_MAX 16384 /* bytes of a token */

struct jwt {
	json_t *header, *claims; /* objects */
	size_t signed_len;       /* so many of the token's first bytes are signed */
	struct str signature;
};

/* ERR_MALFORMED: no token; ERR_LIMIT: longer than JWT_MAX. */
int jwt_parse(const char *token, struct jwt *ret, struct error *err) MUST_CHECK;
void jwt_fini(struct jwt *t); /* {0} is fine */
#define AUTO_JWT __attribute__((cleanup(jwt_fini))) struct jwt

/* exp is needed and ahead, nbf (a minute of other clocks forgiven) behind; ERR_FORBIDDEN. */
int jwt_check_times(const json_t *claims, int64_t now_s, struct error *err) MUST_CHECK;
/* It was not issued in the future, by the same measure; ERR_FORBIDDEN. */
int jwt_check_issued(const json_t *claims, int64_t now_s, struct error *err) MUST_CHECK;

/* `aud` is the text, or a list with it. */
bool jwt_is_for(const json_t *claims, const char *audience);
