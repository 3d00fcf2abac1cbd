#include "schemas/schema.h"

#include "common/base/jsonx.h"
#include "schemas/custom_internal.h"
#include "schemas/rule.h"

#include <ctype.h>
#include <stdarg.h>

#define FIELD_ERRORS_MAX 256
#define VALUE_SIZE_MAX   4096
#define DETAIL_SIZE_MAX  8192

static const struct {
	const char *reason, *text;
} kinds[FIELD_ERROR_TYPE_COUNT] = {
	[FIELD_REQUIRED] = { "FieldValueRequired", "Required value" },
	[FIELD_DUPLICATE] = { "FieldValueDuplicate", "Duplicate value" },
	[FIELD_INVALID] = { "FieldValueInvalid", "Invalid value" },
	[FIELD_NOT_SUPPORTED] = { "FieldValueNotSupported", "Unsupported value" },
	[FIELD_FORBIDDEN] = { "FieldValueForbidden", "Forbidden" },
	[FIELD_TOO_LONG] = { "FieldValueTooLong", "Too long" },
	[FIELD_TOO_MANY] = { "FieldValueTooMany", "Too many" },
	[FIELD_NOT_FOUND] = { "FieldValueNotFound", "Not found" },
	[FIELD_TYPE_INVALID] = { "FieldValueTypeInvalid", "Invalid value" },
	[FIELD_INTERNAL] = { "InternalError", "Internal error" },
};

void field_errors_fini(struct field_errors *e)
{
	for (size_t i = 0; i < e->count; i++) {
		free(e->at[i].field);
		free(e->at[i].value);
		free(e->at[i].detail);
	}
	free(e->at);
	*e = (struct field_errors){ 0 };
}

static char *value_text(const json_t *value)
{
	if (!value)
		return NULL;
	AUTO_STR text;
	str_init(&text, VALUE_SIZE_MAX);
	if (json_is_real(value))
		custom_show_real(json_real_value(value), &text);
	else
		custom_print_value(value, &text);
	if (!str_ok(&text))
		return xstrdup("\"<value omitted>\"");
	return str_take(&text);
}

static void add(struct field_errors *e, enum field_error_type type, char *take_field,
		char *take_value, const char *detail, va_list args) PRINTF_LIKE(5, 0);

static void add(struct field_errors *e, enum field_error_type type, char *take_field,
		char *take_value, const char *detail, va_list args)
{
	if (e->count == FIELD_ERRORS_MAX) {
		free(take_field);
		free(take_value);
		return;
	}
	AUTO_STR text;
	str_init(&text, DETAIL_SIZE_MAX);
	if (detail)
		str_vaddf(&text, detail, args);
	e->at = xrealloc(e->at, e->count + 1, sizeof *e->at);
	e->at[e->count++] = (struct field_error){
		.type = type,
		.field = take_field,
		.value = take_value,
		.detail = str_take(&text),
	};
}

void field_errors_add(struct field_errors *e, enum field_error_type type, const char *field,
		      const json_t *value, const char *detail, ...)
{
	va_list args;
	va_start(args, detail);
	add(e, type, xstrdup(field), value_text(value), detail, args);
	va_end(args);
}

void field_errors_move(struct field_errors *e, struct field_error *one)
{
	if (e->count == FIELD_ERRORS_MAX) {
		free(one->field);
		free(one->value);
		free(one->detail);
	} else {
		e->at = xrealloc(e->at, e->count + 1, sizeof *e->at);
		e->at[e->count++] = *one;
	}
	*one = (struct field_error){ 0 };
}

void rule_broken(struct field_errors *e, enum field_error_type type, const struct path *at,
		 const json_t *value, const char *detail, ...)
{
	va_list args;
	va_start(args, detail);
	add(e, type, path_dup(at), value_text(value), detail, args);
	va_end(args);
}

