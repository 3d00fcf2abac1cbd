/* What is forgotten in time: history, by one of several servers; keys of leases. */
#include "tests/store/world.h"

#include <stdio.h>

#define SERVERS 3
/* Simulated time is free; with a real etcd turns are short. */
#define MEMORY_TURN_MS 300000
#define REAL_TURN_MS   300

struct server {
	struct store *store;
	bool is_up;
};

struct servers {
	struct server at[SERVERS];
	struct world *world;
};

static void load_begin(void *ctx)
{
	(void)ctx;
}

static void load_item(void *ctx, const struct store_item *item)
{
	(void)ctx;
	(void)item;
}

static void load_end(void *ctx, uint64_t revision)
{
	(void)ctx;
	(void)revision;
}

static void events(void *ctx, const struct store_item *items, size_t count, uint64_t revision)
{
	(void)ctx;
	(void)items;
	(void)count;
	(void)revision;
}

static void connection(void *ctx, bool is_up, const char *why)
{
	(void)why;
	((struct server *)ctx)->is_up = is_up;
}

static int64_t turn_ms(const struct world *w)
{
	return w->kind == WORLD_MEMORY ? MEMORY_TURN_MS : REAL_TURN_MS;
}

static void begin(struct servers *s, struct world *w)
{
	static const struct store_follower f = { load_begin, load_item,  load_end,
						 events,     connection, NULL };
	*s = (struct servers){ .world = w };
	for (size_t i = 0; i < SERVERS; i++) {
		s->at[i].store = store_new(
			w->loop, world_backend(w),
			&(struct store_options){ .cluster_id = "abc123",
						 .schema_revision = 3,
						 .seed = 100 + i,
						 .compact_every_ms = turn_ms(w) + (int64_t)i });
		store_follow(s->at[i].store, &f, &s->at[i]);
	}
}

static uint64_t compactions(const struct servers *s)
{
	uint64_t n = 0;
	for (size_t i = 0; i < SERVERS; i++) {
		struct store_counts c;
		if (s->at[i].store)
			store_counts(s->at[i].store, &c);
		n += s->at[i].store ? c.compactions : 0;
	}
	return n;
}

static void end(struct servers *s)
{
	for (size_t i = 0; i < SERVERS; i++)
		store_free(s->at[i].store);
}

static void wait_compactions(struct servers *s, uint64_t n)
{
	while (compactions(s) < n)
		world_run_ms(s->world, turn_ms(s->world) / 4);
}

struct old_read {
	struct world *world;
	bool is_done;
	enum backend_outcome outcome;
};

static void old_got(void *ctx, enum backend_outcome outcome, uint64_t revision,
		    const struct backend_kv *kvs, size_t count, bool has_more,
		    const struct error *err)
{
	struct old_read *r = ctx;
	(void)revision;
	(void)kvs;
	(void)count;
	(void)has_more;
	(void)err;
	r->is_done = true;
	r->outcome = outcome;
	world_poke(r->world);
}

static bool is_read(struct world *w, void *ctx)
{
	(void)w;
	return ((struct old_read *)ctx)->is_done;
}

static enum backend_outcome read_at(struct world *w, const char *key, uint64_t revision)
{
	struct old_read r = { .world = w };
	struct backend_range range = {
		.from = key, .is_single = true, .limit = 1, .revision = revision
	};
	w->raw->ops->range(w->raw, &range, 5000, old_got, &r);
	world_wait(w, is_read, &r, "a read of the past");
	return r.outcome;
}

static void one_of_many_compacts(struct world *w)
{
	struct servers s;
	world_open(w, "abc123", 0);
	world_follow(w);
	begin(&s, w);
	uint64_t first = store_version_revision(create(w, "o/a", "1"));
	wait_compactions(&s, 1);
	uint64_t later = store_version_revision(create(w, "o/b", "2"));
	CHECK_INT(read_at(w, "o/a", later), BACKEND_OK);
	wait_compactions(&s, 4); /* one each more for the put and for what it says */
	CHECK_INT(read_at(w, "o/a", first), BACKEND_COMPACTED);
	CHECK_INT(read_at(w, "o/a", later), BACKEND_COMPACTED);
	CHECK_INT(read_at(w, "o/a", 0), BACKEND_OK);
	if (w->kind == WORLD_MEMORY) { /* no more often than one server alone would */
		uint64_t before = compactions(&s);
		world_run_ms(w, 10 * (MEMORY_TURN_MS + SERVERS));
		CHECK(compactions(&s) - before >= 9 && compactions(&s) - before <= 11);
	}
	end(&s);
}

