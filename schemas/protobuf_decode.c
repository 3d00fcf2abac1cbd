#include "schemas/protobuf.h"

#include "common/base/jsonx.h"
#include "common/base/time_text.h"
#include "schemas/base64.h"
#include "schemas/json_text.h"
#include "schemas/print.h"

#include <stdio.h>

struct decoder {
	struct error *err;
	size_t depth;
};

static const char magic[4] = { 'k', '8', 's', '\0' };

static int decode_message(struct decoder *d, const struct schema_type *type, unsigned outer,
			  struct wire w, json_t *into);

static json_t *text_of(const struct wire *w)
{
	return json_string_valid((const char *)w->at, (size_t)(w->end - w->at));
}

int protobuf_small(struct wire w, struct wire_field ret[4], struct error *err)
{
	struct wire_field f;
	int more;
	while ((more = wire_next(&w, &f, err)) > 0)
		if (f.number < 4)
			ret[f.number] = f;
	return more;
}

int protobuf_moment(enum schema_form form, struct wire w, char *text, struct error *err)
{
	struct wire_field f[4] = { 0 };
	if (protobuf_small(w, f, err) < 0)
		return err->code;
	int64_t seconds = (int64_t)f[1].value;
	*text = '\0';
	if (seconds == 0 && f[2].value == 0)
		return 0;
	if (seconds > 253402300799 || seconds < -62135596800)
		return error_set(err, ERR_MALFORMED, "a time is out of range");
	int64_t us = seconds * 1000000 + (int64_t)(int32_t)f[2].value / 1000;
	if (form == SCHEMA_TIME)
		time_format(us, text);
	else
		time_format_micro(us, text);
	return 0;
}

static int decode_time(struct decoder *d, const struct schema_field *field, struct wire w,
		       json_t **ret)
{
	struct wire_field f[4] = { 0 };
	char text[MAX(TIME_TEXT_SIZE, 64)];
	if (field->form == SCHEMA_DURATION) {
		if (protobuf_small(w, f, d->err) < 0)
			return d->err->code;
		int n = snprintf(text, sizeof text, "%.9gs", (double)(int64_t)f[1].value / 1e9);
		assert(n > 0);
	} else if (protobuf_moment(field->form, w, text, d->err) < 0) {
		return d->err->code;
	}
	*ret = *text ? json_string(text) : json_null();
	return 0;
}

static int decode_raw(struct decoder *d, const struct schema_field *field, struct wire w,
		      json_t **ret)
{
	struct wire_field f[4] = { 0 };
	if (protobuf_small(w, f, d->err) < 0)
		return d->err->code;
	switch (field->form) {
	case SCHEMA_QUANTITY:
		*ret = f[1].bytes.at ? text_of(&f[1].bytes) : json_string("0");
		return 0;
	case SCHEMA_INT_OR_STRING:
		if (f[1].value == 1)
			*ret = f[3].bytes.at ? text_of(&f[3].bytes) : json_string("");
		else
			*ret = json_integer((int32_t)f[2].value);
		return 0;
	default:
		break;
	}
	if (f[1].bytes.at == f[1].bytes.end) {
		*ret = json_null();
		return 0;
	}
	return json_text_parse((const char *)f[1].bytes.at,
			       (size_t)(f[1].bytes.end - f[1].bytes.at), ret, NULL, d->err);
}

static int wrong_wire(struct decoder *d, const struct schema_field *field,
		      const struct wire_field *f)
{
	return error_set(d->err, ERR_MALFORMED, "proto: wrong wireType = %d for field %s",
			 (int)f->type, field->name);
}

static int decode_number(struct decoder *d, const struct schema_field *field,
			 const struct wire_field *f, json_t **ret)
{
	double real;
	if (field->form == SCHEMA_DOUBLE) {
		if (f->type != WIRE_64)
			return wrong_wire(d, field, f);
		memcpy(&real, &f->value, sizeof real);
		*ret = json_real(real); /* NULL for what JSON cannot hold */
		if (!*ret)
			return error_set(d->err, ERR_MALFORMED, "%s is no finite number",
					 field->name);
		return 0;
	}
	if (f->type != WIRE_VARINT)
		return wrong_wire(d, field, f);
	if (field->form == SCHEMA_BOOL)
		*ret = json_boolean(f->value != 0);
	else if (field->form == SCHEMA_INT32)
		*ret = json_integer((int32_t)f->value);
	else
		*ret = json_integer((int64_t)f->value);
	return 0;
}

static int decode_bytes(const struct wire *w, json_t **ret)
{
	size_t n = (size_t)(w->end - w->at);
	AUTO_STR text;
	str_init(&text, n * 2 + 8);
	base64_add(&text, w->at, n);
	*ret = json_stringn_nocheck(text.data, text.len);
	return 0;
}

