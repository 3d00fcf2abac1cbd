/* Rules 1 to 3 of DESIGN section 4, and what a batch is. */
#include "tests/store/world.h"

static void creates_and_conflicts(struct world *w)
{
	char value[64];
	world_open(w, "abc123", 0);
	uint64_t first = create(w, "o/core/pods/n/a", "one");
	struct write_result r;
	start_create(w, "o/core/pods/n/a", "again", &r);
	wait_all(w, &r, 1);
	CHECK_INT(r.outcome, STORE_REFUSED);
	start_update(w, "o/core/pods/n/a", "two", first, &r);
	wait_all(w, &r, 1);
	CHECK_INT(r.outcome, STORE_DONE);
	CHECK(r.versions[0] > first);
	uint64_t second = r.versions[0];
	start_update(w, "o/core/pods/n/a", "late", first, &r);
	wait_all(w, &r, 1);
	CHECK_INT(r.outcome, STORE_REFUSED);
	uint64_t revision = raw_read(w, "o/core/pods/n/a", value, sizeof value);
	CHECK_TEXT("value", value, "two");
	CHECK_INT(revision, store_version_revision(second));
	start_delete(w, "o/core/pods/n/a", second, &r);
	wait_all(w, &r, 1);
	CHECK_INT(r.outcome, STORE_DONE);
	CHECK_INT(raw_read(w, "o/core/pods/n/a", value, sizeof value), 0);
	start_delete(w, "o/core/pods/n/a", second, &r);
	wait_all(w, &r, 1);
	CHECK_INT(r.outcome, STORE_REFUSED);
}

/* While one transaction is in flight the others gather; each wins or loses alone. */
static void batch_members_are_independent(struct world *w)
{
	struct write_result r[20];
	char key[40];
	world_open(w, "abc123", 0);
	create(w, "o/core/pods/n/7", "was here before");
	uint64_t txns = w->fault->txns;
	for (size_t i = 0; i < ARRAY_LEN(r); i++) {
		CHECK(snprintf(key, sizeof key, "o/core/pods/n/%zu", i) > 0);
		start_create(w, key, "x", &r[i]);
	}
	wait_all(w, r, ARRAY_LEN(r));
	CHECK_INT(w->fault->txns - txns, 2); /* the first alone, the others together */
	CHECK_INT(w->fault->members_max, 19);
	for (size_t i = 0; i < ARRAY_LEN(r); i++)
		CHECK_INT(r[i].outcome, i == 7 ? STORE_REFUSED : STORE_DONE);
	/* One revision for the batch, places in the order of members; member 7's is skipped. */
	for (size_t i = 1; i < ARRAY_LEN(r); i++)
		if (i != 7)
			CHECK_INT(r[i].versions[0], store_version(r[1].revision, (unsigned)i - 1));
}

static void batch_holds_64_keys(struct world *w)
{
	static struct write_result r[200];
	char key[40];
	struct store_counts counts;
	world_open(w, "abc123", 0);
	for (size_t i = 0; i < ARRAY_LEN(r); i++) {
		CHECK(snprintf(key, sizeof key, "o/core/pods/n/%zu", i) > 0);
		start_create(w, key, "x", &r[i]);
	}
	wait_all(w, r, ARRAY_LEN(r));
	store_counts(w->store, &counts);
	CHECK_INT(counts.batch_keys_max, 64);
	CHECK_INT(counts.members, 200);
	CHECK_INT(counts.queued_now, 0);
	for (size_t i = 0; i < ARRAY_LEN(r); i++) {
		CHECK_INT(r[i].outcome, STORE_DONE);
		for (size_t j = 0; j < i; j++)
			CHECK(r[i].versions[0] != r[j].versions[0]);
	}
}

