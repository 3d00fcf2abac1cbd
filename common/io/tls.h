/*
 * tls.h - what we need of GnuTLS outside of connections: random bytes, keys, certificates,
 * RS256 signatures for ServiceAccount tokens, SHA-256 and base64url. All keys and
 * certificates are PEM text in and out; files are the caller's business.
 *
 * Ownership: returned texts are the caller's (free). Threads: any; RSA key generation
 * takes up to a second and belongs on a worker (loop_offload).
 */
#pragma once

#include "common/base/error.h"
#include "common/base/str.h"

/* From the kernel; does not fail. */
void tls_random(void *buf, size_t n);

#define TLS_SHA256_SIZE 32
void tls_sha256(const void *bytes, size_t n, uint8_t out[TLS_SHA256_SIZE]);

/* For what other protocols ask for (WebSocket's handshake); it protects nothing. */
#define TLS_SHA1_SIZE 20
void tls_sha1(const void *bytes, size_t n, uint8_t out[TLS_SHA1_SIZE]);

/* ---- certificates ---- */

/* A certificate (chain) and its private key. fini of {0} is fine; the key is wiped. */
struct tls_pair {
	char *cert_pem;
	char *key_pem;
};
void tls_pair_fini(struct tls_pair *p);
#define AUTO_TLS_PAIR __attribute__((cleanup(tls_pair_fini))) struct tls_pair

/* A self-signed CA (ECDSA P-256). Valid from one hour ago. */
int tls_ca_new(const char *common_name, int64_t now_s, int days, struct tls_pair *ret,
	       struct error *err) MUST_CHECK;

struct tls_cert_request {
	const char *common_name;
	const char *const *orgs;   /* NULL-terminated, or NULL */
	const char *const *dns;    /* subject alternative names; NULL-terminated, or NULL */
	const char *const *ips;    /* "127.0.0.1", "::1"; NULL-terminated, or NULL */
	bool is_server, is_client; /* extended key usage */
	int64_t now_s;             /* valid from one hour before … */
	int days;                  /* … to so many days after, at most to the CA's own end */
};

/* A new ECDSA P-256 key and its certificate signed by `ca`. ERR_INVALID: an address that is
 * none, or the CA's texts cannot be read. */
int tls_cert_issue(const struct tls_pair *ca, const struct tls_cert_request *request,
		   struct tls_pair *ret, struct error *err) MUST_CHECK;

struct tls_cert_info {
	int64_t not_before_s, not_after_s;
	char common_name[256];
	char issuer_name[256]; /* CN of the issuer */
	bool is_ca;
};
/* The first certificate of the text. ERR_INVALID: none can be read. */
int tls_cert_read(const char *cert_pem, struct tls_cert_info *ret, struct error *err) MUST_CHECK;

/* True if `cert_pem` was signed by a certificate in `ca_pem` and holds at `now_s`. */
bool tls_cert_is_signed_by(const char *cert_pem, const char *ca_pem, int64_t now_s);
/* True if the certificate names this host (DNS name or address) as a server. */
bool tls_cert_names_host(const char *cert_pem, const char *host);

/* ---- RS256 ---- */

struct tls_rsa; /* a private key, or the public half of one */
void tls_rsa_free(struct tls_rsa *k);
DEFINE_CLEANUP(tls_rsa)

/* A new 2048-bit private key as PEM. Slow: on a worker. */
int tls_rsa_generate(char **ret_key_pem, struct error *err) MUST_CHECK;
/* From the PEM of a private key or of a public key ("BEGIN PUBLIC KEY"). */
int tls_rsa_load(const char *pem, struct tls_rsa **ret, struct error *err) MUST_CHECK;
int tls_rsa_public_pem(const struct tls_rsa *k, char **ret_pem, struct error *err) MUST_CHECK;
/* Modulus and exponent, big-endian without leading zeros, base64url: the JWK's n and e. */
int tls_rsa_jwk(const struct tls_rsa *k, struct str *ret_n, struct str *ret_e,
		struct error *err) MUST_CHECK;

#define TLS_RSA_SIGNATURE_MAX 512
/* PKCS#1 v1.5 with SHA-256. `k` must be private. */
int tls_rs256_sign(const struct tls_rsa *k, const void *bytes, size_t n,
		   uint8_t ret_signature[TLS_RSA_SIGNATURE_MAX], size_t *ret_len,
		   struct error *err) MUST_CHECK;
bool tls_rs256_verify(const struct tls_rsa *k, const void *bytes, size_t n, const void *signature,
		      size_t signature_len);

/* ---- base64url without padding (RFC 7515), and plain base64 ---- */

void tls_base64url_encode(const void *bytes, size_t n, struct str *out);
/* ERR_MALFORMED: not base64url (padding is refused, as JWS does). */
int tls_base64url_decode(const char *text, size_t n, struct str *out, struct error *err) MUST_CHECK;
void tls_base64_encode(const void *bytes, size_t n, struct str *out);
int tls_base64_decode(const char *text, size_t n, struct str *out, struct error *err) MUST_CHECK;

/* Equal bytes, in a time that does not depend on where they differ. */
bool tls_equal_secret(const void *a, const void *b, size_t n);
