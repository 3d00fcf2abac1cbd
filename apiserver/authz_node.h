/*
 * authz_node.h - what a node's agent may do: everything in upstream's system:node role, where
 * secrets, config maps, claims, volumes and accounts only as far as pods bound to it refer to them.
 * Which pods are bound to which node is kept by events; what the pods of a node refer to is counted
 * when that node first asks, and from then on with each event: an answer is one look-up.
 *
 * Threads: the core loop's.
 */
#pragma once

#include "apiserver/hub.h"
#include "apiserver/rbac_rule.h"
#include "apiserver/request.h"
#include "common/base/scan.h"

struct authz_node;

struct authz_node *authz_node_new(struct hub *hub);
void authz_node_free(struct authz_node *n);
DEFINE_CLEANUP(authz_node)

/* The name of the node that `who` is; NULL: none. Borrowed from who. */
const char *authz_node_name(const struct identity *who);

/* `node` as authz_node_name; `reason` gets why not. */
bool authz_node_allows(struct authz_node *n, const char *node, const struct access *a,
		       struct str *reason);

enum pod_reference {
	REFERS_SECRET,
	REFERS_CONFIG_MAP,
	REFERS_CLAIM,
	REFERS_ACCOUNT,
	REFERS_RESOURCE_CLAIM,
	POD_REFERENCE_COUNT,
};
/* Every object of its namespace that a pod (canonical bytes) needs. The name is a JSON string's
 * inside; API names have nothing to escape. */
void pod_references(struct span pod,
		    void (*visit)(void *ctx, enum pod_reference kind, struct span name), void *ctx);
