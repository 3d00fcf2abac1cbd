/*
 * After an unknown outcome nothing is sent blindly: first the connection must answer a probe,
 * then the follower must have seen everything up to there (our nonce among it, if we had won),
 * and only then the members are tried again, with their guards.
 */
#include "apiserver/store_internal.h"

/* A follower that is itself in trouble must not hold writes for ever. */
#define FOLLOW_PATIENCE_MS 5000

static void go_on(struct store *s)
{
	s->doubt = DOUBT_NONE;
	loop_timer_stop(s->retry);
	store_pump(s);
}

void store_doubt_check(struct store *s)
{
	if (s->doubt == DOUBT_FOLLOW && s->position >= s->doubt_revision)
		go_on(s);
}

static void probed(void *ctx, enum backend_outcome outcome, uint64_t revision,
		   const struct error *err)
{
	struct store *s = ctx;
	if (outcome != BACKEND_OK) {
		store_note_trouble(s, err); /* writes that wait too long run into their deadline */
		s->failures++;
		if (outcome == BACKEND_FULL) /* nor is this worth their waiting */
			store_give_up(s, err);
		store_doubt_begin(s);
		return;
	}
	if (!s->follower.events || s->position >= revision) {
		go_on(s);
		return;
	}
	s->doubt = DOUBT_FOLLOW;
	s->doubt_revision = revision;
	loop_timer_set(s->retry, FOLLOW_PATIENCE_MS);
}

void store_doubt_begin(struct store *s)
{
	s->doubt = DOUBT_WAIT;
	loop_timer_set(s->retry, store_backoff_ms(s, s->failures));
}

/* Also set for leases, without doubt. */
void store_doubt_retry(void *ctx)
{
	struct store *s = ctx;
	switch (s->doubt) {
	case DOUBT_WAIT:
		s->doubt = DOUBT_PROBE;
		s->backend->ops->probe(s->backend, STORE_CALL_TIMEOUT_MS, probed, s);
		break;
	case DOUBT_FOLLOW:
		go_on(s);
		break;
	case DOUBT_NONE:
		store_pump(s);
		break;
	case DOUBT_PROBE:
	case DOUBT_STATE_COUNT:
		break;
	}
}
