/*
 * Messages: what protobuf_decode.c makes a tree of, written as canonical.c writes JSON. Clients write
 * a field once, and a list's and a map's parts beside each other; what is otherwise goes by the tree.
 */
#include "common/base/time_text.h"
#include "schemas/base64.h"
#include "schemas/canonical_internal.h"
#include "schemas/protobuf.h"

#define SHORT_MAX 64 /* characters of a quantity */

static bool write_message(struct canonical *c, const struct schema_type *type, struct wire w,
			  struct written *ret);

/* ---- values ---- */

static void add_escaped(char byte, struct str *out)
{
	static const char plain[] = "\"\"\\\\\bb\ff\nn\rr\tt";
	const char *at = strchr(plain, byte);
	if (at)
		str_addf(out, "\\%c", at[1]);
	else
		str_addf(out, "\\u%04x", (unsigned)byte);
}

/* A text between quotes; *ret_inside: as it is written. False: it is no UTF-8, or holds a NUL. */
static bool write_text(struct canonical *c, struct wire text, struct span *ret_inside)
{
	bool is_good = true;
	const char *p = c->p, *end = c->end;
	size_t begin = c->out->len + 1;
	c->p = (const char *)text.at;
	c->end = (const char *)text.end;
	str_add_char(c->out, '"');
	while (is_good && c->p < c->end) {
		const char *from = c->p;
		c->p = canonical_plain(from, c->end);
		str_add_bytes(c->out, from, (size_t)(c->p - from));
		if (c->p == c->end)
			break;
		if ((unsigned char)*c->p >= 0x80)
			is_good = canonical_foreign(c);
		else if ((is_good = *c->p != '\0'))
			add_escaped(*c->p++, c->out);
	}
	str_add_char(c->out, '"');
	c->p = p;
	c->end = end;
	if (!is_good || !str_ok(c->out))
		return false;
	*ret_inside = (struct span){ c->out->data + begin, c->out->len - begin - 1 };
	return true;
}

static bool write_string(struct canonical *c, const struct schema_field *f, struct wire text,
			 struct written *ret)
{
	struct span inside;
	if (!write_text(c, text, &inside))
		return false;
	ret->is_empty = inside.len == 0;
	return canonical_known(f, inside);
}

static bool write_integer(struct canonical *c, const struct schema_field *f, int64_t n,
			  struct written *ret)
{
	char digits[24], *p = digits + sizeof digits;
	uint64_t left = n < 0 ? -(uint64_t)n : (uint64_t)n;
	ret->is_empty = n == 0;
	if (!canonical_within(f, n))
		return false;
	do
		*--p = (char)('0' + left % 10);
	while (left /= 10);
	if (n < 0)
		*--p = '-';
	str_add_bytes(c->out, p, (size_t)(digits + sizeof digits - p));
	return true;
}

static bool write_number(struct canonical *c, const struct schema_field *f,
			 const struct wire_field *w, struct written *ret)
{
	if (w->type != WIRE_VARINT)
		return false;
	if (f->form != SCHEMA_BOOL)
		return write_integer(
			c, f, f->form == SCHEMA_INT32 ? (int32_t)w->value : (int64_t)w->value, ret);
	str_add(c->out, w->value ? "true" : "false");
	ret->is_empty = w->value == 0;
	return true;
}

/* Nothing is written where it is none: null. */
static bool write_moment(struct canonical *c, const struct schema_field *f, struct wire w,
			 struct written *ret)
{
	char text[TIME_TEXT_SIZE];
	struct error ignored;
	ret->is_empty = false;
	if (protobuf_moment(f->form, w, text, &ignored) < 0)
		return false;
	if (!*text)
		return true;
	str_add_char(c->out, '"');
	str_add(c->out, text);
	str_add_char(c->out, '"');
	return true;
}

static bool write_quantity(struct canonical *c, struct wire w, struct written *ret)
{
	char text[SHORT_MAX] = "0";
	struct wire_field f[4] = { 0 };
	struct error ignored;
	ret->is_empty = false;
	if (protobuf_small(w, f, &ignored) < 0)
		return false;
	size_t n = (size_t)(f[1].bytes.end - f[1].bytes.at);
	if (f[1].bytes.at && (n >= sizeof text || memchr(f[1].bytes.at, '\0', n)))
		return false;
	if (f[1].bytes.at) {
		memcpy(text, f[1].bytes.at, n);
		text[n] = '\0';
	}
	return canonical_quantity(c, text);
}

