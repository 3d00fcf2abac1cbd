#include "apiserver/authz_node.h"
#include "apiserver/hub_cursor.h"
#include "apiserver/system_objects.h"
#include "common/base/jsonx.h"
#include "common/base/map.h"

#define PREFIX "system:node:"

struct node_pods {
	struct object **at; /* references */
	size_t count, size;
	bool is_counted;
	struct map refers; /* "kind ns/name" → how many times */
};

struct authz_node {
	struct hub *hub;
	struct hub_cursor pods;
	struct map nodes;        /* name → struct node_pods */
	struct rbac_rules rules; /* what every node may do alike */
};

const char *authz_node_name(const struct identity *who)
{
	bool is = who->name && starts_with(who->name, PREFIX) && who->name[strlen(PREFIX)] &&
		  identity_in_group(who, "system:nodes");
	return is ? who->name + strlen(PREFIX) : NULL;
}

/* ---- counting ---- */

struct counting {
	struct map *refers;
	const char *ns;
	int by;
};

static void count_one(void *ctx, enum pod_reference kind, struct span name)
{
	struct counting *c = ctx;
	char key[600];
	int n = snprintf(key, sizeof key, "%d %s/%.*s", (int)kind, c->ns, (int)name.len, name.at);
	if (n < 0 || (size_t)n >= sizeof key)
		return;
	intptr_t now = (intptr_t)map_get(c->refers, key) + c->by;
	if (now > 0)
		map_put(c->refers, key, (void *)now);
	else
		map_remove(c->refers, key);
}

static void count_pod(struct node_pods *p, const struct object *pod, int by)
{
	struct counting c = { &p->refers, pod->ns, by };
	pod_references((struct span){ pod->bytes, pod->len }, count_one, &c);
}

static void count_all(struct node_pods *p)
{
	for (size_t i = 0; !p->is_counted && i < p->count; i++)
		count_pod(p, p->at[i], 1);
	p->is_counted = true;
}

/* The caller's; "": none. */
static char *node_of(const struct object *pod)
{
	return pod ? object_field(pod, "spec.nodeName") : xstrdup("");
}

static void add_pod(struct authz_node *n, const char *node, struct object *pod)
{
	struct node_pods *p = map_get(&n->nodes, node);
	if (!p) {
		p = xcalloc(1, sizeof *p);
		map_put(&n->nodes, node, p);
	}
	if (p->count == p->size) {
		p->size = p->size ? p->size * 2 : 8;
		p->at = xrealloc(p->at, p->size, sizeof(struct object *));
	}
	p->at[p->count++] = object_ref(pod);
	if (p->is_counted)
		count_pod(p, pod, 1);
}

static void pods_free(struct node_pods *p)
{
	for (size_t i = 0; i < p->count; i++)
		object_unref(p->at[i]);
	free(p->at);
	map_fini(&p->refers);
	free(p);
}

static void remove_pod(struct authz_node *n, const char *node, const struct object *pod)
{
	struct node_pods *p = map_get(&n->nodes, node);
	for (size_t i = p ? p->count : 0; i-- > 0;) {
		if (p->at[i] != pod)
			continue;
		if (p->is_counted)
			count_pod(p, pod, -1);
		object_unref(p->at[i]);
		p->at[i] = p->at[--p->count];
		break;
	}
	if (p && !p->count) {
		map_remove(&n->nodes, node);
		pods_free(p);
	}
}

static void pod_event(void *ctx, const struct object *now, const struct object *before)
{
	struct authz_node *n = ctx;
	auto_free char *to = node_of(now), *from = node_of(before);
	if (*to)
		add_pod(n, to, (struct object *)(uintptr_t)now);
	if (*from)
		remove_pod(n, from, before);
}

static void forget(void *ctx)
{
	struct authz_node *n = ctx;
	void *p;
	for (size_t i = 0; (i = map_next(&n->nodes, i, NULL, &p)) != 0;)
		pods_free(p);
	map_fini(&n->nodes);
}

