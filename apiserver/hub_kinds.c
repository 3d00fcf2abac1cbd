/* Which kind an object key is of, and what becomes of the objects when a custom kind comes, changes or
 * goes. */
#include "apiserver/derive.h"
#include "apiserver/hub_internal.h"
#include "apiserver/seal.h"
#include "common/io/log.h"

#define RAW_BYTES_MAX (16u << 20)
#define DERIVE_LOOKED 2000        /* in one turn */
#define DERIVE_BYTES  (32u << 10) /* made anew in one turn: about a millisecond */

/* An object whose kind is not known: what the store said of it. */
struct hub_stashed {
	char *bytes;
	size_t len;
	uint64_t version;
	uint32_t schema_revision;
	uint8_t sealed_by;
};

/* ---- finding ---- */

static struct hub_kind *kind_new(struct hub *h, const char *prefix)
{
	struct hub_kind *k = xcalloc(1, sizeof *k);
	k->place = SIZE_MAX;
	k->stash_version = h->load_version;
	h->kinds = xrealloc(h->kinds, h->kinds_count + 1, sizeof *h->kinds);
	h->kinds[h->kinds_count++] = k;
	map_put(&h->by_prefix, prefix, k);
	return k;
}

struct hub_kind *hub_kind_of(const struct hub *h, const struct schema_kind *kind)
{
	size_t place = kind_place(kind);
	assert(place < h->places && h->by_place[place]); /* every kind has a place */
	return h->by_place[place];
}

/* "o/core/pods/ns/name": the kind of "o/core/pods". */
struct hub_kind *hub_kind_of_key(struct hub *h, const char *key)
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
	struct hub_kind *k = map_get(&h->by_prefix, prefix);
	return k ? k : kind_new(h, prefix);
}

static char *prefix_of(const struct schema_kind *k)
{
	return xasprintf("o/%s/%s", *k->group ? k->group : "core", k->resource);
}

static struct hub_kind *kind_at_place(struct hub *h, size_t place)
{
	const struct schema_kind *stored = kinds_stored(h->served, place);
	if (place >= h->places) {
		h->by_place = xrealloc(h->by_place, place + 1, sizeof *h->by_place);
		while (h->places <= place)
			h->by_place[h->places++] = NULL;
	}
	if (!h->by_place[place] && stored) {
		auto_free char *prefix = prefix_of(stored);
		struct hub_kind *k = map_get(&h->by_prefix, prefix);
		if (!k)
			k = kind_new(h, prefix);
		k->place = place;
		h->by_place[place] = k;
	}
	return h->by_place[place];
}

void hub_kinds_init(struct hub *h)
{
	for (size_t place = 0; place < kinds_places(h->served); place++) {
		struct hub_kind *k = kind_at_place(h, place);
		if (k) /* else its objects are another version's */
			k->kind = kinds_stored(h->served, place);
	}
}

void hub_kinds_fini(struct hub *h)
{
	for (size_t i = 0; i < h->kinds_count; i++) {
		struct hub_kind *k = h->kinds[i];
		index_fini(&k->index);
		index_fini(&k->loading);
		ring_fini(&k->ring);
		hub_stash_clear(k);
		free(k->stale_at);
		free(k);
	}
	map_fini(&h->by_prefix);
	loop_timer_free(h->derive);
	free(h->by_place);
	free(h->kinds);
}

/* ---- bytes whose kind is not known ---- */

static void stashed_free(struct hub_stashed *s)
{
	if (s)
		free(s->bytes);
	free(s);
}

static void stash_put(struct hub_kind *k, const char *key, const struct store_item *item)
{
	struct hub_stashed *s = xcalloc(1, sizeof *s);
	*s = (struct hub_stashed){ .bytes = xmemdup(item->bytes, item->len),
				   .len = item->len,
				   .version = item->version,
				   .schema_revision = item->schema_revision,
				   .sealed_by = item->sealed_by };
	stashed_free(map_put(&k->stash, key, s));
}

void hub_stash(struct hub_kind *k, const struct store_item *item)
{
	k->stash_version = MAX(k->stash_version, item->version);
	if (item->bytes)
		stash_put(k, item->key, item);
	else
		stashed_free(map_remove(&k->stash, item->key));
}

void hub_stash_clear(struct hub_kind *k)
{
	void *value;
	for (size_t i = 0; (i = map_next(&k->stash, i, NULL, &value)) != 0;)
		stashed_free(value);
	map_fini(&k->stash);
	k->stash = (struct map){ 0 };
}

/* ---- objects ---- */

bool hub_is_current(const struct object *o, const struct schema_kind *kind)
{
	return o->kind == kind && o->schema_revision == kind->revision &&
	       o->field_labels == kind->indexed_labels;
}

static struct object *open_item(struct hub *h, struct hub_kind *k, const struct store_item *item)
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
		o->schema_revision = item->schema_revision;
		return o;
	}
	log_error("hub", "object left out", "key", item->key, "error", err.text);
	map_put(&h->unopened, item->key, h);
	return NULL;
}