static bool write_int_or_string(struct canonical *c, const struct schema_field *f, struct wire w,
				struct written *ret)
{
	struct wire_field part[4] = { 0 };
	struct error ignored;
	if (protobuf_small(w, part, &ignored) < 0)
		return false;
	if (part[1].value != 1)
		return write_integer(c, f, (int32_t)part[2].value, ret);
	return part[3].bytes.at && write_string(c, f, part[3].bytes, ret);
}

/* JSON as it was given, inside the message. */
static bool write_fields(struct canonical *c, const struct schema_field *f, struct wire w,
			 struct written *ret)
{
	struct wire_field part[4] = { 0 };
	struct error ignored;
	if (protobuf_small(w, part, &ignored) < 0 || part[1].bytes.at == part[1].bytes.end)
		return false;
	const char *p = c->p, *end = c->end;
	c->p = (const char *)part[1].bytes.at;
	c->end = (const char *)part[1].bytes.end;
	canonical_blanks(c);
	bool done = canonical_value(c, f, ret);
	canonical_blanks(c);
	done = done && c->p == c->end;
	c->p = p;
	c->end = end;
	return done;
}

static bool write_value(struct canonical *c, const struct schema_field *f,
			const struct wire_field *w, struct written *ret)
{
	if (f->form == SCHEMA_INT32 || f->form == SCHEMA_INT64 || f->form == SCHEMA_BOOL)
		return write_number(c, f, w, ret);
	if (w->type != WIRE_BYTES)
		return false;
	switch (f->form) {
	case SCHEMA_STRING:
		return write_string(c, f, w->bytes, ret);
	case SCHEMA_BYTES:
		ret->is_empty = w->bytes.at == w->bytes.end;
		str_add_char(c->out, '"');
		base64_add(c->out, w->bytes.at, (size_t)(w->bytes.end - w->bytes.at));
		str_add_char(c->out, '"');
		return true;
	case SCHEMA_TIME:
	case SCHEMA_MICRO_TIME:
		return write_moment(c, f, w->bytes, ret);
	case SCHEMA_QUANTITY:
		return write_quantity(c, w->bytes, ret);
	case SCHEMA_INT_OR_STRING:
		return write_int_or_string(c, f, w->bytes, ret);
	case SCHEMA_OBJECT:
		return write_message(c, f->type, w->bytes, ret);
	case SCHEMA_FIELDS_V1:
		return write_fields(c, f, w->bytes, ret);
	default:
		return false; /* rare: unions, reals, and what is kept as it came */
	}
}

/* ---- lists and maps: this part, and those behind it ---- */

/* The next part of the same field: past it. */
static bool next_part(struct wire *w, struct wire_field *part)
{
	struct wire ahead = *w;
	struct wire_field next;
	struct error ignored;
	if (wire_next(&ahead, &next, &ignored) <= 0 || next.number != part->number)
		return false;
	*w = ahead;
	*part = next;
	return true;
}

static bool write_list(struct canonical *c, const struct schema_field *f, struct wire_field part,
		       struct wire *w)
{
	struct written ignored;
	char before = '[';
	do {
		str_add_char(c->out, before);
		size_t begin = c->out->len;
		if (!write_value(c, f, &part, &ignored) || c->out->len == begin)
			return false;
		before = ',';
	} while (next_part(w, &part));
	str_add_char(c->out, ']');
	return true;
}

