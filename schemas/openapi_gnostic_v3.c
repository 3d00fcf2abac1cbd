/* Version 3. */
#include "schemas/openapi_gnostic_internal.h"

static const struct gnostic_field info[] = {
	{ TEXT("title", 1) },
	{ TEXT("version", 6) },
	{ 0 },
};

/* Others than these have no place in it. */
static const struct gnostic_field default_type[] = {
	{ WHOLE_PLAIN(1, GNOSTIC_NUMBER, gnostic_is_number) },
	{ WHOLE_PLAIN(2, GNOSTIC_FLAG, gnostic_is_flag) },
	{ WHOLE_PLAIN(3, GNOSTIC_TEXT, gnostic_is_text) },
	{ 0 },
};

static const struct gnostic_field items_item[] = {
	{ WHOLE(1, gnostic_v3_schema_or_reference, gnostic_is_object) },
	{ 0 },
};

static const struct gnostic_field schema_or_boolean[] = {
	{ WHOLE(1, gnostic_v3_schema_or_reference, gnostic_is_object) },
	{ WHOLE_PLAIN(2, GNOSTIC_FLAG, gnostic_is_flag) },
	{ 0 },
};

static const struct gnostic_field schema[] = {
	{ FLAG("nullable", 1) },
	{ MESSAGE("externalDocs", 6, gnostic_external_docs) },
	{ ANY("example", 7) },
	{ TEXT("title", 9) },
	{ NUMBER("multipleOf", 10) },
	{ NUMBER("maximum", 11) },
	{ FLAG("exclusiveMaximum", 12) },
	{ NUMBER("minimum", 13) },
	{ FLAG("exclusiveMinimum", 14) },
	{ COUNT("maxLength", 15) },
	{ COUNT("minLength", 16) },
	{ TEXT("pattern", 17) },
	{ COUNT("maxItems", 18) },
	{ COUNT("minItems", 19) },
	{ FLAG("uniqueItems", 20) },
	{ COUNT("maxProperties", 21) },
	{ COUNT("minProperties", 22) },
	{ TEXTS("required", 23) },
	{ ANYS("enum", 24) },
	{ TEXT("type", 25) },
	{ MESSAGES("allOf", 26, gnostic_v3_schema_or_reference) },
	{ MESSAGES("oneOf", 27, gnostic_v3_schema_or_reference) },
	{ MESSAGES("anyOf", 28, gnostic_v3_schema_or_reference) },
	{ MESSAGE("not", 29, schema) },
	{ MESSAGE("items", 30, items_item) },
	{ MAP("properties", 31, gnostic_v3_schema_or_reference) },
	{ MESSAGE("additionalProperties", 32, schema_or_boolean) },
	{ MESSAGE("default", 33, default_type) },
	{ TEXT("description", 34) },
	{ TEXT("format", 35) },
	{ EXTENSIONS(36) },
	{ 0 },
};

const struct gnostic_field gnostic_v3_schema_or_reference[] = {
	{ WHOLE(1, schema, gnostic_is_no_reference) },
	{ WHOLE(2, gnostic_reference, gnostic_is_reference) },
	{ 0 },
};

static const struct gnostic_field media_type[] = {
	{ MESSAGE("schema", 1, gnostic_v3_schema_or_reference) },
	{ 0 },
};

static const struct gnostic_field parameter[] = {
	{ TEXT("name", 1) },
	{ TEXT("in", 2) },
	{ TEXT("description", 3) },
	{ FLAG("required", 4) },
	{ MESSAGE("schema", 10, gnostic_v3_schema_or_reference) },
	{ 0 },
};

static const struct gnostic_field parameter_or_reference[] = {
	{ WHOLE(1, parameter, gnostic_is_no_reference) },
	{ 0 },
};

static const struct gnostic_field request_body[] = {
	{ MAP("content", 2, media_type) },
	{ FLAG("required", 3) },
	{ 0 },
};

static const struct gnostic_field request_body_or_reference[] = {
	{ WHOLE(1, request_body, gnostic_is_no_reference) },
	{ 0 },
};

static const struct gnostic_field response[] = {
	{ TEXT("description", 1) },
	{ MAP("content", 3, media_type) },
	{ 0 },
};

static const struct gnostic_field response_or_reference[] = {
	{ WHOLE(1, response, gnostic_is_no_reference) },
	{ 0 },
};

static const struct gnostic_field responses[] = {
	{ NAMED("", 2, response_or_reference) },
	{ 0 },
};

static const struct gnostic_field operation[] = {
	{ TEXTS("tags", 1) },
	{ TEXT("description", 3) },
	{ TEXT("operationId", 5) },
	{ MESSAGES("parameters", 6, parameter_or_reference) },
	{ MESSAGE("requestBody", 7, request_body_or_reference) },
	{ MESSAGE("responses", 8, responses) },
	{ EXTENSIONS(13) },
	{ 0 },
};

const struct gnostic_field gnostic_v3_path_item[] = {
	{ MESSAGE("get", 4, operation) },
	{ MESSAGE("put", 5, operation) },
	{ MESSAGE("post", 6, operation) },
	{ MESSAGE("delete", 7, operation) },
	{ MESSAGE("options", 8, operation) },
	{ MESSAGE("head", 9, operation) },
	{ MESSAGE("patch", 10, operation) },
	{ MESSAGES("parameters", 13, parameter_or_reference) },
	{ 0 },
};

static const struct gnostic_field security_scheme[] = {
	{ TEXT("type", 1) },
	{ TEXT("description", 2) },
	{ TEXT("name", 3) },
	{ TEXT("in", 4) },
	{ 0 },
};

static const struct gnostic_field security_scheme_or_reference[] = {
	{ WHOLE(1, security_scheme, gnostic_is_no_reference) },
	{ 0 },
};

const struct gnostic_field gnostic_v3_components[] = {
	{ MAP("securitySchemes", 7, security_scheme_or_reference) },
	{ 0 },
};

const struct gnostic_field gnostic_v3_document[] = {
	{ TEXT("openapi", 1) },
	{ MESSAGE("info", 2, info) },
	{ 0 },
};
