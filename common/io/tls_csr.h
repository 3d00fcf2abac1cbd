/*
 * tls_csr.h - certificate signing requests (PKCS#10): reading one, and making the certificate
 * that it asks for. Texts are PEM. What may be signed is the caller's business; what is taken
 * over from a request is its subject, its key, and its names (DNS, mail, address, URI), no other
 * extension.
 *
 * Source: RFC 2986, RFC 5280; the words of usages are those of certificates.k8s.io/v1.
 * Threads: any. Signing with ECDSA P-256 takes a fraction of a millisecond.
 */
#pragma once

#include "common/io/tls.h"

#define TLS_CSR_ORGS_MAX 64

struct tls_csr {
	char *common_name; /* "" where there is none */
	char *orgs[TLS_CSR_ORGS_MAX];
	size_t orgs_count;
	size_t dns_count, emails_count, ips_count, uris_count;
};
void tls_csr_fini(struct tls_csr *r);
#define AUTO_TLS_CSR __attribute__((cleanup(tls_csr_fini))) struct tls_csr

/* Reads a request and checks that it is signed by its own key. ERR_INVALID: it is not, or it is
 * no request, or has several common names or too many
 * organizations; the text says which, in the words of Go's library
 * where it has words for it. */
int tls_csr_read(const char *pem, struct tls_csr *ret, struct error *err) MUST_CHECK;

struct tls_csr_signing {
	const char *const *usages; /* NULL-terminated: "client auth", "digital signature" … */
	int64_t now_s;
	int64_t from_s, to_s; /* at most to the CA's own end */
};

/* ERR_INVALID: a usage that is none, a request as above, a CA that has ended or cannot be read. */
int tls_csr_sign(const struct tls_pair *ca, const char *pem, const struct tls_csr_signing *how,
		 char **ret_cert_pem, struct error *err) MUST_CHECK;

/* Certificate and key can be read and belong together, so that they can sign. ERR_INVALID. */
int tls_pair_check(const struct tls_pair *ca, struct error *err) MUST_CHECK;

/* Every certificate of the text can be read. ERR_INVALID: one cannot, or there is none. */
int tls_certs_check(const char *pem, struct error *err) MUST_CHECK;
