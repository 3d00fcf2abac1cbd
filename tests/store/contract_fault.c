/* Lost requests, lost answers, an etcd that dies: nothing lost, nothing written twice. */
#include "tests/store/etcd_process.h"
#include "tests/store/world.h"

/* The answer is lost, the write was made: the retry finds our nonce. */
static void lost_answer_is_found(struct world *w)
{
	struct write_result r;
	char value[64];
	world_open(w, "abc123", 0);
	create(w, "o/a", "1");
	w->fault->lose_answers = 1;
	start_create(w, "o/b", "2", &r);
	wait_all(w, &r, 1);
	CHECK_INT(r.outcome, STORE_DONE);
	CHECK_INT(raw_read(w, "o/b", value, sizeof value), r.revision);
	CHECK_INT(store_version_revision(r.versions[0]), r.revision);
	CHECK_TEXT("value", value, "2");
	w->fault->lose_answers = 1;
	uint64_t b = r.versions[0];
	start_update(w, "o/b", "3", b, &r);
	wait_all(w, &r, 1);
	CHECK_INT(r.outcome, STORE_DONE);
	CHECK_INT(raw_read(w, "o/b", value, sizeof value), r.revision);
	CHECK_TEXT("value", value, "3");
	w->fault->lose_answers = 1;
	start_delete(w, "o/b", r.versions[0], &r);
	wait_all(w, &r, 1);
	CHECK_INT(r.outcome, STORE_DONE);
	CHECK_INT(raw_read(w, "o/b", value, sizeof value), 0);
}

static void lost_request_is_repeated(struct world *w)
{
	struct write_result r;
	char value[64];
	world_open(w, "abc123", 0);
	world_follow(w);
	w->fault->lose_requests = 2;
	start_create(w, "o/a", "1", &r);
	wait_all(w, &r, 1);
	CHECK_INT(r.outcome, STORE_DONE);
	CHECK_INT(raw_read(w, "o/a", value, sizeof value), r.revision);
}

/* Won, lost the answer, and somebody else was quick to overwrite it: the follower saw ours. */
static void overwritten_meanwhile(struct world *w)
{
	struct write_result r;
	world_open(w, "abc123", 0);
	world_follow(w);
	create(w, "o/first", "1");
	w->fault->lose_answers = 1;
	start_create(w, "o/a", "ours", &r);
	/* Until it is there: then it is overwritten behind the store's back. */
	char value[64];
	do
		raw_read(w, "o/a", value, sizeof value);
	while (!value[0]);
	uint64_t other = raw_write(w, (const char *[]){ "o/a" }, (const char *[]){ "theirs" }, 1);
	wait_all(w, &r, 1);
	CHECK_INT(r.outcome, STORE_DONE);
	CHECK(r.revision < other);
	raw_read(w, "o/a", value, sizeof value);
	CHECK_TEXT("value", value, "theirs");
}

/* Won, lost the answer, and deleted by somebody else: not created a second time. */
static void deleted_meanwhile(struct world *w)
{
	struct write_result r;
	char value[64];
	world_open(w, "abc123", 0);
	world_follow(w);
	w->fault->lose_answers = 1;
	start_create(w, "o/a", "ours", &r);
	do
		raw_read(w, "o/a", value, sizeof value);
	while (!value[0]);
	raw_write(w, (const char *[]){ "o/a" }, (const char *[]){ NULL }, 1);
	wait_all(w, &r, 1);
	CHECK_INT(r.outcome, STORE_DONE);
	CHECK_INT(raw_read(w, "o/a", value, sizeof value), 0);
}

/* The same while the follower hears nothing: the retry waits until it has caught up. */
static void deleted_while_deaf(struct world *w)
{
	struct write_result r;
	char value[64];
	world_open(w, "abc123", 0);
	world_follow(w);
	w->fault->inner->ops->unwatch(w->fault->inner);
	w->fault->lose_answers = 1;
	start_create(w, "o/a", "ours", &r);
	do
		raw_read(w, "o/a", value, sizeof value);
	while (!value[0]);
	raw_write(w, (const char *[]){ "o/a" }, (const char *[]){ NULL }, 1);
	world_run_ms(w, 600);
	CHECK(!r.is_done);
	fault_cut_watch(w->fault); /* now it notices, and resumes */
	wait_all(w, &r, 1);
	CHECK_INT(r.outcome, STORE_DONE);
	CHECK_INT(raw_read(w, "o/a", value, sizeof value), 0);
}

/* A write without a guard on its key is never sent twice. */
static void blind_write_is_not_repeated(struct world *w)
{
	struct write_result r;
	char value[64];
	world_open(w, "abc123", 0);
	create(w, "o/first", "1");
	struct store_write put = { .kind = STORE_PUT, .key = "o/a", .bytes = "x", .len = 1 };
	w->fault->lose_requests = 1;
	start_member(w, NULL, 0, &put, 1, &r);
	wait_all(w, &r, 1);
	CHECK_INT(r.outcome, STORE_UNKNOWN);
	CHECK_INT(raw_read(w, "o/a", value, sizeof value), 0);
	w->fault->lose_answers = 1;
	start_member(w, NULL, 0, &put, 1, &r);
	wait_all(w, &r, 1);
	CHECK_INT(r.outcome, STORE_DONE); /* found by its nonce */
	CHECK_INT(raw_read(w, "o/a", value, sizeof value), r.revision);
}

