/*
 * openapi.h - what the OpenAPI renderings share. Pure.
 */
#pragma once

#include "schemas/discovery.h"

#define OPENAPI_MINOR "1.36"

/* "io.k8s.api.apps.v1.Deployment" */
void openapi_type_name(const struct schema_type *type, struct str *out);
/* The same of a kind: "com.example.v1.Thing" of a custom one. */
void openapi_kind_name(const struct schema_kind *k, struct str *out);
/* The members of "schemas" (v3) or "definitions" (v2) for a custom kind: itself and its list. */
void openapi_custom(const struct schema_kind *k, bool is_v2, struct str *out);
