#include "schemas/canonical_internal.h"
#include "schemas/custom.h"

/* ---- lists and maps ---- */

static bool write_list(struct canonical *c, const struct schema_field *f, struct written *ret)
{
	struct written ignored;
	ret->is_empty = true;
	str_add_char(c->out, '[');
	if (!canonical_past(c, '['))
		return false;
	while (c->p < c->end && *c->p != ']') {
		if (!ret->is_empty && !canonical_past(c, ','))
			return false;
		if (!ret->is_empty)
			str_add_char(c->out, ',');
		ret->is_empty = false;
		if (!canonical_value(c, f, &ignored))
			return false;
		canonical_blanks(c);
	}
	str_add_char(c->out, ']');
	return c->p++ < c->end;
}

static int pair_order(const char *text, const struct pair *a, const struct pair *b)
{
	int order = memcmp(text + a->whole.at + 1, text + b->whole.at + 1,
			   MIN(a->name_len, b->name_len));
	if (order)
		return order;
	return a->name_len < b->name_len ? -1 : a->name_len > b->name_len;
}

static int by_name(const void *a, const void *b, void *text)
{
	return pair_order(text, a, b);
}

static struct pair *add_pair(struct pairs *p)
{
	if (p->count == p->size) {
		struct pair *old = p->at;
		p->size *= 4;
		p->at = xcalloc(p->size, sizeof *p->at);
		memcpy(p->at, old, p->count * sizeof *old);
		if (old != p->small)
			free(old);
	}
	return &p->at[p->count++];
}

void canonical_pairs_open(struct canonical *c, struct pairs *p)
{
	p->at = p->small;
	p->count = 0;
	p->size = ARRAY_LEN(p->small);
	p->is_in_order = true;
	str_add_char(c->out, '{');
	p->begin = c->out->len;
}

struct pair *canonical_pair(struct canonical *c, struct pairs *p)
{
	if (p->count)
		str_add_char(c->out, ',');
	struct pair *one = add_pair(p);
	one->whole.at = c->out->len;
	return one;
}

void canonical_pair_end(struct canonical *c, struct pairs *p)
{
	struct pair *one = &p->at[p->count - 1];
	one->whole.len = c->out->len - one->whole.at;
	if (p->count > 1 && pair_order(c->out->data, one - 1, one) >= 0)
		p->is_in_order = false;
}

static bool read_pairs(struct canonical *c, const struct schema_field *f, struct pairs *p)
{
	struct written ignored;
	while (c->p < c->end && *c->p != '}') {
		if (p->count && !canonical_past(c, ','))
			return false;
		struct pair *one = canonical_pair(c, p);
		struct span name;
		/* Names that JSON escapes sort by what they mean: they come up rarely. */
		if (!canonical_text(c, &name) || memchr(name.at, '\\', name.len) ||
		    !canonical_past(c, ':'))
			return false;
		one->name_len = name.len;
		str_add_char(c->out, ':');
		if (!canonical_value(c, f, &ignored))
			return false;
		canonical_pair_end(c, p);
		canonical_blanks(c);
	}
	return c->p++ < c->end && str_ok(c->out);
}

/* False: there are two of one name. */
static bool sort_pairs(struct canonical *c, struct pairs *p)
{
	char *text = c->out->data;
	size_t mark = c->scratch.len;
	qsort_r(p->at, p->count, sizeof *p->at, by_name, text);
	for (size_t i = 0; i < p->count; i++) {
		if (i && pair_order(text, &p->at[i - 1], &p->at[i]) == 0)
			return false;
		if (i)
			str_add_char(&c->scratch, ',');
		str_add_bytes(&c->scratch, text + p->at[i].whole.at, p->at[i].whole.len);
	}
	assert(c->scratch.len - mark == c->out->len - p->begin);
	memcpy(text + p->begin, c->scratch.data + mark, c->scratch.len - mark);
	str_truncate(&c->scratch, mark);
	return true;
}

bool canonical_pairs_close(struct canonical *c, struct pairs *p, bool is_good)
{
	bool done = is_good && str_ok(c->out) && (p->is_in_order || sort_pairs(c, p));
	if (p->at != p->small)
		free(p->at);
	str_add_char(c->out, '}');
	return done;
}

static bool write_map(struct canonical *c, const struct schema_field *f, struct written *ret)
{
	struct pairs p;
	canonical_pairs_open(c, &p);
	bool is_good = canonical_past(c, '{') && read_pairs(c, f, &p);
	ret->is_empty = p.count == 0;
	return canonical_pairs_close(c, &p, is_good);
}

static bool write_shape(struct canonical *c, const struct schema_field *f, struct written *ret)
{
	if (f->shape == SCHEMA_LIST)
		return write_list(c, f, ret);
	if (f->shape == SCHEMA_MAP)
		return write_map(c, f, ret);
	return canonical_value(c, f, ret);
}