/* The schema or the texts in member `f` of what stands for a union or a list of texts. */
static int decode_member(struct decoder *d, const struct schema_field *field, bool is_text,
			 const struct wire_field *f, json_t **ret)
{
	if (f->type != WIRE_BYTES)
		return wrong_wire(d, field, f);
	if (is_text) {
		*ret = text_of(&f->bytes);
		return 0;
	}
	AUTO_JSON *object = json_object();
	if (decode_message(d, field->type, 0, f->bytes, object) < 0)
		return d->err->code;
	*ret = TAKE(object);
	return 0;
}

/* A schema or what stands in its place, or {items=1} of texts: see encode_union. */
static int decode_union(struct decoder *d, const struct schema_field *field, struct wire w,
			json_t **ret)
{
	enum schema_form form = field->form;
	uint32_t one = form == SCHEMA_SCHEMA_OR_BOOL ? 2 : 1; /* the schema's member */
	uint32_t several = form == SCHEMA_STRING_LIST ? 1 : 2;
	AUTO_JSON *list = json_array(), *schema = NULL;
	bool is_allowed = false;
	struct wire_field f;
	int more;
	while ((more = wire_next(&w, &f, d->err)) > 0) {
		json_t *value = NULL;
		if (form == SCHEMA_SCHEMA_OR_BOOL && f.number == 1) {
			is_allowed = f.value != 0;
		} else if (form != SCHEMA_STRING_LIST && f.number == one) {
			if (decode_member(d, field, false, &f, &value) < 0)
				return d->err->code;
			json_decref(schema);
			schema = value;
		} else if (f.number == several) {
			if (decode_member(d, field, form != SCHEMA_SCHEMA_OR_LIST, &f, &value) < 0)
				return d->err->code;
			json_array_append_new(list, value);
		}
	}
	if (more < 0)
		return more;
	if (schema)
		*ret = TAKE(schema);
	else
		*ret = form == SCHEMA_SCHEMA_OR_BOOL ? json_boolean(is_allowed) : TAKE(list);
	return 0;
}

static int decode_value(struct decoder *d, const struct schema_field *field,
			const struct wire_field *f, json_t **ret)
{
	switch (field->form) {
	case SCHEMA_INT32:
	case SCHEMA_INT64:
	case SCHEMA_BOOL:
	case SCHEMA_DOUBLE:
		return decode_number(d, field, f, ret);
	default:
		break;
	}
	if (f->type != WIRE_BYTES)
		return wrong_wire(d, field, f);
	switch (field->form) {
	case SCHEMA_STRING:
		*ret = text_of(&f->bytes);
		return 0;
	case SCHEMA_BYTES:
		return decode_bytes(&f->bytes, ret);
	case SCHEMA_TIME:
	case SCHEMA_MICRO_TIME:
	case SCHEMA_DURATION:
		return decode_time(d, field, f->bytes, ret);
	case SCHEMA_OBJECT: {
		AUTO_JSON *object = json_object();
		if (decode_message(d, field->type, 0, f->bytes, object) < 0)
			return d->err->code;
		*ret = TAKE(object);
		return 0;
	}
	case SCHEMA_STRING_LIST:
	case SCHEMA_SCHEMA_OR_LIST:
	case SCHEMA_SCHEMA_OR_BOOL:
	case SCHEMA_SCHEMA_OR_STRINGS:
		return decode_union(d, field, f->bytes, ret);
	default:
		return decode_raw(d, field, f->bytes, ret);
	}
}

static int decode_entry(struct decoder *d, const struct schema_field *field,
			const struct wire_field *f, json_t *map)
{
	if (f->type != WIRE_BYTES)
		return wrong_wire(d, field, f);
	struct wire_field entry[4] = { 0 };
	if (protobuf_small(f->bytes, entry, d->err) < 0)
		return d->err->code;
	AUTO_JSON *key = entry[1].bytes.at ? text_of(&entry[1].bytes) : json_string("");
	if (strlen(json_string_value(key)) != json_string_length(key))
		return error_set(d->err, ERR_MALFORMED, "a key of %s holds a NUL", field->name);
	json_t *value = NULL;
	if (entry[2].number == 0) { /* left out: the zero value */
		static const uint8_t nothing;
		entry[2].bytes = (struct wire){ &nothing, &nothing };
		entry[2].type = field->form == SCHEMA_DOUBLE ? WIRE_64
				: field->form == SCHEMA_INT32 || field->form == SCHEMA_INT64 ||
						field->form == SCHEMA_BOOL
					? WIRE_VARINT
					: WIRE_BYTES;
	}
	if (decode_value(d, field, &entry[2], &value) < 0)
		return d->err->code;
	json_object_set_new_nocheck(map, json_string_value(key), value);
	return 0;
}

/* Repeated numbers in one packed piece. */
static int decode_packed(struct decoder *d, const struct schema_field *field, struct wire w,
			 json_t *list)
{
	while (w.at < w.end) {
		struct wire_field f = { .type = WIRE_VARINT };
		json_t *value = NULL;
		if (wire_varint(&w, &f.value, d->err) < 0 ||
		    decode_number(d, field, &f, &value) < 0)
			return d->err->code;
		json_array_append_new(list, value);
	}
	return 0;
}

