/*
 * store_internal.h - what the files of the store share: store.c (face, queue, deadlines,
 * probes), store_batch.c (group commit), store_watch.c (meta, load, watch).
 */
#pragma once

#include "apiserver/store.h"
#include "apiserver/store_backend.h"
#include "apiserver/store_value.h"
#include "common/base/map.h"
#include "common/base/rng.h"

#define STORE_QUEUE_MAX       10000
#define STORE_TXN_TIMEOUT_MS  10000
#define STORE_CALL_TIMEOUT_MS 10000
#define STORE_META_KEY        "skiff/meta"
#define STORE_COMPACT_KEY     "skiff/compact"
#define STORE_LEASES_MAX      32
#define STORE_NO_REVISION     ((uint64_t)INT64_MAX) /* no key has it: such a compare fails */

struct store_queued {
	struct store_queued *next;
	struct store_guard *guards; /* keys and bytes live behind this structure */
	size_t guards_count;
	struct store_write *writes; /* bytes point behind room for the header */
	size_t writes_count;
	size_t bytes; /* of keys and values */
	uint64_t nonce;
	store_done *done; /* NULL: the answer was given already */
	void *ctx;
	int64_t deadline_ms;
	bool is_doubtful;  /* sent once without learning the outcome */
	bool is_protected; /* a second sending cannot do it twice */
	bool goes_alone;
	bool is_evident;            /* the follower saw our nonce … */
	uint64_t evident_revision;  /* … here */
	enum store_outcome outcome; /* in store->settled: what is to be told … */
	uint64_t revision;          /* … and of which revision */
	unsigned guesses;           /* times that a VALUE_IS guard was looked up anew */
	int64_t lease;
	uint32_t ttl_s;
	uint64_t versions[STORE_MEMBER_OPS_MAX];
};

struct store_lease {
	uint32_t ttl_s;   /* what keys were promised; 0: a free entry */
	int64_t id;       /* 0: being granted */
	int64_t until_ms; /* keys may be added until then */
	unsigned keys_count;
	struct store *store;
};

#define STORE_BATCH_GUARDS_MAX (16 * STORE_PLACES)

struct store_batch {
	struct store *store;
	struct store_queued *members[STORE_PLACES];
	size_t count;
	unsigned keys;
	size_t guards, bytes;
	/* What the back end is given. */
	struct backend_member out[STORE_PLACES];
	struct backend_compare compares[STORE_BATCH_GUARDS_MAX];
	struct backend_op ops[STORE_PLACES];
	const char *reads[STORE_BATCH_GUARDS_MAX + STORE_PLACES];
};

struct store_prober {
	struct store_prober *next;
	store_probed *done;
	void *ctx;
	int64_t deadline_ms;
};

struct store_known {       /* what a VALUE_IS key last was */
	uint64_t revision; /* 0: absent */
	size_t len;
	uint8_t bytes[];
};

enum follow_state {
	FOLLOW_OFF,
	FOLLOW_META, /* whose etcd is it? */
	FOLLOW_LOAD,
	FOLLOW_OPENING, /* the watch is asked for */
	FOLLOW_LIVE,
	FOLLOW_WAIT, /* back-off after a failure */
	FOLLOW_REFUSED,
	FOLLOW_STATE_COUNT,
};

enum doubt_state {
	DOUBT_NONE,
	DOUBT_WAIT,   /* back-off after an unknown outcome */
	DOUBT_PROBE,  /* asking where the store is */
	DOUBT_FOLLOW, /* until the follower is there */
	DOUBT_STATE_COUNT,
};

struct store_compaction {
	struct loop_timer *timer;
	int64_t every_ms;
	/* STORE_COMPACT_KEY as it is now: its version (0: absent), the revision that it says … */
	uint64_t seen, recorded;
	uint64_t remembered; /* … and its version when this server last looked */
	uint64_t until;      /* what the put under way allows to forget */
	bool is_busy;
};

struct store {
	struct loop *loop;
	struct store_backend *backend;
	char *cluster_id;
	uint32_t schema_revision;
	int64_t deadline_ms;
	uint32_t lease_slack_s;
	struct rng rng;

