/* Rules 4 to 7 of DESIGN section 4: the follower, probes, compaction; and skiff/meta. */
#include "apiserver/store_memory.h"
#include "common/io/loop_sim.h"
#include "tests/store/world.h"

static bool has_loads(struct world *w, void *ctx)
{
	return w->loads_ended >= *(unsigned *)ctx;
}

static void wait_loads(struct world *w, unsigned n)
{
	world_wait(w, has_loads, &n, "a load");
}

static bool has_ups(struct world *w, void *ctx)
{
	return w->ups >= *(unsigned *)ctx;
}

static bool is_refused(struct world *w, void *ctx)
{
	(void)ctx;
	return w->refusals > 0;
}

/* Rule 4: a revision arrives as a whole (checked in world.c for each), in order, once. */
static void follower_sees_everything_once(struct world *w)
{
	static struct write_result r[150];
	char key[40];
	world_open(w, "abc123", 0);
	create(w, "o/before", "1");
	world_follow(w);
	CHECK(seen_find(w, "o/before", 0)->is_load);
	for (size_t i = 0; i < ARRAY_LEN(r); i++) {
		CHECK(snprintf(key, sizeof key, "o/%zu", i) > 0);
		start_create(w, key, key, &r[i]);
	}
	wait_all(w, r, ARRAY_LEN(r));
	wait_position(w, r[ARRAY_LEN(r) - 1].revision);
	for (size_t i = 0; i < ARRAY_LEN(r); i++) {
		CHECK(snprintf(key, sizeof key, "o/%zu", i) > 0);
		struct seen *s = seen_find(w, key, r[i].versions[0]);
		CHECK(s && !s->is_load);
		CHECK_TEXT(key, s->value, key);
	}
	size_t events = 0;
	for (size_t i = 0; i < w->seen_count; i++)
		events += !w->seen[i].is_load;
	CHECK_INT(events, ARRAY_LEN(r));
}

static void load_comes_in_pages_and_key_order(struct world *w)
{
	static struct write_result r[700];
	char key[40];
	world_open(w, "abc123", 0);
	for (size_t i = 0; i < ARRAY_LEN(r); i++) {
		CHECK(snprintf(key, sizeof key, "o/%zu", i * 7919 % ARRAY_LEN(r)) > 0);
		start_create(w, key, key, &r[i]);
	}
	wait_all(w, r, ARRAY_LEN(r));
	world_follow(w);
	CHECK_INT(w->seen_count, ARRAY_LEN(r) + 1); /* and skiff/meta */
	for (size_t i = 1; i < w->seen_count; i++)
		CHECK(strcmp(w->seen[i - 1].key, w->seen[i].key) < 0);
	CHECK_INT(w->loads_begun, 1);
}

/* Rule 5: the position moves by events alone, and a probe's revision is reached by them. */
static void probe_then_position(struct world *w)
{
	struct write_result r;
	world_open(w, "abc123", 0);
	world_follow(w);
	start_create(w, "o/a", "1", &r);
	wait_all(w, &r, 1);
	uint64_t revision = probe(w);
	CHECK(revision >= r.revision);
	wait_position(w, revision);
	CHECK_INT(w->position, r.revision);
	CHECK(seen_find(w, "o/a", r.versions[0]));
	CHECK_INT(probe(w), revision);
}

struct asked {
	struct world *world;
	uint64_t revision;
	bool is_done;
};

static void asked_done(void *ctx, uint64_t revision, const struct error *err)
{
	struct asked *a = ctx;
	CHECK(!err);
	a->revision = revision;
	a->is_done = true;
	world_poke(a->world);
}

static bool all_asked(struct world *w, void *ctx)
{
	struct asked *a = ctx;
	(void)w;
	for (size_t i = 0; i < 10; i++)
		if (!a[i].is_done)
			return false;
	return true;
}

