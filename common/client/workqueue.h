/*
 * workqueue.h - the set of object keys that wait to be reconciled.
 *
 * Watch events are facts about the past; a controller must act on the present.
 * So events are not queued, only the key of the object they touched is. The
 * queue keeps three promises:
 *
 *   - a key waits at most once, however many events name it;
 *   - a key is never handed out twice at the same time;
 *   - a key added while it is being worked on is handed out again afterwards,
 *     so no change is lost.
 *
 * Time is passed in. A hash finds keys, a heap the next one due.
 * Threads: the loop's.
 */
#pragma once

#include "common/base/base.h"
#include "common/base/error.h"

#define WORKQUEUE_BACKOFF_FIRST_MS 10
#define WORKQUEUE_BACKOFF_MAX_MS   30000

struct workqueue;

enum work_result {
	WORK_DONE,  /* forget the key's failures */
	WORK_RETRY, /* hand the key out again, later after each failure */
	WORK_COUNT,
};

/* At most `keys_max` keys. `seed` draws the jitter of back-offs; 0: no jitter. */
struct workqueue *workqueue_new(size_t keys_max, uint64_t seed);
void workqueue_free(struct workqueue *q);
DEFINE_CLEANUP(workqueue)

/* Ask for `key` (copied) to be worked on `delay_ms` from now or sooner.
 * ERR_LIMIT if the queue is full. */
MUST_CHECK int workqueue_add(struct workqueue *q, const char *key, int64_t now_ms, int64_t delay_ms,
			     struct error *err);

/* The key that has been due longest, or NULL. It is borrowed until the caller
 * gives it back with workqueue_finish(), which must follow. */
const char *workqueue_take(struct workqueue *q, int64_t now_ms);
void workqueue_finish(struct workqueue *q, const char *key, enum work_result result,
		      int64_t now_ms);

/* How often in a row the key has failed. */
unsigned workqueue_failures(const struct workqueue *q, const char *key);

/* How long the loop may sleep: 0 if a key is due, -1 if no key waits. */
int64_t workqueue_due_in_ms(const struct workqueue *q, int64_t now_ms);

/* Keys that wait or are being worked on. */
size_t workqueue_count(const struct workqueue *q);
