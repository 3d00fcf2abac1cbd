#include "apiserver/authn_oidc.h"
#include "apiserver/jwt.h"
#include "common/io/tls_jwk.h"

#define JWKS_MAX (1u << 20)

struct key {
	char *id; /* "" where the issuer gives none */
	struct tls_jwk *key;
};

struct authn_oidc {
	char *issuer, *client_id, *username_claim, *username_prefix, *groups_claim, *groups_prefix;
	char *required_claims;
	struct key keys[OIDC_KEYS_MAX];
	size_t keys_count;
	bool wants_keys;
};

static char *default_prefix(const struct authn_oidc_options *o)
{
	bool is_email = o->username_claim && streq(o->username_claim, "email");
	if (o->username_prefix)
		return xstrdup(streq(o->username_prefix, "-") ? "" : o->username_prefix);
	return is_email ? xstrdup("") : xasprintf("%s#", o->issuer);
}

int authn_oidc_new(const struct authn_oidc_options *options, struct authn_oidc **ret,
		   struct error *err)
{
	if (!options->issuer || !options->client_id || !*options->issuer || !*options->client_id)
		return error_set(err, ERR_INVALID,
				 "--oidc-issuer-url and --oidc-client-id belong together");
	struct authn_oidc *o = xcalloc(1, sizeof *o);
	o->issuer = xstrdup(options->issuer);
	o->client_id = xstrdup(options->client_id);
	o->username_claim = xstrdup(options->username_claim ? options->username_claim : "sub");
	o->username_prefix = default_prefix(options);
	o->groups_claim = xstrdup(options->groups_claim ? options->groups_claim : "");
	o->groups_prefix = xstrdup(options->groups_prefix ? options->groups_prefix : "");
	o->required_claims = xstrdup(options->required_claims ? options->required_claims : "");
	*ret = o;
	return 0;
}

static void forget_keys(struct authn_oidc *o)
{
	for (size_t i = 0; i < o->keys_count; i++) {
		free(o->keys[i].id);
		tls_jwk_free(o->keys[i].key);
	}
	o->keys_count = 0;
}

void authn_oidc_free(struct authn_oidc *o)
{
	if (!o)
		return;
	forget_keys(o);
	free(o->issuer);
	free(o->client_id);
	free(o->username_claim);
	free(o->username_prefix);
	free(o->groups_claim);
	free(o->groups_prefix);
	free(o->required_claims);
	free(o);
}

int authn_oidc_set_keys(struct authn_oidc *o, const char *jwks, struct error *err)
{
	AUTO_JSON *tree = NULL;
	struct key keys[OIDC_KEYS_MAX];
	size_t count = 0, i;
	json_t *jwk;
	if (strlen(jwks) > JWKS_MAX || json_parse(jwks, strlen(jwks), &tree, err) < 0)
		return error_set(err, ERR_INVALID, "the issuer's keys are no JSON");
	json_array_foreach (json_object_get(tree, "keys"), i, jwk) {
		struct error unfit; /* a kind of key that we do not know is left out */
		if (count < OIDC_KEYS_MAX && tls_jwk_load(jwk, &keys[count].key, &unfit) == 0)
			keys[count++].id = xstrdup(json_str_or(jwk, "kid", ""));
	}
	if (!count)
		return error_set(err, ERR_INVALID, "the issuer has no key for RS256 or ES256");
	forget_keys(o);
	memcpy(o->keys, keys, count * sizeof *keys);
	o->keys_count = count;
	o->wants_keys = false;
	return 0;
}

bool authn_oidc_wants_keys(struct authn_oidc *o)
{
	bool wants = o->wants_keys;
	o->wants_keys = false;
	return wants;
}

/* ---- a token ---- */

static bool is_signed(struct authn_oidc *o, const char *token, const struct jwt *jwt)
{
	const char *alg = json_str_or(jwt->header, "alg", "");
	const char *id = json_str_or(jwt->header, "kid", "");
	bool known = false;
	for (size_t i = 0; i < o->keys_count; i++) {
		if (*id && *o->keys[i].id && !streq(id, o->keys[i].id))
			continue;
		known = true;
		if (tls_jwk_verify(o->keys[i].key, alg, token, jwt->signed_len, jwt->signature.data,
				   jwt->signature.len))
			return true;
	}
	o->wants_keys = o->wants_keys || !known;
	return false;
}

