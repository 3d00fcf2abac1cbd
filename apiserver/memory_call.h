/*
 * memory_call.h - a request to the memory etcd: the copy of its arguments, and its results
 * until they are told (store_memory.c); carrying it out (memory_call.c).
 */
#pragma once

#include "apiserver/memory_etcd.h"

enum call_kind { CALL_TXN, CALL_RANGE, CALL_PROBE, CALL_GRANT, CALL_COMPACT };

struct memory_call {
	struct memory_call *next, **link;
	struct memory_backend *backend;
	struct memory_etcd *etcd;
	struct loop_timer *timer;
	enum call_kind kind;
	union {
		backend_txn_done *txn;
		backend_range_done *range;
		backend_number_done *number;
	} done;
	void *ctx;
	enum backend_outcome outcome;
	bool is_run, is_answer_lost;
	uint64_t number; /* argument, then result */
	/* transactions: copies, then results */
	struct backend_member *members;
	struct backend_member_result *results;
	size_t count;
	void *memory[3]; /* freed with the call */
	/* ranges */
	struct backend_range range;
	struct backend_kv *kvs;
	struct memory_version **held; /* what reads of a transaction point to */
	size_t held_count;
	size_t kvs_count;
	bool has_more;
};

/* Carry it out. Ranges are not: they are read when they are told (memory_call_range). */
void memory_call_run(struct memory_call *c);
void memory_call_range(struct memory_call *c);

struct backend_kv memory_kv(const char *key, const struct memory_version *v);
