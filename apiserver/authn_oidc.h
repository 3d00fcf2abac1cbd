/*
 * authn_oidc.h - ID tokens of an OpenID Connect issuer (OpenID Connect Core 1.0, section 3.1.3.7):
 * signed RS256 or ES256 by a key of the issuer's JWKS, for our client id, not expired; claims say
 * the user's name and groups. The keys come from a file or from oidc_fetch.h; nothing here uses the
 * network.
 *
 * Threads: the core loop's.
 */
#pragma once

#include "apiserver/request.h"

#define OIDC_KEYS_MAX 64

struct authn_oidc_options {
	const char *issuer;         /* exactly as in `iss` */
	const char *client_id;      /* must be among `aud` */
	const char *username_claim; /* NULL: "sub" */
	const char
		*username_prefix;  /* NULL: "ISSUER#", but none for the claim "email"; "-": none */
	const char *groups_claim;  /* NULL: no groups */
	const char *groups_prefix; /* NULL: none */
	const char *required_claims; /* "a=b,c=d"; NULL: none */
};

struct authn_oidc;

/* ERR_INVALID: issuer or client id is missing. Texts are copied. */
int authn_oidc_new(const struct authn_oidc_options *options, struct authn_oidc **ret,
		   struct error *err) MUST_CHECK;
void authn_oidc_free(struct authn_oidc *o);
DEFINE_CLEANUP(authn_oidc)

/* The issuer's keys, {"keys":[…]}: those that came before are forgotten, unless none of these can be
 * used (ERR_INVALID). */
int authn_oidc_set_keys(struct authn_oidc *o, const char *jwks, struct error *err) MUST_CHECK;

/* True once after a token of this issuer named a key that is not known. */
bool authn_oidc_wants_keys(struct authn_oidc *o);

/* False: why in err, for the log. */
bool authn_oidc_token(struct authn_oidc *o, const char *token, int64_t now_s, struct identity *ret,
		      struct error *err);

/* The part after the signature: whom these claims, an object, are about. Pure. */
bool authn_oidc_claims(const struct authn_oidc *o, const json_t *claims, int64_t now_s,
		       struct identity *ret, struct error *err);
