/*
 * rbac_rule.h - the rules of a role, ready to be compared with what somebody wants to do, and with
 * the rules of somebody who wants to grant them. Wording and meaning are those of
 * rbac.authorization.k8s.io/v1. Pure.
 */
#pragma once

#include "common/base/str.h"

#include <jansson.h>

/* What somebody wants to do: a verb on a resource, or a method (lower case) on a path. Texts are
 * borrowed; absent ones are "". */
struct access {
	bool is_resource;
	const char *verb;
	const char *group, *resource, *subresource, *name, *ns;
	const char *path;
	/* "spec.nodeName" = this, where a list or watch asks for one node's pods; else "". */
	const char *field_node;
};

/* NULL-terminated lists that borrow from the tree. */
struct rbac_rule {
	const char **verbs, **groups, **resources, **names, **urls;
};

struct rbac_rules {
	struct rbac_rule *at;
	size_t count;
	json_t *tree;
};

/* From the `rules` of a Role; NULL and null are no rules. Keeps a reference to `rules`. */
void rbac_rules_read(json_t *rules, struct rbac_rules *ret);
void rbac_rules_fini(struct rbac_rules *r); /* {0} is fine */

bool rbac_rule_allows(const struct rbac_rule *rule, const struct access *a);

/* Whether the `owned` rules allow everything that `wanted` allows. What is not covered is added to
 * `missing`, a line a rule, as upstream words it. */
bool rbac_rules_cover(const struct rbac_rule *const *owned, size_t owned_count,
		      const struct rbac_rules *wanted, struct str *missing);
