/*
 * control_loop_internal.h - what control_loop.c (keys, barriers) and control_work.c (the
 * writes of one key) share. Nobody else includes it.
 */
#pragma once

#include "common/base/map.h"
#include "common/client/control_loop.h"

#define BARRIER_KINDS_MAX 8

/* What a key has written and must see before it is planned again. */
struct barrier {
	struct {
		struct cache *cache;
		uint64_t revision;
	} at[BARRIER_KINDS_MAX];
	size_t count;
	int64_t since_ms; /* it has been waited for; 0: not yet */
};

struct control_loop {
	const char *name;
	struct loop *loop;
	struct api *api;
	size_t concurrency;
	void (*reconcile)(void *ctx, struct work *w, const char *key);
	void *ctx;
	struct workqueue *queue;
	struct loop_timer *timer, *barrier_timer;
	struct work **works; /* in work now */
	size_t works_count;
	struct map barriers; /* key → struct barrier */
	struct map parked;   /* keys that wait for their barrier */
	struct cache *needs[CONTROL_LOOP_NEEDS_MAX];
	size_t needs_count;
	bool is_running, are_needs_met;
};

struct work_call {
	struct work *work;
	struct api_call *call; /* NULL: answered */
	size_t write;          /* its number */
};

struct work {
	struct control_loop *owner;
	char *key;
	struct work_write *writes; /* in order; taken apart as they are done */
	size_t writes_count, writes_size, writes_started;
	struct work_call *calls; /* of the present batch */
	size_t calls_count, calls_running;
	size_t batch; /* how many of a group go out together next */
	work_then_function *then;
	void *then_ctx;
	void (*then_free)(void *ctx);
	int64_t again_ms; /* -1: not asked for */
	bool is_failed;
};

void work_step(struct work *w);
void work_start_batch(struct work *w);
