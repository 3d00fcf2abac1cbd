#include "tests/store/world.h"

#include "apiserver/store_memory.h"
#include "common/io/loop_sim.h"
#include "tests/store/etcd_process.h"

#define GUARD_MS 30000

/* ---- the loop ---- */

void world_poke(struct world *w)
{
	if (w->kind != WORLD_MEMORY)
		loop_stop(w->loop);
}

static void guard_fired(void *ctx)
{
	struct world *w = ctx;
	w->is_late = true;
	world_poke(w);
}

void world_wait(struct world *w, bool (*cond)(struct world *w, void *ctx), void *ctx,
		const char *what)
{
	w->is_late = false;
	loop_timer_set(w->guard, GUARD_MS);
	while (!cond(w, ctx)) {
		if (w->is_late) {
			fprintf(stderr, "waited in vain for: %s\n", what);
			exit(1);
		}
		if (w->kind == WORLD_MEMORY)
			CHECK(loop_sim_step(w->loop));
		else
			loop_run(w->loop);
	}
	loop_timer_stop(w->guard);
}

static bool is_late(struct world *w, void *ctx)
{
	(void)ctx;
	return w->is_late;
}

void world_run_ms(struct world *w, int64_t ms)
{
	w->is_late = false;
	loop_timer_set(w->guard, ms);
	while (!is_late(w, NULL)) {
		if (w->kind == WORLD_MEMORY)
			CHECK(loop_sim_step(w->loop));
		else
			loop_run(w->loop);
	}
}

/* ---- life ---- */

struct store_backend *world_backend(struct world *w)
{
	if (w->kind == WORLD_MEMORY)
		return store_memory_on(w->memory);
	return etcd_process_backend(w->etcd, w->loop, w->kind >= WORLD_GRPC);
}

static void turn_over(void *ctx)
{
	struct world *w = ctx;
	w->turn_revisions = 0;
}

void world_init(struct world *w, enum world_kind kind)
{
	memset(w, 0, sizeof *w);
	w->kind = kind;
	if (kind == WORLD_MEMORY) {
		w->loop = loop_sim_new(1, 0);
		w->memory = memory_etcd_new(w->loop);
		memory_etcd_set_delay(w->memory, 0, 3, 7);
	} else {
		w->loop = loop_new();
		w->etcd = etcd_process_start(kind == WORLD_GRPC_TLS);
	}
	w->guard = loop_timer_new(w->loop, guard_fired, w);
	w->turn = loop_timer_new(w->loop, turn_over, w);
	w->raw = world_backend(w);
}

void world_open(struct world *w, const char *cluster_id, int64_t deadline_ms)
{
	w->fault = fault_backend_new(w->loop, world_backend(w));
	w->store = store_new(w->loop, &w->fault->base,
			     &(struct store_options){ .cluster_id = cluster_id,
						      .schema_revision = 3,
						      .deadline_ms = deadline_ms,
						      .seed = 42 });
}

void world_close(struct world *w)
{
	store_free(w->store);
	w->store = NULL;
	w->fault = NULL;
}

void world_fini(struct world *w)
{
	world_close(w);
	w->raw->ops->free(w->raw);
	loop_timer_free(w->guard);
	loop_timer_free(w->turn);
	memory_etcd_unref(w->memory);
	loop_free(w->loop);
	etcd_process_free(w->etcd);
}

/* ---- the follower ---- */

static void note(struct world *w, const struct store_item *item, bool is_load, uint64_t revision)
{
	CHECK(w->seen_count < SEEN_MAX);
	struct seen *s = &w->seen[w->seen_count++];
	*s = (struct seen){ .is_delete = !item->bytes,
			    .is_load = is_load,
			    .version = item->version,
			    .revision = revision };
	CHECK(snprintf(s->key, sizeof s->key, "%s", item->key) > 0);
	int n = (int)MIN(item->len, sizeof s->value - 1);
	if (item->bytes)
		CHECK(snprintf(s->value, sizeof s->value, "%.*s", n, (const char *)item->bytes) >=
		      0);
}

static void load_begin(void *ctx)
{
	struct world *w = ctx;
	w->loads_begun++;
}

static void load_item(void *ctx, const struct store_item *item)
{
	note(ctx, item, true, 0);
}

static void load_end(void *ctx, uint64_t revision)
{
	struct world *w = ctx;
	w->loads_ended++;
	w->position = revision;
	world_poke(w);
}

