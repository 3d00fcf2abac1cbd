/*
 * map.h - a hash table from text keys to pointers. Open addressing, keys copied.
 *
 * The map owns its keys, never its values. Iteration order is not defined: who
 * shows or compares results sorts them (map_sorted_keys). init of {0} is fine.
 */
#pragma once

#include "common/base/base.h"

struct map_slot {
	char *key; /* NULL: free; MAP_GONE: was removed */
	uint64_t hash;
	void *value;
};

struct map {
	struct map_slot *slots;
	size_t size;  /* a power of two, or 0 */
	size_t count; /* live entries */
	size_t used;  /* live and removed */
};

void map_fini(struct map *m); /* values are left alone */

void *map_get(const struct map *m, const char *key); /* NULL: absent */
bool map_has(const struct map *m, const char *key);

/* Set or replace; returns the value that was there, or NULL. */
void *map_put(struct map *m, const char *key, void *value);

/* Remove; returns the value that was there, or NULL. */
void *map_remove(struct map *m, const char *key);

/* for (size_t i = 0; (i = map_next(m, i, &key, &value)) != 0;) - in no order. The
 * current entry may be removed while iterating; nothing may be added. */
size_t map_next(const struct map *m, size_t at, const char **ret_key, void **ret_value);

/* The keys in byte order, borrowed until the map changes; the array is the caller's. */
const char **map_sorted_keys(const struct map *m);

uint64_t hash_bytes(const void *bytes, size_t n); /* FNV-1a, 64 bit, mixed */
