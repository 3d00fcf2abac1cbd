/*
 * ready_wait.h - waits until objects are ready, showing how they get there, and says of each that
 * does not why. What `apply --wait` and `rollout status` do. Watches; never polls.
 */
#pragma once

#include "cli/kinds.h"

struct ready_target {
	struct kind kind;
	char *ns, *name;
	int64_t generation; /* at least this one has to be ready */
};
void ready_targets_free(struct ready_target *at, size_t n); /* the array too */

struct ready_wait_options {
	int64_t timeout_us;
	int64_t give_up_us; /* end when for so long nothing moved and something is wrong; 0: never */
};

/* EXIT_DONE, EXIT_FAILED (one line an object on standard error) or EXIT_UNREACHABLE. Kinds
 * without state count as ready. */
int ready_wait(struct session *s, const struct ready_target *targets, size_t n,
	       const struct ready_wait_options *options);
