/*
 * loop_sim.h - the loop for tests: time jumps from timer to timer, nothing waits.
 * Timers due at the same time fire in an order drawn from the seed, so that tests
 * see orders that rarely happen. No descriptors, no signals.
 */
#pragma once

#include "common/io/loop.h"

struct loop *loop_sim_new(uint64_t seed, int64_t wall_us);

/* Run everything due until `until_ms` (loop time) has been reached; time then stands there.
 * Returns false if loop_stop was called. */
bool loop_sim_run_until(struct loop *loop, int64_t until_ms);

/* Each look at what the turn has taken (loop_turn_us) finds so much more: work that is parted by it is
 * parted after few steps. 0 at first: turns take no time. */
void loop_sim_set_pace(struct loop *loop, int64_t us);

/* One due timer or task, moving time if needed; false if none is left. */
bool loop_sim_step(struct loop *loop);
