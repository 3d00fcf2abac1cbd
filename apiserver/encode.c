#include "apiserver/encode.h"
#include "common/base/jsonx.h"
#include "common/base/time_text.h"
#include "schemas/base64.h"
#include "schemas/protobuf.h"
#include "schemas/wire.h"

#define NUMBER_MAX 64 /* characters of a number or a time */

/* ---- lengths: a message's is known when it is written ---- */

static size_t begin_bytes(uint32_t number, struct str *out)
{
	wire_add_varint(out, (uint64_t)number << 3 | WIRE_BYTES);
	str_add_char(out, 0); /* room for the shortest length */
	return out->len;
}

static void end_bytes(size_t begin, struct str *out)
{
	if (!str_ok(out))
		return;
	uint8_t length[10];
	size_t n = 0, len = out->len - begin;
	do {
		length[n++] = (uint8_t)((len & 0x7f) | (len > 0x7f ? 0x80 : 0));
		len >>= 7;
	} while (len);
	if (n > 1) {
		size_t inside = out->len - begin;
		if (!str_reserve(out, n - 1))
			return;
		memmove(out->data + begin + n - 1, out->data + begin, inside);
		str_grew(out, n - 1);
	}
	memcpy(out->data + begin - 1, length, n);
}

/* ---- values ---- */

static bool is_text(struct span v)
{
	return v.len >= 2 && *v.at == '"';
}

/* Text as it is, with its escapes undone where it has any. */
static void add_text(uint32_t number, struct span v, struct str *out)
{
	if (!is_text(v)) {
		wire_add_bytes(out, number, "", 0);
	} else if (!memchr(v.at, '\\', v.len)) {
		wire_add_bytes(out, number, v.at + 1, v.len - 2);
	} else {
		auto_free char *text = scan_text(v);
		wire_add_bytes(out, number, text, strlen(text));
	}
}

static int64_t integer_of(struct span v)
{
	uint64_t n = 0;
	bool is_negative = v.len && *v.at == '-';
	for (size_t i = is_negative; i < v.len && v.at[i] >= '0' && v.at[i] <= '9'; i++)
		n = n * 10 + (uint64_t)(v.at[i] - '0');
	return (int64_t)(is_negative ? 0 - n : n);
}

/* False: too long for a number or a time. */
static bool copy_short(struct span v, char to[NUMBER_MAX])
{
	bool quoted = is_text(v);
	size_t n = quoted ? v.len - 2 : v.len;
	if (n >= NUMBER_MAX)
		return false;
	memcpy(to, v.at + quoted, n);
	to[n] = '\0';
	return true;
}

static void add_time(const struct schema_field *f, struct span v, struct str *out)
{
	char text[NUMBER_MAX];
	int64_t us = 0;
	if (!is_text(v) || !copy_short(v, text))
		return;
	if (f->form == SCHEMA_DURATION) {
		if (duration_parse(text, &us))
			wire_add_int(out, 1, (uint64_t)(us * 1000));
		return;
	}
	if (!time_parse(text, &us))
		return;
	int64_t rest = us % 1000000;
	rest += rest < 0 ? 1000000 : 0;
	wire_add_int(out, 1, (uint64_t)((us - rest) / 1000000));
	wire_add_int(out, 2, (uint64_t)(rest * 1000));
}

/* Rare forms, and what nobody counts on being fast: by a tree. */
static void add_by_tree(const struct schema_field *f, struct span v, struct str *out)
{
	AUTO_JSON *tree = NULL;
	struct error err;
	if (json_parse(v.at, v.len, &tree, &err) == 0)
		protobuf_add_inside(f, tree, out);
}

static void add_inside(const struct schema_field *f, struct span v, struct str *out)
{
	switch (f->form) {
	case SCHEMA_TIME:
	case SCHEMA_MICRO_TIME:
	case SCHEMA_DURATION:
		add_time(f, v, out);
		return;
	case SCHEMA_QUANTITY:
		add_text(1, v, out);
		return;
	case SCHEMA_INT_OR_STRING:
		wire_add_int(out, 1, is_text(v));
		wire_add_int(out, 2, is_text(v) ? 0 : (uint64_t)integer_of(v));
		add_text(3, v, out);
		return;
	case SCHEMA_ANY:
	case SCHEMA_FIELDS_V1:
		wire_add_bytes(out, 1, v.at, v.len);
		return;
	case SCHEMA_BYTES:
		base64_decode(v.at + 1, is_text(v) ? v.len - 2 : 0, out);
		return;
	default:
		add_by_tree(f, v, out);
	}
}

static void add_value(const struct schema_field *f, uint32_t number, struct span v, struct str *out)
{
	char text[NUMBER_MAX];
	switch (f->form) {
	case SCHEMA_INT32:
	case SCHEMA_INT64:
		wire_add_int(out, number, (uint64_t)integer_of(v));
		return;
	case SCHEMA_BOOL:
		wire_add_int(out, number, *v.at == 't');
		return;
	case SCHEMA_DOUBLE:
		wire_add_double(out, number, copy_short(v, text) ? strtod(text, NULL) : 0);
		return;
	case SCHEMA_STRING:
		add_text(number, v, out);
		return;
	default:
		break;
	}
	size_t begin = begin_bytes(number, out);
	add_inside(f, v, out);
	end_bytes(begin, out);
}