static bool write_entry(struct canonical *c, const struct schema_field *f,
			const struct wire_field *part, struct pairs *p)
{
	struct wire_field entry[4] = { 0 };
	struct error error;
	struct written ignored;
	struct span name;
	/* One that leaves something out says that it is empty, which is rare. */
	if (part->type != WIRE_BYTES || protobuf_small(part->bytes, entry, &error) < 0 ||
	    !entry[1].bytes.at || entry[2].number == 0)
		return false;
	struct pair *one = canonical_pair(c, p);
	if (!write_text(c, entry[1].bytes, &name) || memchr(name.at, '\\', name.len))
		return false;
	one->name_len = name.len;
	str_add_char(c->out, ':');
	size_t begin = c->out->len;
	if (!write_value(c, f, &entry[2], &ignored) || c->out->len == begin)
		return false;
	canonical_pair_end(c, p);
	return str_ok(c->out);
}

static bool write_map(struct canonical *c, const struct schema_field *f, struct wire_field part,
		      struct wire *w)
{
	struct pairs p;
	bool is_good;
	canonical_pairs_open(c, &p);
	do
		is_good = write_entry(c, f, &part, &p);
	while (is_good && next_part(w, &part));
	return canonical_pairs_close(c, &p, is_good);
}

/* ---- messages ---- */

/* The field of the number inside `outer`; *ret_within: it stands in an embedded message of it. */
static const struct schema_field *field_numbered(const struct schema_type *type, unsigned outer,
						 const struct wire_field *w, size_t hint,
						 bool *ret_within)
{
	for (size_t i = 0; i < type->fields_count; i++) {
		size_t at =
			hint + i < type->fields_count ? hint + i : hint + i - type->fields_count;
		const struct schema_field *f = &type->fields[at];
		*ret_within = false;
		if (f->proto_outer == outer && f->proto == w->number)
			return f;
		*ret_within = w->type == WIRE_BYTES && f->proto_outer &&
			      protobuf_within(f, outer) == w->number;
		if (*ret_within)
			return f;
	}
	return NULL;
}

static bool write_member(struct canonical *c, const struct schema_type *type,
			 const struct schema_field *f, const struct wire_field *part,
			 struct wire *w, struct members_written *m, struct written *ret)
{
	struct written value = { false };
	size_t begin;
	bool done;
	if (!canonical_member(c, type, f, m, &begin))
		return false;
	size_t head = c->out->len;
	if (f->shape == SCHEMA_ONE)
		done = write_value(c, f, part, &value);
	else
		done = f->shape == SCHEMA_LIST ? write_list(c, f, *part, w)
					       : write_map(c, f, *part, w);
	if (!done)
		return false;
	if (c->out->len == head) /* null */
		str_truncate(c->out, begin);
	else
		canonical_keep(c, type, f, begin, &value, m, ret);
	return true;
}

static bool write_members(struct canonical *c, const struct schema_type *type, unsigned outer,
			  struct wire w, struct members_written *m, struct written *ret)
{
	struct wire_field part;
	struct error ignored;
	int more;
	while ((more = wire_next(&w, &part, &ignored)) > 0) {
		bool is_within;
		const struct schema_field *f =
			field_numbered(type, outer, &part, m->last + 1, &is_within);
		if (!f)
			continue;
		if (is_within
			    ? !write_members(c, type, outer << 8 | part.number, part.bytes, m, ret)
			    : !write_member(c, type, f, &part, &w, m, ret))
			return false;
	}
	return more == 0;
}

static bool write_message(struct canonical *c, const struct schema_type *type, struct wire w,
			  struct written *ret)
{
	struct members_written m;
	return canonical_open(c, type, &m, ret) && write_members(c, type, 0, w, &m, ret) &&
	       canonical_close(c, type, &m, ret);
}

static bool is_said(struct wire text, const char *expected)
{
	size_t n = (size_t)(text.end - text.at);
	return n == 0 || (n == strlen(expected) && memcmp(text.at, expected, n) == 0);
}

bool canonical_write_wire(const struct canonical_options *o, struct span envelope, struct str *out)
{
	struct canonical c = { .options = o, .out = out };
	struct protobuf_envelope e;
	struct error ignored;
	struct written object;
	if (protobuf_open(envelope.at, envelope.len, &e, &ignored) < 0 ||
	    !is_said(e.api_version, o->api_version) || !is_said(e.kind, o->kind))
		return false;
	str_init(&c.scratch, out->max);
	bool done = write_message(&c, o->type, e.raw, &object);
	str_fini(&c.scratch);
	return done && str_ok(out);
}
