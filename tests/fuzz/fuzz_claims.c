// link: apiserver io
/* The claims of a token that somebody has signed: whatever he may have signed, it is a user of ours or
 * nobody. */
#include "apiserver/authn_oidc.h"
#include "common/base/jsonx.h"

#include <stdint.h>

#define NOW_S 1000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), k = strlen(end);
	return n >= k && streq(text + n - k, end);
}

static const struct authn_oidc_options variants[] = {
	{ .issuer = "https://a", .client_id = "a" },
	{ .issuer = "https://a",
	  .client_id = "a",
	  .username_claim = "email",
	  .groups_claim = "groups" },
	{ .issuer = "https://a",
	  .client_id = "a",
	  .username_claim = "name",
	  .username_prefix = "u:",
	  .groups_claim = "groups",
	  .groups_prefix = "g:",
	  .required_claims = "hd=b,x=" },
};

static void check_user(const struct authn_oidc_options *o, const json_t *claims,
		       const struct identity *who)
{
	const char *claim = o->username_claim ? o->username_claim : "sub";
	const char *name = json_member_str(claims, claim);
	assert(name && *name && who->name && ends_with(who->name, name));
	assert(!o->username_prefix || starts_with(who->name, o->username_prefix));
	assert(o->username_claim || starts_with(who->name, "https://a#"));
	assert(json_number_value(json_object_get(claims, "exp")) > NOW_S);
	assert(identity_in_group(who, "system:authenticated"));
	assert(o->groups_claim || who->groups_count == 1);
	for (size_t i = 0; o->groups_prefix && i < who->groups_count; i++)
		assert(starts_with(who->groups[i], o->groups_prefix) ||
		       streq(who->groups[i], "system:authenticated"));
	const json_t *verified = json_object_get(claims, "email_verified");
	assert(!streq(claim, "email") || !verified || json_is_true(verified));
	const char *domain = json_member_str(claims, "hd");
	assert(!o->required_claims || (domain && streq(domain, "b")));
	/* Nothing else of the cluster's is said of a stranger. */
	assert(!who->is_deployer && !who->sa_name && !who->sa_ns && !who->uid && !who->extra);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_JSON *claims = NULL;
	struct error err;
	if (json_parse((const char *)data, size, &claims, &err) < 0 || !json_is_object(claims))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(variants); i++) {
		AUTO(authn_oidc) *o = NULL;
		struct identity who = { 0 };
		int code = authn_oidc_new(&variants[i], &o, &err);
		assert(code == 0);
		if (authn_oidc_claims(o, claims, NOW_S, &who, &err))
			check_user(&variants[i], claims, &who);
		else
			assert(!who.name && who.groups_count == 0);
		identity_fini(&who);
	}
	return 0;
}
