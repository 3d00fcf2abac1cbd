/* Elements of keyed lists that have none of their keys. */
#include "schemas/field_walk.h"

#include "common/base/jsonx.h"
#include "schemas/path.h"

void field_keyless_text(const struct schema_field *f, const json_t *list, const char *path,
			struct str *why)
{
	size_t i = 0;
	for (; i < json_array_size(list); i++) {
		bool has_one = false;
		for (size_t k = 0; f->list_map_keys && f->list_map_keys[k]; k++)
			has_one |= json_object_get(json_array_get(list, i), f->list_map_keys[k]) !=
				   NULL;
		if (!has_one)
			break;
	}
	str_addf(why,
		 "%s: element %zu: associative list with keys has an element that omits all key "
		 "fields [",
		 path, i);
	for (size_t k = 0; f->list_map_keys && f->list_map_keys[k]; k++)
		str_addf(why, "%s\"%s\"", k ? " " : "", f->list_map_keys[k]);
	str_add(why, "] (and doesn't have default values for any key fields)");
}

static bool find_in(const struct schema_type *type, const json_t *tree, const struct path *at,
		    struct str *ret);

/* The first key that has no default. */
static const char *key_without(const struct schema_field *f, const json_t *element)
{
	for (size_t k = 0; f->list_map_keys && f->list_map_keys[k]; k++)
		if (json_object_get(element, f->list_map_keys[k]))
			return NULL;
	for (size_t k = 0; f->list_map_keys && f->list_map_keys[k]; k++) {
		const struct schema_field *key = schema_field_of(f->type, f->list_map_keys[k]);
		if (!key || !key->default_json)
			return f->list_map_keys[k];
	}
	return NULL;
}

static bool find_in_field(const struct schema_field *f, const json_t *value, const struct path *at,
			  struct str *ret)
{
	if (f->shape == SCHEMA_ONE)
		return find_in(f->type, value, at, ret);
	for (size_t i = 0; f->shape == SCHEMA_LIST && i < json_array_size(value); i++) {
		const json_t *element = json_array_get(value, i);
		const char *key = f->list_type == SCHEMA_LIST_MAP ? key_without(f, element) : NULL;
		if (key) {
			path_text(PATH(PATH_AT(at, i), key), true, ret);
			return true;
		}
		if (find_in(f->type, element, PATH_AT(at, i), ret))
			return true;
	}
	return false;
}

static bool find_in(const struct schema_type *type, const json_t *tree, const struct path *at,
		    struct str *ret)
{
	for (size_t i = 0; i < type->fields_count; i++) {
		const struct schema_field *f = &type->fields[i];
		const json_t *value = json_object_get(tree, f->name);
		if (value && f->form == SCHEMA_OBJECT &&
		    find_in_field(f, value, PATH(at, f->name), ret))
			return true;
	}
	return false;
}

bool field_missing_key(const struct schema_type *type, const json_t *tree, struct str *ret)
{
	return find_in(type, tree, NULL, ret);
}
