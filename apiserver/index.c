#include "apiserver/index.h"

static struct index_chunk *chunk_new(void)
{
	struct index_chunk *c = xcalloc(1, sizeof *c);
	c->refs = 1;
	return c;
}

static void chunk_unref(struct index_chunk *c)
{
	if (--c->refs > 0)
		return;
	for (uint32_t i = 0; i < c->count; i++)
		object_unref(c->at[i]);
	free(c);
}

void index_fini(struct index *x)
{
	for (size_t i = 0; i < x->chunks_count; i++)
		chunk_unref(x->chunks[i]);
	free(x->chunks);
	*x = (struct index){ 0 };
}

struct index index_snapshot(const struct index *x)
{
	struct index copy = { .chunks = xcalloc(x->chunks_count + 1, sizeof *copy.chunks),
			      .chunks_count = x->chunks_count,
			      .chunks_size = x->chunks_count + 1,
			      .count = x->count };
	for (size_t i = 0; i < x->chunks_count; i++) {
		copy.chunks[i] = x->chunks[i];
		copy.chunks[i]->refs++;
	}
	return copy;
}

/* The chunk that holds or would hold `key`: the last whose first key is <= key. */
static size_t chunk_for(const struct index *x, const char *key)
{
	size_t low = 0, high = x->chunks_count;
	while (high - low > 1) {
		size_t mid = (low + high) / 2;
		if (strcmp(x->chunks[mid]->at[0]->key, key) <= 0)
			low = mid;
		else
			high = mid;
	}
	return low;
}

/* First slot with key >= `key`. */
static uint32_t slot_for(const struct index_chunk *c, const char *key)
{
	uint32_t low = 0, high = c->count;
	while (low < high) {
		uint32_t mid = (low + high) / 2;
		if (strcmp(c->at[mid]->key, key) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct object *index_get(const struct index *x, const char *key)
{
	if (x->chunks_count == 0)
		return NULL;
	const struct index_chunk *c = x->chunks[chunk_for(x, key)];
	uint32_t slot = slot_for(c, key);
	return slot < c->count && streq(c->at[slot]->key, key) ? c->at[slot] : NULL;
}

/* The chunk, ours alone. */
static struct index_chunk *own(struct index *x, size_t i)
{
	struct index_chunk *c = x->chunks[i];
	if (c->refs == 1)
		return c;
	struct index_chunk *copy = chunk_new();
	copy->count = c->count;
	for (uint32_t k = 0; k < c->count; k++)
		copy->at[k] = object_ref(c->at[k]);
	c->refs--;
	return x->chunks[i] = copy;
}

static void insert_chunk(struct index *x, size_t i, struct index_chunk *c)
{
	if (x->chunks_count == x->chunks_size) {
		x->chunks_size = x->chunks_size ? x->chunks_size * 2 : 8;
		x->chunks = xrealloc(x->chunks, x->chunks_size, sizeof(struct index_chunk *));
	}
	memmove(x->chunks + i + 1, x->chunks + i,
		(x->chunks_count - i) * sizeof(struct index_chunk *));
	x->chunks[i] = c;
	x->chunks_count++;
}

/* Make room in a full chunk. Appending at the very end keeps the left one full, so that a
 * load in key order packs densely. */
static void split(struct index *x, size_t i, bool at_end)
{
	struct index_chunk *left = x->chunks[i], *right = chunk_new();
	uint32_t keep = at_end ? left->count - 1 : left->count / 2;
	right->count = left->count - keep;
	memcpy(right->at, left->at + keep, right->count * sizeof(struct object *));
	left->count = keep;
	insert_chunk(x, i + 1, right);
}

struct object *index_put(struct index *x, struct object *take_object)
{
	if (x->chunks_count == 0)
		insert_chunk(x, 0, chunk_new());
	size_t i = x->chunks[0]->count ? chunk_for(x, take_object->key) : 0;
	struct index_chunk *c = own(x, i);
	uint32_t slot = slot_for(c, take_object->key);
	if (slot < c->count && streq(c->at[slot]->key, take_object->key)) {
		struct object *old = c->at[slot];
		c->at[slot] = take_object;
		return old;
	}
	if (c->count == INDEX_CHUNK_MAX) {
		split(x, i, slot == c->count && i + 1 == x->chunks_count);
		if (slot > x->chunks[i]->count) {
			slot -= x->chunks[i]->count;
			i++;
		}
		c = x->chunks[i];
	}
	memmove(c->at + slot + 1, c->at + slot, (c->count - slot) * sizeof(struct object *));
	c->at[slot] = take_object;
	c->count++;
	x->count++;
	return NULL;
}

struct object *index_remove(struct index *x, const char *key)
{
	if (!index_get(x, key))
		return NULL;
	size_t i = chunk_for(x, key);
	struct index_chunk *c = own(x, i);
	uint32_t slot = slot_for(c, key);
	struct object *old = c->at[slot];
	c->count--;
	memmove(c->at + slot, c->at + slot + 1, (c->count - slot) * sizeof(struct object *));
	x->count--;
	if (c->count == 0) {
		chunk_unref(c);
		x->chunks_count--;
		memmove(x->chunks + i, x->chunks + i + 1,
			(x->chunks_count - i) * sizeof(struct index_chunk *));
	}
	return old;
}

struct index_cursor index_seek(const struct index *x, const char *from)
{
	if (!from || x->chunks_count == 0)
		return (struct index_cursor){ 0 };
	size_t i = chunk_for(x, from);
	return (struct index_cursor){ i, slot_for(x->chunks[i], from) };
}

struct object *index_next(const struct index *x, struct index_cursor *c)
{
	while (c->chunk < x->chunks_count) {
		const struct index_chunk *chunk = x->chunks[c->chunk];
		if (c->slot < chunk->count)
			return chunk->at[c->slot++];
		c->chunk++;
		c->slot = 0;
	}
	return NULL;
}

/* Objects from `c` up to the first whose key is not less than `until`. */
static size_t count(const struct index *x, struct index_cursor c, const char *until)
{
	struct index_cursor end = index_seek(x, until);
	size_t n = 0;
	if (c.chunk > end.chunk || (c.chunk == end.chunk && c.slot >= end.slot))
		return 0;
	for (size_t i = c.chunk; i < end.chunk && i < x->chunks_count; i++)
		n += x->chunks[i]->count;
	return n + end.slot - c.slot;
}

void index_skip(const struct index *x, struct index_cursor *c, size_t n)
{
	while (n > 0 && c->chunk < x->chunks_count) {
		size_t left = x->chunks[c->chunk]->count - c->slot;
		if (n < left) {
			c->slot += n;
			return;
		}
		n -= left;
		c->chunk++;
		c->slot = 0;
	}
}

struct object *index_page(const struct index *x, struct index_cursor c, const char *prefix,
			  size_t limit, size_t *ret_left)
{
	auto_free char *until = xasprintf("%s\xff", prefix); /* names have no byte as high */
	size_t all = count(x, c, until);
	if (all <= limit)
		return NULL;
	index_skip(x, &c, limit);
	*ret_left = all - limit;
	return index_next(x, &c);
}
