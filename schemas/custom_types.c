/*
 * The tables by which server-side apply takes objects apart, made of a schema: objects are structs
 * with a field for what no property names, lists are atomic, sets or maps. What nobody describes
 * is taken apart as far as it is made of objects.
 */
#include "schemas/custom_internal.h"

struct custom_tables {
	struct schema_type **types;
	struct schema_field **rests;
	char **texts; /* printed defaults */
	size_t types_count, rests_count, texts_count;
};

static const struct schema_type free_type;
static const struct schema_field free_field = {
	.name = "", .form = SCHEMA_OBJECT, .type = &free_type, .description = ""
};
static const struct schema_type free_type = {
	.name = "", .description = "", .is_custom = true, .rest = &free_field
};

static const struct schema_type *make_type(struct custom *c, const struct custom_schema *s,
					   bool keeps_unknown);

/* Of a scalar, a list's element, a member: what it is, as a field. */
static void fill_form(struct custom *c, struct schema_field *f, const struct custom_schema *s,
		      bool keeps_unknown)
{
	f->form = SCHEMA_ANY;
	keeps_unknown |= s->keeps_unknown;
	bool is_open = s->form == CUSTOM_UNTYPED && !s->is_int_or_string;
	if (s->form != CUSTOM_OBJECT && !is_open)
		return;
	f->form = SCHEMA_OBJECT;
	f->type = make_type(c, s, keeps_unknown);
}

static void fill_field(struct custom *c, struct schema_field *f, const char *name,
		       const struct custom_schema *s, bool keeps_unknown)
{
	*f = (struct schema_field){ .name = name, .description = "" };
	struct custom_tables *t = c->tables;
	if (s->fallback) {
		AUTO_STR text;
		str_init(&text, 4u << 20);
		json_print(s->fallback, &text);
		t->texts = xrealloc(t->texts, t->texts_count + 1, sizeof *t->texts);
		f->default_json = t->texts[t->texts_count++] = str_take(&text);
	}
	if (s->form != CUSTOM_ARRAY) {
		fill_form(c, f, s, keeps_unknown);
		return;
	}
	f->shape = SCHEMA_LIST;
	f->list_type = s->list_type;
	f->list_map_keys = s->list_keys;
	if (s->items && s->list_type != SCHEMA_LIST_ATOMIC)
		fill_form(c, f, s->items, keeps_unknown || s->keeps_unknown);
	else
		f->form = SCHEMA_ANY;
	/* Elements that are no objects have no keys. */
	if (f->list_type == SCHEMA_LIST_MAP && f->form != SCHEMA_OBJECT)
		f->list_type = SCHEMA_LIST_ATOMIC;
}

static const struct schema_field *make_rest(struct custom *c, const struct custom_schema *s,
					    bool keeps_unknown)
{
	if (!s->rest) {
		bool is_open =
			s->has_rest ? !s->forbids_rest : keeps_unknown || s->members_count == 0;
		return is_open ? &free_field : NULL;
	}
	struct custom_tables *t = c->tables;
	struct schema_field *f = xcalloc(1, sizeof *f);
	t->rests = xrealloc(t->rests, t->rests_count + 1, sizeof *t->rests);
	t->rests[t->rests_count++] = f;
	fill_field(c, f, "", s->rest, keeps_unknown);
	return f;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct schema_field *)a)->name,
		      ((const struct schema_field *)b)->name);
}

/* What every resource has, whatever its schema says about it. */
static size_t fill_head(const struct custom *c, struct schema_field *fields)
{
	fields[0] = (struct schema_field){ .name = "apiVersion", .description = "" };
	fields[1] = (struct schema_field){ .name = "kind", .description = "" };
	fields[2] = (struct schema_field){
		.name = "metadata", .form = SCHEMA_OBJECT, .type = c->meta, .description = ""
	};
	return 3;
}

static void fill_type(struct custom *c, struct schema_type *type, const struct custom_schema *s,
		      bool keeps_unknown)
{
	size_t n = 0;
	bool is_resource = s->is_embedded || s == c->schema;
	struct schema_field *fields = xcalloc(s->members_count + 3 + 1, sizeof *fields);
	uint16_t *order = xcalloc(s->members_count + 3 + 1, sizeof *order);
	keeps_unknown |= s->keeps_unknown;
	if (is_resource)
		n = fill_head(c, fields);
	for (size_t i = 0; i < s->members_count; i++)
		if (!is_resource || !custom_is_head(s->members[i].name))
			fill_field(c, &fields[n++], s->members[i].name, s->members[i].schema,
				   keeps_unknown);
	qsort(fields, n, sizeof *fields, by_name);
	for (size_t i = 0; i < n; i++)
		order[i] = (uint16_t)i;
	*type = (struct schema_type){
		.name = "",
		.fields = fields,
		.fields_count = n,
		.by_name = order,
		.description = "",
		.is_atomic = s->is_atomic_map,
		.is_custom = true,
		.rest = make_rest(c, s, keeps_unknown),
	};
}

static const struct schema_type *make_type(struct custom *c, const struct custom_schema *s,
					   bool keeps_unknown)
{
	struct custom_tables *t = c->tables;
	struct schema_type *type = xcalloc(1, sizeof *type);
	t->types = xrealloc(t->types, t->types_count + 1, sizeof *t->types);
	t->types[t->types_count++] = type;
	fill_type(c, type, s, keeps_unknown);
	return type;
}

void custom_tables_make(struct custom *c)
{
	c->tables = xcalloc(1, sizeof *c->tables);
	fill_type(c, &c->type, c->schema, false);
}

static void free_type_parts(const struct schema_type *type)
{
	free((void *)(uintptr_t)type->fields);
	free((void *)(uintptr_t)type->by_name);
}

void custom_tables_free(struct custom *c)
{
	struct custom_tables *t = c->tables;
	if (!t)
		return;
	free_type_parts(&c->type);
	for (size_t i = 0; i < t->types_count; i++) {
		free_type_parts(t->types[i]);
		free(t->types[i]);
	}
	for (size_t i = 0; i < t->rests_count; i++)
		free(t->rests[i]);
	for (size_t i = 0; i < t->texts_count; i++)
		free(t->texts[i]);
	free(t->types);
	free(t->rests);
	free(t->texts);
	free(t);
}
