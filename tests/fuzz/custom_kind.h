/*
 * custom_kind.h - what the targets that meet custom kinds share: the definition around one version of
 * it, and the kind that comes of it.
 */
#pragma once

#include "common/base/jsonx.h"
#include "schemas/custom.h"

/* A CustomResourceDefinition of that version alone, as it would be read: the caller's. NULL: it is
 * none. The version is named v1. */
static inline json_t *custom_definition(json_t *version)
{
	struct error err;
	AUTO_JSON *definition = json_object();
	const struct schema_type *type =
		schema_type_by_name("apiextensions.v1.CustomResourceDefinition");
	json_put_str(version, "name", "v1");
	json_put(definition, "spec.versions", json_pack("[O]", version));
	return schema_normalize(type, definition, NULL, &err) < 0 ? NULL : TAKE(definition);
}

/* The schema of that version, or NULL. */
static inline const json_t *custom_schema_in(const json_t *definition)
{
	const json_t *version = json_array_get(json_dig(definition, "spec.versions"), 0);
	return json_at(version, "schema", "openAPIV3Schema");
}

static inline struct schema_kind custom_kind(const struct custom *c)
{
	static const char *const labels[] = { NULL };
	return (struct schema_kind){ .group = "g.x",
				     .version = "v1",
				     .kind = "K",
				     .list_kind = "KList",
				     .resource = "ks",
				     .field_labels = labels,
				     .type = custom_type(c),
				     .custom = c };
}
