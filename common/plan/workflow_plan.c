#include "common/plan/workflow_plan.h"

#include "common/base/rng.h"
#include "common/plan/workflow_internal.h"

/* ---- a new run ---- */

struct workflow_run *workflow_run_new(const struct workflow_graph *g, struct arena *a,
				      uint64_t seed, int64_t now_us)
{
	struct workflow_run *r = arena_alloc(a, 1, sizeof *r);
	*r = (struct workflow_run){ .g = g, .a = a, .seed = seed, .now_us = now_us };
	r->deadline_us = g->timeout_us ? now_us + g->timeout_us : WORKFLOW_NEVER;
	r->steps = arena_alloc(a, g->count, sizeof *r->steps);
	r->instances = arena_alloc(a, g->count, sizeof *r->instances);
	r->instances_count = r->instances_size = g->count;
	r->pools = arena_alloc(a, g->pools_count + 1u, sizeof *r->pools);
	for (uint32_t p = 0; p < g->pools_count; p++)
		r->pools[p].slots = g->pools[p].slots;
	r->dirty = arena_alloc(a, g->count, sizeof *r->dirty);
	r->stamps = arena_alloc(a, g->count, sizeof *r->stamps);
	r->stack = arena_alloc(a, g->count, sizeof *r->stack);
	for (uint32_t s = 0; s < g->count; s++) {
		r->steps[s].first = s;
		r->steps[s].capacity = 1;
		reset_step(r, s);
	}
	derive_all(r);
	return r;
}

/* ---- changes ---- */

static int cannot(const struct workflow_run *r, const struct instance *i, struct error *err,
		  const char *what)
{
	return error_set(err, ERR_INVALID, "step '%.100s' [%u] is %s: %s", node_of(r, i)->is.name,
			 i->index, workflow_state_name(i->state), what);
}

static bool is_place(const struct workflow_run *r, struct workflow_place p)
{
	return p.step < r->g->count && p.index < r->steps[p.step].count;
}

static struct instance *at_place(const struct workflow_run *r, struct workflow_place p)
{
	assert(is_place(r, p));
	return &r->instances[r->steps[p.step].first + p.index];
}

/* Delays grow; part of each is taken off by lot. The lot depends on nothing but the seed and what is
 * tried, so that a run that is taken up again waits as long. */
static int64_t retry_delay_us(const struct workflow_run *r, const struct instance *i)
{
	const struct workflow_retry *t = &node_of(r, i)->is.retry;
	double delay = (double)t->delay_us, max = (double)WORKFLOW_TIME_MAX;
	if (t->delay_max_us > 0)
		max = (double)t->delay_max_us;
	for (uint32_t k = 1; k < i->tries && t->factor > 1 && delay < max; k++)
		delay *= t->factor;
	struct rng lot = { r->seed ^ ((uint64_t)i->step << 40) ^ ((uint64_t)i->index << 16) ^
			   i->attempt };
	double part = (double)(rng_next(&lot) >> 11) / 9007199254740992.0; /* 2^53 */
	return (int64_t)(MIN(delay, max) * (1 - t->jitter * part));
}

static void end_badly(struct workflow_run *r, struct instance *i, bool is_for_good)
{
	const struct workflow_step *s = &node_of(r, i)->is;
	bool is_ending = r->ending != WORKFLOW_ACTIVE && s->role != WORKFLOW_TEARDOWN;
	const char *why = i->was_late ? "it ran longer than its timeout" : "it failed";
	i->was_late = false;
	if (is_for_good || is_ending || i->tries > s->retry.count) {
		settle_enter(r, i, WORKFLOW_FAILED,
			     is_ending ? "it was stopped: the run is ending" : why);
		return;
	}
	settle_enter(r, i, WORKFLOW_BACKOFF, why);
	timer_set(r, i, r->now_us + retry_delay_us(r, i));
}

static int check_chosen(struct workflow_run *r, const struct workflow_change *c, struct error *err)
{
	const struct list *children = &r->g->nodes[c->place.step].children;
	r->stamp++;
	for (uint32_t n = 0; n < children->count; n++)
		r->stamps[children->at[n]] = r->stamp;
	for (size_t k = 0; k < c->chosen_count; k++)
		if (c->chosen[k] >= r->g->count || r->stamps[c->chosen[k]] != r->stamp)
			return error_set(err, ERR_INVALID,
					 "branch '%.100s' chose what does not depend on it",
					 r->g->nodes[c->place.step].is.name);
	return 0;
}