/* Members of five keys: twelve fit, a thirteenth would be 65 keys. */
static void batch_counts_keys_not_members(struct world *w)
{
	struct write_result plug, r[30];
	char keys[30][5][24];
	struct store_counts counts;
	world_open(w, "abc123", 0);
	create(w, "first", "x"); /* writes wait for skiff/meta */
	start_create(w, "plug", "x", &plug);
	for (size_t i = 0; i < ARRAY_LEN(r); i++) {
		struct store_write writes[5];
		for (size_t j = 0; j < 5; j++) {
			CHECK(snprintf(keys[i][j], sizeof keys[i][j], "o/%zu/%zu", i, j) > 0);
			writes[j] = (struct store_write){
				.kind = STORE_PUT, .key = keys[i][j], .bytes = "x", .len = 1
			};
		}
		start_member(w, NULL, 0, writes, 5, &r[i]);
	}
	wait_all(w, r, ARRAY_LEN(r));
	store_counts(w->store, &counts);
	CHECK_INT(counts.batch_keys_max, 60);
	for (size_t i = 0; i < ARRAY_LEN(r); i++) {
		CHECK_INT(r[i].outcome, STORE_DONE);
		CHECK_INT(r[i].versions[4] - r[i].versions[0], 4);
	}
}

/* A member of several keys: all of them or none, and each key has its place. */
static void member_is_all_or_nothing(struct world *w)
{
	char value[64];
	struct write_result r;
	world_open(w, "abc123", 0);
	uint64_t graph = create(w, "graph/n", "1");
	struct store_guard guards[] = {
		{ .kind = STORE_ABSENT, .key = "o/core/services/n/s" },
		{ .kind = STORE_AT_VERSION, .key = "graph/n", .version = graph },
		{ .kind = STORE_ABSENT, .key = "alloc/ip/10.96.0.7" },
	};
	struct store_write writes[] = {
		{ .kind = STORE_PUT, .key = "o/core/services/n/s", .bytes = "svc", .len = 3 },
		{ .kind = STORE_PUT, .key = "graph/n", .bytes = "2", .len = 1 },
		{ .kind = STORE_PUT, .key = "alloc/ip/10.96.0.7", .bytes = "s", .len = 1 },
	};
	start_member(w, guards, 3, writes, 3, &r);
	wait_all(w, &r, 1);
	CHECK_INT(r.outcome, STORE_DONE);
	for (size_t i = 0; i < 3; i++)
		CHECK_INT(r.versions[i], store_version(r.revision, (unsigned)i));
	guards[0].key = writes[0].key = "o/core/services/n/t"; /* same graph version: too late */
	start_member(w, guards, 3, writes, 3, &r);
	wait_all(w, &r, 1);
	CHECK_INT(r.outcome, STORE_REFUSED);
	CHECK_INT(raw_read(w, "o/core/services/n/t", value, sizeof value), 0);
}

/* Rule 1: no key written by one member is written or compared by another of the batch. */
static void overlapping_members_wait(struct world *w)
{
	struct write_result r[4], fence;
	world_open(w, "abc123", 0);
	uint64_t a = create(w, "a", "0");
	uint64_t b = create(w, "b", "0");
	start_create(w, "plug", "x", &r[3]); /* in flight while the others gather */
	start_update(w, "a", "1", a, &r[0]);
	start_update(w, "a", "2", a, &r[1]); /* same key: next batch, and too late */
	struct store_guard guards[] = {
		{ .kind = STORE_AT_VERSION, .key = "a", .version = a },
		{ .kind = STORE_AT_VERSION, .key = "b", .version = b },
	};
	struct store_write put = { .kind = STORE_PUT, .key = "b", .bytes = "1", .len = 1 };
	start_member(w, guards, 2, &put, 1, &fence); /* compares what another writes */
	start_update(w, "b", "9", b, &r[2]);         /* behind it, not before it */
	wait_all(w, r, 4);
	wait_all(w, &fence, 1);
	CHECK_INT(r[0].outcome, STORE_DONE);
	CHECK_INT(r[1].outcome, STORE_REFUSED);
	CHECK_INT(fence.outcome, STORE_REFUSED);
	CHECK_INT(r[2].outcome, STORE_DONE);
	CHECK(r[2].revision > r[0].revision);
}

