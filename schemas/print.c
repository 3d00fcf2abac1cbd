#include "schemas/print.h"

#include "common/base/jsonx.h"
#include "schemas/custom.h"
#include "schemas/members.h"

#include <stdio.h>

static void print_fields(const struct schema_type *type, const json_t *tree, struct str *out);
static void print_list(const struct schema_field *f, const json_t *list, struct str *out);

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char **sorted_keys(const json_t *object, size_t *ret_count)
{
	size_t count = json_object_size(object), n = 0;
	const char **keys = xcalloc(count + 1, sizeof *keys);
	const char *key;
	json_t *value;
	json_object_foreach ((json_t *)(uintptr_t)object, key, value)
		keys[n++] = key;
	qsort(keys, n, sizeof *keys, by_text);
	*ret_count = n;
	return keys;
}

bool is_empty_value(const struct schema_field *f, const json_t *value)
{
	if (!value || json_is_null(value))
		return true;
	if (f->shape == SCHEMA_LIST)
		return json_array_size(value) == 0;
	if (f->shape == SCHEMA_MAP)
		return json_object_size(value) == 0;
	switch (json_typeof(value)) {
	case JSON_STRING:
		return json_string_length(value) == 0;
	case JSON_INTEGER:
		return json_integer_value(value) == 0;
	case JSON_REAL:
		return json_number_value(value) == 0;
	case JSON_FALSE:
		return true;
	case JSON_OBJECT:
		return f->form == SCHEMA_OBJECT && json_object_size(value) == 0;
	case JSON_TRUE:
	case JSON_ARRAY:
	case JSON_NULL:
		break;
	}
	return false;
}

static void print_integer(int64_t value, struct str *out)
{
	char digits[24];
	int n = snprintf(digits, sizeof digits, "%lld", (long long)value);
	str_add_bytes(out, digits, (size_t)n);
}

/* The fewest digits that read back as the same number. */
static void print_real(double value, struct str *out)
{
	char digits[32];
	int n = 0;
	for (int precision = 15; precision <= 17; precision++) {
		n = snprintf(digits, sizeof digits, "%.*g", precision, value);
		if (strtod(digits, NULL) == value)
			break;
	}
	str_add_bytes(out, digits, (size_t)n);
}

static void print_value(const struct schema_field *f, const json_t *value, struct str *out)
{
	switch (json_typeof(value)) {
	case JSON_STRING:
		str_add_json(out, json_string_value(value), json_string_length(value));
		return;
	case JSON_INTEGER:
		print_integer(json_integer_value(value), out);
		return;
	case JSON_TRUE:
		str_add(out, "true");
		return;
	case JSON_FALSE:
		str_add(out, "false");
		return;
	case JSON_OBJECT:
		if (f->type) {
			print_fields(f->type, value, out);
			return;
		}
		if (f->form == SCHEMA_FIELDS_V1) {
			json_print_sorted(value, out);
			return;
		}
		break;
	case JSON_REAL:
		print_real(json_real_value(value), out);
		return;
	case JSON_ARRAY:
		print_list(f, value, out);
		return;
	case JSON_NULL:
		break;
	}
	json_print(value, out);
}

static void print_list(const struct schema_field *f, const json_t *list, struct str *out)
{
	str_add_char(out, '[');
	for (size_t i = 0; i < json_array_size(list); i++) {
		if (i)
			str_add_char(out, ',');
		print_value(f, json_array_get(list, i), out);
	}
	str_add_char(out, ']');
}

static void print_map(const struct schema_field *f, const json_t *map, struct str *out)
{
	size_t count;
	auto_free const char **keys = sorted_keys(map, &count);
	str_add_char(out, '{');
	for (size_t i = 0; i < count; i++) {
		if (i)
			str_add_char(out, ',');
		str_add_json(out, keys[i], strlen(keys[i]));
		str_add_char(out, ':');
		print_value(f, json_object_get(map, keys[i]), out);
	}
	str_add_char(out, '}');
}

/* What stands for an absent value that is always written; false: nothing does. */
static bool print_zero(const struct schema_field *f, struct str *out)
{
	if (f->shape != SCHEMA_ONE) {
		str_add(out, f->shape == SCHEMA_LIST ? "[]" : "{}");
		return true;
	}
	switch (f->form) {
	case SCHEMA_STRING:
	case SCHEMA_BYTES:
		str_add(out, "\"\"");
		return true;
	case SCHEMA_INT32:
	case SCHEMA_INT64:
	case SCHEMA_DOUBLE:
	case SCHEMA_INT_OR_STRING:
		str_add_char(out, '0');
		return true;
	case SCHEMA_BOOL:
		str_add(out, "false");
		return true;
	case SCHEMA_QUANTITY:
		str_add(out, "\"0\"");
		return true;
	case SCHEMA_OBJECT:
		print_fields(f->type, NULL, out);
		return true;
	case SCHEMA_TIME:
	case SCHEMA_MICRO_TIME:
	case SCHEMA_DURATION:
	case SCHEMA_ANY:
	case SCHEMA_FIELDS_V1:
	case SCHEMA_STRING_LIST:
	case SCHEMA_SCHEMA_OR_LIST:
	case SCHEMA_SCHEMA_OR_BOOL:
	case SCHEMA_SCHEMA_OR_STRINGS:
	case SCHEMA_FORM_COUNT:
		break;
	}
	return false;
}

/* Go drops null, empty lists and maps always, other zero values unless it holds a pointer. */
static bool is_left_out(const struct schema_field *f, const json_t *value)
{
	if (!is_empty_value(f, value))
		return false;
	return !value || json_is_null(value) || f->shape != SCHEMA_ONE || !f->keeps_empty;
}

/* "name": with the comma before it; no name of a table has anything that JSON escapes. */
static void print_name(const struct schema_field *f, bool is_first, struct str *out)
{
	str_add(out, is_first ? "\"" : ",\"");
	str_add(out, f->name);
	str_add_bytes(out, "\":", 2);
}

static void print_fields(const struct schema_type *type, const json_t *tree, struct str *out)
{
	bool is_first = true;
	struct members members;
	members_open(&members, type, tree);
	str_add_char(out, '{');
	for (size_t i = 0; i < type->fields_count; i++) {
		const struct schema_field *f = &type->fields[i];
		const json_t *value = members_at(&members, i);
		bool is_out = is_left_out(f, value);
		if (is_out && !f->is_always_written)
			continue;
		size_t before = out->len;
		print_name(f, is_first, out);
		if (is_out && !print_zero(f, out)) {
			str_truncate(out, before);
			continue;
		}
		if (!is_out && f->shape == SCHEMA_LIST)
			print_list(f, value, out);
		else if (!is_out && f->shape == SCHEMA_MAP)
			print_map(f, value, out);
		else if (!is_out)
			print_value(f, value, out);
		is_first = false;
	}
	str_add_char(out, '}');
}

void schema_print(const struct schema_type *type, const json_t *tree, struct str *out)
{
	if (type->is_custom)
		custom_print(custom_of(type), tree, out);
	else
		print_fields(type, tree, out);
}

void schema_print_bare(const struct schema_type *type, struct str *out)
{
	AUTO_JSON *nothing = json_object();
	if (type->is_custom)
		str_add(out, "{}");
	else
		schema_print(type, nothing, out);
}
