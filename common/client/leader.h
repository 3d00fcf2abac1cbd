/*
 * leader.h - at most one of several processes leads: a coordination.k8s.io Lease held for
 * 15 s, renewed every 2 s, given up by the holder when it could not renew for 10 s.
 *
 * While it leads, every write of the API client carries
 * `Skiff-Leader: <namespace>/<lease>/<transitions>`, which the server compares, so a
 * process that lost the lease without noticing can change nothing.
 *
 * The decision is leader_plan() (pure). Threads: the loop's.
 */
#pragma once

#include "common/client/api.h"

#define LEADER_LEASE_S    15
#define LEADER_DEADLINE_S 10
#define LEADER_RETRY_S    2

/* ---- the plan ---- */
struct leader_seen {
	bool exists;
	const char *holder; /* "" : nobody */
	int64_t duration_s;
	int64_t unchanged_ms; /* how long we have seen this very record */
};

enum leader_action {
	LEADER_CREATE, /* no lease: make it, held by us */
	LEADER_RENEW,  /* it is ours */
	LEADER_TAKE,   /* its holder is gone, or nobody holds it */
	LEADER_WAIT,   /* somebody else's */
	LEADER_ACTION_COUNT,
};
enum leader_action leader_plan(const struct leader_seen *seen, const char *identity);

/* ---- the shell ---- */
struct leader;

struct leader_options {
	struct loop *loop;
	struct api *api; /* its fence is set and cleared */
	const char *ns, *lease, *identity;
	uint64_t seed;
	void (*started)(void *ctx);
	/* Leading is over: free what writes before returning. It campaigns again by itself. */
	void (*stopped)(void *ctx);
	void *ctx;
};

struct leader *leader_new(const struct leader_options *options);
/* Gives nothing back: see leader_release. */
void leader_free(struct leader *l);
bool leader_leads(const struct leader *l);
/* Let go of the lease so that another need not wait 15 s; then done. */
void leader_release(struct leader *l, void (*done)(void *ctx), void *ctx);
