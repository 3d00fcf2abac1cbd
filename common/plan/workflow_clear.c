/* A run from what is recorded of it: taken up again, or a part of it cleared. */
#include "common/plan/workflow_internal.h"

/* One instance that waits; its attempts go on counting. */
void reset_step(struct workflow_run *r, uint32_t step)
{
	struct step_run *s = &r->steps[step];
	for (uint32_t k = 0; k < s->count; k++)
		s->attempts = MAX(s->attempts, r->instances[s->first + k].attempt);
	s->count = 1;
	s->is_decided = s->is_clearing = s->has_chosen = false;
	r->instances[s->first] = (struct instance){
		.step = step,
		.state = WORKFLOW_WAITING,
		.attempt = s->attempts,
		.heap_at = WORKFLOW_NONE,
		.since_us = r->now_us,
		.why = "it waits for its parents",
	};
}

/* ---- everything that follows ---- */

static void forget(struct workflow_run *r)
{
	const struct queue none = { WORKFLOW_NONE, WORKFLOW_NONE };
	r->stops = r->expansions = r->pokes = none;
	r->timers.count = 0;
	r->active = r->open_steps = 0;
	r->dirty_count = 0;
	for (uint32_t p = 0; p <= r->g->pools_count; p++) {
		r->pools[p].used = 0;
		r->pools[p].ready.count = 0;
	}
	for (uint32_t k = 0; k < r->instances_count; k++) {
		r->instances[k].heap_at = WORKFLOW_NONE;
		r->instances[k].in = NULL;
	}
	for (uint32_t k = 0; k < r->g->count; k++) {
		struct step_run *s = &r->steps[k];
		const struct node *n = &r->g->nodes[k];
		s->parents = (struct workflow_parents){ 0 };
		s->setups_bad = s->setups_skipped = s->branches_left = 0;
		s->setups_left = n->setups.count;
		s->open = s->active = s->offered = 0;
		s->parked = none;
		s->is_dirty = s->is_excluded = false;
		for (uint32_t p = 0; p < n->parents.count; p++) {
			uint32_t count = r->steps[n->parents.at[p]].count;
			const struct workflow_step *parent = &r->g->nodes[n->parents.at[p]].is;
			s->parents.all += count;
			s->parents.setups_all += parent->role == WORKFLOW_SETUP ? count : 0;
			s->branches_left += parent->is_branch;
		}
	}
}

static void take_running(struct workflow_run *r, struct instance *i)
{
	const struct node *n = node_of(r, i);
	if (n->pool != WORKFLOW_NONE)
		r->pools[n->pool].used += n->is.slots;
	r->steps[i->step].active++;
	r->active++;
	if (i->must_stop && i->state == WORKFLOW_RUNNING)
		queue_push(r, &r->stops, i);
	else if (i->state == WORKFLOW_RUNNING && n->is.timeout_us > 0)
		timer_set(r, i, i->since_us + n->is.timeout_us);
}

/* Puts an instance where its state says it belongs. */
static void take(struct workflow_run *r, struct instance *i)
{
	switch (i->state) {
	case WORKFLOW_RUNNING:
	case WORKFLOW_STOPPING:
		take_running(r, i);
		break;
	case WORKFLOW_BACKOFF:
		timer_set(r, i, i->timer_us);
		break;
	case WORKFLOW_SENSING:
		if (i->is_due)
			queue_push(r, &r->pokes, i);
		timer_set(r, i, i->is_due || i->is_asked ? sensor_late_us(r, i) : i->timer_us);
		break;
	case WORKFLOW_EXPANDING:
		queue_push(r, &r->expansions, i);
		break;
	case WORKFLOW_READY:
	case WORKFLOW_WAITING:
		break;
	case WORKFLOW_SUCCEEDED:
	case WORKFLOW_FAILED:
	case WORKFLOW_UPSTREAM_FAILED:
	case WORKFLOW_SKIPPED:
		return;
	case WORKFLOW_STATE_COUNT:
		assert(false);
	}
	r->steps[i->step].open++;
}

