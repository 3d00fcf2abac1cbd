#include "schemas/protobuf.h"

#include "common/base/jsonx.h"
#include "common/base/time_text.h"
#include "schemas/base64.h"
#include "schemas/print.h"
#include "schemas/wire.h"

static void encode_fields(const struct schema_type *type, unsigned outer, const json_t *tree,
			  struct str *out);

static void encode_time(const struct schema_field *f, const json_t *value, struct str *out)
{
	int64_t us = 0;
	const char *text = json_string_value(value);
	if (f->form == SCHEMA_DURATION) {
		if (text && duration_parse(text, &us))
			wire_add_int(out, 1, (uint64_t)(us * 1000));
		return;
	}
	if (!text || !time_parse(text, &us))
		return;
	int64_t seconds = us / 1000000, rest = us % 1000000;
	if (rest < 0) {
		seconds--;
		rest += 1000000;
	}
	wire_add_int(out, 1, (uint64_t)seconds);
	wire_add_int(out, 2, (uint64_t)(rest * 1000));
}

static void encode_int_or_string(const json_t *value, struct str *out)
{
	bool is_text = json_is_string(value);
	wire_add_int(out, 1, is_text);
	wire_add_int(out, 2, is_text ? 0 : (uint64_t)json_integer_value(value));
	wire_add_bytes(out, 3, is_text ? json_string_value(value) : "",
		       is_text ? json_string_length(value) : 0);
}

/* Raw JSON: {raw=1}. */
static void encode_raw(const json_t *value, struct str *out)
{
	AUTO_STR raw;
	str_init(&raw, out->max);
	json_print(value, &raw);
	wire_add_bytes(out, 1, raw.data, raw.len);
	out->overflow |= raw.overflow;
}

static void encode_texts(uint32_t number, const json_t *list, struct str *out)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *text = json_array_get(list, i);
		wire_add_bytes(out, number, json_string_value(text), json_string_length(text));
	}
}

static void encode_schema(const struct schema_field *f, uint32_t number, const json_t *schema,
			  struct str *out)
{
	AUTO_STR inside;
	str_init(&inside, out->max);
	encode_fields(f->type, 0, schema, &inside);
	out->overflow |= !str_ok(&inside);
	wire_add_bytes(out, number, inside.data, inside.len);
}

/* The schema is member 1 beside a list, member 2 beside a bool (whose absence means true). */
static void encode_union(const struct schema_field *f, const json_t *value, struct str *out)
{
	bool is_schema = json_is_object(value);
	switch (f->form) {
	case SCHEMA_SCHEMA_OR_BOOL:
		wire_add_int(out, 1, is_schema || json_is_true(value));
		if (is_schema)
			encode_schema(f, 2, value, out);
		return;
	case SCHEMA_SCHEMA_OR_LIST:
		for (size_t i = 0; i < json_array_size(value); i++)
			encode_schema(f, 2, json_array_get(value, i), out);
		break;
	default:
		encode_texts(2, value, out);
	}
	if (is_schema)
		encode_schema(f, 1, value, out);
}

static void encode_inside(const struct schema_field *f, const json_t *value, struct str *out);

void protobuf_add_inside(const struct schema_field *f, const json_t *value, struct str *out)
{
	encode_inside(f, value, out);
}

/* The inside of the message that stands for the value. */
static void encode_inside(const struct schema_field *f, const json_t *value, struct str *out)
{
	switch (f->form) {
	case SCHEMA_TIME:
	case SCHEMA_MICRO_TIME:
	case SCHEMA_DURATION:
		encode_time(f, value, out);
		return;
	case SCHEMA_QUANTITY:
		wire_add_bytes(out, 1, json_string_value(value), json_string_length(value));
		return;
	case SCHEMA_INT_OR_STRING:
		encode_int_or_string(value, out);
		return;
	case SCHEMA_OBJECT:
		encode_fields(f->type, 0, value, out);
		return;
	case SCHEMA_STRING_LIST:
		encode_texts(1, value, out);
		return;
	case SCHEMA_SCHEMA_OR_LIST:
	case SCHEMA_SCHEMA_OR_BOOL:
	case SCHEMA_SCHEMA_OR_STRINGS:
		encode_union(f, value, out);
		return;
	case SCHEMA_BYTES:
		base64_decode(json_string_value(value), json_string_length(value), out);
		return;
	default:
		encode_raw(value, out);
	}
}

