/*
 * store_memory.h - an etcd that is a number of arrays: the same revisions, transactions,
 * compaction, leases and watches, without descriptors, so it runs on the simulated loop. For
 * tests, simulation and --store=memory.
 *
 * A `memory_etcd` may be shared by several back ends (two API servers in one simulation). It is
 * reference-counted: every back end holds it.
 *
 * Threads: the loop's.
 */
#pragma once

#include "apiserver/store_backend.h"
#include "common/io/loop.h"

struct memory_etcd;

struct memory_etcd *memory_etcd_new(struct loop *loop);
struct memory_etcd *memory_etcd_ref(struct memory_etcd *e);
void memory_etcd_unref(struct memory_etcd *e); /* NULL is fine */

/* A back end of its own etcd, or of a shared one. */
struct store_backend *store_memory_new(struct loop *loop);
struct store_backend *store_memory_on(struct memory_etcd *e);
/* Borrowed. */
struct memory_etcd *store_memory_etcd(struct store_backend *b);

/* ---- what tests and simulations do to it ---- */

/* Each request and each answer, and each step of a watch, takes min … max ms, drawn from seed. */
void memory_etcd_set_delay(struct memory_etcd *e, int64_t min_ms, int64_t max_ms, uint64_t seed);
/* Transactions larger than this are refused; 0: 8 MiB. */
void memory_etcd_set_request_max(struct memory_etcd *e, size_t bytes);
/* Puts are refused: the quota is used up. */
void memory_etcd_set_full(struct memory_etcd *e, bool is_full);
void memory_etcd_compact(struct memory_etcd *e, uint64_t revision);
uint64_t memory_etcd_revision(const struct memory_etcd *e);
/* As if by etcdctl, all in one revision; value NULL deletes. Returns the revision. */
uint64_t memory_etcd_write(struct memory_etcd *e, const char *const *keys,
			   const char *const *values, size_t count);
/* The raw value, borrowed until the next write; NULL: no such key. */
const void *memory_etcd_read(const struct memory_etcd *e, const char *key, size_t *ret_len);
/* Called after each revision that was written, with its number; NULL: off. For invariants. */
void memory_etcd_on_write(struct memory_etcd *e, void (*written)(void *ctx, uint64_t revision),
			  void *ctx);

/* The next n transactions are carried out and their answers lost, or lost on the way there. */
void store_memory_lose_answers(struct store_backend *b, unsigned n);
void store_memory_lose_requests(struct store_backend *b, unsigned n);
/* Nothing is reachable; what was under way has an unknown outcome. */
void store_memory_set_down(struct store_backend *b, bool is_down);
/* The watch ends as if its connection broke. */
void store_memory_cut_watch(struct store_backend *b);