/* ---- structs ---- */

static const struct schema_field *field_named(const struct schema_type *type, size_t hint,
					      struct span name)
{
	for (size_t i = 0; i < type->fields_count; i++) {
		size_t at =
			hint + i < type->fields_count ? hint + i : hint + i - type->fields_count;
		const struct schema_field *f = &type->fields[at];
		if (strncmp(f->name, name.at, name.len) == 0 && !f->name[name.len])
			return f;
	}
	return NULL;
}

static void add_name(struct canonical *c, const struct schema_field *f)
{
	str_add_char(c->out, '"');
	str_add(c->out, f->name);
	str_add_bytes(c->out, "\":", 2);
}

/* A name without escapes, between its quotes. */
static bool read_name(struct canonical *c, struct span *ret)
{
	const char *from = c->p + 1;
	if (c->p >= c->end || *c->p != '"')
		return false;
	for (c->p++; c->p < c->end && *c->p != '"'; c->p++)
		if (*c->p == '\\' || (unsigned char)*c->p < ' ' || (unsigned char)*c->p >= 0x80)
			return false;
	*ret = (struct span){ from, (size_t)(c->p - from) };
	return c->p < c->end && canonical_past(c, '"') && canonical_past(c, ':');
}

/* What a default of the table, or nothing, stands for. */
static bool counts_as_absent(const struct schema_field *f, const struct written *w)
{
	return w->is_empty && (f->shape != SCHEMA_ONE || !f->keeps_empty);
}

bool canonical_open(struct canonical *c, const struct schema_type *type, struct members_written *m,
		    struct written *ret)
{
	m->seen = m->there = 0;
	m->is_in_order = true;
	m->last = SIZE_MAX;
	m->begin = c->out->len;
	ret->is_empty = true;
	return type->fields_count <= CANONICAL_FIELDS_MAX && !type->is_custom &&
	       ++c->depth <= CANONICAL_DEPTH_MAX;
}

bool canonical_member(struct canonical *c, const struct schema_type *type,
		      const struct schema_field *f, struct members_written *m, size_t *ret_begin)
{
	size_t place = (size_t)(f - type->fields);
	if (m->seen >> place & 1)
		return false;
	m->seen |= (uint64_t)1 << place;
	*ret_begin = c->out->len;
	str_add_char(c->out, ',');
	add_name(c, f);
	return true;
}

static void note_member(struct canonical *c, size_t place, size_t at, struct members_written *m)
{
	m->is_in_order &= m->there == 0 || place > m->last;
	m->last = place;
	m->there |= (uint64_t)1 << place;
	m->at[place] = (struct piece){ at, c->out->len - at };
}

void canonical_keep(struct canonical *c, const struct schema_type *type,
		    const struct schema_field *f, size_t begin, const struct written *value,
		    struct members_written *m, struct written *ret)
{
	/* It is a member of the object all the same. */
	ret->is_empty = false;
	if (counts_as_absent(f, value))
		str_truncate(c->out, begin);
	else
		note_member(c, (size_t)(f - type->fields), begin + 1, m);
}

static bool read_member(struct canonical *c, const struct schema_type *type,
			struct members_written *m, struct written *ret)
{
	struct span name;
	struct written value;
	size_t begin;
	if (!read_name(c, &name))
		return false;
	const struct schema_field *f = field_named(type, m->last + 1, name);
	if (!f)
		return c->options->prunes && canonical_skip(c);
	if (!canonical_member(c, type, f, m, &begin))
		return false;
	if (canonical_null(c)) {
		str_truncate(c->out, begin);
		return true;
	}
	if (!write_shape(c, f, &value))
		return false;
	canonical_keep(c, type, f, begin, &value, m, ret);
	return true;
}

static const char *zero_text(const struct schema_field *f)
{
	if (f->shape != SCHEMA_ONE)
		return f->shape == SCHEMA_LIST ? "[]" : "{}";
	switch (f->form) {
	case SCHEMA_STRING:
	case SCHEMA_BYTES:
		return "\"\"";
	case SCHEMA_INT32:
	case SCHEMA_INT64:
	case SCHEMA_DOUBLE:
	case SCHEMA_INT_OR_STRING:
		return "0";
	case SCHEMA_BOOL:
		return "false";
	case SCHEMA_QUANTITY:
		return "\"0\"";
	default:
		return NULL;
	}
}

/* A member that did not come, or came empty, as JSON; NULL: there is none. */
static const char *text_of_absent(const struct schema_field *f)
{
	if (f->default_json)
		return f->default_json;
	if (!f->is_always_written)
		return NULL;
	return f->form == SCHEMA_OBJECT && f->shape == SCHEMA_ONE ? "{}" : zero_text(f);
}

