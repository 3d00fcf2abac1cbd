/*
 * custom.h - one version of a CustomResourceDefinition, compiled: what decoding, pruning, defaulting,
 * validation, printing, server-side apply, tables and OpenAPI do with its objects.
 *
 * A struct custom never changes after custom_compile; any number of threads may use it at once.
 * It owns the types, columns and texts that it gives: they live as long as it does. The
 * x-kubernetes-validations (CEL) of a schema are kept for publishing, and not evaluated.
 *
 * Objects of it go through the functions of schema.h: schema_decode, schema_normalize and
 * schema_print by custom_type(); schema_default, schema_validate, schema_validate_status,
 * schema_warnings and table_cells by a struct schema_kind whose `custom` is set.
 * Source: KEP-2896 and k8s.io/apiextensions-apiserver of Kubernetes 1.36.
 */
#pragma once

#include "schemas/schema.h"

struct custom;

/* `definition` is a CustomResourceDefinition, normalized and found valid, `version` one of its
 * spec.versions. ERR_INVALID: it has no such version, or the schema cannot be compiled
 * (an object that came into the store before we knew what to refuse). */
int custom_compile(const json_t *definition, const char *version, struct custom **ret,
		   struct error *err) MUST_CHECK;
void custom_free(struct custom *c);

const struct schema_type *custom_type(const struct custom *c);

/* "Name" first; then those of the version, or "Age". */
const struct schema_column *custom_columns(const struct custom *c, size_t *ret_count);
/* selectableFields as dotted paths ("spec.color"), NULL-terminated. */
const char *const *custom_field_labels(const struct custom *c);
bool custom_has_status(const struct custom *c);

/* Dotted paths ("spec.replicas"); NULL: the version has no subresource scale. */
struct custom_scale {
	const char *replicas, *status_replicas;
	const char *selector; /* or NULL: none is published */
};
const struct custom_scale *custom_scale(const struct custom *c);

/* ---- what the functions of schema.h do for custom kinds; not to be called by others ---- */
int custom_normalize(const struct custom *c, json_t *tree, struct schema_report *report,
		     struct error *err) MUST_CHECK;
void custom_print(const struct custom *c, const json_t *tree, struct str *out);
void custom_default(const struct custom *c, json_t *tree);
void custom_validate(const struct schema_kind *kind, const json_t *tree, const json_t *old,
		     struct field_errors *e);
void custom_validate_status(const struct schema_kind *kind, const json_t *tree, const json_t *old,
			    struct field_errors *e);
void custom_warnings(const json_t *tree, const json_t *old, struct schema_report *ret);
json_t *custom_cells(const struct custom *c, const json_t *tree, int64_t now_us);
/* The struct custom that a type, which is_custom, is the root of. */
const struct custom *custom_of(const struct schema_type *type);
