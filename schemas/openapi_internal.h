/*
 * openapi_internal.h - what the renderings of OpenAPI share: schemas, operations, documents. Pure.
 */
#pragma once

#include "common/base/map.h"
#include "common/base/scan.h"
#include "schemas/openapi.h"

#define OPENAPI_META "io.k8s.apimachinery.pkg.apis.meta.v1."

/* The members of "schemas", each once: what is added brings along all that it refers to. */
struct openapi_types {
	struct str *out;
	struct map seen;
	bool has_one;
	/* The group and version of the document, in which deletions and watches are, too. */
	const char *group, *version;
};

void openapi_types_init(struct openapi_types *t, struct str *out, const char *group,
			const char *version);
void openapi_types_fini(struct openapi_types *t);
void openapi_add_type(struct openapi_types *t, const struct schema_type *type);
/* By name in our tables ("apis.meta.v1.Status"), or in full where no table has it. */
void openapi_add_named(struct openapi_types *t, const char *name);

/* True where others than f->enum_values are listed: as JSON, or NULL for none. */
bool openapi_listed_values(const struct schema_type *owner, const struct schema_field *f,
			   const char **ret_values);

/* What was rendered, as a tree. */
json_t *openapi_tree(struct span value);

/* A name of a schema, in full, as types of the tables have and no custom kind outside k8s.io. */
bool openapi_is_built_in(const char *name);
/* The schema, by its full name, of a body that each group has as a kind of its own. */
bool openapi_is_everywhere(const char *name);

/* The names of all documents, in the order of the index. */
typedef void openapi_visit(void *ctx, const char *name);
void openapi_v3_names(const struct kinds *kinds, bool has_keys, openapi_visit *visit, void *ctx);

void openapi_add_member(struct str *out, const char *name, const char *value);

/* "PolicyV1" for names of operations, "policy_v1" for tags; without a version: "Policy". */
void openapi_group_name(const char *group, const char *version, struct str *out);
void openapi_tag(const char *group, const char *version, struct str *out);

/* The members of "paths" for one kind; `has_one`: there is one before it. */
void openapi_add_paths(const struct schema_kind *k, bool has_one, struct str *out);
/* A path that answers one GET with a type, or with text where it is NULL. */
void openapi_add_plain_path(const char *path, const char *tag, const char *operation,
			    const char *words, const char *type, const char *content_type,
			    struct str *out);
