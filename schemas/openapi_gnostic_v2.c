/* Version 2. */
#include "common/base/jsonx.h"
#include "schemas/openapi_gnostic_internal.h"

static bool is_in(const json_t *value, const char *place)
{
	return streq(json_str_or(value, "in", ""), place);
}

static bool is_body(const json_t *value)
{
	return is_in(value, "body");
}

static bool is_no_body(const json_t *value)
{
	return !is_body(value);
}

static bool is_query(const json_t *value)
{
	return is_in(value, "query");
}

static bool is_path(const json_t *value)
{
	return is_in(value, "path");
}

static const struct gnostic_field info[] = {
	{ TEXT("title", 1) },
	{ TEXT("version", 2) },
	{ 0 },
};

static const struct gnostic_field type_item[] = {
	{ TEXTS("", 1) },
	{ 0 },
};

static const struct gnostic_field schema_item[] = {
	{ WHOLE(1, gnostic_v2_schema, gnostic_is_object) },
	{ 0 },
};

static const struct gnostic_field schema_or_boolean[] = {
	{ WHOLE(1, gnostic_v2_schema, gnostic_is_object) },
	{ WHOLE_PLAIN(2, GNOSTIC_FLAG, gnostic_is_flag) },
	{ 0 },
};

const struct gnostic_field gnostic_v2_schema[] = {
	{ TEXT("$ref", 1) },
	{ TEXT("format", 2) },
	{ TEXT("title", 3) },
	{ TEXT("description", 4) },
	{ ANY("default", 5) },
	{ NUMBER("multipleOf", 6) },
	{ NUMBER("maximum", 7) },
	{ FLAG("exclusiveMaximum", 8) },
	{ NUMBER("minimum", 9) },
	{ FLAG("exclusiveMinimum", 10) },
	{ COUNT("maxLength", 11) },
	{ COUNT("minLength", 12) },
	{ TEXT("pattern", 13) },
	{ COUNT("maxItems", 14) },
	{ COUNT("minItems", 15) },
	{ FLAG("uniqueItems", 16) },
	{ COUNT("maxProperties", 17) },
	{ COUNT("minProperties", 18) },
	{ TEXTS("required", 19) },
	{ ANYS("enum", 20) },
	{ MESSAGE("additionalProperties", 21, schema_or_boolean) },
	{ MESSAGE("type", 22, type_item) },
	{ MESSAGE("items", 23, schema_item) },
	{ MAP("properties", 25, gnostic_v2_schema) },
	{ MESSAGE("externalDocs", 29, gnostic_external_docs) },
	{ ANY("example", 30) },
	{ EXTENSIONS(31) },
	{ 0 },
};

static const struct gnostic_field query[] = {
	{ FLAG("required", 1) },
	{ TEXT("in", 2) },
	{ TEXT("description", 3) },
	{ TEXT("name", 4) },
	{ TEXT("type", 6) },
	{ FLAG("uniqueItems", 20) },
	{ 0 },
};

static const struct gnostic_field path[] = {
	{ FLAG("required", 1) },
	{ TEXT("in", 2) },
	{ TEXT("description", 3) },
	{ TEXT("name", 4) },
	{ TEXT("type", 5) },
	{ FLAG("uniqueItems", 19) },
	{ 0 },
};

static const struct gnostic_field non_body[] = {
	{ WHOLE(3, query, is_query) },
	{ WHOLE(4, path, is_path) },
	{ 0 },
};

static const struct gnostic_field body[] = {
	{ TEXT("description", 1) },
	{ TEXT("name", 2) },
	{ TEXT("in", 3) },
	{ FLAG("required", 4) },
	{ MESSAGE("schema", 5, gnostic_v2_schema) },
	{ 0 },
};

static const struct gnostic_field parameter[] = {
	{ WHOLE(1, body, is_body) },
	{ WHOLE(2, non_body, is_no_body) },
	{ 0 },
};

static const struct gnostic_field parameters_item[] = {
	{ WHOLE(1, parameter, gnostic_is_no_reference) },
	{ WHOLE(2, gnostic_reference, gnostic_is_reference) },
	{ 0 },
};

static const struct gnostic_field response[] = {
	{ TEXT("description", 1) },
	{ MESSAGE("schema", 2, schema_item) },
	{ 0 },
};

static const struct gnostic_field response_value[] = {
	{ WHOLE(1, response, gnostic_is_object) },
	{ 0 },
};

static const struct gnostic_field operation[] = {
	{ TEXTS("tags", 1) },
	{ TEXT("description", 3) },
	{ TEXT("operationId", 5) },
	{ TEXTS("produces", 6) },
	{ TEXTS("consumes", 7) },
	{ MESSAGES("parameters", 8, parameters_item) },
	{ MAP("responses", 9, response_value) },
	{ TEXTS("schemes", 10) },
	{ EXTENSIONS(13) },
	{ 0 },
};

const struct gnostic_field gnostic_v2_path_item[] = {
	{ MESSAGE("get", 2, operation) },
	{ MESSAGE("put", 3, operation) },
	{ MESSAGE("post", 4, operation) },
	{ MESSAGE("delete", 5, operation) },
	{ MESSAGE("options", 6, operation) },
	{ MESSAGE("head", 7, operation) },
	{ MESSAGE("patch", 8, operation) },
	{ MESSAGES("parameters", 9, parameters_item) },
	{ 0 },
};

static const struct gnostic_field strings[] = {
	{ TEXTS("", 1) },
	{ 0 },
};

static const struct gnostic_field security_requirement[] = {
	{ NAMED("", 1, strings) },
	{ 0 },
};

static const struct gnostic_field api_key[] = {
	{ TEXT("type", 1) },
	{ TEXT("name", 2) },
	{ TEXT("in", 3) },
	{ TEXT("description", 4) },
	{ 0 },
};

static const struct gnostic_field security_item[] = {
	{ WHOLE(2, api_key, gnostic_is_object) },
	{ 0 },
};

const struct gnostic_field gnostic_v2_document[] = {
	{ TEXT("swagger", 1) },
	{ MESSAGE("info", 2, info) },
	{ MAP("parameters", 10, parameter) },
	{ MESSAGES("security", 12, security_requirement) },
	{ MAP("securityDefinitions", 13, security_item) },
	{ 0 },
};
