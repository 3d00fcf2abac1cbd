#include "apiserver/hub.h"
#include "apiserver/hub_internal.h"
#include "common/io/log.h"

/* What nobody changes any more is kept so much longer than it must be. */
#define TRIM_EVERY_MS 15000

struct own_key {
	char *bytes;
	size_t len;
	uint64_t version;
};

/* ---- own keys ---- */

static void own_free(struct own_key *o)
{
	if (o)
		free(o->bytes);
	free(o);
}

static void own_set(struct hub *h, const struct store_item *item)
{
	if (!item->bytes) {
		own_free(map_remove(&h->own, item->key));
		return;
	}
	struct own_key *o = xcalloc(1, sizeof *o);
	*o = (struct own_key){ xmemdup(item->bytes, item->len), item->len, item->version };
	own_free(map_put(&h->own, item->key, o));
}

static void own_clear(struct hub *h)
{
	void *value;
	for (size_t i = 0; (i = map_next(&h->own, i, NULL, &value)) != 0;)
		own_free(value);
	map_fini(&h->own);
}

bool hub_own_key(const struct hub *h, const char *key, const char **ret_bytes, size_t *ret_len,
		 uint64_t *ret_version)
{
	const struct own_key *o = map_get(&h->own, key);
	if (!o)
		return false;
	*ret_bytes = o->bytes;
	*ret_len = o->len;
	*ret_version = o->version;
	return true;
}

/* ---- following the store ---- */

static void load_begin(void *ctx)
{
	struct hub *h = ctx;
	h->is_loaded = false;
	own_clear(h);
	map_fini(&h->unopened);
	h->unopened = (struct map){ 0 };
	for (size_t i = 0; i < h->kinds_count; i++) {
		index_fini(&h->kinds[i]->loading);
		h->kinds[i]->order_loading = 0;
		hub_stash_clear(h->kinds[i]);
	}
	h->object_bytes = 0;
}

struct object *hub_arrived(const struct hub *h, const struct schema_kind *kind, const char *key,
			   uint64_t version)
{
	struct object *o = index_get(hub_index(h, kind), key);
	return o && o->version == version ? object_ref(o) : NULL;
}

static struct object *first_expected(const struct hub *h)
{
	return h->expected_count ? h->expected[h->expected_first] : NULL;
}

static struct object *pop_expected(struct hub *h)
{
	struct object *o = first_expected(h);
	h->expected_first = (h->expected_first + 1) % HUB_EXPECTED_MAX;
	h->expected_count--;
	return o;
}

void hub_expect(struct hub *h, struct object *o)
{
	if (h->expected_count == HUB_EXPECTED_MAX)
		object_unref(pop_expected(h));
	size_t at = (h->expected_first + h->expected_count++) % HUB_EXPECTED_MAX;
	h->expected[at] = object_ref(o);
}

/* Answers and events have one order: what stands before the item's version will not come any more. */
static struct object *take_expected(struct hub *h, const struct store_item *item)
{
	struct object *o;
	while ((o = first_expected(h)) && o->version < item->version)
		object_unref(pop_expected(h));
	return o && o->version == item->version && streq(o->key, item->key) ? pop_expected(h)
									    : NULL;
}

static void load_item(void *ctx, const struct store_item *item)
{
	struct hub *h = ctx;
	struct hub_kind *k = hub_kind_of_key(h, item->key);
	if (!k) {
		own_set(h, item);
		return;
	}
	if (!k->kind) {
		hub_stash(k, item);
		return;
	}
	struct object *o = hub_object_of(h, k, item);
	if (!o)
		return;
	h->object_bytes += o->len;
	k->order_loading += o->has_order;
	object_unref(index_put(&k->loading, o));
}

static void tell(struct hub_kind *k)
{
	for (struct hub_watcher *w = k->watchers; w; w = w->next)
		w->changed(w);
}

