/*
 * index.h - the objects of one kind in key order, as a list of shared chunks. A snapshot is
 * taken in O(n / 512) and stays as it is while the index changes: a chunk that somebody else
 * holds is copied before it is written.
 *
 * Threads: the core loop's.
 */
#pragma once

#include "apiserver/object.h"

#define INDEX_CHUNK_MAX 512

struct index_chunk {
	uint32_t refs;
	uint32_t count;
	struct object *at[INDEX_CHUNK_MAX];
};

struct index {
	struct index_chunk **chunks;
	size_t chunks_count, chunks_size;
	size_t count;
};

void index_fini(struct index *x); /* {0} is fine */

struct object *index_get(const struct index *x, const char *key); /* borrowed or NULL */
/* Insert or replace; takes over one reference. Returns the old one (the caller's) or NULL. */
struct object *index_put(struct index *x, struct object *take_object);
/* Returns the removed object (the caller's) or NULL. */
struct object *index_remove(struct index *x, const char *key);

/* An immutable copy; end it with index_fini. */
struct index index_snapshot(const struct index *x);

/* A place in an index; goes on in key order. */
struct index_cursor {
	size_t chunk, slot;
};
/* The first object with key >= `from` (NULL: the very first). */
struct index_cursor index_seek(const struct index *x, const char *from);
struct object *index_next(const struct index *x, struct index_cursor *c); /* borrowed; NULL: end */

void index_skip(const struct index *x, struct index_cursor *c, size_t n); /* by chunks */

/* Of those from `c` on whose keys begin with `prefix`: the first behind `limit` of them (borrowed; NULL:
 * there are no more), and how many are left with it. Counts chunks, not objects. */
struct object *index_page(const struct index *x, struct index_cursor c, const char *prefix,
			  size_t limit, size_t *ret_left);
