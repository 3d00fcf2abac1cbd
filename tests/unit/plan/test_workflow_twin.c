/*
 * workflow_plan against a dumb twin that looks at everything each time: random workflows, random things
 * that happen. After each, the twin's states and its next action must be the plan's; a run that is taken
 * up from what is recorded must be no different; and what must never be is never.
 *   test_workflow_twin [SEED [RUNS]]
 */
#include "common/base/rng.h"
#include "tests/unit/plan/workflow_world.h"

#define STEPS  7
#define ITEMS  3
#define EVENTS 40

struct cell { /* one instance */
	enum workflow_state state;
	uint32_t attempt, tries;
	int64_t since_us, until_us;
	bool must_stop, is_late, is_due, is_asked;
	uint64_t queued; /* when it came into its queue */
};

struct twin {
	const struct workflow_definition *d;
	struct workflow_graph *g;
	size_t n;
	bool needs[STEPS][STEPS], below[STEPS][STEPS]; /* below[a][b]: b comes after a */
	uint32_t order[STEPS];
	struct cell cells[STEPS][ITEMS];
	uint32_t count[STEPS];
	bool is_decided[STEPS], is_excluded[STEPS], has_chosen[STEPS], goes_on[STEPS][STEPS];
	int64_t now_us, deadline_us;
	enum workflow_result ending, result;
	uint32_t slots;
	uint64_t queued;
	bool has_failed_fast;
};

static const struct workflow_step *step_of(const struct twin *t, size_t s)
{
	return &t->d->steps[s];
}

static bool is_active(const struct cell *c)
{
	return c->state == WORKFLOW_RUNNING || c->state == WORKFLOW_STOPPING;
}

static bool is_over(const struct twin *t, size_t s)
{
	for (uint32_t k = 0; k < t->count[s]; k++)
		if (!workflow_is_final(t->cells[s][k].state))
			return false;
	return true;
}

static bool is_teardown(const struct twin *t, size_t s)
{
	return step_of(t, s)->role == WORKFLOW_TEARDOWN;
}

/* Is u a setup that s stands under, though it is no parent of it? */
static bool is_under(const struct twin *t, size_t s, size_t u)
{
	bool has_teardown = false, is_inside = false;
	if (step_of(t, u)->role != WORKFLOW_SETUP || is_teardown(t, s) || t->needs[s][u] ||
	    !t->below[u][s])
		return false;
	for (size_t c = 0; c < t->n; c++)
		if (t->needs[c][u] && is_teardown(t, c)) {
			has_teardown = true;
			is_inside |= t->below[s][c];
		}
	return !has_teardown || is_inside;
}

static enum workflow_trigger trigger_of(const struct twin *t, size_t s)
{
	if (!step_of(t, s)->is_default_trigger)
		return step_of(t, s)->trigger;
	return is_teardown(t, s) ? WORKFLOW_ALL_DONE_SETUP_SUCCESS : WORKFLOW_ALL_SUCCESS;
}

static enum workflow_verdict twin_judge(const struct twin *t, size_t s)
{
	enum workflow_state states[STEPS * ITEMS];
	bool is_setup[STEPS * ITEMS], is_held = false, has_skipped = false;
	size_t n = 0;
	if (t->ending != WORKFLOW_ACTIVE && !is_teardown(t, s))
		return WORKFLOW_SKIP;
	if (trigger_of(t, s) == WORKFLOW_ALWAYS)
		return WORKFLOW_RUN;
	if (t->is_excluded[s])
		return WORKFLOW_SKIP;
	for (size_t u = 0; u < t->n; u++) {
		if (!is_under(t, s, u))
			continue;
		is_held |= !is_over(t, u);
		for (uint32_t k = 0; k < t->count[u]; k++) {
			enum workflow_state state = t->cells[u][k].state;
			if (state == WORKFLOW_FAILED || state == WORKFLOW_UPSTREAM_FAILED)
				return WORKFLOW_FAIL;
			has_skipped |= state == WORKFLOW_SKIPPED;
		}
	}
	if (has_skipped)
		return WORKFLOW_SKIP;
	for (size_t p = 0; p < t->n; p++) {
		if (!t->needs[s][p])
			continue;
		is_held |= step_of(t, p)->is_branch && !is_over(t, p);
		for (uint32_t k = 0; k < t->count[p]; k++, n++) {
			states[n] = t->cells[p][k].state;
			is_setup[n] = step_of(t, p)->role == WORKFLOW_SETUP;
		}
	}
	enum workflow_verdict v = reference_judge(trigger_of(t, s), states, is_setup, n);
	return v == WORKFLOW_RUN && is_held ? WORKFLOW_HOLD : v;
}

