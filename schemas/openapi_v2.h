/*
 * openapi_v2.h - version 2 is made of version 3, path by path and schema by schema. Pure.
 */
#pragma once

#include <jansson.h>

/* A built-in type's schema, in place. */
void openapi_v2_schema(json_t *schema);
/* What is said of a path, whose schemas are changed on the way. Parameters that many operations take
 * go into `shared`, by the names that refer to them. The caller's. */
json_t *openapi_v2_path(const json_t *item, json_t *shared);
