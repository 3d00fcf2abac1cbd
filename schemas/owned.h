/*
 * owned.h - sets of fields as field_set.h has them, without trees: read from canonical bytes, compared
 * and combined in an arena. What comes up rarely (texts that JSON escapes where a name stands, lists
 * with two elements of one key) they do not know: false, and the caller goes the long way.
 *
 * Names borrow from the bytes they were read from, or from the arena. Pure.
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/scan.h"
#include "common/base/str.h"
#include "schemas/schema.h"

struct owned {
	char kind;           /* of the path element: 'f', 'k', 'v'; 0: the root */
	bool is_member;      /* it is itself in the set */
	uint32_t count;      /* of the nodes below */
	struct span name;    /* behind "f:", not escaped */
	struct owned *below; /* sorted by kind and name */
};

static inline bool owned_is_empty(const struct owned *set)
{
	return set->count == 0;
}

/* FieldsV1 as it is stored. False: it is none, or not known here. With `is_foreign` what others
 * may have written is looked at more closely. */
bool owned_parse(struct arena *arena, struct span json, bool is_foreign, struct owned *ret);
void owned_print(const struct owned *set, struct str *out);

void owned_union(struct arena *arena, const struct owned *a, const struct owned *b,
		 struct owned *ret);
/* Members of `a` that are not in `b`. */
void owned_difference(struct arena *arena, const struct owned *a, const struct owned *b,
		      struct owned *ret);

/* The node of a member; NULL: there is none. */
struct owned *owned_find(const struct owned *at, const char *name);
/* The node gets a list of its own of what is below it, without these members. */
void owned_drop(struct arena *arena, struct owned *at, const char *const *names, size_t count);

enum owned_outcome { OWNED_ADDED, OWNED_MODIFIED, OWNED_REMOVED, OWNED_OUTCOMES };

/* How two objects of a kind differ, as canonical bytes ("{}": none). */
bool owned_compare(struct arena *arena, const struct schema_type *type, struct span before,
		   struct span now, struct owned ret[OWNED_OUTCOMES]);
