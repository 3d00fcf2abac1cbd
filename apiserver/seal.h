/*
 * seal.h - objects that are encrypted where they are stored: which kinds, and with which keys. The
 * first key of the configuration encrypts, all of them decrypt; the number of the key stands in the
 * value's header. A value is bound to its store key: one put in another's place does not open.
 *
 * The configuration is EncryptionConfiguration (apiserver.config.k8s.io/v1) with the providers
 * aesgcm and identity.
 *
 * Threads: the core loop's.
 */
#pragma once

#include "common/base/str.h"
#include "schemas/schema.h"

struct seal;

/* ERR_INVALID says what is wrong with the configuration. */
int seal_new(const char *config, struct seal **ret, struct error *err) MUST_CHECK;
void seal_free(struct seal *s);
DEFINE_CLEANUP(seal)

/* The number of the key that encrypts objects of this kind now; 0: they are stored as they are. */
uint8_t seal_key(const struct seal *s, const struct schema_kind *kind);

/* `nonce` are 12 random bytes; `out` gets what is stored behind the header. */
int seal_close(const struct seal *s, uint8_t key, const char *store_key, const uint8_t *nonce,
	       const void *bytes, size_t len, struct str *out, struct error *err) MUST_CHECK;

/* The other way. ERR_INVALID: no such key any more; ERR_FORBIDDEN: it does not open. s may be NULL. */
int seal_open(const struct seal *s, uint8_t key, const char *store_key, const void *bytes,
	      size_t len, struct str *out, struct error *err) MUST_CHECK;
