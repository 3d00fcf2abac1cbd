/*
 * The follower: whose etcd it is, everything that is in it, then every change. One watch over the
 * whole key space; a revision enters as a whole; the position moves by events alone (rules 3
 * to 7 of DESIGN section 4).
 */
#include "apiserver/store_internal.h"

#include <stdio.h>

#define LOAD_FIRST 16
/* etcd looks at all keys behind a page's begin, however many are asked for: so pages are large, but
 * not while somebody is served meanwhile. */
#define LOAD_KEYS_FIRST 10000
#define LOAD_SIZE_FIRST (8u << 20)
#define LOAD_KEYS_AGAIN 2000
#define LOAD_SIZE_AGAIN (2u << 20)
#define LAYOUT_VERSION  1

static void begin(struct store *s);

bool store_may_write(const struct store *s)
{
	return s->follow_state != FOLLOW_REFUSED && (!s->cluster_id || s->is_meta_checked);
}

static void tell_connection(struct store *s, bool is_up, const char *why)
{
	if (s->is_up == is_up)
		return;
	s->is_up = is_up;
	if (s->follower.connection)
		s->follower.connection(s->follower_ctx, is_up, why);
}

static void wait_and_retry(struct store *s, const struct error *err)
{
	s->follow_state = FOLLOW_WAIT;
	s->follow_failures++;
	loop_timer_set(s->follow_retry, store_backoff_ms(s, s->follow_failures));
	tell_connection(s, false, err ? err->text : "the connection ended");
}

static void reload(struct store *s)
{
	s->is_loaded = false;
	s->follow_state = FOLLOW_WAIT;
	loop_timer_set(s->follow_retry, 0);
}

/* ---- whose etcd? ---- */

static void refuse(struct store *s, const char *why)
{
	struct error err;
	error_set(&err, ERR_FORBIDDEN, "this etcd is not ours: %s", why);
	s->follow_state = FOLLOW_REFUSED;
	if (s->follower.refused)
		s->follower.refused(s->follower_ctx, &err);
}

static void meta_text(const struct store *s, char *out, size_t size)
{
	int n = snprintf(out, size, "{\"cluster\":\"%s\",\"layout\":%d}", s->cluster_id,
			 LAYOUT_VERSION);
	assert(n > 0 && (size_t)n < size);
}

static void meta_written(void *ctx, enum backend_outcome outcome, uint64_t revision,
			 const struct backend_member_result *results, const struct error *err)
{
	struct store *s = ctx;
	(void)revision;
	(void)results; /* a lost race shows when it is read again */
	if (outcome != BACKEND_OK)
		wait_and_retry(s, err);
	else
		begin(s);
}

static void write_meta(struct store *s)
{
	uint8_t value[STORE_HEADER_SIZE + 256];
	meta_text(s, (char *)value + STORE_HEADER_SIZE, sizeof value - STORE_HEADER_SIZE);
	size_t len = STORE_HEADER_SIZE + strlen((char *)value + STORE_HEADER_SIZE);
	store_header_write(&(struct store_header){ .nonce = rng_next(&s->rng) }, value);
	struct backend_compare absent = { STORE_META_KEY, 0 };
	struct backend_op put = { .key = STORE_META_KEY, .value = value, .len = len };
	struct backend_member m = {
		.compares = &absent, .compares_count = 1, .ops = &put, .ops_count = 1
	};
	s->backend->ops->txn(s->backend, &m, 1, STORE_CALL_TIMEOUT_MS, meta_written, s);
}

static void anything_read(void *ctx, enum backend_outcome outcome, uint64_t revision,
			  const struct backend_kv *kvs, size_t count, bool has_more,
			  const struct error *err)
{
	struct store *s = ctx;
	(void)revision;
	(void)has_more;
	(void)kvs; /* which they are does not matter */
	if (outcome != BACKEND_OK)
		wait_and_retry(s, err);
	else if (count) {
		/* Another server may have been quicker: skiff/meta is before all else of its. */
		s->holds_keys = true;
		begin(s);
	} else
		write_meta(s);
}

static void after_meta(struct store *s);

