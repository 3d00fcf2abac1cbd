#include "schemas/normalize.h"

#include "common/base/jsonx.h"
#include "common/base/time_text.h"
#include "schemas/base64.h"
#include "schemas/custom.h"
#include "schemas/quantity.h"

#include <stdio.h>

#define NORMALIZE_DEPTH_MAX 512

struct context {
	const struct schema_type *owner; /* of the field at hand */
	const struct schema_field *field;
	struct schema_report *report;
	struct error *err;
	size_t depth;
	bool is_converted; /* not decoded: what is wrong is told in other words */
};

static int normalize_fields(struct context *c, const struct schema_type *type, json_t *tree,
			    const struct path *where);

/* "core.v1.Container" → "Container"; with the version "v1.Container". */
static const char *short_name(const struct schema_type *type, bool with_version)
{
	const char *last = strrchr(type->name, '.');
	if (!last)
		return type->name;
	if (!with_version)
		return last + 1;
	for (const char *p = last; p > type->name; p--)
		if (p[-1] == '.')
			return p;
	return type->name;
}

static const char *element_name(const struct schema_field *f)
{
	static const char *const names[SCHEMA_FORM_COUNT] = {
		[SCHEMA_STRING] = "string",
		[SCHEMA_INT32] = "int32",
		[SCHEMA_INT64] = "int64",
		[SCHEMA_BOOL] = "bool",
		[SCHEMA_DOUBLE] = "float64",
		[SCHEMA_BYTES] = "[]uint8",
		[SCHEMA_TIME] = "string",
		[SCHEMA_MICRO_TIME] = "string",
		[SCHEMA_DURATION] = "string",
		[SCHEMA_QUANTITY] = "resource.Quantity",
		[SCHEMA_INT_OR_STRING] = "int32",
		[SCHEMA_ANY] = "runtime.RawExtension",
		[SCHEMA_FIELDS_V1] = "v1.FieldsV1",
		[SCHEMA_STRING_LIST] = "[]string",
		[SCHEMA_SCHEMA_OR_LIST] = "v1.JSONSchemaPropsOrArray",
		[SCHEMA_SCHEMA_OR_BOOL] = "v1.JSONSchemaPropsOrBool",
		[SCHEMA_SCHEMA_OR_STRINGS] = "v1.JSONSchemaPropsOrStringArray",
	};
	return f->form == SCHEMA_OBJECT ? short_name(f->type, true) : names[f->form];
}

static void describe(const json_t *value, char *out, size_t size)
{
	int n = 0;
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		n = snprintf(out, size, "object");
		break;
	case JSON_ARRAY:
		n = snprintf(out, size, "array");
		break;
	case JSON_STRING:
		n = snprintf(out, size, "string");
		break;
	case JSON_INTEGER:
		n = snprintf(out, size, "number");
		break;
	case JSON_REAL:
		n = snprintf(out, size, "number %.15g", json_real_value(value));
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		n = snprintf(out, size, "bool");
		break;
	case JSON_NULL:
		n = snprintf(out, size, "null");
		break;
	}
	assert(n > 0 && (size_t)n < size);
}

/* The words of the converter that strategic merge patches go through. */
static int wrong_converted(struct context *c, const json_t *value, const char *shape)
{
	static const char *const targets[SCHEMA_FORM_COUNT] = {
		[SCHEMA_STRING] = "string", [SCHEMA_INT32] = "int32",    [SCHEMA_INT64] = "int64",
		[SCHEMA_BOOL] = "bool",     [SCHEMA_DOUBLE] = "float64",
	};
	const char *target = targets[c->field->form];
	const char *from = json_is_object(value)    ? "map"
			   : json_is_array(value)   ? "slice"
			   : json_is_string(value)  ? "string"
			   : json_is_integer(value) ? "int64"
			   : json_is_real(value)    ? "float64"
						    : "bool";
	bool is_number = c->field->form == SCHEMA_INT32 || c->field->form == SCHEMA_INT64;
	if (*shape)
		return error_set(c->err, ERR_MALFORMED, "cannot restore %s from %s",
				 *shape == '[' ? "slice" : "map", from);
	if (c->field->form == SCHEMA_OBJECT)
		return error_set(c->err, ERR_MALFORMED, "cannot restore struct from: %s", from);
	/* In Go a whole number converts to a text, and any number to any other. */
	if (target && ((json_is_integer(value) && c->field->form == SCHEMA_STRING) ||
		       (json_is_number(value) && is_number)))
		return error_set(c->err, ERR_MALFORMED, "cannot convert %s to %s", from, target);
	if (target)
		return error_set(c->err, ERR_MALFORMED, "unrecognized type: %s", target);
	char what[64];
	describe(value, what, sizeof what);
	return error_set(c->err, ERR_MALFORMED,
			 "json: cannot unmarshal %s into Go value of type %s", what,
			 element_name(c->field));
}