/* A whole batch whose answer is lost, with losers among its members. */
static void lost_batch(struct world *w)
{
	struct write_result r[40];
	char key[40];
	world_open(w, "abc123", 0);
	world_follow(w);
	create(w, "o/9", "before");
	start_create(w, "o/plug", "x", &r[39]);
	for (size_t i = 0; i < 39; i++) {
		CHECK(snprintf(key, sizeof key, "o/%zu", i) > 0);
		start_create(w, key, "x", &r[i]);
	}
	w->fault->lose_answers = 1; /* the plug is on its way already */
	wait_all(w, r, 40);
	uint64_t batch = r[0].revision;
	for (size_t i = 0; i < 40; i++) {
		CHECK_INT(r[i].outcome, i == 9 ? STORE_REFUSED : STORE_DONE);
		if (i < 39 && i != 9) {
			CHECK_INT(r[i].revision, batch);
			CHECK_INT(r[i].versions[0], store_version(batch, (unsigned)i));
		}
	}
}

static void deadline_passes(struct world *w)
{
	struct write_result r;
	world_open(w, "abc123", 3000);
	create(w, "o/first", "1");
	w->fault->lose_requests = 1000;
	start_create(w, "o/a", "1", &r);
	wait_all(w, &r, 1);
	CHECK_INT(r.outcome, STORE_UNKNOWN);
	w->fault->lose_requests = 0;
	create(w, "o/b", "1");
}

/* SIGKILL in the middle of writes, and the same data again. */
static void etcd_is_killed(struct world *w)
{
	static struct write_result r[300];
	char key[40], value[64];
	world_open(w, "abc123", 0);
	world_follow(w);
	for (size_t i = 0; i < ARRAY_LEN(r); i++) {
		CHECK(snprintf(key, sizeof key, "o/%zu", i) > 0);
		start_create(w, key, key, &r[i]);
		if (i % 100 == 50) {
			world_run_ms(w, 3);
			etcd_process_kill(w->etcd);
			world_run_ms(w, 20);
			etcd_process_restart(w->etcd);
		}
	}
	wait_all(w, r, ARRAY_LEN(r));
	for (size_t i = 0; i < ARRAY_LEN(r); i++) {
		CHECK(snprintf(key, sizeof key, "o/%zu", i) > 0);
		CHECK_INT(r[i].outcome, STORE_DONE);
		CHECK_INT(raw_read(w, key, value, sizeof value), r[i].revision);
		CHECK_TEXT(key, value, key);
	}
	wait_position(w, probe(w));
	/* Each was seen exactly once: by event, or by the load. */
	for (size_t i = 0; i < ARRAY_LEN(r); i++) {
		CHECK(snprintf(key, sizeof key, "o/%zu", i) > 0);
		size_t seen = 0;
		for (size_t j = 0; j < w->seen_count; j++)
			seen += streq(w->seen[j].key, key);
		CHECK_INT(seen, 1);
	}
}

static void probe_failed(void *ctx, uint64_t revision, const struct error *err)
{
	CHECK(revision == 0 && err && strstr(err->text, "full"));
	*(bool *)ctx = true;
}

/* No etcd and no room for one: all who wait are told at once, and later it goes on. */
static void full_disk_is_told(struct world *w)
{
	struct write_result r[2];
	bool is_told[2] = { false, false };
	world_open(w, "abc123", 600000);
	create(w, "o/a", "1");
	w->fault->is_full = true;
	w->fault->lose_requests = 1;
	start_create(w, "o/b", "2", &r[0]);               /* sent, and nobody knows */
	start_create(w, "o/c", "3", &r[1]);               /* waits behind it */
	store_probe(w->store, probe_failed, &is_told[0]); /* under way */
	store_probe(w->store, probe_failed, &is_told[1]); /* waits */
	wait_all(w, r, 2);
	CHECK_INT(r[0].outcome, STORE_UNKNOWN);
	CHECK_INT(r[1].outcome, STORE_FAILED);
	CHECK(is_told[0] && is_told[1]);
	w->fault->is_full = false;
	create(w, "o/c", "3");
}

const struct contract_case fault_cases[] = {
	{ "a lost answer is found by the nonce", lost_answer_is_found, false },
	{ "a lost request is repeated", lost_request_is_repeated, false },
	{ "overwritten meanwhile", overwritten_meanwhile, false },
	{ "deleted meanwhile", deleted_meanwhile, false },
	{ "deleted while the follower is deaf", deleted_while_deaf, false },
	{ "a blind write is not repeated", blind_write_is_not_repeated, false },
	{ "a batch's answer is lost", lost_batch, false },
	{ "the deadline passes", deadline_passes, false },
	{ "a full disk is told", full_disk_is_told, false },
	{ "etcd is killed in the middle", etcd_is_killed, true },
	{ NULL, NULL, false },
};