static bool has_required(const struct authn_oidc *o, const json_t *claims)
{
	auto_free char *copy = xstrdup(o->required_claims);
	char *rest = *copy ? copy : NULL;
	for (char *pair; (pair = strsep(&rest, ","));) {
		char *equals = strchr(pair, '=');
		if (!equals)
			return false;
		*equals = '\0';
		const char *value = json_member_str(claims, pair);
		if (!value || !streq(value, equals + 1))
			return false;
	}
	return true;
}

static void add_group(const struct authn_oidc *o, const json_t *group, struct identity *who)
{
	if (!json_is_string(group))
		return;
	auto_free char *name = xasprintf("%s%s", o->groups_prefix, json_string_value(group));
	identity_add_group(who, name);
}

static void add_groups(const struct authn_oidc *o, const json_t *claims, struct identity *who)
{
	const json_t *groups = *o->groups_claim ? json_object_get(claims, o->groups_claim) : NULL;
	size_t i;
	json_t *group;
	add_group(o, groups, who);
	json_array_foreach ((json_t *)(uintptr_t)groups, i, group)
		add_group(o, group, who);
}

/* A text, or a list of texts: half of what an issuer says of a user's groups is not to be taken for
 * all of it. Claims that stand elsewhere (OpenID Connect Core 1.0, section 5.6.2) are not fetched. */
static bool has_good_groups(const struct authn_oidc *o, const json_t *claims)
{
	const json_t *groups = *o->groups_claim ? json_object_get(claims, o->groups_claim) : NULL;
	size_t i;
	json_t *group;
	if (!groups || json_is_null(groups))
		return !*o->groups_claim ||
		       !json_object_get(json_object_get(claims, "_claim_names"), o->groups_claim);
	json_array_foreach ((json_t *)(uintptr_t)groups, i, group)
		if (!json_is_string(group))
			return false;
	return json_is_string(groups) || json_is_array(groups);
}

/* An address that the issuer has not verified may be anybody's. */
static bool is_unverified(const struct authn_oidc *o, const json_t *claims)
{
	const json_t *verified = json_object_get(claims, "email_verified");
	return streq(o->username_claim, "email") && verified && !json_is_true(verified);
}

static bool no(struct error *err, const char *why)
{
	(void)error_set(err, ERR_FORBIDDEN, "OpenID Connect: %s", why);
	return false;
}

bool authn_oidc_claims(const struct authn_oidc *o, const json_t *claims, int64_t now_s,
		       struct identity *ret, struct error *err)
{
	if (jwt_check_times(claims, now_s, err) < 0)
		return false;
	if (!jwt_is_for(claims, o->client_id))
		return no(err, "for another client");
	if (!has_required(o, claims))
		return no(err, "a required claim is missing or differs");
	const char *name = json_member_str(claims, o->username_claim);
	if (!name || !*name)
		return no(err, "it has no user name");
	if (is_unverified(o, claims))
		return no(err, "the address is not verified");
	if (!has_good_groups(o, claims))
		return no(err, "its groups are neither a text nor a list of texts");
	ret->name = xasprintf("%s%s", o->username_prefix, name);
	add_groups(o, claims, ret);
	identity_add_group(ret, "system:authenticated");
	return true;
}

bool authn_oidc_token(struct authn_oidc *o, const char *token, int64_t now_s, struct identity *ret,
		      struct error *err)
{
	AUTO_JWT jwt = { 0 };
	if (jwt_parse(token, &jwt, err) < 0)
		return false;
	if (!streq(json_str_or(jwt.claims, "iss", ""), o->issuer))
		return no(err, "another issuer");
	if (!is_signed(o, token, &jwt))
		return no(err, "no known key has signed it");
	return authn_oidc_claims(o, jwt.claims, now_s, ret, err);
}
