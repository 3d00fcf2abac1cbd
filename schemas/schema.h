/*
 * schema.h - what every object is: constant tables generated from schemas/<group>_<version>.yaml,
 * and what they drive: decoding, defaulting, validation, canonical bytes, strategic
 * merge, tables, discovery, OpenAPI. A CustomResourceDefinition builds the same
 * structures at run time (schemas/custom.h), so nothing here may assume that a table is constant.
 *
 * Source: the Kubernetes API v1.36 (GA groups). Pure: no I/O, no clock, no globals
 * but the constant tables. Threads: any.
 */
#pragma once

#include "common/base/error.h"
#include "common/base/str.h"

#include <jansson.h>

enum schema_form {
	SCHEMA_STRING,
	SCHEMA_INT32,
	SCHEMA_INT64,
	SCHEMA_BOOL,
	SCHEMA_DOUBLE,
	SCHEMA_BYTES,      /* base64 text in JSON */
	SCHEMA_TIME,       /* RFC 3339, seconds */
	SCHEMA_MICRO_TIME, /* RFC 3339, six decimals */
	SCHEMA_DURATION,
	SCHEMA_QUANTITY,
	SCHEMA_INT_OR_STRING,
	SCHEMA_OBJECT, /* of `type` */
	SCHEMA_ANY,    /* RawExtension, JSON: kept as received */
	SCHEMA_FIELDS_V1,
	SCHEMA_STRING_LIST, /* a list of texts as a value of a map */
	/* JSON schemas only: an object of `type`, or in its place … */
	SCHEMA_SCHEMA_OR_LIST,    /* … several of them */
	SCHEMA_SCHEMA_OR_BOOL,    /* … whether anything goes */
	SCHEMA_SCHEMA_OR_STRINGS, /* … names */
	SCHEMA_FORM_COUNT,
};

enum schema_shape { SCHEMA_ONE, SCHEMA_LIST, SCHEMA_MAP }; /* MAP: string → form */

enum schema_list_type { SCHEMA_LIST_ATOMIC, SCHEMA_LIST_SET, SCHEMA_LIST_MAP };

struct schema_type;
struct custom;

struct schema_field {
	const char *name; /* in JSON */
	enum schema_form form;
	enum schema_shape shape;
	const struct schema_type *type; /* SCHEMA_OBJECT, SCHEMA_SCHEMA_OR_… */
	uint16_t proto;                 /* protobuf field number; 0: not in protobuf */
	/* The message that it stands in, where JSON has it inline, or 0: its field number; where that
	 * message stands in another such message, the other's number × 256 is added. */
	uint16_t proto_outer;
	bool is_required, is_always_written /* even when empty, as Go without omitempty */;
	bool keeps_empty; /* a given zero value is kept (a pointer in Go) */
	bool is_immutable;
	bool has_min, has_max;
	int64_t min, max;               /* numbers: value; strings, lists: length */
	const char *default_json;       /* or NULL: filled when absent and the parent is there */
	const char *const *enum_values; /* NULL-terminated, or NULL */
	bool shows_enum_as_given;       /* what is refused names them in this order; else sorted */
	bool patch_merge, patch_replace, patch_retain_keys; /* strategic merge */
	const char *patch_merge_key;                        /* or NULL */
	enum schema_list_type list_type;
	const char *const *list_map_keys; /* NULL-terminated, or NULL */
	bool is_atomic_map;               /* server-side apply takes the map as one field */
	/* The structs that Go has it inside of, where JSON has it inline: "RuleWithOperations.Rule"; or
	 * NULL. Its decoder names them. */
	const char *embedded;
	/* It is dropped from what is written: of the feature of this name, which is off (gates.h); or
	 * NULL. */
	const char *gate;
	const char *description;
};

struct schema_type {
	const char *name;                  /* "core.v1.PodSpec" */
	const struct schema_field *fields; /* in table order: the order of canonical bytes */
	size_t fields_count;
	const uint16_t *by_name; /* indexes into fields, sorted by name */
	const char *description;
	bool is_atomic; /* server-side apply takes the struct as one field */
	bool is_custom; /* made at run time, and part of a struct custom: schemas/custom.h */
	const struct schema_field *rest; /* custom: what members are that no field names; or NULL */
	bool leads_to_gate;              /* something in it, however deep, has a gate */
};

struct schema_column {
	const char *name, *format, *description;
	const char *type; /* "string", "integer", "date" … */
	int priority;     /* > 0: only with -o wide */
};

