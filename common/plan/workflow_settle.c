/* What follows when a step's state changes: counts of parents, verdicts, skips, the run's end. */
#include "common/plan/workflow_internal.h"

/* ---- why ---- */

static const char *const run_reasons[WORKFLOW_TRIGGER_COUNT] = {
	[WORKFLOW_ALL_SUCCESS] = "all its parents succeeded",
	[WORKFLOW_ALL_FAILED] = "all its parents failed",
	[WORKFLOW_ALL_DONE] = "all its parents are done",
	[WORKFLOW_ALL_DONE_MIN_ONE_SUCCESS] = "all its parents are done, one succeeded",
	[WORKFLOW_ALL_DONE_SETUP_SUCCESS] = "all its parents are done, and a setup of it ran",
	[WORKFLOW_ONE_SUCCESS] = "a parent succeeded",
	[WORKFLOW_ONE_FAILED] = "a parent failed",
	[WORKFLOW_ONE_DONE] = "a parent is done",
	[WORKFLOW_NONE_FAILED] = "no parent failed",
	[WORKFLOW_NONE_SKIPPED] = "no parent was skipped",
	[WORKFLOW_NONE_FAILED_MIN_ONE_SUCCESS] = "no parent failed, one succeeded",
	[WORKFLOW_ALL_SKIPPED] = "all its parents were skipped",
	[WORKFLOW_ALWAYS] = "it runs always",
};

static const char *const skip_reasons[WORKFLOW_TRIGGER_COUNT] = {
	[WORKFLOW_ALL_SUCCESS] = "a parent was skipped",
	[WORKFLOW_ALL_FAILED] = "not all its parents failed",
	[WORKFLOW_ALL_DONE_MIN_ONE_SUCCESS] = "a parent was skipped",
	[WORKFLOW_ALL_DONE_SETUP_SUCCESS] = "its setups were skipped",
	[WORKFLOW_ONE_SUCCESS] = "all its parents were skipped",
	[WORKFLOW_ONE_FAILED] = "no parent failed",
	[WORKFLOW_ONE_DONE] = "no parent ran",
	[WORKFLOW_NONE_SKIPPED] = "a parent was skipped",
	[WORKFLOW_NONE_FAILED_MIN_ONE_SUCCESS] = "all its parents were skipped",
	[WORKFLOW_ALL_SKIPPED] = "not all its parents were skipped",
};

static const char *fail_reason(enum workflow_trigger t)
{
	if (t == WORKFLOW_ALL_DONE_SETUP_SUCCESS)
		return "no setup of it succeeded";
	return t == WORKFLOW_ONE_SUCCESS || t == WORKFLOW_ALL_DONE_MIN_ONE_SUCCESS
		       ? "no parent succeeded"
		       : "a parent failed";
}

/* ---- states ---- */

/* Which states may follow which, in the order of the enum. */
/* clang-format off */
static const char *const edges[WORKFLOW_STATE_COUNT] = {
	/*                           W E R r s B S + - u 0 */
	[WORKFLOW_WAITING] =         ".xx...xxxxx",
	[WORKFLOW_EXPANDING] =       "..x...xxxxx",
	[WORKFLOW_READY] =           "...x...xx.x",
	[WORKFLOW_RUNNING] =         "x...xx.xx.x",
	[WORKFLOW_STOPPING] =        "x....x.xx.x",
	[WORKFLOW_BACKOFF] =         "..x...xxx.x",
	[WORKFLOW_SENSING] =         ".....x.xx.x",
	[WORKFLOW_SUCCEEDED] =       "...........",
	[WORKFLOW_FAILED] =          "...........",
	[WORKFLOW_UPSTREAM_FAILED] = "...........",
	[WORKFLOW_SKIPPED] =         "...........",
};
/* clang-format on */

static void release(struct workflow_run *r, const struct instance *i)
{
	const struct node *n = node_of(r, i);
	if (n->pool != WORKFLOW_NONE)
		r->pools[n->pool].used -= n->is.slots;
	r->steps[i->step].active--;
	r->active--;
}

static void occupy(struct workflow_run *r, const struct instance *i)
{
	const struct node *n = node_of(r, i);
	if (n->pool != WORKFLOW_NONE)
		r->pools[n->pool].used += n->is.slots;
	r->steps[i->step].active++;
	r->active++;
}