static void meta_read(void *ctx, enum backend_outcome outcome, uint64_t revision,
		      const struct backend_kv *kvs, size_t count, bool has_more,
		      const struct error *err)
{
	struct store *s = ctx;
	(void)revision;
	(void)has_more;
	if (outcome != BACKEND_OK) {
		wait_and_retry(s, err);
		return;
	}
	if (!count && s->holds_keys) {
		refuse(s, "it holds keys and no skiff/meta");
		return;
	}
	if (!count) {
		struct backend_range all = { .from = "", .limit = 1, .keys_only = true };
		s->backend->ops->range(s->backend, &all, STORE_CALL_TIMEOUT_MS, anything_read, s);
		return;
	}
	char want[256];
	struct store_header h;
	size_t skip;
	meta_text(s, want, sizeof want);
	const char *got = kvs[0].value;
	if (!got || !store_header_read(got, kvs[0].len, &h, &skip) ||
	    kvs[0].len - skip != strlen(want) || memcmp(got + skip, want, strlen(want)) != 0) {
		refuse(s, "skiff/meta names another cluster or layout");
		return;
	}
	after_meta(s);
}

static void begin(struct store *s)
{
	struct backend_range meta = { .from = STORE_META_KEY, .is_single = true, .limit = 1 };
	s->follow_state = FOLLOW_META;
	if (s->cluster_id)
		s->backend->ops->range(s->backend, &meta, STORE_CALL_TIMEOUT_MS, meta_read, s);
	else
		after_meta(s);
}

/* ---- everything that is ---- */

static void open_watch(struct store *s);
static void load_page(struct store *s);

static void deliver(struct store *s, const struct backend_kv *kv)
{
	struct store_header h = { 0 };
	size_t skip = 0;
	bool has_header = store_header_read(kv->value, kv->len, &h, &skip);
	int place = store_event_place(-1, has_header ? h.place : -1);
	struct store_item item = {
		.key = kv->key,
		.bytes = (const char *)kv->value + skip,
		.len = kv->len - skip,
		.version = store_version(kv->mod_revision, (unsigned)place),
		.schema_revision = h.schema_revision,
		.sealed_by = h.flags & STORE_FLAG_ENCRYPTED ? h.key_id : 0,
	};
	if (has_header)
		store_notice(s, kv, &h, (unsigned)place);
	store_compact_see(s, &item);
	s->follower.load_item(s->follower_ctx, &item);
}

/* Pages of about one size, by that of the last one. */
static void adapt_limit(struct store *s, const struct backend_kv *kvs, size_t count)
{
	size_t bytes = 1;
	for (size_t i = 0; i < count; i++)
		bytes += kvs[i].len;
	uint64_t keys_max = s->was_loaded ? LOAD_KEYS_AGAIN : LOAD_KEYS_FIRST;
	uint64_t fits =
		(uint64_t)(s->was_loaded ? LOAD_SIZE_AGAIN : LOAD_SIZE_FIRST) * count / bytes;
	s->load_limit = (int64_t)MIN(MAX(fits, 4), MIN(keys_max, 8 * (uint64_t)s->load_limit));
}

static void page_read(void *ctx, enum backend_outcome outcome, uint64_t revision,
		      const struct backend_kv *kvs, size_t count, bool has_more,
		      const struct error *err)
{
	struct store *s = ctx;
	if (outcome == BACKEND_COMPACTED) { /* while we were loading: anew */
		reload(s);
		return;
	}
	if (outcome != BACKEND_OK) {
		wait_and_retry(s, err);
		return;
	}
	if (!s->load_revision) {
		s->load_revision = revision;
		store_compact_forget(s);
		s->follower.load_begin(s->follower_ctx);
	}
	bool is_last = !has_more || !count;
	if (!is_last) { /* etcd reads the next one while we look at these */
		adapt_limit(s, kvs, count);
		free(s->load_from);
		/* The first key after the last one: that key and a byte 1, for ours hold no NUL;
		 * keys between (with a byte 0) are nobody's. */
		s->load_from = xasprintf("%s\x01", kvs[count - 1].key);
		load_page(s);
	}
	for (size_t i = 0; i < count; i++)
		deliver(s, &kvs[i]);
	if (!is_last)
		return;
	s->is_loaded = true;
	s->was_loaded = true;
	s->position = s->load_revision;
	s->follower.load_end(s->follower_ctx, s->load_revision);
	store_doubt_check(s);
	open_watch(s);
}

static void load_page(struct store *s)
{
	struct backend_range page = { .from = s->load_from,
				      .limit = s->load_limit,
				      .revision = s->load_revision };
	s->backend->ops->range(s->backend, &page, STORE_CALL_TIMEOUT_MS, page_read, s);
}

