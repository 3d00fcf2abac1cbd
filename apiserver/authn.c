/* Who asks: a client certificate, or a ServiceAccount's token. */
#include "apiserver/server_internal.h"
#include "apiserver/tokens.h"
#include "common/io/log.h"

#include <strings.h>

static void everybody_known(struct identity *who)
{
	identity_add_group(who, "system:authenticated");
}

static void from_certificate(const struct http_peer *peer, struct identity *who)
{
	who->name = xstrdup(peer->cert_cn);
	for (size_t i = 0; i < peer->cert_orgs_count; i++)
		identity_add_group(who, peer->cert_orgs[i]);
	everybody_known(who);
}

/* The thing a token is bound to must still be the one that lives. */
static bool bound_lives(struct server *s, const json_t *claims, const char *ns,
			const char *member, const char *kind)
{
	json_t *bound = json_at(claims, "kubernetes.io", member);
	if (!bound)
		return true;
	const struct schema_kind *k = schema_kind_by_kind("", "v1", kind);
	const char *name = json_str_or(bound, "name", "");
	struct object *o =
		hub_get(s->hub, k, k->is_namespaced ? ns : NULL, name);
	return o && streq(o->uid, json_str_or(bound, "uid", ""));
}

static bool from_claims(struct server *s, const json_t *claims, struct identity *who)
{
	const json_t *own = json_object_get(claims, "kubernetes.io");
	const char *ns = json_str_or(own, "namespace", "");
	const char *name = json_str_or(own, "serviceaccount.name", "");
	const char *uid = json_str_or(own, "serviceaccount.uid", "");
	const struct schema_kind *kind = schema_kind_by_kind("", "v1", "ServiceAccount");
	struct object *account = hub_get(s->hub, kind, ns, name);
	if (!account || !streq(account->uid, uid) || account->is_deleting ||
	    !bound_lives(s, claims, ns, "pod", "Pod") ||
	    !bound_lives(s, claims, ns, "secret", "Secret") ||
	    !bound_lives(s, claims, ns, "node", "Node"))
		return false;
	who->name = xasprintf("system:serviceaccount:%s:%s", ns, name);
	who->uid = xstrdup(uid);
	who->sa_ns = xstrdup(ns);
	who->sa_name = xstrdup(name);
	const char *role = object_label(account, "skiff.dev/role");
	who->is_deployer = role && streq(role, "deploy");
	auto_free char *ns_group = xasprintf("system:serviceaccounts:%s", ns);
	identity_add_group(who, "system:serviceaccounts");
	identity_add_group(who, ns_group);
	everybody_known(who);
	return true;
}

static bool from_token(struct server *s, const char *token, struct identity *who)
{
	struct error err = { 0 };
	AUTO_JSON *claims = NULL;
	if (!s->tokens ||
	    tokens_verify(s->tokens, token, loop_wall_us(s->loop) / 1000000, &claims, &err) < 0) {
		log_info("authn", "token refused", "why", err.text);
		return false;
	}
	return from_claims(s, claims, who);
}

bool authenticate(struct server *s, struct http_exchange *x, struct identity *ret,
		  struct failure *f)
{
	*ret = (struct identity){ 0 };
	const char *header = http_header_get(x, "Authorization");
	if (x->peer.cert_cn) {
		from_certificate(&x->peer, ret);
		return true;
	}
	if (header && strncasecmp(header, "Bearer ", 7) == 0) {
		if (from_token(s, header + 7 + strspn(header + 7, " "), ret))
			return true;
		identity_fini(ret);
		fail(f, 401, "Unauthorized", "Unauthorized");
		return false;
	}
	if (header) {
		fail(f, 401, "Unauthorized", "Unauthorized");
		return false;
	}
	ret->name = xstrdup("system:anonymous");
	identity_add_group(ret, "system:unauthenticated");
	return true;
}
