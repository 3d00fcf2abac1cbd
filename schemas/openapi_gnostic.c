#include "schemas/openapi_gnostic.h"

#include "common/base/jsonx.h"
#include "schemas/wire.h"

#define PART_SIZE_MAX (64u << 20)
#define DEPTH_MAX     1024 /* of messages: of schemas half as many */

enum { NAMED_NAME = 1, NAMED_VALUE = 2, ANY_YAML = 2 };

/* How a member of the JSON becomes a field. */
enum form {
	TEXT,
	TEXTS, /* a text, or a list of them */
	NUMBER,
	COUNT,
	FLAG,
	ANY, /* as YAML */
	ANYS,
	MESSAGE,
	MESSAGES,   /* a list */
	NAMED,      /* an object: a message of named messages, which are its field 1 */
	EXTENSIONS, /* not one member, but all that begin with "x-" */
	/* What stands for the whole value: */
	WHOLE,         /* the same value as another message */
	WHOLE_TEXTS,   /* a text, or a list of them */
	WHOLE_BOOLEAN, /* true or false, where it is no object */
	WHOLE_NAMED,   /* an object: named messages, without one around them */
};

struct field {
	const char *name;
	uint32_t number;
	enum form form;
	enum gnostic_message message;
	bool (*is_for)(const json_t *value); /* NULL: for all */
};

static bool is_reference(const json_t *value)
{
	return json_object_get(value, "$ref") != NULL;
}

static bool is_no_reference(const json_t *value)
{
	return !is_reference(value);
}

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

#define FIELDS_MAX 28

