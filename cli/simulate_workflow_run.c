#include "cli/simulate_workflow_run.h"

#include "common/base/rng.h"

#define PLAYED_TIME_MAX (WORKFLOW_TIME_MAX / 2)

struct player {
	const struct workflow_file *f;
	struct workflow_played out;
	struct workflow_run *run;
	uint64_t seed;
	size_t bars_size;
	int64_t now_us;
	/* What is going on: heaps of bars by when they end, of free workers by number. */
	uint32_t *ends, ends_count, ends_size;
	uint32_t *free_workers, free_count;
	/* The bar of each instance that is going on; instances of a step from `places` on. */
	uint32_t *places, *going;
	struct error *err;
};

/* ---- heaps of numbers ---- */

typedef bool less_fn(const struct player *p, uint32_t a, uint32_t b);

static bool ends_before(const struct player *p, uint32_t a, uint32_t b)
{
	int64_t x = p->out.bars[a].to_us, y = p->out.bars[b].to_us;
	return x != y ? x < y : a < b;
}

static bool is_lower(const struct player *p, uint32_t a, uint32_t b)
{
	(void)p;
	return a < b;
}

static void heap_add(const struct player *p, uint32_t *at, uint32_t *count, uint32_t value,
		     less_fn *less)
{
	uint32_t k = (*count)++;
	for (; k > 0 && less(p, value, at[(k - 1) / 2]); k = (k - 1) / 2)
		at[k] = at[(k - 1) / 2];
	at[k] = value;
}

static uint32_t heap_take(const struct player *p, uint32_t *at, uint32_t *count, less_fn *less)
{
	uint32_t first = at[0], moved = at[--*count], k = 0;
	for (uint32_t down; (down = 2 * k + 1) < *count; k = down) {
		down += down + 1 < *count && less(p, at[down + 1], at[down]);
		if (less(p, moved, at[down]))
			break;
		at[k] = at[down];
	}
	at[k] = moved;
	return first;
}

/* ---- fate ---- */

static bool fails(const struct player *p, const struct workflow_bar *b)
{
	const struct workflow_fate *f = &p->f->fates[b->step];
	struct rng lot = { p->seed ^ ((uint64_t)b->step << 42) ^ ((uint64_t)b->index << 20) ^
			   b->attempt };
	(void)rng_next(&lot); /* neighbours in the seed become strangers */
	return b->attempt <= f->fails_first ||
	       (double)(rng_next(&lot) >> 11) / 9007199254740992.0 < f->fails;
}

static const uint32_t *chosen_of(const struct player *p, uint32_t step, uint32_t *ret, size_t n)
{
	for (size_t k = 0; k < n; k++)
		ret[k] = workflow_step_find(p->out.graph, p->f->fates[step].chosen[k]);
	return ret;
}

/* ---- bars ---- */

static int add_bar(struct player *p, struct workflow_place place, uint32_t attempt, uint32_t worker)
{
	if (p->out.bars_count == WORKFLOW_BARS_MAX)
		return error_set(p->err, ERR_LIMIT, "more than %d attempts", WORKFLOW_BARS_MAX);
	if (p->out.bars_count == p->bars_size) {
		p->bars_size = p->bars_size ? 2 * p->bars_size : 64;
		p->out.bars = xrealloc(p->out.bars, p->bars_size, sizeof *p->out.bars);
	}
	p->going[p->places[place.step] + place.index] = (uint32_t)p->out.bars_count;
	p->out.bars[p->out.bars_count++] = (struct workflow_bar){
		.step = place.step,
		.index = place.index,
		.attempt = attempt,
		.worker = worker,
		.from_us = p->now_us,
		.to_us = p->now_us,
		.end = BAR_END_COUNT,
	};
	return 0;
}

static struct workflow_bar *bar_of(const struct player *p, struct workflow_place place)
{
	return &p->out.bars[p->going[p->places[place.step] + place.index]];
}

static int apply(struct player *p, struct workflow_change *c)
{
	c->now_us = p->now_us;
	return workflow_apply(p->run, c, p->err);
}