/* One served resource. */
struct schema_kind {
	const char *group; /* "" for core */
	const char *version;
	const char *kind, *list_kind;
	const char *resource, *singular; /* "pods", "pod" */
	const char *const *short_names;  /* NULL-terminated */
	const char *const *categories;
	const char *const *verbs;
	const struct schema_type *type;
	/* The kind as which its objects are stored, another version's; NULL: itself. */
	const struct schema_kind *storage;
	bool is_namespaced, has_status, has_scale;
	bool creates_on_update;       /* PUT makes it where absent */
	bool needs_version_on_update; /* no unconditional update */
	bool returns_object_on_delete;
	bool has_generation;             /* spec changes count up metadata.generation */
	const char *const *subresources; /* beside status and scale: "log", "exec", "token" … */
	/* Selectable fields beside metadata.name and metadata.namespace: dotted paths. */
	const char *const *field_labels;
	/* What objects of it are indexed by, where other versions have more labels; NULL: its own. */
	const char *const *indexed_labels;
	const struct schema_column *columns;
	size_t columns_count;
	const struct custom *custom; /* of a CustomResourceDefinition's version; NULL: built in */
	/* By what rules its objects are printed, as the store keeps it beside them; 0: built in. */
	uint32_t revision;
	const char *deprecation; /* what requests are warned of; NULL: nothing */
	bool is_ending;          /* its definition is being deleted: nothing new is made */
};

/* ---- finding (borrowed, for ever) ---- */
size_t schema_kinds_count(void);
/* Sorted by group, version (the newest first), resource. */
const struct schema_kind *schema_kind_at(size_t i);
const struct schema_kind *schema_kind_by_resource(const char *group, const char *version,
						  const char *resource);
const struct schema_kind *schema_kind_by_kind(const char *group, const char *version,
					      const char *kind);
const struct schema_type *schema_type_by_name(const char *name);
const struct schema_field *schema_field_of(const struct schema_type *t, const char *name);
bool schema_group_version_exists(const char *group, const char *version);
/* "v1", "apps/v1" of a kind. */
void schema_api_version(const struct schema_kind *k, struct str *out);

/* ---- one object, two versions (schemas/convert.c) ---- */
const struct schema_kind *schema_storage(const struct schema_kind *kind); /* or itself */
/* In place, from and to the version in which objects of the kind are stored. Normalized trees. */
void schema_to_storage(const struct schema_kind *kind, json_t *tree);
void schema_from_storage(const struct schema_kind *kind, json_t *tree);
/* A field label as the stored kind names it. The caller's. */
char *schema_stored_label(const struct schema_kind *kind, const char *label);

/* ---- decoding ---- */
enum schema_encoding { SCHEMA_JSON, SCHEMA_YAML, SCHEMA_PROTOBUF };

/* What strict decoding would object to: 'unknown field "spec.x"', 'duplicate field "a"'. */
struct schema_report {
	char **problems;
	size_t count;
};
void schema_report_fini(struct schema_report *r);

/*
 * Bytes to a tree of `type`, pruned of unknown fields, values in canonical form
 * (quantities, times). Protobuf: the bytes after the "k8s\0" magic and Unknown envelope are
 * found here. apiVersion and kind of the body are kept as they came (or from the envelope).
 * ERR_MALFORMED: cannot be read, or a value has the wrong type (message as upstream words it;
 * upstream puts 'Pod in version "v1" cannot be handled as a Pod: ' before it);
 * ERR_LIMIT: too deep (JSON 512, YAML 100, protobuf 100), too many aliases.
 */
int schema_decode(const struct schema_type *type, enum schema_encoding encoding, const void *bytes,
		  size_t len, json_t **ret, struct schema_report *report,
		  struct error *err) MUST_CHECK;

/* The same checks on a tree (after a patch): prunes and canonicalizes in place. */
int schema_normalize(const struct schema_type *type, json_t *tree, struct schema_report *report,
		     struct error *err) MUST_CHECK;

/* The same of what a strategic merge patch made, which upstream words differently. */
int schema_normalize_converted(const struct schema_type *type, json_t *tree,
			       struct schema_report *report, struct error *err) MUST_CHECK;

/* apiVersion and kind of a body in any encoding, without decoding it ("" where absent). */
int schema_peek(enum schema_encoding encoding, const void *bytes, size_t len,
		char **ret_api_version, char **ret_kind, struct error *err) MUST_CHECK;

/* A message alone: what stands inside an envelope, a list or another message. */
int schema_encode_message(const struct schema_type *type, const json_t *tree, struct str *out,
			  struct error *err) MUST_CHECK;
/* The envelope ("k8s\0" and what kind it is) around a message. */
void schema_add_envelope(const char *api_version, const char *kind, const void *message, size_t len,
			 struct str *out);
/* The same in two parts, for a message of `len` bytes that is made elsewhere. */
void schema_add_envelope_head(const char *api_version, const char *kind, size_t len,
			      struct str *out);
void schema_add_envelope_tail(struct str *out);
/* Both; for answers where asked, and for tests. */
int schema_encode_protobuf(const struct schema_type *type, const char *api_version,
			   const char *kind, const json_t *tree, struct str *out,
			   struct error *err) MUST_CHECK;

