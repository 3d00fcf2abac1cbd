/*
 * memory_etcd.h - the keys, their history and the log of a memory etcd (store_memory.h), as
 * its back ends see them. Time enters only through leases.
 */
#pragma once

#include "apiserver/store_memory.h"
#include "common/base/rng.h"

struct memory_version {
	uint64_t mod_revision, create_revision;
	unsigned refs; /* the key's history, the log */
	bool is_deleted;
	int64_t lease;
	size_t len;
	uint8_t bytes[];
};

struct memory_key {
	char *key;
	struct memory_version **versions; /* oldest first */
	size_t count, size;
};

struct memory_event {
	char *key;
	struct memory_version *version;
};

struct memory_lease {
	struct memory_lease *next;
	struct memory_etcd *etcd;
	int64_t id;
	struct loop_timer *timer;
};

struct memory_backend;

struct memory_etcd {
	struct loop *loop;
	unsigned refs;
	struct memory_key **keys; /* in byte order */
	size_t keys_count, keys_size;
	struct memory_event *log; /* in order, since the last compaction */
	size_t log_count, log_size;
	uint64_t revision, compacted;
	struct memory_lease *leases;
	int64_t next_lease;
	struct memory_backend *backends; /* whose watches are told */
	int64_t delay_min_ms, delay_max_ms;
	struct rng rng;
	size_t request_max;
	bool is_full;
	void (*written)(void *ctx, uint64_t revision);
	void *written_ctx;
};

/* The version of a key at a revision (0: now); NULL: not there. */
struct memory_version *memory_at(const struct memory_etcd *e, const char *key, uint64_t revision);
void memory_version_unref(struct memory_version *v);

/* Index of the first key >= `key`. */
size_t memory_seek(const struct memory_etcd *e, const char *key);
struct memory_version *memory_key_at(const struct memory_key *k, uint64_t revision);

/* Writes within one revision: begin, any number of changes, end. Nothing changed: no revision. */
bool memory_put(struct memory_etcd *e, const char *key, const void *bytes, size_t len,
		int64_t lease);
bool memory_delete(struct memory_etcd *e, const char *key); /* false: there was none */
void memory_commit(struct memory_etcd *e);

bool memory_has_lease(const struct memory_etcd *e, int64_t id);
int64_t memory_grant(struct memory_etcd *e, uint32_t ttl_s);

/* First event in the log with mod_revision >= revision. */
size_t memory_log_seek(const struct memory_etcd *e, uint64_t revision);

int64_t memory_delay_ms(struct memory_etcd *e);

/* Something was written, or compacted: watches go on (store_memory.c). */
void memory_tell_watches(struct memory_etcd *e);
