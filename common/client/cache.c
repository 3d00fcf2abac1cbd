#include "common/client/cache.h"

#include "common/base/map.h"

#include <stdio.h>

#define VALUES_MAX 64

struct bucket {
	struct cache_entry **at; /* in key order */
	size_t count, size;
};

struct index {
	cache_index_function *values_of;
	struct map buckets; /* value → struct bucket */
};

struct cache {
	struct bucket all;
	size_t objects_max;
	struct index indexes[CACHE_INDEXES_MAX];
	size_t indexes_count;
	struct cache_subscriber subscribers[CACHE_SUBSCRIBERS_MAX];
	size_t subscribers_count;
	uint64_t revision;
	uint64_t round;
	bool is_synced;
	void (*relist)(void *ctx);
	void *relist_ctx;
};

struct cache_values {
	const char *at[VALUES_MAX];
	size_t count;
};

void cache_value_add(struct cache_values *out, const char *value)
{
	for (size_t i = 0; i < out->count; i++)
		if (streq(out->at[i], value))
			return;
	if (out->count < VALUES_MAX)
		out->at[out->count++] = value;
}

static size_t lower_bound(const struct bucket *b, const char *key)
{
	size_t low = 0, high = b->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (strcmp(b->at[middle]->key, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct cache_entry *find(const struct bucket *b, const char *key)
{
	size_t i = lower_bound(b, key);
	return i < b->count && streq(b->at[i]->key, key) ? b->at[i] : NULL;
}

static void bucket_add(struct bucket *b, struct cache_entry *e)
{
	/* Lists come in key order: the end is the usual place. */
	size_t i = b->count;
	if (i > 0 && strcmp(b->at[i - 1]->key, e->key) > 0)
		i = lower_bound(b, e->key);
	if (b->count == b->size) {
		b->size = b->size ? 2 * b->size : 4;
		b->at = xrealloc(b->at, b->size, sizeof(struct cache_entry *));
	}
	memmove(b->at + i + 1, b->at + i, (b->count - i) * sizeof(struct cache_entry *));
	b->at[i] = e;
	b->count++;
}

static void bucket_remove(struct bucket *b, const char *key)
{
	size_t i = lower_bound(b, key);
	assert(i < b->count && streq(b->at[i]->key, key));
	b->count--;
	memmove(b->at + i, b->at + i + 1, (b->count - i) * sizeof(struct cache_entry *));
}

static void index_add(struct index *x, struct cache_entry *e)
{
	struct cache_values values = { .count = 0 };
	x->values_of(e->tree, &values);
	for (size_t i = 0; i < values.count; i++) {
		struct bucket *b = map_get(&x->buckets, values.at[i]);
		if (!b) {
			b = xcalloc(1, sizeof *b);
			(void)map_put(&x->buckets, values.at[i], b); /* was absent */
		}
		bucket_add(b, e);
	}
}

static void index_remove(struct index *x, const struct cache_entry *e)
{
	struct cache_values values = { .count = 0 };
	x->values_of(e->tree, &values);
	for (size_t i = 0; i < values.count; i++) {
		struct bucket *b = map_get(&x->buckets, values.at[i]);
		assert(b);
		bucket_remove(b, e->key);
		if (b->count > 0)
			continue;
		(void)map_remove(&x->buckets, values.at[i]); /* it is b */
		free(b->at);
		free(b);
	}
}

static void index_fini(struct index *x)
{
	const char *value;
	void *found;
	for (size_t i = 0; (i = map_next(&x->buckets, i, &value, &found)) != 0;) {
		struct bucket *b = found;
		free(b->at);
		free(b);
	}
	map_fini(&x->buckets);
}

static void entry_free(struct cache_entry *e)
{
	json_decref(e->tree);
	free(e->key);
	free(e);
}

struct cache *cache_new(size_t objects_max)
{
	assert(objects_max > 0);
	struct cache *c = xcalloc(1, sizeof *c);
	c->objects_max = objects_max;
	return c;
}

void cache_free(struct cache *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->indexes_count; i++)
		index_fini(&c->indexes[i]);
	for (size_t i = 0; i < c->all.count; i++)
		entry_free(c->all.at[i]);
	free(c->all.at);
	free(c);
}

int cache_add_index(struct cache *c, cache_index_function *values_of)
{
	assert(c->all.count == 0);
	for (size_t i = 0; i < c->indexes_count; i++)
		if (c->indexes[i].values_of == values_of)
			return (int)i;
	assert(c->indexes_count < CACHE_INDEXES_MAX);
	c->indexes[c->indexes_count].values_of = values_of;
	return (int)c->indexes_count++;
}

static void add_owners(const json_t *tree, struct cache_values *out, bool only_controller)
{
	size_t i;
	json_t *owner;
	json_array_foreach (json_dig(tree, "metadata.ownerReferences"), i, owner) {
		const char *uid = json_str(owner, "uid");
		if (uid && (!only_controller || json_bool_or(owner, "controller", false)))
			cache_value_add(out, uid);
	}
}

void cache_by_owner_uid(const json_t *tree, struct cache_values *out)
{
	add_owners(tree, out, false);
}

void cache_by_controller_uid(const json_t *tree, struct cache_values *out)
{
	add_owners(tree, out, true);
}

void cache_by_node(const json_t *tree, struct cache_values *out)
{
	cache_value_add(out, json_str_or(tree, "spec.nodeName", ""));
}

void cache_by_uid(const json_t *tree, struct cache_values *out)
{
	cache_value_add(out, json_str_or(tree, "metadata.uid", ""));
}

json_t *cache_get(const struct cache *c, const char *key)
{
	struct cache_entry *e = find(&c->all, key);
	return e ? e->tree : NULL;
}

json_t *cache_get_at(const struct cache *c, const char *ns, const char *name)
{
	auto_free char *key = cache_key(ns, name);
	return cache_get(c, key);
}

size_t cache_count(const struct cache *c)
{
	return c->all.count;
}

struct cache_range cache_all(const struct cache *c)
{
	return (struct cache_range){ c->all.at, c->all.count };
}

struct cache_range cache_in_namespace(const struct cache *c, const char *ns)
{
	auto_free char *from = xasprintf("%s/", ns);
	auto_free char *to = xasprintf("%s0", ns); /* '0' follows '/' */
	size_t first = lower_bound(&c->all, from);
	size_t end = lower_bound(&c->all, to);
	if (end <= first)
		return (struct cache_range){ NULL, 0 };
	return (struct cache_range){ c->all.at + first, end - first };
}

struct cache_range cache_indexed(const struct cache *c, int index, const char *value)
{
	assert(index >= 0 && (size_t)index < c->indexes_count);
	const struct bucket *b = map_get(&c->indexes[index].buckets, value);
	if (!b)
		return (struct cache_range){ NULL, 0 };
	return (struct cache_range){ b->at, b->count };
}

char *cache_key(const char *ns, const char *name)
{
	return ns && *ns ? xasprintf("%s/%s", ns, name) : xstrdup(name);
}

char *cache_key_of(const json_t *tree)
{
	return cache_key(json_str(tree, "metadata.namespace"),
			 json_str_or(tree, "metadata.name", ""));
}

const char *cache_key_split(const char *key, char ns[256])
{
	const char *slash = strchr(key, '/');
	ns[0] = '\0';
	if (!slash)
		return key;
	size_t n = MIN((size_t)(slash - key), (size_t)255);
	memcpy(ns, key, n);
	ns[n] = '\0';
	return slash + 1;
}

bool cache_is_synced(const struct cache *c)
{
	return c->is_synced;
}

uint64_t cache_revision(const struct cache *c)
{
	return c->revision;
}

bool cache_reached(const struct cache *c, uint64_t revision)
{
	return c->is_synced && c->revision >= revision;
}

void cache_relist(struct cache *c)
{
	if (c->relist)
		c->relist(c->relist_ctx);
}

void cache_on_relist(struct cache *c, void (*relist)(void *ctx), void *ctx)
{
	c->relist = relist;
	c->relist_ctx = ctx;
}

void cache_subscribe(struct cache *c, const struct cache_subscriber *s)
{
	assert(c->subscribers_count < CACHE_SUBSCRIBERS_MAX);
	c->subscribers[c->subscribers_count++] = *s;
}

void cache_unsubscribe(struct cache *c, const void *ctx)
{
	size_t kept = 0;
	for (size_t i = 0; i < c->subscribers_count; i++)
		if (c->subscribers[i].ctx != ctx)
			c->subscribers[kept++] = c->subscribers[i];
	c->subscribers_count = kept;
}

static void tell_changed(struct cache *c, const char *key, const json_t *before, const json_t *now)
{
	for (size_t i = 0; i < c->subscribers_count; i++)
		if (c->subscribers[i].changed)
			c->subscribers[i].changed(c->subscribers[i].ctx, key, before, now);
}

static void tell_progressed(struct cache *c)
{
	for (size_t i = 0; i < c->subscribers_count; i++)
		if (c->subscribers[i].progressed)
			c->subscribers[i].progressed(c->subscribers[i].ctx);
}

static uint64_t revision_of(const json_t *tree)
{
	const char *text = json_str_or(tree, "metadata.resourceVersion", "0");
	return strtoull(text, NULL, 10);
}

static void replace(struct cache *c, struct cache_entry *e, json_t *take_tree, uint64_t revision)
{
	AUTO_JSON *before = e->tree;
	for (size_t i = 0; i < c->indexes_count; i++)
		index_remove(&c->indexes[i], e);
	e->tree = take_tree;
	e->revision = revision;
	for (size_t i = 0; i < c->indexes_count; i++)
		index_add(&c->indexes[i], e);
	tell_changed(c, e->key, before, e->tree);
}

int cache_put(struct cache *c, json_t *take_tree, struct error *err)
{
	AUTO_JSON *tree = take_tree;
	auto_free char *key = cache_key_of(tree);
	size_t length = strlen(key);
	if (length == 0 || key[length - 1] == '/')
		return error_set(err, ERR_INVALID, "an object without a name");

	json_drop(tree, "metadata.managedFields");
	uint64_t revision = revision_of(tree);
	struct cache_entry *e = find(&c->all, key);
	if (e) {
		e->round = c->round;
		/* A list may be older than what a watch has brought since. */
		if (revision > e->revision || revision == 0)
			replace(c, e, TAKE(tree), revision);
		return 0;
	}
	if (c->all.count == c->objects_max)
		return error_set(err, ERR_LIMIT, "the cache holds %zu objects", c->all.count);
	e = xcalloc(1, sizeof *e);
	*e = (struct cache_entry){ TAKE(key), TAKE(tree), revision, c->round };
	bucket_add(&c->all, e);
	for (size_t i = 0; i < c->indexes_count; i++)
		index_add(&c->indexes[i], e);
	tell_changed(c, e->key, NULL, e->tree);
	return 0;
}

void cache_remove(struct cache *c, const char *key)
{
	struct cache_entry *e = find(&c->all, key);
	if (!e)
		return;
	for (size_t i = 0; i < c->indexes_count; i++)
		index_remove(&c->indexes[i], e);
	bucket_remove(&c->all, key);
	tell_changed(c, e->key, e->tree, NULL);
	entry_free(e);
}

void cache_advance(struct cache *c, uint64_t revision)
{
	if (revision <= c->revision)
		return;
	c->revision = revision;
	tell_progressed(c);
}

void cache_list_begin(struct cache *c)
{
	c->round++;
}

void cache_list_end(struct cache *c, uint64_t revision)
{
	for (size_t i = c->all.count; i-- > 0;) {
		struct cache_entry *e = c->all.at[i];
		if (e->round != c->round)
			cache_remove(c, e->key);
	}
	bool is_first = !c->is_synced;
	c->is_synced = true;
	/* After a restore of the store positions may be smaller: the list is the truth. */
	bool moved = c->revision != revision;
	c->revision = revision;
	if (is_first || moved)
		tell_progressed(c);
}