/* One in flight, one queued for all who came meanwhile; none is answered by an older probe. */
static void probes_are_shared_and_ordered(struct world *w)
{
	struct asked a[10] = { 0 };
	struct store_counts before, after;
	world_open(w, "abc123", 0);
	create(w, "o/first", "1");
	store_counts(w->store, &before);
	a[0].world = w;
	store_probe(w->store, asked_done, &a[0]); /* sent */
	uint64_t written = raw_write(w, (const char *[]){ "o/raw" }, (const char *[]){ "1" }, 1);
	for (size_t i = 1; i < 10; i++) {
		a[i].world = w;
		store_probe(w->store, asked_done, &a[i]);
	}
	world_wait(w, all_asked, a, "probes");
	store_counts(w->store, &after);
	CHECK(after.probes - before.probes <= 3);
	for (size_t i = 1; i < 10; i++)
		CHECK(a[i].revision >= written);
}

/* Who asks while a probe is on its way back is not served by it: it may be too old. */
static void probe_in_flight_is_too_old(struct world *w)
{
	struct asked a[10] = { 0 };
	if (w->kind != WORLD_MEMORY)
		return; /* needs to stand between two steps of a request */
	world_open(w, "abc123", 0);
	create(w, "o/first", "1");
	memory_etcd_set_delay(w->memory, 10, 10, 1);
	for (size_t i = 0; i < 10; i++)
		a[i].world = w;
	store_probe(w->store, asked_done, &a[0]);
	world_run_ms(w, 15); /* carried out at 10, answered at 20 */
	CHECK(!a[0].is_done);
	uint64_t written = memory_etcd_write(w->memory, (const char *[]){ "o/raw" },
					     (const char *[]){ "1" }, 1);
	for (size_t i = 1; i < 10; i++)
		store_probe(w->store, asked_done, &a[i]);
	world_wait(w, all_asked, a, "probes");
	CHECK(a[0].revision < written);
	for (size_t i = 1; i < 10; i++)
		CHECK(a[i].revision >= written);
}

/* Rules 6 and 7: where a watch starts. The table of store_resume_revision. */
static void resume_table(struct world *w)
{
	const struct {
		uint64_t version, start;
	} rows[] = {
		{ 0, 1 },
		{ 63, 1 },
		{ 64, 1 },
		{ 127, 1 },
		{ store_version(2, 0), 1 },
		{ store_version(2, 63), 2 },
		{ store_version(10, 0), 9 },
		{ store_version(10, 62), 9 },
		{ store_version(10, 63), 10 },
	};
	(void)w;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		CHECK_INT(store_resume_revision(rows[i].version), rows[i].start);
	CHECK_INT(store_version_after(7), 7 * 64 + 63);
	CHECK_INT(store_event_place(-1, -1), 0);
	CHECK_INT(store_event_place(4, -1), 5);
	CHECK_INT(store_event_place(4, 9), 9);
	CHECK(store_event_place(4, 4) < 0);
	CHECK(store_event_place(63, -1) < 0);
}

/* A cut watch goes on where it was: nothing twice, nothing missing, deletes included. */
static void cut_watch_resumes(struct world *w)
{
	struct write_result r;
	unsigned two = 2;
	world_open(w, "abc123", 0);
	world_follow(w);
	uint64_t a = create(w, "o/a", "1");
	wait_position(w, store_version_revision(a));
	fault_cut_watch(w->fault);
	start_delete(w, "o/a", a, &r);
	wait_all(w, &r, 1);
	world_wait(w, has_ups, &two, "the watch to come back");
	wait_position(w, r.revision);
	CHECK_INT(w->loads_begun, 1);
	CHECK(seen_find(w, "o/a", r.versions[0])->is_delete);
	CHECK_INT(w->downs, 1);
}

static bool has_begun(struct world *w, void *ctx)
{
	(void)ctx;
	return w->seen_count >= 5;
}

/* Many revisions behind a cut watch's back: they come in one message, and take several turns. */
static uint64_t fall_behind(struct world *w, struct write_result *r, size_t count)
{
	static char value[20001];
	char key[40];
	world_open(w, "abc123", 0);
	world_follow(w);
	w->fault->inner->ops->unwatch(w->fault->inner);
	memset(value, 'v', sizeof value - 1);
	for (size_t i = 0; i < count; i++) {
		CHECK(snprintf(key, sizeof key, "o/%zu", i) > 0);
		start_create(w, key, value, &r[i]);
		wait_all(w, &r[i], 1);
	}
	if (w->kind == WORLD_MEMORY)
		loop_sim_set_pace(w->loop, STORE_TURN_US / 10);
	w->is_slow = true;
	w->seen_count = 0;
	fault_cut_watch(w->fault);
	return r[count - 1].revision;
}