/* The one that does it goes: another goes on. */
static void another_goes_on(struct world *w)
{
	struct servers s;
	world_open(w, "abc123", 0);
	begin(&s, w);
	wait_compactions(&s, 2);
	for (size_t i = 0; i + 1 < SERVERS; i++) {
		store_free(s.at[i].store);
		s.at[i].store = NULL;
	}
	uint64_t before = compactions(&s);
	wait_compactions(&s, before + 2);
	end(&s);
}

/* What somebody else wrote there is no number: nothing is compacted for it. */
static void nonsense_is_replaced(struct world *w)
{
	struct servers s;
	char text[64];
	world_open(w, "abc123", 0);
	create(w, "skiff/compact", "not a revision");
	begin(&s, w);
	wait_compactions(&s, 1);
	CHECK(raw_read(w, "skiff/compact", text, sizeof text) > 0);
	CHECK(text[0] && strspn(text, "0123456789") == strlen(text));
	end(&s);
}

static bool is_gone(struct world *w, void *ctx)
{
	size_t deleted = 0;
	(void)ctx;
	for (size_t i = 0; i < w->seen_count; i++)
		deleted += w->seen[i].is_delete && strstr(w->seen[i].key, "o/core/events/");
	return deleted == 130;
}

/* Events go by their lease, a hundred and thirty of them by three, and watches see it. */
static void leases_end(struct world *w)
{
	static struct write_result r[130];
	char key[40];
	w->store = store_new(
		w->loop, world_backend(w),
		&(struct store_options){ .cluster_id = "abc123", .seed = 42, .lease_slack_s = 1 });
	world_follow(w);
	for (size_t i = 0; i < ARRAY_LEN(r); i++) {
		CHECK(snprintf(key, sizeof key, "o/core/events/n/%zu", i) > 0);
		struct store_guard g = { .kind = STORE_ABSENT, .key = key };
		struct store_write put = {
			.kind = STORE_PUT, .key = key, .bytes = "e", .len = 1, .ttl_s = 2
		};
		start_member(w, &g, 1, &put, 1, &r[i]);
	}
	wait_all(w, r, ARRAY_LEN(r));
	unsigned loads = w->loads_begun;
	world_wait(w, is_gone, NULL, "the events to go");
	CHECK_INT(w->loads_begun, loads); /* no revision was too long */
}

/* As the server uses it: an hour, which simulated time makes short. */
static void events_live_an_hour(struct world *w)
{
	struct write_result r;
	char text[8];
	if (w->kind != WORLD_MEMORY)
		return;
	world_open(w, "abc123", 0);
	world_follow(w);
	struct store_guard g = { .kind = STORE_ABSENT, .key = "o/core/events/n/e" };
	struct store_write put = {
		.kind = STORE_PUT, .key = "o/core/events/n/e", .bytes = "e", .len = 1, .ttl_s = 3600
	};
	start_member(w, &g, 1, &put, 1, &r);
	wait_all(w, &r, 1);
	CHECK_INT(r.outcome, STORE_DONE);
	world_run_ms(w, 3600 * 1000);
	CHECK(raw_read(w, "o/core/events/n/e", text, sizeof text) > 0);
	world_run_ms(w, 400 * 1000);
	CHECK_INT(raw_read(w, "o/core/events/n/e", text, sizeof text), 0);
	CHECK(w->seen_count > 0 && w->seen[w->seen_count - 1].is_delete);
}

const struct contract_case compact_cases[] = {
	{ "compaction: one of several servers", one_of_many_compacts, false },
	{ "compaction: another goes on", another_goes_on, false },
	{ "compaction: nonsense is replaced", nonsense_is_replaced, false },
	{ "leases end and watches see it", leases_end, false },
	{ "events live an hour", events_live_an_hour, false },
	{ NULL, NULL, false },
};
