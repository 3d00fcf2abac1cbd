#include "apiserver/hub.h"
#include "apiserver/ring.h"
#include "apiserver/seal.h"
#include "common/base/map.h"
#include "common/io/log.h"

struct hub_kind {
	const struct schema_kind *kind;
	struct index index, loading;
	struct ring ring;
	struct hub_watcher *watchers;
	size_t order_count, order_loading; /* objects that say what they depend on */
	bool is_changed;
};

#define EXPECTED_MAX 64 /* events come a moment after the answers of their writes */

struct own_key {
	char *bytes;
	size_t len;
	uint64_t version;
};

struct waiter {
	struct hub *hub;
	struct waiter *next, **link;
	uint64_t revision;
	bool is_probing;
	struct error err; /* code 0: reached */
	struct loop_timer *timer;
	hub_reached *reached;
	void *ctx;
};

struct hub {
	struct loop *loop;
	struct store *store;
	const struct seal *seal;
	struct hub_kind *kinds; /* as schema_kind_at */
	size_t kinds_count;
	struct map by_prefix; /* "o/apps/deployments" → struct hub_kind */
	struct map own;       /* key → struct own_key */
	uint64_t revision;
	bool is_loaded;
	struct waiter *waiters;
	struct loop_timer *trim;
	struct object *expected[EXPECTED_MAX]; /* by version; may hold some that came another way */
	size_t object_bytes;
	uint64_t events_total, reloads;
};

/* ---- kinds and own keys ---- */

static struct hub_kind *kind_of(const struct hub *h, const struct schema_kind *kind)
{
	const struct schema_kind *stored = schema_storage(kind);
	for (size_t i = 0; i < h->kinds_count; i++)
		if (h->kinds[i].kind == stored)
			return &h->kinds[i];
	abort(); /* every kind has a place */
}

/* "o/core/pods/ns/name" → the kind of "o/core/pods"; NULL: not an object of ours. */
static struct hub_kind *kind_of_key(const struct hub *h, const char *key)
{
	if (!starts_with(key, "o/"))
		return NULL;
	const char *p = strchr(key + 2, '/');
	p = p ? strchr(p + 1, '/') : NULL;
	char prefix[STORE_KEY_MAX];
	size_t n = p ? (size_t)(p - key) : sizeof prefix;
	if (n >= sizeof prefix)
		return NULL;
	memcpy(prefix, key, n);
	prefix[n] = '\0';
	return map_get(&h->by_prefix, prefix);
}

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

/* ---- waiting for a revision ---- */

static void waiter_fires(void *ctx)
{
	struct waiter *w = ctx;
	bool timed_out = w->err.code == 0 && (w->is_probing || w->revision > w->hub->revision);
	if (timed_out)
		error_set(&w->err, ERR_LIMIT, "the cache is at revision %llu, not yet at %llu",
			  (unsigned long long)w->hub->revision, (unsigned long long)w->revision);
	if (w->is_probing && timed_out) {
		/* The probe's answer still comes and finds nobody to tell. */
		w->reached(w->ctx, &w->err);
		w->reached = NULL;
		return;
	}
	if (w->link) {
		*w->link = w->next;
		if (w->next)
			w->next->link = w->link;
	}
	if (w->reached)
		w->reached(w->ctx, w->err.code ? &w->err : NULL);
	loop_timer_free(w->timer);
	free(w);
}

static void wake_waiters(struct hub *h)
{
	for (struct waiter *w = h->waiters; w; w = w->next)
		if (!w->is_probing && w->revision <= h->revision)
			loop_timer_set(w->timer, 0);
}

static struct waiter *waiter_new(struct hub *h, int64_t timeout_ms, hub_reached *reached, void *ctx)
{
	struct waiter *w = xcalloc(1, sizeof *w);
	*w = (struct waiter){ .hub = h, .reached = reached, .ctx = ctx };
	w->timer = loop_timer_new(h->loop, waiter_fires, w);
	loop_timer_set(w->timer, timeout_ms);
	w->next = h->waiters;
	w->link = &h->waiters;
	if (w->next)
		w->next->link = &w->next;
	h->waiters = w;
	return w;
}

