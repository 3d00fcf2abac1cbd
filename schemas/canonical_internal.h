/* canonical_internal.h - what canonical.c and canonical_value.c share. Nobody else includes it. */
#pragma once

#include "schemas/canonical.h"

#define CANONICAL_DEPTH_MAX 64

struct canonical {
	const struct canonical_options *options;
	const char *p, *end;
	struct str *out;
	struct str scratch; /* to put members in order */
	int depth;
};

static inline void canonical_blanks(struct canonical *c)
{
	while (c->p < c->end && (*c->p == ' ' || *c->p == '\n' || *c->p == '\r' || *c->p == '\t'))
		c->p++;
}

/* Past blanks, one character and blanks again; false: it is not there. */
static inline bool canonical_past(struct canonical *c, char wanted)
{
	canonical_blanks(c);
	if (c->p >= c->end || *c->p != wanted)
		return false;
	c->p++;
	canonical_blanks(c);
	return true;
}

/* The next value is null: past it. */
static inline bool canonical_null(struct canonical *c)
{
	if (c->end - c->p < 4 || memcmp(c->p, "null", 4) != 0)
		return false;
	c->p += 4;
	return true;
}

/* What was written of a value: what is_empty_value() says of it is all that its parent asks. */
struct written {
	bool is_empty;
};

/* A value of the field's form, whatever its shape, to out. */
bool canonical_value(struct canonical *c, const struct schema_field *f, struct written *ret);
bool canonical_object(struct canonical *c, const struct schema_type *type, struct written *ret);
/* A string; *ret_inside: between the quotes, as written. */
bool canonical_text(struct canonical *c, struct span *ret_inside);
/* Past any value, which must be good JSON. */
bool canonical_skip(struct canonical *c);
