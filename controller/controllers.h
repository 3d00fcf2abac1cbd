/*
 * controllers.h - all controllers and the scheduler together: what skiff-controller runs
 * while it leads, and what the simulation runs on a simulated loop and transport.
 * No I/O but the API client's, no time but the loop's, no randomness but the seed's.
 *
 * Threads: the loop's.
 */
#pragma once

#include "common/client/api.h"

struct controllers;

struct controllers_options {
	const char *cluster_cidr; /* "10.244.0.0/16"; "": pod ranges are not handed out. Copied */
	const char *root_ca;      /* PEM text for kube-root-ca.crt, or "". Copied */
	/* Of --cluster-signing-cert-file and -key-file; NULL: approved requests wait for another
	 * signer. Borrowed, and must outlive the controllers. */
	const char *signing_cert, *signing_key;
	int64_t signing_ttl_s; /* certificates end after so long at most; 0: a year */
	uint64_t seed;
};

/* The API client is borrowed. */
struct controllers *controllers_start(struct loop *loop, struct api *api,
				      const struct controllers_options *options);
/* Stops in the middle of whatever is under way: all state is in the API. Not from inside a
 * callback of one of its own requests. */
void controllers_free(struct controllers *c);

bool controllers_are_synced(const struct controllers *c);