struct object *hub_object_of(struct hub *h, struct hub_kind *k, const struct store_item *item)
{
	if (h->unopened.count)
		map_remove(&h->unopened, item->key);
	struct object *o = open_item(h, k, item);
	/* While all is loaded, what is stale is left for the turns that follow. */
	if (!o || !k->kind->custom || !h->is_loaded || hub_is_current(o, k->kind))
		return o;
	struct object *derived = object_derived(h->served, k->place, o);
	object_unref(o);
	return derived;
}

/* ---- made anew, some a turn ---- */

static void derive_one(struct hub *h, struct hub_kind *k, struct object *o)
{
	struct object *derived = object_derived(h->served, k->place, o);
	h->object_bytes += derived->len;
	h->object_bytes -= o->len;
	object_unref(index_put(&k->index, derived));
}

static void stand_at(struct hub_kind *k, const char *key)
{
	free(k->stale_at);
	k->stale_at = key ? xstrdup(key) : NULL;
}

/* The next stale object from k->stale_at on, a reference; NULL: none among those looked at. */
static struct object *next_stale(struct hub_kind *k, int *looked)
{
	struct index_cursor at = index_seek(&k->index, k->stale_at);
	for (struct object *o; (o = index_next(&k->index, &at)); (*looked)++) {
		bool is_stale = !hub_is_current(o, k->kind);
		if (!is_stale && *looked < DERIVE_LOOKED)
			continue;
		stand_at(k, o->key);
		return is_stale ? object_ref(o) : NULL;
	}
	k->is_stale = false;
	stand_at(k, NULL);
	return NULL;
}

static void derive_some(struct hub *h, struct hub_kind *k)
{
	int looked = 0;
	size_t bytes = 0;
	struct object *o;
	while (bytes < DERIVE_BYTES && (o = next_stale(k, &looked))) {
		bytes += o->len;
		derive_one(h, k, o);
		object_unref(o);
	}
}

static void derive_turn(void *ctx)
{
	struct hub *h = ctx;
	bool is_over = true;
	for (size_t i = 0; i < h->kinds_count; i++) {
		struct hub_kind *k = h->kinds[i];
		if (k->is_stale && is_over) /* one kind a turn */
			derive_some(h, k);
		is_over = is_over && !k->is_stale;
	}
	if (!is_over)
		loop_timer_set(h->derive, 0);
}

void hub_mark_stale(struct hub *h, struct hub_kind *k)
{
	k->is_stale = true;
	stand_at(k, NULL);
	if (!h->derive)
		h->derive = loop_timer_new(h->loop, derive_turn, h);
	loop_timer_set(h->derive, 0);
}

/* ---- kinds come and go ---- */

static void unstash(struct hub *h, struct hub_kind *k)
{
	const char **keys = map_sorted_keys(&k->stash); /* in order, chunks pack densely */
	for (size_t i = 0; i < k->stash.count; i++) {
		const struct hub_stashed *s = map_get(&k->stash, keys[i]);
		const struct store_item item = { .key = keys[i],
						 .bytes = s->bytes,
						 .len = s->len,
						 .version = s->version,
						 .schema_revision = s->schema_revision,
						 .sealed_by = s->sealed_by };
		struct object *o = open_item(h, k, &item);
		if (!o)
			continue;
		h->object_bytes += o->len;
		k->order_count += o->has_order;
		object_unref(index_put(&k->index, o));
	}
	free(keys);
	hub_stash_clear(k);
}

void hub_set_kind(struct hub *h, size_t place)
{
	struct hub_kind *k = kind_at_place(h, place);
	assert(k);
	bool is_new = !k->kind;
	k->kind = kinds_stored(h->served, place);
	if (is_new) {
		/* A watch may begin where nothing has happened that the ring does not know. */
		ring_reset(&k->ring, k->stash_version);
		unstash(h, k);
	}
	hub_mark_stale(h, k);
}

void hub_drop_kind(struct hub *h, size_t place)
{
	struct hub_kind *k = place < h->places ? h->by_place[place] : NULL;
	if (!k || !k->kind)
		return;
	struct index_cursor at = index_seek(&k->index, NULL);
	for (struct object *o; (o = index_next(&k->index, &at));) {
		AUTO_STR bytes;
		str_init(&bytes, RAW_BYTES_MAX);
		const struct object *raw = o->raw ? o->raw : o;
		object_stored_bytes(raw, &bytes);
		const struct store_item item = { .key = o->key,
						 .bytes = bytes.data,
						 .len = bytes.len,
						 .version = o->version,
						 .schema_revision = raw->schema_revision };
		hub_stash(k, &item);
		h->object_bytes -= o->len;
	}
	index_fini(&k->index);
	k->index = (struct index){ 0 };
	k->order_count = 0;
	k->stash_version = MAX(k->stash_version, h->revision * STORE_PLACES + STORE_PLACES - 1);
	/* The ring stays: watchers are still to hear what happened. */
	k->kind = NULL;
	k->is_stale = false;
	for (struct hub_watcher *w = k->watchers; w; w = w->next)
		w->changed(w);
}
