/*
 * routes.h - to each other node's pods by that node's address, in the kernel's main table. Our
 * routes carry a protocol number of their own, so that a restarted agent knows them.
 *
 * Threads: the loop's; netlink runs on a worker.
 */
#pragma once

#include "common/client/cache.h"
#include "common/io/loop.h"

struct route {
	uint32_t network; /* host byte order */
	uint8_t bits;
	uint32_t via;
};

/* What a Node asks for. false: nothing (no range, no address). Pure. */
bool route_of_node(const json_t *node, struct route *ret);

/* Blocking: makes the kernel's routes of ours equal to these. ERR_UNAVAILABLE: some could not be
 * made; the others are. */
int routes_apply(const struct route *wanted, size_t n, struct error *err) MUST_CHECK;

/* Lives as long as the program. Texts are borrowed for ever. */
void routes_start(struct loop *loop, struct cache *nodes, const char *own_name);
