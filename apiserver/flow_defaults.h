/*
 * flow_defaults.h - the flow schemas and priority levels of every cluster (system/rest.yaml), and what
 * is said about every flow schema. Pure.
 *
 * Source: "API Priority and Fairness" of Kubernetes' documentation, "Maintenance of the Mandatory and
 * Suggested Configuration Objects".
 */
#pragma once

#include "common/base/base.h"

#include <jansson.h>

/* `live` with the spec of `wanted` and with the annotation that says whether it is kept so, where they
 * differ. The mandatory ones (exempt, catch-all) are always kept; of the others those whose annotation
 * apf.kubernetes.io/autoupdate-spec is "true", or that have none and were never changed. NULL: it is
 * right. The caller's. */
json_t *flow_default_mend(const json_t *live, const json_t *wanted);

/* An object that says of itself that it is kept, although there is none such: one of a server of
 * another version. */
bool flow_is_stray(const json_t *live);

/* The flow schema with the condition Dangling as it is; NULL: it says so already. The caller's. */
json_t *flow_status(const json_t *schema, bool level_exists, const char *now);
