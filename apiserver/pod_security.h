/*
 * pod_security.h - the Pod Security Standards at their newest version: whether a pod keeps to a
 * level, and if not, why, as upstream words it. Pure.
 *
 * Source: the Pod Security Standards of Kubernetes, "baseline" and "restricted".
 */
#pragma once

#include "common/base/str.h"

#include <jansson.h>

enum pod_security_level {
	POD_SECURITY_PRIVILEGED,
	POD_SECURITY_BASELINE,
	POD_SECURITY_RESTRICTED,
	POD_SECURITY_LEVEL_COUNT,
};

/* False: no level's name. */
bool pod_security_level(const char *name, enum pod_security_level *ret);
const char *pod_security_level_name(enum pod_security_level level);

/* `pod` has metadata and spec (a Pod, or a workload's template). True: it keeps to the level; else
 * `why` gets "reason (detail), reason (detail)". */
bool pod_security_check(const json_t *pod, enum pod_security_level level, struct str *why);
