#include "common/io/tls_jwk.h"
#include "common/base/jsonx.h"
#include "common/io/tls.h"

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#define NUMBER_MAX   1024 /* bytes of a modulus: 8192 bits */
#define RSA_BITS_MIN 2048
#define P256_BYTES   32

struct tls_jwk {
	gnutls_pubkey_t key;
	bool is_rsa;
};

/* A base64url member as bytes. */
static bool number_of(const json_t *jwk, const char *name, struct str *out)
{
	struct error err;
	const char *text = json_member_str(jwk, name);
	return text && tls_base64url_decode(text, strlen(text), out, &err) == 0 && out->len > 0;
}

static gnutls_datum_t datum(const struct str *s)
{
	return (gnutls_datum_t){ (unsigned char *)s->data, (unsigned)s->len };
}

static bool load_rsa(struct tls_jwk *k, const json_t *jwk)
{
	AUTO_STR n, e;
	unsigned bits = 0;
	str_init(&n, NUMBER_MAX);
	str_init(&e, 8);
	if (!number_of(jwk, "n", &n) || !number_of(jwk, "e", &e))
		return false;
	gnutls_datum_t m = datum(&n), x = datum(&e);
	k->is_rsa = true;
	return gnutls_pubkey_import_rsa_raw(k->key, &m, &x) >= 0 &&
	       gnutls_pubkey_get_pk_algorithm(k->key, &bits) == GNUTLS_PK_RSA &&
	       bits >= RSA_BITS_MIN;
}

static bool load_ec(struct tls_jwk *k, const json_t *jwk)
{
	AUTO_STR x, y;
	str_init(&x, NUMBER_MAX);
	str_init(&y, NUMBER_MAX);
	if (!streq(json_str_or(jwk, "crv", ""), "P-256") || !number_of(jwk, "x", &x) ||
	    !number_of(jwk, "y", &y) || x.len != P256_BYTES || y.len != P256_BYTES)
		return false;
	gnutls_datum_t a = datum(&x), b = datum(&y);
	return gnutls_pubkey_import_ecc_raw(k->key, GNUTLS_ECC_CURVE_SECP256R1, &a, &b) >= 0;
}

int tls_jwk_load(const json_t *jwk, struct tls_jwk **ret, struct error *err)
{
	const char *type = json_str_or(jwk, "kty", ""), *use = json_str_or(jwk, "use", "sig");
	AUTO(tls_jwk) *k = xcalloc(1, sizeof *k);
	bool good = streq(use, "sig") && gnutls_pubkey_init(&k->key) >= 0 &&
		    ((streq(type, "RSA") && load_rsa(k, jwk)) ||
		     (streq(type, "EC") && load_ec(k, jwk)));
	if (!good)
		return error_set(err, ERR_INVALID,
				 "a key is neither RSA (2048 bits or more) nor EC P-256");
	*ret = TAKE(k);
	return 0;
}

void tls_jwk_free(struct tls_jwk *k)
{
	if (k && k->key)
		gnutls_pubkey_deinit(k->key);
	free(k);
}

static bool verify(const struct tls_jwk *k, gnutls_sign_algorithm_t how, const void *bytes,
		   size_t n, const gnutls_datum_t *signature)
{
	gnutls_datum_t data = { (unsigned char *)(uintptr_t)bytes, (unsigned)n };
	return gnutls_pubkey_verify_data2(k->key, how, 0, &data, signature) >= 0;
}

/* r and s side by side become the sequence that GnuTLS reads. */
static bool verify_ec(const struct tls_jwk *k, const void *bytes, size_t n,
		      const unsigned char *signature)
{
	gnutls_datum_t r = { (unsigned char *)(uintptr_t)signature, P256_BYTES };
	gnutls_datum_t s = { (unsigned char *)(uintptr_t)signature + P256_BYTES, P256_BYTES };
	gnutls_datum_t both = { 0 };
	if (gnutls_encode_rs_value(&both, &r, &s) < 0)
		return false;
	bool good = verify(k, GNUTLS_SIGN_ECDSA_SHA256, bytes, n, &both);
	gnutls_free(both.data);
	return good;
}

bool tls_jwk_verify(const struct tls_jwk *k, const char *alg, const void *bytes, size_t n,
		    const void *signature, size_t signature_len)
{
	gnutls_datum_t s = { (unsigned char *)(uintptr_t)signature, (unsigned)signature_len };
	if (k->is_rsa)
		return streq(alg, "RS256") && verify(k, GNUTLS_SIGN_RSA_SHA256, bytes, n, &s);
	return streq(alg, "ES256") && signature_len == 2 * (size_t)P256_BYTES &&
	       verify_ec(k, bytes, n, signature);
}
