/* Nobody grants what they do not have: roles are compared with the rules of who writes them
 * (`escalate` lets them go further), bindings with the role that they bind (`bind`). */
#include "apiserver/authz.h"
#include "apiserver/change.h"
#include "common/base/jsonx.h"

#define GROUP       "rbac.authorization.k8s.io"
#define MESSAGE_MAX 65536

struct owned {
	const struct rbac_rule **at;
	size_t count, size;
};

static bool collect(void *ctx, const struct rbac_source *source, const struct rbac_rule *rule)
{
	struct owned *o = ctx;
	(void)source;
	if (rule && o->count == o->size) {
		o->size = o->size ? o->size * 2 : 64;
		o->at = xrealloc(o->at, o->size, sizeof(struct rbac_rule *));
	}
	if (rule)
		o->at[o->count++] = rule;
	return true;
}

static int refuse(struct change *c, const struct str *missing, struct failure *f)
{
	const struct identity *who = &c->r->who;
	AUTO_STR groups;
	str_init(&groups, MESSAGE_MAX);
	for (size_t i = 0; i < who->groups_count; i++)
		str_addf(&groups, "%s\"%s\"", i ? " " : "", who->groups[i]);
	return fail_forbidden(f, c->kind, c->name,
			      "user \"%s\" (groups=[%s]) is attempting to grant RBAC permissions "
			      "not currently held:\n%s",
			      who->name, groups.data, missing->data);
}

static bool holds(struct change *c, const struct rbac_rules *wanted, struct str *missing)
{
	struct owned owned = { 0 };
	rbac_rules_for(c->server->rbac, &c->r->who, c->ns ? c->ns : "", collect, &owned);
	bool covered = rbac_rules_cover(owned.at, owned.count, wanted, missing);
	free(owned.at);
	return covered;
}

static int check_holds(struct change *c, const struct rbac_rules *wanted, struct failure *f)
{
	AUTO_STR missing;
	str_init(&missing, MESSAGE_MAX);
	return holds(c, wanted, &missing) ? 0 : refuse(c, &missing, f);
}

static bool may(struct change *c, const char *verb, const char *resource, const char *name)
{
	const struct access a = { .is_resource = true,
				  .verb = verb,
				  .group = GROUP,
				  .resource = resource,
				  .subresource = "",
				  .name = name,
				  .ns = c->ns ? c->ns : "",
				  .path = "",
				  .field_node = "" };
	AUTO_STR reason;
	str_init(&reason, MESSAGE_MAX);
	return authz_allows(c->server, &c->r->who, &a, &reason);
}

/* Garbage collection may change owners and finalizers of what it does not hold. */
static bool only_for_collection(const struct change *c)
{
	static const char *const fields[] = { "ownerReferences", "finalizers", "managedFields",
					      "resourceVersion", "generation" };
	if (!c->old_tree)
		return false;
	AUTO_JSON *a = json_deep_copy(c->tree), *b = json_deep_copy(c->old_tree);
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		json_object_del(json_object_get(a, "metadata"), fields[i]);
		json_object_del(json_object_get(b, "metadata"), fields[i]);
	}
	return json_equal(a, b);
}

static bool has_aggregation(const json_t *tree)
{
	return json_is_object(json_object_get(tree, "aggregationRule"));
}

/* A role that gathers others may gather anything. */
static int check_aggregation(struct change *c, struct failure *f)
{
	if (!has_aggregation(c->tree) && !has_aggregation(c->old_tree))
		return 0;
	AUTO_JSON *all = json_pack("[{s:[s],s:[s],s:[s]},{s:[s],s:[s]}]", "verbs", "*", "apiGroups",
				   "*", "resources", "*", "verbs", "*", "nonResourceURLs", "*");
	struct rbac_rules wanted;
	rbac_rules_read(all, &wanted);
	AUTO_STR missing;
	str_init(&missing, MESSAGE_MAX);
	bool covered = holds(c, &wanted, &missing);
	rbac_rules_fini(&wanted);
	return covered ? 0
		       : fail_forbidden(f, c->kind, c->name,
					"must have cluster-admin privileges to use the "
					"aggregationRule");
}

static int check_role(struct change *c, struct failure *f)
{
	if (may(c, "escalate", c->kind->resource, c->r->target.name ? c->r->target.name : ""))
		return 0;
	struct rbac_rules wanted;
	rbac_rules_read(json_object_get(c->tree, "rules"), &wanted);
	int code = check_holds(c, &wanted, f);
	rbac_rules_fini(&wanted);
	return code < 0 ? -1 : check_aggregation(c, f);
}

static int check_binding(struct change *c, struct failure *f)
{
	const char *kind = json_str_or(c->tree, "roleRef.kind", "");
	const char *name = json_str_or(c->tree, "roleRef.name", "");
	bool is_role = streq(kind, "Role");
	if (may(c, "bind", is_role ? "roles" : "clusterroles", name))
		return 0;
	const struct rbac_rules *rules = rbac_role(c->server->rbac, is_role ? c->ns : "", name);
	if (!rules)
		return fail_not_found(
			f, schema_kind_by_kind(GROUP, "v1", is_role ? "Role" : "ClusterRole"),
			name);
	return check_holds(c, rules, f);
}

int admit_rbac(struct change *c, struct failure *f)
{
	if (!streq(c->kind->group, GROUP) || identity_in_group(&c->r->who, "system:masters") ||
	    only_for_collection(c))
		return 0;
	bool is_binding = change_is_kind(c, GROUP, "RoleBinding") ||
			  change_is_kind(c, GROUP, "ClusterRoleBinding");
	return is_binding ? check_binding(c, f) : check_role(c, f);
}
