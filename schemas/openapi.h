/*
 * openapi.h - what the OpenAPI renderings share. Pure.
 */
#pragma once

#include "schemas/discovery.h"

#define OPENAPI_VERSION "v1.36.3"

/* "io.k8s.api.apps.v1.Deployment" */
void openapi_type_name(const struct schema_type *type, struct str *out);
/* "/apis/apps/v1/namespaces/{namespace}/deployments", of one object "…/{name}". */
void openapi_path(const struct schema_kind *k, bool of_object, struct str *out);