static void load_end(void *ctx, uint64_t revision)
{
	struct hub *h = ctx;
	h->revision = revision;
	h->load_version = revision * STORE_PLACES + STORE_PLACES - 1;
	h->is_loaded = true;
	h->reloads++;
	for (size_t i = 0; i < h->kinds_count; i++) {
		struct hub_kind *k = h->kinds[i];
		index_fini(&k->index);
		k->index = k->loading;
		k->loading = (struct index){ 0 };
		k->order_count = k->order_loading;
		k->stash_version = h->load_version;
		ring_reset(&k->ring, h->load_version);
		if (k->kind && k->kind->custom)
			hub_mark_stale(h, k);
	}
	/* Whoever hears of a definition may set kinds. */
	for (size_t i = 0; i < h->kinds_count; i++)
		tell(h->kinds[i]);
	hub_wake_waiters(h);
}

static void remove_one(struct hub *h, struct hub_kind *k, const struct store_item *item)
{
	struct object *old = index_remove(&k->index, item->key);
	if (!old) {
		map_remove(&h->unopened, item->key);
		return;
	}
	h->object_bytes -= old->len;
	k->order_count -= old->has_order;
	struct object *last = take_expected(h, item);
	if (!last)
		last = old->len > HUB_COPIED_MAX ? object_ref(old)
						 : object_at_version(old, item->version);
	ring_add(&k->ring,
		 (struct hub_event){ HUB_DELETED, item->version, last, old, loop_now_ms(h->loop) });
}

struct object *hub_event_object(const struct hub_event *e)
{
	return e->now->version == e->version ? object_ref(e->now)
					     : object_at_version(e->now, e->version);
}

static void put_one(struct hub *h, struct hub_kind *k, const struct store_item *item)
{
	struct object *o = take_expected(h, item);
	if (o)
		o->schema_revision = item->schema_revision;
	if (o && k->kind->custom && !hub_is_current(o, k->kind))
		object_unref(TAKE(o)); /* its definition has changed meanwhile */
	o = o ? o : hub_object_of(h, k, item);
	if (!o)
		return;
	o->sealed_by = item->sealed_by;
	struct object *old = index_put(&k->index, object_ref(o));
	k->order_count += (size_t)o->has_order - (old ? old->has_order : 0);
	h->object_bytes += o->len - (old ? old->len : 0);
	ring_add(&k->ring, (struct hub_event){ old ? HUB_MODIFIED : HUB_ADDED, item->version, o,
					       old, loop_now_ms(h->loop) });
}

static void events(void *ctx, const struct store_item *items, size_t count, uint64_t revision)
{
	struct hub *h = ctx;
	for (size_t i = 0; i < count; i++) {
		struct hub_kind *k = hub_kind_of_key(h, items[i].key);
		if (!k) {
			own_set(h, &items[i]);
			continue;
		}
		if (!k->kind)
			hub_stash(k, &items[i]);
		else if (items[i].bytes)
			put_one(h, k, &items[i]);
		else
			remove_one(h, k, &items[i]);
		k->is_changed = true;
		h->events_total++;
	}
	h->revision = revision;
	for (size_t i = 0; i < h->kinds_count; i++) {
		struct hub_kind *k = h->kinds[i];
		if (!k->is_changed)
			continue;
		k->is_changed = false;
		ring_trim(&k->ring, loop_now_ms(h->loop));
		tell(k);
	}
	hub_wake_waiters(h);
}

static void connection(void *ctx, bool is_up, const char *why)
{
	(void)ctx;
	if (is_up)
		log_info("store", "following etcd");
	else
		log_warn("store", "etcd does not answer; serving what is known, retrying", "error",
			 why);
}

static const struct store_follower follower = {
	.load_begin = load_begin,
	.load_item = load_item,
	.load_end = load_end,
	.events = events,
	.connection = connection,
};

static void trim_all(void *ctx)
{
	struct hub *h = ctx;
	for (size_t i = 0; i < h->kinds_count; i++)
		ring_trim(&h->kinds[i]->ring, loop_now_ms(h->loop));
	loop_timer_set(h->trim, TRIM_EVERY_MS);
}

struct hub *hub_new(struct loop *loop, struct store *store, const struct kinds *kinds,
		    const struct seal *seal)
{
	struct hub *h = xcalloc(1, sizeof *h);
	*h = (struct hub){ .loop = loop, .store = store, .seal = seal, .served = kinds };
	hub_kinds_init(h);
	hub_waits_init(h);
	h->trim = loop_timer_new(loop, trim_all, h);
	loop_timer_set(h->trim, TRIM_EVERY_MS);
	store_follow(store, &follower, h);
	return h;
}

