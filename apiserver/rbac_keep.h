/*
 * rbac_keep.h - the rules of ClusterRoles that gather others by label (aggregationRule).
 *
 * Threads: the core loop's.
 */
#pragma once

#include "apiserver/server_internal.h"

/* Follows ClusterRoles and writes the rules of those that gather. */
struct rbac_gatherer;
struct rbac_gatherer *rbac_gatherer_new(struct server *s);
void rbac_gatherer_free(struct rbac_gatherer *g);

/* The rules that `role` (a ClusterRole with an aggregationRule) gathers from `roles`, in order of
 * names, each rule once. The caller's; pure. */
json_t *rbac_gather(const json_t *role, const struct index *roles);
