/*
 * world.h - what the store contract's cases stand on: a loop, an etcd of some kind, a store on
 * it whose answers may be dropped, a second connection for raw writes, and a follower that
 * writes down everything it is told. The same for all back ends.
 */
#pragma once

#include "apiserver/store.h"
#include "apiserver/store_backend.h"
#include "apiserver/store_value.h"
#include "tests/store/fault_backend.h"
#include "tests/support/check.h"

#define SEEN_MAX 4096

enum world_kind { WORLD_MEMORY, WORLD_JSON, WORLD_GRPC, WORLD_GRPC_TLS, WORLD_KIND_COUNT };

struct seen {
	char key[200];
	char value[64]; /* the first bytes; "" for a delete */
	bool is_delete, is_load;
	uint64_t version, revision;
};

struct etcd_process;

struct world {
	enum world_kind kind;
	struct loop *loop;
	struct memory_etcd *memory;
	struct etcd_process *etcd;
	struct fault_backend *fault; /* the store's */
	struct store *store;
	struct store_backend *raw;
	struct loop_timer *guard;
	bool is_late;
	/* the follower */
	struct seen seen[SEEN_MAX];
	size_t seen_count;
	unsigned loads_begun, loads_ended, ups, downs, refusals;
	uint64_t position; /* revision of the last events or load */
	char refused_why[256];
	bool is_slow; /* takes most of a turn for each revision */
	unsigned turn_revisions, turn_revisions_max;
	struct loop_timer *turn;
};

/* A fresh, empty etcd and its loop; no store yet. */
void world_init(struct world *w, enum world_kind kind);
void world_fini(struct world *w);
void world_open(struct world *w, const char *cluster_id, int64_t deadline_ms);
void world_close(struct world *w);
void world_follow(struct world *w); /* and wait until it is loaded */
struct store_backend *world_backend(struct world *w);

/* Run the loop until cond is true; a test fails after 30 s. */
void world_wait(struct world *w, bool (*cond)(struct world *w, void *ctx), void *ctx,
		const char *what);
void world_poke(struct world *w); /* something changed: look at the condition again */
void world_run_ms(struct world *w, int64_t ms);

/* Writes: start one, wait for many. */
struct write_result {
	struct world *world;
	bool is_done;
	enum store_outcome outcome;
	uint64_t revision;
	uint64_t versions[STORE_MEMBER_OPS_MAX];
	size_t writes_count;
	char why[200];
};
void start_member(struct world *w, const struct store_guard *guards, size_t guards_count,
		  const struct store_write *writes, size_t writes_count, struct write_result *r);
void start_create(struct world *w, const char *key, const char *value, struct write_result *r);
void start_update(struct world *w, const char *key, const char *value, uint64_t version,
		  struct write_result *r);
void start_delete(struct world *w, const char *key, uint64_t version, struct write_result *r);
void wait_all(struct world *w, struct write_result *r, size_t count);
/* Create and wait: its version. */
uint64_t create(struct world *w, const char *key, const char *value);

uint64_t probe(struct world *w); /* the store's answer, waited for */
/* As etcdctl would: one revision, values without header; NULL deletes. The revision. */
uint64_t raw_write(struct world *w, const char *const *keys, const char *const *values,
		   size_t count);
/* The object bytes of a key ("" if it is not there), its revision. */
uint64_t raw_read(struct world *w, const char *key, char *out, size_t size);
void raw_compact(struct world *w, uint64_t revision);
void wait_position(struct world *w, uint64_t revision);

struct seen *seen_find(struct world *w, const char *key, uint64_t version);

/* The cases, each in a world of its own. */
struct contract_case {
	const char *name;
	void (*run)(struct world *w);
	bool needs_process; /* a real etcd that can be killed */
};
extern const struct contract_case write_cases[], watch_cases[], fault_cases[], compact_cases[];