/* Written at the end like one that came. */
static bool add_absent(struct canonical *c, const struct schema_type *type, size_t place,
		       struct members_written *m, struct written *ret)
{
	const struct schema_field *f = &type->fields[place];
	const char *text = text_of_absent(f), *p = c->p, *end = c->end;
	struct written value;
	if (!text)
		return true;
	/* In the tree, a default and an object with defaults are members; a zero is none. */
	bool is_member = f->default_json || (f->form == SCHEMA_OBJECT && f->shape == SCHEMA_ONE);
	str_add_char(c->out, ',');
	size_t at = c->out->len;
	add_name(c, f);
	c->p = text;
	c->end = text + strlen(text);
	/* A zero need not meet the bounds of what is given. */
	bool done = true;
	if (is_member)
		done = write_shape(c, f, &value);
	else
		str_add(c->out, text);
	c->p = p;
	c->end = end;
	if (is_member)
		ret->is_empty = false;
	if (is_member && done && !f->is_always_written && counts_as_absent(f, &value)) {
		str_truncate(c->out, at - 1);
		return true;
	}
	note_member(c, place, at, m);
	return done;
}

/* The members as the table has them. */
static void put_in_order(struct canonical *c, const struct schema_type *type,
			 const struct members_written *m)
{
	size_t mark = c->scratch.len;
	if (m->is_in_order || !str_ok(c->out))
		return;
	for (size_t i = 0; i < type->fields_count; i++) {
		if (!(m->there >> i & 1))
			continue;
		str_add_char(&c->scratch, ',');
		str_add_bytes(&c->scratch, c->out->data + m->at[i].at, m->at[i].len);
	}
	assert(c->scratch.len - mark == c->out->len - m->begin);
	memcpy(c->out->data + m->begin, c->scratch.data + mark, c->scratch.len - mark);
	str_truncate(&c->scratch, mark);
}

/* apiVersion and kind: what the endpoint says, if the body says nothing else. */
static bool put_type(struct canonical *c, const struct schema_type *type, struct members_written *m)
{
	const char *const texts[] = { c->options->api_version, c->options->kind };
	static const char *const names[] = { "apiVersion", "kind" };
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		if (type->fields_count <= i || strcmp(type->fields[i].name, names[i]) != 0)
			return false;
		size_t head = strlen(names[i]) + 3, n = strlen(texts[i]);
		if (m->there >> i & 1) {
			const char *given = c->out->data + m->at[i].at + head;
			if (m->at[i].len != head + n + 2 || memcmp(given + 1, texts[i], n) != 0)
				return false;
			continue;
		}
		str_add_char(c->out, ',');
		m->at[i].at = c->out->len;
		add_name(c, &type->fields[i]);
		str_add_char(c->out, '"');
		str_add(c->out, texts[i]);
		str_add_char(c->out, '"');
		m->at[i].len = c->out->len - m->at[i].at;
		m->is_in_order = false;
		m->there |= (uint64_t)1 << i;
	}
	return str_ok(c->out);
}

bool canonical_close(struct canonical *c, const struct schema_type *type, struct members_written *m,
		     struct written *ret)
{
	if (c->depth == 1 && !put_type(c, type, m))
		return false;
	for (size_t i = 0; i < type->fields_count; i++)
		if (!(m->there >> i & 1) && !add_absent(c, type, i, m, ret))
			return false;
	put_in_order(c, type, m);
	if (!str_ok(c->out))
		return false;
	if (m->there)
		c->out->data[m->begin] = '{'; /* where the first one's comma stands */
	else
		str_add_char(c->out, '{');
	str_add_char(c->out, '}');
	c->depth--;
	return true;
}

bool canonical_object(struct canonical *c, const struct schema_type *type, struct written *ret)
{
	struct members_written m;
	if (!canonical_open(c, type, &m, ret) || !canonical_past(c, '{'))
		return false;
	for (bool is_first = true; c->p < c->end && *c->p != '}'; is_first = false) {
		if (!is_first && !canonical_past(c, ','))
			return false;
		if (!read_member(c, type, &m, ret))
			return false;
		canonical_blanks(c);
	}
	return c->p++ < c->end && canonical_close(c, type, &m, ret);
}

bool canonical_write(const struct canonical_options *o, struct span json, struct str *out)
{
	struct canonical c = { .options = o, .p = json.at, .end = json.at + json.len, .out = out };
	struct written ignored;
	str_init(&c.scratch, out->max);
	canonical_blanks(&c);
	bool done = o->type->is_custom ? canonical_custom(&c, custom_of(o->type))
				       : canonical_object(&c, o->type, &ignored);
	canonical_blanks(&c);
	str_fini(&c.scratch);
	return done && c.p == c.end && str_ok(out);
}
