#include "apiserver/rbac.h"
#include "apiserver/hub_cursor.h"
#include "common/base/jsonx.h"
#include "common/base/map.h"

#define GROUP "rbac.authorization.k8s.io"

enum { ROLES, CLUSTER_ROLES, ROLE_BINDINGS, CLUSTER_ROLE_BINDINGS, KINDS };

/* A binding names somebody. */
struct grant {
	const struct binding *binding;
	const char *kind, *name, *ns; /* of the subject; in the binding's tree */
	char *key;                    /* in by_subject */
};

struct binding {
	char *key;                                /* the object's; the order of grants */
	const char *ns, *name, *role_kind, *role; /* in `tree` */
	char *role_key;                           /* in roles */
	struct grant *grants;
	size_t grants_count;
	json_t *tree;
};

struct grant_list {
	const struct grant **at; /* in order of the bindings' keys */
	size_t count, size;
};

struct rbac {
	struct hub *hub;
	struct hub_cursor follow[KINDS];
	struct map roles;      /* "ns/name" → struct rbac_rules */
	struct map bindings;   /* object key → struct binding */
	struct map by_subject; /* "ns|u|name", "ns|g|name" → struct grant_list */
	uint64_t generation;
};

/* ---- grants ---- */

static char *subject_key(const char *ns, char kind, const char *name)
{
	return xasprintf("%s|%c|%s", ns, kind, name);
}

static void list_add(struct grant_list *l, const struct grant *g)
{
	if (l->count == l->size) {
		l->size = l->size ? l->size * 2 : 4;
		l->at = xrealloc(l->at, l->size, sizeof(struct grant *));
	}
	size_t i = l->count++;
	for (; i && strcmp(l->at[i - 1]->binding->key, g->binding->key) > 0; i--)
		l->at[i] = l->at[i - 1];
	l->at[i] = g;
}

static void index_grant(struct rbac *r, const struct grant *g)
{
	struct grant_list *l = map_get(&r->by_subject, g->key);
	if (!l) {
		l = xcalloc(1, sizeof *l);
		map_put(&r->by_subject, g->key, l);
	}
	list_add(l, g);
}

static void list_free(struct grant_list *l)
{
	free(l->at);
	free(l);
}

static void unindex_grant(struct rbac *r, const struct grant *g)
{
	struct grant_list *l = map_get(&r->by_subject, g->key);
	size_t to = 0;
	for (size_t i = 0; i < l->count; i++)
		if (l->at[i] != g)
			l->at[to++] = l->at[i];
	l->count = to;
	if (!to) {
		map_remove(&r->by_subject, g->key);
		list_free(l);
	}
}

static void binding_free(struct binding *b)
{
	for (size_t i = 0; i < b->grants_count; i++)
		free(b->grants[i].key);
	free(b->grants);
	free(b->role_key);
	free(b->key);
	json_decref(b->tree);
	free(b);
}

/* ServiceAccounts are users with a long name; one without a namespace is of the binding's. */
static char *grant_key(const struct binding *b, const struct grant *g)
{
	if (streq(g->kind, "User"))
		return subject_key(b->ns, 'u', g->name);
	if (streq(g->kind, "Group"))
		return subject_key(b->ns, 'g', g->name);
	if (!streq(g->kind, "ServiceAccount") || !*g->ns)
		return NULL;
	auto_free char *user = xasprintf("system:serviceaccount:%s:%s", g->ns, g->name);
	return subject_key(b->ns, 'u', user);
}

static struct binding *binding_of(const struct object *o)
{
	struct binding *b = xcalloc(1, sizeof *b);
	*b = (struct binding){ .key = xstrdup(o->key), .tree = object_tree(o) };
	b->ns = json_str_or(b->tree, "metadata.namespace", "");
	b->name = json_str_or(b->tree, "metadata.name", "");
	b->role_kind = json_str_or(b->tree, "roleRef.kind", "");
	b->role = json_str_or(b->tree, "roleRef.name", "");
	b->role_key = xasprintf("%s/%s", streq(b->role_kind, "Role") ? b->ns : "", b->role);
	json_t *subjects = json_object_get(b->tree, "subjects"), *subject;
	b->grants = xcalloc(json_array_size(subjects) + 1, sizeof *b->grants);
	size_t i;
	json_array_foreach (subjects, i, subject) {
		struct grant *g = &b->grants[b->grants_count];
		*g = (struct grant){ .binding = b,
				     .kind = json_str_or(subject, "kind", ""),
				     .name = json_str_or(subject, "name", ""),
				     .ns = json_str_or(subject, "namespace", b->ns) };
		g->key = grant_key(b, g);
		b->grants_count += g->key != NULL;
	}
	return b;
}

