/* The simulated loop: a heap of timers, and time that jumps from one to the next. */
#include "common/io/loop_sim.h"
#include "common/base/rng.h"
#include "common/io/loop_internal.h"

#include <stdio.h>

struct sim_timer {
	struct loop_timer base;
	void (*fire)(void *ctx);
	void *ctx;
	int64_t due_ms;
	uint64_t tie; /* drawn from the seed: the order among equals */
	size_t at;    /* 1 + place in the heap; 0: not set */
	bool is_freed, is_firing;
};

struct sim_wake {
	struct loop_wake base;
	struct loop_timer *timer;
};

struct sim_work {
	struct loop_timer *timer;
	void (*work)(void *ctx);
	void (*done)(void *ctx);
	void *ctx;
};

struct sim_loop {
	struct loop base;
	struct rng rng;
	int64_t now_ms, wall_start_us;
	struct sim_timer **heap;
	size_t count, size;
	bool is_stopped;
	int64_t pace_us, turn_us;
};

static struct sim_loop *sim_of(const struct loop *loop)
{
	return CONTAINER_OF(loop, struct sim_loop, base);
}

static struct sim_timer *timer_of(const struct loop_timer *t)
{
	return CONTAINER_OF(t, struct sim_timer, base);
}

static bool before(const struct sim_timer *a, const struct sim_timer *b)
{
	return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->tie < b->tie;
}

static void place(struct sim_loop *l, size_t i, struct sim_timer *t)
{
	l->heap[i] = t;
	t->at = i + 1;
}

static void sift(struct sim_loop *l, size_t i)
{
	struct sim_timer *t = l->heap[i];
	for (; i > 0 && before(t, l->heap[(i - 1) / 2]); i = (i - 1) / 2)
		place(l, i, l->heap[(i - 1) / 2]);
	for (;;) {
		size_t child = 2 * i + 1;
		if (child + 1 < l->count && before(l->heap[child + 1], l->heap[child]))
			child++;
		if (child >= l->count || !before(l->heap[child], t))
			break;
		place(l, i, l->heap[child]);
		i = child;
	}
	place(l, i, t);
}

static void timer_stop(struct loop_timer *base)
{
	struct sim_timer *t = timer_of(base);
	struct sim_loop *l = sim_of(base->loop);
	if (!t->at)
		return;
	size_t i = t->at - 1;
	t->at = 0;
	struct sim_timer *last = l->heap[--l->count];
	if (last == t)
		return;
	place(l, i, last);
	sift(l, i);
}

static struct loop_timer *timer_new(struct loop *loop, void (*fire)(void *ctx), void *ctx)
{
	struct sim_timer *t = xcalloc(1, sizeof *t);
	*t = (struct sim_timer){ .base = { loop }, .fire = fire, .ctx = ctx };
	return &t->base;
}

static void timer_set(struct loop_timer *base, int64_t delay_ms)
{
	struct sim_timer *t = timer_of(base);
	struct sim_loop *l = sim_of(base->loop);
	timer_stop(base);
	t->due_ms = l->now_ms + delay_ms;
	t->tie = rng_next(&l->rng);
	if (l->count == l->size) {
		l->size = l->size ? l->size * 2 : 64;
		l->heap = xrealloc(l->heap, l->size, sizeof *l->heap);
	}
	place(l, l->count++, t);
	sift(l, t->at - 1);
}

static bool timer_is_set(const struct loop_timer *base)
{
	return timer_of(base)->at != 0;
}

static void timer_free(struct loop_timer *base)
{
	struct sim_timer *t = timer_of(base);
	timer_stop(base);
	if (t->is_firing)
		t->is_freed = true;
	else
		free(t);
}

static struct loop_fd *no_fd(struct loop *loop, int fd, void (*ready)(void *ctx, unsigned events),
			     void *ctx)
{
	(void)loop, (void)fd, (void)ready, (void)ctx;
	fprintf(stderr, "loop_sim: no descriptors in simulation\n");
	abort();
}

static void wake_post(struct loop_wake *base)
{
	struct sim_wake *w = CONTAINER_OF(base, struct sim_wake, base);
	if (!loop_timer_is_set(w->timer))
		loop_timer_set(w->timer, 0);
}

