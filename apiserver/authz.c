#include "apiserver/authz.h"
#include "apiserver/authz_node.h"
#include "apiserver/callers.h"
#include "common/base/selector.h"

#define REASON_MAX 16384

/* ---- what is wanted ---- */

/* "spec.nodeName=N": one equality among the terms; "" where there is none. */
static const char *field_value(const struct selector *s, const char *key)
{
	for (size_t i = 0; i < s->count; i++)
		if (streq(s->terms[i].key, key) && s->terms[i].op == SELECT_IN &&
		    s->terms[i].values_count == 1)
			return s->terms[i].values[0];
	return NULL;
}

static const char *method_verb(const char *method)
{
	static const char *const verbs[][2] = { { "GET", "get" },        { "HEAD", "head" },
						{ "POST", "post" },      { "PUT", "put" },
						{ "PATCH", "patch" },    { "DELETE", "delete" },
						{ "OPTIONS", "options" } };
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (streq(method, verbs[i][0]))
			return verbs[i][1];
	return "unknown";
}

void authz_access_of(const struct request *r, struct access *ret)
{
	const struct target *t = &r->target;
	*ret = (struct access){ .is_resource = t->is_resource,
				.verb = t->is_resource ? verb_name(t->verb)
						       : method_verb(r->x->method),
				.group = t->group ? t->group : "",
				.resource = t->resource ? t->resource : "",
				.subresource = t->subresource ? t->subresource : "",
				.name = t->name ? t->name : "",
				.ns = t->ns ? t->ns : "",
				.path = r->x->path,
				.field_node = "" };
}

/* Lists and watches narrowed to one name or one node are asked for as such. Not what deletes: who
 * may delete one by its name may not empty a collection, whatever it selects. */
static void narrow(const struct request *r, struct selector *fields, struct access *a)
{
	bool many = r->target.verb == VERB_LIST || r->target.verb == VERB_WATCH;
	const char *text = query_get(&r->query, "fieldSelector");
	struct error err;
	if (!a->is_resource || !many || !text || field_selector_parse(text, fields, &err) < 0)
		return; /* a bad selector is told of when the request is served */
	const char *name = field_value(fields, "metadata.name");
	const char *node = field_value(fields, "spec.nodeName");
	if (name && !*a->name)
		a->name = name;
	if (node)
		a->field_node = node;
}

/* ---- who may ---- */

