/*
 * A definition of OpenAPI v2 as protobuf: gnostic's openapi.v2.Schema, whose field numbers stand
 * here.
 */
#include "common/base/jsonx.h"
#include "schemas/openapi.h"
#include "schemas/wire.h"

#define PART_SIZE_MAX (4u << 20)
#define DEPTH_MAX     512

enum { NAMED_NAME = 1, NAMED_VALUE = 2, ANY_YAML = 2 };
enum {
	SCHEMA_REQUIRED = 19,
	SCHEMA_ENUM = 20,
	SCHEMA_REST = 21,
	SCHEMA_TYPE = 22,
	SCHEMA_ITEMS = 23,
	SCHEMA_PROPERTIES = 25,
	SCHEMA_EXTENSION = 31,
};

enum kind { TEXT, NUMBER, COUNT, FLAG, ANY };

static const struct {
	const char *name;
	uint32_t number;
	enum kind kind;
} plain[] = {
	{ "$ref", 1, TEXT },
	{ "format", 2, TEXT },
	{ "title", 3, TEXT },
	{ "description", 4, TEXT },
	{ "default", 5, ANY },
	{ "multipleOf", 6, NUMBER },
	{ "maximum", 7, NUMBER },
	{ "exclusiveMaximum", 8, FLAG },
	{ "minimum", 9, NUMBER },
	{ "exclusiveMinimum", 10, FLAG },
	{ "maxLength", 11, COUNT },
	{ "minLength", 12, COUNT },
	{ "pattern", 13, TEXT },
	{ "maxItems", 14, COUNT },
	{ "minItems", 15, COUNT },
	{ "uniqueItems", 16, FLAG },
	{ "maxProperties", 17, COUNT },
	{ "minProperties", 18, COUNT },
	{ "example", 30, ANY },
};

static void add_text(struct str *out, uint32_t number, const char *text)
{
	wire_add_bytes(out, number, text, strlen(text));
}

/* JSON is YAML. */
static void add_any(struct str *out, uint32_t number, const json_t *value)
{
	AUTO_STR text, any;
	str_init(&text, PART_SIZE_MAX);
	str_init(&any, PART_SIZE_MAX);
	json_print_sorted(value, &text);
	str_add_char(&text, '\n');
	wire_add_bytes(&any, ANY_YAML, text.data, text.len);
	wire_add_bytes(out, number, any.data, any.len);
}

static void add_plain(struct str *out, const json_t *schema)
{
	for (size_t i = 0; i < ARRAY_LEN(plain); i++) {
		const json_t *value = json_object_get(schema, plain[i].name);
		if (!value)
			continue;
		switch (plain[i].kind) {
		case TEXT:
			if (json_is_string(value))
				add_text(out, plain[i].number, json_string_value(value));
			break;
		case NUMBER:
			wire_add_double(out, plain[i].number, json_number_value(value));
			break;
		case COUNT:
			wire_add_int(out, plain[i].number, (uint64_t)json_integer_value(value));
			break;
		case FLAG:
			wire_add_int(out, plain[i].number, json_is_true(value));
			break;
		case ANY:
			add_any(out, plain[i].number, value);
			break;
		}
	}
}

static void add_schema(struct str *out, const json_t *schema, size_t depth);

static void add_properties(struct str *out, const json_t *members, size_t depth)
{
	AUTO_STR all;
	const char *name;
	json_t *member;
	str_init(&all, PART_SIZE_MAX);
	json_object_foreach ((json_t *)(uintptr_t)members, name, member) {
		AUTO_STR one, inside;
		str_init(&one, PART_SIZE_MAX);
		str_init(&inside, PART_SIZE_MAX);
		add_schema(&inside, member, depth + 1);
		add_text(&one, NAMED_NAME, name);
		wire_add_bytes(&one, NAMED_VALUE, inside.data, inside.len);
		wire_add_bytes(&all, 1, one.data, one.len);
	}
	if (all.len)
		wire_add_bytes(out, SCHEMA_PROPERTIES, all.data, all.len);
}

/* Of items and of other members: a schema in a message; `boolean` is its field for true and
 * false, or 0. */
static void add_inner(struct str *out, uint32_t number, const json_t *schema, uint32_t boolean,
		      size_t depth)
{
	AUTO_STR inside, item;
	str_init(&inside, PART_SIZE_MAX);
	str_init(&item, PART_SIZE_MAX);
	if (!schema)
		return;
	if (json_is_object(schema)) {
		add_schema(&inside, schema, depth + 1);
		wire_add_bytes(&item, 1, inside.data, inside.len);
	} else if (boolean) {
		wire_add_int(&item, boolean, json_is_true(schema));
	}
	wire_add_bytes(out, number, item.data, item.len);
}

static void add_extensions(struct str *out, const json_t *schema)
{
	const char *name;
	json_t *value;
	json_object_foreach ((json_t *)(uintptr_t)schema, name, value) {
		AUTO_STR one;
		str_init(&one, PART_SIZE_MAX);
		if (!starts_with(name, "x-"))
			continue;
		add_text(&one, NAMED_NAME, name);
		add_any(&one, NAMED_VALUE, value);
		wire_add_bytes(out, SCHEMA_EXTENSION, one.data, one.len);
	}
}

static void add_schema(struct str *out, const json_t *schema, size_t depth)
{
	const json_t *required = json_object_get(schema, "required");
	const json_t *enums = json_object_get(schema, "enum");
	const char *type = json_string_value(json_object_get(schema, "type"));
	if (depth == DEPTH_MAX)
		return;
	add_plain(out, schema);
	for (size_t i = 0; i < json_array_size(required); i++)
		add_text(out, SCHEMA_REQUIRED, json_string_value(json_array_get(required, i)));
	for (size_t i = 0; i < json_array_size(enums); i++)
		add_any(out, SCHEMA_ENUM, json_array_get(enums, i));
	add_inner(out, SCHEMA_REST, json_object_get(schema, "additionalProperties"), 2, depth);
	if (type) {
		AUTO_STR item;
		str_init(&item, PART_SIZE_MAX);
		add_text(&item, 1, type);
		wire_add_bytes(out, SCHEMA_TYPE, item.data, item.len);
	}
	add_inner(out, SCHEMA_ITEMS, json_object_get(schema, "items"), 0, depth);
	add_properties(out, json_object_get(schema, "properties"), depth);
	add_extensions(out, schema);
}

void openapi_v2_add_definition(struct str *out, const char *name, const json_t *schema)
{
	AUTO_STR one, inside;
	str_init(&one, PART_SIZE_MAX);
	str_init(&inside, PART_SIZE_MAX);
	add_schema(&inside, schema, 0);
	add_text(&one, NAMED_NAME, name);
	wire_add_bytes(&one, NAMED_VALUE, inside.data, inside.len);
	wire_add_bytes(out, 1, one.data, one.len);
}