static char *typed_text(const char *type_name, const json_t *value,
			void (*print)(const struct schema_type *, const json_t *, struct str *))
{
	const struct schema_type *type = schema_type_by_name(type_name);
	AUTO_STR text;
	str_init(&text, VALUE_SIZE_MAX);
	assert(type);
	if (json_is_array(value))
		str_add_char(&text, '[');
	else
		print(type, value, &text);
	for (size_t i = 0; i < json_array_size(value); i++) {
		if (i)
			str_add_char(&text, ',');
		print(type, json_array_get(value, i), &text);
	}
	if (json_is_array(value))
		str_add_char(&text, ']');
	return str_ok(&text) ? str_take(&text) : xstrdup("\"<value omitted>\"");
}

static void print_inside(const struct schema_type *type, const json_t *tree, struct str *out);

static void print_inside_value(const struct schema_field *f, const json_t *value, struct str *out)
{
	if (!value && f->shape == SCHEMA_ONE && f->form == SCHEMA_STRING && !f->keeps_empty)
		str_add(out, "\"\"");
	else if (!value)
		str_add(out, "null");
	else if (f->form == SCHEMA_OBJECT && f->shape == SCHEMA_LIST)
		for (size_t i = 0; i < json_array_size(value); i++) {
			str_add_char(out, i ? ',' : '[');
			print_inside(f->type, json_array_get(value, i), out);
			if (i + 1 == json_array_size(value))
				str_add_char(out, ']');
		}
	else if (f->form == SCHEMA_OBJECT && f->shape == SCHEMA_ONE)
		print_inside(f->type, value, out);
	else
		custom_print_value(value, out);
}

static void print_inside(const struct schema_type *type, const json_t *tree, struct str *out)
{
	for (size_t i = 0; i < type->fields_count; i++) {
		const struct schema_field *f = &type->fields[i];
		/* Abbreviations are capitals throughout: APIVersion, SELinuxOptions. */
		size_t capitals = starts_with(f->name, "api")       ? 3
				  : starts_with(f->name, "seLinux") ? 2
								    : 1;
		str_add(out, i ? ",\"" : "{\"");
		for (size_t k = 0; k < capitals; k++)
			str_add_char(out, (char)toupper((unsigned char)f->name[k]));
		str_addf(out, "%s\":", f->name + capitals);
		print_inside_value(f, json_object_get(tree, f->name), out);
	}
	str_add_char(out, '}');
}

void rule_broken_as(struct field_errors *e, enum field_error_type type, const struct path *at,
		    const char *type_name, const json_t *value, const char *detail, ...)
{
	va_list args;
	va_start(args, detail);
	add(e, type, path_dup(at), typed_text(type_name, value, schema_print), detail, args);
	va_end(args);
}

void rule_broken_inside(struct field_errors *e, enum field_error_type type, const struct path *at,
			const char *type_name, const json_t *value, const char *detail, ...)
{
	va_list args;
	va_start(args, detail);
	add(e, type, path_dup(at), typed_text(type_name, value, print_inside), detail, args);
	va_end(args);
}

const char *field_error_reason(enum field_error_type type)
{
	return kinds[type].reason;
}

void field_error_body(const struct field_error *e, struct str *out)
{
	bool shows_value = true;
	switch (e->type) {
	case FIELD_REQUIRED:
	case FIELD_FORBIDDEN:
	case FIELD_TOO_LONG:
	case FIELD_INTERNAL:
		shows_value = false;
		break;
	case FIELD_DUPLICATE:
	case FIELD_INVALID:
	case FIELD_NOT_SUPPORTED:
	case FIELD_TOO_MANY:
	case FIELD_NOT_FOUND:
	case FIELD_TYPE_INVALID:
	case FIELD_ERROR_TYPE_COUNT:
		break;
	}
	str_add(out, kinds[e->type].text);
	if (shows_value && e->value)
		str_addf(out, ": %s", e->value);
	if (*e->detail)
		str_addf(out, ": %s", e->detail);
}

void field_error_text(const struct field_error *e, struct str *out)
{
	str_addf(out, "%s: ", e->field);
	field_error_body(e, out);
}