static const struct field messages[GNOSTIC_MESSAGE_COUNT][FIELDS_MAX] = {
	[GNOSTIC_DOCUMENT] = { { "swagger", 1, TEXT, 0, NULL },
			       { "info", 2, MESSAGE, GNOSTIC_INFO, NULL },
			       { "parameters", 10, NAMED, GNOSTIC_PARAMETER, NULL },
			       { "security", 12, MESSAGES, GNOSTIC_SECURITY_REQUIREMENT, NULL },
			       { "securityDefinitions", 13, NAMED, GNOSTIC_SECURITY_ITEM, NULL } },
	[GNOSTIC_INFO] = { { "title", 1, TEXT, 0, NULL }, { "version", 2, TEXT, 0, NULL } },
	[GNOSTIC_PATH_ITEM] = { { "get", 2, MESSAGE, GNOSTIC_OPERATION, NULL },
				{ "put", 3, MESSAGE, GNOSTIC_OPERATION, NULL },
				{ "post", 4, MESSAGE, GNOSTIC_OPERATION, NULL },
				{ "delete", 5, MESSAGE, GNOSTIC_OPERATION, NULL },
				{ "options", 6, MESSAGE, GNOSTIC_OPERATION, NULL },
				{ "head", 7, MESSAGE, GNOSTIC_OPERATION, NULL },
				{ "patch", 8, MESSAGE, GNOSTIC_OPERATION, NULL },
				{ "parameters", 9, MESSAGES, GNOSTIC_PARAMETERS_ITEM, NULL } },
	[GNOSTIC_OPERATION] = { { "tags", 1, TEXTS, 0, NULL },
				{ "description", 3, TEXT, 0, NULL },
				{ "operationId", 5, TEXT, 0, NULL },
				{ "produces", 6, TEXTS, 0, NULL },
				{ "consumes", 7, TEXTS, 0, NULL },
				{ "parameters", 8, MESSAGES, GNOSTIC_PARAMETERS_ITEM, NULL },
				{ "responses", 9, NAMED, GNOSTIC_RESPONSE_VALUE, NULL },
				{ "schemes", 10, TEXTS, 0, NULL },
				{ "", 13, EXTENSIONS, 0, NULL } },
	[GNOSTIC_PARAMETERS_ITEM] = { { "", 1, WHOLE, GNOSTIC_PARAMETER, is_no_reference },
				      { "", 2, WHOLE, GNOSTIC_REFERENCE, is_reference } },
	[GNOSTIC_REFERENCE] = { { "$ref", 1, TEXT, 0, NULL } },
	[GNOSTIC_PARAMETER] = { { "", 1, WHOLE, GNOSTIC_BODY, is_body },
				{ "", 2, WHOLE, GNOSTIC_NON_BODY, is_no_body } },
	[GNOSTIC_NON_BODY] = { { "", 3, WHOLE, GNOSTIC_QUERY, is_query },
			       { "", 4, WHOLE, GNOSTIC_PATH, is_path } },
	[GNOSTIC_BODY] = { { "description", 1, TEXT, 0, NULL },
			   { "name", 2, TEXT, 0, NULL },
			   { "in", 3, TEXT, 0, NULL },
			   { "required", 4, FLAG, 0, NULL },
			   { "schema", 5, MESSAGE, GNOSTIC_SCHEMA, NULL } },
	[GNOSTIC_QUERY] = { { "required", 1, FLAG, 0, NULL },
			    { "in", 2, TEXT, 0, NULL },
			    { "description", 3, TEXT, 0, NULL },
			    { "name", 4, TEXT, 0, NULL },
			    { "type", 6, TEXT, 0, NULL },
			    { "uniqueItems", 20, FLAG, 0, NULL } },
	[GNOSTIC_PATH] = { { "required", 1, FLAG, 0, NULL },
			   { "in", 2, TEXT, 0, NULL },
			   { "description", 3, TEXT, 0, NULL },
			   { "name", 4, TEXT, 0, NULL },
			   { "type", 5, TEXT, 0, NULL },
			   { "uniqueItems", 19, FLAG, 0, NULL } },
	[GNOSTIC_RESPONSE_VALUE] = { { "", 1, WHOLE, GNOSTIC_RESPONSE, NULL } },
	[GNOSTIC_RESPONSE] = { { "description", 1, TEXT, 0, NULL },
			       { "schema", 2, MESSAGE, GNOSTIC_SCHEMA_ITEM, NULL } },
	[GNOSTIC_SCHEMA_ITEM] = { { "", 1, WHOLE, GNOSTIC_SCHEMA, NULL } },
	[GNOSTIC_SCHEMA_OR_BOOLEAN] = { { "", 1, WHOLE, GNOSTIC_SCHEMA, NULL },
					{ "", 2, WHOLE_BOOLEAN, 0, NULL } },
	[GNOSTIC_TYPE_ITEM] = { { "", 1, WHOLE_TEXTS, 0, NULL } },
	[GNOSTIC_EXTERNAL_DOCS] = { { "description", 1, TEXT, 0, NULL },
				    { "url", 2, TEXT, 0, NULL } },
	[GNOSTIC_SECURITY_REQUIREMENT] = { { "", 1, WHOLE_NAMED, GNOSTIC_STRINGS, NULL } },
	[GNOSTIC_STRINGS] = { { "", 1, WHOLE_TEXTS, 0, NULL } },
	[GNOSTIC_SECURITY_ITEM] = { { "", 2, WHOLE, GNOSTIC_API_KEY, NULL } },
	[GNOSTIC_API_KEY] = { { "type", 1, TEXT, 0, NULL },
			      { "name", 2, TEXT, 0, NULL },
			      { "in", 3, TEXT, 0, NULL },
			      { "description", 4, TEXT, 0, NULL } },
	[GNOSTIC_SCHEMA] = { { "$ref", 1, TEXT, 0, NULL },
			     { "format", 2, TEXT, 0, NULL },
			     { "title", 3, TEXT, 0, NULL },
			     { "description", 4, TEXT, 0, NULL },
			     { "default", 5, ANY, 0, NULL },
			     { "multipleOf", 6, NUMBER, 0, NULL },
			     { "maximum", 7, NUMBER, 0, NULL },
			     { "exclusiveMaximum", 8, FLAG, 0, NULL },
			     { "minimum", 9, NUMBER, 0, NULL },
			     { "exclusiveMinimum", 10, FLAG, 0, NULL },
			     { "maxLength", 11, COUNT, 0, NULL },
			     { "minLength", 12, COUNT, 0, NULL },
			     { "pattern", 13, TEXT, 0, NULL },
			     { "maxItems", 14, COUNT, 0, NULL },
			     { "minItems", 15, COUNT, 0, NULL },
			     { "uniqueItems", 16, FLAG, 0, NULL },
			     { "maxProperties", 17, COUNT, 0, NULL },
			     { "minProperties", 18, COUNT, 0, NULL },
			     { "required", 19, TEXTS, 0, NULL },
			     { "enum", 20, ANYS, 0, NULL },
			     { "additionalProperties", 21, MESSAGE, GNOSTIC_SCHEMA_OR_BOOLEAN,
			       NULL },
			     { "type", 22, MESSAGE, GNOSTIC_TYPE_ITEM, NULL },
			     { "items", 23, MESSAGE, GNOSTIC_SCHEMA_ITEM, NULL },
			     { "properties", 25, NAMED, GNOSTIC_SCHEMA, NULL },
			     { "externalDocs", 29, MESSAGE, GNOSTIC_EXTERNAL_DOCS, NULL },
			     { "example", 30, ANY, 0, NULL },
			     { "", 31, EXTENSIONS, 0, NULL } },
};

static void add_message(struct str *out, enum gnostic_message message, const json_t *value,
			size_t depth);