/* ---- YAML (schemas/yaml.c): text with one or more documents to trees ---- */
struct yaml_document {
	json_t *tree;    /* NULL for an empty document */
	size_t line;     /* first line, from 1 */
	char **problems; /* duplicate keys: 'line 9: key "foo" already set in map' */
	size_t problems_count;
};
struct yaml_documents {
	struct yaml_document *at;
	size_t count;
};
int yaml_parse(const char *text, size_t len, struct yaml_documents *ret,
	       struct error *err) MUST_CHECK;
void yaml_documents_fini(struct yaml_documents *d);
/* The same, and where each node stands, for messages: as long as the trees live and are not changed.
 * 0: not known (true, false, null, what an alias copied): ask about what it stands in. */
struct yaml_line {
	const json_t *node;
	size_t line;
};
struct yaml_lines {
	struct yaml_line *at;
	size_t count, size;
};
int yaml_parse_lines(const char *text, size_t len, struct yaml_documents *ret,
		     struct yaml_lines *lines, struct error *err) MUST_CHECK;
size_t yaml_line_of(const struct yaml_lines *l, const json_t *node);
void yaml_lines_fini(struct yaml_lines *l); /* {0} is fine */
void yaml_print(const json_t *tree,
		struct str *out); /* block style, as kubectl prints: keys sorted */

/* ---- canonical form, defaults, rules ---- */
/* Canonical bytes: fields in table order, map keys sorted, no blanks, empty values gone as Go's
 * omitempty would. Equal objects give equal bytes. */
void schema_print(const struct schema_type *type, const json_t *tree, struct str *out);

/* What Go makes of an object that says nothing: the members that are always written. What a create
 * is compared with, for these were nobody's doing. */
void schema_print_bare(const struct schema_type *type, struct str *out);

/* Everything defaulting writes, table defaults and those that depend on other fields. */
void schema_default(const struct schema_kind *kind, json_t *tree);

enum field_error_type {
	FIELD_REQUIRED,
	FIELD_DUPLICATE,
	FIELD_INVALID,
	FIELD_NOT_SUPPORTED,
	FIELD_FORBIDDEN,
	FIELD_TOO_LONG,
	FIELD_TOO_MANY,
	FIELD_NOT_FOUND,
	FIELD_TYPE_INVALID,
	FIELD_INTERNAL,
	FIELD_ERROR_TYPE_COUNT,
};
struct field_error {
	enum field_error_type type;
	char *field; /* "spec.containers[0].name" */
	char *value; /* as shown, JSON-quoted where a string; NULL: not shown */
	char *detail;
};
struct field_errors {
	struct field_error *at;
	size_t count;
};
void field_errors_fini(struct field_errors *e);
/* `value` may be NULL; detail is formatted. At most 256 are kept. */
void field_errors_add(struct field_errors *e, enum field_error_type type, const char *field,
		      const json_t *value, const char *detail, ...) PRINTF_LIKE(5, 6);
const char *field_error_reason(enum field_error_type type);          /* "FieldValueInvalid" */
void field_error_body(const struct field_error *e, struct str *out); /* 'Invalid value: "v": d' */
/* 'spec.x: Invalid value: "v": d' */
void field_error_text(const struct field_error *e, struct str *out);

/* All rules of a kind, `old` NULL on create. Includes metadata, and immutability on update. */
void schema_validate(const struct schema_kind *kind, const json_t *tree, const json_t *old,
		     struct field_errors *errors);
/* The rules of a status update. */
void schema_validate_status(const struct schema_kind *kind, const json_t *tree, const json_t *old,
			    struct field_errors *errors);
/* Those of another subresource that writes the object: "approval". */
void schema_validate_subresource(const struct schema_kind *kind, const char *name,
				 const json_t *tree, const json_t *old,
				 struct field_errors *errors);
/* What the answer warns about (Warning header): duplicate env names, ports … */
/* `old` is NULL on create. */
void schema_warnings(const struct schema_kind *kind, const json_t *tree, const json_t *old,
		     struct schema_report *ret);

/* ---- patches (schemas/patch.c) ---- */
/* New trees; inputs stay as they are. ERR_INVALID: a test failed or a path is missing (422);
 * ERR_MALFORMED: the patch is no patch (400). `type` NULL for objects without schema. */
int patch_json(const json_t *target, const json_t *patch, json_t **ret,
	       struct error *err) MUST_CHECK;
int patch_merge(const json_t *target, const json_t *patch, json_t **ret,
		struct error *err) MUST_CHECK;
int patch_strategic(const struct schema_type *type, const json_t *target, const json_t *patch,
		    json_t **ret, struct error *err) MUST_CHECK;
/* The three-way strategic merge patch a client-side apply sends (CLI): from the last applied,
 * the wanted and the live object. `type` NULL: a JSON merge patch. */
int patch_three_way(const struct schema_type *type, const json_t *last, const json_t *want,
		    const json_t *live, json_t **ret, struct error *err) MUST_CHECK;

/* ---- renderings ---- */
/* The cells of one object's row, in column order, as kubectl's server-side printers give them. */
json_t *table_cells(const struct schema_kind *kind, const json_t *tree, int64_t now_us);