static void drop_binding(struct rbac *r, const char *key)
{
	struct binding *b = map_remove(&r->bindings, key);
	if (!b)
		return;
	for (size_t i = 0; i < b->grants_count; i++)
		unindex_grant(r, &b->grants[i]);
	binding_free(b);
}

static void put_binding(struct rbac *r, const struct object *o)
{
	drop_binding(r, o->key);
	struct binding *b = binding_of(o);
	map_put(&r->bindings, b->key, b);
	for (size_t i = 0; i < b->grants_count; i++)
		index_grant(r, &b->grants[i]);
}

/* ---- roles ---- */

static void rules_free(struct rbac_rules *rules)
{
	if (rules)
		rbac_rules_fini(rules);
	free(rules);
}

static void put_role(struct rbac *r, const struct object *o)
{
	AUTO_JSON *tree = object_tree(o);
	auto_free char *key = xasprintf("%s/%s", o->ns, o->name);
	struct rbac_rules *rules = xcalloc(1, sizeof *rules);
	rbac_rules_read(json_object_get(tree, "rules"), rules);
	rules_free(map_put(&r->roles, key, rules));
}

static void drop_role(struct rbac *r, const struct object *o)
{
	auto_free char *key = xasprintf("%s/%s", o->ns, o->name);
	rules_free(map_remove(&r->roles, key));
}

/* ---- following the hub ---- */

static void role_event(void *ctx, const struct object *o, const struct object *before)
{
	((struct rbac *)ctx)->generation++;
	if (o)
		put_role(ctx, o);
	else
		drop_role(ctx, before);
}

static void binding_event(void *ctx, const struct object *o, const struct object *before)
{
	((struct rbac *)ctx)->generation++;
	if (o)
		put_binding(ctx, o);
	else
		drop_binding(ctx, before->key);
}

/* All roles of the cluster, or those inside namespaces, go. */
static void forget_roles(struct rbac *r, bool of_cluster)
{
	const char *key;
	void *rules;
	r->generation++;
	for (size_t i = 0; (i = map_next(&r->roles, i, &key, &rules)) != 0;)
		if ((*key == '/') == of_cluster)
			rules_free(map_remove(&r->roles, key));
}

static void forget_bindings(struct rbac *r, bool of_cluster)
{
	void *value;
	r->generation++;
	for (size_t i = 0; (i = map_next(&r->bindings, i, NULL, &value)) != 0;) {
		const struct binding *b = value;
		auto_free char *key = xstrdup(b->key);
		if (!*b->ns == of_cluster)
			drop_binding(r, key);
	}
}

static void forget_ns_roles(void *ctx)
{
	forget_roles(ctx, false);
}

static void forget_cluster_roles(void *ctx)
{
	forget_roles(ctx, true);
}

static void forget_ns_bindings(void *ctx)
{
	forget_bindings(ctx, false);
}

static void forget_cluster_bindings(void *ctx)
{
	forget_bindings(ctx, true);
}

static void catch_up(struct rbac *r)
{
	for (size_t i = 0; i < KINDS; i++)
		hub_cursor_catch_up(&r->follow[i]);
}

struct rbac *rbac_new(struct hub *hub)
{
	static const struct {
		const char *kind;
		void (*reset)(void *ctx);
		hub_cursor_event *event;
	} kinds[KINDS] = {
		[ROLES] = { "Role", forget_ns_roles, role_event },
		[CLUSTER_ROLES] = { "ClusterRole", forget_cluster_roles, role_event },
		[ROLE_BINDINGS] = { "RoleBinding", forget_ns_bindings, binding_event },
		[CLUSTER_ROLE_BINDINGS] = { "ClusterRoleBinding", forget_cluster_bindings,
					    binding_event },
	};
	struct rbac *r = xcalloc(1, sizeof *r);
	r->hub = hub;
	for (size_t i = 0; i < KINDS; i++)
		hub_cursor_init(&r->follow[i], hub, schema_kind_by_kind(GROUP, "v1", kinds[i].kind),
				kinds[i].reset, kinds[i].event, r);
	return r;
}

