/*
 * tls_aead.h - authenticated encryption: AES-GCM (NIST SP 800-38D) with 128, 192 or 256 bit keys.
 *
 * Threads: any.
 */
#pragma once

#include "common/base/error.h"

#define TLS_AEAD_NONCE 12
#define TLS_AEAD_TAG   16

static inline bool tls_aead_key_size_is_good(size_t n)
{
	return n == 16 || n == 24 || n == 32;
}

/* `out` has room for len + TLS_AEAD_TAG bytes. A nonce is used once a key. `auth` is what must be
 * the same when it is opened. ERR_INVALID: the key's size. */
int tls_aead_seal(const void *key, size_t key_len, const uint8_t nonce[TLS_AEAD_NONCE],
		  const void *auth, size_t auth_len, const void *plain, size_t len, void *out,
		  struct error *err) MUST_CHECK;

/* `len` with the tag; `out` has room for len - TLS_AEAD_TAG. ERR_FORBIDDEN: another key, or
 * something was changed. */
int tls_aead_open(const void *key, size_t key_len, const uint8_t nonce[TLS_AEAD_NONCE],
		  const void *auth, size_t auth_len, const void *sealed, size_t len, void *out,
		  struct error *err) MUST_CHECK;