void settle_count(struct workflow_run *r, const struct instance *i)
{
	const struct node *n = node_of(r, i);
	bool is_bad = i->state == WORKFLOW_FAILED || i->state == WORKFLOW_UPSTREAM_FAILED;
	bool is_last = r->steps[i->step].open == 0;
	for (uint32_t k = 0; k < n->children.count; k++) {
		struct step_run *c = &r->steps[n->children.at[k]];
		bool is_setup = n->is.role == WORKFLOW_SETUP;
		c->parents.succeeded += i->state == WORKFLOW_SUCCEEDED;
		c->parents.failed += i->state == WORKFLOW_FAILED;
		c->parents.upstream_failed += i->state == WORKFLOW_UPSTREAM_FAILED;
		c->parents.skipped += i->state == WORKFLOW_SKIPPED;
		c->parents.setups_succeeded += is_setup && i->state == WORKFLOW_SUCCEEDED;
		c->parents.setups_skipped += is_setup && i->state == WORKFLOW_SKIPPED;
		c->branches_left -= n->is.is_branch;
		settle_mark(r, n->children.at[k]);
	}
	for (uint32_t k = 0; k < n->dependents.count; k++) {
		struct step_run *d = &r->steps[n->dependents.at[k]];
		d->setups_bad += is_bad;
		d->setups_skipped += i->state == WORKFLOW_SKIPPED;
		d->setups_left -= is_last;
		settle_mark(r, n->dependents.at[k]);
	}
}

static void enter_final(struct workflow_run *r, struct instance *i)
{
	const struct node *n = node_of(r, i);
	struct step_run *s = &r->steps[i->step];
	s->is_decided = true;
	s->open--;
	if (s->open == 0)
		r->open_steps--;
	bool counts = n->is.role != WORKFLOW_TEARDOWN || n->is.fails_run;
	if (i->state == WORKFLOW_FAILED && r->g->fails_fast && counts)
		r->has_failed_fast = true;
	settle_count(r, i);
}

void settle_enter(struct workflow_run *r, struct instance *i, enum workflow_state s,
		  const char *why)
{
	bool was_active = i->state == WORKFLOW_RUNNING || i->state == WORKFLOW_STOPPING;
	uint32_t step = i->step;
	assert(edges[i->state][s] == 'x');
	if (i->state == WORKFLOW_READY)
		ready_remove(r, i);
	timer_drop(r, i);
	queue_leave(r, i);
	if (was_active && s != WORKFLOW_STOPPING)
		release(r, i);
	i->state = s;
	i->since_us = r->now_us;
	i->why = why;
	i->must_stop = i->is_due = i->is_asked = false;
	if (s == WORKFLOW_READY)
		ready_add(r, i);
	if (s == WORKFLOW_RUNNING)
		occupy(r, i);
	if (workflow_is_final(s))
		enter_final(r, i);
	ready_offer(r, step);
}

/* Its first try, or the next one. */
void settle_begin(struct workflow_run *r, struct instance *i, const char *why)
{
	if (!node_of(r, i)->is.is_sensor) {
		settle_enter(r, i, WORKFLOW_READY, why);
		return;
	}
	settle_enter(r, i, WORKFLOW_SENSING, why);
	i->attempt++;
	i->tries++;
	i->is_due = true;
	queue_push(r, &r->pokes, i);
	timer_set(r, i, sensor_late_us(r, i));
}

/* ---- mapping ---- */

static bool fits(const struct workflow_run *r, uint32_t step, uint32_t count)
{
	return count <= r->steps[step].capacity;
}

bool settle_has_room(const struct workflow_run *r, uint32_t step, uint32_t count)
{
	return fits(r, step, count) ||
	       (uint64_t)r->instances_count + count <= WORKFLOW_INSTANCES_MAX;
}

static void make_room(struct workflow_run *r, uint32_t step, uint32_t count)
{
	struct step_run *s = &r->steps[step];
	if (fits(r, step, count))
		return;
	if (r->instances_count + count > r->instances_size) {
		uint32_t size = MAX(r->instances_count + count, 2 * r->instances_size);
		struct instance *at = arena_alloc(r->a, size, sizeof *at);
		memcpy(at, r->instances, r->instances_count * sizeof *at);
		r->instances = at;
		r->instances_size = size;
	}
	s->first = r->instances_count;
	s->capacity = count;
	r->instances_count += count;
}

