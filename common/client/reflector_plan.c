#include "common/client/reflector_plan.h"

static struct reflector_step wait_a_while(struct reflector_state *s)
{
	s->failures++;
	int64_t ms = REFLECTOR_BACKOFF_FIRST_MS;
	for (unsigned i = 1; i < s->failures && ms < REFLECTOR_BACKOFF_MAX_MS; i++)
		ms *= 2;
	ms = MIN(ms, (int64_t)REFLECTOR_BACKOFF_MAX_MS);
	/* Half of it is drawn, so that clients of a returning server spread out. */
	ms = ms / 2 + (int64_t)rng_below(&s->rng, (uint64_t)ms / 2 + 1);
	s->phase = REFLECTOR_WAITING;
	return (struct reflector_step){ REFLECTOR_DO_WAIT, ms };
}

static struct reflector_step list(struct reflector_state *s)
{
	s->revision = 0;
	s->phase = REFLECTOR_LISTING;
	return (struct reflector_step){ .action = REFLECTOR_DO_LIST };
}

static struct reflector_step watch(struct reflector_state *s)
{
	s->seen_in_watch = false;
	s->phase = REFLECTOR_WATCHING;
	return (struct reflector_step){ .action = REFLECTOR_DO_WATCH };
}

static struct reflector_step go_on(struct reflector_state *s)
{
	return s->revision == 0 ? list(s) : watch(s);
}

struct reflector_step reflector_plan(struct reflector_state *s, enum reflector_event event,
				     uint64_t revision)
{
	const struct reflector_step nothing = { .action = REFLECTOR_DO_NOTHING };

	switch (event) {
	case REFLECTOR_STARTED:
		return s->phase == REFLECTOR_IDLE ? list(s) : nothing;
	case REFLECTOR_PAGE:
		return (struct reflector_step){ .action = REFLECTOR_DO_LIST_MORE };
	case REFLECTOR_LISTED:
		s->revision = revision;
		s->failures = 0;
		return watch(s);
	case REFLECTOR_SEEN:
		s->revision = MAX(s->revision, revision);
		s->failures = 0;
		s->seen_in_watch = true;
		return nothing;
	case REFLECTOR_WATCH_ENDED:
		/* A watch that ends at once, again and again, must not become a storm. */
		return s->seen_in_watch ? watch(s) : wait_a_while(s);
	case REFLECTOR_EXPIRED:
		s->revision = 0;
		return s->failures > 0 ? wait_a_while(s) : (s->failures = 1, list(s));
	case REFLECTOR_FAILED:
		if (s->phase == REFLECTOR_LISTING)
			s->revision = 0;
		return wait_a_while(s);
	case REFLECTOR_WAITED:
		return go_on(s);
	case REFLECTOR_RELIST_WANTED:
		s->revision = 0;
		return s->phase == REFLECTOR_WATCHING ? list(s) : nothing;
	case REFLECTOR_EVENT_COUNT:
		break;
	}
	assert(false);
	return nothing;
}
