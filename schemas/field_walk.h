/*
 * field_walk.h - objects as sets of fields: which fields an object has, how two objects
 * differ, an object without some fields, and two objects merged, all driven by the schema tables.
 * Lists that are sets or maps are taken apart by value or key; everything atomic is one field.
 *
 * Trees are normalized. New trees are the caller's; arguments stay as they are. Pure.
 * Source: KEP-555; sigs.k8s.io/structured-merge-diff, typed.
 */
#pragma once

#include "schemas/field_set.h"
#include "schemas/schema.h"

/* What stands at a place: a whole type, a field, or an element of a field's list or map. */
struct field_slot {
	const struct schema_type *root; /* the object itself; or NULL */
	const struct schema_field *field;
	bool is_element;
	bool is_rest; /* of a custom type: no field names it */
};

enum field_relation { FIELD_LEAF, FIELD_STRUCT, FIELD_MAP, FIELD_SET_LIST, FIELD_KEYED_LIST };

enum field_relation field_relation_of(const struct field_slot *s);
/* The same where `value` stands there: what is not of the slot's shape is one field. NULL: absent. */
enum field_relation field_relation_at(const struct field_slot *s, const json_t *value);
/* The members' slot; field NULL: unknown name. */
struct field_slot field_slot_below(const struct field_slot *s, const char *name);
/* "k:{…}" or "v:…" of a list's element; NULL: none of its keys is there. The caller's. */
char *field_element_name(const struct field_slot *s, const json_t *item);

/* What may not be applied: a list with two elements of one key or value, or one without its keys.
 * False, and where and what in `why`. */
bool field_check_lists(const struct schema_type *type, const json_t *tree, struct str *why);

/* The fields that an object has. */
json_t *field_set_of(const struct schema_type *type, const json_t *tree);

struct field_difference {
	json_t *added, *modified, *removed; /* sets */
};
void field_difference_fini(struct field_difference *d);
void field_compare(const struct schema_type *type, const json_t *before, const json_t *now,
		   struct field_difference *ret);

/* The object without what is in the set. */
json_t *field_remove(const struct schema_type *type, const json_t *tree, const json_t *set);
/* The set, with each struct that has something in it a member too. */
json_t *field_set_with_structs(const struct schema_type *type, const json_t *set);
/* `over` laid over `base`; lists keep the order of `over` among what both have. */
json_t *field_merge(const struct schema_type *type, const json_t *base, const json_t *over);

/* What is said of a keyed list with such an element. */
void field_keyless_text(const struct schema_field *f, const json_t *list, const char *path,
			struct str *why);
/* Where the first key is missing without which an element of a keyed list is none:
 * "spec.containers[1].name"; false: nowhere. Of built-in types. */
bool field_missing_key(const struct schema_type *type, const json_t *tree, struct str *ret);
