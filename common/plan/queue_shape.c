/*
 * The ready set, indexed by what can run: shapes, the tree over them, and the groups whose limits hold
 * shapes up. A leaf of the tree is a shape; it takes part while it has waiting jobs, is possible on
 * this machine, and its group takes more.
 */
#include "common/plan/queue_internal.h"

static bool takes_part(const struct queue_shape *s)
{
	return s->root != QUEUE_NONE && s->is_possible && !s->is_held_up;
}

static uint32_t better(const struct queue *q, uint32_t a, uint32_t b)
{
	if (a == QUEUE_NONE || b == QUEUE_NONE)
		return a == QUEUE_NONE ? b : a;
	return queue_before(q, q->shapes[a].root, q->shapes[b].root) ? a : b;
}

static int64_t *least(const struct queue *q, uint32_t node)
{
	return &q->least_need[(size_t)node * q->limits.resources];
}

static void update_node(struct queue *q, uint32_t node)
{
	q->winners[node] = better(q, q->winners[2 * node], q->winners[2 * node + 1]);
	const int64_t *a = least(q, 2 * node), *b = least(q, 2 * node + 1);
	int64_t *both = least(q, node);
	for (uint32_t r = 0; r < q->limits.resources; r++)
		both[r] = MIN(a[r], b[r]);
}

static void update_leaf(struct queue *q, uint32_t shape)
{
	const struct queue_shape *s = &q->shapes[shape];
	bool is_in = shape < q->shapes_used && takes_part(s);
	q->winners[q->width + shape] = is_in ? shape : QUEUE_NONE;
	int64_t *need = least(q, q->width + shape);
	for (uint32_t r = 0; r < q->limits.resources; r++)
		need[r] = is_in ? s->need[r] * s->members : INT64_MAX;
}

void queue_shape_changed(struct queue *q, uint32_t shape)
{
	update_leaf(q, shape);
	for (uint32_t node = (q->width + shape) / 2; node > 0; node /= 2)
		update_node(q, node);
}

static void rebuild(struct queue *q)
{
	for (uint32_t i = 0; i < q->width; i++)
		update_leaf(q, i);
	for (uint32_t node = q->width - 1; node > 0; node--)
		update_node(q, node);
}

/* ---- groups ---- */

bool queue_group_takes(const struct queue *q, const struct queue_shape *s)
{
	const struct queue_group_use *g = &q->groups[s->group];
	if (g->limits.running_max && g->running >= g->limits.running_max)
		return false;
	for (uint32_t r = 0; r < q->limits.resources; r++)
		if (g->limits.quota[r] && g->used[r] + s->need[r] * s->members > g->limits.quota[r])
			return false;
	return true;
}

static bool has_limits(const struct queue *q, const struct queue_group *g)
{
	bool has = g->running_max > 0;
	for (uint32_t r = 0; r < q->limits.resources; r++)
		has |= g->quota[r] > 0;
	return has;
}

static void judge_group(struct queue *q, uint32_t group)
{
	for (uint32_t i = q->groups[group].shapes; i != QUEUE_NONE;
	     i = q->shapes[i].next_in_group) {
		bool is_held_up = !queue_group_takes(q, &q->shapes[i]);
		if (is_held_up != q->shapes[i].is_held_up) {
			q->shapes[i].is_held_up = is_held_up;
			queue_shape_changed(q, i);
		}
	}
}

void queue_group_shift(struct queue *q, const struct queue_shape *s, int sign)
{
	struct queue_group_use *g = &q->groups[s->group];
	g->running += (uint32_t)sign;
	if (!has_limits(q, &g->limits))
		return;
	for (uint32_t r = 0; r < q->limits.resources; r++)
		g->used[r] += sign * s->need[r] * s->members;
	judge_group(q, s->group);
}

/* What runs is counted anew: quotas may have been without a count until now. */
void queue_set_group(struct queue *q, uint32_t group, const struct queue_group *limits)
{
	assert(group < q->limits.groups_max);
	struct queue_group_use *g = &q->groups[group];
	g->limits = *limits;
	memset(g->used, 0, sizeof g->used);
	for (uint32_t i = 0; i < q->running_count; i++) {
		const struct queue_shape *s = &q->shapes[q->slots[q->running[i]].shape];
		for (uint32_t r = 0; s->group == group && r < q->limits.resources; r++)
			g->used[r] += s->need[r] * s->members;
	}
	judge_group(q, group);
}

/* ---- shapes ---- */

void queue_shape_judge(struct queue *q, uint32_t shape)
{
	struct queue_shape *s = &q->shapes[shape];
	/* What is frozen has been possible. */
	s->is_possible = s->pin != QUEUE_NONE || queue_fits_empty(q, s);
	s->is_held_up = !queue_group_takes(q, s);
}

void queue_shapes_judge(struct queue *q)
{
	for (uint32_t i = 0; i < q->shapes_used; i++)
		if (q->shapes[i].refs)
			queue_shape_judge(q, i);
	rebuild(q);
	queue_shapes_reopen(q);
}

static uint64_t hash_of(const struct queue *q, const struct queue_shape *s)
{
	uint64_t h = ((uint64_t)s->members << 32 | s->group) * 0x9e3779b97f4a7c15u ^ s->pin;
	for (uint32_t r = 0; r < q->limits.resources; r++)
		h = (h ^ (uint64_t)s->need[r]) * 0xbf58476d1ce4e5b9u;
	return h ^ h >> 31 ^ (uint64_t)s->origin << 7;
}