/* Go's zero value: what is_empty_value() says of the tree. */
static bool is_zero(const struct schema_field *f, const char *p, const char *end)
{
	char c = *p, next = end - p > 1 ? p[1] : 0;
	if (c == '"')
		return next == '"';
	if (c == '[')
		return next == ']' && f->shape == SCHEMA_LIST;
	if (c == '{')
		return next == '}' && (f->shape == SCHEMA_MAP || f->form == SCHEMA_OBJECT);
	return c == 'n' || c == 'f' || (c == '0' && (next == ',' || next == '}' || next == ']'));
}

/* Everything below walks the bytes once: what it is given stands on a value, what it returns behind
 * it. */
static const char *walk_object(const struct schema_type *type, const char *p, const char *end,
			       struct str *out);

static const char *walk_value(const struct schema_field *f, uint32_t number, const char *p,
			      const char *end, struct str *out)
{
	if (f->form == SCHEMA_OBJECT) {
		size_t begin = begin_bytes(number, out);
		p = walk_object(f->type, p, end, out);
		end_bytes(begin, out);
		return p;
	}
	const char *after = scan_past(p, end);
	add_value(f, number, (struct span){ p, (size_t)(after - p) }, out);
	return after;
}

/* Past a comma, if there is one. */
static const char *past_comma(const char *p, const char *end)
{
	return p < end && *p == ',' ? p + 1 : p;
}

static const char *walk_list(const struct schema_field *f, const char *p, const char *end,
			     struct str *out)
{
	if (*p != '[')
		return scan_past(p, end);
	for (p++; p < end && *p != ']'; p = past_comma(p, end))
		p = walk_value(f, f->proto, p, end, out);
	return p < end ? p + 1 : end;
}

static const char *walk_map(const struct schema_field *f, const char *p, const char *end,
			    struct str *out)
{
	if (*p != '{')
		return scan_past(p, end);
	for (p++; p < end && *p != '}'; p = past_comma(p, end)) {
		const char *colon = scan_past(p, end);
		if (colon >= end)
			return end;
		size_t begin = begin_bytes(f->proto, out);
		add_text(1, (struct span){ p, (size_t)(colon - p) }, out);
		p = walk_value(f, 2, colon + 1, end, out);
		end_bytes(begin, out);
	}
	return p < end ? p + 1 : end;
}

static const char *walk_field(const struct schema_field *f, const char *p, const char *end,
			      struct str *out)
{
	if (*p == 'n') /* null */
		return scan_past(p, end);
	if (f->shape == SCHEMA_LIST)
		return walk_list(f, p, end, out);
	if (f->shape == SCHEMA_MAP)
		return walk_map(f, p, end, out);
	if (!f->keeps_empty && is_zero(f, p, end))
		return scan_past(p, end);
	return walk_value(f, f->proto, p, end, out);
}

/* ---- objects ---- */

static const struct schema_field *field_named(const struct schema_type *type, size_t *at,
					      struct span name)
{
	/* Canonical bytes are in the table's order: it is the next one, or a little further on. */
	for (size_t i = 0; i < type->fields_count; i++) {
		const struct schema_field *f = &type->fields[(*at + i) % type->fields_count];
		if (strncmp(f->name, name.at, name.len) == 0 && !f->name[name.len]) {
			*at = (*at + i + 1) % type->fields_count;
			return f;
		}
	}
	return NULL;
}

/* Messages that JSON has inline: open while members come that stand in them. */
struct inlined {
	size_t begins[2];
	unsigned depth;
	unsigned outer; /* numbers, as in schema_field.proto_outer */
};

static void close_inlined(struct inlined *in, struct str *out)
{
	while (in->depth)
		end_bytes(in->begins[--in->depth], out);
	in->outer = 0;
}

static void enter(struct inlined *in, unsigned outer, struct str *out)
{
	if (in->outer == outer)
		return;
	close_inlined(in, out);
	if (outer > 0xff)
		in->begins[in->depth++] = begin_bytes(outer >> 8, out);
	if (outer)
		in->begins[in->depth++] = begin_bytes(outer & 0xff, out);
	in->outer = outer;
}

static const char *walk_object(const struct schema_type *type, const char *p, const char *end,
			       struct str *out)
{
	struct inlined in = { 0 };
	size_t at = 0;
	if (p >= end || *p != '{')
		return scan_past(p, end);
	for (p++; p < end && *p != '}'; p = past_comma(p, end)) {
		const char *colon = scan_past(p, end);
		if (colon - p < 2 || end - colon < 2)
			return end;
		const struct schema_field *f =
			field_named(type, &at, (struct span){ p + 1, (size_t)(colon - p) - 2 });
		p = colon + 1;
		if (!f || f->proto == 0) {
			p = scan_past(p, end);
		} else {
			enter(&in, f->proto_outer, out);
			p = walk_field(f, p, end, out);
		}
	}
	close_inlined(&in, out);
	return p < end ? p + 1 : end;
}

void encode_message(const struct schema_type *type, struct span object, struct str *out)
{
	(void)walk_object(type, object.at, object.at + object.len, out);
}

void encode_member(uint32_t number, const struct schema_type *type, struct span object,
		   struct str *out)
{
	size_t begin = begin_bytes(number, out);
	encode_message(type, object, out);
	end_bytes(begin, out);
}