void rbac_free(struct rbac *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < KINDS; i++)
		hub_cursor_fini(&r->follow[i]);
	for (int of_cluster = 0; of_cluster < 2; of_cluster++) {
		forget_bindings(r, of_cluster);
		forget_roles(r, of_cluster);
	}
	map_fini(&r->roles);
	map_fini(&r->bindings);
	map_fini(&r->by_subject);
	free(r);
}

/* ---- asking ---- */

uint64_t rbac_generation(struct rbac *r)
{
	catch_up(r);
	return r->generation;
}

const struct rbac_rules *rbac_role(struct rbac *r, const char *ns, const char *name)
{
	catch_up(r);
	auto_free char *key = xasprintf("%s/%s", ns, name);
	return map_get(&r->roles, key);
}

static bool visit_grant(struct rbac *r, const struct grant *g, rbac_visit *visit, void *ctx)
{
	const struct binding *b = g->binding;
	const struct rbac_source source = { b->name, b->ns,   b->role_kind, b->role,
					    g->kind, g->name, g->ns };
	const struct rbac_rules *rules = map_get(&r->roles, b->role_key);
	if (!rules)
		return visit(ctx, &source, NULL);
	for (size_t i = 0; i < rules->count; i++)
		if (!visit(ctx, &source, &rules->at[i]))
			return false;
	return true;
}

static bool visit_subject(struct rbac *r, const char *ns, char kind, const char *name,
			  rbac_visit *visit, void *ctx)
{
	char key[1024];
	int n = snprintf(key, sizeof key, "%s|%c|%s", ns, kind, name);
	if (n < 0 || (size_t)n >= sizeof key)
		return true; /* no binding holds a name that long: validation refuses it */
	const struct grant_list *l = map_get(&r->by_subject, key);
	for (size_t i = 0; l && i < l->count; i++)
		if (!visit_grant(r, l->at[i], visit, ctx))
			return false;
	return true;
}

static bool visit_scope(struct rbac *r, const struct identity *who, const char *ns,
			rbac_visit *visit, void *ctx)
{
	if (!visit_subject(r, ns, 'u', who->name, visit, ctx))
		return false;
	for (size_t i = 0; i < who->groups_count; i++)
		if (!visit_subject(r, ns, 'g', who->groups[i], visit, ctx))
			return false;
	return true;
}

void rbac_rules_for(struct rbac *r, const struct identity *who, const char *ns, rbac_visit *visit,
		    void *ctx)
{
	catch_up(r);
	if (visit_scope(r, who, "", visit, ctx) && *ns)
		visit_scope(r, who, ns, visit, ctx);
}

void rbac_source_text(const struct rbac_source *s, struct str *out)
{
	if (*s->binding_ns)
		str_addf(out, "RoleBinding \"%s/%s\"", s->binding, s->binding_ns);
	else
		str_addf(out, "ClusterRoleBinding \"%s\"", s->binding);
	str_addf(out, " of %s \"%s\" to %s ", s->role_kind, s->role, s->subject_kind);
	if (streq(s->subject_kind, "ServiceAccount"))
		str_addf(out, "\"%s/%s\"", s->subject, s->subject_ns);
	else
		str_addf(out, "\"%s\"", s->subject);
}

struct question {
	const struct access *access;
	struct str *reason;
	struct str missing; /* roles that bindings name and that are not there */
	size_t missing_count;
	bool allowed;
};

static bool ask(void *ctx, const struct rbac_source *source, const struct rbac_rule *rule)
{
	struct question *q = ctx;
	if (!rule) {
		str_addf(&q->missing, "%s%s.rbac.authorization.k8s.io \"%s\" not found",
			 q->missing_count++ ? ", " : "",
			 streq(source->role_kind, "Role") ? "role" : "clusterrole", source->role);
		return true;
	}
	if (!rbac_rule_allows(rule, q->access))
		return true;
	q->allowed = true;
	str_add(q->reason, "RBAC: allowed by ");
	rbac_source_text(source, q->reason);
	return false;
}

bool rbac_allows(struct rbac *r, const struct identity *who, const struct access *a,
		 struct str *reason)
{
	struct question q = { .access = a, .reason = reason };
	str_init(&q.missing, 4096);
	rbac_rules_for(r, who, a->is_resource ? a->ns : "", ask, &q);
	if (!q.allowed && q.missing_count)
		str_addf(reason, q.missing_count > 1 ? "RBAC: [%s]" : "RBAC: %s", q.missing.data);
	str_fini(&q.missing);
	return q.allowed;
}
