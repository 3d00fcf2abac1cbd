/*
 * turn.h - what many clients ask at one time is spread over turns of the loop: once a turn has taken its
 * share, further requests wait, in order, for the next one; answers to etcd, watches and streams come in
 * between. Watches that an event wakes are woken some at a time.
 *
 * Threads: the core loop's.
 */
#pragma once

#include "apiserver/request.h"
#include "common/io/loop.h"

/* A turn's share of the thread: what goes beyond it is for the next one. */
#define TURN_BUDGET_US 1500

struct turns;

struct turns *turns_new(struct loop *loop, void (*serve)(struct request *r));
void turns_free(struct turns *t);

/* Served now, or in a later turn. */
void turns_take(struct turns *t, struct request *r);

/* One that is to be woken; zeroed at first. */
struct turn_wake {
	struct turn_wake *next, **link;
	struct http_exchange *x;
};
/* Woken in a later turn, once. */
void turns_wake(struct turns *t, struct turn_wake *w, struct http_exchange *x);
void turn_wake_fini(struct turns *t, struct turn_wake *w); /* not any more */
