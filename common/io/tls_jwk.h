/*
 * tls_jwk.h - public keys as JSON Web Keys (RFC 7517, 7518), to verify what others signed: RS256 and
 * ES256.
 *
 * Threads: any; a key is immutable.
 */
#pragma once

#include "common/base/error.h"

#include <jansson.h>

struct tls_jwk;

/* ERR_INVALID: no RSA key of 2048 to 8192 bits and no P-256 key. */
int tls_jwk_load(const json_t *jwk, struct tls_jwk **ret, struct error *err) MUST_CHECK;
void tls_jwk_free(struct tls_jwk *k);
DEFINE_CLEANUP(tls_jwk)

/* `alg` as a token's header says it; false also where it does not fit the key. ES256 signatures are
 * the 64 bytes of RFC 7518. */
bool tls_jwk_verify(const struct tls_jwk *k, const char *alg, const void *bytes, size_t n,
		    const void *signature, size_t signature_len);
