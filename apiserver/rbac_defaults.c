#include "apiserver/rbac_defaults.h"
#include "apiserver/rbac_rule.h"
#include "common/base/jsonx.h"

#define AUTO_UPDATE "rbac.authorization.kubernetes.io/autoupdate"

static bool add_members(json_t *tree, const json_t *wanted, const char *path)
{
	bool changed = false;
	const char *name;
	json_t *value;
	json_object_foreach (json_dig(wanted, path), name, value) {
		if (json_object_get(json_dig(tree, path), name))
			continue;
		if (!json_dig(tree, path))
			json_put(tree, path, json_object());
		json_object_set(json_dig(tree, path), name, value);
		changed = true;
	}
	return changed;
}

static bool add_elements(json_t *tree, const json_t *wanted, const char *path)
{
	bool changed = false;
	size_t i, k;
	json_t *want, *have;
	json_array_foreach (json_dig(wanted, path), i, want) {
		json_t *list = json_dig(tree, path);
		bool is_there = false;
		json_array_foreach (list, k, have)
			is_there = is_there || json_equal(have, want);
		if (is_there)
			continue;
		if (!list) {
			list = json_array();
			json_put(tree, path, list);
		}
		json_array_append(list, want);
		changed = true;
	}
	return changed;
}

/* Rules that are worded otherwise but allow as much are left as they are. */
static bool add_rules(json_t *tree, const json_t *wanted)
{
	struct rbac_rules have, want;
	rbac_rules_read(json_object_get(tree, "rules"), &have);
	rbac_rules_read(json_object_get(wanted, "rules"), &want);
	const struct rbac_rule **owned = xcalloc(have.count + 1, sizeof *owned);
	for (size_t i = 0; i < have.count; i++)
		owned[i] = &have.at[i];
	AUTO_STR missing;
	str_init(&missing, 1 << 20);
	bool covered = rbac_rules_cover(owned, have.count, &want, &missing);
	free(owned);
	rbac_rules_fini(&have);
	rbac_rules_fini(&want);
	return !covered && add_elements(tree, wanted, "rules");
}

json_t *rbac_default_mend(const json_t *live, const json_t *wanted)
{
	const char *keeps = json_member_str(json_dig(live, "metadata.annotations"), AUTO_UPDATE);
	if (keeps && streq(keeps, "false"))
		return NULL;
	json_t *tree = json_deep_copy(live);
	bool changed = add_members(tree, wanted, "metadata.labels");
	changed |= add_members(tree, wanted, "metadata.annotations");
	changed |= add_rules(tree, wanted);
	changed |= add_elements(tree, wanted, "subjects");
	changed |= add_elements(tree, wanted, "aggregationRule.clusterRoleSelectors");
	if (changed)
		return tree;
	json_decref(tree);
	return NULL;
}
