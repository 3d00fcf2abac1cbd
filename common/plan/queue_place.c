/*
 * What is free, and where. A tree over the places knows the most that is free below each node, so the
 * first place with room is found without looking at the full ones.
 */
#include "common/plan/queue_internal.h"

static int64_t *row(const struct queue *q, int64_t *rows, uint32_t i)
{
	return &rows[(size_t)i * q->limits.resources];
}

static bool covers(const struct queue *q, const int64_t *have, const int64_t *need)
{
	for (uint32_t r = 0; r < q->limits.resources; r++)
		if (have[r] < need[r])
			return false;
	return true;
}

void queue_place_changed(struct queue *q, uint32_t place)
{
	uint32_t at = q->places_width + place, n = q->limits.resources;
	memcpy(row(q, q->most_free, at), row(q, q->free, place), n * sizeof(int64_t));
	for (at /= 2; at > 0; at /= 2) {
		const int64_t *a = row(q, q->most_free, 2 * at);
		const int64_t *b = row(q, q->most_free, 2 * at + 1);
		int64_t *most = row(q, q->most_free, at);
		for (uint32_t r = 0; r < n; r++)
			most[r] = MAX(a[r], b[r]);
	}
}

/* The first leaf from `from` on below `node` (which has leaves first … first + size - 1). */
static uint32_t descend(const struct queue *q, const struct queue_shape *s, uint32_t from,
			uint32_t node, uint32_t first, uint32_t size)
{
	if (first + size <= from || !covers(q, row(q, q->most_free, node), s->need))
		return QUEUE_NONE;
	if (size == 1)
		return first < q->limits.places_max ? first : QUEUE_NONE;
	uint32_t half = size / 2;
	uint32_t found = descend(q, s, from, 2 * node, first, half);
	return found != QUEUE_NONE ? found : descend(q, s, from, 2 * node + 1, first + half, half);
}

uint32_t queue_place_find(const struct queue *q, const struct queue_shape *s, uint32_t from)
{
	if (s->pin != QUEUE_NONE)
		return s->pin >= from && covers(q, row(q, q->free, s->pin), s->need) ? s->pin
										     : QUEUE_NONE;
	return descend(q, s, from, 1, 0, q->places_width);
}

/* How many members fit into what a place has. */
static uint32_t members_in(const struct queue *q, const struct queue_shape *s, const int64_t *have)
{
	int64_t n = s->members;
	for (uint32_t r = 0; r < q->limits.resources; r++)
		if (s->need[r] > 0)
			n = MIN(n, MAX(0, have[r]) / s->need[r]);
	return (uint32_t)n;
}

bool queue_fits(const struct queue *q, const struct queue_shape *s)
{
	uint32_t left = s->members;
	for (uint32_t at = 0; (at = queue_place_find(q, s, at)) != QUEUE_NONE; at++) {
		left -= MIN(left, members_in(q, s, row(q, q->free, at)));
		if (left == 0)
			return true;
	}
	return false;
}

bool queue_fits_empty(const struct queue *q, const struct queue_shape *s)
{
	uint32_t left = s->members;
	for (uint32_t at = 0; at < q->limits.places_max && left > 0; at++)
		if (covers(q, row(q, q->capacity, at), s->need))
			left -= MIN(left, members_in(q, s, row(q, q->capacity, at)));
	return left == 0;
}

/* ---- taking and giving back ---- */

/* A place that lost capacity may have less than nothing free: that is no debt of the others. */
static void change_free(struct queue *q, uint32_t place, uint32_t r, int64_t more)
{
	int64_t *have = &row(q, q->free, place)[r];
	q->total_free[r] -= MAX(0, *have);
	*have += more;
	q->total_free[r] += MAX(0, *have);
}

static void shift_at(struct queue *q, const struct queue_shape *s, uint32_t place, int64_t members,
		     uint8_t kept)
{
	for (uint32_t r = 0; r < q->limits.resources; r++)
		if (!(kept & (1u << r)))
			change_free(q, place, r, s->need[r] * members);
	queue_place_changed(q, place);
}

static uint32_t part_new(struct queue *q)
{
	uint32_t at = q->parts_free;
	if (at != QUEUE_NONE)
		q->parts_free = q->parts[at].next;
	else if (q->parts_used < q->limits.parts_max)
		at = q->parts_used++;
	return at;
}

void queue_parts_drop(struct queue *q, uint32_t job)
{
	struct queue_slot *s = &q->slots[job];
	if (q->shapes[s->shape].members > 1) {
		for (uint32_t at = s->place, next; at != QUEUE_NONE; at = next) {
			next = q->parts[at].next;
			q->parts[at].next = q->parts_free;
			q->parts_free = at;
		}
	}
	s->place = QUEUE_NONE;
}

static bool take_gang(struct queue *q, uint32_t job, const struct queue_shape *s)
{
	uint32_t left = s->members, first = QUEUE_NONE;
	for (uint32_t at = 0; left > 0 && (at = queue_place_find(q, s, at)) != QUEUE_NONE; at++) {
		uint32_t n = MIN(left, members_in(q, s, row(q, q->free, at)));
		uint32_t part = part_new(q);
		if (part == QUEUE_NONE)
			break;
		q->parts[part] = (struct queue_part){ at, n, first };
		first = part;
		left -= n;
	}
	q->slots[job].place = first;
	if (left > 0)
		queue_parts_drop(q, job);
	return left == 0;
}

void queue_shift(struct queue *q, uint32_t job, int sign, bool kept_too)
{
	const struct queue_slot *slot = &q->slots[job];
	const struct queue_shape *s = &q->shapes[slot->shape];
	uint8_t kept = kept_too ? 0 : q->settings.kept;
	if (s->members == 1) {
		shift_at(q, s, slot->place, sign, kept);
		return;
	}
	for (uint32_t at = slot->place; at != QUEUE_NONE; at = q->parts[at].next)
		shift_at(q, s, q->parts[at].place, (int64_t)sign * q->parts[at].members, kept);
}

bool queue_take(struct queue *q, uint32_t job)
{
	const struct queue_shape *s = &q->shapes[q->slots[job].shape];
	if (s->members > 1) {
		if (!take_gang(q, job, s))
			return false;
	} else {
		q->slots[job].place = queue_place_find(q, s, 0);
		if (q->slots[job].place == QUEUE_NONE)
			return false;
	}
	queue_shift(q, job, -1, true);
	return true;
}

void queue_set_place(struct queue *q, uint32_t place, const int64_t *capacity)
{
	assert(place < q->limits.places_max);
	int64_t *whole = row(q, q->capacity, place);
	for (uint32_t r = 0; r < q->limits.resources; r++) {
		int64_t more = capacity[r] - whole[r];
		whole[r] += more;
		q->total[r] += more;
		change_free(q, place, r, more);
	}
	queue_place_changed(q, place);
	queue_shapes_judge(q);
}

size_t queue_parts(const struct queue *q, uint32_t job, uint32_t (*ret)[2], size_t max)
{
	const struct queue_slot *s = &q->slots[job];
	size_t n = 0;
	if (s->place == QUEUE_NONE)
		return 0;
	if (q->shapes[s->shape].members == 1) {
		if (max > 0)
			ret[0][0] = s->place, ret[0][1] = 1;
		return 1;
	}
	for (uint32_t at = s->place; at != QUEUE_NONE; at = q->parts[at].next, n++)
		if (n < max)
			ret[n][0] = q->parts[at].place, ret[n][1] = q->parts[at].members;
	return n;
}
