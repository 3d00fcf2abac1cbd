/* Leases for keys with a time to live: shared by at most 60 keys, so that the deletion of one
 * lease's keys stays one revision of at most 64 events. */
#include "apiserver/store_internal.h"

#define LEASE_KEYS_MAX 60
#define SLACK_MIN_S    30

/* A lease lives longer than its keys were promised, so that it can take keys for a while. */
static uint32_t slack_s(const struct store *s, uint32_t ttl_s)
{
	return s->lease_slack_s ? s->lease_slack_s : MAX(ttl_s / 10, SLACK_MIN_S);
}

static void granted(void *ctx, enum backend_outcome outcome, uint64_t number,
		    const struct error *err)
{
	struct store_lease *l = ctx;
	struct store *s = l->store;
	(void)err; /* the members that wait for it run into their deadline */
	if (outcome == BACKEND_OK) {
		l->id = (int64_t)number;
		store_pump(s);
		return;
	}
	*l = (struct store_lease){ 0 };
	/* The next attempt comes with the next pump, after a pause. */
	if (!loop_timer_is_set(s->retry))
		loop_timer_set(s->retry, store_backoff_ms(s, 3));
}

int64_t store_lease_for(struct store *s, uint32_t ttl_s, unsigned keys_count)
{
	int64_t now_ms = loop_now_ms(s->loop);
	struct store_lease *free_entry = NULL;
	for (size_t i = 0; i < STORE_LEASES_MAX; i++) {
		struct store_lease *l = &s->leases[i];
		bool is_spent = l->id && (l->until_ms <= now_ms ||
					  l->keys_count + keys_count > LEASE_KEYS_MAX);
		if (is_spent)
			*l = (struct store_lease){ 0 };
		if (!l->ttl_s) {
			free_entry = l;
			continue;
		}
		if (l->ttl_s != ttl_s)
			continue;
		if (!l->id)
			return 0;
		l->keys_count += keys_count;
		return l->id;
	}
	/* All entries taken by other times to live: the member waits for one to be spent. */
	if (!free_entry || loop_timer_is_set(s->retry))
		return 0;
	*free_entry = (struct store_lease){
		.ttl_s = ttl_s,
		.until_ms = now_ms + 1000 * (int64_t)slack_s(s, ttl_s),
		.store = s,
	};
	s->backend->ops->grant(s->backend, ttl_s + slack_s(s, ttl_s), STORE_CALL_TIMEOUT_MS,
			       granted, free_entry);
	return 0;
}

void store_lease_forget(struct store *s, int64_t id)
{
	for (size_t i = 0; i < STORE_LEASES_MAX; i++)
		if (s->leases[i].id == id)
			s->leases[i] = (struct store_lease){ 0 };
}
