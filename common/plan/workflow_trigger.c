/* The trigger rules: after Airflow 3, airflow-core/src/airflow/ti_deps/deps/trigger_rule_dep.py. */
#include "common/plan/workflow_plan.h"

static const char *const names[] = {
	"all_success",
	"all_failed",
	"all_done",
	"all_done_min_one_success",
	"all_done_setup_success",
	"one_success",
	"one_failed",
	"one_done",
	"none_failed",
	"none_skipped",
	"none_failed_min_one_success",
	"all_skipped",
	"always",
};

const char *workflow_trigger_name(enum workflow_trigger t)
{
	assert(t < WORKFLOW_TRIGGER_COUNT);
	return names[t];
}

bool workflow_trigger_find(const char *name, enum workflow_trigger *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (streq(names[i], name)) {
			*ret = (enum workflow_trigger)i;
			return true;
		}
	return false;
}

static enum workflow_verdict once(bool is_met, bool is_over, enum workflow_verdict otherwise)
{
	return is_met ? WORKFLOW_RUN : is_over ? otherwise : WORKFLOW_HOLD;
}

enum workflow_verdict workflow_judge(enum workflow_trigger t, const struct workflow_parents *p)
{
	uint32_t bad = p->failed + p->upstream_failed, done = p->succeeded + bad + p->skipped;
	bool is_over = done >= p->all;
	if (p->all == 0)
		return WORKFLOW_RUN;
	switch (t) {
	case WORKFLOW_ALL_SUCCESS:
		return bad          ? WORKFLOW_FAIL
		       : p->skipped ? WORKFLOW_SKIP
				    : once(is_over, false, WORKFLOW_HOLD);
	case WORKFLOW_ALL_FAILED:
		return p->succeeded || p->skipped ? WORKFLOW_SKIP
						  : once(is_over, false, WORKFLOW_HOLD);
	case WORKFLOW_ALL_DONE:
		return once(is_over, false, WORKFLOW_HOLD);
	case WORKFLOW_ALL_DONE_MIN_ONE_SUCCESS: /* a skipped parent is none that is done */
		return p->skipped ? WORKFLOW_SKIP
				  : once(is_over && p->succeeded, is_over, WORKFLOW_FAIL);
	case WORKFLOW_ALL_DONE_SETUP_SUCCESS:
		if (p->setups_all > 0 && p->setups_succeeded == 0)
			return once(false, is_over,
				    p->setups_skipped >= p->setups_all ? WORKFLOW_SKIP
								       : WORKFLOW_FAIL);
		return once(is_over, false, WORKFLOW_HOLD);
	case WORKFLOW_ONE_SUCCESS:
		return once(p->succeeded, is_over,
			    done == p->skipped ? WORKFLOW_SKIP : WORKFLOW_FAIL);
	case WORKFLOW_ONE_FAILED:
		return once(bad, is_over, WORKFLOW_SKIP);
	case WORKFLOW_ONE_DONE: /* neither a skipped parent nor one that could not run is done */
		return once(p->succeeded || p->failed, is_over, WORKFLOW_SKIP);
	case WORKFLOW_NONE_FAILED:
		return bad ? WORKFLOW_FAIL : once(is_over, false, WORKFLOW_HOLD);
	case WORKFLOW_NONE_SKIPPED:
		return p->skipped ? WORKFLOW_SKIP : once(is_over, false, WORKFLOW_HOLD);
	case WORKFLOW_NONE_FAILED_MIN_ONE_SUCCESS:
		if (bad)
			return WORKFLOW_FAIL;
		return p->skipped == p->all ? WORKFLOW_SKIP : once(is_over, false, WORKFLOW_HOLD);
	case WORKFLOW_ALL_SKIPPED:
		return p->succeeded || bad ? WORKFLOW_SKIP : once(is_over, false, WORKFLOW_HOLD);
	case WORKFLOW_ALWAYS:
		return WORKFLOW_RUN;
	case WORKFLOW_TRIGGER_COUNT:
		break;
	}
	assert(false);
	return WORKFLOW_HOLD;
}