struct authz_node *authz_node_new(struct hub *hub)
{
	struct authz_node *n = xcalloc(1, sizeof *n);
	n->hub = hub;
	hub_cursor_init(&n->pods, hub, schema_kind_by_kind("", "v1", "Pod"), forget, pod_event, n);
	AUTO_JSON *role = system_object_tree(system_object_find("ClusterRole", "", "system:node"));
	rbac_rules_read(json_object_get(role, "rules"), &n->rules);
	return n;
}

void authz_node_free(struct authz_node *n)
{
	if (!n)
		return;
	hub_cursor_fini(&n->pods);
	forget(n);
	rbac_rules_fini(&n->rules);
	free(n);
}

/* ---- asking ---- */

struct ask {
	struct authz_node *n;
	const char *node;
	const struct access *a;
	struct str *reason;
};

PRINTF_LIKE(2, 3) static bool no(const struct ask *q, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	str_vaddf(q->reason, fmt, args);
	va_end(args);
	return false;
}

static bool is_verb(const struct ask *q, const char *const *verbs)
{
	for (; *verbs; verbs++)
		if (streq(*verbs, q->a->verb))
			return true;
	return false;
}

#define VERB_IN(q, ...) is_verb((q), (const char *const[]){ __VA_ARGS__, NULL })

static bool refers(const struct ask *q, enum pod_reference kind, const char *ns, const char *name)
{
	struct node_pods *p = map_get(&q->n->nodes, q->node);
	if (!p || !*name)
		return false;
	count_all(p);
	auto_free char *key = xasprintf("%d %s/%s", (int)kind, ns, name);
	return map_has(&p->refers, key);
}

static bool related(const struct ask *q, enum pod_reference kind)
{
	if (!*q->a->name)
		return no(q, "No Object name found");
	return refers(q, kind, q->a->ns, q->a->name) ||
	       no(q, "no relationship found between node '%s' and this object", q->node);
}

static bool may_read(const struct ask *q, enum pod_reference kind)
{
	if (!VERB_IN(q, "get", "list", "watch"))
		return no(q, "can only read resources of this type");
	if (*q->a->subresource)
		return no(q, "cannot read subresource");
	if (!*q->a->ns)
		return no(q, "can only read namespaced object of this type");
	return related(q, kind);
}

static bool may_claim(const struct ask *q)
{
	if (streq(q->a->subresource, "status"))
		return VERB_IN(q, "update", "patch") ? related(q, REFERS_CLAIM)
						     : no(q, "can only get/update/patch this type");
	if (!streq(q->a->verb, "get"))
		return no(q, "can only get individual resources of this type");
	return *q->a->subresource ? no(q, "cannot get subresource") : related(q, REFERS_CLAIM);
}

/* The volume that a claim of its pods is bound to; the attachment to itself. */
static bool may_cluster_object(const struct ask *q)
{
	if (!streq(q->a->verb, "get"))
		return no(q, "can only get individual resources of this type");
	if (*q->a->subresource)
		return no(q, "cannot get subresource");
	bool is_volume = streq(q->a->resource, "persistentvolumes");
	const struct schema_kind *kind =
		schema_kind_by_resource(is_volume ? "" : "storage.k8s.io", "v1", q->a->resource);
	const struct object *o = hub_get(q->n->hub, kind, NULL, q->a->name);
	bool is_related = false;
	if (o) {
		struct span whole = { o->bytes, o->len };
		auto_free char *ns = scan_text(scan_dig(whole, "spec.claimRef.namespace"));
		auto_free char *name = scan_text(scan_dig(whole, "spec.claimRef.name"));
		is_related = is_volume ? ns && name && refers(q, REFERS_CLAIM, ns, name)
				       : scan_is(scan_dig(whole, "spec.nodeName"), q->node);
	}
	return is_related ||
	       no(q, "no relationship found between node '%s' and this object", q->node);
}

static bool may_account(const struct ask *q)
{
	if (streq(q->a->verb, "get") && !*q->a->subresource)
		return may_read(q, REFERS_ACCOUNT);
	if (!streq(q->a->verb, "create") || !*q->a->name)
		return no(q, "can only create tokens for individual service accounts");
	if (!streq(q->a->subresource, "token"))
		return no(q, "can only create token subresource of serviceaccount");
	return related(q, REFERS_ACCOUNT);
}

