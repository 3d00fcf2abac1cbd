#include "common/io/tls.h"

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <sys/random.h>

#define NO_DIGIT 255

void tls_random(void *buf, size_t n)
{
	uint8_t *at = buf;
	while (n) {
		ssize_t got = getrandom(at, MIN(n, 256), 0);
		if (got < 0)
			continue; /* a signal came while the pool was not ready yet */
		at += got;
		n -= (size_t)got;
	}
}

void tls_sha256(const void *bytes, size_t n, uint8_t out[TLS_SHA256_SIZE])
{
	int code = gnutls_hash_fast(GNUTLS_DIG_SHA256, bytes, n, out);
	assert(code == 0);
}

void tls_sha1(const void *bytes, size_t n, uint8_t out[TLS_SHA1_SIZE])
{
	int code = gnutls_hash_fast(GNUTLS_DIG_SHA1, bytes, n, out);
	assert(code == 0);
}

bool tls_equal_secret(const void *a, const void *b, size_t n)
{
	return gnutls_memcmp(a, b, n) == 0;
}

/* ---- RS256 ---- */

struct tls_rsa {
	gnutls_privkey_t private; /* NULL: only the public half is known */
	gnutls_pubkey_t public;
};

static int fail(struct error *err, const char *what, int code)
{
	return error_set(err, ERR_INVALID, "%s: %s", what, gnutls_strerror(code));
}

static char *take_text(gnutls_datum_t *d)
{
	char *text = xstrndup((const char *)d->data, d->size);
	gnutls_free(d->data);
	return text;
}

void tls_rsa_free(struct tls_rsa *k)
{
	if (!k)
		return;
	if (k->private)
		gnutls_privkey_deinit(k->private);
	if (k->public)
		gnutls_pubkey_deinit(k->public);
	free(k);
}

int tls_rsa_generate(char **ret_key_pem, struct error *err)
{
	gnutls_x509_privkey_t key;
	gnutls_datum_t pem = { 0 };
	int code = gnutls_x509_privkey_init(&key);
	if (code < 0)
		return fail(err, "RSA key", code);
	code = gnutls_x509_privkey_generate(key, GNUTLS_PK_RSA, 2048, 0);
	if (code >= 0)
		code = gnutls_x509_privkey_export2_pkcs8(key, GNUTLS_X509_FMT_PEM, NULL,
							 GNUTLS_PKCS_PLAIN, &pem);
	gnutls_x509_privkey_deinit(key);
	if (code < 0)
		return fail(err, "RSA key", code);
	*ret_key_pem = take_text(&pem);
	return 0;
}

static int load(struct tls_rsa *k, const gnutls_datum_t *pem)
{
	int code = gnutls_pubkey_init(&k->public);
	if (code < 0 || gnutls_pubkey_import(k->public, pem, GNUTLS_X509_FMT_PEM) >= 0)
		return code;
	code = gnutls_privkey_init(&k->private);
	if (code >= 0)
		code = gnutls_privkey_import_x509_raw(k->private, pem, GNUTLS_X509_FMT_PEM, NULL,
						      0);
	if (code >= 0)
		code = gnutls_pubkey_import_privkey(k->public, k->private, 0, 0);
	return code;
}

int tls_rsa_load(const char *pem, struct tls_rsa **ret, struct error *err)
{
	gnutls_datum_t text = { (unsigned char *)pem, (unsigned)strlen(pem) };
	AUTO(tls_rsa) *k = xcalloc(1, sizeof *k);
	int code = load(k, &text);
	if (code < 0)
		return fail(err, "RSA key", code);
	if (gnutls_pubkey_get_pk_algorithm(k->public, NULL) != GNUTLS_PK_RSA)
		return error_set(err, ERR_INVALID, "the key is no RSA key");
	*ret = TAKE(k);
	return 0;
}

int tls_rsa_public_pem(const struct tls_rsa *k, char **ret_pem, struct error *err)
{
	gnutls_datum_t pem = { 0 };
	int code = gnutls_pubkey_export2(k->public, GNUTLS_X509_FMT_PEM, &pem);
	if (code < 0)
		return fail(err, "public key", code);
	*ret_pem = take_text(&pem);
	return 0;
}

static void add_number(const gnutls_datum_t *d, struct str *out)
{
	size_t skip = 0;
	while (skip + 1 < d->size && d->data[skip] == 0)
		skip++;
	tls_base64url_encode(d->data + skip, d->size - skip, out);
}