static int wrong_as(struct context *c, const json_t *value, const struct path *where,
		    const char *shape, const char *element)
{
	char what[64];
	if (c->is_converted)
		return wrong_converted(c, value, shape);
	describe(value, what, sizeof what);
	AUTO_STR path;
	str_init(&path, 512);
	path_text(where, false, &path);
	return error_set(c->err, ERR_MALFORMED,
			 "json: cannot unmarshal %s into Go struct field %s.%s of type %s%s", what,
			 short_name(c->owner, false), path.data, shape, element);
}

static int wrong_type(struct context *c, const json_t *value, const struct path *where,
		      const char *shape)
{
	return wrong_as(c, value, where, shape, element_name(c->field));
}

/* Of amounts by resource, which have a type of their own in Go. */
static int wrong_list(struct context *c, const json_t *value, const struct path *where)
{
	return wrong_as(c, value, where, "", "v1.ResourceList");
}

/* What Go makes of null inside a list or map. */
static json_t *zero_of(const struct schema_field *f)
{
	switch (f->form) {
	case SCHEMA_STRING:
	case SCHEMA_BYTES:
		return json_string("");
	case SCHEMA_INT32:
	case SCHEMA_INT64:
	case SCHEMA_DOUBLE:
	case SCHEMA_INT_OR_STRING:
		return json_integer(0);
	case SCHEMA_BOOL:
		return json_false();
	case SCHEMA_QUANTITY:
		return json_string("0");
	case SCHEMA_OBJECT:
		return json_object();
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
	return json_null();
}

static void replace(json_t **value, json_t *take_new)
{
	json_decref(*value);
	*value = take_new;
}

static int normalize_bytes(struct context *c, json_t **value, const struct path *where)
{
	if (!json_is_string(*value))
		return wrong_type(c, *value, where, "");
	const char *text = json_string_value(*value);
	size_t n = json_string_length(*value);
	long bad = base64_check(text, n);
	if (bad >= 0)
		return error_set(c->err, ERR_MALFORMED, "illegal base64 data at input byte %ld",
				 bad);
	if (!memchr(text, '\n', n) && !memchr(text, '\r', n))
		return 0;
	AUTO_STR clean;
	str_init(&clean, n);
	for (size_t i = 0; i < n; i++)
		if (text[i] != '\n' && text[i] != '\r')
			str_add_char(&clean, text[i]);
	replace(value, json_stringn_nocheck(clean.data, clean.len));
	return 0;
}

static int normalize_time(struct context *c, json_t **value, const struct path *where)
{
	if (!json_is_string(*value))
		return wrong_type(c, *value, where, "");
	const char *text = json_string_value(*value);
	char canonical[TIME_TEXT_SIZE];
	int64_t us;
	if (c->field->form == SCHEMA_DURATION) {
		if (!duration_parse(text, &us))
			return error_set(c->err, ERR_MALFORMED, "time: invalid duration \"%.100s\"",
					 text);
		return 0;
	}
	if (!time_parse(text, &us))
		return error_set(
			c->err, ERR_MALFORMED,
			"parsing time \"%.100s\" as \"2006-01-02T15:04:05%sZ07:00\": cannot "
			"parse \"%.100s\" as \"2006\"",
			text, c->field->form == SCHEMA_MICRO_TIME ? ".000000" : "", text);
	if (c->field->form == SCHEMA_TIME)
		time_format(us, canonical);
	else
		time_format_micro(us, canonical);
	if (!streq(text, canonical))
		replace(value, json_string(canonical));
	return 0;
}

static int normalize_quantity(struct context *c, json_t **value)
{
	char canonical[QUANTITY_TEXT_SIZE], number[64];
	const char *text = json_string_value(*value);
	int n = 0;
	if (json_is_integer(*value)) {
		n = snprintf(number, sizeof number, "%lld", (long long)json_integer_value(*value));
		text = number;
	} else if (json_is_real(*value)) {
		n = snprintf(number, sizeof number, "%.15g", json_real_value(*value));
		text = number;
	}
	assert(n >= 0 && n < (int)sizeof number);
	if (!text || !quantity_canonical(text, canonical))
		return error_set(c->err, ERR_MALFORMED,
				 "quantities must match the regular expression "
				 "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
	if (text == number || !streq(text, canonical))
		replace(value, json_string(canonical));
	return 0;
}

static int check_integer(struct context *c, const json_t *value, const struct path *where)
{
	if (!json_is_integer(value))
		return wrong_type(c, value, where, "");
	int64_t v = json_integer_value(value);
	if (c->field->form != SCHEMA_INT64 && (v > INT32_MAX || v < INT32_MIN)) {
		AUTO_STR path;
		str_init(&path, 512);
		path_text(where, false, &path);
		return error_set(c->err, ERR_MALFORMED,
				 "json: cannot unmarshal number %lld into Go struct field %s.%s of "
				 "type int32",
				 (long long)v, short_name(c->owner, false), path.data);
	}
	return 0;
}

static bool is_string_list(const json_t *value)
{
	if (!json_is_array(value))
		return false;
	for (size_t i = 0; i < json_array_size(value); i++)
		if (!json_is_string(json_array_get(value, i)))
			return false;
	return true;
}

/* A JSON schema, or what may stand in its place. */
static int normalize_union(struct context *c, json_t *value, const struct path *where)
{
	if (json_is_object(value))
		return normalize_fields(c, c->field->type, value, where);
	if (c->field->form == SCHEMA_SCHEMA_OR_BOOL && json_is_boolean(value))
		return 0;
	if (c->field->form == SCHEMA_SCHEMA_OR_STRINGS && is_string_list(value))
		return 0;
	if (c->field->form != SCHEMA_SCHEMA_OR_LIST || !json_is_array(value))
		return wrong_type(c, value, where, "");
	for (size_t i = 0; i < json_array_size(value); i++) {
		json_t *item = json_array_get(value, i);
		if (!json_is_object(item))
			return wrong_type(c, item, PATH_AT(where, i), "");
		if (normalize_fields(c, c->field->type, item, PATH_AT(where, i)) < 0)
			return c->err->code;
	}
	return 0;
}

/* Texts are compared as C's: what stands behind a NUL would be looked at by nobody, and a user
 * "ann\0x" be taken for "ann". Only values that are kept and never looked at may hold one. */
static bool hides_something(const struct schema_field *field, const json_t *value)
{
	bool is_kept = field->shape == SCHEMA_MAP &&
		       (streq(field->name, "data") || streq(field->name, "annotations"));
	return json_is_string(value) && !is_kept &&
	       strlen(json_string_value(value)) != json_string_length(value);
}

static int normalize_one(struct context *c, json_t **value, const struct path *where)
{
	bool is_good = true;
	if (hides_something(c->field, *value))
		return error_set(c->err, ERR_MALFORMED, "a text holds the character U+0000");
	switch (c->field->form) {
	case SCHEMA_STRING:
		is_good = json_is_string(*value);
		break;
	case SCHEMA_BOOL:
		is_good = json_is_boolean(*value);
		break;
	case SCHEMA_DOUBLE:
		is_good = json_is_number(*value);
		break;
	case SCHEMA_INT_OR_STRING:
		if (!json_is_string(*value))
			return check_integer(c, *value, where);
		break;
	case SCHEMA_INT32:
	case SCHEMA_INT64:
		return check_integer(c, *value, where);
	case SCHEMA_BYTES:
		return normalize_bytes(c, value, where);
	case SCHEMA_TIME:
	case SCHEMA_MICRO_TIME:
	case SCHEMA_DURATION:
		return normalize_time(c, value, where);
	case SCHEMA_QUANTITY:
		return normalize_quantity(c, value);
	case SCHEMA_OBJECT:
		if (json_is_object(*value))
			return normalize_fields(c, c->field->type, *value, where);
		is_good = false;
		break;
	case SCHEMA_FIELDS_V1:
		is_good = json_is_object(*value);
		break;
	case SCHEMA_STRING_LIST:
		is_good = is_string_list(*value);
		break;
	case SCHEMA_SCHEMA_OR_LIST:
	case SCHEMA_SCHEMA_OR_BOOL:
	case SCHEMA_SCHEMA_OR_STRINGS:
		return normalize_union(c, *value, where);
	case SCHEMA_ANY:
	case SCHEMA_FORM_COUNT:
		break;
	}
	return is_good ? 0 : wrong_type(c, *value, where, "");
}

static int normalize_list(struct context *c, json_t *list, const struct path *where)
{
	if (!json_is_array(list))
		return wrong_type(c, list, where, "[]");
	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *item = json_array_get(list, i);
		json_t *now = json_is_null(item) ? zero_of(c->field) : json_incref(item);
		struct context here = *c;
		int code = normalize_one(&here, &now, PATH_AT(where, i));
		if (code < 0 || now == item)
			json_decref(now);
		else
			json_array_set_new(list, i, now);
		if (code < 0)
			return code;
	}
	return 0;
}

static int normalize_map(struct context *c, json_t *map, const struct path *where)
{
	if (!json_is_object(map))
		return c->field->form == SCHEMA_QUANTITY ? wrong_list(c, map, where)
							 : wrong_type(c, map, where, "map[string]");
	const char *key;
	json_t *item;
	void *next;
	json_object_foreach_safe (map, next, key, item) {
		json_t *now = json_is_null(item) ? zero_of(c->field) : json_incref(item);
		struct context here = *c;
		int code = normalize_one(&here, &now, PATH_IN(where, key));
		if (code < 0 || now == item)
			json_decref(now);
		else
			json_object_set_new_nocheck(map, key, now);
		if (code < 0)
			return code;
	}
	return 0;
}

static int normalize_field(struct context *c, json_t *tree, json_t *value, const struct path *where)
{
	switch (c->field->shape) {
	case SCHEMA_LIST:
		return normalize_list(c, value, where);
	case SCHEMA_MAP:
		return normalize_map(c, value, where);
	case SCHEMA_ONE:
		break;
	}
	json_t *now = json_incref(value);
	int code = normalize_one(c, &now, where);
	if (code < 0 || now == value)
		json_decref(now);
	else
		json_object_set_new_nocheck(tree, c->field->name, now);
	return code;
}

static int normalize_fields(struct context *c, const struct schema_type *type, json_t *tree,
			    const struct path *where)
{
	if (c->depth == NORMALIZE_DEPTH_MAX)
		return error_set(c->err, ERR_LIMIT, "nested deeper than %d levels",
				 NORMALIZE_DEPTH_MAX);
	const char *name;
	json_t *value;
	void *next;
	json_object_foreach_safe (tree, next, name, value) {
		const struct schema_field *f = schema_field_of(type, name);
		if (!f) {
			report_field(c->report, "unknown", PATH(where, name));
			json_object_del(tree, name);
			continue;
		}
		if (json_is_null(value)) {
			json_object_del(tree, name);
			continue;
		}
		struct context here = { type, f, c->report, c->err, c->depth + 1, c->is_converted };
		if (normalize_field(&here, tree, value, PATH_INSIDE(where, f->embedded, f->name)) <
		    0)
			return c->err->code;
	}
	return 0;
}

static int normalize_root(struct context *c, const struct schema_type *type, json_t *tree,
			  const struct path *where)
{
	struct schema_report *report = c->report;
	struct error *err = c->err;
	if (type->is_custom)
		return custom_normalize(custom_of(type), tree, report, err);
	if (!json_is_object(tree)) {
		char what[64];
		describe(tree, what, sizeof what);
		return error_set(err, ERR_MALFORMED,
				 "json: cannot unmarshal %s into Go value of type %s", what,
				 short_name(type, true));
	}
	return normalize_fields(c, type, tree, where);
}

int normalize_object(const struct schema_type *type, json_t *tree, const struct path *where,
		     struct schema_report *report, struct error *err)
{
	struct context c = { .report = report, .err = err };
	return normalize_root(&c, type, tree, where);
}

int schema_normalize_converted(const struct schema_type *type, json_t *tree,
			       struct schema_report *report, struct error *err)
{
	struct context c = { .report = report, .err = err, .is_converted = true };
	return normalize_root(&c, type, tree, NULL);
}

int schema_normalize(const struct schema_type *type, json_t *tree, struct schema_report *report,
		     struct error *err)
{
	return normalize_object(type, tree, NULL, report, err);
}
