/* Roles and who has them. */
#include "schemas/rule.h"

#define RBAC_GROUP "rbac.authorization.k8s.io"

static void check_rule(const json_t *rule, bool is_namespaced, const struct path *at,
		       struct field_errors *e)
{
	const json_t *groups = json_object_get(rule, "apiGroups");
	const json_t *resources = json_object_get(rule, "resources");
	const json_t *urls = json_object_get(rule, "nonResourceURLs");
	if (!json_array_size(json_object_get(rule, "verbs")))
		rule_broken(e, FIELD_REQUIRED, PATH(at, "verbs"), NULL,
			    "verbs must contain at least one value");
	if (json_array_size(urls)) {
		at = PATH(at, "nonResourceURLs");
		if (is_namespaced)
			rule_broken(e, FIELD_INVALID, at, urls,
				    "namespaced rules cannot apply to non-resource URLs");
		if (json_array_size(groups) || json_array_size(resources) ||
		    json_array_size(json_object_get(rule, "resourceNames")))
			rule_broken(e, FIELD_INVALID, at, urls,
				    "rules cannot apply to both regular resources and "
				    "non-resource URLs");
		return;
	}
	if (!json_array_size(groups))
		rule_broken(e, FIELD_REQUIRED, PATH(at, "apiGroups"), NULL,
			    "resource rules must supply at least one api group");
	if (!json_array_size(resources))
		rule_broken(e, FIELD_REQUIRED, PATH(at, "resources"), NULL,
			    "resource rules must supply at least one resource");
}

static void check_rules(const json_t *tree, bool is_namespaced, struct field_errors *e)
{
	const json_t *rules = json_object_get(tree, "rules");
	for (size_t i = 0; i < json_array_size(rules); i++)
		check_rule(json_array_get(rules, i), is_namespaced, PATH_AT(PATH(NULL, "rules"), i),
			   e);
}

void validate_role(const json_t *tree, const json_t *old, struct field_errors *e)
{
	(void)old;
	check_rules(tree, true, e);
}

void validate_cluster_role(const json_t *tree, const json_t *old, struct field_errors *e)
{
	(void)old;
	check_rules(tree, false, e);
	const json_t *gathered = json_object_get(tree, "aggregationRule");
	if (!gathered)
		return;
	const struct path *at = PATH(PATH(NULL, "aggregationRule"), "clusterRoleSelectors");
	const json_t *selectors = json_object_get(gathered, "clusterRoleSelectors");
	if (!json_array_size(selectors))
		rule_broken(e, FIELD_REQUIRED, at, NULL,
			    "at least one clusterRoleSelector required if aggregationRule is "
			    "non-nil");
	AUTO_JSON *nothing = json_null();
	for (size_t i = 0; i < json_array_size(selectors); i++) {
		size_t before = e->count;
		rule_label_selector(e, PATH_AT(at, i), json_array_get(selectors, i));
		if (e->count != before)
			rule_broken(e, FIELD_INVALID, PATH_AT(at, i), nothing,
				    "invalid label selector.");
	}
}

static void check_subject(const json_t *subject, bool is_namespaced, const struct path *at,
			  struct field_errors *e)
{
	static const char *const kinds[] = { "ServiceAccount", "User", "Group", NULL };
	static const char *const none[] = { "", NULL };
	static const char *const group[] = { RBAC_GROUP, NULL };
	const char *kind = json_str_or(subject, "kind", "");
	const char *name = json_str_or(subject, "name", "");
	bool is_account = streq(kind, "ServiceAccount");
	rule_required(e, PATH(at, "name"), name);
	if (!rule_is_one_of(kind, kinds)) {
		rule_unsupported(e, PATH(at, "kind"), kind, kinds);
		return;
	}
	if (is_account && *name)
		rule_name(e, PATH(at, "name"), name, name_dns_subdomain);
	rule_enum(e, at, subject, "apiGroup", is_account ? none : group);
	if (is_account && !is_namespaced)
		rule_required(e, PATH(at, "namespace"), json_str(subject, "namespace"));
}

static void check_binding(const json_t *tree, const json_t *old, bool is_namespaced,
			  struct field_errors *e)
{
	static const char *const group[] = { RBAC_GROUP, NULL };
	static const char *const kinds[] = { "Role", "ClusterRole", NULL };
	const struct path *at = PATH(NULL, "roleRef");
	const json_t *role = json_object_get(tree, "roleRef");
	rule_enum(e, at, role, "apiGroup", group);
	rule_enum(e, at, role, "kind", is_namespaced ? kinds : kinds + 1);
	rule_required_name(e, PATH(at, "name"), json_str(role, "name"), name_path_segment);
	const json_t *subjects = json_object_get(tree, "subjects");
	for (size_t i = 0; i < json_array_size(subjects); i++)
		check_subject(json_array_get(subjects, i), is_namespaced,
			      PATH_AT(PATH(NULL, "subjects"), i), e);
	if (old && !rule_same(role, json_object_get(old, "roleRef")))
		rule_broken_inside(e, FIELD_INVALID, at, "rbac.v1.RoleRef", role,
				   "cannot change roleRef");
}

void validate_role_binding(const json_t *tree, const json_t *old, struct field_errors *e)
{
	check_binding(tree, old, true, e);
}

void validate_cluster_role_binding(const json_t *tree, const json_t *old, struct field_errors *e)
{
	check_binding(tree, old, false, e);
}