int tls_rsa_jwk(const struct tls_rsa *k, struct str *ret_n, struct str *ret_e, struct error *err)
{
	gnutls_datum_t n = { 0 }, e = { 0 };
	int code = gnutls_pubkey_export_rsa_raw(k->public, &n, &e);
	if (code < 0)
		return fail(err, "public key", code);
	add_number(&n, ret_n);
	add_number(&e, ret_e);
	gnutls_free(n.data);
	gnutls_free(e.data);
	return 0;
}

int tls_rs256_sign(const struct tls_rsa *k, const void *bytes, size_t n,
		   uint8_t ret_signature[TLS_RSA_SIGNATURE_MAX], size_t *ret_len, struct error *err)
{
	gnutls_datum_t data = { (unsigned char *)bytes, (unsigned)n }, signature = { 0 };
	if (!k->private)
		return error_set(err, ERR_INVALID, "the key is a public one");
	int code = gnutls_privkey_sign_data(k->private, GNUTLS_DIG_SHA256, 0, &data, &signature);
	if (code < 0)
		return fail(err, "signature", code);
	bool fits = signature.size <= TLS_RSA_SIGNATURE_MAX;
	if (fits) {
		memcpy(ret_signature, signature.data, signature.size);
		*ret_len = signature.size;
	}
	gnutls_free(signature.data);
	return fits ? 0 : error_set(err, ERR_LIMIT, "the key is longer than 4096 bits");
}

bool tls_rs256_verify(const struct tls_rsa *k, const void *bytes, size_t n, const void *signature,
		      size_t signature_len)
{
	gnutls_datum_t data = { (unsigned char *)bytes, (unsigned)n };
	gnutls_datum_t sig = { (unsigned char *)signature, (unsigned)signature_len };
	return gnutls_pubkey_verify_data2(k->public, GNUTLS_SIGN_RSA_SHA256, 0, &data, &sig) >= 0;
}

/* ---- base64 ---- */

static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void encode(const char *alphabet, bool pads, const uint8_t *b, size_t n, struct str *out)
{
	char *to = str_reserve(out, (n + 2) / 3 * 4);
	if (!to)
		return;
	size_t k = 0;
	for (; n >= 3; n -= 3, b += 3) {
		to[k++] = alphabet[b[0] >> 2];
		to[k++] = alphabet[(b[0] & 3) << 4 | b[1] >> 4];
		to[k++] = alphabet[(b[1] & 15) << 2 | b[2] >> 6];
		to[k++] = alphabet[b[2] & 63];
	}
	if (n) {
		to[k++] = alphabet[b[0] >> 2];
		to[k++] = alphabet[(b[0] & 3) << 4 | (n == 2 ? b[1] >> 4 : 0)];
		if (n == 2)
			to[k++] = alphabet[(b[1] & 15) << 2];
		for (size_t pad = n; pads && pad < 3; pad++)
			to[k++] = '=';
	}
	str_grew(out, k);
}

static void reverse(const char *alphabet, uint8_t table[256])
{
	memset(table, NO_DIGIT, 256);
	for (uint8_t i = 0; i < 64; i++)
		table[(uint8_t)alphabet[i]] = i;
}

/* n sextets without padding; false: something is no digit, or bits are left over. */
static bool decode(const char *alphabet, const char *text, size_t n, struct str *out)
{
	uint8_t table[256];
	if (n % 4 == 1)
		return false;
	reverse(alphabet, table);
	char *to = str_reserve(out, n / 4 * 3 + 3);
	if (!to)
		return false;
	uint32_t bits = 0;
	unsigned have = 0;
	size_t k = 0;
	for (size_t i = 0; i < n; i++) {
		uint32_t digit = table[(uint8_t)text[i]];
		if (digit == NO_DIGIT)
			return false;
		bits = (bits << 6 | digit) & 0xffffff;
		have += 6;
		if (have >= 8) {
			have -= 8;
			to[k++] = (char)(bits >> have & 0xff);
		}
	}
	if (bits & ((1u << have) - 1))
		return false;
	str_grew(out, k);
	return true;
}

void tls_base64url_encode(const void *bytes, size_t n, struct str *out)
{
	encode(url, false, bytes, n, out);
}

void tls_base64_encode(const void *bytes, size_t n, struct str *out)
{
	encode(plain, true, bytes, n, out);
}

int tls_base64url_decode(const char *text, size_t n, struct str *out, struct error *err)
{
	if (!decode(url, text, n, out))
		return error_set(err, ERR_MALFORMED, "this is no base64url text");
	return 0;
}

int tls_base64_decode(const char *text, size_t n, struct str *out, struct error *err)
{
	bool is_whole = n % 4 == 0;
	for (int pad = 0; pad < 2 && n && text[n - 1] == '='; pad++)
		n--;
	if (!is_whole || !decode(plain, text, n, out))
		return error_set(err, ERR_MALFORMED, "this is no base64 text");
	return 0;
}