static void finish(struct twin *t, size_t s, struct cell *c, enum workflow_state state)
{
	c->state = state;
	t->is_decided[s] = true;
	if (state == WORKFLOW_FAILED && t->d->fails_fast &&
	    (!is_teardown(t, s) || step_of(t, s)->fails_run))
		t->has_failed_fast = true;
}

static void begin(struct twin *t, size_t s, struct cell *c)
{
	c->state = WORKFLOW_READY;
	c->queued = ++t->queued;
	if (step_of(t, s)->is_sensor) {
		c->state = WORKFLOW_SENSING;
		c->since_us = t->now_us;
		c->attempt++;
		c->tries++;
		c->is_due = true;
		c->is_asked = false;
	}
}

static void twin_end(struct twin *t, enum workflow_result why)
{
	t->ending = why;
	for (size_t s = 0; s < t->n; s++)
		for (uint32_t k = 0; k < t->count[s]; k++) {
			struct cell *c = &t->cells[s][k];
			if (is_teardown(t, s) || !t->is_decided[s])
				continue;
			if (c->state == WORKFLOW_RUNNING && !c->must_stop) {
				c->must_stop = true;
				c->queued = ++t->queued;
			} else if (c->state == WORKFLOW_BACKOFF) {
				finish(t, s, c, WORKFLOW_FAILED);
			} else if (!is_active(c) && !workflow_is_final(c->state)) {
				finish(t, s, c, WORKFLOW_SKIPPED);
			}
		}
}

static bool is_leaf(const struct twin *t, size_t s)
{
	if (is_teardown(t, s) && !step_of(t, s)->fails_run)
		return false;
	for (size_t c = 0; c < t->n; c++)
		if (t->needs[c][s] && (!is_teardown(t, c) || step_of(t, c)->fails_run))
			return false;
	return true;
}

static void twin_settle(struct twin *t)
{
	for (int round = 0; round < 2; round++) {
		for (size_t k = 0; k < t->n; k++) {
			size_t s = t->order[k];
			if (t->is_decided[s])
				continue;
			enum workflow_verdict v = twin_judge(t, s);
			if (v == WORKFLOW_HOLD)
				continue;
			t->is_decided[s] = true;
			struct cell *c = &t->cells[s][0];
			if (v != WORKFLOW_RUN) {
				finish(t, s, c,
				       v == WORKFLOW_SKIP ? WORKFLOW_SKIPPED
							  : WORKFLOW_UPSTREAM_FAILED);
			} else if (step_of(t, s)->is_mapped) {
				c->state = WORKFLOW_EXPANDING;
				c->queued = ++t->queued;
			} else {
				begin(t, s, c);
			}
		}
		if (t->has_failed_fast && t->ending == WORKFLOW_ACTIVE)
			twin_end(t, WORKFLOW_RUN_FAILED);
	}
	bool all = true, has_failed = false;
	for (size_t s = 0; s < t->n; s++) {
		all &= is_over(t, s);
		for (uint32_t k = 0; k < t->count[s]; k++)
			has_failed |=
				is_leaf(t, s) && (t->cells[s][k].state == WORKFLOW_FAILED ||
						  t->cells[s][k].state == WORKFLOW_UPSTREAM_FAILED);
	}
	if (all && t->result == WORKFLOW_ACTIVE)
		t->result = t->ending != WORKFLOW_ACTIVE ? t->ending
			    : has_failed                 ? WORKFLOW_RUN_FAILED
							 : WORKFLOW_RUN_SUCCEEDED;
}

/* ---- time ---- */

static int64_t late_us(const struct twin *t, size_t s, const struct cell *c)
{
	return step_of(t, s)->timeout_us ? c->since_us + step_of(t, s)->timeout_us : WORKFLOW_NEVER;
}

static int64_t timer_us(const struct twin *t, size_t s, const struct cell *c)
{
	if (c->state == WORKFLOW_BACKOFF)
		return c->until_us;
	if (c->state == WORKFLOW_RUNNING)
		return c->must_stop && c->is_late ? WORKFLOW_NEVER : late_us(t, s, c);
	if (c->state == WORKFLOW_SENSING)
		return c->is_due || c->is_asked ? late_us(t, s, c)
						: MIN(c->until_us, late_us(t, s, c));
	return WORKFLOW_NEVER;
}

static bool first_timer(struct twin *t, size_t *ret_s, struct cell **ret, int64_t *ret_us)
{
	*ret_us = WORKFLOW_NEVER;
	for (size_t s = 0; s < t->n; s++)
		for (uint32_t k = 0; k < t->count[s]; k++) {
			int64_t us = timer_us(t, s, &t->cells[s][k]);
			if (us < *ret_us) {
				*ret_us = us;
				*ret_s = s;
				*ret = &t->cells[s][k];
			}
		}
	return *ret_us != WORKFLOW_NEVER;
}

