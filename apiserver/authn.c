/* Who asks: a client certificate, or a bearer's token. */
#include "apiserver/authn.h"
#include "apiserver/authn_file.h"
#include "apiserver/authn_internal.h"
#include "apiserver/authn_oidc.h"
#include "apiserver/callers.h"
#include "apiserver/tokens.h"
#include "common/base/time_text.h"
#include "common/io/log.h"
#include "common/io/tls.h"
#include "schemas/names.h"

#include <strings.h>

#define ACCOUNT_PREFIX   "system:serviceaccount:"
#define EXTRA            "authentication.kubernetes.io/"
#define BOOTSTRAP_ID     6
#define BOOTSTRAP_SECRET 16

static void from_certificate(const struct http_peer *peer, struct identity *who)
{
	who->name = xstrdup(peer->cert_cn);
	for (size_t i = 0; i < peer->cert_orgs_count; i++)
		identity_add_group(who, peer->cert_orgs[i]);
	identity_add_group(who, "system:authenticated");
}

/* ---- ServiceAccounts ---- */

/* The thing a token is bound to must still be the one that lives. */
static bool bound_lives(struct server *s, const json_t *claims, const char *ns, const char *member,
			const char *kind)
{
	json_t *bound = json_at(claims, "kubernetes.io", member);
	if (!bound)
		return true;
	const struct schema_kind *k = schema_kind_by_kind("", "v1", kind);
	const char *name = json_str_or(bound, "name", "");
	struct object *o = hub_get(s->hub, k, k->is_namespaced ? ns : NULL, name);
	return o && object_has_uid(o, json_str_or(bound, "uid", ""));
}

struct object *authn_account(struct server *s, const char *ns, const char *name)
{
	return hub_get(s->hub, schema_kind_by_kind("", "v1", "ServiceAccount"), ns, name);
}

static void set_account(struct identity *who, const struct object *account, const char *ns,
			const char *name)
{
	who->sa_ns = xstrdup(ns);
	who->sa_name = xstrdup(name);
	who->is_deployer = account && span_is(object_label(account, "skiff.dev/role"), "deploy");
}

static void add_account_groups(struct identity *who, const char *ns)
{
	auto_free char *group = xasprintf("system:serviceaccounts:%s", ns);
	identity_add_group(who, "system:serviceaccounts");
	identity_add_group(who, group);
}

/* "system:serviceaccount:NS:NAME"; false: another user. */
static bool split_account(const char *user, char **ret_ns, const char **ret_name)
{
	if (!starts_with(user, ACCOUNT_PREFIX))
		return false;
	const char *ns = user + strlen(ACCOUNT_PREFIX), *colon = strchr(ns, ':');
	if (!colon || !name_is(name_dns_subdomain, colon + 1))
		return false;
	auto_free char *place = xstrndup(ns, (size_t)(colon - ns));
	if (!name_is(name_dns_label, place))
		return false;
	*ret_ns = TAKE(place);
	*ret_name = colon + 1;
	return true;
}

void authn_describe_account(struct server *s, struct identity *who)
{
	auto_free char *ns = NULL;
	const char *name;
	if (split_account(who->name, &ns, &name))
		set_account(who, authn_account(s, ns, name), ns, name);
}

bool authn_account_groups(struct identity *who)
{
	auto_free char *ns = NULL;
	const char *name;
	if (!split_account(who->name, &ns, &name))
		return false;
	add_account_groups(who, ns);
	return true;
}

/* What the token is bound to, for whoever asks who this is. */
static void add_bound(struct identity *who, const json_t *own, const char *member)
{
	static const char *const parts[] = { "name", "uid" };
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		const char *value = json_str(json_object_get(own, member), parts[i]);
		auto_free char *key = xasprintf(EXTRA "%s-%s", member, parts[i]);
		if (value && *value)
			identity_add_extra(who, key, value);
	}
}

void authn_be_account(struct identity *who, const struct object *account)
{
	who->name = xasprintf(ACCOUNT_PREFIX "%s:%s", account->ns, account->name);
	who->uid = object_uid(account);
	set_account(who, account, account->ns, account->name);
	add_account_groups(who, account->ns);
	identity_add_group(who, "system:authenticated");
}