static void after_meta(struct store *s)
{
	s->is_meta_checked = true;
	if (!s->follower.events) { /* nobody follows yet; store_follow() goes on */
		s->follow_state = FOLLOW_OFF;
		store_pump(s);
		return;
	}
	if (s->is_loaded) {
		open_watch(s);
	} else {
		s->follow_state = FOLLOW_LOAD;
		s->load_revision = 0;
		s->load_limit = LOAD_FIRST;
		free(s->load_from);
		s->load_from = xstrdup("");
		load_page(s);
	}
	store_pump(s);
}

/* ---- every change ---- */

static void update_known(struct store *s, const struct backend_kv *kv, size_t skip)
{
	if (!map_has(&s->known, kv->key))
		return;
	store_known_set(s, kv->key, kv->value ? kv->mod_revision : 0,
			kv->value ? (const char *)kv->value + skip : NULL, kv->len - skip);
}

/* One whole revision; false: it is not one of ours, and everything must be loaded anew. */
static bool take_revision(struct store *s, const struct backend_kv *kvs, size_t count)
{
	struct store_item items[STORE_PLACES];
	uint64_t revision = kvs[0].mod_revision;
	int before = -1;
	if (count > STORE_PLACES)
		return false;
	for (size_t i = 0; i < count; i++) {
		const struct backend_kv *kv = &kvs[i];
		struct store_header h = { 0 };
		size_t skip = 0;
		bool has_header = kv->value && store_header_read(kv->value, kv->len, &h, &skip);
		before = store_event_place(before, has_header ? h.place : -1);
		if (before < 0)
			return false;
		items[i] = (struct store_item){
			.key = kv->key,
			.bytes = kv->value ? (const char *)kv->value + skip : NULL,
			.len = kv->len - skip,
			.version = store_version(revision, (unsigned)before),
			.schema_revision = h.schema_revision,
			.sealed_by = h.flags & STORE_FLAG_ENCRYPTED ? h.key_id : 0,
		};
		if (has_header || !kv->value)
			store_notice(s, kv, has_header ? &h : NULL, (unsigned)before);
		update_known(s, kv, skip);
		store_compact_see(s, &items[i]);
	}
	s->position = revision;
	s->follower.events(s->follower_ctx, items, count, revision);
	return true;
}

/* As many as a turn has room for: a message may hold hundreds of revisions, of large objects. */
static size_t watch_events(void *ctx, const struct backend_kv *kvs, size_t count)
{
	struct store *s = ctx;
	int64_t begun_us = loop_turn_us(s->loop);
	size_t i = 0;
	do {
		size_t n = 1;
		while (i + n < count && kvs[i + n].mod_revision == kvs[i].mod_revision)
			n++;
		/* The watch starts one revision early: that one is known. */
		if (kvs[i].mod_revision > s->position && !take_revision(s, kvs + i, n)) {
			s->backend->ops->unwatch(s->backend);
			reload(s);
			return count;
		}
		i += n;
	} while (i < count && !store_turn_is_over(s->loop, begun_us));
	store_doubt_check(s);
	return i;
}

static void watch_opened(void *ctx)
{
	struct store *s = ctx;
	s->follow_state = FOLLOW_LIVE;
	s->follow_failures = 0;
	tell_connection(s, true, NULL);
}

static void watch_closed(void *ctx, enum backend_outcome outcome, uint64_t compacted_revision,
			 const struct error *err)
{
	struct store *s = ctx;
	if (outcome == BACKEND_COMPACTED) {
		s->counts.compacted_revision =
			MAX(s->counts.compacted_revision, compacted_revision);
		reload(s);
		return;
	}
	if (outcome == BACKEND_TOO_LARGE) /* too much to catch up with: loading is paged */
		s->is_loaded = false;
	wait_and_retry(s, err);
}

static void open_watch(struct store *s)
{
	static const struct backend_watch_events events = { watch_opened, watch_events,
							    watch_closed };
	s->follow_state = FOLLOW_OPENING;
	s->backend->ops->watch(s->backend, MAX(s->position, 1), &events, s);
}

void store_follow_retry(void *ctx)
{
	struct store *s = ctx;
	if (s->follow_state != FOLLOW_REFUSED)
		begin(s);
}

void store_follow(struct store *s, const struct store_follower *f, void *ctx)
{
	assert(!s->follower.events);
	s->follower = *f;
	s->follower_ctx = ctx;
	if (s->follow_state == FOLLOW_OFF)
		begin(s);
}
