/*
 * Waiting until the hub is complete up to a revision. Every linearizable read waits, so a waiter costs
 * no timer of its own and, as a rule, no allocation: one timer tells those that are due, in order, one
 * finds those that have waited too long.
 */
#include "apiserver/hub_internal.h"

#define TURN_US   2000
#define TURN_MIN  8   /* told in every turn, however long it is already */
#define SPARE_MAX 256 /* waiters kept for those to come */

struct hub_waiter {
	struct hub *hub;
	struct hub_waiter *next, **link; /* of all */
	struct hub_waiter *next_due;     /* or the next spare one */
	uint64_t revision;
	int64_t deadline_ms;
	bool is_probing, is_due;
	struct error err; /* code 0: reached */
	hub_reached *reached;
	void *ctx;
};

/* ---- life ---- */

static struct hub_waiter *waiter_new(struct hub *h, int64_t timeout_ms, hub_reached *reached,
				     void *ctx)
{
	struct hub_waits *all = &h->waits;
	struct hub_waiter *w = all->spare;
	if (w) {
		all->spare = w->next_due;
		all->spare_count--;
	} else {
		w = xcalloc(1, sizeof *w);
	}
	w->hub = h;
	w->next_due = NULL;
	w->revision = 0;
	w->deadline_ms = loop_now_ms(h->loop) + timeout_ms;
	w->is_probing = w->is_due = false;
	w->err.code = 0;
	w->reached = reached;
	w->ctx = ctx;
	w->next = all->first;
	w->link = &all->first;
	if (w->next)
		w->next->link = &w->next;
	all->first = w;
	if (!loop_timer_is_set(all->late) || w->deadline_ms < all->late_ms) {
		all->late_ms = w->deadline_ms;
		loop_timer_set(all->late, MAX(timeout_ms, 1));
	}
	return w;
}

/* Out of the list, and told. */
static void finish(struct hub_waiter *w)
{
	struct hub_waits *all = &w->hub->waits;
	hub_reached *reached = w->reached;
	void *ctx = w->ctx;
	struct error err;
	bool failed = w->err.code != 0;
	if (failed)
		err = w->err;
	*w->link = w->next;
	if (w->next)
		w->next->link = w->link;
	if (all->spare_count < SPARE_MAX) {
		w->next_due = all->spare;
		all->spare = w;
		all->spare_count++;
	} else {
		free(w);
	}
	if (reached)
		reached(ctx, failed ? &err : NULL);
}

/* ---- those that are due ---- */

static void make_due(struct hub_waiter *w)
{
	struct hub_waits *all = &w->hub->waits;
	if (w->is_due)
		return;
	w->is_due = true;
	if (!all->due)
		loop_timer_set(all->now, 0);
	*all->due_end = w;
	all->due_end = &w->next_due;
}

/* Many may wait for one probe: a turn that is long already leaves some to the next ones. */
static void tell_due(void *hub)
{
	struct hub *h = hub;
	struct hub_waits *all = &h->waits;
	for (unsigned n = 1; all->due; n++) {
		struct hub_waiter *w = all->due;
		all->due = w->next_due;
		if (!all->due)
			all->due_end = &all->due;
		finish(w);
		if (n % TURN_MIN == 0 && all->due && loop_turn_us(h->loop) > TURN_US) {
			loop_timer_set(all->now, 0);
			return;
		}
	}
	loop_timer_stop(all->now);
}

void hub_wake_waiters(struct hub *h)
{
	for (struct hub_waiter *w = h->waits.first; w; w = w->next)
		if (!w->is_probing && w->revision <= h->revision)
			make_due(w);
}

/* ---- those that have waited too long ---- */

static void give_up(struct hub_waiter *w)
{
	if (w->err.code == 0)
		error_set(&w->err, ERR_LIMIT, "the cache is at revision %llu, not yet at %llu",
			  (unsigned long long)w->hub->revision, (unsigned long long)w->revision);
	if (!w->is_probing) {
		make_due(w);
		return;
	}
	/* The probe's answer still comes and finds nobody to tell. */
	hub_reached *reached = w->reached;
	w->reached = NULL;
	w->deadline_ms = INT64_MAX;
	reached(w->ctx, &w->err);
}