static void twin_advance(struct twin *t, int64_t now_us)
{
	size_t s;
	struct cell *c;
	int64_t us;
	t->now_us = now_us;
	if (t->result == WORKFLOW_ACTIVE && t->ending == WORKFLOW_ACTIVE &&
	    now_us >= t->deadline_us)
		twin_end(t, WORKFLOW_RUN_TIMED_OUT);
	while (first_timer(t, &s, &c, &us) && us <= now_us) {
		if (c->state == WORKFLOW_BACKOFF) {
			begin(t, s, c);
		} else if (c->state == WORKFLOW_RUNNING) {
			c->is_late = true;
			if (!c->must_stop)
				c->queued = ++t->queued;
			c->must_stop = true;
		} else if (now_us >= late_us(t, s, c)) {
			finish(t, s, c,
			       step_of(t, s)->skips_late ? WORKFLOW_SKIPPED : WORKFLOW_FAILED);
		} else {
			c->is_due = true;
			c->queued = ++t->queued;
		}
	}
	twin_settle(t);
}

/* ---- what to do ---- */

static int64_t twin_rank(const struct twin *t, size_t s)
{
	int64_t longest = 0;
	for (size_t c = 0; c < t->n; c++)
		if (t->needs[c][s])
			longest = MAX(longest, twin_rank(t, c));
	return longest + step_of(t, s)->estimate_us;
}

static uint32_t running(const struct twin *t, size_t s, bool only_pool)
{
	uint32_t count = 0;
	for (size_t i = 0; i < t->n; i++)
		for (uint32_t k = 0; k < t->count[i]; k++)
			if (is_active(&t->cells[i][k]) && (s == SIZE_MAX || s == i))
				count += !only_pool            ? 1
					 : step_of(t, i)->pool ? step_of(t, i)->slots
							       : 0;
	return count;
}

static bool is_better(const struct twin *t, size_t a, size_t b)
{
	int64_t x = twin_rank(t, a), y = twin_rank(t, b);
	if (x != y)
		return x > y;
	if (step_of(t, a)->priority != step_of(t, b)->priority)
		return step_of(t, a)->priority > step_of(t, b)->priority;
	return a < b;
}

/* Ready instances that their step's own limit lets through: those that came first, then by index. */
static bool is_offered(const struct twin *t, size_t s, uint32_t k)
{
	uint32_t max = step_of(t, s)->active_max, before = running(t, s, false);
	for (uint32_t i = 0; i < t->count[s]; i++)
		before += t->cells[s][i].state == WORKFLOW_READY &&
			  t->cells[s][i].queued < t->cells[s][k].queued;
	return max == 0 || before < max;
}

/* The best of those with (or without) a pool. */
static bool best_ready(const struct twin *t, bool with_pool, size_t *ret_s, uint32_t *ret_k)
{
	bool is_found = false;
	for (size_t s = 0; s < t->n; s++)
		for (uint32_t k = 0; k < t->count[s]; k++) {
			if (t->cells[s][k].state != WORKFLOW_READY ||
			    (step_of(t, s)->pool != NULL) != with_pool || !is_offered(t, s, k))
				continue;
			if (is_found && (*ret_s == s || !is_better(t, s, *ret_s)))
				continue;
			is_found = true;
			*ret_s = s;
			*ret_k = k;
		}
	return is_found;
}

static bool next_start(const struct twin *t, size_t *ret_s, uint32_t *ret_k)
{
	size_t s[2] = { 0, 0 };
	uint32_t k[2] = { 0, 0 };
	if (t->d->active_max && running(t, SIZE_MAX, false) >= t->d->active_max)
		return false;
	bool plain = best_ready(t, false, &s[0], &k[0]), pool = best_ready(t, true, &s[1], &k[1]);
	if (pool && running(t, SIZE_MAX, true) + MAX(step_of(t, s[1])->slots, 1u) > t->slots)
		pool = false;
	if (!plain && !pool)
		return false;
	int which = !plain || (pool && is_better(t, s[1], s[0])) ? 1 : 0;
	*ret_s = s[which];
	*ret_k = k[which];
	return true;
}

typedef bool wants_fn(const struct cell *c);

static bool wants_stop(const struct cell *c)
{
	return c->state == WORKFLOW_RUNNING && c->must_stop;
}

static bool wants_list(const struct cell *c)
{
	return c->state == WORKFLOW_EXPANDING;
}

static bool wants_poke(const struct cell *c)
{
	return c->state == WORKFLOW_SENSING && c->is_due;
}

