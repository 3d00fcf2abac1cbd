/*
 * simulate_workflow_run.h - plays a workflow on workers by workflow_plan, from event to event. Pure
 * but for memory.
 *
 * At one instant what ends is dealt with before what starts; ends in the order of their starts. A step
 * takes one worker; a sensor takes none, and is asked when its `every` says. A step that must stop stops
 * at once. Which attempts fail by lot depends on the seed, the step, its index and the attempt alone.
 */
#pragma once

#include "cli/simulate_workflow_file.h"

#define WORKFLOW_BARS_MAX 4000000 /* attempts played */

enum workflow_bar_end { BAR_GOOD, BAR_BAD, BAR_STOPPED, BAR_SKIPPED, BAR_END_COUNT };
struct workflow_bar { /* one attempt, or a sensor's waiting */
	uint32_t step, index, attempt;
	uint32_t worker; /* from 0; WORKFLOW_NONE: a sensor */
	int64_t from_us, to_us;
	enum workflow_bar_end end;
};
struct workflow_played {
	struct workflow_run *run;
	const struct workflow_graph *graph;
	enum workflow_result result;
	struct workflow_bar *bars; /* in order of their starts; the caller frees */
	size_t bars_count;
	int64_t makespan_us; /* when the last bar ends: the run begins at 0 */
	int64_t work_us;     /* of workers */
};

/* `workers` > 0. Memory in `a`, but bars. ERR_LIMIT: too many attempts, or too long. */
int workflow_play(const struct workflow_file *f, const struct workflow_graph *g, uint32_t workers,
		  uint64_t seed, struct arena *a, struct workflow_played *ret,
		  struct error *err) MUST_CHECK;