void hub_when(struct hub *h, uint64_t revision, int64_t timeout_ms, hub_reached *reached, void *ctx)
{
	bool there = h->is_loaded && revision <= h->revision;
	struct waiter *w = waiter_new(h, there ? 0 : timeout_ms, reached, ctx);
	w->revision = revision;
}

static void probed(void *ctx, uint64_t revision, const struct error *err)
{
	struct waiter *w = ctx;
	w->is_probing = false;
	w->revision = revision;
	if (err)
		w->err = *err;
	if (err || !w->reached || (w->hub->is_loaded && revision <= w->hub->revision))
		loop_timer_set(w->timer, 0);
}

void hub_when_fresh(struct hub *h, hub_reached *reached, void *ctx)
{
	struct waiter *w = waiter_new(h, HUB_WAIT_MAX_MS, reached, ctx);
	w->is_probing = true;
	store_probe(h->store, probed, w);
}

/* ---- following the store ---- */

static void load_begin(void *ctx)
{
	struct hub *h = ctx;
	h->is_loaded = false;
	own_clear(h);
	for (size_t i = 0; i < h->kinds_count; i++) {
		index_fini(&h->kinds[i].loading);
		h->kinds[i].order_loading = 0;
	}
	h->object_bytes = 0;
}

struct object *hub_arrived(const struct hub *h, const struct schema_kind *kind, const char *key,
			   uint64_t version)
{
	struct object *o = index_get(hub_index(h, kind), key);
	return o && o->version == version ? object_ref(o) : NULL;
}

void hub_expect(struct hub *h, struct object *o)
{
	struct object **slot = &h->expected[o->version % EXPECTED_MAX];
	object_unref(*slot);
	*slot = object_ref(o);
}

static struct object *take_expected(struct hub *h, const struct store_item *item)
{
	struct object **slot = &h->expected[item->version % EXPECTED_MAX];
	if (!*slot || (*slot)->version != item->version || !streq((*slot)->key, item->key))
		return NULL;
	return TAKE(*slot);
}

static struct object *object_of(const struct hub *h, const struct hub_kind *k,
				const struct store_item *item)
{
	struct object *o = NULL;
	struct error err;
	AUTO_STR plain = { .max = 0 };
	const void *bytes = item->bytes;
	size_t len = item->len;
	int code = 0;
	if (item->sealed_by) {
		str_init(&plain, item->len);
		code = seal_open(h->seal, item->sealed_by, item->key, bytes, len, &plain, &err);
		bytes = plain.data;
		len = plain.len;
	}
	if (code == 0)
		code = object_new(k->kind, item->key, bytes, len, item->version, &o, &err);
	if (code == 0) {
		o->sealed_by = item->sealed_by;
		return o;
	}
	log_error("hub", "object left out", "key", item->key, "error", err.text);
	return NULL;
}

static void load_item(void *ctx, const struct store_item *item)
{
	struct hub *h = ctx;
	struct hub_kind *k = kind_of_key(h, item->key);
	if (!k) {
		own_set(h, item);
		return;
	}
	struct object *o = object_of(h, k, item);
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
	h->is_loaded = true;
	h->reloads++;
	for (size_t i = 0; i < h->kinds_count; i++) {
		struct hub_kind *k = &h->kinds[i];
		index_fini(&k->index);
		k->index = k->loading;
		k->loading = (struct index){ 0 };
		k->order_count = k->order_loading;
		ring_reset(&k->ring, revision * STORE_PLACES + STORE_PLACES - 1);
		tell(k);
	}
	wake_waiters(h);
}

static void remove_one(struct hub *h, struct hub_kind *k, const struct store_item *item)
{
	struct object *old = index_remove(&k->index, item->key);
	if (!old)
		return;
	h->object_bytes -= old->len;
	k->order_count -= old->has_order;
	struct object *last = take_expected(h, item);
	last = last ? last : object_at_version(old, item->version);
	ring_add(&k->ring,
		 (struct hub_event){ HUB_DELETED, item->version, last, old, loop_now_ms(h->loop) });
}