static bool first_of(const struct twin *t, wants_fn *wants, size_t *ret_s, uint32_t *ret_k)
{
	uint64_t best = UINT64_MAX;
	for (size_t s = 0; s < t->n; s++)
		for (uint32_t k = 0; k < t->count[s]; k++)
			if (wants(&t->cells[s][k]) && t->cells[s][k].queued < best) {
				best = t->cells[s][k].queued;
				*ret_s = s;
				*ret_k = k;
			}
	return best != UINT64_MAX;
}

static enum workflow_action_kind twin_next(struct twin *t, size_t *s, uint32_t *k, int64_t *wake_us)
{
	struct cell *c;
	size_t of;
	if (first_of(t, wants_stop, s, k))
		return WORKFLOW_DO_STOP;
	if (first_of(t, wants_list, s, k))
		return WORKFLOW_DO_EXPAND;
	if (first_of(t, wants_poke, s, k))
		return WORKFLOW_DO_POKE;
	if (next_start(t, s, k))
		return WORKFLOW_DO_START;
	*wake_us = WORKFLOW_NEVER;
	if (t->result != WORKFLOW_ACTIVE)
		return WORKFLOW_DO_END;
	(void)first_timer(t, &of, &c, wake_us);
	if (t->ending == WORKFLOW_ACTIVE)
		*wake_us = MIN(*wake_us, t->deadline_us);
	return WORKFLOW_DO_WAIT;
}

/* ---- what happens ---- */

static void twin_choose(struct twin *t, size_t b, const uint32_t *chosen, size_t n)
{
	t->has_chosen[b] = true;
	for (size_t c = 0; c < t->n; c++) {
		bool goes = false;
		for (size_t k = 0; k < n; k++)
			goes |= chosen[k] == c || t->below[chosen[k]][c];
		t->goes_on[b][c] = goes;
		if (t->needs[c][b] && !goes)
			t->is_excluded[c] = true;
	}
}

static void twin_ended(struct twin *t, size_t s, struct cell *c, const struct workflow_change *ch)
{
	bool ran = is_active(c) || c->state == WORKFLOW_SENSING;
	bool is_ending = t->ending != WORKFLOW_ACTIVE && !is_teardown(t, s);
	const struct workflow_retry *retry = &step_of(t, s)->retry;
	if (step_of(t, s)->is_branch && ch->outcome == WORKFLOW_GOOD)
		twin_choose(t, s, ch->chosen, ch->chosen_count);
	c->must_stop = false;
	c->is_due = c->is_asked = false;
	if (ch->outcome == WORKFLOW_GOOD) {
		finish(t, s, c, WORKFLOW_SUCCEEDED);
	} else if (ch->outcome == WORKFLOW_NOTHING) {
		finish(t, s, c, WORKFLOW_SKIPPED);
	} else if (!ran || ch->outcome == WORKFLOW_BAD_FOR_GOOD || is_ending ||
		   c->tries > retry->count) {
		finish(t, s, c, WORKFLOW_FAILED);
	} else {
		int64_t delay_us = retry->delay_us;
		for (uint32_t k = 1; k < c->tries; k++)
			delay_us *= (int64_t)retry->factor;
		c->state = WORKFLOW_BACKOFF;
		c->until_us = t->now_us + MIN(delay_us, retry->delay_max_us);
	}
	c->is_late = false;
}

static void twin_reset(struct twin *t, size_t s)
{
	uint32_t attempt = 0;
	for (uint32_t k = 0; k < t->count[s]; k++)
		attempt = MAX(attempt, t->cells[s][k].attempt);
	t->count[s] = 1;
	t->cells[s][0] = (struct cell){ .attempt = attempt };
	t->is_decided[s] = t->has_chosen[s] = false;
}

static void find_cleared(const struct twin *t, size_t from, bool *in)
{
	bool below[STEPS] = { 0 };
	for (size_t s = 0; s < t->n; s++)
		in[s] = below[s] = s == from || t->below[from][s];
	for (size_t s = 0; s < t->n; s++)
		for (size_t u = 0; u < t->n && below[s] && !is_teardown(t, s); u++) {
			bool is_setup = step_of(t, u)->role == WORKFLOW_SETUP;
			if (!is_under(t, s, u) && !(is_setup && t->needs[s][u]))
				continue;
			in[u] = true;
			for (size_t c = 0; c < t->n; c++)
				in[c] |= t->needs[c][u] && is_teardown(t, c);
		}
}

