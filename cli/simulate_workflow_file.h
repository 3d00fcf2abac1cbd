/*
 * simulate_workflow_file.h - a workflow to simulate, from YAML (docs/workflows-and-cron.md): the
 * definition that workflow_plan takes, and what will happen to each step. Pure.
 */
#pragma once

#include "common/plan/workflow_plan.h"

#define WORKFLOW_FILE_MAX (32u << 20)
#define WORKFLOW_MAP_MAX  100000

struct workflow_fate {        /* of one step */
	int64_t time_us;      /* one attempt's; of a sensor: until its condition comes */
	double fails;         /* the probability that an attempt fails */
	uint32_t fails_first; /* so many attempts fail for sure */
	bool skips;           /* it skips itself */
	uint32_t items;       /* of a mapped step */
	const char **chosen;  /* by a branch */
	size_t chosen_count;
};
struct workflow_file {
	const char *name;
	struct workflow_definition definition;
	const struct workflow_fate *fates;
	uint32_t workers; /* 0: not said */
	uint64_t seed;
	bool has_seed;
};

/* Everything lives in `a`. ERR_INVALID, ERR_MALFORMED, ERR_LIMIT: "NAME:LINE: what is wrong". */
int workflow_file_parse(const char *name, const char *text, size_t n, struct arena *a,
			struct workflow_file *ret, struct error *err) MUST_CHECK;
