/*
 * net.h - a node's part of the cluster network: Services, DNS, routes to the other nodes.
 *
 * Borrows API client and the agent's caches, which must outlive it, and watches EndpointSlices and
 * Nodes itself. To be made before the agent starts (it adds indexes to caches). Lives as long as
 * the program: what it loaded into the kernel stays. Threads: the loop's.
 */
#pragma once

#include "common/client/api.h"
#include "common/client/cache.h"

struct net_options {
	const char *node_name, *cluster_id, *cluster_cidr, *service_cidr;
	const char *dns_address;       /* NULL: no DNS */
	const char *domain;            /* NULL: cluster.local */
	struct cache *services, *pods; /* pods of this node */
	uint64_t seed;
};

/* All texts are borrowed for ever. */
int net_start(struct loop *loop, struct api *api, const struct net_options *options,
	      struct error *err) MUST_CHECK;
