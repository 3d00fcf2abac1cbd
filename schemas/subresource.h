/*
 * subresource.h - what lies below an object: names, kinds and verbs. Pure.
 */
#pragma once

#include "schemas/schema.h"

struct subresource {
	const char *name;
	const char *group, *version, *kind; /* kind NULL: the resource's own */
	const char *verbs;                  /* as JSON */
};

#define SUBRESOURCES_MAX 16

/* All of a kind: its own, then scale and status; status and scale of a custom one. */
size_t subresources_of(const struct schema_kind *k,
		       const struct subresource *ret[SUBRESOURCES_MAX]);
bool subresource_offers(const struct subresource *s, const char *verb);
/* A connection of bytes, with options in its query, not an object that is read and written. */
bool subresource_is_stream(const struct subresource *s);
