#include "apiserver/ring.h"

static struct hub_event *slot(const struct ring *r, size_t i)
{
	return &r->at[(r->head + i) & (r->size - 1)];
}

static size_t event_bytes(const struct hub_event *e)
{
	return e->now->len + sizeof *e;
}

static void drop_first(struct ring *r)
{
	struct hub_event *e = slot(r, 0);
	r->floor_version = e->version;
	r->bytes -= event_bytes(e);
	object_unref(e->now);
	object_unref(e->before);
	r->head = (r->head + 1) & (r->size - 1);
	r->count--;
	r->first_seq++;
}

void ring_fini(struct ring *r)
{
	while (r->count)
		drop_first(r);
	free(r->at);
	*r = (struct ring){ 0 };
}

void ring_reset(struct ring *r, uint64_t floor_version)
{
	while (r->count)
		drop_first(r);
	r->first_seq++; /* even a watcher that was up to date must notice */
	r->floor_version = floor_version;
}

static void grow(struct ring *r)
{
	size_t size = r->size ? r->size * 2 : 64;
	struct hub_event *at = xcalloc(size, sizeof *at);
	for (size_t i = 0; i < r->count; i++)
		at[i] = *slot(r, i);
	free(r->at);
	r->at = at;
	r->size = size;
	r->head = 0;
}

void ring_add(struct ring *r, struct hub_event take_event)
{
	if (r->count == r->size)
		grow(r);
	*slot(r, r->count++) = take_event;
	r->bytes += event_bytes(&take_event);
}

void ring_trim(struct ring *r, int64_t now_ms)
{
	while (r->count &&
	       (r->bytes > HUB_RING_BYTES || slot(r, 0)->at_ms < now_ms - HUB_KEEP_MS))
		drop_first(r);
}

const struct hub_event *ring_at(const struct ring *r, uint64_t seq, bool *ret_lost)
{
	*ret_lost = seq < r->first_seq;
	if (*ret_lost || seq >= r->first_seq + r->count)
		return NULL;
	return slot(r, seq - r->first_seq);
}

bool ring_after(const struct ring *r, uint64_t version, uint64_t *ret_seq)
{
	if (version < r->floor_version)
		return false;
	size_t low = 0, high = r->count;
	while (low < high) {
		size_t mid = (low + high) / 2;
		if (slot(r, mid)->version <= version)
			low = mid + 1;
		else
			high = mid;
	}
	*ret_seq = r->first_seq + low;
	return true;
}
