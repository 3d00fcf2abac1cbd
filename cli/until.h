/*
 * until.h - waits until something holds for every one of some objects. Watches; never polls.
 */
#pragma once

#include "cli/kinds.h"

struct until_object {
	struct kind kind;
	char *ns, *name, *uid; /* uid NULL: any */
	bool is_done;
};
void until_objects_free(struct until_object *at, size_t n); /* the array too */

/* `now` NULL: it is not there. Called whenever something of its kind has changed. */
typedef bool until_holds(void *ctx, const struct until_object *o, const json_t *now);

/* 0: it held for all. ERR_LIMIT: the time is over (is_done tells for which it held);
 * ERR_UNAVAILABLE. `told` (or NULL) is called once for each, as it comes true. */
int until_all(struct session *s, struct until_object *objects, size_t n, int64_t timeout_us,
	      until_holds *holds, void (*told)(void *ctx, const struct until_object *o), void *ctx,
	      struct error *err) MUST_CHECK;

/* Gone, or another one by the same name. */
until_holds until_gone;
