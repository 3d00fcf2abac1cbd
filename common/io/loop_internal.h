/*
 * loop_internal.h - what both loops have in common: a table of functions. Only loop.c,
 * loop_uv.c and loop_sim.c include it.
 */
#pragma once

#include "common/io/loop.h"

struct loop_ops {
	void (*free)(struct loop *loop);
	void (*run)(struct loop *loop);
	void (*stop)(struct loop *loop);
	int64_t (*now_ms)(const struct loop *loop);
	int64_t (*wall_us)(const struct loop *loop);
	int64_t (*longest_turn_us)(struct loop *loop);
	int64_t (*longest_turn_cpu_us)(struct loop *loop);
	int64_t (*turn_us)(const struct loop *loop);
	struct loop_timer *(*timer_new)(struct loop *loop, void (*fire)(void *ctx), void *ctx);
	void (*timer_set)(struct loop_timer *t, int64_t delay_ms);
	void (*timer_stop)(struct loop_timer *t);
	bool (*timer_is_set)(const struct loop_timer *t);
	void (*timer_free)(struct loop_timer *t);
	struct loop_fd *(*fd_new)(struct loop *loop, int fd,
				  void (*ready)(void *ctx, unsigned events), void *ctx);
	void (*fd_set)(struct loop_fd *f, unsigned events);
	void (*fd_free)(struct loop_fd *f);
	struct loop_wake *(*wake_new)(struct loop *loop, void (*woken)(void *ctx), void *ctx);
	void (*wake_post)(struct loop_wake *w);
	void (*wake_free)(struct loop_wake *w);
	struct loop_signal *(*signal_new)(struct loop *loop, int signum, void (*caught)(void *ctx),
					  void *ctx);
	void (*signal_free)(struct loop_signal *s);
	void (*offload)(struct loop *loop, void (*work)(void *ctx), void (*done)(void *ctx),
			void *ctx);
};

/* First member of every loop and of every handle. */
struct loop {
	const struct loop_ops *ops;
};
struct loop_timer {
	struct loop *loop;
};
struct loop_fd {
	struct loop *loop;
};
struct loop_wake {
	struct loop *loop;
};
struct loop_signal {
	struct loop *loop;
};
