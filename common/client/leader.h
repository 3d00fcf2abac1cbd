/*
 * leader.h - at most one of several processes leads: a coordination.k8s.io Lease held for
 * 15 s, renewed every 2 s, given up by the holder when it could not renew for 10 s.
 *
 * A holder that ends in order lets go of the lease. One that was killed cannot; but where its
 * successor on the same machine knows that it is dead (leader_identity), it takes the lease at
 * once, under a name of its own, so the fence moves as at any other change of hands.
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
	bool is_dead;         /* the holder is a former life of ours */
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
	/* How the names of our former lives begin, all of which have ended; NULL: unknown. Only the
	 * record that is seen first can be theirs: who comes by such a name later lives. */
	const char *former;
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
/* Let go of the lease so that another need not wait 15 s; then done. A request under way is waited
 * for: the server may have given us the lease already. */
void leader_release(struct leader *l, void (*done)(void *ctx), void *ctx);

/* ---- who we are (leader_identity.c) ---- */

/* HOST_ID_LIFE: ID is kept in a file, LIFE is new in each process. The file is locked as long as
 * the process lives, so whoever holds the lock knows that all former lives have ended. */
struct leader_identity {
	char *name;
	char *former; /* "HOST_ID_"; NULL: no file, or another process holds its lock */
	int lock_fd;  /* -1: none */
};
/* `path` may be NULL. ERR_INVALID: the file cannot be made or read. */
int leader_identity_open(const char *path, uint64_t seed, struct leader_identity *ret,
			 struct error *err) MUST_CHECK;
void leader_identity_fini(struct leader_identity *i);
