/*
 * authn.h - whose is this token: a ServiceAccount's, one of a file, a bootstrap token, or one of an
 * OpenID Connect issuer.
 *
 * Threads: the core loop's.
 */
#pragma once

#include "apiserver/server_internal.h"

/* `wanted` (JSON texts) are the audiences one of which the token must be for; NULL or empty: this
 * server's own. True: *ret is who, *ret_audiences those of the wanted that it is for (a list, the
 * caller's; may be NULL where the kind of token knows no audiences). False: why in err. What there is to
 * be said of a token that stands in a Secret goes to `r`'s warnings and its line of the audit log. */
bool authn_token(struct request *r, const char *token, const json_t *wanted, struct identity *ret,
		 json_t **ret_audiences, struct error *err);

/* For a user by name only ("system:serviceaccount:…"): what a ServiceAccount's object says of it. */
void authn_describe_account(struct server *s, struct identity *who);
/* A ServiceAccount by name gets its groups; false: another user. */
bool authn_account_groups(struct identity *who);

/* Impersonate-User, -Group, -Uid, -Extra-…: r->who becomes whom it names, if r->who may. 0, or the
 * refusal in f. Done once. */
int authn_impersonate(struct request *r, struct failure *f);
