/*
 * warning.h - the parts of schema_warnings: what is allowed, but old or hardly meant. Pure.
 */
#pragma once

#include "schemas/path.h"
#include "schemas/schema.h"

/* Of a pod or a template: `pod` has metadata and spec, and stands at `at` (NULL: it is the object). */
void warn_pod(const json_t *pod, const struct path *at, struct schema_report *ret);
/* Of a volume of a pod: files that hide each other. */
void warn_files(const json_t *volume, struct schema_report *ret);
/* Of a CustomResourceDefinition. */
void warn_definition(const json_t *tree, struct schema_report *ret);
/* '…; use "…" instead' for a node label that has a newer name; NULL: it has none. */
const char *warn_old_label(const char *name);
void warn_fraction(const json_t *resources, const char *name, const struct path *at,
		   struct schema_report *ret);
void warn_node_term(const json_t *term, const struct path *at, struct schema_report *ret);
void warn_at(struct schema_report *ret, const struct path *at, const char *words, ...)
	PRINTF_LIKE(3, 4);
