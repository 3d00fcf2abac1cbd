/* canonical_internal.h - what the canonical*.c files share. Nobody else includes it. */
#pragma once

#include "schemas/canonical.h"

#define CANONICAL_DEPTH_MAX  64
#define CANONICAL_FIELDS_MAX 64

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

/* A member that stands in the text already, as `"name":value`. */
struct piece {
	size_t at, len;
};

/* Those of a struct. */
struct members_written {
	uint64_t seen;    /* a bit a field: it came */
	uint64_t there;   /* and stands in the text */
	bool is_in_order; /* the pieces follow each other in the table's order */
	size_t last, begin /* where the first one's comma stands */;
	struct piece at[CANONICAL_FIELDS_MAX];
};

/* False: too deep, or none of the tables that this knows. */
bool canonical_open(struct canonical *c, const struct schema_type *type, struct members_written *m,
		    struct written *ret);
/* A member of the field, with its comma, to be written behind it. False: there is one. */
bool canonical_member(struct canonical *c, const struct schema_type *type,
		      const struct schema_field *f, struct members_written *m, size_t *ret_begin);
/* Written: it stays, or goes where it says nothing. */
void canonical_keep(struct canonical *c, const struct schema_type *type,
		    const struct schema_field *f, size_t begin, const struct written *value,
		    struct members_written *m, struct written *ret);
/* All came: what did not, and the table's order. */
bool canonical_close(struct canonical *c, const struct schema_type *type, struct members_written *m,
		     struct written *ret);

/* One member of a map, with the length of its name. */
struct pair {
	struct piece whole;
	size_t name_len;
};

struct pairs {
	struct pair small[16], *at;
	size_t count, size, begin;
	bool is_in_order;
};

void canonical_pairs_open(struct canonical *c, struct pairs *p);
/* The next one, from here, with the comma before it. */
struct pair *canonical_pair(struct canonical *c, struct pairs *p);
/* It is written. */
void canonical_pair_end(struct canonical *c, struct pairs *p);
/* In order and closed. False: there are two of one name; the pairs are gone in any case. */
bool canonical_pairs_close(struct canonical *c, struct pairs *p, bool is_good);

/* A value of the field's form, whatever its shape, to out. */
bool canonical_value(struct canonical *c, const struct schema_field *f, struct written *ret);
bool canonical_object(struct canonical *c, const struct schema_type *type, struct written *ret);
/* A string; *ret_inside: between the quotes, as written. */
bool canonical_text(struct canonical *c, struct span *ret_inside);
/* Past any value, which must be good JSON. */
bool canonical_skip(struct canonical *c);
/* Bytes that are no ASCII, as they are where they are UTF-8. */
bool canonical_foreign(struct canonical *c);
/* To the first quote, backslash, control character or byte that is no ASCII. */
const char *canonical_plain(const char *p, const char *end);
/* The number may stand in the field. */
bool canonical_within(const struct schema_field *f, int64_t n);
/* So may the text, as it stands between its quotes. */
bool canonical_known(const struct schema_field *f, struct span inside);
bool canonical_quantity(struct canonical *c, const char *text);
bool canonical_integer(struct canonical *c, int64_t *ret);
/* true, false */
bool canonical_word(struct canonical *c, struct written *ret);
/* An object of a custom kind. */
struct custom;
bool canonical_custom(struct canonical *c, const struct custom *custom);
