#include "apiserver/turn.h"

#define WAKES_MAX 128

struct turns {
	struct loop *loop;
	void (*serve)(struct request *r);
	struct loop_timer *requests, *wakes;
	struct request *first, **last;
	struct turn_wake *wake_first, **wake_last;
};

static struct request *take_first(struct turns *t)
{
	struct request *r = t->first;
	t->first = r->next_turn;
	if (!t->first)
		t->last = &t->first;
	r->next_turn = NULL;
	return r;
}

static bool is_used_up(const struct turns *t)
{
	return loop_turn_us(t->loop) >= TURN_BUDGET_US;
}

static void serve_waiting(void *ctx)
{
	struct turns *t = ctx;
	do /* one at least: else nobody would ever be served on a machine that is that slow */
		t->serve(take_first(t));
	while (t->first && !is_used_up(t));
	if (t->first)
		loop_timer_set(t->requests, 0);
}

void turns_take(struct turns *t, struct request *r)
{
	if (!t->first && !is_used_up(t)) {
		t->serve(r);
		return;
	}
	*t->last = r;
	t->last = &r->next_turn;
	loop_timer_set(t->requests, 0);
}

void turn_wake_fini(struct turns *t, struct turn_wake *w)
{
	if (!w->link)
		return;
	*w->link = w->next;
	if (w->next)
		w->next->link = w->link;
	else
		t->wake_last = w->link;
	*w = (struct turn_wake){ 0 };
}

static void wake_some(void *ctx)
{
	struct turns *t = ctx;
	for (int i = 0; i < WAKES_MAX && t->wake_first; i++) {
		struct turn_wake *w = t->wake_first;
		struct http_exchange *x = w->x;
		turn_wake_fini(t, w);
		http_wake(x);
	}
	if (t->wake_first)
		loop_timer_set(t->wakes, 0);
}

void turns_wake(struct turns *t, struct turn_wake *w, struct http_exchange *x)
{
	if (w->link)
		return;
	*w = (struct turn_wake){ .link = t->wake_last, .x = x };
	*t->wake_last = w;
	t->wake_last = &w->next;
	loop_timer_set(t->wakes, 0);
}

struct turns *turns_new(struct loop *loop, void (*serve)(struct request *r))
{
	struct turns *t = xcalloc(1, sizeof *t);
	*t = (struct turns){ .loop = loop, .serve = serve };
	t->last = &t->first;
	t->wake_last = &t->wake_first;
	t->requests = loop_timer_new(loop, serve_waiting, t);
	t->wakes = loop_timer_new(loop, wake_some, t);
	return t;
}

void turns_free(struct turns *t)
{
	if (!t)
		return;
	while (t->first)
		request_abandon(take_first(t));
	loop_timer_free(t->requests);
	loop_timer_free(t->wakes);
	free(t);
}
