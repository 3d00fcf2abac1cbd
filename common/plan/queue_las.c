#include "common/plan/queue_las.h"

#define PLACES  60
#define PRIME   ((UINT64_C(1) << 61) - 1)
#define NEAR    ((exact_fixed)1 << (PLACES - 10))
#define INVERSE 4096 /* of so many numbers the inverse is kept */

__extension__ typedef __int128 exact_fixed;

struct exact {
	exact_fixed fixed;
	uint64_t residue;
};

struct node { /* a job in the heap of its group, by size */
	uint32_t left, right;
};

struct group {
	struct exact level;
	uint32_t root, count;
	/* Of the present division of servers: */
	uint32_t servers; /* 0: frozen; count: full speed */
	struct exact due; /* when it reaches its target */
	struct exact target;
	bool has_due;
};

struct las {
	const int64_t *sizes;
	struct node *nodes;
	struct group *groups;        /* the top last */
	size_t groups_count, active; /* the last `active` ones are served */
	uint32_t servers;
	struct exact now;
	uint32_t done; /* completed, not taken yet, chained by `left` */
	uint32_t done_last;
	size_t present, full;
	bool is_planned; /* dues are valid */
	uint64_t inverse[INVERSE];
};

/* ---- exact numbers ---- */

static uint64_t mod_add(uint64_t a, uint64_t b)
{
	uint64_t s = a + b;
	return s >= PRIME ? s - PRIME : s;
}

static uint64_t mod_sub(uint64_t a, uint64_t b)
{
	return a >= b ? a - b : a + PRIME - b;
}

static uint64_t mod_mul(uint64_t a, uint64_t b)
{
	/* 2^61 is 1 modulo the prime: the upper part is added to the lower. */
	__extension__ unsigned __int128 p = (unsigned __int128)a * b;
	uint64_t s = (uint64_t)(p & PRIME) + (uint64_t)(p >> 61);
	return s >= PRIME ? s - PRIME : s;
}

/* By Fermat: a^(p-2). */
static uint64_t mod_inverse(struct las *l, uint64_t a)
{
	if (a < INVERSE && l->inverse[a])
		return l->inverse[a];
	uint64_t power = a, result = 1;
	for (uint64_t e = PRIME - 2; e; e >>= 1) {
		if (e & 1)
			result = mod_mul(result, power);
		power = mod_mul(power, power);
	}
	if (a < INVERSE)
		l->inverse[a] = result;
	return result;
}

static struct exact whole(int64_t us)
{
	return (struct exact){ (exact_fixed)us << PLACES, (uint64_t)us % PRIME };
}

static struct exact sub(struct exact a, struct exact b)
{
	return (struct exact){ a.fixed - b.fixed, mod_sub(a.residue, b.residue) };
}

static struct exact add(struct exact a, struct exact b)
{
	return (struct exact){ a.fixed + b.fixed, mod_add(a.residue, b.residue) };
}

/* a * n / d for n and d below 2^32. Whole parts first, so that nothing overflows where the result
 * does not. */
static struct exact scaled(struct las *l, struct exact a, uint64_t n, uint64_t d)
{
	exact_fixed q = a.fixed / (exact_fixed)d, r = a.fixed % (exact_fixed)d;
	struct exact s = { q * (exact_fixed)n + r * (exact_fixed)n / (exact_fixed)d,
			   mod_mul(a.residue, n) };
	if (d > 1)
		s.residue = mod_mul(s.residue, mod_inverse(l, d));
	return s;
}

static bool is_equal(struct exact a, struct exact b)
{
	exact_fixed d = a.fixed - b.fixed;
	return a.residue == b.residue && d < NEAR && d > -NEAR;
}

static bool is_less(struct exact a, struct exact b)
{
	return a.fixed < b.fixed && !is_equal(a, b);
}

