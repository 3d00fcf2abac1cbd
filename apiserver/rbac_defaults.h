/*
 * rbac_defaults.h - what a default role or binding (system/roles.yaml) lacks in a cluster. Pure.
 *
 * Source: the default roles that Kubernetes documents under "Default roles and role bindings".
 */
#pragma once

#include "common/base/base.h"

#include <jansson.h>

/* What `live` lacks of `wanted` (both whole objects of one kind) is added to a copy: rules, subjects,
 * labels and annotations, selectors of an aggregation. NULL: it lacks nothing, or does not want to
 * be kept up to date (rbac.authorization.kubernetes.io/autoupdate: "false"). */
json_t *rbac_default_mend(const json_t *live, const json_t *wanted);
