/*
 * EASY backfill (D. A. Lifka, The ANL/IBM SP scheduling system, 1995): the first waiting job has a
 * reservation at the earliest time when it fits, by the estimates of what runs. Another job may start
 * now if it ends by then, or if it fits beside the first from then on. So the first is never delayed
 * by a job that keeps its estimate. One that outruns its estimate is taken to end at once, always
 * anew. Gangs that would still run at the reservation do not pass.
 */
#include "common/plan/queue_internal.h"

static int64_t finish_of(const struct queue *q, uint32_t job, int64_t now_us)
{
	const struct queue_slot *s = &q->slots[job];
	return MAX(now_us, s->since_us + s->estimate_us - s->attained_us);
}

static int64_t *spare_at(const struct queue *q, uint32_t place)
{
	return &q->spare[(size_t)place * q->limits.resources];
}

static bool covers(const struct queue *q, const int64_t *have, const int64_t *need)
{
	for (uint32_t r = 0; r < q->limits.resources; r++)
		if (have[r] < need[r])
			return false;
	return true;
}

static int64_t members_in(const struct queue *q, const struct queue_shape *s, uint32_t place)
{
	const int64_t *have = spare_at(q, place);
	int64_t n = s->members;
	if ((s->pin != QUEUE_NONE && s->pin != place) || !covers(q, have, s->need))
		return 0;
	for (uint32_t r = 0; r < q->limits.resources; r++)
		if (s->need[r] > 0)
			n = MIN(n, MAX(0, have[r]) / s->need[r]);
	return n;
}

/* ---- who ends when: a heap of the running jobs, the first to end on top ---- */

static bool ends_before(const struct queue *q, uint32_t a, uint32_t b, int64_t now_us)
{
	int64_t x = finish_of(q, a, now_us), y = finish_of(q, b, now_us);
	return x != y ? x < y : q->slots[a].id < q->slots[b].id;
}

static void sink(struct queue *q, uint32_t at, uint32_t n, int64_t now_us)
{
	uint32_t job = q->scratch[at];
	for (uint32_t child; (child = 2 * at + 1) < n; at = child) {
		if (child + 1 < n &&
		    ends_before(q, q->scratch[child + 1], q->scratch[child], now_us))
			child++;
		if (!ends_before(q, q->scratch[child], job, now_us))
			break;
		q->scratch[at] = q->scratch[child];
	}
	q->scratch[at] = job;
}

static uint32_t pop(struct queue *q, uint32_t *n, int64_t now_us)
{
	uint32_t job = q->scratch[0];
	q->scratch[0] = q->scratch[--*n];
	if (*n > 0)
		sink(q, 0, *n, now_us);
	return job;
}

/* ---- the reservation ---- */

static int64_t release_at(struct queue *q, const struct queue_shape *first, uint32_t place,
			  const struct queue_shape *ending, int64_t members)
{
	int64_t before = members_in(q, first, place);
	for (uint32_t r = 0; r < q->limits.resources; r++)
		spare_at(q, place)[r] += ending->need[r] * members;
	return members_in(q, first, place) - before;
}

/* One that runs has ended; how many more members of the first fit. */
static int64_t release(struct queue *q, const struct queue_shape *first, uint32_t job)
{
	const struct queue_slot *s = &q->slots[job];
	const struct queue_shape *ending = &q->shapes[s->shape];
	int64_t more = 0;
	if (ending->members == 1)
		return release_at(q, first, s->place, ending, 1);
	for (uint32_t at = s->place; at != QUEUE_NONE; at = q->parts[at].next)
		more += release_at(q, first, q->parts[at].place, ending, q->parts[at].members);
	return more;
}

/* When `first` fits, INT64_MAX if never; `spare` is then what is left beside it. */
static int64_t reserve(struct queue *q, const struct queue_shape *first, int64_t now_us)
{
	uint32_t n = q->running_count;
	int64_t fitting = 0, start = INT64_MAX;
	memcpy(q->spare, q->free,
	       (size_t)q->limits.places_max * q->limits.resources * sizeof *q->spare);
	memcpy(q->scratch, q->running, n * sizeof *q->scratch);
	for (uint32_t i = n / 2; i-- > 0;)
		sink(q, i, n, now_us);
	for (uint32_t i = 0; i < q->limits.places_max; i++)
		fitting += members_in(q, first, i);
	while (n > 0 &&
	       (fitting < first->members || finish_of(q, q->scratch[0], now_us) == start)) {
		uint32_t job = pop(q, &n, now_us);
		fitting += release(q, first, job);
		if (start == INT64_MAX && fitting >= first->members)
			start = finish_of(q, job, now_us);
	}
	int64_t left = first->members;
	for (uint32_t i = 0; start != INT64_MAX && left > 0 && i < q->limits.places_max; i++) {
		int64_t members = MIN(left, members_in(q, first, i));
		for (uint32_t r = 0; r < q->limits.resources; r++)
			spare_at(q, i)[r] -= first->need[r] * members;
		left -= members;
	}
	return start;
}

