/*
 * The two orders of a queue. Waiting jobs of a shape: a leftist heap (C. A. Crane 1972; Knuth, The Art
 * of Computer Programming 3, 5.2.3), linked through the jobs themselves, so that a thousand shapes
 * share the same memory and a job in the middle is removed in O(log n). Running jobs: a binary heap
 * with the one to be frozen first on top.
 */
#include "common/plan/queue_internal.h"

/*
 * Ageing adds `ageing` times the arrival to every key. For two waiting jobs that is the same as
 * subtracting `ageing` times the time waited, and unlike that it does not change with time: the order
 * stays valid, and a job is passed only by jobs that came before its key was outgrown. So nothing
 * starves: whoever arrives later than arrival + key / ageing stands behind.
 */
static int64_t aged(const struct queue *q, const struct queue_slot *s, int64_t key)
{
	double extra = q->settings.ageing * (double)s->arrival_us;
	int64_t sum;
	if (extra <= 0)
		return key;
	if (extra >= 9e18 || __builtin_add_overflow(key, (int64_t)extra, &sum))
		return INT64_MAX;
	return sum;
}

int64_t queue_key(const struct queue *q, const struct queue_slot *s)
{
	switch (q->settings.policy) {
	case QUEUE_FCFS:
		return s->arrival_us;
	case QUEUE_SJF:
		return aged(q, s, s->estimate_us);
	case QUEUE_SRTF:
		return aged(q, s, MAX(0, s->estimate_us - s->attained_us));
	case QUEUE_LAS:
		return aged(q, s, s->attained_us);
	case QUEUE_PRIORITY:
		return aged(q, s, -(int64_t)s->priority * QUEUE_PRIORITY_US);
	case QUEUE_EDF:
		return aged(q, s, queue_deadline(q, (uint32_t)(s - q->slots)));
	case QUEUE_POLICY_COUNT:
		break;
	}
	return 0;
}

int64_t queue_running_key(const struct queue *q, const struct queue_slot *s, int64_t now_us)
{
	int64_t attained = s->attained_us + MAX(0, now_us - s->since_us);
	if (q->settings.policy == QUEUE_SRTF)
		return aged(q, s, MAX(0, s->estimate_us - attained));
	if (q->settings.policy == QUEUE_LAS)
		return aged(q, s, attained);
	return queue_key(q, s);
}

bool queue_before(const struct queue *q, uint32_t a, uint32_t b)
{
	const struct queue_slot *x = &q->slots[a], *y = &q->slots[b];
	int64_t kx = queue_key(q, x), ky = queue_key(q, y);
	return kx != ky ? kx < ky : x->id < y->id;
}

/* ---- waiting ---- */

static uint32_t distance_of(const struct queue *q, uint32_t job)
{
	return job == QUEUE_NONE ? 0 : q->slots[job].distance;
}

/* Children in order, distance right; true when anything changed. */
static bool settle(struct queue *q, uint32_t job)
{
	struct queue_slot *s = &q->slots[job];
	uint32_t left = distance_of(q, s->left), right = distance_of(q, s->right);
	bool is_changed = false;
	if (left < right) {
		uint32_t swap = s->left;
		s->left = s->right;
		s->right = swap;
		right = left;
		is_changed = true;
	}
	if (s->distance != right + 1) {
		s->distance = (right + 1) & 63;
		is_changed = true;
	}
	return is_changed;
}

uint32_t queue_heap_merge(struct queue *q, uint32_t a, uint32_t b)
{
	if (a == QUEUE_NONE || b == QUEUE_NONE)
		return a == QUEUE_NONE ? b : a;
	uint32_t root = QUEUE_NONE, above = QUEUE_NONE;
	while (a != QUEUE_NONE) {
		if (queue_before(q, b, a)) {
			uint32_t swap = a;
			a = b;
			b = swap;
		}
		if (above == QUEUE_NONE)
			root = a;
		else
			q->slots[above].right = a;
		q->slots[a].parent = above;
		above = a;
		a = q->slots[a].right;
	}
	q->slots[above].right = b;
	q->slots[b].parent = above;
	for (uint32_t at = above; at != QUEUE_NONE; at = q->slots[at].parent)
		(void)settle(q, at);
	return root;
}

