/*
 * pod_security.h - the Pod Security Standards in all their versions: whether a pod keeps to a
 * level, and if not, why, as upstream words it; and what the labels of a namespace ask for. Pure.
 *
 * Source: the Pod Security Standards of Kubernetes, "baseline" and "restricted".
 */
#pragma once

#include "common/base/str.h"
#include "schemas/schema.h"

#include <jansson.h>
#include <limits.h>

enum pod_security_level {
	POD_SECURITY_PRIVILEGED,
	POD_SECURITY_BASELINE,
	POD_SECURITY_RESTRICTED,
	POD_SECURITY_LEVEL_COUNT,
};

/* False: no level's name. */
bool pod_security_level(const char *name, enum pod_security_level *ret);
const char *pod_security_level_name(enum pod_security_level level);

#define POD_SECURITY_LATEST INT_MAX /* newer than any version */

/* `pod` has metadata and spec (a Pod, or a workload's template). True: it keeps to the level as it was
 * in v1.`minor`; else `why` gets "reason (detail), reason (detail)" and `reasons` (may be NULL) just
 * "reason, reason". */
bool pod_security_check(const json_t *pod, enum pod_security_level level, int minor,
			struct str *why, struct str *reasons);

/* ---- pod_security_policy.c ---- */

struct pod_security_mode {
	enum pod_security_level level;
	int minor;
};

struct pod_security_policy {
	struct pod_security_mode enforce, audit, warn;
};

/* From a namespace's labels (NULL: none). What cannot be read is an error, and counts as "restricted"
 * where it enforces, as "privileged" elsewhere. */
void pod_security_policy_read(const json_t *labels, struct pod_security_policy *ret,
			      struct field_errors *errors);
/* "baseline:v1.30" */
void pod_security_mode_text(const struct pod_security_mode *m, struct str *out);