void hub_free(struct hub *h)
{
	if (!h)
		return;
	hub_waits_fini(h);
	hub_kinds_fini(h);
	while (h->expected_count)
		object_unref(pop_expected(h));
	own_clear(h);
	map_fini(&h->unopened);
	loop_timer_free(h->trim);
	free(h);
}

/* ---- reading ---- */

bool hub_is_loaded(const struct hub *h)
{
	return h->is_loaded;
}

uint64_t hub_revision(const struct hub *h)
{
	return h->revision;
}

uint64_t hub_version(const struct hub *h)
{
	return h->revision * STORE_PLACES + STORE_PLACES - 1;
}

const struct index *hub_index(const struct hub *h, const struct schema_kind *kind)
{
	return &hub_kind_of(h, kind)->index;
}

/* object_key() without allocation, for every read does it; false: too long. */
static bool short_key(char key[STORE_KEY_MAX + 1], const struct schema_kind *kind, const char *ns,
		      const char *name)
{
	const struct schema_kind *stored = schema_storage(kind);
	const char *parts[] = { "o", *stored->group ? stored->group : "core", stored->resource, ns,
				name };
	size_t at = 0;
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		size_t n = strlen(parts[i]);
		if (n + 2 > STORE_KEY_MAX - at)
			return false;
		memcpy(key + at, parts[i], n);
		at += n;
		key[at++] = '/';
	}
	key[at - 1] = '\0';
	return true;
}

struct object *hub_get(const struct hub *h, const struct schema_kind *kind, const char *ns,
		       const char *name)
{
	char key[STORE_KEY_MAX + 1];
	const struct index *x = hub_index(h, kind);
	if (short_key(key, kind, ns ? ns : "", name))
		return index_get(x, key);
	auto_free char *long_key = object_key(kind, ns, name);
	return index_get(x, long_key);
}

bool hub_is_unopened(const struct hub *h, const struct schema_kind *kind, const char *ns,
		     const char *name)
{
	if (!h->unopened.count)
		return false;
	auto_free char *key = object_key(kind, ns ? ns : "", name);
	return map_get(&h->unopened, key) != NULL;
}

bool hub_has_order(const struct hub *h, const struct schema_kind *kind)
{
	return hub_kind_of(h, kind)->order_count > 0;
}

void hub_watch(struct hub *h, const struct schema_kind *kind, struct hub_watcher *w)
{
	struct hub_kind *k = hub_kind_of(h, kind);
	w->prev = NULL;
	w->next = k->watchers;
	if (w->next)
		w->next->prev = w;
	k->watchers = w;
}

void hub_unwatch(struct hub *h, const struct schema_kind *kind, struct hub_watcher *w)
{
	struct hub_kind *k = hub_kind_of(h, kind);
	if (w->prev)
		w->prev->next = w->next;
	else
		k->watchers = w->next;
	if (w->next)
		w->next->prev = w->prev;
}

bool hub_events_after(const struct hub *h, const struct schema_kind *kind, uint64_t version,
		      uint64_t *ret_seq)
{
	return ring_after(&hub_kind_of(h, kind)->ring, version, ret_seq);
}

const struct hub_event *hub_event_at(const struct hub *h, const struct schema_kind *kind,
				     uint64_t seq, bool *ret_lost)
{
	return ring_at(&hub_kind_of(h, kind)->ring, seq, ret_lost);
}

void hub_counts(const struct hub *h, struct hub_counts *ret)
{
	*ret = (struct hub_counts){ .object_bytes = h->object_bytes,
				    .events_total = h->events_total,
				    .reloads = h->reloads };
	for (size_t i = 0; i < h->kinds_count; i++) {
		const struct hub_kind *k = h->kinds[i];
		ret->objects += k->index.count;
		ret->events += k->ring.count;
		ret->event_bytes += k->ring.bytes;
		for (const struct hub_watcher *w = k->watchers; w; w = w->next)
			ret->watchers++;
	}
	ret->waiting = hub_waiting(h);
}