static void check_all_seen(struct world *w, const struct write_result *r, size_t count)
{
	CHECK_INT(w->seen_count, count); /* once, and in order: world.c looks at the revisions */
	for (size_t i = 0; i < count; i++)
		CHECK_INT(w->seen[i].version, r[i].versions[0]);
	CHECK_INT(w->loads_begun, 1);
	CHECK(w->turn_revisions_max < count / 3);
	w->is_slow = false;
}

/* A read that waits for a version finds it when all parts before it have come. */
static void parted_message_is_whole(struct world *w)
{
	struct write_result r[40];
	uint64_t last = fall_behind(w, r, ARRAY_LEN(r));
	world_wait(w, has_begun, NULL, "the first events");
	uint64_t probed = probe(w);
	CHECK(probed >= last);
	wait_position(w, last);
	check_all_seen(w, r, ARRAY_LEN(r));
}

/* What was not taken yet comes again when the watch ends in between. */
static void parted_message_is_cut(struct world *w)
{
	struct write_result r[40];
	uint64_t last = fall_behind(w, r, ARRAY_LEN(r));
	world_wait(w, has_begun, NULL, "the first events");
	fault_cut_watch(w->fault);
	wait_position(w, last);
	check_all_seen(w, r, ARRAY_LEN(r));
}

/* etcd's refusal of a compacted start is a new load. */
static void compaction_reloads(struct world *w)
{
	world_open(w, "abc123", 0);
	world_follow(w);
	uint64_t a = create(w, "o/a", "1");
	wait_position(w, store_version_revision(a));
	/* Written behind a cut watch's back, and compacted before it is back. */
	w->fault->inner->ops->unwatch(w->fault->inner);
	struct write_result r;
	start_delete(w, "o/a", a, &r);
	wait_all(w, &r, 1);
	uint64_t b = create(w, "o/b", "2");
	uint64_t c = create(w, "o/c", "3");
	raw_compact(w, store_version_revision(c));
	w->seen_count = 0;
	fault_cut_watch(w->fault);
	wait_loads(w, 2);
	CHECK(!seen_find(w, "o/a", 0));
	CHECK(seen_find(w, "o/b", b)->is_load);
	CHECK(seen_find(w, "o/c", c)->is_load);
	struct store_counts counts;
	store_counts(w->store, &counts);
	CHECK_INT(counts.compacted_revision, store_version_revision(c));
	uint64_t d = create(w, "o/d", "4");
	wait_position(w, store_version_revision(d));
	CHECK(!seen_find(w, "o/d", d)->is_load);
}

/* A revision of more than 64 events (etcdctl) rebuilds everything. */
static void foreign_revision_reloads(struct world *w)
{
	static char names[70][16];
	const char *keys[70], *values[70];
	world_open(w, "abc123", 0);
	world_follow(w);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		CHECK(snprintf(names[i], sizeof names[i], "raw/%02zu", i) > 0);
		keys[i] = names[i];
		values[i] = "v";
	}
	raw_write(w, keys, values, 3); /* values without header have places too */
	uint64_t small = raw_write(w, keys + 3, values, 1);
	wait_position(w, small);
	CHECK_INT(w->loads_begun, 1);
	CHECK(seen_find(w, "raw/02", 0)->version % STORE_PLACES == 2);
	w->seen_count = 0;
	raw_write(w, keys, values, 70);
	wait_loads(w, 2);
	CHECK(seen_find(w, "raw/69", 0)->is_load);
	uint64_t a = create(w, "o/a", "1");
	wait_position(w, store_version_revision(a));
}

