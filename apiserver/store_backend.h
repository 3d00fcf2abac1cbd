/*
 * store_backend.h - what store.h needs of an etcd, and nothing more: transactions, ranges, a
 * probe, leases, compaction and one watch over the whole key space. Implemented by
 * store_memory.c, store_etcd_json.c and store_etcd_grpc.c; tests/store/ is the contract.
 *
 * Ownership: everything passed in is borrowed for the call, everything in a callback for the
 * callback. Threads: the loop's. No callback is made inside a call. free() cancels what is
 * under way: no callbacks any more.
 */
#pragma once

#include "common/base/error.h"
#include "common/io/loop.h"

/* What answers, and what events, take of one turn; what goes beyond waits for the next. Of a turn that
 * was long before, they take less. */
#define STORE_TURN_US       1000
#define STORE_TURN_SHORT_US 250
#define STORE_TURN_LONG_US  2000

/* begun_us: of the turn when this share of it began. */
static inline bool store_turn_is_over(const struct loop *loop, int64_t begun_us)
{
	int64_t now_us = loop_turn_us(loop), own_us = now_us - begun_us;
	return own_us >= (now_us < STORE_TURN_LONG_US ? STORE_TURN_US : STORE_TURN_SHORT_US);
}

enum backend_outcome {
	BACKEND_OK,
	BACKEND_NOT_RUN,    /* surely not carried out (no connection): try again */
	BACKEND_UNKNOWN,    /* sent, and no answer came */
	BACKEND_TOO_LARGE,  /* refused for its size */
	BACKEND_REFUSED,    /* refused as such; trying again gives the same */
	BACKEND_FULL,       /* the quota is used up, or the disk is full */
	BACKEND_LEASE_GONE, /* a put names a lease that has ended */
	BACKEND_COMPACTED,  /* the revision asked for is no longer held */
	BACKEND_OUTCOME_COUNT,
};

struct backend_compare {
	const char *key;
	uint64_t mod_revision; /* 0: the key does not exist */
};

struct backend_op {
	bool is_delete;
	const char *key;
	const void *value; /* header and object bytes */
	size_t len;
	int64_t lease; /* 0: none */
};

/* One member of a batch: all compares hold → ops, else → the read keys are read. */
struct backend_member {
	const struct backend_compare *compares;
	size_t compares_count;
	const struct backend_op *ops;
	size_t ops_count;
	const char *const *reads;
	size_t reads_count;
};

struct backend_kv {
	const char *key;   /* NUL-terminated */
	const void *value; /* NULL: deleted (watch) or not there (reads) */
	size_t len;
	uint64_t create_revision, mod_revision;
};

struct backend_member_result {
	bool succeeded;
	uint64_t deleted; /* bit i: ops[i] was a delete and removed a key */
	const struct backend_kv
		*reads; /* as many as asked for, in their order; failed members only */
};

/* results: one a member, with BACKEND_OK. */
typedef void backend_txn_done(void *ctx, enum backend_outcome outcome, uint64_t revision,
			      const struct backend_member_result *results, const struct error *err);

struct backend_range {
	const char *from; /* "" is the first key */
	bool is_single;   /* only the key `from`, else from there to the end of the key space */
	bool keys_only;
	int64_t limit;     /* > 0 */
	uint64_t revision; /* 0: the present one, linearizable */
};

/* `revision` is the store's present one: what was read, if no revision was asked for. */
typedef void backend_range_done(void *ctx, enum backend_outcome outcome, uint64_t revision,
				const struct backend_kv *kvs, size_t count, bool has_more,
				const struct error *err);

/* number: a revision, a lease id. */
typedef void backend_number_done(void *ctx, enum backend_outcome outcome, uint64_t number,
				 const struct error *err);

struct backend_watch_events {
	void (*opened)(void *ctx);
	/* Whole revisions, in order; a revision is never split over two calls. Returns how many of
	 * the kvs were taken: whole revisions again, one at least. The rest is told in later turns. */
	size_t (*events)(void *ctx, const struct backend_kv *kvs, size_t count);
	/* The end: COMPACTED (compacted_revision says up to where), or UNKNOWN. */
	void (*closed)(void *ctx, enum backend_outcome outcome, uint64_t compacted_revision,
		       const struct error *err);
};

struct store_backend;

struct store_backend_ops {
	void (*txn)(struct store_backend *b, const struct backend_member *members, size_t count,
		    int64_t timeout_ms, backend_txn_done *done, void *ctx);
	void (*range)(struct store_backend *b, const struct backend_range *r, int64_t timeout_ms,
		      backend_range_done *done, void *ctx);
	void (*probe)(struct store_backend *b, int64_t timeout_ms, backend_number_done *done,
		      void *ctx);
	void (*grant)(struct store_backend *b, uint32_t ttl_s, int64_t timeout_ms,
		      backend_number_done *done, void *ctx);
	void (*compact)(struct store_backend *b, uint64_t revision, int64_t timeout_ms,
			backend_number_done *done, void *ctx);
	/* One at a time: watch after closed(), or after unwatch(). */
	void (*watch)(struct store_backend *b, uint64_t start_revision,
		      const struct backend_watch_events *events, void *ctx);
	void (*unwatch)(struct store_backend *b);
	void (*free)(struct store_backend *b);
};

struct store_backend {
	const struct store_backend_ops *ops;
};
