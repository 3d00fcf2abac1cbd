/*
 * ring.h - the recent events of one kind, oldest dropped first by bytes and by age.
 */
#pragma once

#include "apiserver/hub.h"

struct ring {
	struct hub_event *at; /* circular */
	size_t size, head, count;
	uint64_t first_seq;     /* of at[head] */
	uint64_t floor_version; /* watches from below cannot be served */
	size_t bytes;
};

void ring_fini(struct ring *r);
/* Forget all; whoever is behind has lost events. */
void ring_reset(struct ring *r, uint64_t floor_version);
void ring_add(struct ring *r, struct hub_event take_event);
void ring_trim(struct ring *r, int64_t now_ms);
const struct hub_event *ring_at(const struct ring *r, uint64_t seq, bool *ret_lost);
bool ring_after(const struct ring *r, uint64_t version, uint64_t *ret_seq);
