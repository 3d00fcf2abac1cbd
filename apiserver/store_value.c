#include "apiserver/store_value.h"

static const uint8_t magic[4] = { 'S', 'K', 'F', '1' };

static void put_le(uint8_t *at, uint64_t value, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		at[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t get_le(const uint8_t *at, size_t bytes)
{
	uint64_t value = 0;
	for (size_t i = 0; i < bytes; i++)
		value |= (uint64_t)at[i] << (8 * i);
	return value;
}

void store_header_write(const struct store_header *h, uint8_t out[STORE_HEADER_SIZE])
{
	memcpy(out, magic, sizeof magic);
	out[4] = STORE_HEADER_SIZE;
	out[5] = h->flags;
	out[STORE_PLACE_OFFSET] = h->place;
	out[7] = h->key_id;
	put_le(out + 8, h->nonce, 8);
	put_le(out + 16, h->schema_revision, 4);
	put_le(out + 20, 0, 4);
}

bool store_header_read(const void *value, size_t len, struct store_header *ret, size_t *ret_len)
{
	const uint8_t *v = value;
	/* A longer header of a later version of us is skipped whole. */
	if (len < STORE_HEADER_SIZE || memcmp(v, magic, sizeof magic) != 0 ||
	    v[4] < STORE_HEADER_SIZE || v[4] > len || v[STORE_PLACE_OFFSET] >= STORE_PLACES)
		return false;
	*ret = (struct store_header){
		.flags = v[5],
		.place = v[STORE_PLACE_OFFSET],
		.key_id = v[7],
		.nonce = get_le(v + 8, 8),
		.schema_revision = (uint32_t)get_le(v + 16, 4),
	};
	*ret_len = v[4];
	return true;
}

int store_event_place(int before, int stored)
{
	int place = stored >= 0 ? stored : before + 1;
	return place > before && place < STORE_PLACES ? place : -1;
}

uint64_t store_resume_revision(uint64_t version)
{
	if (version < 2 * (uint64_t)STORE_PLACES)
		return 1; /* 0 would mean "now" */
	uint64_t revision = version / STORE_PLACES;
	return version % STORE_PLACES == STORE_PLACES - 1 ? revision : revision - 1;
}
