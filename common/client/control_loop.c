#include "common/client/control_loop_internal.h"

#include "common/io/log.h"

#define CONCURRENCY 8
#define KEYS_MAX    100000

static void schedule(struct control_loop *l)
{
	if (!l->is_running)
		return;
	int64_t due_ms = workqueue_due_in_ms(l->queue, loop_now_ms(l->loop));
	if (due_ms >= 0)
		loop_timer_set(l->timer, due_ms);
	else
		loop_timer_stop(l->timer);
}

void control_loop_add_after(struct control_loop *l, const char *key, int64_t delay_ms)
{
	struct error err;
	if (workqueue_add(l->queue, key, loop_now_ms(l->loop), delay_ms, &err) < 0)
		log_warn(l->name, "a key is left out until its object changes", "key", key, "why",
			 err.text);
	schedule(l);
}

void control_loop_add(struct control_loop *l, const char *key)
{
	control_loop_add_after(l, key, 0);
}

/* ---- barriers ---- */

static struct barrier *barrier_of(struct control_loop *l, const char *key, bool make)
{
	struct barrier *b = map_get(&l->barriers, key);
	if (!b && make) {
		b = xcalloc(1, sizeof *b);
		(void)map_put(&l->barriers, key, b); /* was absent */
	}
	return b;
}

static void barrier_drop(struct control_loop *l, const char *key)
{
	free(map_remove(&l->barriers, key));
}

void work_wrote(struct work *w, struct cache *c, uint64_t revision)
{
	if (!c || revision == 0)
		return;
	struct barrier *b = barrier_of(w->owner, w->key, true);
	size_t i = 0;
	while (i < b->count && b->at[i].cache != c)
		i++;
	if (i == BARRIER_KINDS_MAX)
		i = 0; /* cannot happen with our controllers; the later write is the one to see */
	if (i == b->count)
		b->count++;
	b->at[i].cache = c;
	b->at[i].revision = MAX(b->at[i].revision, revision);
	b->since_ms = 0;
}

/* True when every write of the key is visible. Else it will be looked at again. */
static bool barrier_passed(struct control_loop *l, const char *key)
{
	struct barrier *b = barrier_of(l, key, false);
	if (!b)
		return true;
	size_t kept = 0;
	for (size_t i = 0; i < b->count; i++)
		if (!cache_reached(b->at[i].cache, b->at[i].revision))
			b->at[kept++] = b->at[i];
	b->count = kept;
	if (kept == 0) {
		barrier_drop(l, key);
		return true;
	}
	int64_t now_ms = loop_now_ms(l->loop);
	if (b->since_ms == 0)
		b->since_ms = now_ms;
	if (now_ms - b->since_ms >= CONTROL_LOOP_BARRIER_MS) {
		log_warn(l->name, "own write not seen for 5 s, listing the kind anew", "key", key);
		for (size_t i = 0; i < kept; i++)
			cache_relist(b->at[i].cache);
		b->since_ms = now_ms;
	}
	return false;
}

/* ---- a key in work ---- */

static void write_fini(struct work_write *write)
{
	free(write->take_target);
	json_decref(write->take_body);
	if (write->free_ctx)
		write->free_ctx(write->replied_ctx);
}

static void work_unlink(struct work *w)
{
	struct control_loop *l = w->owner;
	for (size_t i = 0; i < l->works_count; i++)
		if (l->works[i] == w) {
			l->works[i] = l->works[--l->works_count];
			return;
		}
}

static void work_free(struct work *w)
{
	for (size_t i = 0; i < w->calls_count; i++)
		if (w->calls[i].call)
			api_cancel(w->owner->api, w->calls[i].call);
	for (size_t i = 0; i < w->writes_count; i++)
		write_fini(&w->writes[i]);
	if (w->then && w->then_free)
		w->then_free(w->then_ctx);
	free(w->writes);
	free(w->calls);
	free(w->key);
	free(w);
}

static void work_end(struct work *w)
{
	struct control_loop *l = w->owner;
	int64_t now_ms = loop_now_ms(l->loop);
	work_unlink(w);
	workqueue_finish(l->queue, w->key, w->is_failed ? WORK_RETRY : WORK_DONE, now_ms);
	if (w->again_ms >= 0)
		control_loop_add_after(l, w->key, w->again_ms);
	work_free(w);
	schedule(l);
}

void work_step(struct work *w)
{
	while (!w->is_failed && w->calls_running == 0) {
		if (w->writes_started < w->writes_count) {
			work_start_batch(w);
			return;
		}
		if (!w->then)
			break;
		work_then_function *then = w->then;
		void *ctx = w->then_ctx;
		void (*free_ctx)(void *ctx) = w->then_free;
		w->then = NULL;
		then(ctx, w, w->key);
		if (free_ctx)
			free_ctx(ctx);
	}
	if (w->calls_running == 0)
		work_end(w);
}

