/*
 * authn_internal.h - what the parts of authn.h share.
 *
 * Threads: the core loop's.
 */
#pragma once

#include "apiserver/authn.h"

/* A ServiceAccount of the cache (borrowed), or NULL. */
struct object *authn_account(struct server *s, const char *ns, const char *name);
/* *who becomes the account's user. */
void authn_be_account(struct identity *who, const struct object *account);
/* A member of a Secret's data, as it is; empty where there is none. */
void authn_secret_data(const json_t *secret, const char *name, struct str *out);

/* A token that stands in a Secret is good while it stands there. When it was last used is noted in
 * the Secret's labels, once a day, whether or not it is good still. */
bool authn_legacy_token(struct request *r, const char *token, const json_t *claims,
			struct identity *who);