static bool may_lease(const struct ask *q)
{
	if (!VERB_IN(q, "get", "create", "update", "patch", "delete"))
		return no(q, "can only get, create, update, patch, or delete a node lease");
	if (!streq(q->a->ns, "kube-node-lease"))
		return no(q, "can only access leases in the \"kube-node-lease\" system namespace");
	/* The name of what is created is known to admission only. */
	return streq(q->a->verb, "create") || streq(q->a->name, q->node) ||
	       no(q, "can only access node lease with the same name as the requesting node");
}

static bool may_csi_node(const struct ask *q)
{
	if (!VERB_IN(q, "get", "create", "update", "patch", "delete"))
		return no(q, "can only get, create, update, patch, or delete a CSINode");
	return (!*q->a->subresource &&
		(streq(q->a->verb, "create") || streq(q->a->name, q->node))) ||
	       no(q, "can only access CSINode with the same name as the requesting node");
}

/* Our agents read all nodes, to route to their pods; they write about themselves (admission). */
static bool may_node(const struct ask *q)
{
	if (!*q->a->subresource)
		return VERB_IN(q, "get", "list", "watch", "create", "update", "patch");
	return streq(q->a->subresource, "status") && VERB_IN(q, "update", "patch");
}

static bool is_own_pod(const struct ask *q)
{
	const struct object *pod = hub_get(q->n->hub, q->n->pods.kind, q->a->ns, q->a->name);
	return pod && *q->node && object_field_is(pod, "spec.nodeName", q->node);
}

static bool may_pod(const struct ask *q)
{
	if (streq(q->a->subresource, "status"))
		return VERB_IN(q, "update", "patch");
	if (streq(q->a->subresource, "eviction"))
		return streq(q->a->verb, "create");
	if (*q->a->subresource)
		return false;
	if (VERB_IN(q, "create", "delete") || streq(q->a->field_node, q->node))
		return true; /* which ones, admission looks at */
	if (!VERB_IN(q, "get", "list", "watch"))
		return false;
	if (*q->a->name)
		return is_own_pod(q) ||
		       no(q, "no relationship found between node '%s' and this object", q->node);
	return no(q, "can only list/watch pods with spec.nodeName field selector");
}

static bool may_alike(const struct ask *q)
{
	for (size_t i = 0; i < q->n->rules.count; i++)
		if (rbac_rule_allows(&q->n->rules.at[i], q->a))
			return true;
	return false;
}

static bool may_core(const struct ask *q)
{
	const char *resource = q->a->resource;
	if (streq(resource, "secrets"))
		return may_read(q, REFERS_SECRET);
	if (streq(resource, "configmaps"))
		return may_read(q, REFERS_CONFIG_MAP);
	if (streq(resource, "persistentvolumeclaims"))
		return may_claim(q);
	if (streq(resource, "persistentvolumes"))
		return may_cluster_object(q);
	if (streq(resource, "serviceaccounts"))
		return may_account(q);
	if (streq(resource, "nodes"))
		return may_node(q);
	if (streq(resource, "pods"))
		return may_pod(q);
	return may_alike(q);
}

bool authz_node_allows(struct authz_node *n, const char *node, const struct access *a,
		       struct str *reason)
{
	const struct ask q = { n, node, a, reason };
	if (!a->is_resource)
		return false;
	hub_cursor_catch_up(&n->pods);
	if (!*a->group)
		return may_core(&q);
	if (streq(a->group, "coordination.k8s.io") && streq(a->resource, "leases"))
		return may_lease(&q);
	if (streq(a->group, "storage.k8s.io") && streq(a->resource, "csinodes"))
		return may_csi_node(&q);
	if (streq(a->group, "storage.k8s.io") && streq(a->resource, "volumeattachments"))
		return may_cluster_object(&q);
	if (streq(a->group, "resource.k8s.io") && streq(a->resource, "resourceclaims"))
		return streq(a->verb, "get") && !*a->subresource &&
		       related(&q, REFERS_RESOURCE_CLAIM);
	return may_alike(&q);
}