static void add_text(struct str *out, uint32_t number, const char *text)
{
	wire_add_bytes(out, number, text, strlen(text));
}

static void add_texts(struct str *out, uint32_t number, const json_t *value)
{
	if (json_is_string(value))
		add_text(out, number, json_string_value(value));
	for (size_t i = 0; i < json_array_size(value); i++)
		if (json_is_string(json_array_get(value, i)))
			add_text(out, number, json_string_value(json_array_get(value, i)));
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

static void add_extensions(struct str *out, uint32_t number, const json_t *object)
{
	const char *name;
	json_t *value;
	json_object_foreach ((json_t *)(uintptr_t)object, name, value) {
		AUTO_STR one;
		str_init(&one, PART_SIZE_MAX);
		if (!starts_with(name, "x-"))
			continue;
		add_text(&one, NAMED_NAME, name);
		add_any(&one, NAMED_VALUE, value);
		wire_add_bytes(out, number, one.data, one.len);
	}
}

static void add_inside(struct str *out, uint32_t number, enum gnostic_message message,
		       const json_t *value, size_t depth)
{
	AUTO_STR inside;
	str_init(&inside, PART_SIZE_MAX);
	add_message(&inside, message, value, depth + 1);
	wire_add_bytes(out, number, inside.data, inside.len);
}

static void add_named(struct str *out, uint32_t number, const char *name,
		      enum gnostic_message message, const json_t *value, size_t depth)
{
	AUTO_STR one;
	str_init(&one, PART_SIZE_MAX);
	add_text(&one, NAMED_NAME, name);
	add_inside(&one, NAMED_VALUE, message, value, depth);
	wire_add_bytes(out, number, one.data, one.len);
}

static void add_all_named(struct str *out, uint32_t number, enum gnostic_message message,
			  const json_t *object, size_t depth)
{
	const char *name;
	json_t *value;
	json_object_foreach ((json_t *)(uintptr_t)object, name, value)
		add_named(out, number, name, message, value, depth);
}

/* What is one number or text. */
static void add_plain(struct str *out, const struct field *f, const json_t *value)
{
	if (f->form == TEXT && json_is_string(value))
		add_text(out, f->number, json_string_value(value));
	else if (f->form == NUMBER)
		wire_add_double(out, f->number, json_number_value(value));
	else if (f->form == COUNT)
		wire_add_int(out, f->number, (uint64_t)json_integer_value(value));
	else if (f->form == FLAG || (f->form == WHOLE_BOOLEAN && json_is_boolean(value)))
		wire_add_int(out, f->number, json_is_true(value));
}

static void add_field(struct str *out, const struct field *f, const json_t *value, size_t depth)
{
	AUTO_STR inside;
	str_init(&inside, PART_SIZE_MAX);
	switch (f->form) {
	case TEXT:
	case NUMBER:
	case COUNT:
	case FLAG:
	case WHOLE_BOOLEAN:
		add_plain(out, f, value);
		break;
	case TEXTS:
	case WHOLE_TEXTS:
		add_texts(out, f->number, value);
		break;
	case ANY:
		add_any(out, f->number, value);
		break;
	case ANYS:
		for (size_t i = 0; i < json_array_size(value); i++)
			add_any(out, f->number, json_array_get(value, i));
		break;
	case MESSAGE:
		add_inside(out, f->number, f->message, value, depth);
		break;
	case MESSAGES:
		for (size_t i = 0; i < json_array_size(value); i++)
			add_inside(out, f->number, f->message, json_array_get(value, i), depth);
		break;
	case NAMED:
		add_all_named(&inside, 1, f->message, value, depth + 1);
		wire_add_bytes(out, f->number, inside.data, inside.len);
		break;
	case WHOLE_NAMED:
		add_all_named(out, f->number, f->message, value, depth);
		break;
	case EXTENSIONS:
		add_extensions(out, f->number, value);
		break;
	case WHOLE:
		if (json_is_object(value))
			add_inside(out, f->number, f->message, value, depth);
		break;
	}
}

static void add_message(struct str *out, enum gnostic_message message, const json_t *value,
			size_t depth)
{
	if (depth >= DEPTH_MAX)
		return;
	for (const struct field *f = messages[message]; f->name; f++) {
		const json_t *member = *f->name ? json_object_get(value, f->name) : value;
		if (member && (!f->is_for || f->is_for(value)))
			add_field(out, f, member, depth);
	}
}

void gnostic_add(struct str *out, enum gnostic_message message, const json_t *value)
{
	add_message(out, message, value, 0);
}

void gnostic_add_named(struct str *out, uint32_t number, const char *name,
		       enum gnostic_message message, const json_t *value)
{
	add_named(out, number, name, message, value, 0);
}
