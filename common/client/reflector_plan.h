/*
 * reflector_plan.h - what a reflector does next, from what just happened. Pure.
 */
#pragma once

#include "common/base/base.h"
#include "common/base/rng.h"

#define REFLECTOR_BACKOFF_FIRST_MS 800
#define REFLECTOR_BACKOFF_MAX_MS   30000

enum reflector_phase {
	REFLECTOR_IDLE,
	REFLECTOR_LISTING,
	REFLECTOR_WATCHING,
	REFLECTOR_WAITING,
	REFLECTOR_PHASE_COUNT
};

enum reflector_event {
	REFLECTOR_STARTED,
	REFLECTOR_PAGE,          /* a page came, more follow */
	REFLECTOR_LISTED,        /* the last page came, at `revision` */
	REFLECTOR_SEEN,          /* event or bookmark at `revision` */
	REFLECTOR_WATCH_ENDED,   /* the server closed the watch in good order */
	REFLECTOR_EXPIRED,       /* 410: the position or the continue token is too old */
	REFLECTOR_FAILED,        /* anything else went wrong */
	REFLECTOR_WAITED,        /* the back-off is over */
	REFLECTOR_RELIST_WANTED, /* somebody misses a change */
	REFLECTOR_EVENT_COUNT,
};

enum reflector_action {
	REFLECTOR_DO_NOTHING,
	REFLECTOR_DO_LIST,      /* from the first page */
	REFLECTOR_DO_LIST_MORE, /* the next page */
	REFLECTOR_DO_WATCH,     /* from `revision` */
	REFLECTOR_DO_WAIT,      /* `wait_ms` */
	REFLECTOR_ACTION_COUNT,
};

struct reflector_state {
	enum reflector_phase phase;
	uint64_t revision;  /* 0: must list */
	unsigned failures;  /* in a row */
	bool seen_in_watch; /* the present watch brought something */
	struct rng rng;
};

struct reflector_step {
	enum reflector_action action;
	int64_t wait_ms;
};

/* `revision` is read for LISTED and SEEN only. */
struct reflector_step reflector_plan(struct reflector_state *s, enum reflector_event event,
				     uint64_t revision);