uint32_t queue_heap_add(struct queue *q, uint32_t root, uint32_t job)
{
	struct queue_slot *s = &q->slots[job];
	s->left = s->right = s->parent = QUEUE_NONE;
	s->distance = 1;
	return queue_heap_merge(q, root, job);
}

uint32_t queue_heap_remove(struct queue *q, uint32_t root, uint32_t job)
{
	struct queue_slot *s = &q->slots[job];
	uint32_t above = s->parent, left = s->left, right = s->right;
	if (left != QUEUE_NONE)
		q->slots[left].parent = QUEUE_NONE;
	if (right != QUEUE_NONE)
		q->slots[right].parent = QUEUE_NONE;
	uint32_t heir = queue_heap_merge(q, left, right);
	if (heir != QUEUE_NONE)
		q->slots[heir].parent = above;
	if (above == QUEUE_NONE)
		return heir;
	if (q->slots[above].left == job)
		q->slots[above].left = heir;
	else
		q->slots[above].right = heir;
	while (above != QUEUE_NONE && settle(q, above))
		above = q->slots[above].parent;
	return root;
}

/* ---- running ---- */

/* Larger: frozen sooner. It does not depend on the time: all that run go on alike. */
static int64_t freeze_rank(const struct queue *q, const struct queue_slot *s)
{
	if (s->is_kept)
		return INT64_MIN;
	if (q->settings.policy == QUEUE_SRTF)
		return aged(q, s, s->estimate_us - s->attained_us + s->since_us);
	if (q->settings.policy == QUEUE_LAS)
		return aged(q, s, s->attained_us - s->since_us);
	return queue_key(q, s);
}

static bool freezes_before(const struct queue *q, uint32_t a, uint32_t b)
{
	const struct queue_slot *x = &q->slots[a], *y = &q->slots[b];
	int64_t rx = freeze_rank(q, x), ry = freeze_rank(q, y);
	return rx != ry ? rx > ry : x->id > y->id;
}

static void put(struct queue *q, uint32_t at, uint32_t job)
{
	q->running[at] = job;
	q->slots[job].left = at;
}

static void rise(struct queue *q, uint32_t at)
{
	uint32_t job = q->running[at];
	while (at > 0 && freezes_before(q, job, q->running[(at - 1) / 2])) {
		put(q, at, q->running[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	put(q, at, job);
}

static void sink(struct queue *q, uint32_t at)
{
	uint32_t job = q->running[at];
	for (uint32_t child; (child = 2 * at + 1) < q->running_count; at = child) {
		if (child + 1 < q->running_count &&
		    freezes_before(q, q->running[child + 1], q->running[child]))
			child++;
		if (!freezes_before(q, q->running[child], job))
			break;
		put(q, at, q->running[child]);
	}
	put(q, at, job);
}

void queue_running_add(struct queue *q, uint32_t job)
{
	put(q, q->running_count++, job);
	/* Where nobody is ever frozen, the order does not matter. */
	if (queue_is_preemptive(&q->settings))
		rise(q, q->running_count - 1);
}

void queue_running_remove(struct queue *q, uint32_t job)
{
	uint32_t at = q->slots[job].left, last = q->running[--q->running_count];
	if (last == job)
		return;
	put(q, at, last);
	if (queue_is_preemptive(&q->settings)) {
		sink(q, at);
		rise(q, q->slots[last].left);
	}
}

void queue_running_order(struct queue *q)
{
	for (uint32_t i = 1; i < q->running_count; i++)
		rise(q, i);
}
