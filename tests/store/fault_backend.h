/*
 * fault_backend.h - a store_backend in front of another one that loses transactions or their
 * answers and cuts the watch when a test says so.
 */
#pragma once

#include "apiserver/store_backend.h"
#include "common/io/loop.h"

struct fault_call;

struct fault_backend {
	struct store_backend base;
	struct store_backend *inner;
	struct loop *loop;
	unsigned lose_answers, lose_requests;
	bool is_full;             /* probes find a full disk and no etcd */
	struct fault_call *calls; /* lost on the way */
	uint64_t txns, members_max;
	struct backend_watch_events watch;
	void *watch_ctx;
	struct loop_timer *cut;
};

struct fault_backend *fault_backend_new(struct loop *loop, struct store_backend *take_inner);
void fault_cut_watch(struct fault_backend *f);