static void be_slow(struct world *w)
{
	int64_t begun_us = loop_turn_us(w->loop);
	while (loop_turn_us(w->loop) - begun_us < STORE_TURN_US * 2 / 3)
		;
	w->turn_revisions_max = MAX(w->turn_revisions_max, ++w->turn_revisions);
	loop_timer_set(w->turn, 0);
}

static void events(void *ctx, const struct store_item *items, size_t count, uint64_t revision)
{
	struct world *w = ctx;
	CHECK(revision > w->position);
	if (w->is_slow)
		be_slow(w);
	for (size_t i = 0; i < count; i++) {
		CHECK_INT(store_version_revision(items[i].version), revision);
		if (i)
			CHECK(items[i].version > items[i - 1].version);
		note(w, &items[i], false, revision);
	}
	w->position = revision;
	world_poke(w);
}

static void connection(void *ctx, bool is_up, const char *why)
{
	struct world *w = ctx;
	CHECK(is_up || why);
	if (is_up)
		w->ups++;
	else
		w->downs++;
	world_poke(w);
}

static void refused(void *ctx, const struct error *err)
{
	struct world *w = ctx;
	w->refusals++;
	CHECK(snprintf(w->refused_why, sizeof w->refused_why, "%s", err->text) > 0);
	world_poke(w);
}

static bool is_following(struct world *w, void *ctx)
{
	(void)ctx;
	return w->refusals || (w->loads_ended && w->ups > w->downs);
}

void world_follow(struct world *w)
{
	static const struct store_follower f = { load_begin, load_item,  load_end,
						 events,     connection, refused };
	store_follow(w->store, &f, w);
	world_wait(w, is_following, NULL, "the follower's load");
}

static bool has_position(struct world *w, void *ctx)
{
	return w->position >= *(uint64_t *)ctx;
}

void wait_position(struct world *w, uint64_t revision)
{
	world_wait(w, has_position, &revision, "the follower's position");
}

struct seen *seen_find(struct world *w, const char *key, uint64_t version)
{
	for (size_t i = 0; i < w->seen_count; i++)
		if (streq(w->seen[i].key, key) && (!version || w->seen[i].version == version))
			return &w->seen[i];
	return NULL;
}

/* ---- writes ---- */

static void written(void *ctx, enum store_outcome outcome, uint64_t revision,
		    const uint64_t *versions, const struct error *err)
{
	struct write_result *r = ctx;
	CHECK(!r->is_done);
	r->is_done = true;
	r->outcome = outcome;
	r->revision = revision;
	CHECK(!!versions == (outcome == STORE_DONE));
	if (versions)
		memcpy(r->versions, versions, r->writes_count * sizeof *versions);
	if (err)
		CHECK(snprintf(r->why, sizeof r->why, "%.150s", err->text) >= 0);
	world_poke(r->world);
}

void start_member(struct world *w, const struct store_guard *guards, size_t guards_count,
		  const struct store_write *writes, size_t writes_count, struct write_result *r)
{
	struct store_member m = { guards, guards_count, writes, writes_count };
	struct error err;
	*r = (struct write_result){ .world = w, .writes_count = writes_count };
	CHECK_INT(store_submit(w->store, &m, written, r, &err), 0);
}

void start_create(struct world *w, const char *key, const char *value, struct write_result *r)
{
	struct store_guard g = { .kind = STORE_ABSENT, .key = key };
	struct store_write put = {
		.kind = STORE_PUT, .key = key, .bytes = value, .len = strlen(value)
	};
	start_member(w, &g, 1, &put, 1, r);
}

void start_update(struct world *w, const char *key, const char *value, uint64_t version,
		  struct write_result *r)
{
	struct store_guard g = { .kind = STORE_AT_VERSION, .key = key, .version = version };
	struct store_write put = {
		.kind = STORE_PUT, .key = key, .bytes = value, .len = strlen(value)
	};
	start_member(w, &g, 1, &put, 1, r);
}

void start_delete(struct world *w, const char *key, uint64_t version, struct write_result *r)
{
	struct store_guard g = { .kind = STORE_AT_VERSION, .key = key, .version = version };
	struct store_write gone = { .kind = STORE_DELETE, .key = key };
	start_member(w, &g, 1, &gone, 1, r);
}

struct results {
	struct write_result *at;
	size_t count;
};

