/*
 * protection_plan.h - who still needs what storage: then a finalizer keeps it from going. Pure.
 * Source: upstream's protection controllers of claims, volumes and attributes classes.
 */
#pragma once

#include "common/base/jsonx.h"

/* `claim` may be its metadata alone. A pod that is not bound does not count: it would not be started
 * with a claim that goes. */
bool protection_plan_pod_uses(const json_t *pod, const json_t *claim);
bool protection_plan_is_bound(const json_t *volume);
/* Of a claim or a volume: the VolumeAttributesClass of this name. */
bool protection_plan_uses_class(const json_t *object, const char *class);
