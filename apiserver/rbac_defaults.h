/*
 * rbac_defaults.h - the roles and bindings that every cluster has: upstream's, as far as what they
 * are for exists here, and what Skiff's own programs need. Pure.
 *
 * Source: the default roles that Kubernetes documents under "Default roles and role bindings".
 */
#pragma once

#include "common/base/base.h"

#include <jansson.h>

/* Objects as they are made in a new cluster, roles before bindings. The caller's. */
size_t rbac_defaults_count(void);
json_t *rbac_default_at(size_t i);
/* A ClusterRole by name; NULL: none of ours. The caller's. */
json_t *rbac_default_role(const char *name);

/* What `live` lacks of `wanted` (both whole objects of one kind) is added to a copy: rules, subjects,
 * labels and annotations, selectors of an aggregation. NULL: it lacks nothing, or does not want to
 * be kept up to date (rbac.authorization.kubernetes.io/autoupdate: "false"). */
json_t *rbac_default_mend(const json_t *live, const json_t *wanted);
