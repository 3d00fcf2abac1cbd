/*
 * rbac_keep.h - roles that the server itself keeps: the defaults of every cluster, and the rules of
 * ClusterRoles that gather others by label (aggregationRule).
 *
 * Threads: the core loop's.
 */
#pragma once

#include "apiserver/server_internal.h"

/* Asks for what is missing of the defaults. True: nothing is, all are there and up to date. */
bool rbac_keep_defaults(struct server *s);

/* Follows ClusterRoles and writes the rules of those that gather. */
struct rbac_gatherer;
struct rbac_gatherer *rbac_gatherer_new(struct server *s);
void rbac_gatherer_free(struct rbac_gatherer *g);

/* The rules that `role` (a ClusterRole with an aggregationRule) gathers from `roles`, in order of
 * names, each rule once. The caller's; pure. */
json_t *rbac_gather(const json_t *role, const struct index *roles);