static void twin_clear(struct twin *t, size_t from)
{
	bool in[STEPS];
	find_cleared(t, from, in);
	for (size_t s = 0; s < t->n; s++)
		if (in[s] || t->cells[s][0].state == WORKFLOW_EXPANDING ||
		    (t->cells[s][0].state == WORKFLOW_READY && t->cells[s][0].tries == 0 &&
		     !step_of(t, s)->is_mapped))
			twin_reset(t, s);
	memset(t->is_excluded, 0, sizeof t->is_excluded);
	for (size_t b = 0; b < t->n; b++)
		for (size_t c = 0; c < t->n && t->has_chosen[b]; c++)
			t->is_excluded[c] |= t->needs[c][b] && !t->goes_on[b][c];
	/* The queues are filled anew, in order of the steps. */
	for (size_t s = 0; s < t->n; s++)
		for (uint32_t k = 0; k < t->count[s]; k++)
			t->cells[s][k].queued = ++t->queued;
	if (t->result != WORKFLOW_ACTIVE && t->d->timeout_us)
		t->deadline_us = t->now_us + t->d->timeout_us;
	t->result = t->ending = WORKFLOW_ACTIVE;
	t->has_failed_fast = false;
}

static void twin_apply(struct twin *t, const struct workflow_change *ch)
{
	size_t s = ch->place.step;
	struct cell *c = &t->cells[s][ch->place.index];
	t->now_us = ch->now_us;
	switch (ch->kind) {
	case WORKFLOW_STARTED:
		c->state = WORKFLOW_RUNNING;
		c->since_us = t->now_us;
		c->attempt++;
		c->tries++;
		break;
	case WORKFLOW_ENDED:
		twin_ended(t, s, c, ch);
		break;
	case WORKFLOW_POKED:
		c->is_due = c->is_asked = false;
		c->until_us = t->now_us + step_of(t, s)->poke_us;
		break;
	case WORKFLOW_TOLD:
		if (c->state == WORKFLOW_SENSING) {
			c->is_due = false;
			c->is_asked = true;
		} else {
			c->state = WORKFLOW_STOPPING;
		}
		break;
	case WORKFLOW_EXPANDED:
		if (ch->count == 0) {
			finish(t, s, c, WORKFLOW_SKIPPED);
			break;
		}
		t->count[s] = ch->count;
		for (uint32_t k = ch->count; k-- > 0;)
			t->cells[s][k] = t->cells[s][0];
		for (uint32_t k = 0; k < ch->count; k++)
			begin(t, s, &t->cells[s][k]);
		break;
	case WORKFLOW_POOL_SIZE:
		t->slots = ch->count;
		break;
	case WORKFLOW_CANCELLED:
		if (t->result == WORKFLOW_ACTIVE && t->ending == WORKFLOW_ACTIVE)
			twin_end(t, WORKFLOW_RUN_CANCELLED);
		break;
	case WORKFLOW_CLEARED:
		twin_clear(t, s);
		break;
	case WORKFLOW_CHANGE_COUNT:
		break;
	}
	twin_settle(t);
}

/* ---- random workflows ---- */

static void add_options(struct rng *r, struct str *text)
{
	static const char *const options[] = { "",   "",     "r1",    "r2",   "t3",  "t2r1",
					       "p1", "p2",   "m",     "m",    "ma1", "mr1a2",
					       "s2", "s2t5", "s1t3k", "s2r1", "B",   "B",
					       "U",  "U",    "D",     "D",    "F" };
	str_addf(text, "!%se%d", options[rng_below(r, ARRAY_LEN(options))], (int)rng_below(r, 4));
	if (rng_one_in(r, 4))
		str_add(text, "q1");
}

static void draw_random(struct rng *r, struct str *text)
{
	size_t n = 1 + rng_below(r, STEPS), places[STEPS];
	for (size_t i = 0; i < n; i++)
		places[i] = i;
	for (size_t i = n; i > 1; i--) {
		size_t k = rng_below(r, i), other = places[i - 1];
		places[i - 1] = places[k];
		places[k] = other;
	}
	/* Step i comes after those whose place is lower. */
	for (size_t i = 0; i < n; i++) {
		const char *sign = ":";
		str_addf(text, "%s%c", i ? " " : "", (char)('a' + i));
		for (size_t p = 0; p < n; p++)
			if (places[p] < places[i] && rng_below(r, 5) < 2) {
				str_addf(text, "%s%c", sign, (char)('a' + p));
				sign = ",";
			}
		if (rng_one_in(r, 2))
			str_addf(text, "/%s",
				 workflow_trigger_name((enum workflow_trigger)rng_below(
					 r, WORKFLOW_TRIGGER_COUNT)));
		add_options(r, text);
	}
}