void settle_prepare(struct workflow_run *r, uint32_t step, uint32_t count)
{
	struct step_run *s = &r->steps[step];
	struct instance first = r->instances[s->first];
	bool is_sensor = r->g->nodes[step].is.is_sensor;
	make_room(r, step, count);
	s->count = count;
	s->is_decided = true;
	for (uint32_t k = 0; k < count; k++) {
		struct instance *i = &r->instances[s->first + k];
		*i = first;
		i->index = k;
		i->state = is_sensor ? WORKFLOW_SENSING : WORKFLOW_READY;
		i->attempt = i->tries = i->is_due = is_sensor;
	}
}

void settle_expand(struct workflow_run *r, uint32_t step, uint32_t count)
{
	const struct node *n = &r->g->nodes[step];
	struct step_run *s = &r->steps[step];
	struct instance old = r->instances[s->first];
	if (count == 0) {
		settle_enter(r, &r->instances[s->first], WORKFLOW_SKIPPED, "its list is empty");
		return;
	}
	queue_leave(r, &r->instances[s->first]);
	old.in = NULL;
	make_room(r, step, count);
	s->count = s->open = count;
	for (uint32_t k = 0; k < count; k++) {
		r->instances[s->first + k] = old;
		r->instances[s->first + k].index = k;
	}
	for (uint32_t k = 0; k < n->children.count; k++) {
		struct workflow_parents *p = &r->steps[n->children.at[k]].parents;
		p->all += count - 1;
		p->setups_all += n->is.role == WORKFLOW_SETUP ? count - 1 : 0;
	}
	for (uint32_t k = 0; k < count; k++)
		settle_begin(r, &r->instances[s->first + k], old.why);
}

/* ---- branches ---- */

/* Which children go on: the chosen ones, and those that a chosen one leads to (as Airflow's
 * skip_all_except). The walk stays between the first and the last child. */
void settle_choose(struct workflow_run *r, uint32_t branch, const uint32_t *chosen, size_t count)
{
	const struct list *c = &r->g->nodes[branch].children;
	uint32_t last = 0, stack_count = 0;
	for (uint32_t k = 0; k < c->count; k++)
		last = MAX(last, r->g->nodes[c->at[k]].position);
	r->stamp++;
	for (size_t k = 0; k < count; k++)
		if (r->stamps[chosen[k]] != r->stamp) {
			r->stamps[chosen[k]] = r->stamp;
			r->stack[stack_count++] = chosen[k];
		}
	while (stack_count > 0) {
		const struct list *next = &r->g->nodes[r->stack[--stack_count]].children;
		for (uint32_t k = 0; k < next->count; k++) {
			uint32_t to = next->at[k];
			if (r->stamps[to] == r->stamp || r->g->nodes[to].position > last)
				continue;
			r->stamps[to] = r->stamp;
			r->stack[stack_count++] = to;
		}
	}
	struct step_run *s = &r->steps[branch];
	if (!s->goes_on)
		s->goes_on = arena_alloc(r->a, c->count, 1);
	for (uint32_t k = 0; k < c->count; k++)
		s->goes_on[k] = r->stamps[c->at[k]] == r->stamp;
	s->has_chosen = true;
}

void settle_exclude(struct workflow_run *r, uint32_t branch)
{
	const struct list *c = &r->g->nodes[branch].children;
	for (uint32_t k = 0; k < c->count; k++)
		if (!r->steps[branch].goes_on[k]) {
			r->steps[c->at[k]].is_excluded = true;
			settle_mark(r, c->at[k]);
		}
}

/* ---- verdicts ---- */

static enum workflow_verdict judge(const struct workflow_run *r, uint32_t step, const char **why)
{
	const struct node *n = &r->g->nodes[step];
	const struct step_run *s = &r->steps[step];
	enum workflow_trigger t = n->is.trigger;
	if (r->ending != WORKFLOW_ACTIVE && n->is.role != WORKFLOW_TEARDOWN) {
		*why = "the run is ending";
		return WORKFLOW_SKIP;
	}
	if (t == WORKFLOW_ALWAYS || s->parents.all == 0) {
		*why = s->parents.all == 0 ? "it needs no other step" : run_reasons[t];
		return WORKFLOW_RUN;
	}
	if (s->is_excluded) {
		*why = "a branch went another way";
		return WORKFLOW_SKIP;
	}
	if (s->setups_bad > 0 || s->setups_skipped > 0) {
		*why = s->setups_bad ? "a setup failed" : "a setup was skipped";
		return s->setups_bad ? WORKFLOW_FAIL : WORKFLOW_SKIP;
	}
	enum workflow_verdict v = workflow_judge(t, &s->parents);
	if (v == WORKFLOW_RUN && (s->setups_left > 0 || s->branches_left > 0))
		return WORKFLOW_HOLD;
	*why = v == WORKFLOW_SKIP   ? skip_reasons[t]
	       : v == WORKFLOW_FAIL ? fail_reason(t)
				    : run_reasons[t];
	return v;
}