/* The same for writes without any guard: etcd refuses a doubled put as such. */
static void blind_overlap_waits(struct world *w)
{
	struct write_result plug, r[4];
	char value[64];
	world_open(w, "abc123", 0);
	uint64_t b = create(w, "b", "0");
	struct store_write a1 = { .kind = STORE_PUT, .key = "a", .bytes = "1", .len = 1 };
	struct store_write a2 = { .kind = STORE_PUT, .key = "a", .bytes = "2", .len = 1 };
	struct store_write b1 = { .kind = STORE_PUT, .key = "b", .bytes = "1", .len = 1 };
	struct store_write c1 = { .kind = STORE_PUT, .key = "c", .bytes = "1", .len = 1 };
	struct store_guard g = { .kind = STORE_AT_VERSION, .key = "b", .version = b };
	start_create(w, "plug", "x", &plug);
	start_member(w, NULL, 0, &a1, 1, &r[0]);
	start_member(w, NULL, 0, &a2, 1, &r[1]);
	start_member(w, &g, 1, &c1, 1, &r[2]);   /* compares b … */
	start_member(w, NULL, 0, &b1, 1, &r[3]); /* … which this one writes, later */
	wait_all(w, r, ARRAY_LEN(r));
	for (size_t i = 0; i < ARRAY_LEN(r); i++)
		CHECK_INT(r[i].outcome, STORE_DONE);
	CHECK(r[1].revision > r[0].revision);
	CHECK(r[3].revision > r[2].revision);
	struct store_counts counts;
	store_counts(w->store, &counts);
	CHECK_INT(counts.retries, 0); /* no batch had to be refused and split */
	raw_read(w, "a", value, sizeof value);
	CHECK_TEXT("the later one", value, "2");
}

/* Rule 3: a delete's place is one more than that of the event before it. */
static void deletes_have_places(struct world *w)
{
	struct write_result r[6];
	world_open(w, "abc123", 0);
	world_follow(w);
	uint64_t a = create(w, "a", "0"), c = create(w, "c", "0"), d = create(w, "d", "0");
	start_create(w, "plug", "x", &r[5]);
	start_delete(w, "a", a, &r[0]);      /* place 0 */
	start_update(w, "c", "1", a, &r[1]); /* loses; would have been place 1 */
	start_delete(w, "d", d, &r[2]);      /* event 2: place 1 */
	start_create(w, "e", "1", &r[3]);    /* stored place 3 */
	start_delete(w, "c", c, &r[4]);      /* waits: its key was in this batch */
	wait_all(w, r, 6);
	CHECK_INT(r[1].outcome, STORE_REFUSED);
	CHECK_INT(r[0].versions[0], store_version(r[0].revision, 0));
	CHECK_INT(r[2].versions[0], store_version(r[0].revision, 1));
	CHECK_INT(r[3].versions[0], store_version(r[0].revision, 3));
	CHECK(r[4].revision > r[0].revision);
	wait_position(w, r[4].revision);
	/* The follower computes the same. */
	CHECK(seen_find(w, "a", r[0].versions[0])->is_delete);
	CHECK(seen_find(w, "d", r[2].versions[0])->is_delete);
	CHECK_TEXT("e", seen_find(w, "e", r[3].versions[0])->value, "1");
	CHECK(seen_find(w, "c", r[4].versions[0])->is_delete);
}

static void value_guard_finds_its_revision(struct world *w)
{
	struct write_result r;
	char value[64];
	world_open(w, "abc123", 0);
	create(w, "leader/kube-system/ctl", "7");
	struct store_guard guards[] = {
		{ .kind = STORE_ABSENT, .key = "o/x" },
		{ .kind = STORE_VALUE_IS, .key = "leader/kube-system/ctl", .bytes = "7", .len = 1 },
	};
	struct store_write put = { .kind = STORE_PUT, .key = "o/x", .bytes = "1", .len = 1 };
	start_member(w, guards, 2, &put, 1, &r);
	wait_all(w, &r, 1);
	CHECK_INT(r.outcome, STORE_DONE);
	/* The second time it is known: one transaction. */
	uint64_t txns = w->fault->txns;
	guards[0].key = put.key = "o/y";
	start_member(w, guards, 2, &put, 1, &r);
	wait_all(w, &r, 1);
	CHECK_INT(r.outcome, STORE_DONE);
	CHECK_INT(w->fault->txns - txns, 1);
	/* Somebody else leads now. */
	raw_write(w, (const char *[]){ "leader/kube-system/ctl" }, (const char *[]){ "8" }, 1);
	guards[0].key = put.key = "o/z";
	start_member(w, guards, 2, &put, 1, &r);
	wait_all(w, &r, 1);
	CHECK_INT(r.outcome, STORE_REFUSED);
	CHECK_INT(raw_read(w, "o/z", value, sizeof value), 0);
	guards[1].bytes = "8";
	start_member(w, guards, 2, &put, 1, &r);
	wait_all(w, &r, 1);
	CHECK_INT(r.outcome, STORE_DONE);
}