static void take_step(struct workflow_run *r, uint32_t step)
{
	struct step_run *s = &r->steps[step];
	for (uint32_t k = 0; k < s->count; k++)
		take(r, &r->instances[s->first + k]);
	if (s->open > 0 || s->is_clearing)
		r->open_steps++;
}

void derive_all(struct workflow_run *r)
{
	forget(r);
	for (uint32_t k = 0; k < r->g->count; k++)
		take_step(r, k);
	for (uint32_t k = 0; k < r->g->count; k++) {
		struct step_run *s = &r->steps[k];
		/* Ready ones after running ones, whose number limits them. */
		for (uint32_t n = 0; n < s->count; n++)
			if (r->instances[s->first + n].state == WORKFLOW_READY)
				ready_add(r, &r->instances[s->first + n]);
		if (s->is_clearing)
			continue;
		/* A setup is done when its last instance is: `open` says so to settle_count. */
		uint32_t open = s->open, finals = s->count - open;
		for (uint32_t n = 0; n < s->count; n++) {
			const struct instance *i = &r->instances[s->first + n];
			if (!workflow_is_final(i->state))
				continue;
			s->open = open + --finals;
			settle_count(r, i);
		}
		s->open = open;
		if (s->has_chosen)
			settle_exclude(r, k);
	}
	for (uint32_t k = 0; k < r->g->count; k++)
		settle_mark(r, k);
	settle_all(r);
}

/* ---- clearing ---- */

struct clearing {
	bool *is_in;
	uint32_t *steps, count;
};

static void include(struct clearing *c, uint32_t step)
{
	if (!c->is_in[step]) {
		c->is_in[step] = true;
		c->steps[c->count++] = step;
	}
}

/* A step that runs again needs its setups again, and then their teardowns (as in Airflow). */
static void include_setup(const struct workflow_graph *g, struct clearing *c, uint32_t setup)
{
	const struct list *children = &g->nodes[setup].children;
	include(c, setup);
	for (uint32_t k = 0; k < children->count; k++)
		if (g->nodes[children->at[k]].is.role == WORKFLOW_TEARDOWN)
			include(c, children->at[k]);
}

static void find_cleared(const struct workflow_graph *g, uint32_t step, struct clearing *c)
{
	include(c, step);
	for (uint32_t at = 0; at < c->count; at++) {
		const struct node *n = &g->nodes[c->steps[at]];
		for (uint32_t k = 0; k < n->children.count; k++)
			include(c, n->children.at[k]);
	}
	uint32_t below = c->count;
	for (uint32_t at = 0; at < below; at++) {
		const struct node *n = &g->nodes[c->steps[at]];
		if (n->is.role == WORKFLOW_TEARDOWN)
			continue; /* run alone it needs no new setup */
		for (uint32_t k = 0; k < n->setups.count; k++)
			include_setup(g, c, n->setups.at[k]);
		for (uint32_t k = 0; k < n->parents.count; k++)
			if (g->nodes[n->parents.at[k]].is.role == WORKFLOW_SETUP)
				include_setup(g, c, n->parents.at[k]);
	}
}

/* What runs is stopped first; the rest of the step waits for that. */
static void clear_one(struct workflow_run *r, uint32_t step)
{
	struct step_run *s = &r->steps[step];
	if (s->active == 0) {
		reset_step(r, step);
		return;
	}
	s->is_clearing = s->is_decided = true;
	for (uint32_t k = 0; k < s->count; k++) {
		struct instance *i = &r->instances[s->first + k];
		if (i->state == WORKFLOW_RUNNING) {
			i->must_stop = true;
		} else if (i->state != WORKFLOW_STOPPING) {
			i->state = WORKFLOW_WAITING;
			i->why = "it was cleared";
		}
	}
}

