/*
 * tokens.h - ServiceAccount tokens: JWTs signed with RS256 (RFC 7519, 7515), as TokenRequest
 * gives them out and bearers show them.
 */
#pragma once

#include "common/base/error.h"
#include "common/base/jsonx.h"

struct tokens;

/* `key_pem`: RSA private key. ERR_INVALID: it cannot be read. */
int tokens_new(const char *key_pem, const char *issuer, struct tokens **ret,
	       struct error *err) MUST_CHECK;
void tokens_free(struct tokens *t); /* NULL is fine */

struct token_request {
	const char *ns, *sa_name, *sa_uid;
	const char *bound_kind, *bound_name, *bound_uid; /* NULL: not bound */
	const char *node_name, *node_uid;                /* where the pod runs; NULL: not known */
	const json_t *audiences;                         /* array; empty: the issuer */
	const char *id;                                  /* jti */
	int64_t now_s, expires_s;
};
int tokens_issue(const struct tokens *t, const struct token_request *request, struct str *out,
		 struct error *err) MUST_CHECK;

/* One that stands in a Secret of this name, and never expires. */
int tokens_issue_legacy(const struct tokens *t, const char *ns, const char *account,
			const char *account_uid, const char *secret, struct str *out,
			struct error *err) MUST_CHECK;

/* The claims of a token whose signature, issuer, audience and time are good, and which of the
 * `wanted` audiences (NULL or empty: the issuer) it is for. The message is for the log: the client
 * only learns 401. */
int tokens_verify(struct tokens *t, const char *token, const json_t *wanted, int64_t now_s,
		  json_t **ret_claims, json_t **ret_audiences, struct error *err) MUST_CHECK;

/* Of the form that stands in a Secret and never expires. */
bool tokens_is_legacy(const json_t *claims);

const char *tokens_issuer(const struct tokens *t);
int tokens_jwks(const struct tokens *t, struct str *out, struct error *err) MUST_CHECK;