static void large_writes(struct world *w)
{
	static char big[9 << 20];
	struct write_result r[4];
	memset(big, 'x', sizeof big - 1);
	world_open(w, "abc123", 0);
	start_create(w, "plug", "x", &r[0]);
	big[2 << 20] = '\0';
	start_create(w, "big", big, &r[1]); /* larger than a batch: alone */
	start_create(w, "small", "x", &r[2]);
	big[2 << 20] = 'x';
	start_create(w, "too-big", big, &r[3]);
	wait_all(w, r, 4);
	CHECK_INT(r[0].outcome, STORE_DONE);
	CHECK_INT(r[1].outcome, STORE_DONE);
	CHECK_INT(r[2].outcome, STORE_DONE);
	CHECK_INT(r[3].outcome, STORE_TOO_LARGE);
	CHECK(r[1].revision != r[2].revision);
	create(w, "after", "x");
}

static void leases_hold_60_keys(struct world *w)
{
	static struct write_result r[130];
	char key[40], value[8];
	world_open(w, "abc123", 0);
	world_follow(w);
	for (size_t i = 0; i < ARRAY_LEN(r); i++) {
		CHECK(snprintf(key, sizeof key, "o/core/events/n/%zu", i) > 0);
		struct store_guard g = { .kind = STORE_ABSENT, .key = key };
		struct store_write put = {
			.kind = STORE_PUT, .key = key, .bytes = "e", .len = 1, .ttl_s = 1
		};
		start_member(w, &g, 1, &put, 1, &r[i]);
	}
	wait_all(w, r, ARRAY_LEN(r));
	for (size_t i = 0; i < ARRAY_LEN(r); i++)
		CHECK_INT(r[i].outcome, STORE_DONE);
	wait_position(w, r[ARRAY_LEN(r) - 1].revision);
	if (w->kind != WORLD_MEMORY)
		return; /* a minute of real time */
	unsigned loads = w->loads_begun;
	world_run_ms(w, 60000);
	CHECK_INT(raw_read(w, "o/core/events/n/0", value, sizeof value), 0);
	CHECK_INT(raw_read(w, "o/core/events/n/129", value, sizeof value), 0);
	CHECK_INT(w->loads_begun, loads); /* no revision was too long */
}

static void queue_has_a_cap(struct world *w)
{
	static struct write_result r[10001];
	char key[40];
	struct error err;
	world_open(w, "abc123", 0);
	for (size_t i = 0; i < ARRAY_LEN(r) - 1; i++) {
		CHECK(snprintf(key, sizeof key, "k/%zu", i) > 0);
		start_create(w, key, "x", &r[i]);
	}
	struct store_write put = { .kind = STORE_PUT, .key = "k", .bytes = "x", .len = 1 };
	struct store_member m = { .writes = &put, .writes_count = 1 };
	CHECK_INT(store_submit(w->store, &m, NULL, NULL, &err), ERR_LIMIT);
	wait_all(w, r, ARRAY_LEN(r) - 1);
}

const struct contract_case write_cases[] = {
	{ "creates, conflicts, deletes", creates_and_conflicts, false },
	{ "members of a batch are independent", batch_members_are_independent, false },
	{ "rule 1: a batch holds 64 keys", batch_holds_64_keys, false },
	{ "rule 1: keys are counted, not members", batch_counts_keys_not_members, false },
	{ "a member is all or nothing", member_is_all_or_nothing, false },
	{ "rule 1: overlapping members wait", overlapping_members_wait, false },
	{ "rule 1: blind writes wait, too", blind_overlap_waits, false },
	{ "rule 3: places of deletes", deletes_have_places, false },
	{ "a value guard finds its revision", value_guard_finds_its_revision, false },
	{ "large writes go alone", large_writes, false },
	{ "a lease holds 60 keys", leases_hold_60_keys, false },
	{ "the queue has a cap", queue_has_a_cap, false },
	{ NULL, NULL, false },
};
