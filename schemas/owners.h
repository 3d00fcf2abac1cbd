/*
 * owners.h - what a create or update makes of metadata.managedFields, from canonical bytes to canonical
 * bytes: what managed.h does with trees. Applies, lists of more than ten updaters and what is not as
 * this server writes it are left to managed.h. Pure.
 */
#pragma once

#include "schemas/managed.h"
#include "schemas/owned.h"

enum owners_outcome {
	OWNERS_UNKNOWN, /* by trees, please */
	OWNERS_KEPT,    /* the stored list stays as it is */
	OWNERS_WRITTEN, /* a new list; "[]": nobody owns anything */
};

struct owners_input {
	struct span before; /* without managedFields and resourceVersion; "{}" on create */
	struct span now;    /* likewise */
	struct span stored; /* the list, or absent */
	struct span sent;   /* the list that came with the request, canonical; or absent */
	bool is_create;
};

enum owners_outcome owners_update(const struct managed_writer *w, const struct owners_input *in,
				  struct str *out);
