#include "common/client/workqueue.h"

#include "common/base/map.h"
#include "common/base/rng.h"

#define NOT_IN_HEAP SIZE_MAX

struct entry {
	char *key;         /* owned */
	int64_t due_ms;    /* meaningful while waiting */
	uint64_t order;    /* breaks ties between equal due times: first in, first out */
	unsigned failures; /* since the last success */
	bool waiting;
	bool taken;
	size_t heap_at; /* waiting and not taken: its place in the heap */
};

struct workqueue {
	struct map entries; /* key → struct entry; idle entries are dropped */
	struct entry **heap;
	size_t heap_count, heap_size, keys_max;
	uint64_t next_order;
	struct rng rng;
	bool has_jitter;
};

static bool is_before(const struct entry *a, const struct entry *b)
{
	return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->order < b->order;
}

static void heap_set(struct workqueue *q, size_t i, struct entry *e)
{
	q->heap[i] = e;
	e->heap_at = i;
}

static void heap_up(struct workqueue *q, size_t i, struct entry *e)
{
	while (i > 0 && is_before(e, q->heap[(i - 1) / 2])) {
		heap_set(q, i, q->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	heap_set(q, i, e);
}

static void heap_down(struct workqueue *q, size_t i, struct entry *e)
{
	for (;;) {
		size_t child = 2 * i + 1;
		if (child >= q->heap_count)
			break;
		if (child + 1 < q->heap_count && is_before(q->heap[child + 1], q->heap[child]))
			child++;
		if (!is_before(q->heap[child], e))
			break;
		heap_set(q, i, q->heap[child]);
		i = child;
	}
	heap_set(q, i, e);
}

static void heap_add(struct workqueue *q, struct entry *e)
{
	assert(e->heap_at == NOT_IN_HEAP);
	if (q->heap_count == q->heap_size) {
		q->heap_size = q->heap_size ? 2 * q->heap_size : 16;
		q->heap = xrealloc(q->heap, q->heap_size, sizeof(struct entry *));
	}
	q->heap_count++;
	heap_up(q, q->heap_count - 1, e);
}

static void heap_remove(struct workqueue *q, struct entry *e)
{
	size_t i = e->heap_at;
	assert(i < q->heap_count);
	e->heap_at = NOT_IN_HEAP;
	struct entry *last = q->heap[--q->heap_count];
	if (last == e)
		return;
	if (i > 0 && is_before(last, q->heap[(i - 1) / 2]))
		heap_up(q, i, last);
	else
		heap_down(q, i, last);
}

static int64_t backoff_ms(struct workqueue *q, unsigned failures)
{
	assert(failures > 0);
	int64_t ms = WORKQUEUE_BACKOFF_FIRST_MS;
	for (unsigned i = 1; i < failures && ms < WORKQUEUE_BACKOFF_MAX_MS; i++)
		ms *= 2;
	ms = MIN(ms, (int64_t)WORKQUEUE_BACKOFF_MAX_MS);
	if (q->has_jitter)
		ms += (int64_t)rng_below(&q->rng, (uint64_t)ms / 4 + 1);
	return ms;
}

static struct entry *insert(struct workqueue *q, const char *key)
{
	struct entry *e = xcalloc(1, sizeof *e);
	*e = (struct entry){ .key = xstrdup(key), .heap_at = NOT_IN_HEAP };
	(void)map_put(&q->entries, key, e); /* was absent */
	return e;
}

static void entry_free(struct entry *e)
{
	free(e->key);
	free(e);
}

static void drop_if_idle(struct workqueue *q, struct entry *e)
{
	if (e->waiting || e->taken || e->failures > 0)
		return;
	(void)map_remove(&q->entries, e->key); /* it is e */
	entry_free(e);
}

static void wait_until(struct workqueue *q, struct entry *e, int64_t due_ms)
{
	if (e->waiting && e->due_ms <= due_ms)
		return; /* it is already waiting for an earlier moment */
	if (e->waiting && !e->taken)
		heap_remove(q, e);
	if (!e->waiting)
		e->order = q->next_order++;
	e->waiting = true;
	e->due_ms = due_ms;
	if (!e->taken)
		heap_add(q, e);
}

struct workqueue *workqueue_new(size_t keys_max, uint64_t seed)
{
	assert(keys_max > 0);
	struct workqueue *q = xcalloc(1, sizeof *q);
	q->keys_max = keys_max;
	q->rng.state = seed;
	q->has_jitter = seed != 0;
	return q;
}

void workqueue_free(struct workqueue *q)
{
	if (!q)
		return;
	const char *key;
	void *found;
	for (size_t i = 0; (i = map_next(&q->entries, i, &key, &found)) != 0;)
		entry_free(found);
	map_fini(&q->entries);
	free(q->heap);
	free(q);
}

int workqueue_add(struct workqueue *q, const char *key, int64_t now_ms, int64_t delay_ms,
		  struct error *err)
{
	assert(key[0] != '\0');
	assert(delay_ms >= 0);

	struct entry *e = map_get(&q->entries, key);
	if (!e && q->entries.count == q->keys_max)
		return error_set(err, ERR_LIMIT, "work queue holds %zu keys", q->keys_max);
	if (!e)
		e = insert(q, key);
	wait_until(q, e, now_ms + delay_ms);
	return 0;
}

const char *workqueue_take(struct workqueue *q, int64_t now_ms)
{
	if (q->heap_count == 0 || q->heap[0]->due_ms > now_ms)
		return NULL;
	struct entry *e = q->heap[0];
	heap_remove(q, e);
	e->waiting = false;
	e->taken = true;
	return e->key;
}

void workqueue_finish(struct workqueue *q, const char *key, enum work_result result, int64_t now_ms)
{
	struct entry *e = map_get(&q->entries, key);
	assert(e);
	assert(e->taken);

	e->taken = false;
	if (e->waiting)
		heap_add(q, e);
	if (result == WORK_RETRY)
		wait_until(q, e, now_ms + backoff_ms(q, ++e->failures));
	else
		e->failures = 0;
	drop_if_idle(q, e);
}

unsigned workqueue_failures(const struct workqueue *q, const char *key)
{
	const struct entry *e = map_get(&q->entries, key);
	return e ? e->failures : 0;
}

int64_t workqueue_due_in_ms(const struct workqueue *q, int64_t now_ms)
{
	if (q->heap_count == 0)
		return -1;
	return MAX(q->heap[0]->due_ms - now_ms, (int64_t)0);
}

size_t workqueue_count(const struct workqueue *q)
{
	return q->entries.count;
}