static struct loop_wake *wake_new(struct loop *loop, void (*woken)(void *ctx), void *ctx)
{
	struct sim_wake *w = xcalloc(1, sizeof *w);
	*w = (struct sim_wake){ .base = { loop }, .timer = timer_new(loop, woken, ctx) };
	return &w->base;
}

static void wake_free(struct loop_wake *base)
{
	struct sim_wake *w = CONTAINER_OF(base, struct sim_wake, base);
	loop_timer_free(w->timer);
	free(w);
}

static void work_runs(void *ctx)
{
	struct sim_work *w = ctx;
	w->work(w->ctx);
	w->done(w->ctx);
	loop_timer_free(w->timer);
	free(w);
}

static void offload(struct loop *loop, void (*work)(void *ctx), void (*done)(void *ctx), void *ctx)
{
	struct sim_work *w = xcalloc(1, sizeof *w);
	*w = (struct sim_work){ .work = work, .done = done, .ctx = ctx };
	w->timer = timer_new(loop, work_runs, w);
	timer_set(w->timer, (int64_t)rng_below(&sim_of(loop)->rng, 3));
}

bool loop_sim_step(struct loop *loop)
{
	struct sim_loop *l = sim_of(loop);
	if (l->count == 0)
		return false;
	struct sim_timer *t = l->heap[0];
	timer_stop(&t->base);
	l->now_ms = MAX(l->now_ms, t->due_ms);
	l->turn_us = 0;
	t->is_firing = true;
	t->fire(t->ctx);
	t->is_firing = false;
	if (t->is_freed)
		free(t);
	return true;
}

bool loop_sim_run_until(struct loop *loop, int64_t until_ms)
{
	struct sim_loop *l = sim_of(loop);
	l->is_stopped = false;
	while (!l->is_stopped && l->count > 0 && l->heap[0]->due_ms <= until_ms)
		loop_sim_step(loop);
	if (!l->is_stopped)
		l->now_ms = MAX(l->now_ms, until_ms);
	return !l->is_stopped;
}

static void run(struct loop *loop)
{
	struct sim_loop *l = sim_of(loop);
	l->is_stopped = false;
	while (!l->is_stopped && loop_sim_step(loop))
		;
}

static void stop(struct loop *loop)
{
	sim_of(loop)->is_stopped = true;
}

static int64_t now_ms(const struct loop *loop)
{
	return sim_of(loop)->now_ms;
}

static int64_t wall_us(const struct loop *loop)
{
	const struct sim_loop *l = sim_of(loop);
	return l->wall_start_us + l->now_ms * 1000;
}

static int64_t turn(const struct loop *loop)
{
	struct sim_loop *l = sim_of(loop);
	return l->turn_us += l->pace_us;
}

void loop_sim_set_pace(struct loop *loop, int64_t us)
{
	sim_of(loop)->pace_us = us;
}

static int64_t no_turns(struct loop *loop)
{
	(void)loop;
	return 0;
}

static void sim_free(struct loop *loop)
{
	struct sim_loop *l = sim_of(loop);
	free(l->heap);
	free(l);
}

/* Signals do not exist here: a handle that never fires. */
static struct loop_signal *signal_new(struct loop *loop, int signum, void (*caught)(void *ctx),
				      void *ctx)
{
	(void)signum, (void)caught, (void)ctx;
	struct loop_signal *s = xcalloc(1, sizeof *s);
	s->loop = loop;
	return s;
}

static void signal_free(struct loop_signal *s)
{
	free(s);
}

static const struct loop_ops sim_ops = {
	.free = sim_free,
	.run = run,
	.stop = stop,
	.now_ms = now_ms,
	.wall_us = wall_us,
	.longest_turn_us = no_turns,
	.longest_turn_cpu_us = no_turns,
	.turn_us = turn,
	.timer_new = timer_new,
	.timer_set = timer_set,
	.timer_stop = timer_stop,
	.timer_is_set = timer_is_set,
	.timer_free = timer_free,
	.fd_new = no_fd,
	.wake_new = wake_new,
	.wake_post = wake_post,
	.wake_free = wake_free,
	.signal_new = signal_new,
	.signal_free = signal_free,
	.offload = offload,
};

struct loop *loop_sim_new(uint64_t seed, int64_t wall_us_start)
{
	struct sim_loop *l = xcalloc(1, sizeof *l);
	*l = (struct sim_loop){ .base = { &sim_ops },
				.rng = { seed },
				.wall_start_us = wall_us_start };
	return &l->base;
}