/* What was judged but did not start is judged again: a setup of it may be about to run anew. */
static void reconsider(struct workflow_run *r, uint32_t step)
{
	const struct instance *i = &r->instances[r->steps[step].first];
	bool is_mapped = r->g->nodes[step].is.is_mapped;
	if (i->state == WORKFLOW_EXPANDING ||
	    (i->state == WORKFLOW_READY && i->tries == 0 && !is_mapped))
		reset_step(r, step);
}

void clear_step(struct workflow_run *r, uint32_t step)
{
	auto_free bool *is_in = xcalloc(r->g->count, sizeof *is_in);
	auto_free uint32_t *steps = xcalloc(r->g->count, sizeof *steps);
	struct clearing c = { is_in, steps, 0 };
	find_cleared(r->g, step, &c);
	for (uint32_t k = 0; k < c.count; k++)
		clear_one(r, steps[k]);
	for (uint32_t k = 0; k < r->g->count; k++)
		reconsider(r, k);
	if (r->result != WORKFLOW_ACTIVE && r->g->timeout_us > 0)
		r->deadline_us = r->now_us + r->g->timeout_us;
	r->result = r->ending = WORKFLOW_ACTIVE;
	r->has_failed_fast = false;
	derive_all(r);
}

void clear_if_idle(struct workflow_run *r, uint32_t step)
{
	if (r->steps[step].active > 0)
		return;
	reset_step(r, step);
	derive_all(r);
}

/* ---- taking up ---- */

static int restore_one(struct workflow_run *r, const struct workflow_record *record,
		       struct error *err)
{
	uint32_t step = record->place.step;
	if (step >= r->g->count || record->place.index >= r->steps[step].count)
		return error_set(err, ERR_INVALID, "there is no step %u [%u]", step,
				 record->place.index);
	struct step_run *s = &r->steps[step];
	struct instance *i = &r->instances[s->first + record->place.index];
	if (record->state == WORKFLOW_EXPANDING || record->state == WORKFLOW_READY ||
	    record->state >= WORKFLOW_STATE_COUNT)
		return error_set(err, ERR_INVALID, "step '%.100s' cannot be taken up in that state",
				 r->g->nodes[step].is.name);
	s->is_decided |= record->state != WORKFLOW_WAITING;
	i->state = record->state;
	i->attempt = record->attempt;
	i->tries = record->tries;
	i->since_us = record->since_us;
	i->timer_us = record->until_us;
	i->is_due = false;
	if (i->state == WORKFLOW_SENSING)
		i->timer_us = MIN(i->timer_us, sensor_late_us(r, i));
	i->why = "it was taken up again";
	if (record->state == WORKFLOW_SUCCEEDED && r->g->nodes[step].is.is_branch) {
		for (size_t k = 0; k < record->chosen_count; k++)
			if (record->chosen[k] >= r->g->count)
				return error_set(err, ERR_INVALID, "there is no step %u",
						 record->chosen[k]);
		settle_choose(r, step, record->chosen, record->chosen_count);
	}
	return 0;
}

int workflow_restore(struct workflow_run *r, const struct workflow_record *records, size_t n,
		     const uint32_t *counts, int64_t now_us, struct error *err)
{
	r->now_us = MAX(r->now_us, now_us);
	for (uint32_t step = 0; step < r->g->count; step++)
		reset_step(r, step);
	for (uint32_t step = 0; counts && step < r->g->count; step++) {
		if (counts[step] == 0 || !r->g->nodes[step].is.is_mapped)
			continue;
		if (!settle_has_room(r, step, counts[step]))
			return error_set(err, ERR_LIMIT, "more than %d instances",
					 WORKFLOW_INSTANCES_MAX);
		settle_prepare(r, step, counts[step]);
	}
	for (size_t k = 0; k < n; k++)
		if (restore_one(r, &records[k], err) < 0)
			return err->code;
	derive_all(r);
	return 0;
}
