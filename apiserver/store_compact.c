/*
 * History is forgotten by one server at a time: each looks every so often whether anybody has put the
 * key skiff/compact since it last looked; who finds that nobody has puts the present revision there,
 * with a compare, and compacts up to what stood there before. So a revision lives for one to two
 * spans, whatever the number of servers, and one that is alone goes on.
 */
#include "apiserver/store_internal.h"

#include <inttypes.h>
#include <stdio.h>

#define DIGITS_MAX 20

static uint64_t number_of(const char *bytes, size_t len)
{
	uint64_t n = 0;
	if (len == 0 || len >= DIGITS_MAX)
		return 0;
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] < '0' || bytes[i] > '9')
			return 0; /* not ours: nothing is compacted for it */
		n = n * 10 + (uint64_t)(bytes[i] - '0');
	}
	return n;
}

void store_compact_see(struct store *s, const struct store_item *item)
{
	if (!streq(item->key, STORE_COMPACT_KEY))
		return;
	s->compact.seen = item->bytes ? item->version : 0;
	s->compact.recorded = item->bytes ? number_of(item->bytes, item->len) : 0;
}

void store_compact_forget(struct store *s)
{
	s->compact.seen = s->compact.recorded = 0;
}

static void put_done(void *ctx, enum store_outcome outcome, uint64_t revision,
		     const uint64_t *versions, const struct error *err)
{
	struct store *s = ctx;
	(void)revision;
	(void)err; /* the next turn comes anyway */
	s->compact.is_busy = false;
	if (outcome != STORE_DONE)
		return;
	s->compact.remembered = versions[0];
	if (!s->compact.until)
		return;
	s->counts.compactions++;
	store_compact(s, s->compact.until);
}

static void put(struct store *s)
{
	char text[DIGITS_MAX + 1];
	int n = snprintf(text, sizeof text, "%" PRIu64, s->position);
	assert(n > 0);
	struct store_guard g = { .kind = s->compact.seen ? STORE_AT_VERSION : STORE_ABSENT,
				 .key = STORE_COMPACT_KEY,
				 .version = s->compact.seen };
	struct store_write w = {
		.kind = STORE_PUT, .key = STORE_COMPACT_KEY, .bytes = text, .len = (size_t)n
	};
	struct store_member m = { &g, 1, &w, 1 };
	struct error err;
	s->compact.until = s->compact.recorded;
	s->compact.is_busy = store_submit(s, &m, put_done, s, &err) == 0;
}

void store_compact_turn(void *ctx)
{
	struct store *s = ctx;
	loop_timer_set(s->compact.timer, s->compact.every_ms);
	if (s->follow_state != FOLLOW_LIVE || s->compact.is_busy)
		return;
	if (s->compact.remembered == s->compact.seen)
		put(s);
	else
		s->compact.remembered = s->compact.seen; /* another was here */
}
