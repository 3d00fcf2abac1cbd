/*
 * store.h - the desired state, behind one face: group commit, versions, probes and
 * one watch over the whole key space, on any back end (store_backend.h: memory, etcd by
 * JSON, etcd by gRPC). The rules of versions stand in DESIGN section 4; each has a case
 * in tests/store/.
 *
 * version = etcd revision × 64 + place in the batch. A version ending in place 63 names the
 * state after the whole revision.
 *
 * A stored value is a header and the object's bytes:
 *
 *	offset size  field (integers little-endian)
 *	0      4     magic "SKF1"
 *	4      1     header length in bytes (24)
 *	5      1     flags (bit 0: encrypted)
 *	6      1     place in the batch
 *	7      1     key id of the encryption key (0: none)
 *	8      8     writer nonce, new for each member
 *	16     4     schema revision
 *	20     4     reserved, 0
 *
 * Threads: the loop's. No callback is made inside a call.
 */
#pragma once

#include "common/base/error.h"
#include "common/io/loop.h"

#define STORE_PLACES         64
#define STORE_KEY_MAX        1024
#define STORE_BATCH_BYTES    (1u << 20)
#define STORE_MEMBER_OPS_MAX 32 /* guards or writes of one member */

struct store;
struct store_backend;

enum store_guard_kind {
	STORE_ABSENT,     /* the key does not exist */
	STORE_AT_VERSION, /* the key was last written at this version (its revision is compared) */
	STORE_VALUE_IS,   /* the object bytes are exactly these */
};

struct store_guard {
	enum store_guard_kind kind;
	const char *key;
	uint64_t version;
	const void *bytes;
	size_t len;
};

enum store_write_kind { STORE_PUT, STORE_DELETE };

struct store_write {
	enum store_write_kind kind;
	const char *key;
	const void *bytes; /* object bytes, without the header */
	size_t len;
	uint32_t ttl_s;           /* 0: for ever; else at least that long, by lease */
	uint32_t schema_revision; /* by what rules they were printed; 0: the store's own */
	uint8_t sealed_by; /* number of the key that the bytes are encrypted with; 0: they are not */
};

/*
 * All or nothing: every guard must hold, then every write is made. Copied by submit.
 *
 * A member with an ABSENT or AT_VERSION guard on a key that it writes is repeated after an
 * unknown outcome until its fate is known. One without is never sent twice: it is looked for by
 * its nonce, and STORE_UNKNOWN is the answer where that finds nothing.
 */
struct store_member {
	const struct store_guard *guards;
	size_t guards_count;
	const struct store_write *writes; /* no key twice */
	size_t writes_count;
};

enum store_outcome {
	STORE_DONE,
	STORE_REFUSED,   /* a guard did not hold; nothing was written */
	STORE_TOO_LARGE, /* etcd refused its size */
	STORE_FAILED,    /* not carried out, for sure: store full, shutting down; see err */
	STORE_UNKNOWN,   /* gave up after the deadline without learning it */
	STORE_OUTCOME_COUNT,
};

/* versions[i] belongs to writes[i] (STORE_DONE only); revision is etcd's. */
typedef void store_done(void *ctx, enum store_outcome outcome, uint64_t revision,
			const uint64_t *versions, const struct error *err);

/* Queue a member. At most 10,000 wait; beyond, ERR_LIMIT and `done` is never called. */
int store_submit(struct store *s, const struct store_member *m, store_done *done, void *ctx,
		 struct error *err) MUST_CHECK;

/*
 * A probe SENT after this call says at which revision the store is: a reader that waits for the
 * cache to reach it reads linearizably. One in flight, one queued, which serves all who came
 * meanwhile. err NULL on success.
 */
typedef void store_probed(void *ctx, uint64_t revision, const struct error *err);
void store_probe(struct store *s, store_probed *done, void *ctx);

/* One key as the follower sees it. Bytes are borrowed for the call. */
struct store_item {
	const char *key;
	const void *bytes; /* without header; NULL: deleted */
	size_t len;
	uint64_t version;
	uint32_t schema_revision;
	uint8_t sealed_by; /* as in store_write */
};

/*
 * The one follower: everything that is, then every change, in order. A revision arrives as a
 * whole. After a compaction, or a revision that is not ours, load starts anew (all watches must
 * then end with 410).
 */
struct store_follower {
	void (*load_begin)(void *ctx);
	void (*load_item)(void *ctx, const struct store_item *item); /* in key order */
	void (*load_end)(void *ctx, uint64_t revision);
	void (*events)(void *ctx, const struct store_item *items, size_t count, uint64_t revision);
	/* The connection was lost or is back; between them nothing arrives. */
	void (*connection)(void *ctx, bool is_up, const char *why);
	/* This etcd belongs to somebody else (skiff/meta, foreign keys, another layout): nothing
	 * else will come, no write is ever sent, and the server must end. May be NULL. */
	void (*refused)(void *ctx, const struct error *err);
};

struct store_options {
	const char *cluster_id; /* checked against, or written to, skiff/meta; NULL: not checked */
	uint32_t schema_revision;
	int64_t deadline_ms; /* for a write to become known; 0: 30,000 */
	uint64_t seed;       /* of nonces and jitter; 0: from the kernel */
	/* History older than this is forgotten, within twice as long; of several servers that
	 * follow one etcd one does it. 0: never. */
	int64_t compact_every_ms;
	uint32_t
		lease_slack_s; /* leases outlive what keys were promised by this; 0: a tenth, 30 s */
};

/* Options are copied. */
struct store *store_new(struct loop *loop, struct store_backend *take_backend,
			const struct store_options *options);
void store_free(struct store *s); /* what waits is dropped: no callbacks any more */
DEFINE_CLEANUP(store)

/* Once. `f` is copied. load_begin may come again before load_end: the load started anew. */
void store_follow(struct store *s, const struct store_follower *f, void *ctx);

struct store_counts {
	uint64_t batches, members, keys, probes, retries, queued_now, batch_keys_max;
	uint64_t compacted_revision;
	uint64_t compactions; /* by this server's turn */
};
void store_counts(const struct store *s, struct store_counts *ret);

/* Forget history older than `revision`. Best effort. */
void store_compact(struct store *s, uint64_t revision);
