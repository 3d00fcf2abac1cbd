#include "common/io/tls_aead.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

static int cipher_of(const void *key, size_t len, gnutls_aead_cipher_hd_t *ret, struct error *err)
{
	gnutls_datum_t k = { (unsigned char *)(uintptr_t)key, (unsigned)len };
	gnutls_cipher_algorithm_t how = len == 16   ? GNUTLS_CIPHER_AES_128_GCM
					: len == 24 ? GNUTLS_CIPHER_AES_192_GCM
						    : GNUTLS_CIPHER_AES_256_GCM;
	if (!tls_aead_key_size_is_good(len) || gnutls_aead_cipher_init(ret, how, &k) < 0)
		return error_set(err, ERR_INVALID,
				 "a key for AES-GCM must have 16, 24 or 32 bytes, not %zu", len);
	return 0;
}

int tls_aead_seal(const void *key, size_t key_len, const uint8_t nonce[TLS_AEAD_NONCE],
		  const void *auth, size_t auth_len, const void *plain, size_t len, void *out,
		  struct error *err)
{
	gnutls_aead_cipher_hd_t cipher;
	size_t out_len = len + TLS_AEAD_TAG;
	int code = cipher_of(key, key_len, &cipher, err);
	if (code < 0)
		return code;
	code = gnutls_aead_cipher_encrypt(cipher, nonce, TLS_AEAD_NONCE, auth, auth_len,
					  TLS_AEAD_TAG, plain, len, out, &out_len);
	gnutls_aead_cipher_deinit(cipher);
	return code < 0 ? error_set(err, ERR_INTERNAL, "encryption: %s", gnutls_strerror(code)) : 0;
}

int tls_aead_open(const void *key, size_t key_len, const uint8_t nonce[TLS_AEAD_NONCE],
		  const void *auth, size_t auth_len, const void *sealed, size_t len, void *out,
		  struct error *err)
{
	gnutls_aead_cipher_hd_t cipher;
	if (len < TLS_AEAD_TAG)
		return error_set(err, ERR_FORBIDDEN, "too short to be encrypted");
	size_t out_len = len - TLS_AEAD_TAG;
	int code = cipher_of(key, key_len, &cipher, err);
	if (code < 0)
		return code;
	code = gnutls_aead_cipher_decrypt(cipher, nonce, TLS_AEAD_NONCE, auth, auth_len,
					  TLS_AEAD_TAG, sealed, len, out, &out_len);
	gnutls_aead_cipher_deinit(cipher);
	return code < 0 ? error_set(err, ERR_FORBIDDEN, "encrypted with another key, or changed")
			: 0;
}
