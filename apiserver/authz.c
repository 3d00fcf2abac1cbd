/*
 * Who may do what, until roles are objects: one table. system:masters may do everything;
 * the controller and each node what stands here; a ServiceAccount labelled
 * skiff.dev/role: deploy everything inside its namespace, and image import; anonymous
 * only the version and health. Everything else is 403.
 */
#include "apiserver/server_internal.h"

#define V(verb)  (1u << VERB_##verb)
#define READ     (V(GET) | V(LIST) | V(WATCH))
#define WRITE    (V(CREATE) | V(UPDATE) | V(PATCH) | V(DELETE) | V(DELETE_COLLECTION))

enum scope {
	ANY_OBJECT,
	OWN_NAME,      /* the object is named like the node */
};

struct rule {
	const char *group;       /* of the user */
	const char *api_group;   /* "*": any */
	const char *resource;    /* "pods", "pods/status"; "*": any without subresource */
	unsigned verbs;
	enum scope scope;
};

#define CONTROLLERS "system:skiff-controllers"
#define NODES       "system:nodes"

static const struct rule rules[] = {
	/* The controller reads all, cleans up all, and writes what its loops make. */
	{ CONTROLLERS, "*", "*", READ | V(UPDATE) | V(PATCH) | V(DELETE) | V(DELETE_COLLECTION),
	  ANY_OBJECT },
	{ CONTROLLERS, "*", "*/status", V(GET) | V(UPDATE) | V(PATCH), ANY_OBJECT },
	{ CONTROLLERS, "*", "*/scale", V(GET) | V(UPDATE) | V(PATCH), ANY_OBJECT },
	{ CONTROLLERS, "", "namespaces/finalize", V(UPDATE), ANY_OBJECT },
	{ CONTROLLERS, "", "pods/binding", V(CREATE), ANY_OBJECT },
	{ CONTROLLERS, "", "pods", V(CREATE), ANY_OBJECT },
	{ CONTROLLERS, "", "events", V(CREATE), ANY_OBJECT },
	{ CONTROLLERS, "", "endpoints", V(CREATE), ANY_OBJECT },
	{ CONTROLLERS, "", "serviceaccounts", V(CREATE), ANY_OBJECT },
	{ CONTROLLERS, "", "configmaps", V(CREATE), ANY_OBJECT },
	{ CONTROLLERS, "apps", "replicasets", V(CREATE), ANY_OBJECT },
	{ CONTROLLERS, "apps", "controllerrevisions", V(CREATE), ANY_OBJECT },
	{ CONTROLLERS, "batch", "jobs", V(CREATE), ANY_OBJECT },
	{ CONTROLLERS, "discovery.k8s.io", "endpointslices", V(CREATE), ANY_OBJECT },
	{ CONTROLLERS, "coordination.k8s.io", "leases", V(CREATE), ANY_OBJECT },
	/* A node reads what it runs and routes, and writes about itself and its pods. */
	{ NODES, "", "pods", READ | V(DELETE), ANY_OBJECT },
	{ NODES, "", "pods/status", V(GET) | V(UPDATE) | V(PATCH), ANY_OBJECT },
	{ NODES, "", "services", READ, ANY_OBJECT },
	{ NODES, "", "endpoints", READ, ANY_OBJECT },
	{ NODES, "discovery.k8s.io", "endpointslices", READ, ANY_OBJECT },
	{ NODES, "", "namespaces", READ, ANY_OBJECT },
	{ NODES, "", "configmaps", READ, ANY_OBJECT },
	{ NODES, "", "secrets", READ, ANY_OBJECT },
	{ NODES, "", "serviceaccounts", V(GET), ANY_OBJECT },
	{ NODES, "", "serviceaccounts/token", V(CREATE), ANY_OBJECT },
	{ NODES, "", "nodes", READ, ANY_OBJECT },
	{ NODES, "", "nodes", V(CREATE), ANY_OBJECT },
	{ NODES, "", "nodes", V(UPDATE) | V(PATCH), OWN_NAME },
	{ NODES, "", "nodes/status", V(UPDATE) | V(PATCH), OWN_NAME },
	{ NODES, "", "events", V(CREATE) | V(UPDATE) | V(PATCH), ANY_OBJECT },
	{ NODES, "coordination.k8s.io", "leases", V(CREATE), ANY_OBJECT },
	{ NODES, "coordination.k8s.io", "leases", V(GET) | V(UPDATE) | V(PATCH), OWN_NAME },
};

