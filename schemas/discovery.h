/*
 * discovery.h - what a server says that it serves: discovery and OpenAPI documents. Pure.
 */
#pragma once

#include "schemas/kinds.h"

/* Discovery documents, JSON text. */
void discovery_api_versions(struct str *out);                          /* /api */
void discovery_group_list(const struct kinds *kinds, struct str *out); /* /apis */
/* /apis/G */
bool discovery_group(const struct kinds *kinds, const char *group, struct str *out);
/* /api/v1, /apis/G/V */
bool discovery_resources(const struct kinds *kinds, const char *group, const char *version,
			 struct str *out);
/* apidiscovery.k8s.io/v2 APIGroupDiscoveryList */
void discovery_aggregated(const struct kinds *kinds, bool is_core, struct str *out);

/* The documents that there are, with the hash of each; `has_keys`: tokens are signed here, whose
 * keys and issuer can be asked for. */
void openapi_v3_index(const struct kinds *kinds, bool has_keys, struct str *out);
bool openapi_v3_document(const struct kinds *kinds, const char *group, const char *version,
			 struct str *out);
/* The same by its name in the index, and all others: "api", "apis/apps", "apis/apps/v1", "version" … */
bool openapi_v3_named(const struct kinds *kinds, const char *name, struct str *out);
/* One of these as gnostic's openapi.v3.Document. */
void openapi_v3_protobuf(const struct str *document, struct str *out);
/* Version 2, with all of that in one document of some megabytes: for a worker. Too much for `out`
 * where it does not fit. */
void openapi_v2_json(const struct kinds *kinds, bool has_keys, struct str *out);
/* Asked for as application/com.github.proto-openapi.spec.v2@v1.0+protobuf; the answer's type is
 * "application/com.github.proto-openapi.spec.v2.v1.0+protobuf", for Go refuses to parse an @. */
void openapi_v2_protobuf(const struct kinds *kinds, bool has_keys, struct str *out);