/* It ends now, one way or the other. */
static int end_bar(struct player *p, struct workflow_bar *b, enum workflow_bar_end end)
{
	static const enum workflow_outcome outcomes[BAR_END_COUNT] = {
		[BAR_GOOD] = WORKFLOW_GOOD,
		[BAR_BAD] = WORKFLOW_BAD,
		[BAR_STOPPED] = WORKFLOW_BAD,
		[BAR_SKIPPED] = WORKFLOW_NOTHING,
	};
	size_t n = p->f->fates[b->step].chosen_count;
	auto_free uint32_t *chosen = xcalloc(n + 1, sizeof *chosen);
	struct workflow_change c = {
		.kind = WORKFLOW_ENDED,
		.place = { b->step, b->index },
		.outcome = outcomes[end],
		.chosen = chosen_of(p, b->step, chosen, n),
		.chosen_count = n,
	};
	b->to_us = p->now_us;
	b->end = end;
	if (b->worker != WORKFLOW_NONE) {
		heap_add(p, p->free_workers, &p->free_count, b->worker, is_lower);
		p->out.work_us += b->to_us - b->from_us;
	}
	return apply(p, &c);
}

static void let_end(struct player *p, struct workflow_bar *b)
{
	if (p->ends_count == p->ends_size) {
		p->ends_size = p->ends_size ? 2 * p->ends_size : 64;
		p->ends = xrealloc(p->ends, p->ends_size, sizeof *p->ends);
	}
	heap_add(p, p->ends, &p->ends_count, (uint32_t)(b - p->out.bars), ends_before);
}

/* ---- what the plan asks ---- */

static int do_start(struct player *p, const struct workflow_action *act)
{
	const struct workflow_fate *f = &p->f->fates[act->place.step];
	struct workflow_change c = { .kind = WORKFLOW_STARTED, .place = act->place };
	assert(p->free_count > 0);
	uint32_t worker = heap_take(p, p->free_workers, &p->free_count, is_lower);
	if (add_bar(p, act->place, act->attempt, worker) < 0)
		return p->err->code;
	struct workflow_bar *b = bar_of(p, act->place);
	b->to_us = p->now_us + f->time_us;
	b->end = f->skips ? BAR_SKIPPED : fails(p, b) ? BAR_BAD : BAR_GOOD;
	let_end(p, b);
	return apply(p, &c);
}

static int do_poke(struct player *p, const struct workflow_action *act)
{
	struct workflow_change c = { .kind = WORKFLOW_POKED, .place = act->place };
	uint32_t bar = p->going[p->places[act->place.step] + act->place.index];
	bool is_new = bar == WORKFLOW_NONE || p->out.bars[bar].attempt != act->attempt;
	if (is_new && add_bar(p, act->place, act->attempt, WORKFLOW_NONE) < 0)
		return p->err->code;
	struct workflow_bar *b = bar_of(p, act->place);
	if (p->now_us - b->from_us >= p->f->fates[b->step].time_us)
		return end_bar(p, b, fails(p, b) ? BAR_BAD : BAR_GOOD);
	return apply(p, &c);
}

static int do_stop(struct player *p, const struct workflow_action *act)
{
	/* Its end in the heap is forgotten: when it comes up the bar is over. */
	struct workflow_change c = { .kind = WORKFLOW_TOLD, .place = act->place };
	return apply(p, &c) < 0 ? p->err->code : end_bar(p, bar_of(p, act->place), BAR_STOPPED);
}

static int perform(struct player *p, const struct workflow_action *act)
{
	struct workflow_change c = { .kind = WORKFLOW_EXPANDED, .place = act->place };
	switch (act->kind) {
	case WORKFLOW_DO_START:
		return do_start(p, act);
	case WORKFLOW_DO_POKE:
		return do_poke(p, act);
	case WORKFLOW_DO_STOP:
		return do_stop(p, act);
	case WORKFLOW_DO_EXPAND:
		c.count = p->f->fates[act->place.step].items;
		return apply(p, &c);
	case WORKFLOW_DO_WAIT:
	case WORKFLOW_DO_END:
	case WORKFLOW_DO_COUNT:
		break;
	}
	assert(false);
	return 0;
}

/* ---- from event to event ---- */

static bool is_going(const struct player *p, uint32_t bar)
{
	const struct workflow_bar *b = &p->out.bars[bar];
	enum workflow_state s =
		workflow_state(p->run, (struct workflow_place){ b->step, b->index });
	return s == WORKFLOW_RUNNING && p->going[p->places[b->step] + b->index] == bar;
}

