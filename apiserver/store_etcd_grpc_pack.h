/*
 * store_etcd_grpc_pack.h - etcd's messages as bytes, and back. protobuf-c ends here.
 *
 * Unpack functions return false for bytes that are no such message, or do not fit what was
 * asked. Answers point into memory of their own until their fini.
 */
#pragma once

#include "apiserver/store_etcd_internal.h"

struct etcd_bytes {
	uint8_t *data; /* the caller's */
	size_t len;
};

struct etcd_asked { /* of one member of a transaction */
	size_t ops_count, reads_count;
};

/* One member is a plain transaction, more are nested ones. */
struct etcd_bytes etcd_pack_txn(const struct backend_member *members, size_t count);
struct etcd_bytes etcd_pack_range(const struct backend_range *r);
struct etcd_bytes etcd_pack_probe(void);
struct etcd_bytes etcd_pack_grant(uint32_t ttl_s);
struct etcd_bytes etcd_pack_compact(uint64_t revision);
struct etcd_bytes etcd_pack_watch(uint64_t start_revision);

struct etcd_txn_answer {
	void *message;
	uint64_t revision;
	struct backend_member_result *results;
	struct etcd_kvs kvs;
};
bool etcd_unpack_txn(const void *bytes, size_t len, const struct etcd_asked *asked, size_t count,
		     struct etcd_txn_answer *ret);
void etcd_txn_answer_fini(struct etcd_txn_answer *a);

struct etcd_range_answer {
	void *message;
	uint64_t revision;
	struct etcd_kvs kvs;
	bool has_more;
};
bool etcd_unpack_range(const void *bytes, size_t len, struct etcd_range_answer *ret);
void etcd_range_answer_fini(struct etcd_range_answer *a);

typedef bool etcd_unpack_number(const void *bytes, size_t len, uint64_t *ret);
etcd_unpack_number etcd_unpack_revision, etcd_unpack_lease;

struct etcd_watch_answer {
	void *message;
	struct etcd_kvs kvs;
	bool is_canceled;
	uint64_t compact_revision;
};
bool etcd_unpack_watch(const void *bytes, size_t len, struct etcd_watch_answer *ret);
void etcd_watch_answer_fini(struct etcd_watch_answer *a);