static int apply_ended(struct workflow_run *r, struct instance *i, const struct workflow_change *c,
		       struct error *err)
{
	const struct node *n = node_of(r, i);
	bool ran = i->state == WORKFLOW_RUNNING || i->state == WORKFLOW_STOPPING ||
		   i->state == WORKFLOW_SENSING;
	bool is_choice = n->is.is_branch && c->outcome == WORKFLOW_GOOD;
	uint32_t step = i->step;
	if (workflow_is_final(i->state))
		return cannot(r, i, err, "it has ended already");
	if (is_choice && check_chosen(r, c, err) < 0)
		return err->code;
	if (r->steps[step].is_clearing) {
		if (!ran)
			return cannot(r, i, err, "it is being cleared");
		settle_enter(r, i, WORKFLOW_WAITING, "it was cleared");
		clear_if_idle(r, step);
		return 0;
	}
	if (is_choice) {
		settle_choose(r, step, c->chosen, c->chosen_count);
		settle_exclude(r, step);
	}
	switch (c->outcome) {
	case WORKFLOW_GOOD:
		settle_enter(r, i, WORKFLOW_SUCCEEDED,
			     ran ? "it succeeded" : "it was marked by hand");
		break;
	case WORKFLOW_NOTHING:
		settle_enter(r, i, WORKFLOW_SKIPPED,
			     ran ? "it skipped itself" : "it was marked by hand");
		break;
	case WORKFLOW_BAD:
	case WORKFLOW_BAD_FOR_GOOD:
		if (ran)
			end_badly(r, i, c->outcome == WORKFLOW_BAD_FOR_GOOD);
		else
			settle_enter(r, i, WORKFLOW_FAILED, "it was marked by hand");
		break;
	case WORKFLOW_OUTCOME_COUNT:
		assert(false);
	}
	return 0;
}

static int apply_started(struct workflow_run *r, struct instance *i, struct error *err)
{
	const struct node *n = node_of(r, i);
	if (i->state != WORKFLOW_READY)
		return cannot(r, i, err, "it cannot start");
	bool has_slots = n->pool == WORKFLOW_NONE ||
			 r->pools[n->pool].used + (uint64_t)n->is.slots <= r->pools[n->pool].slots;
	if (i->heap_at == WORKFLOW_NONE || !has_slots ||
	    (r->g->active_max > 0 && r->active >= r->g->active_max))
		return cannot(r, i, err, "there is no slot for it");
	settle_enter(r, i, WORKFLOW_RUNNING, i->why);
	i->attempt++;
	i->tries++;
	i->was_late = false;
	if (n->is.timeout_us > 0)
		timer_set(r, i, r->now_us + n->is.timeout_us);
	return 0;
}

static int apply_poked(struct workflow_run *r, struct instance *i, struct error *err)
{
	if (i->state != WORKFLOW_SENSING || !(i->is_due || i->is_asked))
		return cannot(r, i, err, "it was not asked");
	queue_leave(r, i);
	i->is_due = i->is_asked = false;
	timer_set(r, i, MIN(r->now_us + node_of(r, i)->is.poke_us, sensor_late_us(r, i)));
	return 0;
}

static int apply_told(struct workflow_run *r, struct instance *i, struct error *err)
{
	if (i->state == WORKFLOW_SENSING && i->is_due) {
		queue_leave(r, i);
		i->is_due = false;
		i->is_asked = true;
		return 0;
	}
	if (i->state != WORKFLOW_RUNNING || !i->must_stop)
		return cannot(r, i, err, "it was told nothing");
	settle_enter(r, i, WORKFLOW_STOPPING,
		     i->was_late ? "it ran longer than its timeout"
				 : "the run is ending, or it was cleared");
	return 0;
}

static int apply_expanded(struct workflow_run *r, struct instance *i, uint32_t count,
			  struct error *err)
{
	if (i->state != WORKFLOW_EXPANDING)
		return cannot(r, i, err, "it does not wait for a list");
	if (!settle_has_room(r, i->step, count))
		return error_set(err, ERR_LIMIT,
				 "step '%.100s': its list would make more than %d instances",
				 node_of(r, i)->is.name, WORKFLOW_INSTANCES_MAX);
	settle_expand(r, i->step, count);
	return 0;
}

static int apply_clear(struct workflow_run *r, uint32_t step, struct error *err)
{
	if (r->ending != WORKFLOW_ACTIVE && r->result == WORKFLOW_ACTIVE)
		return error_set(err, ERR_INVALID, "the run is ending: clear when it has ended");
	clear_step(r, step);
	return 0;
}

