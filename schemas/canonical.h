/*
 * canonical.h - an object from a client's JSON or protobuf to the bytes that are stored, without a
 * tree: what schema_decode(), the tables' defaults, the tables' bounds and schema_print() make of it,
 * in one walk.
 *
 * It knows good objects only. False: something is not as it should be, or too rare for this; the
 * caller goes by the tree, which says what. So nothing here words an error. Pure.
 */
#pragma once

#include "common/base/scan.h"
#include "schemas/schema.h"

struct canonical_options {
	const struct schema_type *type;
	const char *api_version, *kind; /* what the body must say, where it says anything */
	bool prunes; /* unknown fields are left out without a word; else they are not good */
};

bool canonical_write(const struct canonical_options *o, struct span json, struct str *out);
/* The same from an envelope with a message, of which unknown fields are always left out. */
bool canonical_write_wire(const struct canonical_options *o, struct span envelope, struct str *out);
