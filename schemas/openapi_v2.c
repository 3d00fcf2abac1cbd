/*
 * OpenAPI v2, with definitions of custom kinds only: old clients read from it which kinds take
 * dryRun, and explain and check what is custom; the protobuf form is gnostic's
 * openapi.v2.Document, whose field numbers stand here.
 */
#include "common/base/jsonx.h"
#include "schemas/openapi.h"
#include "schemas/wire.h"

#define PART_SIZE_MAX        (4u << 20)
#define DEFINITIONS_SIZE_MAX (16u << 20)

enum { DOCUMENT_SWAGGER = 1, DOCUMENT_INFO = 2, DOCUMENT_PATHS = 8, DOCUMENT_DEFINITIONS = 9 };
enum { INFO_TITLE = 1, INFO_VERSION = 2 };
enum { PATHS_PATH = 2, NAMED_NAME = 1, NAMED_VALUE = 2 };
enum { ITEM_PATCH = 8 };
enum { OPERATION_PARAMETERS = 8, OPERATION_EXTENSION = 13 };
enum { PARAMETER_ITEM = 1, PARAMETER_NON_BODY = 2, NON_BODY_QUERY = 3 };
enum { QUERY_IN = 2, QUERY_NAME = 4, QUERY_TYPE = 6 };
enum { ANY_YAML = 2 };

static const char *const patch_parameters[] = { "dryRun", "fieldManager", "fieldValidation",
						"force" };

/* References are written otherwise than in version 3, and stand alone. */
static void rewrite_references(json_t *value)
{
	static const char from[] = "#/components/schemas/";
	const char *name;
	json_t *below;
	size_t i;
	json_t *all = json_object_get(value, "allOf");
	const json_t *holder = all ? json_array_get(all, 0) : value;
	const char *to = json_string_value(json_object_get(holder, "$ref"));
	if (to && starts_with(to, from)) {
		auto_free char *made = xasprintf("#/definitions/%s", to + strlen(from));
		json_object_del(value, "allOf");
		json_object_del(value, "default");
		json_object_set_new(value, "$ref", json_string(made));
	}
	json_object_foreach (value, name, below)
		rewrite_references(below);
	json_array_foreach (value, i, below)
		rewrite_references(below);
}

/* Version 2 has them for custom kinds only. */
static void drop_defaults(json_t *value)
{
	const char *name;
	json_t *below;
	json_object_foreach (value, name, below) {
		json_object_del(below, "default");
		drop_defaults(below);
	}
}

static void drop_built_in_defaults(json_t *definitions)
{
	const char *name;
	json_t *one;
	json_object_foreach (definitions, name, one)
		if (starts_with(name, "io.k8s.apimachinery."))
			drop_defaults(one);
}

/* Of custom kinds alone: built-in ones are described in version 3. NULL: there are none. */
static json_t *make_definitions(const struct kinds *kinds)
{
	AUTO_STR text;
	struct error ignored;
	bool has_one = false;
	json_t *made = NULL;
	str_init(&text, DEFINITIONS_SIZE_MAX);
	str_add_char(&text, '{');
	openapi_meta_types(&text);
	for (size_t i = 0; i < kinds_count(kinds); i++) {
		const struct schema_kind *k = kinds_at(kinds, i);
		if (!k->custom)
			continue;
		has_one = true;
		str_add_char(&text, ',');
		openapi_custom(k, true, &text);
	}
	str_add_char(&text, '}');
	if (!has_one || !str_ok(&text) || json_parse(text.data, text.len, &made, &ignored) < 0)
		return NULL;
	rewrite_references(made);
	drop_built_in_defaults(made);
	return made;
}