static void begin(struct control_loop *l, const char *key)
{
	struct work *w = xcalloc(1, sizeof *w);
	*w = (struct work){ .owner = l, .key = xstrdup(key), .again_ms = -1, .batch = 1 };
	l->works[l->works_count++] = w;
	l->reconcile(l->ctx, w, w->key);
	work_step(w);
}

static bool are_needs_met(struct control_loop *l)
{
	if (l->are_needs_met)
		return true;
	for (size_t i = 0; i < l->needs_count; i++)
		if (!cache_is_synced(l->needs[i]))
			return false;
	l->are_needs_met = true;
	return true;
}

static void on_timer(void *ctx)
{
	struct control_loop *l = ctx;
	int64_t now_ms = loop_now_ms(l->loop);
	if (!are_needs_met(l))
		return; /* progressed() sets the timer again */
	/* One round of keys a turn: others on the loop get their share. */
	for (size_t i = 0; i < l->concurrency && l->works_count < l->concurrency; i++) {
		const char *key = workqueue_take(l->queue, now_ms);
		if (!key)
			break;
		if (barrier_passed(l, key)) {
			begin(l, key);
			continue;
		}
		auto_free char *waiting = xstrdup(key);
		workqueue_finish(l->queue, key, WORK_DONE, now_ms);
		(void)map_put(&l->parked, waiting, l); /* a set */
	}
	if (l->works_count < l->concurrency)
		schedule(l);
	if (l->parked.count > 0 && !loop_timer_is_set(l->barrier_timer))
		loop_timer_set(l->barrier_timer, CONTROL_LOOP_BARRIER_MS);
}

static void wake_parked(struct control_loop *l)
{
	if (l->parked.count == 0)
		return;
	const char **keys = map_sorted_keys(&l->parked);
	size_t n = l->parked.count;
	for (size_t i = 0; i < n; i++) {
		struct barrier *b = barrier_of(l, keys[i], false);
		bool is_late = b && loop_now_ms(l->loop) - b->since_ms >= CONTROL_LOOP_BARRIER_MS;
		bool is_reached = true;
		for (size_t k = 0; b && k < b->count; k++)
			is_reached &= cache_reached(b->at[k].cache, b->at[k].revision);
		if (!is_reached && !is_late)
			continue;
		auto_free char *key = xstrdup(keys[i]);
		control_loop_add(l, key);
		(void)map_remove(&l->parked, key);
	}
	free(keys);
}

static void on_progress(void *ctx)
{
	struct control_loop *l = ctx;
	if (!l->is_running)
		return;
	if (!l->are_needs_met)
		schedule(l);
	wake_parked(l);
}

static void on_barrier_timer(void *ctx)
{
	struct control_loop *l = ctx;
	wake_parked(l);
	if (l->parked.count > 0)
		loop_timer_set(l->barrier_timer, CONTROL_LOOP_BARRIER_MS);
}

/* ---- life ---- */

struct control_loop *control_loop_new(const struct control_loop_options *o)
{
	struct control_loop *l = xcalloc(1, sizeof *l);
	l->name = o->name;
	l->loop = o->loop;
	l->api = o->api;
	l->concurrency = o->concurrency ? o->concurrency : CONCURRENCY;
	l->reconcile = o->reconcile;
	l->ctx = o->ctx;
	l->queue = workqueue_new(o->keys_max ? o->keys_max : KEYS_MAX, o->seed);
	l->timer = loop_timer_new(o->loop, on_timer, l);
	l->barrier_timer = loop_timer_new(o->loop, on_barrier_timer, l);
	l->works = xcalloc(l->concurrency, sizeof(struct work *));
	return l;
}

void control_loop_free(struct control_loop *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->needs_count; i++)
		cache_unsubscribe(l->needs[i], l);
	for (size_t i = 0; i < l->works_count; i++)
		work_free(l->works[i]);
	free(l->works);
	loop_timer_free(l->timer);
	loop_timer_free(l->barrier_timer);
	workqueue_free(l->queue);
	const char *key;
	void *value;
	for (size_t i = 0; (i = map_next(&l->barriers, i, &key, &value)) != 0;)
		free(value);
	map_fini(&l->barriers);
	map_fini(&l->parked);
	free(l);
}

void control_loop_needs(struct control_loop *l, struct cache *c)
{
	for (size_t i = 0; i < l->needs_count; i++)
		if (l->needs[i] == c)
			return;
	assert(l->needs_count < CONTROL_LOOP_NEEDS_MAX);
	l->needs[l->needs_count++] = c;
	cache_subscribe(c, &(struct cache_subscriber){ .progressed = on_progress, .ctx = l });
}

void control_loop_run(struct control_loop *l)
{
	l->is_running = true;
	schedule(l);
}

bool control_loop_is_idle(const struct control_loop *l, int64_t horizon_ms)
{
	int64_t due_ms = workqueue_due_in_ms(l->queue, loop_now_ms(l->loop));
	return l->works_count == 0 && l->parked.count == 0 && (due_ms < 0 || due_ms > horizon_ms);
}
