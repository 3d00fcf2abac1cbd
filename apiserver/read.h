/*
 * read.h - what GET, LIST and WATCH have in common: waiting for a version, selecting,
 * rendering.
 */
#pragma once

#include "apiserver/render.h"

/* What part of a kind a list or watch is about. */
struct selection {
	const struct schema_kind *kind;
	char *prefix; /* of the keys */
	struct selector labels, fields;
};

/* From the target and the query; -1: 400 in f. */
int selection_init(struct selection *s, const struct request *r, struct failure *f);
void selection_fini(struct selection *s);
bool selection_has(const struct selection *s, const struct object *o);

/* ?resourceVersion=: 0 and *ret_is_set, or -1 with 400 in f. */
int read_version(const struct request *r, bool *ret_is_set, uint64_t *ret, struct failure *f);

struct rendering rendering_of(const struct request *r);
