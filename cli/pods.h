/*
 * pods.h - the pod that a command means: by its own name, or one of a workload's or Service's.
 */
#pragma once

#include "cli/options.h"
#include "cli/session.h"
#include "common/base/jsonx.h"

/* POD, pod/POD, deployment/NAME, service/NAME … Of several the ready one is taken, else the
 * newest. *ret is owned. 0 or the exit code, the reason printed. */
int pod_of_words(struct session *s, const struct words *words, const char *ns,
		 json_t **ret) MUST_CHECK;

/* The label selector of a workload or Service as text; false: it selects no pods. */
bool selector_text_of(const json_t *object, struct str *out);

/* spec.containers' one that exec and logs mean where none is named. */
const char *default_container(const json_t *pod);
