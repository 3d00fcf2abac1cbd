/*
 * service_defaults.h - APIServices of groups that this server itself serves. Pure.
 */
#pragma once

#include "common/base/base.h"

#include <jansson.h>

/* Those that servers keep as they are bear it: "onstart" or "true". */
#define SERVICE_MANAGED "kube-aggregator.kubernetes.io/automanaged"

/* `live` with the spec of `wanted`; NULL: it has it, or is not kept by servers. The caller's. */
json_t *service_default_mend(const json_t *live, const json_t *wanted);

/* The one of a group of custom kinds. The caller's. */
json_t *service_of_custom(const char *group, const char *version);

/* A new APIService's status: one that names no server is always available. */
void service_create(json_t *tree, const char *now);
