/*
 * store_value.h - the header before every stored value, and how events get their places
 * (rules 2 and 3 of DESIGN section 4). Pure.
 */
#pragma once

#include "apiserver/store.h"

#define STORE_HEADER_SIZE    24
#define STORE_PLACE_OFFSET   6
#define STORE_FLAG_ENCRYPTED 1u

struct store_header {
	uint8_t flags, place, key_id;
	uint64_t nonce;
	uint32_t schema_revision;
};

void store_header_write(const struct store_header *h, uint8_t out[STORE_HEADER_SIZE]);

/* False: the value carries no header of ours. ret_len is the header's own length. */
bool store_header_read(const void *value, size_t len, struct store_header *ret, size_t *ret_len);

static inline uint64_t store_version(uint64_t revision, unsigned place)
{
	return revision * STORE_PLACES + place;
}

static inline uint64_t store_version_revision(uint64_t version)
{
	return version / STORE_PLACES;
}

/* Names the state after a whole revision. */
static inline uint64_t store_version_after(uint64_t revision)
{
	return store_version(revision, STORE_PLACES - 1);
}

/*
 * The place of an event, given the place of the event before it in the same revision (-1: it
 * is the first). `stored` is the place in the value's header, -1 for a delete or a value
 * without header. Negative: places do not grow, so the revision is not one of ours.
 */
int store_event_place(int before, int stored);

/* Where a watch must start for a reader who has seen everything up to `version` (rule 7). */
uint64_t store_resume_revision(uint64_t version);