static void put_one(struct hub *h, struct hub_kind *k, const struct store_item *item)
{
	struct object *o = take_expected(h, item);
	o = o ? o : object_of(h, k, item);
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
		struct hub_kind *k = kind_of_key(h, items[i].key);
		if (!k) {
			own_set(h, &items[i]);
			continue;
		}
		if (items[i].bytes)
			put_one(h, k, &items[i]);
		else
			remove_one(h, k, &items[i]);
		k->is_changed = true;
		h->events_total++;
	}
	h->revision = revision;
	for (size_t i = 0; i < h->kinds_count; i++) {
		struct hub_kind *k = &h->kinds[i];
		if (!k->is_changed)
			continue;
		k->is_changed = false;
		ring_trim(&k->ring, loop_now_ms(h->loop));
		tell(k);
	}
	wake_waiters(h);
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
		ring_trim(&h->kinds[i].ring, loop_now_ms(h->loop));
	loop_timer_set(h->trim, HUB_KEEP_MS);
}

struct hub *hub_new(struct loop *loop, struct store *store, const struct seal *seal)
{
	struct hub *h = xcalloc(1, sizeof *h);
	*h = (struct hub){
		.loop = loop, .store = store, .seal = seal, .kinds_count = schema_kinds_count()
	};
	h->kinds = xcalloc(h->kinds_count, sizeof *h->kinds);
	for (size_t i = 0; i < h->kinds_count; i++) {
		const struct schema_kind *k = schema_kind_at(i);
		h->kinds[i].kind = k;
		auto_free char *prefix =
			xasprintf("o/%s/%s", *k->group ? k->group : "core", k->resource);
		if (!k->storage) /* else its objects are another version's */
			map_put(&h->by_prefix, prefix, &h->kinds[i]);
	}
	h->trim = loop_timer_new(loop, trim_all, h);
	loop_timer_set(h->trim, HUB_KEEP_MS);
	store_follow(store, &follower, h);
	return h;
}

void hub_free(struct hub *h)
{
	if (!h)
		return;
	while (h->waiters) {
		struct waiter *w = h->waiters;
		h->waiters = w->next;
		loop_timer_free(w->timer);
		free(w);
	}
	for (size_t i = 0; i < h->kinds_count; i++) {
		index_fini(&h->kinds[i].index);
		index_fini(&h->kinds[i].loading);
		ring_fini(&h->kinds[i].ring);
	}
	for (size_t i = 0; i < EXPECTED_MAX; i++)
		object_unref(h->expected[i]);
	own_clear(h);
	map_fini(&h->by_prefix);
	loop_timer_free(h->trim);
	free(h->kinds);
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
	return &kind_of(h, kind)->index;
}

struct object *hub_get(const struct hub *h, const struct schema_kind *kind, const char *ns,
		       const char *name)
{
	auto_free char *key = object_key(kind, ns, name);
	return index_get(hub_index(h, kind), key);
}

bool hub_has_order(const struct hub *h, const struct schema_kind *kind)
{
	return kind_of(h, kind)->order_count > 0;
}

void hub_watch(struct hub *h, const struct schema_kind *kind, struct hub_watcher *w)
{
	struct hub_kind *k = kind_of(h, kind);
	w->prev = NULL;
	w->next = k->watchers;
	if (w->next)
		w->next->prev = w;
	k->watchers = w;
}

void hub_unwatch(struct hub *h, const struct schema_kind *kind, struct hub_watcher *w)
{
	struct hub_kind *k = kind_of(h, kind);
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
	return ring_after(&kind_of(h, kind)->ring, version, ret_seq);
}

const struct hub_event *hub_event_at(const struct hub *h, const struct schema_kind *kind,
				     uint64_t seq, bool *ret_lost)
{
	return ring_at(&kind_of(h, kind)->ring, seq, ret_lost);
}

void hub_counts(const struct hub *h, struct hub_counts *ret)
{
	*ret = (struct hub_counts){ .object_bytes = h->object_bytes,
				    .events_total = h->events_total,
				    .reloads = h->reloads };
	for (size_t i = 0; i < h->kinds_count; i++) {
		const struct hub_kind *k = &h->kinds[i];
		ret->objects += k->index.count;
		ret->events += k->ring.count;
		ret->event_bytes += k->ring.bytes;
		for (const struct hub_watcher *w = k->watchers; w; w = w->next)
			ret->watchers++;
	}
	for (const struct waiter *w = h->waiters; w; w = w->next)
		ret->waiting++;
}
