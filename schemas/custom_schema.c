/* The JSON schema of a version as structs. */
#include "schemas/custom_internal.h"
#include "schemas/format.h"
#include "schemas/pattern.h"

#define FALLBACK_SIZE_MAX (4u << 20)

static enum custom_form form_of(const json_t *source)
{
	const char *type = json_str_or(source, "type", "");
	for (int form = CUSTOM_OBJECT; form < CUSTOM_FORM_COUNT; form++)
		if (streq(type, custom_form_name((enum custom_form)form)))
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

static int make_list(const json_t *all, size_t depth, struct custom_list *ret, struct error *err)
{
	size_t n = json_array_size(all);
	ret->at = xcalloc(n + 1, sizeof *ret->at);
	for (size_t i = 0; i < n; i++) {
		if (custom_schema_make(json_array_get(all, i), depth + 1, &ret->at[i], err) < 0)
			return err->code;
		ret->count++;
	}
	return 0;
}

/* A format that nobody knows is none. */
static const char *read_format(const struct custom_schema *s)
{
	const char *format = json_str_or(s->source, "format", "");
	bool is_known = false;
	switch (s->is_int_or_string ? CUSTOM_OBJECT : s->form) {
	case CUSTOM_UNTYPED:
	case CUSTOM_STRING:
		is_known = format_is_text(format);
		break;
	case CUSTOM_INTEGER:
		is_known = streq(format, "int32") || streq(format, "int64");
		break;
	case CUSTOM_NUMBER:
		is_known = streq(format, "float") || streq(format, "double");
		break;
	case CUSTOM_OBJECT:
	case CUSTOM_ARRAY:
	case CUSTOM_BOOLEAN:
	case CUSTOM_FORM_COUNT:
		break;
	}
	return is_known ? format : NULL;
}

static int64_t read_bound(const json_t *source, const char *name)
{
	const json_t *bound = json_object_get(source, name);
	return json_is_integer(bound) ? json_integer_value(bound) : -1;
}

static void read_pattern(struct custom_checks *k, const char *text)
{
	struct error ignored;
	k->pattern_text = *text ? text : NULL;
	/* Values are told why it cannot be compiled. */
	if (*text && pattern_compile(text, strlen(text), &k->pattern, &ignored) < 0)
		k->pattern = NULL;
}

static int fill_checks(struct custom_schema *s, size_t depth, struct error *err)
{
	static const char *const least[] = { "minLength", "minItems", "minProperties" };
	static const char *const most[] = { "maxLength", "maxItems", "maxProperties" };
	struct custom_checks *k = &s->checks;
	const json_t *none = json_object_get(s->source, "not");
	k->enums = json_object_get(s->source, "enum");
	k->required = json_object_get(s->source, "required");
	k->least = json_object_get(s->source, "minimum");
	k->most = json_object_get(s->source, "maximum");
	k->multiple = json_object_get(s->source, "multipleOf");
	k->excludes_least = json_bool_or(s->source, "exclusiveMinimum", false);
	k->excludes_most = json_bool_or(s->source, "exclusiveMaximum", false);
	for (int i = 0; i < CUSTOM_BOUND_COUNT; i++) {
		k->min[i] = read_bound(s->source, least[i]);
		k->max[i] = read_bound(s->source, most[i]);
	}
	k->format = read_format(s);
	read_pattern(k, json_str_or(s->source, "pattern", ""));
	if (make_list(json_object_get(s->source, "allOf"), depth, &k->all_of, err) < 0 ||
	    make_list(json_object_get(s->source, "anyOf"), depth, &k->any_of, err) < 0 ||
	    make_list(json_object_get(s->source, "oneOf"), depth, &k->one_of, err) < 0)
		return err->code;
	return none ? custom_schema_make(none, depth + 1, &k->none_of, err) : 0;
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
	if (s->fallback) {
		AUTO_STR text;
		str_init(&text, FALLBACK_SIZE_MAX);
		custom_print_value(s->fallback, &text);
		s->fallback_text = str_take(&text);
	}
	read_merging(s);
	if (make_members(s, depth, err) < 0 || make_rest(s, depth, err) < 0 ||
	    fill_checks(s, depth, err) < 0)
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

static void free_list(struct custom_list *l)
{
	for (size_t i = 0; i < l->count; i++)
		custom_schema_free(l->at[i]);
	free(l->at);
}

void custom_schema_free(struct custom_schema *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->members_count; i++)
		custom_schema_free(s->members[i].schema);
	custom_schema_free(s->items);
	custom_schema_free(s->rest);
	free_list(&s->checks.all_of);
	free_list(&s->checks.any_of);
	free_list(&s->checks.one_of);
	custom_schema_free(s->checks.none_of);
	pattern_free(s->checks.pattern);
	free(s->members);
	free(s->list_keys);
	free(s->fallback_text);
	free(s);
}

const struct custom_schema *custom_member_of(const struct custom_schema *s, const char *name)
{
	const struct custom_member wanted = { .name = name };
	const struct custom_member *found =
		bsearch(&wanted, s->members, s->members_count, sizeof *s->members, by_name);
	return found ? found->schema : NULL;
}
