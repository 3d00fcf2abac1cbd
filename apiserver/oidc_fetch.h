/*
 * oidc_fetch.h - keeps the keys of an OpenID Connect issuer (OpenID Connect Discovery 1.0): its
 * discovery document says where they are; both are fetched over TLS. At the start, every hour, and
 * when a token names a key that is not known, but not more often than every ten seconds. The server
 * starts without the issuer; what was fetched last stays while it cannot be reached.
 *
 * Limits: 64 KiB for the document, 1 MiB for the keys, 10 s for each, 1,000 requests that wait.
 * Threads: the core loop's.
 */
#pragma once

#include "apiserver/authn_oidc.h"
#include "common/io/loop.h"

struct oidc_fetch;

/* `oidc` is borrowed; the texts are copied. ca_pem: who signs the issuer's certificate; NULL: the
 * system's. ERR_INVALID: the issuer is no https URL. */
int oidc_fetch_new(struct loop *loop, struct authn_oidc *oidc, const char *issuer,
		   const char *ca_pem, struct oidc_fetch **ret, struct error *err) MUST_CHECK;
void oidc_fetch_free(struct oidc_fetch *f); /* who waits is never told */

/* Newer keys are fetched, or are on their way: `fetched` is called in a later turn, whatever came of it.
 * False: it was tried a moment ago, or too many wait. */
bool oidc_fetch_wait(struct oidc_fetch *f, void (*fetched)(void *ctx), void *ctx);

struct oidc_fetch_counts {
	uint64_t fetches, failures;
};
void oidc_fetch_counts(const struct oidc_fetch *f, struct oidc_fetch_counts *ret);

/* ---- pure ---- */
/* "https://host:1/a/b?c" → "https://host:1" and "/a/b?c"; ERR_INVALID: no https URL. */
int oidc_url_split(const char *url, char **ret_base, char **ret_target,
		   struct error *err) MUST_CHECK;
/* Where a discovery document says the keys are. ERR_INVALID: it is another issuer's, or no document. */
int oidc_document_keys(const char *text, size_t len, const char *issuer, char **ret_url,
		       struct error *err) MUST_CHECK;