void openapi_v2_json(const struct kinds *kinds, struct str *out)
{
	str_add(out,
		"{\"swagger\":\"2.0\",\"info\":{\"title\":\"Kubernetes\",\"version\":\"" OPENAPI_VERSION
		"\"},\"paths\":{");
	for (size_t i = 0; i < kinds_count(kinds); i++) {
		const struct schema_kind *k = kinds_at(kinds, i);
		str_add(out, i ? ",\"" : "\"");
		openapi_path(k, true, out);
		str_addf(out,
			 "\":{\"patch\":{\"x-kubernetes-group-version-kind\":{\"group\":\"%s\","
			 "\"version\":\"%s\",\"kind\":\"%s\"},\"parameters\":[",
			 k->group, k->version, k->kind);
		for (size_t p = 0; p < ARRAY_LEN(patch_parameters); p++)
			str_addf(out, "%s{\"name\":\"%s\",\"in\":\"query\",\"type\":\"string\"}",
				 p ? "," : "", patch_parameters[p]);
		str_add(out, "],\"responses\":{\"200\":{\"description\":\"OK\"}}}}");
	}
	AUTO_JSON *definitions = make_definitions(kinds);
	str_add(out, "},\"definitions\":");
	if (definitions)
		json_print(definitions, out);
	else
		str_add(out, "{}");
	str_add_char(out, '}');
}

static void add_text(struct str *out, uint32_t number, const char *text)
{
	wire_add_bytes(out, number, text, strlen(text));
}

/* A message inside a message; empties `inside`. */
static void add_inside(struct str *out, uint32_t number, struct str *inside)
{
	wire_add_bytes(out, number, inside->data, inside->len);
	str_clear(inside);
}

static void add_parameter(struct str *operation, const char *name)
{
	AUTO_STR a, b;
	str_init(&a, PART_SIZE_MAX);
	str_init(&b, PART_SIZE_MAX);
	add_text(&a, QUERY_IN, "query");
	add_text(&a, QUERY_NAME, name);
	add_text(&a, QUERY_TYPE, "string");
	add_inside(&b, NON_BODY_QUERY, &a);
	add_inside(&a, PARAMETER_NON_BODY, &b);
	add_inside(&b, PARAMETER_ITEM, &a);
	add_inside(operation, OPERATION_PARAMETERS, &b);
}

static void add_path(struct str *paths, const struct schema_kind *k)
{
	AUTO_STR operation, a, b;
	str_init(&operation, PART_SIZE_MAX);
	str_init(&a, PART_SIZE_MAX);
	str_init(&b, PART_SIZE_MAX);
	for (size_t i = 0; i < ARRAY_LEN(patch_parameters); i++)
		add_parameter(&operation, patch_parameters[i]);
	str_addf(&a, "group: \"%s\"\nkind: %s\nversion: %s\n", k->group, k->kind, k->version);
	add_inside(&b, ANY_YAML, &a);
	add_text(&a, NAMED_NAME, "x-kubernetes-group-version-kind");
	add_inside(&a, NAMED_VALUE, &b);
	add_inside(&operation, OPERATION_EXTENSION, &a);
	add_inside(&a, ITEM_PATCH, &operation);
	AUTO_STR path;
	str_init(&path, 1024);
	openapi_path(k, true, &path);
	add_text(&b, NAMED_NAME, path.data);
	add_inside(&b, NAMED_VALUE, &a);
	add_inside(paths, PATHS_PATH, &b);
}

void openapi_v2_protobuf(const struct kinds *kinds, struct str *out)
{
	AUTO_STR info, paths;
	str_init(&info, PART_SIZE_MAX);
	str_init(&paths, PART_SIZE_MAX);
	add_text(out, DOCUMENT_SWAGGER, "2.0");
	add_text(&info, INFO_TITLE, "Kubernetes");
	add_text(&info, INFO_VERSION, OPENAPI_VERSION);
	add_inside(out, DOCUMENT_INFO, &info);
	for (size_t i = 0; i < kinds_count(kinds); i++)
		add_path(&paths, kinds_at(kinds, i));
	add_inside(out, DOCUMENT_PATHS, &paths);
	AUTO_JSON *definitions = make_definitions(kinds);
	AUTO_STR all;
	const char *name;
	json_t *one;
	str_init(&all, DEFINITIONS_SIZE_MAX);
	json_object_foreach (definitions, name, one)
		openapi_v2_add_definition(&all, name, one);
	if (all.len)
		add_inside(out, DOCUMENT_DEFINITIONS, &all);
}
