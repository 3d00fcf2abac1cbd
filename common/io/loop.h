/*
 * loop.h - the one loop of a process: timers, descriptors, wake-ups, work on
 * threads. Two implementations stand behind it: libuv (loop_uv.c) and a simulated
 * one (loop_sim.h) in which time is a number and equal seeds give equal runs.
 *
 * Threads: everything belongs to the loop's thread, except loop_wake_post().
 * Callbacks may free any handle but must not destroy what called them: free the
 * owner in a later turn (a timer of 0 ms). Freeing a handle inside its own
 * callback is allowed.
 */
#pragma once

#include "common/base/base.h"
#include "common/base/error.h"

struct loop;
struct loop_timer;
struct loop_fd;
struct loop_wake;
struct loop_signal;

struct loop *loop_new(void);       /* libuv */
void loop_free(struct loop *loop); /* all handles must be gone */
DEFINE_CLEANUP(loop)

void loop_run(struct loop *loop); /* until loop_stop */
void loop_stop(struct loop *loop);

/* Read once a turn. Monotonic milliseconds for spans; Unix time only to show. */
int64_t loop_now_ms(const struct loop *loop);
int64_t loop_wall_us(const struct loop *loop);

/* Longest turn so far in microseconds, and reset; 0 in simulation. The second counts only the time
 * that the thread ran, not what the machine's others took of it. */
int64_t loop_longest_turn_us(struct loop *loop);
int64_t loop_longest_turn_cpu_us(struct loop *loop);
/* What the present turn has taken so far, without the wait for events; in simulation what its pace
 * says (loop_sim.h). */
int64_t loop_turn_us(const struct loop *loop);

/* Timers fire once. Setting a set timer moves it; 0 ms is "in the next turn". */
struct loop_timer *loop_timer_new(struct loop *loop, void (*fire)(void *ctx), void *ctx);
void loop_timer_set(struct loop_timer *t, int64_t delay_ms);
void loop_timer_stop(struct loop_timer *t);
bool loop_timer_is_set(const struct loop_timer *t);
void loop_timer_free(struct loop_timer *t); /* NULL is fine */

/* Level-triggered descriptor events; the descriptor stays the caller's. Real loop only. */
#define LOOP_READ  1u
#define LOOP_WRITE 2u
struct loop_fd *loop_fd_new(struct loop *loop, int fd, void (*ready)(void *ctx, unsigned events),
			    void *ctx);
void loop_fd_set(struct loop_fd *f, unsigned events); /* 0: none */
void loop_fd_free(struct loop_fd *f);

/* From any thread: `woken` runs once on the loop for one or more posts. */
struct loop_wake *loop_wake_new(struct loop *loop, void (*woken)(void *ctx), void *ctx);
void loop_wake_post(struct loop_wake *w);
void loop_wake_free(struct loop_wake *w);

/* Runs on the loop when the process gets the signal. Real loop only. */
struct loop_signal *loop_signal_new(struct loop *loop, int signum, void (*caught)(void *ctx),
				    void *ctx);
void loop_signal_free(struct loop_signal *s);

/* `work` on a thread, seeing only what ctx owns; then `done` on the loop. In
 * simulation both run in a later turn. Not cancellable: ctx must outlive it. */
void loop_offload(struct loop *loop, void (*work)(void *ctx), void (*done)(void *ctx), void *ctx);