static bool is_own_name(const struct request *r)
{
	static const char prefix[] = "system:node:";
	return starts_with(r->who.name, prefix) && r->target.name &&
	       streq(r->who.name + strlen(prefix), r->target.name);
}

static bool resource_fits(const char *pattern, const struct target *t)
{
	const char *slash = strchr(pattern, '/');
	size_t n = slash ? (size_t)(slash - pattern) : strlen(pattern);
	bool same = (n == 1 && *pattern == '*') ||
		    (strlen(t->resource) == n && memcmp(pattern, t->resource, n) == 0);
	if (!same || (slash != NULL) != (t->subresource != NULL))
		return false;
	return !slash || streq(slash + 1, t->subresource);
}

static bool rule_allows(const struct rule *rule, const struct request *r)
{
	const struct target *t = &r->target;
	return identity_in_group(&r->who, rule->group) && (rule->verbs & (1u << t->verb)) &&
	       (streq(rule->api_group, "*") || streq(rule->api_group, t->group)) &&
	       resource_fits(rule->resource, t) &&
	       (rule->scope != OWN_NAME || is_own_name(r));
}

/* A deploying ServiceAccount: all inside its namespace but the means to become somebody
 * else, its own namespace to read, and images. */
static bool deployer_may(const struct request *r)
{
	const struct target *t = &r->target;
	if (!r->who.is_deployer)
		return false;
	if (streq(t->group, "skiff.dev") && streq(t->resource, "nodes") && t->subresource &&
	    streq(t->subresource, "images"))
		return t->verb == VERB_CREATE || t->verb == VERB_GET;
	if (streq(t->group, "") && streq(t->resource, "nodes") && !t->subresource)
		return t->verb == VERB_GET || t->verb == VERB_LIST;
	if (!t->ns || !streq(t->ns, r->who.sa_ns))
		return false;
	if (streq(t->resource, "namespaces"))
		return t->verb == VERB_GET;
	return !t->subresource || !streq(t->subresource, "token");
}

static bool path_is_under(const char *path, const char *root)
{
	size_t n = strlen(root);
	return strncmp(path, root, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

static bool path_allowed(const struct request *r)
{
	static const char *const open[] = { "/version", "/healthz", "/livez", "/readyz" };
	static const char *const known[] = { "/api", "/apis", "/openapi", "/openid",
					     "/.well-known" };
	for (size_t i = 0; i < ARRAY_LEN(open); i++)
		if (path_is_under(r->x->path, open[i]))
			return true;
	bool reads = streq(r->x->method, "GET") || streq(r->x->method, "HEAD");
	if (!reads || !identity_in_group(&r->who, "system:authenticated"))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (path_is_under(r->x->path, known[i]))
			return true;
	return false;
}

static int refuse_path(struct request *r, struct failure *f)
{
	const char *m = r->x->method;
	const char *verb = streq(m, "GET") ? "get" : streq(m, "POST") ? "post" :
						     streq(m, "PUT")  ? "put" :
						     streq(m, "HEAD") ? "head" :
									"delete";
	return fail(f, 403, "Forbidden", "forbidden: User \"%s\" cannot %s path \"%s\"",
		    r->who.name, verb, r->x->path);
}

static int refuse_resource(struct request *r, struct failure *f)
{
	const struct target *t = &r->target;
	AUTO_STR resource, where;
	str_init(&resource, 1024);
	str_init(&where, 1024);
	str_addf(&resource, "%s%s%s", t->resource, t->subresource ? "/" : "",
		 t->subresource ? t->subresource : "");
	if (t->ns && !(t->kind && !t->kind->is_namespaced))
		str_addf(&where, " in the namespace \"%s\"", t->ns);
	else
		str_add(&where, " at the cluster scope");
	fail(f, 403, "Forbidden",
	     "%s%s%s%s%s%s is forbidden: User \"%s\" cannot %s resource \"%s\" in API group "
	     "\"%s\"%s",
	     t->resource, *t->group ? "." : "", t->group, t->name ? " \"" : "",
	     t->name ? t->name : "", t->name ? "\"" : "", r->who.name, verb_name(t->verb),
	     resource.data, t->group, where.data);
	if (t->kind)
		failure_name(f, t->kind, t->name);
	return -1;
}

int authorize(struct request *r, struct failure *f)
{
	if (identity_in_group(&r->who, "system:masters"))
		return 0;
	if (!r->target.is_resource)
		return path_allowed(r) ? 0 : refuse_path(r, f);
	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if (rule_allows(&rules[i], r))
			return 0;
	return deployer_may(r) ? 0 : refuse_resource(r, f);
}
