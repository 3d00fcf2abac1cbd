/*
 * control_loop.h - runs one controller: a set of keys, some of them in work at once, and
 * for each key: facts from caches, a pure plan, writes to the API.
 *
 * `reconcile` is an ordinary function that blocks on nothing: it reads caches and asks for
 * writes with work_write() and its short forms. The loop then performs them: one
 * after the other; neighbours with the same `group` together, 1, 2, 4 … 64 at a time,
 * so that a full quota fails once and not five hundred times. It stops at the first failure; the
 * key comes back with back-off, and is planned anew from fresh facts.
 *
 * Read your own writes: every answer to a write carries the version of its event. A key is not
 * reconciled before the cache of the kind written has reached the key's last write
 * to it; when that takes longer than 5 s the kind is listed anew, and the log says so.
 *
 * Nothing is reconciled before control_loop_run() and before all caches named with
 * control_loop_needs() hold their first list.
 *
 * Threads: the loop's.
 */
#pragma once

#include "common/client/api.h"
#include "common/client/cache.h"
#include "common/client/workqueue.h"

#define CONTROL_LOOP_NEEDS_MAX    128
#define CONTROL_LOOP_BARRIER_MS   5000
#define CONTROL_LOOP_PARALLEL_MAX 64
#define WORK_WRITES_MAX           20000
#define WORK_EAGER                0x80000000u /* in a group's number: it does not start slowly */

struct control_loop;
struct work; /* one key in work */

struct control_loop_options {
	const char *name; /* for the log; borrowed for ever */
	struct loop *loop;
	struct api *api;
	size_t concurrency; /* keys in work at once; 0: 8 */
	size_t keys_max;    /* 0: 100,000 */
	uint64_t seed;
	void (*reconcile)(void *ctx, struct work *w, const char *key);
	void *ctx;
};

struct control_loop *control_loop_new(const struct control_loop_options *options);
void control_loop_free(struct control_loop *l); /* requests under way are cancelled */
DEFINE_CLEANUP(control_loop)

/* Every cache that reconcile reads or that a write names. */
void control_loop_needs(struct control_loop *l, struct cache *c);
void control_loop_run(struct control_loop *l);

void control_loop_add(struct control_loop *l, const char *key);
void control_loop_add_after(struct control_loop *l, const char *key, int64_t delay_ms);

/* Nothing waits that is due within `horizon_ms`, and nothing is in work. */
bool control_loop_is_idle(const struct control_loop *l, int64_t horizon_ms);

/* ---- inside reconcile ---- */
enum work_fine { /* answers that count as success */
		 WORK_FINE_NONE = 0,
		 WORK_FINE_EXISTS = 1, /* 409 AlreadyExists: somebody, perhaps we, did it before */
		 WORK_FINE_GONE = 2,   /* 404 */
		 WORK_FINE_CONFLICT = 4, /* 409 Conflict: another key of the cache's will come */
		 WORK_FINE_ANY = 8,      /* the callback decides */
};

typedef void work_replied(void *ctx, struct work *w, const struct api_reply *reply);

struct work_write {
	const char *method;
	char *take_target;
	json_t *take_body;        /* or NULL */
	const char *content_type; /* NULL: JSON */
	struct cache *cache;      /* of the kind written, for the barrier, or NULL */
	unsigned group;           /* 0: alone */
	unsigned fine;
	work_replied *replied; /* told of the answer, good or bad, or NULL */
	void *replied_ctx;
	void (*free_ctx)(void *ctx); /* called once for replied_ctx, or NULL */
};
void work_write(struct work *w, const struct work_write *write);

/* Short forms; bodies are stolen, the write can still be changed until reconcile returns (its
 * group, callback …): it is borrowed until the next one is asked for. */
struct work_write *work_create(struct work *w, struct cache *c, const struct api_resource *r,
			       const char *ns, json_t *take_body);
struct work_write *work_update(struct work *w, struct cache *c, const struct api_resource *r,
			       const char *subresource, json_t *take_object);
struct work_write *work_patch(struct work *w, struct cache *c, const struct api_resource *r,
			      const char *ns, const char *name, const char *subresource,
			      const char *content_type, json_t *take_patch);
/* With a uid precondition unless uid is NULL; grace_s < 0: the object's own;
 * propagation NULL: the kind's own. */
struct work_write *work_delete(struct work *w, struct cache *c, const struct api_resource *r,
			       const char *ns, const char *name, const char *uid, int grace_s,
			       const char *propagation);
struct work_write *work_get(struct work *w, const struct api_resource *r, const char *ns,
			    const char *name, work_replied *replied, void *ctx);

/* When all writes asked for so far are done: go on in another function, which may ask for
 * more. free_ctx (may be NULL) is called once for ctx, whether it came to that or not. */
typedef void work_then_function(void *ctx, struct work *w, const char *key);
void work_then(struct work *w, work_then_function *then, void *ctx, void (*free_ctx)(void *ctx));

/* Look at this key again after so long, whatever happens. */
void work_again(struct work *w, int64_t delay_ms);
/* This try failed: back-off. Writes not yet started are dropped. `why` goes to the log. */
void work_fail(struct work *w, const char *why);
/* Remember a version that another way of writing brought (a callback's own request). */
void work_wrote(struct work *w, struct cache *c, uint64_t revision);

int64_t work_now_ms(const struct work *w);
int64_t work_wall_us(const struct work *w);
const char *work_key(const struct work *w);
