#include "schemas/openapi_gnostic.h"

#include "common/base/jsonx.h"
#include "schemas/openapi_gnostic_internal.h"
#include "schemas/wire.h"

#define PART_SIZE_MAX (64u << 20)
#define DEPTH_MAX     2048 /* of messages; a schema in another is up to four deeper */

enum { NAMED_NAME = 1, NAMED_VALUE = 2, ANY_YAML = 2 };

const struct gnostic_field gnostic_reference[] = {
	{ TEXT("$ref", 1) },
	{ 0 },
};

const struct gnostic_field gnostic_external_docs[] = {
	{ TEXT("description", 1) },
	{ TEXT("url", 2) },
	{ 0 },
};

bool gnostic_is_object(const json_t *value)
{
	return json_is_object(value);
}

bool gnostic_is_text(const json_t *value)
{
	return json_is_string(value);
}

bool gnostic_is_number(const json_t *value)
{
	return json_is_number(value);
}

bool gnostic_is_flag(const json_t *value)
{
	return json_is_boolean(value);
}

bool gnostic_is_reference(const json_t *value)
{
	return json_object_get(value, "$ref") != NULL;
}

bool gnostic_is_no_reference(const json_t *value)
{
	return json_is_object(value) && !gnostic_is_reference(value);
}

static void add_message(struct str *out, const struct gnostic_field *message, const json_t *value,
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

static void add_inside(struct str *out, uint32_t number, const struct gnostic_field *message,
		       const json_t *value, size_t depth)
{
	AUTO_STR inside;
	str_init(&inside, PART_SIZE_MAX);
	add_message(&inside, message, value, depth + 1);
	wire_add_bytes(out, number, inside.data, inside.len);
}

static void add_named(struct str *out, uint32_t number, const char *name,
		      const struct gnostic_field *message, const json_t *value, size_t depth)
{
	AUTO_STR one;
	str_init(&one, PART_SIZE_MAX);
	add_text(&one, NAMED_NAME, name);
	add_inside(&one, NAMED_VALUE, message, value, depth);
	wire_add_bytes(out, number, one.data, one.len);
}

static void add_all_named(struct str *out, uint32_t number, const struct gnostic_field *message,
			  const json_t *object, size_t depth)
{
	const char *name;
	json_t *value;
	json_object_foreach ((json_t *)(uintptr_t)object, name, value)
		add_named(out, number, name, message, value, depth);
}

/* What is one number or text. */
static void add_plain(struct str *out, const struct gnostic_field *f, const json_t *value)
{
	if (f->form == GNOSTIC_TEXT && json_is_string(value))
		add_text(out, f->number, json_string_value(value));
	else if (f->form == GNOSTIC_NUMBER)
		wire_add_double(out, f->number, json_number_value(value));
	else if (f->form == GNOSTIC_COUNT)
		wire_add_int(out, f->number, (uint64_t)json_integer_value(value));
	else if (f->form == GNOSTIC_FLAG)
		wire_add_int(out, f->number, json_is_true(value));
}

static void add_field(struct str *out, const struct gnostic_field *f, const json_t *value,
		      size_t depth)
{
	AUTO_STR inside;
	str_init(&inside, PART_SIZE_MAX);
	switch (f->form) {
	case GNOSTIC_TEXT:
	case GNOSTIC_NUMBER:
	case GNOSTIC_COUNT:
	case GNOSTIC_FLAG:
		add_plain(out, f, value);
		break;
	case GNOSTIC_TEXTS:
		add_texts(out, f->number, value);
		break;
	case GNOSTIC_ANY:
		add_any(out, f->number, value);
		break;
	case GNOSTIC_ANYS:
		for (size_t i = 0; i < json_array_size(value); i++)
			add_any(out, f->number, json_array_get(value, i));
		break;
	case GNOSTIC_MESSAGE:
		add_inside(out, f->number, f->message, value, depth);
		break;
	case GNOSTIC_MESSAGES:
		for (size_t i = 0; i < json_array_size(value); i++)
			add_inside(out, f->number, f->message, json_array_get(value, i), depth);
		break;
	case GNOSTIC_MAP:
		add_all_named(&inside, 1, f->message, value, depth + 1);
		wire_add_bytes(out, f->number, inside.data, inside.len);
		break;
	case GNOSTIC_NAMED:
		add_all_named(out, f->number, f->message, value, depth);
		break;
	case GNOSTIC_EXTENSIONS:
		add_extensions(out, f->number, value);
		break;
	}
}

static void add_message(struct str *out, const struct gnostic_field *message, const json_t *value,
			size_t depth)
{
	if (depth >= DEPTH_MAX)
		return;
	for (const struct gnostic_field *f = message; f->name; f++) {
		const json_t *member = *f->name ? json_object_get(value, f->name) : value;
		if (member && (!f->is_for || f->is_for(value)))
			add_field(out, f, member, depth);
	}
}

void gnostic_add(struct str *out, const struct gnostic_field *message, const json_t *value)
{
	add_message(out, message, value, 0);
}

void gnostic_add_named(struct str *out, uint32_t number, const char *name,
		       const struct gnostic_field *message, const json_t *value)
{
	add_named(out, number, name, message, value, 0);
}
