#include "common/base/map.h"

static char gone[1];
#define MAP_GONE (gone)

#define LONG_KEY 128

uint64_t hash_bytes(const void *bytes, size_t n)
{
	const unsigned char *p = bytes;
	uint64_t h = 0xcbf29ce484222325u;
	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 0x100000001b3u;
	h ^= h >> 32; /* FNV's low bits alone are weak for short keys */
	h *= 0x9e3779b97f4a7c15u;
	return h ^ (h >> 29);
}

/* Long keys (tokens) eight bytes at a time; never stored, so it may change. */
static uint64_t hash_key(const char *key)
{
	size_t n = strlen(key), i = 0;
	if (n < LONG_KEY)
		return hash_bytes(key, n);
	uint64_t h = n, word;
	for (; i + sizeof word <= n; i += sizeof word) {
		memcpy(&word, key + i, sizeof word);
		h = (h ^ word) * 0x9e3779b97f4a7c15u;
		h ^= h >> 32;
	}
	return hash_bytes(key + i, n - i) ^ h;
}

static struct map_slot *find(const struct map *m, const char *key, uint64_t hash)
{
	if (m->size == 0)
		return NULL;
	for (size_t i = hash & (m->size - 1);; i = (i + 1) & (m->size - 1)) {
		struct map_slot *s = &m->slots[i];
		if (!s->key)
			return NULL;
		if (s->key != MAP_GONE && s->hash == hash && streq(s->key, key))
			return s;
	}
}

static void insert_new(struct map *m, char *take_key, uint64_t hash, void *value)
{
	size_t i = hash & (m->size - 1);
	while (m->slots[i].key)
		i = (i + 1) & (m->size - 1);
	m->slots[i] = (struct map_slot){ take_key, hash, value };
	m->used++;
	m->count++;
}

static void grow(struct map *m)
{
	struct map old = *m;
	size_t size = 16;
	while (size < old.count * 3)
		size *= 2;
	*m = (struct map){ .slots = xcalloc(size, sizeof *m->slots), .size = size };
	for (size_t i = 0; i < old.size; i++) {
		struct map_slot *s = &old.slots[i];
		if (s->key && s->key != MAP_GONE)
			insert_new(m, s->key, s->hash, s->value);
	}
	free(old.slots);
}

void map_fini(struct map *m)
{
	for (size_t i = 0; i < m->size; i++)
		if (m->slots[i].key != MAP_GONE)
			free(m->slots[i].key);
	free(m->slots);
	*m = (struct map){ 0 };
}

void *map_get(const struct map *m, const char *key)
{
	struct map_slot *s = find(m, key, hash_key(key));
	return s ? s->value : NULL;
}

bool map_has(const struct map *m, const char *key)
{
	return find(m, key, hash_key(key)) != NULL;
}

void *map_put(struct map *m, const char *key, void *value)
{
	uint64_t hash = hash_key(key);
	struct map_slot *s = find(m, key, hash);
	if (s) {
		void *old = s->value;
		s->value = value;
		return old;
	}
	if ((m->used + 1) * 4 > m->size * 3)
		grow(m);
	insert_new(m, xstrdup(key), hash, value);
	return NULL;
}

void *map_remove(struct map *m, const char *key)
{
	struct map_slot *s = find(m, key, hash_key(key));
	if (!s)
		return NULL;
	void *value = s->value;
	free(s->key);
	*s = (struct map_slot){ .key = MAP_GONE };
	m->count--;
	return value;
}

size_t map_next(const struct map *m, size_t at, const char **ret_key, void **ret_value)
{
	for (size_t i = at; i < m->size; i++) {
		const struct map_slot *s = &m->slots[i];
		if (!s->key || s->key == MAP_GONE)
			continue;
		if (ret_key)
			*ret_key = s->key;
		if (ret_value)
			*ret_value = s->value;
		return i + 1;
	}
	return 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char **map_sorted_keys(const struct map *m)
{
	const char **keys = xcalloc(m->count + 1, sizeof *keys);
	size_t n = 0;
	for (size_t i = 0; (i = map_next(m, i, &keys[n], NULL)) != 0;)
		n++;
	qsort(keys, n, sizeof *keys, by_text);
	return keys;
}
