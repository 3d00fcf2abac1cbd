/*
 * work.h - a request's long computations on a worker, so that none holds the core loop for more
 * than a moment. What is given away (a change, its request) is the worker's alone until it is
 * done. In simulation the same happens in later turns of the one thread.
 *
 * Threads: the core loop's, except `work`.
 */
#pragma once

#include "apiserver/server_internal.h"

/* Bytes of a body, or of an object, from which on it is worth a worker's while. */
#define WORK_BYTES (64u << 10)

/* `done` on the loop; is_gone: the server was freed meanwhile, only free what you own. */
void server_offload(struct server *s, void (*work)(void *ctx),
		    void (*done)(void *ctx, bool is_gone), void *ctx);
/* Frees trees of large objects, which takes as long as making them. */
void server_free_trees(struct server *s, json_t *const *trees, size_t n);
/* The server goes: what is under way is told when it is done. */
void server_work_orphan(struct server *s);
