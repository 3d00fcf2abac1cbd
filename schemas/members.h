/*
 * members.h - the members of a tree's object by their fields' places in the table: one walk over
 * what is there instead of a look-up for all that could be. Borrowed while nothing is added or taken
 * away. Pure.
 */
#pragma once

#include "schemas/schema.h"

#define MEMBERS_MAX 64 /* types with more fields are looked up */

struct members {
	const struct schema_type *type;
	const json_t *tree;
	uint64_t there; /* a bit a field */
	json_t *values[MEMBERS_MAX];
};

void members_open(struct members *m, const struct schema_type *type, const json_t *tree);

static inline json_t *members_at(const struct members *m, size_t field)
{
	if (m->type->fields_count > MEMBERS_MAX)
		return json_object_get(m->tree, m->type->fields[field].name);
	return m->there >> field & 1 ? m->values[field] : NULL;
}
