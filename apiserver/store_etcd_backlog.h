/*
 * store_etcd_backlog.h - events of etcd's watch that the store has left for later turns: messages in
 * their order, each with the memory that its values lie in.
 *
 * Threads: the loop's.
 */
#pragma once

#include "apiserver/store_etcd_internal.h"
#include "common/io/loop.h"

/* What backend_watch_events.events is: how many were taken. May clear the backlog. */
typedef size_t etcd_backlog_tell(void *ctx, const struct backend_kv *kvs, size_t count);

struct etcd_message;

struct etcd_backlog {
	struct loop *loop;
	struct loop_timer *timer;
	struct etcd_message *first, **last;
	uint64_t epoch; /* times that it was cleared */
	etcd_backlog_tell *tell;
	void *ctx;
};

void etcd_backlog_init(struct etcd_backlog *l, struct loop *loop, etcd_backlog_tell *tell,
		       void *ctx);
void etcd_backlog_fini(struct etcd_backlog *l);

/* Nothing waits, and the turn is not long already: what comes now may be told now. */
bool etcd_backlog_has_turn(const struct etcd_backlog *l);
/* Told from the next turn on, after those that were added before; the first `taken` were told. */
void etcd_backlog_add(struct etcd_backlog *l, struct etcd_kvs *take_kvs, size_t taken,
		      void *take_memory, void (*free_memory)(void *memory));
void etcd_backlog_clear(struct etcd_backlog *l);