/* A whole number that rounding has moved is put back. */
static struct exact snapped(struct exact a)
{
	exact_fixed unit = (exact_fixed)1 << PLACES;
	int64_t us = (int64_t)((a.fixed + unit / 2) >> PLACES);
	struct exact w = whole(us);
	return is_equal(a, w) ? w : a;
}

/* ---- heaps of a group: skew heaps (Sleator and Tarjan 1986) ---- */

static bool is_first(const struct las *l, uint32_t a, uint32_t b)
{
	return l->sizes[a] != l->sizes[b] ? l->sizes[a] < l->sizes[b] : a < b;
}

static uint32_t merge(struct las *l, uint32_t a, uint32_t b)
{
	uint32_t root = QUEUE_NONE, *at = &root;
	while (a != QUEUE_NONE && b != QUEUE_NONE) {
		if (is_first(l, b, a)) {
			uint32_t swap = a;
			a = b;
			b = swap;
		}
		*at = a;
		uint32_t rest = l->nodes[a].right;
		l->nodes[a].right = l->nodes[a].left;
		at = &l->nodes[a].left;
		a = rest;
	}
	*at = a != QUEUE_NONE ? a : b;
	return root;
}

/* ---- the stack ---- */

static size_t aligned(size_t n)
{
	return (n + 15) / 16 * 16;
}

size_t las_size(size_t jobs_max)
{
	return aligned(sizeof(struct las)) + aligned(jobs_max * sizeof(struct node)) +
	       aligned((jobs_max + 1) * sizeof(struct group));
}

struct las *las_init(void *memory, size_t jobs_max, uint32_t servers, const int64_t *sizes)
{
	struct las *l = memory;
	assert((uintptr_t)memory % 16 == 0 && servers > 0);
	l->sizes = sizes;
	l->nodes = (struct node *)(void *)((char *)memory + aligned(sizeof *l));
	l->groups =
		(struct group *)(void *)((char *)l->nodes + aligned(jobs_max * sizeof *l->nodes));
	l->servers = servers;
	l->done = l->done_last = QUEUE_NONE;
	return l;
}

/* Who is served how fast, and what each group reaches next: a size, or the level below. */
static void divide(struct las *l)
{
	uint32_t left = l->servers;
	l->active = l->full = 0;
	while (left > 0 && l->active < l->groups_count) {
		struct group *g = &l->groups[l->groups_count - 1 - l->active++];
		g->servers = MIN(left, g->count);
		left -= g->servers;
		if (g->servers == g->count)
			l->full += g->count;
	}
	for (size_t i = 0; i < l->active; i++) {
		struct group *g = &l->groups[l->groups_count - 1 - i];
		g->target = whole(l->sizes[g->root]);
		g->due = add(l->now, scaled(l, sub(g->target, g->level), g->count, g->servers));
		g->due = snapped(g->due);
		g->has_due = true;
	}
	l->is_planned = true;
}

/* When the group joins the one below, or false: not before its next completion. Both may move: it at
 * full speed and the one below at s of k. */
static bool joins(struct las *l, const struct group *g, const struct group *below, bool is_served,
		  struct exact *ret_when, struct exact *ret_level)
{
	uint32_t s = is_served ? below->servers : 0, k = below->count;
	struct exact gap = sub(below->level, g->level);
	if (s == 0) {
		/* The one below stands: the level decides, not the time. */
		if (!is_less(below->level, g->target) && !is_equal(below->level, g->target))
			return false;
		*ret_level = below->level;
		*ret_when = add(l->now, scaled(l, gap, g->count, g->servers));
		return true;
	}
	/* Only the last served group is slower than full speed, so this one runs at 1. */
	if (s == k || g->servers != g->count ||
	    gap.fixed / (exact_fixed)(k - s) > (g->due.fixed - l->now.fixed) / k)
		return false;
	struct exact span = scaled(l, gap, k, k - s);
	*ret_when = add(l->now, span);
	*ret_level = add(g->level, span);
	return true;
}

