/*
 * definitions_internal.h - what definitions.c and definitions_keep.c share. Nobody else includes it.
 */
#pragma once

#include "apiserver/definition_plan.h"
#include "apiserver/definitions.h"

/* What is known of one definition. */
struct known {
	uint64_t version, looked_at; /* of the object: noted, and served as it says */
	char *group, *plural;
	json_t *accepted; /* names; or NULL */
	char *served;     /* what is served follows from this text; NULL: not looked at yet */
	bool is_there, is_ending, is_due;
	bool is_asking; /* the last objects are being looked for on a fresh hub */
	int64_t asked_ms;
};

struct definitions {
	struct server *server;
	struct hub_watcher watcher;
	struct map known; /* name → struct known */
	struct loop_timer *keeper, *waker;
	struct wait *waits;
	bool is_waiting;   /* for workers */
	bool is_name_free; /* others may have it now */
};

const struct schema_kind *definition_kind(void);
/* Names of the group that definitions other than `but` have. */
void definitions_taken(const struct definitions *d, const char *group, const char *but,
		       struct definition_names *names);
void definitions_keep(void *definitions); /* the keeper's timer */