static json_t *member(json_t *into, const char *name, json_t *take_otherwise)
{
	json_t *now = json_object_get(into, name);
	if (now) {
		json_decref(take_otherwise);
		return now;
	}
	json_object_set_new_nocheck(into, name, take_otherwise);
	return take_otherwise;
}

static int decode_field(struct decoder *d, const struct schema_field *field,
			const struct wire_field *f, json_t *into)
{
	json_t *value = NULL;
	bool is_integer = field->form == SCHEMA_INT32 || field->form == SCHEMA_INT64;
	switch (field->shape) {
	case SCHEMA_MAP:
		return decode_entry(d, field, f, member(into, field->name, json_object()));
	case SCHEMA_LIST: {
		json_t *list = member(into, field->name, json_array());
		if (is_integer && f->type == WIRE_BYTES)
			return decode_packed(d, field, f->bytes, list);
		if (decode_value(d, field, f, &value) < 0)
			return d->err->code;
		json_array_append_new(list, value);
		return 0;
	}
	case SCHEMA_ONE:
		break;
	}
	if (decode_value(d, field, f, &value) < 0)
		return d->err->code;
	/* Go writes what nobody gave, unless it holds a pointer. */
	if (!field->keeps_empty && !field->is_always_written && !json_is_object(value) &&
	    is_empty_value(field, value)) {
		json_object_del(into, field->name);
		json_decref(value);
		return 0;
	}
	json_object_set_new_nocheck(into, field->name, value);
	return 0;
}

unsigned protobuf_within(const struct schema_field *field, unsigned outer)
{
	unsigned path = field->proto_outer;
	if (outer == 0)
		return path > 0xff ? path >> 8 : path;
	return path > 0xff && path >> 8 == outer ? path & 0xff : 0;
}

static int decode_message(struct decoder *d, const struct schema_type *type, unsigned outer,
			  struct wire w, json_t *into)
{
	if (d->depth == PROTOBUF_DEPTH_MAX)
		return error_set(d->err, ERR_LIMIT, "protobuf is nested deeper than %d levels",
				 PROTOBUF_DEPTH_MAX);
	d->depth++;
	struct wire_field f;
	int code;
	while ((code = wire_next(&w, &f, d->err)) > 0) {
		for (size_t i = 0; i < type->fields_count && code >= 0; i++) {
			const struct schema_field *field = &type->fields[i];
			if (field->proto_outer == outer && field->proto == f.number) {
				code = decode_field(d, field, &f, into);
				break;
			}
			if (f.number && protobuf_within(field, outer) == f.number &&
			    f.type == WIRE_BYTES) {
				code = decode_message(d, type, outer << 8 | f.number, f.bytes,
						      into);
				break;
			}
		}
		if (code < 0)
			break;
	}
	d->depth--;
	return code;
}

int protobuf_open(const void *bytes, size_t len, struct protobuf_envelope *ret, struct error *err)
{
	if (len < sizeof magic || memcmp(bytes, magic, sizeof magic) != 0)
		return error_set(err, ERR_MALFORMED,
				 "provided data does not appear to be a protobuf message, expected "
				 "prefix [107 56 115 0]");
	struct wire w = { (const uint8_t *)bytes + sizeof magic, (const uint8_t *)bytes + len };
	struct wire_field f[4] = { 0 }, meta[4] = { 0 };
	if (protobuf_small(w, f, err) < 0)
		return err->code;
	if (f[1].bytes.at && protobuf_small(f[1].bytes, meta, err) < 0)
		return err->code;
	static const uint8_t nothing;
	const struct wire none = { &nothing, &nothing };
	ret->raw = f[2].bytes.at ? f[2].bytes : none;
	ret->api_version = meta[1].bytes.at ? meta[1].bytes : none;
	ret->kind = meta[2].bytes.at ? meta[2].bytes : none;
	return 0;
}

int protobuf_decode(const struct schema_type *type, const void *bytes, size_t len, json_t **ret,
		    struct error *err)
{
	struct protobuf_envelope e;
	if (protobuf_open(bytes, len, &e, err) < 0)
		return err->code;
	AUTO_JSON *tree = json_object();
	AUTO_JSON *api_version = text_of(&e.api_version), *kind = text_of(&e.kind);
	if (json_string_length(api_version) && schema_field_of(type, "apiVersion"))
		json_object_set(tree, "apiVersion", api_version);
	if (json_string_length(kind) && schema_field_of(type, "kind"))
		json_object_set(tree, "kind", kind);
	struct decoder d = { .err = err };
	if (decode_message(&d, type, 0, e.raw, tree) < 0)
		return err->code;
	*ret = TAKE(tree);
	return 0;
}

int protobuf_peek(const void *bytes, size_t len, char **ret_api_version, char **ret_kind,
		  struct error *err)
{
	struct protobuf_envelope e;
	if (protobuf_open(bytes, len, &e, err) < 0)
		return err->code;
	AUTO_JSON *api_version = text_of(&e.api_version), *kind = text_of(&e.kind);
	*ret_api_version = xstrdup(json_string_value(api_version));
	*ret_kind = xstrdup(json_string_value(kind));
	return 0;
}
