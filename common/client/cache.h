/*
 * cache.h - what the API server holds of one kind, as last seen: immutable trees in
 * key order, with indexes and a position.
 *
 * Keys are "namespace/name", or "name" for kinds without namespaces. Trees are never
 * changed after they entered: readers may keep one with json_incref() and must not
 * write to it. metadata.managedFields is dropped on entry. Ranges and borrowed trees
 * live until the next feeding call; readers on the loop finish before that.
 *
 * Position: the resourceVersion up to which every change of the kind has been seen
 * (by lists, events and bookmarks). A write answered with Skiff-Revision N is visible
 * once cache_reached(c, N).
 *
 * Threads: the loop's.
 */
#pragma once

#include "common/base/jsonx.h"

#define CACHE_INDEXES_MAX     8
#define CACHE_SUBSCRIBERS_MAX 64

struct cache;

struct cache_entry {
	char *key;
	json_t *tree;
	uint64_t revision; /* metadata.resourceVersion */
	uint64_t round;    /* of the list it was last seen in; the cache's own */
};

struct cache_range {
	struct cache_entry *const *at; /* in key order */
	size_t count;
};

struct cache *cache_new(size_t objects_max);
void cache_free(struct cache *c);
DEFINE_CLEANUP(cache)

/* ---- indexes: added before anything is fed ---- */
struct cache_values; /* what an index function found */
void cache_value_add(struct cache_values *out, const char *value);
typedef void cache_index_function(const json_t *tree, struct cache_values *out);
int cache_add_index(struct cache *c, cache_index_function *values_of); /* the index's number */

cache_index_function cache_by_owner_uid;      /* every ownerReference */
cache_index_function cache_by_controller_uid; /* the one with controller: true */
cache_index_function cache_by_node;           /* spec.nodeName; "" where unbound */
cache_index_function cache_by_uid;

/* ---- reading ---- */
json_t *cache_get(const struct cache *c, const char *key); /* borrowed, or NULL */
json_t *cache_get_at(const struct cache *c, const char *ns, const char *name);
size_t cache_count(const struct cache *c);
struct cache_range cache_all(const struct cache *c);
struct cache_range cache_in_namespace(const struct cache *c, const char *ns);
struct cache_range cache_indexed(const struct cache *c, int index, const char *value);

/* "namespace/name" of an object; the caller's. */
char *cache_key_of(const json_t *tree);
char *cache_key(const char *ns, const char *name); /* ns NULL or "": just the name */
/* The parts of a key: name is borrowed from it, namespace copied ("" where none). */
const char *cache_key_split(const char *key, char ns[256]);

/* ---- position ---- */
bool cache_is_synced(const struct cache *c); /* the first list is in */
uint64_t cache_revision(const struct cache *c);
bool cache_reached(const struct cache *c, uint64_t revision);
/* Ask whoever feeds the cache to list anew (a barrier was not reached in time). */
void cache_relist(struct cache *c);

/* ---- changes ---- */
struct cache_subscriber {
	/* One object: before NULL = new, now NULL = gone. Mark dirty and return. */
	void (*changed)(void *ctx, const char *key, const json_t *before, const json_t *now);
	void (*progressed)(void *ctx); /* the position moved, or the first list is in */
	void *ctx;
};
/* Either function may be NULL. What is in the cache already is not told. */
void cache_subscribe(struct cache *c, const struct cache_subscriber *s);
void cache_unsubscribe(struct cache *c, const void *ctx);

/* ---- feeding (reflector, tests) ---- */
/* New or newer object; the tree is stolen. ERR_LIMIT: full. ERR_INVALID: no name. */
int cache_put(struct cache *c, json_t *take_tree, struct error *err) MUST_CHECK;
void cache_remove(struct cache *c, const char *key);
void cache_advance(struct cache *c, uint64_t revision); /* never goes back */
/* A whole list: begin, cache_put for each item, end: what was not in it goes. A list that was
 * broken off is simply begun anew. */
void cache_list_begin(struct cache *c);
void cache_list_end(struct cache *c, uint64_t revision);
void cache_on_relist(struct cache *c, void (*relist)(void *ctx), void *ctx);