static bool are_done(struct world *w, void *ctx)
{
	const struct results *all = ctx;
	(void)w;
	for (size_t i = 0; i < all->count; i++)
		if (!all->at[i].is_done)
			return false;
	return true;
}

void wait_all(struct world *w, struct write_result *r, size_t count)
{
	world_wait(w, are_done, &(struct results){ r, count }, "writes");
}

uint64_t create(struct world *w, const char *key, const char *value)
{
	struct write_result r;
	start_create(w, key, value, &r);
	wait_all(w, &r, 1);
	if (r.outcome != STORE_DONE)
		fprintf(stderr, "create %s: %d %s\n", key, (int)r.outcome, r.why);
	CHECK_INT(r.outcome, STORE_DONE);
	return r.versions[0];
}

/* ---- raw ---- */

struct raw_answer {
	struct world *world;
	bool is_done;
	enum backend_outcome outcome;
	uint64_t number;
	char *out;
	size_t size;
};

static bool is_answered(struct world *w, void *ctx)
{
	(void)w;
	return ((struct raw_answer *)ctx)->is_done;
}

static void raw_numbered(void *ctx, enum backend_outcome outcome, uint64_t number,
			 const struct error *err)
{
	struct raw_answer *a = ctx;
	(void)err;
	a->is_done = true;
	a->outcome = outcome;
	a->number = number;
	world_poke(a->world);
}

static void raw_written(void *ctx, enum backend_outcome outcome, uint64_t revision,
			const struct backend_member_result *results, const struct error *err)
{
	(void)results;
	raw_numbered(ctx, outcome, revision, err);
}

uint64_t raw_write(struct world *w, const char *const *keys, const char *const *values,
		   size_t count)
{
	struct backend_op ops[80];
	struct raw_answer a = { .world = w };
	CHECK(count <= ARRAY_LEN(ops));
	for (size_t i = 0; i < count; i++)
		ops[i] = (struct backend_op){ .is_delete = !values[i],
					      .key = keys[i],
					      .value = values[i],
					      .len = values[i] ? strlen(values[i]) : 0 };
	struct backend_member m = { .ops = ops, .ops_count = count };
	w->raw->ops->txn(w->raw, &m, 1, 5000, raw_written, &a);
	world_wait(w, is_answered, &a, "a raw write");
	CHECK_INT(a.outcome, BACKEND_OK);
	return a.number;
}

static void raw_got(void *ctx, enum backend_outcome outcome, uint64_t revision,
		    const struct backend_kv *kvs, size_t count, bool has_more,
		    const struct error *err)
{
	struct raw_answer *a = ctx;
	struct store_header h;
	size_t skip = 0;
	(void)revision;
	(void)has_more;
	a->out[0] = '\0';
	if (outcome == BACKEND_OK && count) {
		(void)store_header_read(kvs[0].value, kvs[0].len, &h, &skip);
		CHECK(snprintf(a->out, a->size, "%.*s", (int)(kvs[0].len - skip),
			       (const char *)kvs[0].value + skip) >= 0);
	}
	raw_numbered(a, outcome, count ? kvs[0].mod_revision : 0, err);
}

uint64_t raw_read(struct world *w, const char *key, char *out, size_t size)
{
	struct raw_answer a = { .world = w, .out = out, .size = size };
	struct backend_range r = { .from = key, .is_single = true, .limit = 1 };
	w->raw->ops->range(w->raw, &r, 5000, raw_got, &a);
	world_wait(w, is_answered, &a, "a raw read");
	CHECK_INT(a.outcome, BACKEND_OK);
	return a.number;
}

void raw_compact(struct world *w, uint64_t revision)
{
	struct raw_answer a = { .world = w };
	w->raw->ops->compact(w->raw, revision, 5000, raw_numbered, &a);
	world_wait(w, is_answered, &a, "a compaction");
	CHECK_INT(a.outcome, BACKEND_OK);
}

static void probed(void *ctx, uint64_t revision, const struct error *err)
{
	raw_numbered(ctx, err ? BACKEND_UNKNOWN : BACKEND_OK, revision, err);
}

uint64_t probe(struct world *w)
{
	struct raw_answer a = { .world = w };
	store_probe(w->store, probed, &a);
	world_wait(w, is_answered, &a, "a probe");
	CHECK_INT(a.outcome, BACKEND_OK);
	return a.number;
}
