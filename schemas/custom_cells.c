/* The row of a custom object: what the columns' paths find first. */
#include "common/base/time_text.h"
#include "schemas/cells.h"
#include "schemas/custom_internal.h"
#include "schemas/json_path.h"

#define CELL_SIZE_MAX (1u << 20)

static json_t *text_cell(const json_t *value)
{
	AUTO_STR text;
	str_init(&text, CELL_SIZE_MAX);
	if (json_is_null(value))
		return json_string("<no value>");
	json_path_print(value, &text);
	return json_stringn_nocheck(text.data, text.len);
}

static json_t *date_cell(const json_t *value, int64_t now_us)
{
	int64_t time_us;
	AUTO_STR text;
	str_init(&text, 64);
	const char *time = json_string_value(value);
	if (!time)
		return json_null();
	if (!*time || streq(time, "null"))
		return json_string("<unknown>");
	if (!time_parse(time, &time_us))
		return json_string("<invalid>");
	since_text(time, now_us, &text);
	return json_stringn_nocheck(text.data, text.len);
}

static json_t *cell(const char *type, const json_t *value, int64_t now_us)
{
	if (!value)
		return json_null();
	if (streq(type, "string"))
		return text_cell(value);
	if (streq(type, "integer") && json_is_integer(value))
		return json_integer(json_integer_value(value));
	if (streq(type, "integer") && json_is_real(value))
		return json_integer((json_int_t)json_real_value(value));
	if (streq(type, "number") && json_is_number(value))
		return json_incref((json_t *)(uintptr_t)value);
	if (streq(type, "boolean") && json_is_boolean(value))
		return json_boolean(json_is_true(value));
	if (streq(type, "date"))
		return date_cell(value, now_us);
	return json_null();
}

json_t *custom_cells(const struct custom *c, const json_t *tree, int64_t now_us)
{
	json_t *row = json_array();
	cell_text(row, json_str_or(tree, "metadata.name", ""));
	for (size_t i = 1; i < c->columns_count; i++) {
		struct json_values found = { 0 };
		struct error ignored;
		const char *path = c->column_paths[i];
		if (json_path_find(path, strlen(path), tree, &found, &ignored) < 0)
			found.count = 0; /* the column stays empty */
		json_array_append_new(
			row, cell(c->columns[i].type, found.count ? found.at[0] : NULL, now_us));
		json_values_fini(&found);
	}
	return row;
}