static bool next_due(struct las *l, struct exact *ret)
{
	bool has = false;
	if (!l->is_planned)
		divide(l);
	for (size_t i = 0; i < l->active; i++) {
		struct group *g = &l->groups[l->groups_count - 1 - i];
		struct exact when, level;
		if (i + 1 < l->groups_count &&
		    joins(l, g, g - 1, i + 1 < l->active, &when, &level) && is_less(when, g->due)) {
			g->due = snapped(when);
			g->target = level;
		}
		if (!has || is_less(g->due, *ret))
			*ret = g->due;
		has = true;
	}
	return has;
}

static void go_to(struct las *l, struct exact when)
{
	struct exact span = sub(when, l->now);
	for (size_t i = 0; i < l->active; i++) {
		struct group *g = &l->groups[l->groups_count - 1 - i];
		if (is_equal(g->due, when))
			g->level = g->target;
		else
			g->level = add(g->level, scaled(l, span, g->servers, g->count));
	}
	l->now = when;
	l->is_planned = false;
}

static void complete(struct las *l, struct group *g)
{
	while (g->root != QUEUE_NONE && is_equal(g->level, whole(l->sizes[g->root]))) {
		uint32_t job = g->root;
		g->root = merge(l, l->nodes[job].left, l->nodes[job].right);
		g->count--;
		l->present--;
		l->nodes[job].left = QUEUE_NONE;
		if (l->done == QUEUE_NONE)
			l->done = job;
		else
			l->nodes[l->done_last].left = job;
		l->done_last = job;
	}
}

/* Completions and joinings among the groups from `from` on. */
static void settle(struct las *l, size_t from)
{
	size_t n = from;
	for (size_t i = from; i < l->groups_count; i++) {
		struct group g = l->groups[i];
		complete(l, &g);
		if (g.count == 0)
			continue;
		struct group *below = n > 0 ? &l->groups[n - 1] : NULL;
		if (below && is_equal(below->level, g.level)) {
			below->root = merge(l, below->root, g.root);
			below->count += g.count;
		} else {
			l->groups[n++] = g;
		}
	}
	l->groups_count = n;
	l->is_planned = false;
}

bool las_step(struct las *l, int64_t until_us)
{
	struct exact when;
	if (!next_due(l, &when) || is_less(whole(until_us), when))
		return false;
	size_t first = l->groups_count - l->active;
	go_to(l, when);
	settle(l, first);
	return true;
}

void las_advance(struct las *l, int64_t until_us)
{
	struct exact when = whole(until_us), due;
	if (next_due(l, &due))
		go_to(l, when);
	else
		l->now = when;
}

/* The newcomer's group is on top, at level 0. */
void las_arrive(struct las *l, uint32_t job, int64_t now_us)
{
	if (!is_equal(l->now, whole(now_us)))
		las_advance(l, now_us);
	l->nodes[job] = (struct node){ QUEUE_NONE, QUEUE_NONE };
	l->present++;
	l->is_planned = false;
	if (l->groups_count > 0 && l->groups[l->groups_count - 1].level.fixed == 0) {
		struct group *g = &l->groups[l->groups_count - 1];
		g->root = merge(l, g->root, job);
		g->count++;
		return;
	}
	l->groups[l->groups_count++] = (struct group){ .level = whole(0), .root = job, .count = 1 };
}

uint32_t las_completed(struct las *l)
{
	uint32_t job = l->done;
	if (job != QUEUE_NONE)
		l->done = l->nodes[job].left;
	return job;
}

size_t las_waiting(const struct las *l)
{
	return l->present - MIN(l->present, l->full);
}

int64_t las_now_places(const struct las *l)
{
	return (int64_t)(l->now.fixed & (((exact_fixed)1 << PLACES) - 1));
}

void las_now(const struct las *l, int64_t *ret_us, double *ret_rest)
{
	*ret_us = (int64_t)(l->now.fixed >> PLACES);
	*ret_rest = (double)las_now_places(l) / (double)(INT64_C(1) << PLACES);
}
