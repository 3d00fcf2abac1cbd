/*
 * store_etcd_grpc_pack.h - etcd's messages as bytes (store_etcd_grpc_pack.c, where protobuf-c ends),
 * and back (long ones: store_etcd_grpc_unpack.c).
 *
 * Unpack functions return false for bytes that are no such message, or do not fit what was
 * asked. A transaction's answer points into memory of its own until its fini.
 */
#pragma once

#include "apiserver/store_etcd_internal.h"
#include "common/io/h2_client.h"

struct etcd_asked { /* of one member of a transaction */
	size_t ops_count, reads_count;
};

/* One member is a plain transaction, more are nested ones. */
struct grpc_message etcd_pack_txn(const struct backend_member *members, size_t count);
struct grpc_message etcd_pack_range(const struct backend_range *r);
struct grpc_message etcd_pack_probe(void);
struct grpc_message etcd_pack_grant(uint32_t ttl_s);
struct grpc_message etcd_pack_compact(uint64_t revision);
struct grpc_message etcd_pack_watch(uint64_t start_revision);

struct etcd_txn_answer {
	void *message;
	uint64_t revision;
	struct backend_member_result *results;
	struct etcd_kvs kvs;
};
bool etcd_unpack_txn(const void *bytes, size_t len, const struct etcd_asked *asked, size_t count,
		     struct etcd_txn_answer *ret);
void etcd_txn_answer_fini(struct etcd_txn_answer *a);

/* Values of ranges and of watches lie in the message, and live as long as it; the caller's to
 * etcd_kvs_fini(), whatever was returned. */
struct etcd_range_answer {
	uint64_t revision;
	struct etcd_kvs kvs;
	bool has_more;
};
bool etcd_unpack_range(const void *bytes, size_t len, struct etcd_range_answer *ret);

typedef bool etcd_unpack_number(const void *bytes, size_t len, uint64_t *ret);
etcd_unpack_number etcd_unpack_revision, etcd_unpack_lease;

struct etcd_watch_answer {
	struct etcd_kvs kvs;
	bool is_canceled;
	uint64_t compact_revision;
};
bool etcd_unpack_watch(const void *bytes, size_t len, struct etcd_watch_answer *ret);
