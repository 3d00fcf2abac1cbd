/* Waiting until the hub is complete up to a revision. */
#include "apiserver/hub_internal.h"

#define TURN_US     2000
#define PUT_OFF_MAX 32 /* turns */

struct hub_waiter {
	struct hub *hub;
	struct hub_waiter *next, **link;
	uint64_t revision;
	bool is_probing;
	unsigned put_off;
	struct error err; /* code 0: reached */
	struct loop_timer *timer;
	hub_reached *reached;
	void *ctx;
};

static void waiter_fires(void *ctx)
{
	struct hub_waiter *w = ctx;
	/* Many may wait for one probe: a turn that is long already leaves some to the next ones. */
	if (loop_turn_us(w->hub->loop) > TURN_US && w->put_off++ < PUT_OFF_MAX) {
		loop_timer_set(w->timer, 0);
		return;
	}
	bool timed_out = w->err.code == 0 && (w->is_probing || w->revision > w->hub->revision);
	if (timed_out)
		error_set(&w->err, ERR_LIMIT, "the cache is at revision %llu, not yet at %llu",
			  (unsigned long long)w->hub->revision, (unsigned long long)w->revision);
	if (w->is_probing && timed_out) {
		/* The probe's answer still comes and finds nobody to tell. */
		w->reached(w->ctx, &w->err);
		w->reached = NULL;
		return;
	}
	if (w->link) {
		*w->link = w->next;
		if (w->next)
			w->next->link = w->link;
	}
	if (w->reached)
		w->reached(w->ctx, w->err.code ? &w->err : NULL);
	loop_timer_free(w->timer);
	free(w);
}

void hub_wake_waiters(struct hub *h)
{
	for (struct hub_waiter *w = h->waiters; w; w = w->next)
		if (!w->is_probing && w->revision <= h->revision)
			loop_timer_set(w->timer, 0);
}

static struct hub_waiter *waiter_new(struct hub *h, int64_t timeout_ms, hub_reached *reached,
				     void *ctx)
{
	struct hub_waiter *w = xcalloc(1, sizeof *w);
	*w = (struct hub_waiter){ .hub = h, .reached = reached, .ctx = ctx };
	w->timer = loop_timer_new(h->loop, waiter_fires, w);
	loop_timer_set(w->timer, timeout_ms);
	w->next = h->waiters;
	w->link = &h->waiters;
	if (w->next)
		w->next->link = &w->next;
	h->waiters = w;
	return w;
}

void hub_when(struct hub *h, uint64_t revision, int64_t timeout_ms, hub_reached *reached, void *ctx)
{
	bool there = h->is_loaded && revision <= h->revision;
	struct hub_waiter *w = waiter_new(h, there ? 0 : timeout_ms, reached, ctx);
	w->revision = revision;
}

static void probed(void *ctx, uint64_t revision, const struct error *err)
{
	struct hub_waiter *w = ctx;
	w->is_probing = false;
	w->revision = revision;
	if (err)
		w->err = *err;
	if (err || !w->reached || (w->hub->is_loaded && revision <= w->hub->revision))
		loop_timer_set(w->timer, 0);
}

void hub_when_fresh(struct hub *h, hub_reached *reached, void *ctx)
{
	struct hub_waiter *w = waiter_new(h, HUB_WAIT_MAX_MS, reached, ctx);
	w->is_probing = true;
	store_probe(h->store, probed, w);
}

void hub_waiters_free(struct hub *h)
{
	while (h->waiters) {
		struct hub_waiter *w = h->waiters;
		h->waiters = w->next;
		loop_timer_free(w->timer);
		free(w);
	}
}

size_t hub_waiting(const struct hub *h)
{
	size_t n = 0;
	for (const struct hub_waiter *w = h->waiters; w; w = w->next)
		n++;
	return n;
}
