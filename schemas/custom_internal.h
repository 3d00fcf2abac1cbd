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

enum custom_bound {
	CUSTOM_LENGTH, /* of texts, in characters */
	CUSTOM_ITEMS,
	CUSTOM_MEMBERS,
	CUSTOM_BOUND_COUNT,
};

struct custom_format;
struct pattern;

/* What values must be, beside their form. */
struct custom_checks {
	const json_t *enums; /* or NULL */
	const json_t *required;
	const json_t *least, *most, *multiple; /* numbers, or NULL */
	bool excludes_least, excludes_most;
	int64_t min[CUSTOM_BOUND_COUNT], max[CUSTOM_BOUND_COUNT]; /* -1: none */
	bool is_unique;
	const char *pattern_text; /* or NULL */
	struct pattern *pattern;  /* NULL: none, or one that cannot be compiled */
	const char *format;       /* as it is written; or NULL: none that is known */
	struct custom_list all_of, any_of, one_of;
	struct custom_schema *none_of; /* not */
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
	char *fallback_text;        /* as JSON */
	enum schema_list_type list_type;
	const char **list_keys; /* NULL-terminated, or NULL */
	bool is_atomic_map;
	struct custom_checks checks;
};

struct custom {
	struct schema_type type; /* first: custom_of() */
	json_t *version;         /* a copy of spec.versions' */
	struct custom_schema *schema;
	const struct schema_type *meta; /* ObjectMeta */
	struct schema_column *columns;
	size_t columns_count;
	const char **column_paths; /* beside the columns */
	char **texts;              /* made for them */
	size_t texts_count;
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
/* As Go's %v does, in messages. */
void custom_show_real(double value, struct str *out);
/* The fewest digits that read back as the number, as 'd.ddde±x'. `size` is 40 at least. */
void custom_shortest(double value, char *out, size_t size);
const char *custom_form_name(enum custom_form form); /* "object"; "" where there is none */
/* In place; all values of the kinds below a schema. */
void custom_default_value(const struct custom_schema *s, json_t *value);
/* Drops what nobody describes. `report` may be NULL. */
void custom_prune(const struct custom_schema *s, json_t *value, bool is_resource,
		  struct schema_report *report);