static void encode_value(const struct schema_field *f, uint32_t number, const json_t *value,
			 struct str *out)
{
	switch (f->form) {
	case SCHEMA_INT32:
	case SCHEMA_INT64:
		wire_add_int(out, number, (uint64_t)json_integer_value(value));
		return;
	case SCHEMA_BOOL:
		wire_add_int(out, number, json_is_true(value));
		return;
	case SCHEMA_DOUBLE:
		wire_add_double(out, number, json_number_value(value));
		return;
	case SCHEMA_STRING:
		wire_add_bytes(out, number, json_string_value(value), json_string_length(value));
		return;
	default:
		break;
	}
	AUTO_STR inside;
	str_init(&inside, out->max);
	encode_inside(f, value, &inside);
	if (!str_ok(&inside))
		out->overflow = true;
	wire_add_bytes(out, number, inside.data, inside.len);
}

static void encode_map(const struct schema_field *f, const json_t *map, struct str *out)
{
	size_t count;
	auto_free const char **keys = sorted_keys(map, &count);
	for (size_t i = 0; i < count; i++) {
		AUTO_STR entry;
		str_init(&entry, out->max);
		wire_add_bytes(&entry, 1, keys[i], strlen(keys[i]));
		encode_value(f, 2, json_object_get(map, keys[i]), &entry);
		if (!str_ok(&entry))
			out->overflow = true;
		wire_add_bytes(out, f->proto, entry.data, entry.len);
	}
}

static void encode_field(const struct schema_field *f, const json_t *tree, struct str *out)
{
	const json_t *value = json_object_get(tree, f->name);
	if (!value || json_is_null(value))
		return;
	switch (f->shape) {
	case SCHEMA_LIST:
		for (size_t i = 0; i < json_array_size(value); i++)
			encode_value(f, f->proto, json_array_get(value, i), out);
		return;
	case SCHEMA_MAP:
		encode_map(f, value, out);
		return;
	case SCHEMA_ONE:
		break;
	}
	if (f->keeps_empty || !is_empty_value(f, value))
		encode_value(f, f->proto, value, out);
}

static bool is_first_within(const struct schema_type *type, size_t at, unsigned outer)
{
	for (size_t i = 0; i < at; i++)
		if (protobuf_within(&type->fields[i], outer) ==
		    protobuf_within(&type->fields[at], outer))
			return false;
	return true;
}

static void encode_fields(const struct schema_type *type, unsigned outer, const json_t *tree,
			  struct str *out)
{
	for (size_t i = 0; i < type->fields_count; i++) {
		const struct schema_field *f = &type->fields[i];
		if (f->proto == 0)
			continue;
		if (f->proto_outer == outer) {
			encode_field(f, tree, out);
		} else if (protobuf_within(f, outer) && is_first_within(type, i, outer)) {
			unsigned number = protobuf_within(f, outer);
			AUTO_STR inside;
			str_init(&inside, out->max);
			encode_fields(type, outer << 8 | number, tree, &inside);
			if (!str_ok(&inside))
				out->overflow = true;
			wire_add_bytes(out, number, inside.data, inside.len);
		}
	}
}

int schema_encode_message(const struct schema_type *type, const json_t *tree, struct str *out,
			  struct error *err)
{
	encode_fields(type, 0, tree, out);
	return str_check(out, "the encoded object", err);
}

void schema_add_envelope_head(const char *api_version, const char *kind, size_t len,
			      struct str *out)
{
	AUTO_STR meta;
	str_init(&meta, 1024);
	wire_add_bytes(&meta, 1, api_version, strlen(api_version));
	wire_add_bytes(&meta, 2, kind, strlen(kind));
	str_add_bytes(out, "k8s\0", 4);
	wire_add_bytes(out, 1, meta.data, meta.len);
	wire_add_varint(out, 2 << 3 | WIRE_BYTES);
	wire_add_varint(out, len);
}

void schema_add_envelope_tail(struct str *out)
{
	wire_add_bytes(out, 3, "", 0);
	wire_add_bytes(out, 4, "", 0);
}

void schema_add_envelope(const char *api_version, const char *kind, const void *message, size_t len,
			 struct str *out)
{
	schema_add_envelope_head(api_version, kind, len, out);
	str_add_bytes(out, message, len);
	schema_add_envelope_tail(out);
}

int schema_encode_protobuf(const struct schema_type *type, const char *api_version,
			   const char *kind, const json_t *tree, struct str *out, struct error *err)
{
	AUTO_STR message;
	str_init(&message, out->max);
	int code = schema_encode_message(type, tree, &message, err);
	if (code < 0)
		return code;
	schema_add_envelope(api_version, kind, message.data, message.len, out);
	return str_check(out, "the encoded object", err);
}