	struct store_queued *first, **last;           /* waiting members */
	struct store_queued *settled, **settled_last; /* whose answers are to be told */
	struct store_batch *in_flight;
	struct store_lease leases[STORE_LEASES_MAX];
	struct map known;
	struct loop_timer *deadlines, *retry, *telling;
	enum doubt_state doubt;
	uint64_t doubt_revision;
	unsigned failures; /* of transactions, in a row */
	char trouble[240]; /* why the last one failed; "" after a success */

	struct store_prober *probing, *probe_waiting; /* in flight; queued */
	struct loop_timer *probe_retry;
	bool is_probe_sent;

	enum follow_state follow_state;
	struct store_follower follower;
	void *follower_ctx;
	struct loop_timer *follow_retry;
	unsigned follow_failures;
	bool is_meta_checked, is_loaded, is_up;
	bool holds_keys; /* skiff/meta or others: it was looked for at a time when there were some */
	bool was_loaded; /* once: readers may be served meanwhile */
	uint64_t load_revision, position;
	int64_t load_limit;
	char *load_from;
	struct store_counts counts;
	struct store_compaction compact;
};

/* Remembered for those who wait in vain; NULL: all is well. */
void store_note_trouble(struct store *s, const struct error *err);
void store_late(const struct store *s, struct error *err);
/* Answers all writes that wait, instead of at their deadlines. */
void store_give_up(struct store *s, const struct error *err);

/* ---- store_member.c ---- */
struct store_queued *store_queued_new(struct store *s, const struct store_member *m);
void store_queued_free(struct store_queued *q);
/* The answer; `q` stays the caller's. */
void store_answer(struct store_queued *q, enum store_outcome outcome, uint64_t revision,
		  const struct error *err);
/* VALUE_IS guards are compared by the revision at which a key last had a value. */
void store_known_set(struct store *s, const char *key, uint64_t revision, const void *bytes,
		     size_t len);
/* STORE_NO_REVISION: the value is not known to be that. */
uint64_t store_known_revision(struct store *s, const struct store_guard *g);

/* ---- store_batch.c ---- */
/* Send the next batch if none is under way and something may go. */
void store_pump(struct store *s);
void store_batch_free(struct store_batch *b);

/* ---- store_settle.c ---- */
void store_batch_done(void *ctx, enum backend_outcome outcome, uint64_t revision,
		      const struct backend_member_result *results, const struct error *err);
void store_tell_settled(void *ctx); /* the timer */
/* Doubtful members whose nonce was seen need not ask again. */
void store_answer_evident(struct store *s);
/* An event was seen: is it one of ours whose outcome is unknown? place: its place. */
void store_notice(struct store *s, const struct backend_kv *kv, const struct store_header *h,
		  unsigned place);
/* In-flight members past their deadline are told UNKNOWN. */
void store_batch_expire(struct store *s, int64_t now_ms, int64_t *ret_next_ms);

/* ---- store_lease.c ---- */
/* A lease for one member's keys, or 0: it is being granted and store_pump() will follow. */
int64_t store_lease_for(struct store *s, uint32_t ttl_s, unsigned keys_count);
void store_lease_forget(struct store *s, int64_t id);

/* ---- store_compact.c ---- */
void store_compact_turn(void *ctx); /* the timer */
void store_compact_see(struct store *s, const struct store_item *item);
void store_compact_forget(struct store *s); /* everything is read anew */

/* ---- store_doubt.c ---- */
/* Members of unknown outcome went back into the queue: go on when it is safe. */
void store_doubt_begin(struct store *s);
void store_doubt_check(struct store *s); /* the follower moved */
void store_doubt_retry(void *ctx);       /* the retry timer */

/* ---- store_watch.c ---- */
void store_follow_retry(void *ctx);
/* Writes and the follower wait for this. */
bool store_may_write(const struct store *s);

/* Back-off for the n-th failure in a row, with jitter: 50 ms … 2 s. */
int64_t store_backoff_ms(struct store *s, unsigned failures);
