/* Lists that are sets or maps: no element twice. */
#include "common/base/map.h"
#include "schemas/custom_check.h"

#define TEXT_SIZE_MAX (4u << 20)

/* Equal values and no others have equal texts; 1 and 1.0 differ. */
static char *identity(const json_t *value)
{
	AUTO_STR text;
	str_init(&text, TEXT_SIZE_MAX);
	str_add(&text, json_is_real(value) ? "r" : "v");
	custom_print_value(value, &text);
	return str_take(&text);
}

/* What tells one element of a map from another: the keys that it has. */
static json_t *keys_of(const struct custom_schema *s, const json_t *item)
{
	json_t *keys = json_object();
	for (size_t i = 0; s->list_keys[i]; i++) {
		json_t *value = json_object_get(item, s->list_keys[i]);
		if (value)
			json_object_set(keys, s->list_keys[i], value);
	}
	return keys;
}

/* A second one is named, later ones are not. */
static void check_unique(const struct custom_schema *s, const json_t *list, const struct path *at,
			 struct field_errors *e)
{
	static const char once[] = "once", twice[] = "twice";
	struct map seen = { 0 };
	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *item = json_array_get(list, i);
		AUTO_JSON *shown =
			s->list_type == SCHEMA_LIST_MAP ? keys_of(s, item) : json_incref(item);
		auto_free char *text = identity(shown);
		const char *before = map_get(&seen, text);
		if (before == once)
			rule_broken(e, FIELD_DUPLICATE, PATH_AT(at, i), shown, "%s", "");
		(void)map_put(&seen, text, (void *)(uintptr_t)(before ? twice : once));
	}
	map_fini(&seen);
}

static void check_value(const struct custom_schema *s, const json_t *value, const struct path *at,
			struct field_errors *e);

static void check_list(const struct custom_schema *s, const json_t *list, const struct path *at,
		       struct field_errors *e)
{
	bool is_map = s->list_type == SCHEMA_LIST_MAP && s->list_keys;
	size_t n = json_array_size(list);
	for (size_t i = 0; is_map && i < n; i++) {
		const json_t *item = json_array_get(list, i);
		if (json_is_object(item) || json_is_null(item))
			continue;
		rule_broken(e, FIELD_INVALID, PATH_AT(at, i), item,
			    "must be an object for an array of list-type map");
		is_map = false;
	}
	if (is_map || s->list_type == SCHEMA_LIST_SET)
		check_unique(s, list, at, e);
	for (size_t i = 0; s->items && i < n; i++)
		check_value(s->items, json_array_get(list, i), PATH_AT(at, i), e);
}

static void check_value(const struct custom_schema *s, const json_t *value, const struct path *at,
			struct field_errors *e)
{
	const char *name;
	json_t *member;
	if (json_is_array(value)) {
		check_list(s, value, at, e);
		return;
	}
	json_object_foreach ((json_t *)(uintptr_t)value, name, member) {
		const struct custom_schema *its = custom_member_of(s, name);
		if (s->rest)
			check_value(s->rest, member, PATH_OF(at, name), e);
		if (its)
			check_value(its, member, PATH(at, name), e);
	}
}

void custom_check_lists(const struct custom_schema *s, const json_t *tree, struct field_errors *e)
{
	check_value(s, tree, NULL, e);
}