static void twin_init(struct twin *t, const struct workflow_definition *d, struct workflow_graph *g)
{
	*t = (struct twin){ .d = d, .g = g, .n = d->steps_count, .slots = 2 };
	t->deadline_us = d->timeout_us ? d->timeout_us : WORKFLOW_NEVER;
	for (size_t s = 0; s < t->n; s++) {
		t->count[s] = 1;
		for (size_t k = 0; k < d->steps[s].needs_count; k++)
			t->needs[s][workflow_step_find(g, d->steps[s].needs[k])] = true;
	}
	for (size_t a = 0; a < t->n; a++)
		for (size_t b = 0; b < t->n; b++)
			t->below[a][b] = t->needs[b][a];
	for (size_t m = 0; m < t->n; m++)
		for (size_t a = 0; a < t->n; a++)
			for (size_t b = 0; b < t->n; b++)
				t->below[a][b] |= t->below[a][m] && t->below[m][b];
	workflow_sort(g, t->order);
	for (size_t i = 0; i < t->n; i++)
		for (size_t k = i + 1; k < t->n; k++)
			CHECK(!t->below[t->order[k]][t->order[i]]);
	twin_settle(t);
}

/* ---- comparing ---- */

struct game {
	struct twin twin;
	struct workflow_run *run;
	struct arena *a;
	const char *text;
	uint64_t seed;
	int event;
	const char *last;
};

static void lost(const struct game *g, const char *what)
{
	fprintf(stderr, "seed %llu, %s: event %d (%s): %s\n  states ", (unsigned long long)g->seed,
		g->text, g->event, g->last, what);
	for (uint32_t s = 0; s < g->twin.n; s++) {
		fprintf(stderr, "%c", 'a' + (char)s);
		for (uint32_t k = 0; k < workflow_instances(g->run, s); k++)
			fprintf(stderr, "%c",
				"weRrsBS+-u0"[workflow_state(g->run,
							     (struct workflow_place){ s, k })]);
		fprintf(stderr, " (");
		for (uint32_t k = 0; k < g->twin.count[s]; k++)
			fprintf(stderr, "%c", "weRrsBS+-u0"[g->twin.cells[s][k].state]);
		fprintf(stderr, ") ");
	}
	fprintf(stderr, "\n");
	exit(1);
}

static void compare(struct game *g, struct workflow_run *run)
{
	struct twin *t = &g->twin;
	struct workflow_action act;
	size_t s = 0;
	uint32_t k = 0;
	int64_t wake_us = 0;
	(void)workflow_next(run, t->now_us, &act);
	twin_advance(t, t->now_us);
	for (uint32_t i = 0; i < t->n; i++) {
		if (workflow_instances(run, i) != t->count[i])
			lost(g, "another number of instances");
		for (uint32_t n = 0; n < t->count[i]; n++) {
			struct workflow_place p = { i, n };
			AUTO_STR words;
			str_init(&words, 4096);
			workflow_explain(run, p, t->now_us, &words);
			if (workflow_state(run, p) != t->cells[i][n].state ||
			    workflow_attempt(run, p) != t->cells[i][n].attempt || words.len == 0)
				lost(g, "another state");
		}
	}
	if (act.kind != twin_next(t, &s, &k, &wake_us))
		lost(g, "another action");
	bool has_place = act.kind != WORKFLOW_DO_WAIT && act.kind != WORKFLOW_DO_END;
	if (has_place && (act.place.step != s || act.place.index != k))
		lost(g, "another place");
	if (!has_place && act.wake_us != wake_us)
		lost(g, "another time to wake");
	if (workflow_result(run) != t->result)
		lost(g, "another result");
}

/* What must never be, whatever the twin thinks. */
static void check_invariants(const struct game *g)
{
	const struct twin *t = &g->twin;
	if (t->d->active_max && running(t, SIZE_MAX, false) > t->d->active_max)
		lost(g, "too many at a time");
	for (uint32_t s = 0; s < t->n; s++) {
		if (step_of(t, s)->active_max && running(t, s, false) > step_of(t, s)->active_max)
			lost(g, "too many of one step at a time");
		for (uint32_t p = 0; p < t->n; p++)
			/* A setup or teardown may run again for another step that was cleared. */
			if (t->needs[s][p] && trigger_of(t, s) == WORKFLOW_ALL_SUCCESS &&
			    step_of(t, p)->role == WORKFLOW_WORK && running(t, s, false) > 0)
				for (uint32_t k = 0; k < t->count[p]; k++)
					if (t->cells[p][k].state != WORKFLOW_SUCCEEDED)
						lost(g, "runs before its parents");
	}
}

