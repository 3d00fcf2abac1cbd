/*
 * authz.h - may they? Masters may; a node by what its pods need (authz_node.h); everybody by roles
 * (rbac.h); a deploying ServiceAccount inside its namespace; anybody the paths of health and
 * version.
 *
 * Threads: the core loop's.
 */
#pragma once

#include "apiserver/rbac.h"
#include "apiserver/server_internal.h"

/* `reason` (may hold text already) gets why, where there is something to say. */
bool authz_allows(struct server *s, const struct identity *who, const struct access *a,
		  struct str *reason);

/* What a request wants; borrows from it. */
void authz_access_of(const struct request *r, struct access *ret);

/* 'User "u" cannot get resource "pods" in API group "" in the namespace "n"' */
void authz_cannot_text(const struct identity *who, const struct access *a, struct str *out);
