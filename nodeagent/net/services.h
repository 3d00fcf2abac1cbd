/*
 * services.h - keeps the kernel's Service rules equal to what the API holds: marks what changed,
 * gathers it, and lets one transaction after the other through.
 *
 * Caches are borrowed and must outlive it. Threads: the loop's.
 */
#pragma once

#include "common/client/cache.h"
#include "common/io/loop.h"

struct services_options {
	struct loop *loop;
	struct cache *services, *slices, *pods; /* pods: of this node only */
	int slices_by_service;                  /* index of slices by their Service's name */
	const char *node_name, *cluster_id, *cluster_cidr, *service_cidr; /* borrowed for ever */
	const char *dns_address;                                          /* or NULL */
};

struct services;
int services_new(const struct services_options *options, struct services **ret,
		 struct error *err) MUST_CHECK;