static int apply_one(struct workflow_run *r, const struct workflow_change *c, struct error *err)
{
	switch (c->kind) {
	case WORKFLOW_STARTED:
		return apply_started(r, at_place(r, c->place), err);
	case WORKFLOW_ENDED:
		return apply_ended(r, at_place(r, c->place), c, err);
	case WORKFLOW_POKED:
		return apply_poked(r, at_place(r, c->place), err);
	case WORKFLOW_TOLD:
		return apply_told(r, at_place(r, c->place), err);
	case WORKFLOW_EXPANDED:
		return apply_expanded(r, at_place(r, c->place), c->count, err);
	case WORKFLOW_POOL_SIZE:
		r->pools[c->place.step].slots = c->count;
		return 0;
	case WORKFLOW_CANCELLED:
		if (r->result == WORKFLOW_ACTIVE && r->ending == WORKFLOW_ACTIVE)
			settle_end(r, WORKFLOW_RUN_CANCELLED);
		return 0;
	case WORKFLOW_CLEARED:
		return apply_clear(r, c->place.step, err);
	case WORKFLOW_CHANGE_COUNT:
		break;
	}
	assert(false);
	return 0;
}

int workflow_apply(struct workflow_run *r, const struct workflow_change *c, struct error *err)
{
	bool is_known = c->kind == WORKFLOW_CANCELLED   ? true
			: c->kind == WORKFLOW_POOL_SIZE ? c->place.step < r->g->pools_count
							: is_place(r, c->place);
	if (!is_known)
		return error_set(err, ERR_INVALID, "there is no step or pool %u [%u]",
				 c->place.step, c->place.index);
	r->now_us = MAX(r->now_us, c->now_us);
	if (apply_one(r, c, err) < 0)
		return err->code;
	settle_all(r);
	return 0;
}

/* ---- what to do ---- */

static void expire(struct workflow_run *r, struct instance *i)
{
	bool skips = node_of(r, i)->is.skips_late;
	switch (i->state) {
	case WORKFLOW_BACKOFF:
		settle_begin(r, i, "it is tried again");
		break;
	case WORKFLOW_RUNNING:
		timer_drop(r, i);
		i->was_late = true;
		ask_stop(r, i);
		break;
	case WORKFLOW_SENSING:
		if (r->now_us >= sensor_late_us(r, i)) {
			settle_enter(r, i, skips ? WORKFLOW_SKIPPED : WORKFLOW_FAILED,
				     "its condition did not come in time");
			break;
		}
		i->is_due = true;
		queue_push(r, &r->pokes, i);
		timer_set(r, i, sensor_late_us(r, i));
		break;
	default:
		assert(false); /* no other state has a timer */
	}
}

static void advance(struct workflow_run *r, int64_t now_us)
{
	r->now_us = MAX(r->now_us, now_us);
	if (r->result == WORKFLOW_ACTIVE && r->ending == WORKFLOW_ACTIVE &&
	    r->now_us >= r->deadline_us)
		settle_end(r, WORKFLOW_RUN_TIMED_OUT);
	for (struct instance *i; (i = timer_first(r)) && i->timer_us <= r->now_us;)
		expire(r, i);
	settle_all(r);
}

static bool act(const struct workflow_run *r, const struct instance *i,
		enum workflow_action_kind kind, const char *why, struct workflow_action *ret)
{
	*ret = (struct workflow_action){
		.kind = kind,
		.place = { i->step, i->index },
		.attempt = i->attempt + (kind == WORKFLOW_DO_START),
		.why = why,
		.wake_us = r->now_us,
		.result = r->result,
	};
	return true;
}

bool workflow_next(struct workflow_run *r, int64_t now_us, struct workflow_action *ret)
{
	advance(r, now_us);
	const struct instance *i = queue_first(r, &r->stops);
	if (i)
		return act(r, i, WORKFLOW_DO_STOP,
			   i->was_late                     ? "it ran longer than its timeout"
			   : r->steps[i->step].is_clearing ? "it was cleared"
							   : "the run is ending",
			   ret);
	if ((i = queue_first(r, &r->expansions)))
		return act(r, i, WORKFLOW_DO_EXPAND, i->why, ret);
	if ((i = queue_first(r, &r->pokes)))
		return act(r, i, WORKFLOW_DO_POKE, i->why, ret);
	if ((i = ready_first(r)))
		return act(r, i, WORKFLOW_DO_START, i->why, ret);
	*ret = (struct workflow_action){ .kind = WORKFLOW_DO_WAIT,
					 .why = "it waits for its steps" };
	ret->result = r->result;
	if (r->result != WORKFLOW_ACTIVE) {
		ret->kind = WORKFLOW_DO_END;
		ret->why = r->result == WORKFLOW_RUN_SUCCEEDED
				   ? "nothing is left to do, nothing that counts failed"
			   : r->result == WORKFLOW_RUN_FAILED    ? "a step of it failed"
			   : r->result == WORKFLOW_RUN_TIMED_OUT ? "it ran longer than its timeout"
								 : "it was cancelled";
		ret->wake_us = WORKFLOW_NEVER;
		return false;
	}
	const struct instance *first = timer_first(r);
	ret->wake_us = first ? first->timer_us : WORKFLOW_NEVER;
	if (r->ending == WORKFLOW_ACTIVE)
		ret->wake_us = MIN(ret->wake_us, r->deadline_us);
	return false;
}
