/* The JSON schema of a version as structs. */
#include "schemas/custom_internal.h"

static enum custom_form form_of(const json_t *source)
{
	static const char *const names[CUSTOM_FORM_COUNT] = {
		[CUSTOM_OBJECT] = "object", [CUSTOM_ARRAY] = "array",
		[CUSTOM_STRING] = "string", [CUSTOM_INTEGER] = "integer",
		[CUSTOM_NUMBER] = "number", [CUSTOM_BOOLEAN] = "boolean",
	};
	const char *type = json_str_or(source, "type", "");
	for (int form = CUSTOM_OBJECT; form < CUSTOM_FORM_COUNT; form++)
		if (streq(type, names[form]))
			return (enum custom_form)form;
	return CUSTOM_UNTYPED;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct custom_member *)a)->name,
		      ((const struct custom_member *)b)->name);
}

static int make_members(struct custom_schema *s, size_t depth, struct error *err)
{
	json_t *all = json_object_get(s->source, "properties"), *one;
	const char *name;
	s->members = xcalloc(json_object_size(all) + 1, sizeof *s->members);
	json_object_foreach (all, name, one) {
		struct custom_member *m = &s->members[s->members_count];
		if (custom_schema_make(one, depth + 1, &m->schema, err) < 0)
			return err->code;
		m->name = name;
		s->members_count++;
	}
	qsort(s->members, s->members_count, sizeof *s->members, by_name);
	return 0;
}

static int make_rest(struct custom_schema *s, size_t depth, struct error *err)
{
	const json_t *rest = json_object_get(s->source, "additionalProperties");
	s->has_rest = rest != NULL;
	s->forbids_rest = json_is_false(rest);
	return json_is_object(rest) ? custom_schema_make(rest, depth + 1, &s->rest, err) : 0;
}

static void read_merging(struct custom_schema *s)
{
	const char *list = json_str_or(s->source, "x-kubernetes-list-type", "");
	const json_t *keys = json_object_get(s->source, "x-kubernetes-list-map-keys");
	s->is_atomic_map = streq(json_str_or(s->source, "x-kubernetes-map-type", ""), "atomic");
	if (streq(list, "set"))
		s->list_type = SCHEMA_LIST_SET;
	else if (streq(list, "map"))
		s->list_type = SCHEMA_LIST_MAP;
	if (s->list_type != SCHEMA_LIST_MAP)
		return;
	s->list_keys = xcalloc(json_array_size(keys) + 1, sizeof *s->list_keys);
	for (size_t i = 0; i < json_array_size(keys); i++)
		s->list_keys[i] = json_string_value(json_array_get(keys, i));
}

static int fill(struct custom_schema *s, size_t depth, struct error *err)
{
	const json_t *items = json_object_get(s->source, "items");
	s->form = form_of(s->source);
	s->is_nullable = json_bool_or(s->source, "nullable", false);
	s->is_int_or_string = json_bool_or(s->source, "x-kubernetes-int-or-string", false);
	s->is_embedded = json_bool_or(s->source, "x-kubernetes-embedded-resource", false);
	s->keeps_unknown = json_bool_or(s->source, "x-kubernetes-preserve-unknown-fields", false);
	s->fallback = json_object_get(s->source, "default");
	read_merging(s);
	if (make_members(s, depth, err) < 0 || make_rest(s, depth, err) < 0)
		return err->code;
	return json_is_object(items) ? custom_schema_make(items, depth + 1, &s->items, err) : 0;
}

int custom_schema_make(const json_t *source, size_t depth, struct custom_schema **ret,
		       struct error *err)
{
	if (depth == CUSTOM_DEPTH_MAX)
		return error_set(err, ERR_INVALID, "the schema is deeper than %d levels",
				 CUSTOM_DEPTH_MAX);
	struct custom_schema *s = xcalloc(1, sizeof *s);
	s->source = source;
	if (fill(s, depth, err) < 0) {
		custom_schema_free(s);
		return err->code;
	}
	*ret = s;
	return 0;
}

void custom_schema_free(struct custom_schema *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->members_count; i++)
		custom_schema_free(s->members[i].schema);
	custom_schema_free(s->items);
	custom_schema_free(s->rest);
	free(s->members);
	free(s->list_keys);
	free(s);
}

const struct custom_schema *custom_member_of(const struct custom_schema *s, const char *name)
{
	const struct custom_member wanted = { .name = name };
	const struct custom_member *found =
		bsearch(&wanted, s->members, s->members_count, sizeof *s->members, by_name);
	return found ? found->schema : NULL;
}
