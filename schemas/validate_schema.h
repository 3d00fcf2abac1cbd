/*
 * validate_schema.h - what the files that check JSON schemas share.
 */
#pragma once

#include "schemas/rule_hook.h"

static inline const char *type_of(const json_t *schema)
{
	return json_str_or(schema, "type", "");
}

/* A member that is a schema, not a list or a truth value in its place. */
static inline const json_t *schema_of(const json_t *o, const char *name)
{
	const json_t *value = json_object_get(o, name);
	return json_is_object(value) ? value : NULL;
}

static inline bool has(const json_t *o, const char *name)
{
	return json_object_get(o, name) != NULL;
}

/* Its x-kubernetes-list-type, -list-map-keys and -map-type. */
void validate_schema_merging(const json_t *schema, const struct path *at, struct field_errors *e);