static size_t records_of(const struct twin *t, struct workflow_record *ret, uint32_t *counts,
			 uint32_t chosen[STEPS][STEPS])
{
	size_t n = 0;
	for (uint32_t s = 0; s < t->n; s++) {
		size_t chosen_count = 0;
		for (uint32_t c = 0; c < t->n; c++)
			if (t->needs[c][s] && t->goes_on[s][c])
				chosen[s][chosen_count++] = c;
		bool is_expanded = step_of(t, s)->is_mapped && t->is_decided[s] &&
				   t->cells[s][0].state != WORKFLOW_EXPANDING &&
				   !(t->count[s] == 1 && workflow_is_final(t->cells[s][0].state));
		counts[s] = is_expanded ? t->count[s] : 0;
		for (uint32_t k = 0; k < t->count[s]; k++) {
			const struct cell *c = &t->cells[s][k];
			if (c->state == WORKFLOW_WAITING || c->state == WORKFLOW_EXPANDING)
				continue;
			if (c->state == WORKFLOW_READY && c->tries == 0)
				continue;
			ret[n++] = (struct workflow_record){
				.place = { s, k },
				/* Ready again after a failure: its back-off is over. */
				.state = c->state == WORKFLOW_READY ? WORKFLOW_BACKOFF : c->state,
				.attempt = c->attempt,
				.tries = c->tries,
				.since_us = c->since_us,
				.until_us = c->state == WORKFLOW_READY ? 0
					    : c->is_due || c->is_asked ? t->now_us
								       : c->until_us,
				.chosen = chosen[s],
				.chosen_count = t->has_chosen[s] ? chosen_count : 0,
			};
		}
	}
	return n;
}

/* A run taken up from the records has the same states. */
static void check_restored(struct game *g)
{
	const struct twin *t = &g->twin;
	struct workflow_record records[STEPS * ITEMS];
	uint32_t counts[STEPS], chosen[STEPS][STEPS];
	struct error err = { .text = "" };
	struct workflow_action act;
	if (t->ending != WORKFLOW_ACTIVE)
		return; /* why a run is ending is the caller's to apply again */
	for (uint32_t s = 0; s < t->n; s++)
		for (uint32_t k = 0; k < t->count[s]; k++)
			/* Numbers used before a clearing are not recorded in steps that wait. */
			if (t->cells[s][k].attempt != t->cells[s][k].tries)
				return;
	size_t n = records_of(t, records, counts, chosen);
	/* A run that was cleared after its end has its whole time again: it began then. */
	int64_t begin_us = t->d->timeout_us ? t->deadline_us - t->d->timeout_us : 0;
	struct workflow_run *run = workflow_run_new(t->g, g->a, 1, begin_us);
	if (workflow_restore(run, records, n, counts, t->now_us, &err) < 0)
		lost(g, err.text);
	(void)workflow_next(run, t->now_us, &act);
	for (uint32_t s = 0; s < t->n; s++) {
		if (workflow_instances(run, s) != t->count[s])
			lost(g, "taken up: another number of instances");
		for (uint32_t k = 0; k < t->count[s]; k++) {
			struct workflow_place p = { s, k };
			if (workflow_state(run, p) != t->cells[s][k].state ||
			    workflow_attempt(run, p) != t->cells[s][k].attempt)
				lost(g, "taken up: another state");
		}
	}
	if (workflow_result(run) != t->result)
		lost(g, "taken up: another result");
}

/* ---- playing ---- */

static void happen(struct game *g, struct workflow_change *c, const char *what)
{
	struct error err = { .text = "" };
	c->now_us = g->twin.now_us;
	g->last = what;
	int code = workflow_apply(g->run, c, &err);
	if (code < 0)
		lost(g, err.text);
	twin_apply(&g->twin, c);
	compare(g, g->run);
	check_invariants(g);
}

/* Performs what the plan asks, most of the time. False: nothing is asked. */
static bool obey(struct game *g, struct rng *r)
{
	struct workflow_action act;
	if (!workflow_next(g->run, g->twin.now_us, &act))
		return false;
	struct workflow_change c = { .place = act.place, .kind = WORKFLOW_STARTED };
	if (act.kind == WORKFLOW_DO_EXPAND) {
		c.kind = WORKFLOW_EXPANDED;
		c.count = (uint32_t)rng_below(r, ITEMS + 1);
	} else if (act.kind == WORKFLOW_DO_STOP) {
		c.kind = WORKFLOW_TOLD;
	} else if (act.kind == WORKFLOW_DO_POKE) {
		c.kind = rng_one_in(r, 2) ? WORKFLOW_TOLD : WORKFLOW_POKED;
	}
	happen(g, &c, "asked for");
	return true;
}

