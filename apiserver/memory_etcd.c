#include "apiserver/memory_etcd.h"

#define REQUEST_MAX (8u << 20)

/* ---- versions and keys ---- */

void memory_version_unref(struct memory_version *v)
{
	if (--v->refs == 0)
		free(v);
}

static void key_free(struct memory_key *k)
{
	for (size_t i = 0; i < k->count; i++)
		memory_version_unref(k->versions[i]);
	free(k->versions);
	free(k->key);
	free(k);
}

size_t memory_seek(const struct memory_etcd *e, const char *key)
{
	size_t low = 0, high = e->keys_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (strcmp(e->keys[middle]->key, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct memory_version *memory_key_at(const struct memory_key *k, uint64_t revision)
{
	for (size_t i = k->count; i-- > 0;)
		if (!revision || k->versions[i]->mod_revision <= revision)
			return k->versions[i]->is_deleted ? NULL : k->versions[i];
	return NULL;
}

static struct memory_key *find(const struct memory_etcd *e, const char *key)
{
	size_t at = memory_seek(e, key);
	return at < e->keys_count && streq(e->keys[at]->key, key) ? e->keys[at] : NULL;
}

struct memory_version *memory_at(const struct memory_etcd *e, const char *key, uint64_t revision)
{
	const struct memory_key *k = find(e, key);
	return k ? memory_key_at(k, revision) : NULL;
}

static struct memory_key *find_or_add(struct memory_etcd *e, const char *key)
{
	size_t at = memory_seek(e, key);
	if (at < e->keys_count && streq(e->keys[at]->key, key))
		return e->keys[at];
	if (e->keys_count == e->keys_size) {
		e->keys_size = e->keys_size ? 2 * e->keys_size : 64;
		e->keys = xrealloc(e->keys, e->keys_size, sizeof(struct memory_key *));
	}
	memmove(e->keys + at + 1, e->keys + at, (e->keys_count - at) * sizeof(struct memory_key *));
	e->keys[at] = xcalloc(1, sizeof(struct memory_key));
	e->keys[at]->key = xstrdup(key);
	e->keys_count++;
	return e->keys[at];
}

/* ---- writing ---- */

static void add(struct memory_etcd *e, struct memory_key *k, struct memory_version *v)
{
	if (k->count == k->size) {
		k->size = k->size ? 2 * k->size : 2;
		k->versions = xrealloc(k->versions, k->size, sizeof(struct memory_version *));
	}
	k->versions[k->count++] = v;
	if (e->log_count == e->log_size) {
		e->log_size = e->log_size ? 2 * e->log_size : 256;
		e->log = xrealloc(e->log, e->log_size, sizeof *e->log);
	}
	e->log[e->log_count++] = (struct memory_event){ xstrdup(k->key), v };
	v->refs = 2;
	v->mod_revision = e->revision + 1;
}

bool memory_put(struct memory_etcd *e, const char *key, const void *bytes, size_t len,
		int64_t lease)
{
	struct memory_key *k = find_or_add(e, key);
	const struct memory_version *old = memory_key_at(k, 0);
	struct memory_version *v = xcalloc(1, sizeof *v + len);
	v->create_revision = old ? old->create_revision : e->revision + 1;
	v->lease = lease;
	v->len = len;
	if (len)
		memcpy(v->bytes, bytes, len);
	add(e, k, v);
	return true;
}

bool memory_delete(struct memory_etcd *e, const char *key)
{
	struct memory_key *k = find(e, key);
	if (!k || !memory_key_at(k, 0))
		return false;
	struct memory_version *v = xcalloc(1, sizeof *v);
	v->is_deleted = true;
	add(e, k, v);
	return true;
}

void memory_commit(struct memory_etcd *e)
{
	if (!e->log_count || e->log[e->log_count - 1].version->mod_revision <= e->revision)
		return;
	e->revision++;
	memory_tell_watches(e);
	if (e->written)
		e->written(e->written_ctx, e->revision);
}

size_t memory_log_seek(const struct memory_etcd *e, uint64_t revision)
{
	size_t low = 0, high = e->log_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (e->log[middle].version->mod_revision < revision)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* ---- compaction ---- */

/* As etcd: of each key what was current at `revision` stays, unless it was deleted by then. */
static void compact_key(struct memory_key *k, uint64_t revision)
{
	size_t drop = 0;
	while (drop + 1 < k->count && k->versions[drop + 1]->mod_revision <= revision)
		drop++;
	if (drop < k->count && k->versions[drop]->mod_revision <= revision &&
	    k->versions[drop]->is_deleted)
		drop++;
	for (size_t i = 0; i < drop; i++)
		memory_version_unref(k->versions[i]);
	memmove(k->versions, k->versions + drop, (k->count - drop) * sizeof *k->versions);
	k->count -= drop;
}

/* Of the compacted revision itself the puts stay and the deletes go: a watch that starts
 * exactly there misses them, as with etcd. */
static void compact_log(struct memory_etcd *e, uint64_t revision)
{
	size_t kept = 0;
	for (size_t i = 0; i < e->log_count; i++) {
		struct memory_event *event = &e->log[i];
		if (event->version->mod_revision > revision ||
		    (event->version->mod_revision == revision && !event->version->is_deleted)) {
			e->log[kept++] = *event;
			continue;
		}
		memory_version_unref(event->version);
		free(event->key);
	}
	e->log_count = kept;
}

void memory_etcd_compact(struct memory_etcd *e, uint64_t revision)
{
	if (revision <= e->compacted || revision > e->revision)
		return;
	e->compacted = revision;
	size_t kept = 0;
	for (size_t i = 0; i < e->keys_count; i++) {
		compact_key(e->keys[i], revision);
		if (e->keys[i]->count)
			e->keys[kept++] = e->keys[i];
		else
			key_free(e->keys[i]);
	}
	e->keys_count = kept;
	compact_log(e, revision);
	memory_tell_watches(e);
}

/* ---- leases ---- */

static void lease_free(struct memory_lease *l)
{
	loop_timer_free(l->timer);
	free(l);
}

static void lease_ended(void *ctx)
{
	struct memory_lease *l = ctx;
	struct memory_etcd *e = l->etcd;
	for (size_t i = 0; i < e->keys_count; i++) {
		const struct memory_version *v = memory_key_at(e->keys[i], 0);
		if (v && v->lease == l->id)
			memory_delete(e, e->keys[i]->key);
	}
	for (struct memory_lease **link = &e->leases; *link; link = &(*link)->next)
		if (*link == l) {
			*link = l->next;
			break;
		}
	lease_free(l);
	memory_commit(e);
}

bool memory_has_lease(const struct memory_etcd *e, int64_t id)
{
	for (const struct memory_lease *l = e->leases; l; l = l->next)
		if (l->id == id)
			return true;
	return false;
}

int64_t memory_grant(struct memory_etcd *e, uint32_t ttl_s)
{
	struct memory_lease *l = xcalloc(1, sizeof *l);
	*l = (struct memory_lease){ .next = e->leases, .etcd = e, .id = ++e->next_lease };
	l->timer = loop_timer_new(e->loop, lease_ended, l);
	loop_timer_set(l->timer, 1000 * (int64_t)ttl_s);
	e->leases = l;
	return l->id;
}

/* ---- life, and what tests do ---- */

struct memory_etcd *memory_etcd_new(struct loop *loop)
{
	struct memory_etcd *e = xcalloc(1, sizeof *e);
	*e = (struct memory_etcd){
		.loop = loop, .refs = 1, .revision = 1, .request_max = REQUEST_MAX
	};
	return e;
}

struct memory_etcd *memory_etcd_ref(struct memory_etcd *e)
{
	e->refs++;
	return e;
}

void memory_etcd_unref(struct memory_etcd *e)
{
	if (!e || --e->refs > 0)
		return;
	for (size_t i = 0; i < e->keys_count; i++)
		key_free(e->keys[i]);
	for (size_t i = 0; i < e->log_count; i++) {
		memory_version_unref(e->log[i].version);
		free(e->log[i].key);
	}
	while (e->leases) {
		struct memory_lease *l = e->leases;
		e->leases = l->next;
		lease_free(l);
	}
	free(e->keys);
	free(e->log);
	free(e);
}

int64_t memory_delay_ms(struct memory_etcd *e)
{
	if (e->delay_max_ms <= e->delay_min_ms)
		return e->delay_min_ms;
	return e->delay_min_ms +
	       (int64_t)rng_below(&e->rng, (uint64_t)(e->delay_max_ms - e->delay_min_ms + 1));
}

void memory_etcd_set_delay(struct memory_etcd *e, int64_t min_ms, int64_t max_ms, uint64_t seed)
{
	e->delay_min_ms = min_ms;
	e->delay_max_ms = max_ms;
	e->rng.state = seed;
}

void memory_etcd_set_request_max(struct memory_etcd *e, size_t bytes)
{
	e->request_max = bytes ? bytes : REQUEST_MAX;
}

void memory_etcd_set_full(struct memory_etcd *e, bool is_full)
{
	e->is_full = is_full;
}

uint64_t memory_etcd_revision(const struct memory_etcd *e)
{
	return e->revision;
}

uint64_t memory_etcd_write(struct memory_etcd *e, const char *const *keys,
			   const char *const *values, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (values[i])
			memory_put(e, keys[i], values[i], strlen(values[i]), 0);
		else
			memory_delete(e, keys[i]);
	}
	memory_commit(e);
	return e->revision;
}

const void *memory_etcd_read(const struct memory_etcd *e, const char *key, size_t *ret_len)
{
	const struct memory_version *v = memory_at(e, key, 0);
	if (v)
		*ret_len = v->len;
	return v ? v->bytes : NULL;
}

void memory_etcd_on_write(struct memory_etcd *e, void (*written)(void *ctx, uint64_t revision),
			  void *ctx)
{
	e->written = written;
	e->written_ctx = ctx;
}