static int end_those_due(struct player *p)
{
	while (p->ends_count > 0 && p->out.bars[p->ends[0]].to_us <= p->now_us) {
		uint32_t bar = heap_take(p, p->ends, &p->ends_count, ends_before);
		if (is_going(p, bar) && end_bar(p, &p->out.bars[bar], p->out.bars[bar].end) < 0)
			return p->err->code;
	}
	return 0;
}

/* Sensors that were given up on: nothing told when. Their own time was up, or the run's. */
static void close_sensors(struct player *p, int64_t end_us)
{
	const struct workflow_definition *d = &p->f->definition;
	for (size_t k = 0; k < p->out.bars_count; k++) {
		struct workflow_bar *b = &p->out.bars[k];
		int64_t timeout_us = d->steps[b->step].timeout_us;
		if (b->worker != WORKFLOW_NONE || b->end != BAR_END_COUNT)
			continue;
		enum workflow_state s =
			workflow_state(p->run, (struct workflow_place){ b->step, b->index });
		b->end = s == WORKFLOW_SKIPPED ? BAR_SKIPPED : BAR_STOPPED;
		b->to_us = end_us;
		if (timeout_us > 0)
			b->to_us = MIN(b->to_us, b->from_us + timeout_us);
		if (d->timeout_us > 0)
			b->to_us = MIN(b->to_us, MAX(b->from_us, d->timeout_us));
	}
}

static int play(struct player *p)
{
	for (;;) {
		struct workflow_action act;
		if (end_those_due(p) < 0)
			return p->err->code;
		while (workflow_next(p->run, p->now_us, &act))
			if (perform(p, &act) < 0)
				return p->err->code;
		if (act.kind == WORKFLOW_DO_END)
			return 0;
		int64_t next_us =
			p->ends_count > 0 ? p->out.bars[p->ends[0]].to_us : WORKFLOW_NEVER;
		next_us = MIN(next_us, act.wake_us);
		if (next_us > PLAYED_TIME_MAX)
			return error_set(p->err, ERR_LIMIT, "the workflow takes over 36,000 years");
		p->now_us = MAX(p->now_us, next_us);
	}
}

/* Where the instances of each step have their place: a mapped one has as many as its list. */
static void make_places(struct player *p, struct arena *a)
{
	const struct workflow_definition *d = &p->f->definition;
	uint32_t count = 0;
	p->places = arena_alloc(a, d->steps_count, sizeof *p->places);
	for (size_t s = 0; s < d->steps_count; s++) {
		p->places[s] = count;
		count += d->steps[s].is_mapped ? MAX(p->f->fates[s].items, 1) : 1;
	}
	p->going = arena_alloc(a, count, sizeof *p->going);
	for (uint32_t k = 0; k < count; k++)
		p->going[k] = WORKFLOW_NONE;
}

static int check_items(const struct workflow_file *f, struct error *err)
{
	uint64_t count = 0;
	for (size_t s = 0; s < f->definition.steps_count; s++)
		count += f->definition.steps[s].is_mapped ? f->fates[s].items : 1;
	if (count > WORKFLOW_INSTANCES_MAX)
		return error_set(err, ERR_LIMIT, "more than %d steps, lists counted",
				 WORKFLOW_INSTANCES_MAX);
	return 0;
}

int workflow_play(const struct workflow_file *f, const struct workflow_graph *g, uint32_t workers,
		  uint64_t seed, struct arena *a, struct workflow_played *ret, struct error *err)
{
	struct player p = { .f = f, .seed = seed, .err = err };
	if (check_items(f, err) < 0)
		return err->code;
	p.out.graph = g;
	p.out.run = p.run = workflow_run_new(g, a, seed, 0);
	make_places(&p, a);
	p.free_workers = arena_alloc(a, workers, sizeof *p.free_workers);
	for (uint32_t w = 0; w < workers; w++)
		p.free_workers[p.free_count++] = w;
	int code = play(&p);
	free(p.ends);
	if (code < 0) {
		free(p.out.bars);
		return code;
	}
	close_sensors(&p, p.now_us);
	for (size_t k = 0; k < p.out.bars_count; k++)
		p.out.makespan_us = MAX(p.out.makespan_us, p.out.bars[k].to_us);
	p.out.result = workflow_result(p.run);
	*ret = p.out;
	return 0;
}
