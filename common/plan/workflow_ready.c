/* Which instances wait for what: heaps by time and by rank, queues. */
#include "common/plan/workflow_internal.h"

typedef bool before_fn(const struct workflow_run *r, const struct instance *a,
		       const struct instance *b);

bool ready_before(const struct workflow_run *r, const struct instance *a, const struct instance *b)
{
	const struct node *x = node_of(r, a), *y = node_of(r, b);
	if (x->rank_us != y->rank_us)
		return x->rank_us > y->rank_us;
	if (x->is.priority != y->is.priority)
		return x->is.priority > y->is.priority;
	return a->step != b->step ? a->step < b->step : a->index < b->index;
}

static bool timer_before(const struct workflow_run *r, const struct instance *a,
			 const struct instance *b)
{
	(void)r;
	if (a->timer_us != b->timer_us)
		return a->timer_us < b->timer_us;
	return a->step != b->step ? a->step < b->step : a->index < b->index;
}

static void put(struct workflow_run *r, struct heap *h, uint32_t place, uint32_t i)
{
	h->at[place] = i;
	r->instances[i].heap_at = place;
}

static void sift(struct workflow_run *r, struct heap *h, uint32_t place, before_fn *before)
{
	uint32_t i = h->at[place];
	while (place > 0) {
		uint32_t up = (place - 1) / 2;
		if (!before(r, &r->instances[i], &r->instances[h->at[up]]))
			break;
		put(r, h, place, h->at[up]);
		place = up;
	}
	for (uint32_t down; (down = 2 * place + 1) < h->count; place = down) {
		if (down + 1 < h->count &&
		    before(r, &r->instances[h->at[down + 1]], &r->instances[h->at[down]]))
			down++;
		if (!before(r, &r->instances[h->at[down]], &r->instances[i]))
			break;
		put(r, h, place, h->at[down]);
	}
	put(r, h, place, i);
}

static void heap_add(struct workflow_run *r, struct heap *h, struct instance *i, before_fn *before)
{
	assert(i->heap_at == WORKFLOW_NONE);
	if (h->count == h->size) {
		uint32_t size = h->size ? 2 * h->size : 64;
		uint32_t *at = arena_alloc(r->a, size, sizeof *at);
		if (h->count > 0)
			memcpy(at, h->at, h->count * sizeof *at);
		h->at = at;
		h->size = size;
	}
	h->at[h->count++] = (uint32_t)(i - r->instances);
	sift(r, h, h->count - 1, before);
}

static void heap_drop(struct workflow_run *r, struct heap *h, struct instance *i, before_fn *before)
{
	uint32_t place = i->heap_at;
	assert(place < h->count && &r->instances[h->at[place]] == i);
	i->heap_at = WORKFLOW_NONE;
	uint32_t last = h->at[--h->count];
	if (place == h->count)
		return;
	put(r, h, place, last);
	sift(r, h, place, before);
}

/* ---- timers ---- */

void timer_drop(struct workflow_run *r, struct instance *i)
{
	if (i->state != WORKFLOW_READY && i->heap_at != WORKFLOW_NONE)
		heap_drop(r, &r->timers, i, timer_before);
}

void timer_set(struct workflow_run *r, struct instance *i, int64_t at_us)
{
	timer_drop(r, i);
	i->timer_us = at_us;
	if (at_us != WORKFLOW_NEVER)
		heap_add(r, &r->timers, i, timer_before);
}

struct instance *timer_first(const struct workflow_run *r)
{
	return r->timers.count > 0 ? &r->instances[r->timers.at[0]] : NULL;
}

/* ---- queues ---- */

void queue_push(struct workflow_run *r, struct queue *q, struct instance *i)
{
	uint32_t number = (uint32_t)(i - r->instances);
	assert(!i->in);
	i->in = q;
	i->next = WORKFLOW_NONE;
	i->last = q->last;
	if (q->first == WORKFLOW_NONE)
		q->first = number;
	else
		r->instances[q->last].next = number;
	q->last = number;
}

struct instance *queue_first(const struct workflow_run *r, const struct queue *q)
{
	return q->first == WORKFLOW_NONE ? NULL : &r->instances[q->first];
}

void queue_leave(struct workflow_run *r, struct instance *i)
{
	if (!i->in)
		return;
	if (i->last == WORKFLOW_NONE)
		i->in->first = i->next;
	else
		r->instances[i->last].next = i->next;
	if (i->next == WORKFLOW_NONE)
		i->in->last = i->last;
	else
		r->instances[i->next].last = i->last;
	i->in = NULL;
}

/* ---- ready ---- */

static struct pool_run *pool_of(const struct workflow_run *r, const struct node *n)
{
	return &r->pools[n->pool == WORKFLOW_NONE ? r->g->pools_count : n->pool];
}

static void offer(struct workflow_run *r, struct instance *i)
{
	heap_add(r, &pool_of(r, node_of(r, i))->ready, i, ready_before);
	r->steps[i->step].offered++;
}

static bool is_at_limit(const struct workflow_run *r, uint32_t step)
{
	uint32_t max = r->g->nodes[step].is.active_max;
	const struct step_run *s = &r->steps[step];
	return max > 0 && s->offered + s->active >= max;
}

void ready_add(struct workflow_run *r, struct instance *i)
{
	if (is_at_limit(r, i->step))
		queue_push(r, &r->steps[i->step].parked, i);
	else
		offer(r, i);
}

void ready_offer(struct workflow_run *r, uint32_t step)
{
	struct queue *parked = &r->steps[step].parked;
	while (parked->first != WORKFLOW_NONE && !is_at_limit(r, step)) {
		struct instance *i = queue_first(r, parked);
		queue_leave(r, i);
		offer(r, i);
	}
}

void ready_remove(struct workflow_run *r, struct instance *i)
{
	queue_leave(r, i); /* if it is parked */
	if (i->heap_at == WORKFLOW_NONE)
		return;
	heap_drop(r, &pool_of(r, node_of(r, i))->ready, i, ready_before);
	r->steps[i->step].offered--;
}

struct instance *ready_first(const struct workflow_run *r)
{
	struct instance *best = NULL;
	if (r->g->active_max > 0 && r->active >= r->g->active_max)
		return NULL;
	for (uint32_t p = 0; p <= r->g->pools_count; p++) {
		const struct pool_run *pool = &r->pools[p];
		if (pool->ready.count == 0)
			continue;
		struct instance *i = &r->instances[pool->ready.at[0]];
		uint32_t slots = node_of(r, i)->is.slots;
		if (p < r->g->pools_count && pool->used + (uint64_t)slots > pool->slots)
			continue;
		if (!best || ready_before(r, i, best))
			best = i;
	}
	return best;
}