static void find_late(void *hub)
{
	struct hub *h = hub;
	struct hub_waits *all = &h->waits;
	int64_t now_ms = loop_now_ms(h->loop), next_ms = INT64_MAX;
	for (struct hub_waiter *w = all->first, *next; w; w = next) {
		next = w->next;
		if (!w->is_due && w->reached && w->deadline_ms <= now_ms)
			give_up(w);
		else if (!w->is_due && w->reached)
			next_ms = MIN(next_ms, w->deadline_ms);
	}
	if (next_ms == INT64_MAX || (loop_timer_is_set(all->late) && all->late_ms <= next_ms))
		return;
	all->late_ms = next_ms;
	loop_timer_set(all->late, MAX(next_ms - now_ms, 1));
}

/* ---- waiting ---- */

void hub_when(struct hub *h, uint64_t revision, int64_t timeout_ms, hub_reached *reached, void *ctx)
{
	struct hub_waiter *w = waiter_new(h, timeout_ms, reached, ctx);
	w->revision = revision;
	if (h->is_loaded && revision <= h->revision)
		make_due(w);
}

/* ---- what is fresh ---- */

/* Those of one turn share a probe, which is sent when the turn is over: after they all came. */
struct hub_probe {
	struct hub *hub;
	struct hub_probe *next;
	struct hub_waiter *first;
};

static void forget_probe(struct hub_probe *p)
{
	struct hub_probe **link = &p->hub->waits.probes;
	while (*link != p)
		link = &(*link)->next;
	*link = p->next;
	free(p);
}

static void probed(void *ctx, uint64_t revision, const struct error *err)
{
	struct hub_probe *p = ctx;
	struct hub *h = p->hub;
	for (struct hub_waiter *w = p->first, *next; w; w = next) {
		next = w->next_due;
		w->next_due = NULL;
		w->is_probing = false;
		w->revision = revision;
		if (err)
			w->err = *err;
		if (err || !w->reached || (h->is_loaded && revision <= h->revision))
			make_due(w);
	}
	forget_probe(p);
	tell_due(h); /* a later turn than theirs already */
}

static void ask_now(void *hub)
{
	struct hub *h = hub;
	struct hub_waits *all = &h->waits;
	struct hub_probe *p = xcalloc(1, sizeof *p);
	*p = (struct hub_probe){ .hub = h, .next = all->probes, .first = TAKE(all->asking) };
	all->asking_end = &all->asking;
	all->probes = p;
	store_probe(h->store, probed, p);
}

void hub_when_fresh(struct hub *h, hub_reached *reached, void *ctx)
{
	struct hub_waits *all = &h->waits;
	struct hub_waiter *w = waiter_new(h, HUB_WAIT_MAX_MS, reached, ctx);
	w->is_probing = true;
	if (!all->asking)
		loop_timer_set(all->ask, 0);
	*all->asking_end = w;
	all->asking_end = &w->next_due;
}

void hub_waits_init(struct hub *h)
{
	struct hub_waits *all = &h->waits;
	all->due_end = &all->due;
	all->asking_end = &all->asking;
	all->ask = loop_timer_new(h->loop, ask_now, h);
	all->now = loop_timer_new(h->loop, tell_due, h);
	all->late = loop_timer_new(h->loop, find_late, h);
}

void hub_waits_fini(struct hub *h)
{
	struct hub_waits *all = &h->waits;
	while (all->first) {
		struct hub_waiter *w = all->first;
		all->first = w->next;
		free(w);
	}
	while (all->spare) {
		struct hub_waiter *w = all->spare;
		all->spare = w->next_due;
		free(w);
	}
	while (all->probes)
		forget_probe(all->probes);
	loop_timer_free(all->ask);
	loop_timer_free(all->now);
	loop_timer_free(all->late);
}

size_t hub_waiting(const struct hub *h)
{
	size_t n = 0;
	for (const struct hub_waiter *w = h->waits.first; w; w = w->next)
		n++;
	return n;
}