static bool from_claims(struct server *s, const json_t *claims, struct identity *who)
{
	const json_t *own = json_object_get(claims, "kubernetes.io");
	const char *ns = json_str_or(own, "namespace", "");
	struct object *account = authn_account(s, ns, json_str_or(own, "serviceaccount.name", ""));
	if (!account || !object_has_uid(account, json_str_or(own, "serviceaccount.uid", "")) ||
	    account->is_deleting || !bound_lives(s, claims, ns, "pod", "Pod") ||
	    !bound_lives(s, claims, ns, "secret", "Secret") ||
	    /* A pod's token names the node too, and lives as long as the pod. */
	    (!json_object_get(own, "pod") && !bound_lives(s, claims, ns, "node", "Node")))
		return false;
	authn_be_account(who, account);
	const char *id = json_str(claims, "jti");
	if (id && *id) {
		auto_free char *text = xasprintf("JTI=%s", id);
		identity_add_extra(who, EXTRA "credential-id", text);
	}
	add_bound(who, own, "pod");
	add_bound(who, own, "node");
	return true;
}

static bool own_token(struct request *r, const char *token, const json_t *wanted,
		      struct identity *ret, json_t **ret_audiences, json_t **ret_claims,
		      struct error *err)
{
	struct server *s = r->server;
	AUTO_JSON *claims = NULL, *audiences = NULL;
	if (!s->tokens) {
		(void)error_set(err, ERR_FORBIDDEN, "this server has no key for tokens");
		return false;
	}
	if (tokens_verify(s->tokens, token, wanted, loop_wall_us(s->loop) / 1000000, &claims,
			  &audiences, err) < 0)
		return false;
	bool good = tokens_is_legacy(claims) ? authn_legacy_token(r, token, claims, ret)
					     : from_claims(s, claims, ret);
	if (good)
		*ret_audiences = TAKE(audiences);
	if (good && ret_claims && !tokens_is_legacy(claims))
		*ret_claims = TAKE(claims);
	if (!good)
		(void)error_set(err, ERR_FORBIDDEN,
				"the account, or what the token is bound to, is gone");
	return good;
}

/* ---- bootstrap tokens: a Secret each in kube-system ---- */

static bool is_bootstrap(const char *token)
{
	if (strlen(token) != BOOTSTRAP_ID + 1 + BOOTSTRAP_SECRET || token[BOOTSTRAP_ID] != '.')
		return false;
	for (const char *p = token; *p; p++)
		if (p != token + BOOTSTRAP_ID && !(*p >= 'a' && *p <= 'z') &&
		    !(*p >= '0' && *p <= '9'))
			return false;
	return true;
}

static bool is_member(const json_t *secret, const char *name, const char *value)
{
	AUTO_STR text;
	str_init(&text, 4096);
	authn_secret_data(secret, name, &text);
	size_t n = strlen(value);
	return text.len == n && tls_equal_secret(text.data, value, n);
}

static bool is_over(struct server *s, const json_t *secret)
{
	AUTO_STR when;
	int64_t at_us;
	str_init(&when, 256);
	authn_secret_data(secret, "expiration", &when);
	if (!when.len)
		return false;
	return !time_parse(when.data, &at_us) || at_us <= loop_wall_us(s->loop);
}

/* "system:bootstrappers:" and up to 256 of a-z, 0-9, ':' and '-', not ending in one of the latter. */
static bool is_bootstrap_group(const char *group)
{
	static const char prefix[] = "system:bootstrappers:";
	static const char ends[] = "abcdefghijklmnopqrstuvwxyz0123456789";
	if (!starts_with(group, prefix))
		return false;
	const char *rest = group + strlen(prefix);
	size_t n = strlen(rest);
	return n > 0 && n <= 256 &&
	       rest[strspn(rest, "abcdefghijklmnopqrstuvwxyz0123456789:-")] == '\0' &&
	       strchr(ends, rest[n - 1]);
}

/* False: a group that no bootstrap token may give. */
static bool add_bootstrap_groups(const json_t *secret, struct identity *who)
{
	AUTO_STR text;
	str_init(&text, 4096);
	authn_secret_data(secret, "auth-extra-groups", &text);
	char *rest = text.len ? text.data : NULL;
	for (char *group; (group = strsep(&rest, ","));) {
		if (!is_bootstrap_group(group))
			return false;
		identity_add_group(who, group);
	}
	return true;
}

static bool bootstrap_token(struct server *s, const char *token, struct identity *ret)
{
	auto_free char *id = xstrndup(token, BOOTSTRAP_ID);
	auto_free char *name = xasprintf("bootstrap-token-%s", id);
	struct object *o =
		hub_get(s->hub, schema_kind_by_kind("", "v1", "Secret"), "kube-system", name);
	if (!o || o->is_deleting)
		return false;
	AUTO_JSON *secret = object_tree(o);
	if (!streq(json_str_or(secret, "type", ""), "bootstrap.kubernetes.io/token") ||
	    !is_member(secret, "token-id", id) ||
	    !is_member(secret, "token-secret", token + BOOTSTRAP_ID + 1) ||
	    !is_member(secret, "usage-bootstrap-authentication", "true") || is_over(s, secret))
		return false;
	ret->name = xasprintf("system:bootstrap:%s", id);
	identity_add_group(ret, "system:bootstrappers");
	if (!add_bootstrap_groups(secret, ret))
		return false;
	identity_add_group(ret, "system:authenticated");
	return true;
}

