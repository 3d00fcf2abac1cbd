/* A run in words: states, reasons, names. */
#include "common/plan/workflow_internal.h"

#define PARENTS_SHOWN_MAX 5

static const char *const state_names[] = {
	"waiting", "expanding", "ready",  "running",         "stopping", "backoff",
	"sensing", "succeeded", "failed", "upstream_failed", "skipped",
};

const char *workflow_state_name(enum workflow_state s)
{
	assert(s < WORKFLOW_STATE_COUNT);
	return state_names[s];
}

enum workflow_result workflow_result(const struct workflow_run *r)
{
	return r->result;
}

static const struct instance *at(const struct workflow_run *r, struct workflow_place p)
{
	assert(p.step < r->g->count && p.index < r->steps[p.step].count);
	return &r->instances[r->steps[p.step].first + p.index];
}

enum workflow_state workflow_state(const struct workflow_run *r, struct workflow_place p)
{
	return at(r, p)->state;
}

uint32_t workflow_attempt(const struct workflow_run *r, struct workflow_place p)
{
	return at(r, p)->attempt;
}

uint32_t workflow_instances(const struct workflow_run *r, uint32_t step)
{
	assert(step < r->g->count);
	return r->steps[step].count;
}

void workflow_attempt_name(const struct workflow_run *r, const char *run, struct workflow_place p,
			   uint32_t attempt, struct str *ret)
{
	const struct node *n = &r->g->nodes[p.step];
	str_addf(ret, "%s.%s", run, n->is.name);
	if (n->is.is_mapped)
		str_addf(ret, ".%u", p.index);
	if (attempt > 1)
		str_addf(ret, ".%u", attempt);
}

static void add_span(struct str *ret, int64_t us)
{
	int64_t ms = MAX(us, 0) / 1000;
	if (ms < 10000)
		str_addf(ret, "%lld.%03lld s", (long long)(ms / 1000), (long long)(ms % 1000));
	else if (ms < 600000)
		str_addf(ret, "%lld s", (long long)(ms / 1000));
	else
		str_addf(ret, "%lld min", (long long)(ms / 60000));
}

/* The steps of a list that are not done: "2 of its 3 parents: a, b". */
static void add_open(const struct workflow_run *r, const struct list *l, const char *what,
		     struct str *ret)
{
	uint32_t open = 0;
	for (uint32_t k = 0; k < l->count; k++)
		open += r->steps[l->at[k]].open > 0;
	str_addf(ret, "waits for %u of its %u %s: ", open, l->count, what);
	uint32_t shown = 0;
	for (uint32_t k = 0; k < l->count && shown < PARENTS_SHOWN_MAX; k++)
		if (r->steps[l->at[k]].open > 0)
			str_addf(ret, "%s%s", shown++ ? ", " : "", r->g->nodes[l->at[k]].is.name);
	if (open > shown)
		str_addf(ret, " and %u more", open - shown);
}

static void explain_waiting(const struct workflow_run *r, const struct instance *i, struct str *ret)
{
	const struct node *n = node_of(r, i);
	const struct step_run *s = &r->steps[i->step];
	if (s->is_clearing)
		str_add(ret, "was cleared; waits until what runs of it has stopped");
	else if (workflow_judge(n->is.trigger, &s->parents) == WORKFLOW_RUN && s->setups_left > 0)
		add_open(r, &n->setups, "setups", ret);
	else
		add_open(r, &n->parents, "parents", ret);
	if (!s->is_clearing && n->is.trigger != WORKFLOW_ALL_SUCCESS)
		str_addf(ret, " (rule %s)", workflow_trigger_name(n->is.trigger));
}

static void explain_ready(const struct workflow_run *r, const struct instance *i, struct str *ret)
{
	const struct node *n = node_of(r, i);
	const struct pool_run *pool = n->pool == WORKFLOW_NONE ? NULL : &r->pools[n->pool];
	if (i->heap_at == WORKFLOW_NONE)
		str_addf(ret, "no more than %u of it run at a time", n->is.active_max);
	else if (r->g->active_max > 0 && r->active >= r->g->active_max)
		str_addf(ret, "no more than %u steps run at a time", r->g->active_max);
	else if (pool && pool->used + (uint64_t)n->is.slots > pool->slots)
		str_addf(ret, "needs %u of pool %s: %u of its %u slots are in use", n->is.slots,
			 r->g->pools[n->pool].name, pool->used, pool->slots);
	else if (ready_first(r) == i)
		str_addf(ret, "is the next to start: %s", i->why);
	else
		str_addf(ret, "%s; others before it are more urgent", i->why);
}

void workflow_explain(const struct workflow_run *r, struct workflow_place p, int64_t now_us,
		      struct str *ret)
{
	const struct instance *i = at(r, p);
	switch (i->state) {
	case WORKFLOW_WAITING:
		explain_waiting(r, i, ret);
		break;
	case WORKFLOW_EXPANDING:
		str_add(ret, "waits for the length of its list");
		break;
	case WORKFLOW_READY:
		explain_ready(r, i, ret);
		break;
	case WORKFLOW_RUNNING:
	case WORKFLOW_STOPPING:
		str_addf(ret, "%s for ",
			 i->state == WORKFLOW_RUNNING ? "runs" : "is being stopped");
		add_span(ret, now_us - i->since_us);
		str_addf(ret, ", attempt %u", i->attempt);
		if (i->state == WORKFLOW_STOPPING)
			str_addf(ret, ": %s", i->why);
		break;
	case WORKFLOW_BACKOFF:
		str_addf(ret, "%s; tried again in ", i->why);
		add_span(ret, i->timer_us - now_us);
		str_addf(ret, " (%u of %u retries used)", i->tries - 1,
			 node_of(r, i)->is.retry.count);
		break;
	case WORKFLOW_SENSING:
		str_add(ret, "waits for its condition since ");
		add_span(ret, now_us - i->since_us);
		break;
	case WORKFLOW_SUCCEEDED:
	case WORKFLOW_FAILED:
	case WORKFLOW_UPSTREAM_FAILED:
	case WORKFLOW_SKIPPED:
		str_add(ret, i->why);
		break;
	case WORKFLOW_STATE_COUNT:
		assert(false);
	}
}