static bool path_is_under(const char *path, const char *root)
{
	size_t n = strlen(root);
	return strncmp(path, root, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

/* To requests, whoever asks; who asks whether somebody may is told what the roles say. */
static bool is_open(const struct access *a)
{
	static const char *const open[] = { "/version", "/healthz", "/livez", "/readyz" };
	bool reads = streq(a->verb, "get") || streq(a->verb, "head");
	for (size_t i = 0; !a->is_resource && reads && i < ARRAY_LEN(open); i++)
		if (path_is_under(a->path, open[i]))
			return true;
	return false;
}

/* A deploying ServiceAccount: all inside its namespace but the means to become somebody
 * else, its own namespace to read, and images. */
static bool deployer_may(const struct identity *who, const struct access *a)
{
	bool gets = streq(a->verb, "get") || streq(a->verb, "list");
	if (!who->is_deployer || !a->is_resource || streq(a->verb, "impersonate") ||
	    streq(a->verb, "bind") || streq(a->verb, "escalate"))
		return false;
	if (streq(a->group, "skiff.dev") && streq(a->resource, "nodes"))
		return streq(a->subresource, "images") && (gets || streq(a->verb, "create"));
	if (streq(a->group, "") && streq(a->resource, "nodes"))
		return !*a->subresource && gets;
	if (!*a->ns || !streq(a->ns, who->sa_ns))
		return false;
	if (streq(a->resource, "namespaces"))
		return streq(a->verb, "get");
	return !streq(a->subresource, "token");
}

static bool decide(struct server *s, const struct identity *who, const struct access *a,
		   struct str *reason)
{
	if (identity_in_group(who, "system:masters"))
		return true;
	const char *node = authz_node_name(who);
	if (node && authz_node_allows(s->authz_node, node, a, reason))
		return true;
	AUTO_STR rbac;
	str_init(&rbac, REASON_MAX);
	bool allowed = rbac_allows(s->rbac, who, a, &rbac);
	if (allowed)
		str_clear(reason);
	if (rbac.len)
		str_addf(reason, "%s%s", reason->len ? "\n" : "", rbac.data);
	if (!allowed && deployer_may(who, a)) {
		str_clear(reason);
		str_addf(reason, "allowed by the label skiff.dev/role of ServiceAccount \"%s/%s\"",
			 who->sa_name, who->sa_ns);
		return true;
	}
	return allowed;
}

/* Terminals and tunnels are opened by GET as well as by POST, and are no reading: who opens one
 * needs the right to create it. */
static bool opens_stream(const struct access *a)
{
	static const char *const streams[] = { "exec", "attach", "portforward" };
	for (size_t i = 0; i < ARRAY_LEN(streams); i++)
		if (streq(a->subresource, streams[i]))
			return streq(a->resource, "pods") && streq(a->verb, "get");
	return false;
}

bool authz_allows(struct server *s, const struct identity *who, const struct access *a,
		  struct str *reason)
{
	return decide(s, who, a, reason);
}

/* ---- refusing ---- */

void authz_cannot_text(const struct identity *who, const struct access *a, struct str *out)
{
	str_addf(out, "User \"%s\" cannot %s resource \"%s%s%s\" in API group \"%s\"", who->name,
		 a->verb, a->resource, *a->subresource ? "/" : "", a->subresource, a->group);
	if (*a->ns)
		str_addf(out, " in the namespace \"%s\"", a->ns);
	else
		str_add(out, " at the cluster scope");
}

static int refuse(struct request *r, const struct access *a, const struct str *reason,
		  struct failure *f)
{
	const struct target *t = &r->target;
	const char *colon = reason->len ? ": " : "";
	request_annotate(r, "authorization.k8s.io/decision", "forbid");
	request_annotate(r, "authorization.k8s.io/reason", reason->len ? reason->data : "");
	if (!a->is_resource) {
		fail(f, 403, "Forbidden", "forbidden: User \"%s\" cannot %s path \"%s\"%s%s",
		     r->who.name, a->verb, a->path, colon, reason->data);
		failure_kind(f, "", "", NULL);
		return -1;
	}
	AUTO_STR cannot;
	str_init(&cannot, REASON_MAX);
	authz_cannot_text(&r->who, a, &cannot);
	fail(f, 403, "Forbidden", "%s%s%s%s%s%s is forbidden: %s%s%s", t->resource,
	     *t->group ? "." : "", t->group, *a->name ? " \"" : "", a->name, *a->name ? "\"" : "",
	     cannot.data, colon, reason->data);
	failure_kind(f, t->group, t->resource, a->name);
	return -1;
}

/* What was allowed to a caller is so until a role or a binding changes; lists that a selector narrows
 * are asked for as something else. */
static bool is_kept(const struct request *r)
{
	return r->who.caller && r->target.is_resource && !query_get(&r->query, "fieldSelector");
}

static int look(struct request *r, struct str *reason, struct failure *f)
{
	struct access a;
	AUTO_SELECTOR fields = { 0 };
	authz_access_of(r, &a);
	narrow(r, &fields, &a);
	bool allowed = decide(r->server, &r->who, &a, reason);
	if (!allowed && is_open(&a)) {
		str_clear(reason);
		return 0;
	}
	if (allowed && opens_stream(&a)) {
		str_clear(reason);
		a.verb = "create";
		allowed = decide(r->server, &r->who, &a, reason);
	}
	return allowed ? 0 : refuse(r, &a, reason, f);
}

int authorize(struct request *r, struct failure *f)
{
	bool keeps = is_kept(r);
	uint64_t generation = keeps ? rbac_generation(r->server->rbac) : 0;
	enum verb verb = r->target.verb;
	const char *why =
		keeps ? caller_was_allowed(r->who.caller, verb, r->x->path, generation) : NULL;
	AUTO_STR reason;
	str_init(&reason, REASON_MAX);
	if (!why && look(r, &reason, f) < 0)
		return -1;
	if (!why && keeps)
		caller_allow(r->who.caller, verb, r->x->path, generation, reason.data);
	request_annotate(r, "authorization.k8s.io/reason", why ? why : reason.data);
	request_annotate(r, "authorization.k8s.io/decision", "allow");
	return 0;
}

int authorize_create(struct request *r, struct failure *f)
{
	struct access a;
	AUTO_SELECTOR fields = { 0 };
	AUTO_STR reason;
	str_init(&reason, REASON_MAX);
	authz_access_of(r, &a);
	narrow(r, &fields, &a);
	a.verb = "create";
	return decide(r->server, &r->who, &a, &reason) ? 0 : refuse(r, &a, &reason, f);
}