/* ---- any token ---- */

static bool wants_us(const struct server *s, const json_t *wanted)
{
	size_t i;
	json_t *w;
	json_array_foreach ((json_t *)(uintptr_t)wanted, i, w)
		if (json_is_string(w) && streq(json_string_value(w), s->options.issuer))
			return true;
	return !json_array_size(wanted);
}

/* *ret_claims: those of a token of a ServiceAccount that stands in no Secret; else untouched. */
static bool find_token(struct request *r, const char *token, const json_t *wanted,
		       struct identity *ret, json_t **ret_audiences, json_t **ret_claims,
		       struct error *err)
{
	struct server *s = r->server;
	/* Kinds of tokens that say nothing of audiences are for this server. */
	bool for_us = wants_us(s, wanted);
	bool found = for_us && s->token_file && authn_file_token(s->token_file, token, ret);
	if (!found && for_us && is_bootstrap(token)) {
		identity_fini(ret);
		found = bootstrap_token(s, token, ret);
	}
	if (found) {
		*ret_audiences = json_pack("[s]", s->options.issuer);
		return true;
	}
	identity_fini(ret);
	if (own_token(r, token, wanted, ret, ret_audiences, ret_claims, err))
		return true;
	identity_fini(ret);
	if (!s->oidc || !for_us)
		return false;
	if (!authn_oidc_token(s->oidc, token, loop_wall_us(s->loop) / 1000000, ret, err))
		return false;
	*ret_audiences = json_pack("[s]", s->options.issuer);
	return true;
}

bool authn_token(struct request *r, const char *token, const json_t *wanted, struct identity *ret,
		 json_t **ret_audiences, struct error *err)
{
	return find_token(r, token, wanted, ret, ret_audiences, NULL, err);
}

static bool from_token(struct request *r, const char *token, struct identity *who)
{
	struct server *s = r->server;
	struct http_memo *memo = r->x->memo;
	struct error err = { 0 };
	AUTO_JSON *audiences = NULL, *claims = NULL;
	int64_t now_s = loop_wall_us(s->loop) / 1000000;
	if (callers_know(s->callers, memo, token, now_s, who))
		return true;
	if (find_token(r, token, NULL, who, &audiences, &claims, &err)) {
		if (claims)
			callers_learn(s->callers, memo, token, claims, now_s, who);
		return true;
	}
	log_info("authn", "token refused", "why", err.text);
	return false;
}

/* The token that a bearer shows; NULL: none. What else the header may hold is another's matter,
 * a proxy's say, and shows us nothing. */
static char *bearer(struct request *r)
{
	const char *header = http_header_get(r->x, "Authorization");
	if (!header)
		return NULL;
	const char *text = header + strspn(header, " \t");
	if (strncasecmp(text, "Bearer ", 7) != 0)
		return NULL;
	text += 7;
	size_t len = strcspn(text, " ");
	if (len)
		return xstrndup(text, len);
	if (text[strspn(text, " ")])
		request_warn(r, "the provided Authorization header contains extra space before "
				"the bearer token, and is ignored");
	return NULL;
}

/* A connection may outlive the certificate that it began with. */
static bool is_late(const struct request *r)
{
	int64_t until_s = r->x->peer.cert_until_s;
	return until_s && loop_wall_us(r->server->loop) / 1000000 > until_s;
}

bool authenticate(struct request *r, struct identity *ret, struct failure *f)
{
	struct http_exchange *x = r->x;
	*ret = (struct identity){ 0 };
	auto_free char *token = bearer(r);
	if (x->peer.cert_cn && !is_late(r)) {
		from_certificate(&x->peer, ret);
		return true;
	}
	if (token && from_token(r, token, ret))
		return true;
	/* Who shows what does not hold is not taken for one who shows nothing. */
	if (token || x->peer.cert_cn || x->peer.has_bad_cert) {
		identity_fini(ret);
		fail(f, 401, "Unauthorized", "Unauthorized");
		return false;
	}
	ret->name = xstrdup("system:anonymous");
	identity_add_group(ret, "system:unauthenticated");
	return true;
}
