/*
 * custom_internal.h - what the custom*.c files share: a compiled JSON schema. Pure.
 */
#pragma once

#include "common/base/jsonx.h"
#include "schemas/custom.h"
#include "schemas/path.h"

/* As deep as the text of a definition may be. */
#define CUSTOM_DEPTH_MAX 512

enum custom_form {
	CUSTOM_UNTYPED,
	CUSTOM_OBJECT,
	CUSTOM_ARRAY,
	CUSTOM_STRING,
	CUSTOM_INTEGER,
	CUSTOM_NUMBER,
	CUSTOM_BOOLEAN,
	CUSTOM_FORM_COUNT,
};

struct custom_schema;

struct custom_member {
	const char *name;
	struct custom_schema *schema;
};

struct custom_list {
	struct custom_schema **at;
	size_t count;
};

/* A schema, or what allOf, anyOf, oneOf and not hold. */
struct custom_schema {
	const json_t *source; /* borrowed from the struct custom's copy */
	enum custom_form form;
	bool is_nullable, is_int_or_string, is_embedded, keeps_unknown;
	struct custom_member *members; /* by name, sorted */
	size_t members_count;
	struct custom_schema *items;
	bool has_rest;              /* additionalProperties is there, … */
	struct custom_schema *rest; /* … and a schema */
	bool forbids_rest;          /* … or false */
	const json_t *fallback;     /* its default, or NULL */
	enum schema_list_type list_type;
	const char **list_keys; /* NULL-terminated, or NULL */
	bool is_atomic_map;
};

struct custom {
	struct schema_type type; /* first: custom_of() */
	json_t *version;         /* a copy of spec.versions' */
	struct custom_schema *schema;
	const struct schema_type *meta; /* ObjectMeta */
	struct schema_column *columns;
	size_t columns_count;
	char **labels;
	struct custom_scale scale;
	bool has_status, has_scale;
	/* The tables for server-side apply, all that were made. */
	struct custom_tables *tables;
};

int custom_schema_make(const json_t *source, size_t depth, struct custom_schema **ret,
		       struct error *err) MUST_CHECK;
void custom_schema_free(struct custom_schema *s);
const struct custom_schema *custom_member_of(const struct custom_schema *s, const char *name);

/* Fills c->type. */
void custom_tables_make(struct custom *c);
void custom_tables_free(struct custom *c);

/* apiVersion, kind and metadata are every resource's, whatever its schema says. */
bool custom_is_head(const char *name);

/* Compact JSON, members sorted, numbers as Go writes them. */
void custom_print_value(const json_t *value, struct str *out);
void custom_print_real(double value, struct str *out);
/* In place; all values of the kinds below a schema. */
void custom_default_value(const struct custom_schema *s, json_t *value);
/* Drops what nobody describes. `report` may be NULL. */
void custom_prune(const struct custom_schema *s, json_t *value, bool is_resource,
		  struct schema_report *report);