/* ---- the others, in the policy's order ---- */

/* An entry of the frontier: a node of the tree of shapes (NODE), or a job. Both stand for the first
 * job of what is below them. */
#define NODE (1u << 31)

static uint32_t first_of(const struct queue *q, uint32_t entry)
{
	return entry & NODE ? q->shapes[q->winners[entry & ~NODE]].root : entry;
}

static bool entry_before(const struct queue *q, uint32_t a, uint32_t b)
{
	return queue_before(q, first_of(q, a), first_of(q, b));
}

static void push(struct queue *q, uint32_t *n, uint32_t entry)
{
	uint32_t at = *n;
	if (entry == QUEUE_NONE || *n == QUEUE_FRONTIER_MAX)
		return;
	(*n)++;
	for (; at > 0 && entry_before(q, entry, q->frontier[(at - 1) / 2]); at = (at - 1) / 2)
		q->frontier[at] = q->frontier[(at - 1) / 2];
	q->frontier[at] = entry;
}

static uint32_t take_entry(struct queue *q, uint32_t *n)
{
	uint32_t entry = q->frontier[0], moved = q->frontier[--*n], at = 0;
	for (uint32_t child; (child = 2 * at + 1) < *n; at = child) {
		if (child + 1 < *n && entry_before(q, q->frontier[child + 1], q->frontier[child]))
			child++;
		if (!entry_before(q, q->frontier[child], moved))
			break;
		q->frontier[at] = q->frontier[child];
	}
	q->frontier[at] = moved;
	return entry;
}

/* Nodes whose shapes take no part, or need more than is free in all, are left out. */
static void push_node(struct queue *q, uint32_t *n, uint32_t node)
{
	if (q->winners[node] == QUEUE_NONE)
		return;
	const int64_t *need = &q->least_need[(size_t)node * q->limits.resources];
	if (covers(q, q->total_free, need))
		push(q, n, node | NODE);
}

/* The place of a long job: room now and beside the first. */
static uint32_t place_beside(const struct queue *q, const struct queue_shape *s)
{
	if (s->members > 1)
		return QUEUE_NONE;
	uint32_t at = 0;
	while ((at = queue_place_find(q, s, at)) != QUEUE_NONE &&
	       !covers(q, spare_at(q, at), s->need))
		at++;
	return at;
}

enum verdict { STARTS, TOO_LONG, NO_ROOM };

static enum verdict try_job(struct queue *q, uint32_t job, int64_t now_us, int64_t start_us)
{
	struct queue_slot *slot = &q->slots[job];
	const struct queue_shape *s = &q->shapes[slot->shape];
	int64_t left = MAX(0, slot->estimate_us - slot->attained_us);
	if (!queue_fits(q, s))
		return NO_ROOM;
	if (slot->state == QUEUE_FROZEN)
		left += q->settings.switch_us;
	if (now_us + left <= start_us)
		return queue_take(q, job) ? STARTS : NO_ROOM;
	uint32_t place = place_beside(q, s);
	if (place == QUEUE_NONE)
		return TOO_LONG;
	slot->place = place;
	queue_shift(q, job, -1, true);
	return STARTS;
}

size_t queue_backfill(struct queue *q, uint32_t first, int64_t now_us, struct queue_action *ret)
{
	uint32_t depth = q->settings.backfill_depth ? q->settings.backfill_depth : QUEUE_DEPTH,
		 n = 0;
	int64_t start = reserve(q, &q->shapes[q->slots[first].shape], now_us);
	q->first_start_us = start;
	if (start == INT64_MAX)
		return 0;
	push_node(q, &n, 1);
	while (n > 0 && depth > 0) {
		uint32_t entry = take_entry(q, &n);
		uint32_t node = entry & ~NODE;
		if (entry & NODE && node < q->width) {
			push_node(q, &n, 2 * node);
			push_node(q, &n, 2 * node + 1);
			continue;
		}
		uint32_t job = first_of(q, entry);
		depth--;
		enum verdict v = job == first ? TOO_LONG : try_job(q, job, now_us, start);
		if (v == STARTS) {
			queue_wait_remove(q, job);
			queue_start(q, job, now_us, "it runs before the first without delaying it",
				    ret);
			return 1;
		}
		/* What needs as much as this one finds no room either. */
		if (v == TOO_LONG) {
			push(q, &n, q->slots[job].left);
			push(q, &n, q->slots[job].right);
		}
	}
	return 0;
}
