/*
 * ready_plan.h - what state an object is in, in one word and in one line for people: whether
 * `apply --wait`, `rollout status` and `tree` may call it ready, and what holds it up. Pure.
 */
#pragma once

#include "common/base/jsonx.h"

enum ready_state {
	READY_YES,
	READY_WAITING, /* it is getting there */
	READY_STUCK,   /* something is wrong; it goes on by itself once that is put right */
	READY_FAILED,  /* for good: only a change helps */
	READY_STATE_COUNT,
};

/* Where the last words of what crashed are to be found. */
struct ready_culprit {
	char pod[254], container[64]; /* "": nobody's */
	bool is_previous;             /* the log of the run before */
};

/* `pods`: those of the object's present revision (of a Pod itself: ignored). `text` gets one
 * line; ret_culprit may be NULL. Kinds that have no state are READY_YES. */
enum ready_state ready_plan(const char *kind, const json_t *object, const json_t *const *pods,
			    size_t pods_count, struct str *text,
			    struct ready_culprit *ret_culprit);

/* One pod: "pulling or creating", "container web: exit code 3, restarted 4 times". */
enum ready_state ready_pod(const json_t *pod, struct str *text, struct ready_culprit *ret_culprit);

/* Without a readiness probe a container counts as ready the moment it runs, and what crashes at
 * once would be called ready, too. So long ready pods must stay so to be believed; 0: as they are. */
int64_t ready_settle_ms(const json_t *const *pods, size_t n, int64_t now_us);

/* The kind has a state that has to be watched. */
bool ready_is_watched(const char *kind);

/* status.conditions[type]; NULL: not there. */
const json_t *ready_condition(const json_t *object, const char *type);