/* Two servers on one etcd: each sees the other's writes, and neither overwrites them. */
static void two_stores(struct world *w)
{
	struct write_result r;
	world_open(w, "abc123", 0);
	world_follow(w);
	struct store *first = w->store;
	w->store = store_new(w->loop, world_backend(w),
			     &(struct store_options){ .cluster_id = "abc123", .seed = 7 });
	uint64_t a = create(w, "o/a", "by the second");
	struct store *second = w->store;
	w->store = first;
	wait_position(w, store_version_revision(a));
	CHECK_TEXT("seen", seen_find(w, "o/a", a)->value, "by the second");
	start_create(w, "o/a", "by the first", &r);
	wait_all(w, &r, 1);
	CHECK_INT(r.outcome, STORE_REFUSED);
	start_update(w, "o/a", "by the first", a, &r);
	wait_all(w, &r, 1);
	CHECK_INT(r.outcome, STORE_DONE);
	w->store = second;
	start_update(w, "o/a", "late", a, &r);
	wait_all(w, &r, 1);
	CHECK_INT(r.outcome, STORE_REFUSED);
	store_free(second);
	w->store = first;
}

static void meta_is_written_and_checked(struct world *w)
{
	char value[80];
	world_open(w, "abc123", 0);
	create(w, "o/a", "1");
	CHECK(raw_read(w, "skiff/meta", value, sizeof value) > 0);
	CHECK_TEXT("meta", value, "{\"cluster\":\"abc123\",\"layout\":1}");
	world_close(w);
	world_open(w, "abc123", 0); /* the same cluster again */
	create(w, "o/b", "1");
	world_close(w);
	world_open(w, "zzz999", 2000);
	struct write_result r;
	start_create(w, "o/c", "1", &r);
	world_follow(w);
	world_wait(w, is_refused, NULL, "the refusal");
	wait_all(w, &r, 1);
	CHECK_INT(r.outcome, STORE_FAILED);
	CHECK_INT(raw_read(w, "o/c", value, sizeof value), 0);
}

static void foreign_keys_are_refused(struct world *w)
{
	char value[80];
	raw_write(w, (const char *[]){ "/registry/pods/x" }, (const char *[]){ "1" }, 1);
	world_open(w, "abc123", 2000);
	world_follow(w);
	world_wait(w, is_refused, NULL, "the refusal");
	CHECK(strstr(w->refused_why, "holds keys"));
	CHECK_INT(raw_read(w, "skiff/meta", value, sizeof value), 0);
}

/* The header's bytes are part of the layout: this is the golden test. */
static void header_is_golden(struct world *w)
{
	static const uint8_t golden[STORE_HEADER_SIZE] = {
		'S', 'K', 'F', '1', 24, 0, 5, 0, 8, 7, 6, 5, 4, 3, 2, 1, 3, 0, 0, 0, 0, 0, 0, 0,
	};
	uint8_t got[STORE_HEADER_SIZE];
	struct store_header h = { .place = 5, .nonce = 0x0102030405060708, .schema_revision = 3 };
	struct store_header back;
	size_t len;
	(void)w;
	store_header_write(&h, got);
	CHECK(memcmp(got, golden, sizeof golden) == 0);
	CHECK(store_header_read(golden, sizeof golden, &back, &len));
	CHECK_INT(len, 24);
	CHECK(back.place == 5 && back.nonce == h.nonce && back.schema_revision == 3);
	CHECK(!store_header_read(golden, sizeof golden - 1, &back, &len));
	got[STORE_PLACE_OFFSET] = 64;
	CHECK(!store_header_read(got, sizeof got, &back, &len));
}

const struct contract_case watch_cases[] = {
	{ "rule 4: everything once, in order", follower_sees_everything_once, false },
	{ "load in pages, in key order", load_comes_in_pages_and_key_order, false },
	{ "rule 5: probe and position", probe_then_position, false },
	{ "probes are shared and ordered", probes_are_shared_and_ordered, false },
	{ "a probe in flight is too old", probe_in_flight_is_too_old, false },
	{ "rules 6 and 7: where a watch starts", resume_table, false },
	{ "a cut watch resumes", cut_watch_resumes, false },
	{ "a message of several turns", parted_message_is_whole, false },
	{ "a message of several turns, cut", parted_message_is_cut, false },
	{ "compaction: load anew", compaction_reloads, false },
	{ "a foreign revision: load anew", foreign_revision_reloads, false },
	{ "two stores on one etcd", two_stores, false },
	{ "skiff/meta is written and checked", meta_is_written_and_checked, false },
	{ "foreign keys are refused", foreign_keys_are_refused, false },
	{ "rule 2: the header's bytes", header_is_golden, false },
	{ NULL, NULL, false },
};
