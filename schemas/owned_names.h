/* owned_names.h - what members and elements are called, for owned_compare.c. Pure. */
#pragma once

#include "schemas/field_walk.h"
#include "schemas/owned.h"

/* Of a custom type, whose fields are sorted: the field of a name, what stands for the rest, or NULL. */
const struct schema_field *owned_custom_field(const struct schema_type *type, struct span name);
/* {"containerPort":80,"protocol":"TCP"} of an element; false: it has none of its keys, or some that are
 * not plain. */
bool owned_name_by_keys(struct arena *arena, const struct field_slot *s, struct span item,
			struct span *ret);
/* What names an element looks alike in bytes and in trees: of custom kinds it may be anything. */
bool owned_is_plain(struct span value);
