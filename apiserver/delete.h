/*
 * delete.h - one deletion on its way: computed from the hub as it is, and again on a fresher one where
 * the store refuses it. A collection is many of them.
 *
 * Threads: the core loop's.
 */
#pragma once

#include "apiserver/change.h"

struct deletion;
struct collection;

/* What comes of one deletion; `o` is the object's last state (NULL with a failure). */
typedef void deletion_done(struct deletion *d, struct object *o, bool is_gone, uint64_t revision,
			   struct failure *f);

struct deletion {
	struct change c;
	json_t *options;
	bool is_eviction;
	deletion_done *done;
	struct collection *of; /* part of a collection */
};

/* `options` are shared; `done` is called inside deletion_attempt() or later, once. */
struct deletion *deletion_new(struct request *r, const char *ns, const char *name,
			      const json_t *options, bool is_dry_run, deletion_done *done);
void deletion_free(struct deletion *d);
void deletion_attempt(struct deletion *d);

/* ---- delete_collection.c ---- */
/* Takes over r. */
void delete_collection(struct request *r, const json_t *options, bool is_dry_run);