/* Something that is going on ends. False: nothing is. */
static bool end_one(struct game *g, struct rng *r)
{
	struct twin *t = &g->twin;
	uint32_t chosen[STEPS];
	struct workflow_change c = { .kind = WORKFLOW_ENDED, .chosen = chosen };
	uint64_t seen = 0;
	for (uint32_t s = 0; s < t->n; s++)
		for (uint32_t k = 0; k < t->count[s]; k++) {
			const struct cell *cell = &t->cells[s][k];
			bool is_asked = cell->state == WORKFLOW_SENSING && cell->is_asked;
			if ((is_active(cell) || is_asked) && rng_below(r, ++seen) == 0)
				c.place = (struct workflow_place){ s, k };
		}
	if (seen == 0)
		return false;
	uint64_t lot = rng_below(r, 12);
	c.outcome = lot < 6    ? WORKFLOW_GOOD
		    : lot < 10 ? WORKFLOW_BAD
			       : (enum workflow_outcome)(WORKFLOW_BAD_FOR_GOOD + lot - 10);
	if (t->cells[c.place.step][c.place.index].state == WORKFLOW_SENSING && rng_one_in(r, 2))
		c.kind = WORKFLOW_POKED;
	for (uint32_t s = 0; s < t->n; s++)
		if (t->needs[s][c.place.step] && rng_one_in(r, 2))
			chosen[c.chosen_count++] = s;
	happen(g, &c, "ended");
	return true;
}

static void do_rare(struct game *g, struct rng *r)
{
	struct twin *t = &g->twin;
	struct workflow_change c = { .place = { .step = (uint32_t)rng_below(r, t->n) } };
	bool in[STEPS];
	switch (rng_below(r, 8)) {
	case 0:
		c.kind = WORKFLOW_CANCELLED;
		break;
	case 1:
	case 2:
		c.kind = WORKFLOW_POOL_SIZE;
		c.place.step = 0;
		c.count = (uint32_t)rng_below(r, 4);
		break;
	case 3: { /* marked by hand */
		const struct cell *cell = &t->cells[c.place.step][0];
		c.outcome = rng_one_in(r, 2) ? WORKFLOW_GOOD : WORKFLOW_BAD;
		c.kind = WORKFLOW_ENDED;
		if (workflow_is_final(cell->state) || is_active(cell))
			return;
		break;
	}
	default:
		/* What is cleared while it runs is for the scenes: the twin is too dumb. */
		find_cleared(t, c.place.step, in);
		for (size_t s = 0; s < t->n; s++)
			if (in[s] && running(t, s, false) > 0)
				return;
		if (t->ending != WORKFLOW_ACTIVE && t->result == WORKFLOW_ACTIVE)
			return;
		c.kind = WORKFLOW_CLEARED;
	}
	happen(g, &c, "rare");
}

static void play(uint64_t seed)
{
	AUTO_ARENA a = { 0 };
	struct rng r = { seed * 7919 };
	AUTO_STR text;
	str_init(&text, 4096);
	draw_random(&r, &text);
	struct workflow_definition d = drawn(text.data, &a);
	struct workflow_step *steps = (struct workflow_step *)(uintptr_t)d.steps;
	for (size_t i = 0; i < d.steps_count; i++) {
		steps[i].retry.factor = rng_one_in(&r, 2) ? 0 : 2;
		steps[i].retry.delay_max_us = 3 * S;
		if (steps[i].retry.factor == 0)
			steps[i].retry.factor = 1;
	}
	d.active_max = (uint32_t)(rng_one_in(&r, 2) ? 0 : 1 + rng_below(&r, 3));
	d.timeout_us = rng_one_in(&r, 4) ? (int64_t)(3 + rng_below(&r, 20)) * S : 0;
	d.fails_fast = rng_one_in(&r, 5);
	struct game g = { .a = &a, .text = text.data, .seed = seed, .last = "new" };
	twin_init(&g.twin, &d, graph_of(&d, &a));
	g.run = workflow_run_new(g.twin.g, &a, 1, 0);
	compare(&g, g.run);
	for (g.event = 0; g.event < EVENTS; g.event++) {
		uint64_t lot = rng_below(&r, 20);
		if (lot == 0) {
			do_rare(&g, &r);
		} else if (lot < 5 || !(lot < 13 ? obey(&g, &r) : end_one(&g, &r))) {
			g.last = "time";
			g.twin.now_us += (int64_t)rng_below(&r, 3) * S;
			compare(&g, g.run);
		}
		check_restored(&g);
	}
	/* Left alone, obeyed and with pools open, every run ends. */
	struct workflow_change open = { .kind = WORKFLOW_POOL_SIZE, .count = 2 };
	happen(&g, &open, "pool open");
	for (int n = 0; n < 2000 && workflow_result(g.run) == WORKFLOW_ACTIVE; n++)
		if (!obey(&g, &r) && !end_one(&g, &r)) {
			g.twin.now_us += S;
			compare(&g, g.run);
		}
	if (workflow_result(g.run) == WORKFLOW_ACTIVE)
		lost(&g, "it does not end");
}

int main(int argc, char **argv)
{
	uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
	uint64_t runs = argc > 2 ? strtoull(argv[2], NULL, 10) : 2000;
	for (uint64_t seed = first; seed < first + runs; seed++)
		play(seed);
	return 0;
}
