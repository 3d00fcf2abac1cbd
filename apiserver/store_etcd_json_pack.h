/*
 * store_etcd_json_pack.h - etcd's messages as its JSON gateway writes and reads them.
 *
 * Readers return ERR_INTERNAL for text that is no such message or does not fit what was asked;
 * answers point into memory of their own until their fini ({0} is fine).
 */
#pragma once

#include "apiserver/store_etcd_internal.h"
#include "common/base/str.h"

struct etcd_json_asked { /* of one member of a transaction */
	size_t ops_count, reads_count;
};

void etcd_json_txn(const struct backend_member *members, size_t count, struct str *out);
void etcd_json_range(const struct backend_range *r, struct str *out);

/* Decoded values, freed together. */
struct etcd_json_values {
	char **at;
	size_t count, size;
};

struct etcd_json_txn {
	uint64_t revision;
	struct backend_member_result *results;
	struct etcd_kvs kvs;
	struct etcd_json_values values;
};
int etcd_json_read_txn(const char *text, size_t len, const struct etcd_json_asked *asked,
		       size_t count, struct etcd_json_txn *ret, struct error *err) MUST_CHECK;
void etcd_json_txn_fini(struct etcd_json_txn *t);

/* Of a range, or of one line of a watch. */
struct etcd_json_kvs {
	uint64_t revision, compact_revision;
	bool has_more, is_canceled;
	struct etcd_kvs kvs;
	struct etcd_json_values values;
};
int etcd_json_read_range(const char *text, size_t len, struct etcd_json_kvs *ret,
			 struct error *err) MUST_CHECK;
int etcd_json_read_watch(const char *text, size_t len, struct etcd_json_kvs *ret,
			 struct error *err) MUST_CHECK;
void etcd_json_kvs_fini(struct etcd_json_kvs *k);

/* The header's revision, or the lease's id. */
int etcd_json_read_number(const char *text, size_t len, bool is_lease, uint64_t *ret,
			  struct error *err) MUST_CHECK;

/* Code 0 and "" where the text says nothing. */
void etcd_json_error(const char *text, size_t len, int *ret_code, char *ret_message, size_t size);
