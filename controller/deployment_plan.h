/*
 * deployment_plan.h - which ReplicaSets a Deployment makes, scales and forgets next.
 * Pure. The arithmetic of surge, unavailability, proportional scaling and history is
 * upstream's (pkg/controller/deployment), because clients can see it.
 */
#pragma once

#include "common/base/base.h"

#define DEPLOYMENT_SETS_MAX 4096

struct deployment_want {
	int64_t replicas;
	int64_t max_surge, max_unavailable; /* resolved; not both 0 */
	bool is_recreate, is_paused, is_deleting;
	int64_t history_limit;     /* old sets kept; < 0: all */
	int64_t status_replicas;   /* as last written */
	bool is_gate_closed;       /* dependencies of the new revision do not hold yet */
	bool is_complete;          /* the rollout: see deployment_is_complete */
	bool old_pods_are_running; /* Recreate: some pod of an old set is not finished */
};

struct deployment_set {
	bool is_new, is_deleting;
	int64_t replicas; /* spec */
	int64_t status_replicas, available;
	int64_t desired, max; /* its annotations; -1: none */
	int64_t created_us;
	int64_t revision;
	bool is_observed; /* status is of this generation */
	const char *name;
};

enum deployment_verb {
	DEPLOYMENT_CREATE,
	DEPLOYMENT_SCALE,
	DEPLOYMENT_DELETE,
	DEPLOYMENT_VERB_COUNT
};
struct deployment_action {
	enum deployment_verb verb;
	size_t set;       /* not for create */
	int64_t replicas; /* create, scale */
	const char *why;
};
struct deployment_plan {
	struct deployment_action actions[DEPLOYMENT_SETS_MAX];
	size_t count;
};

/* At most DEPLOYMENT_SETS_MAX sets, at most one of them new. */
void deployment_plan_make(struct deployment_plan *plan, const struct deployment_want *want,
			  const struct deployment_set *sets, size_t n);

/* Both parts of 'maxSurge: 0, maxUnavailable: 0%' may round to 0: then one may be missing. */
void deployment_resolve(int64_t *surge, int64_t *unavailable);

/* ---- status ---- */
struct deployment_counts {
	int64_t replicas, updated, ready, available, unavailable;
};
bool deployment_is_complete(int64_t wanted, const struct deployment_counts *now);
bool deployment_is_progressing(const struct deployment_counts *before,
			       const struct deployment_counts *now);
