/*
 * apply_plan.h - in which order objects are sent, and what `apply` remembers in them. Pure.
 */
#pragma once

#include "common/base/jsonx.h"

/* kubectl's own, so that both may be used on one object. */
#define LAST_APPLIED "kubectl.kubernetes.io/last-applied-configuration"

/* Namespaces and definitions of kinds first, then what has no pods, then workloads in dependency
 * order, namespace by namespace; else as given. Objects without namespace are in `ns`.
 * `ret` has room for n. */
void apply_order(const json_t *const *trees, size_t n, const char *ns, size_t *ret);

/* The text of the annotation for a manifest, as kubectl writes it. */
void apply_last_applied(const json_t *manifest, struct str *out);
/* The manifest with the annotation: what is sent. */
json_t *apply_wanted(const json_t *manifest);