static void decide(struct workflow_run *r, uint32_t step)
{
	struct step_run *s = &r->steps[step];
	struct instance *i = &r->instances[s->first];
	const char *why = NULL;
	enum workflow_verdict v = judge(r, step, &why);
	if (v == WORKFLOW_HOLD)
		return;
	s->is_decided = true;
	if (v != WORKFLOW_RUN) {
		settle_enter(r, i, v == WORKFLOW_SKIP ? WORKFLOW_SKIPPED : WORKFLOW_UPSTREAM_FAILED,
			     why);
	} else if (r->g->nodes[step].is.is_mapped) {
		settle_enter(r, i, WORKFLOW_EXPANDING, why);
		queue_push(r, &r->expansions, i);
	} else {
		settle_begin(r, i, why);
	}
}

/* The marked steps are a heap by place in the order: of one change's consequences parents come first,
 * so that what comes of it does not depend on who was marked first. */
void settle_mark(struct workflow_run *r, uint32_t step)
{
	struct step_run *s = &r->steps[step];
	if (s->is_dirty || s->is_decided || s->is_clearing)
		return;
	s->is_dirty = true;
	uint32_t position = r->g->nodes[step].position, at = r->dirty_count++;
	for (uint32_t up; at > 0 && r->dirty[up = (at - 1) / 2] > position; at = up)
		r->dirty[at] = r->dirty[up];
	r->dirty[at] = position;
}

static uint32_t take_marked(struct workflow_run *r)
{
	uint32_t first = r->dirty[0], moved = r->dirty[--r->dirty_count], at = 0;
	for (uint32_t down; (down = 2 * at + 1) < r->dirty_count; at = down) {
		down += down + 1 < r->dirty_count && r->dirty[down + 1] < r->dirty[down];
		if (moved < r->dirty[down])
			break;
		r->dirty[at] = r->dirty[down];
	}
	r->dirty[at] = moved;
	return r->g->order[first];
}

/* ---- the end ---- */

static enum workflow_result result_of(const struct workflow_run *r)
{
	if (r->ending != WORKFLOW_ACTIVE)
		return r->ending;
	for (uint32_t k = 0; k < r->instances_count; k++) {
		const struct instance *i = &r->instances[k];
		const struct step_run *s = &r->steps[i->step];
		bool is_current = k >= s->first && k < s->first + s->count;
		if (is_current && node_of(r, i)->is_leaf &&
		    (i->state == WORKFLOW_FAILED || i->state == WORKFLOW_UPSTREAM_FAILED))
			return WORKFLOW_RUN_FAILED;
	}
	return WORKFLOW_RUN_SUCCEEDED;
}

void settle_end(struct workflow_run *r, enum workflow_result why)
{
	r->ending = why;
	for (uint32_t step = 0; step < r->g->count; step++) {
		const struct step_run *s = &r->steps[step];
		if (r->g->nodes[step].is.role == WORKFLOW_TEARDOWN || s->is_clearing)
			continue;
		if (!s->is_decided)
			settle_mark(r, step);
		for (uint32_t k = 0; s->is_decided && k < s->count; k++) {
			struct instance *i = &r->instances[s->first + k];
			if (i->state == WORKFLOW_RUNNING)
				ask_stop(r, i);
			else if (i->state == WORKFLOW_BACKOFF)
				settle_enter(r, i, WORKFLOW_FAILED,
					     "it failed, and the run is ending");
			else if (!workflow_is_final(i->state) && i->state != WORKFLOW_STOPPING)
				settle_enter(r, i, WORKFLOW_SKIPPED, "the run is ending");
		}
	}
}

void settle_all(struct workflow_run *r)
{
	do {
		while (r->dirty_count > 0) {
			uint32_t step = take_marked(r);
			r->steps[step].is_dirty = false;
			if (!r->steps[step].is_decided)
				decide(r, step);
		}
		if (r->has_failed_fast && r->ending == WORKFLOW_ACTIVE)
			settle_end(r, WORKFLOW_RUN_FAILED);
	} while (r->dirty_count > 0);
	if (r->open_steps == 0 && r->result == WORKFLOW_ACTIVE)
		r->result = result_of(r);
}