static bool is_same(const struct queue *q, const struct queue_shape *a, const struct queue_shape *b)
{
	return a->members == b->members && a->group == b->group && a->pin == b->pin &&
	       a->origin == b->origin &&
	       memcmp(a->need, b->need, q->limits.resources * sizeof a->need[0]) == 0;
}

static void enter_group(struct queue *q, uint32_t shape)
{
	struct queue_shape *s = &q->shapes[shape];
	uint32_t first = q->groups[s->group].shapes;
	s->next_in_group = first;
	s->before_in_group = QUEUE_NONE;
	if (first != QUEUE_NONE)
		q->shapes[first].before_in_group = shape;
	q->groups[s->group].shapes = shape;
}

static void leave_group(struct queue *q, const struct queue_shape *s)
{
	if (s->next_in_group != QUEUE_NONE)
		q->shapes[s->next_in_group].before_in_group = s->before_in_group;
	if (s->before_in_group != QUEUE_NONE)
		q->shapes[s->before_in_group].next_in_group = s->next_in_group;
	else
		q->groups[s->group].shapes = s->next_in_group;
}

static uint32_t shape_new(struct queue *q)
{
	uint32_t at = q->shapes_free;
	if (at != QUEUE_NONE) {
		q->shapes_free = q->shapes[at].chain;
		return at;
	}
	if (q->shapes_used == q->limits.shapes_max)
		return QUEUE_NONE;
	at = q->shapes_used++;
	q->shapes[at].root = QUEUE_NONE;
	if (at == q->width) {
		q->width *= 2;
		rebuild(q);
	}
	return at;
}

int queue_shape_intern(struct queue *q, const struct queue_shape *like, uint32_t *ret,
		       struct error *err)
{
	uint32_t *bucket = &q->buckets[hash_of(q, like) & q->shapes_mask];
	for (uint32_t i = *bucket; i != QUEUE_NONE; i = q->shapes[i].chain)
		if (is_same(q, &q->shapes[i], like)) {
			q->shapes[i].refs++;
			*ret = i;
			return 0;
		}
	uint32_t at = shape_new(q);
	if (at == QUEUE_NONE)
		return error_set(err, ERR_LIMIT, "jobs with more than %u different needs",
				 q->limits.shapes_max);
	struct queue_shape *s = &q->shapes[at];
	*s = *like;
	s->root = QUEUE_NONE;
	s->refs = 1;
	s->is_closed = false;
	s->chain = *bucket;
	*bucket = at;
	enter_group(q, at);
	queue_shape_judge(q, at);
	q->pinned_count += s->pin != QUEUE_NONE;
	*ret = at;
	return 0;
}

int queue_shape(struct queue *q, const struct queue_request *r, uint32_t *ret, struct error *err)
{
	struct queue_shape like = { .members = r->members ? r->members : 1,
				    .group = r->group,
				    .pin = QUEUE_NONE,
				    .origin = QUEUE_NONE };
	if (r->group >= q->limits.groups_max)
		return error_set(err, ERR_INVALID, "there is no group %u", r->group);
	for (uint32_t i = 0; i < q->limits.resources; i++) {
		if (r->need[i] < 0 || r->need[i] > QUEUE_TIME_MAX / like.members)
			return error_set(err, ERR_INVALID, "a need of %lld %s is out of bounds",
					 (long long)r->need[i], q->limits.resource_names[i]);
		like.need[i] = r->need[i];
	}
	return queue_shape_intern(q, &like, ret, err);
}

void queue_shape_unref(struct queue *q, uint32_t shape)
{
	struct queue_shape *s = &q->shapes[shape];
	assert(s->refs > 0);
	if (--s->refs > 0)
		return;
	assert(s->root == QUEUE_NONE);
	uint32_t *at = &q->buckets[hash_of(q, s) & q->shapes_mask];
	while (*at != shape)
		at = &q->shapes[*at].chain;
	*at = s->chain;
	leave_group(q, s);
	q->pinned_count -= s->pin != QUEUE_NONE;
	q->closed_count -= s->is_closed;
	s->is_closed = false;
	s->chain = q->shapes_free;
	q->shapes_free = shape;
}

void queue_shape_drop(struct queue *q, uint32_t shape)
{
	queue_shape_unref(q, shape);
}

void queue_shapes_reopen(struct queue *q)
{
	for (uint32_t i = 0; q->closed_count > 0 && i < q->shapes_used; i++) {
		q->closed_count -= q->shapes[i].is_closed;
		q->shapes[i].is_closed = false;
	}
}

/* ---- the first ---- */

uint32_t queue_shape_first(const struct queue *q)
{
	return q->winners[1];
}

/* Branch and bound: the better half first, the other only if its best could still win. */
static uint32_t search(const struct queue *q, uint32_t node, uint32_t best)
{
	uint32_t winner = q->winners[node];
	if (winner == QUEUE_NONE || (best != QUEUE_NONE && better(q, winner, best) == best))
		return best;
	const int64_t *need = least(q, node);
	for (uint32_t r = 0; r < q->limits.resources; r++)
		if (need[r] > q->total_free[r])
			return best;
	if (node >= q->width) {
		const struct queue_shape *s = &q->shapes[winner];
		return s->is_closed || queue_place_find(q, s, 0) == QUEUE_NONE ? best : winner;
	}
	uint32_t left = 2 * node, right = left + 1;
	bool is_left_better = q->winners[left] == winner;
	best = search(q, is_left_better ? left : right, best);
	return search(q, is_left_better ? right : left, best);
}

uint32_t queue_shape_fitting(const struct queue *q)
{
	return search(q, 1, QUEUE_NONE);
}
