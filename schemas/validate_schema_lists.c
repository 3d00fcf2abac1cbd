/* How the lists and objects of a JSON schema are merged. */
#include "schemas/validate_schema.h"

static void check_wants_type(const json_t *s, const char *wanted, const char *why,
			     const struct path *at, struct field_errors *e)
{
	const char *type = type_of(s);
	if (!*type)
		rule_broken(e, FIELD_REQUIRED, PATH(at, "type"), NULL,
			    "must be %s if %s is specified", wanted, why);
	else if (!streq(type, wanted))
		rule_bad_text(e, FIELD_INVALID, PATH(at, "type"), type,
			      "must be %s if %s is specified", wanted, why);
}

static void check_list_keys(const json_t *s, const struct path *at, struct field_errors *e)
{
	const json_t *keys = json_object_get(s, "x-kubernetes-list-map-keys");
	const json_t *items = schema_of(s, "items");
	const json_t *members = json_object_get(items, "properties");
	const json_t *required = json_object_get(items, "required");
	const struct path *keys_at = PATH(at, "x-kubernetes-list-map-keys");
	const struct path *members_at = PATH(PATH(at, "items"), "properties");
	auto_free size_t *firsts = NULL;
	AUTO_NAMES needed;
	rule_names_init(&needed, required, NULL);
	for (size_t i = 0; i < json_array_size(keys); i++) {
		const char *key = json_string_value(json_array_get(keys, i));
		const json_t *member = json_object_get(members, key);
		const char *type = type_of(member);
		if (!member)
			rule_broken(e, FIELD_INVALID, keys_at, keys,
				    "entries must all be names of item properties");
		else if (streq(type, "array") || streq(type, "object"))
			rule_bad_text(e, FIELD_INVALID, PATH(PATH_OF(members_at, key), "type"),
				      type_of(items),
				      "must be a scalar type if parent array's "
				      "x-kubernetes-list-type is map");
		if (rule_is_again(&firsts, keys, i, NULL))
			rule_broken(e, FIELD_INVALID, keys_at, keys,
				    "must not contain duplicate entries");
	}
	if (json_bool_or(items, "nullable", false))
		rule_broken(e, FIELD_FORBIDDEN, PATH(PATH(at, "items"), "nullable"), NULL,
			    "cannot be nullable when x-kubernetes-list-type is map");
	for (size_t i = 0; i < json_array_size(keys); i++) {
		const char *key = json_string_value(json_array_get(keys, i));
		const json_t *member = json_object_get(members, key);
		if (member && !rule_names_has(&needed, key) && !has(member, "default"))
			rule_broken(e, FIELD_REQUIRED, PATH(PATH_OF(members_at, key), "default"),
				    NULL,
				    "this property is in x-kubernetes-list-map-keys, so it must "
				    "have a default or be a required property");
		if (json_bool_or(member, "nullable", false))
			rule_broken(e, FIELD_FORBIDDEN, PATH(PATH_OF(members_at, key), "nullable"),
				    NULL,
				    "this property is in x-kubernetes-list-map-keys, so it cannot "
				    "be nullable");
	}
}

/* Elements of a set are compared whole. */
static void check_set(const json_t *items, const struct path *at, struct field_errors *e)
{
	static const char why[] =
		"must be atomic as item of a list with x-kubernetes-list-type=set";
	const json_t *list = json_object_get(items, "x-kubernetes-list-type");
	const char *map = json_str_or(items, "x-kubernetes-map-type", "");
	AUTO_JSON *none = json_null();
	if (streq(type_of(items), "array") && list && !streq(json_string_value(list), "atomic"))
		rule_broken(e, FIELD_INVALID, PATH(at, "x-kubernetes-list-type"), list, "%s", why);
	if (streq(type_of(items), "object") && !streq(map, "atomic"))
		rule_broken(e, FIELD_INVALID, PATH(at, "x-kubernetes-map-type"), list ? list : none,
			    "%s", why);
}

static void check_not_nullable(const json_t *items, const char *list, const struct path *at,
			       struct field_errors *e)
{
	if (json_bool_or(items, "nullable", false))
		rule_broken(e, FIELD_FORBIDDEN, PATH(PATH(at, "items"), "nullable"), NULL,
			    "cannot be nullable when x-kubernetes-list-type is %s", list);
}

/* How lists and objects are merged. */
void validate_schema_merging(const json_t *s, const struct path *at, struct field_errors *e)
{
	static const char *const lists[] = { "atomic", "set", "map", NULL };
	static const char *const maps[] = { "atomic", "granular", NULL };
	const char *list = json_str(s, "x-kubernetes-list-type");
	const char *map = json_str(s, "x-kubernetes-map-type");
	const json_t *keys = json_object_get(s, "x-kubernetes-list-map-keys");
	const json_t *items = schema_of(s, "items");
	const struct path *list_at = PATH(at, "x-kubernetes-list-type");
	if (map) {
		check_wants_type(s, "object", "x-kubernetes-map-type", at, e);
		if (!rule_is_one_of(map, maps))
			rule_unsupported(e, PATH(at, "x-kubernetes-map-type"), map, maps);
	}
	if (list) {
		check_wants_type(s, "array", "x-kubernetes-list-type", at, e);
		if (streq(list, "set") && streq(type_of(s), "array") && items)
			check_set(items, PATH(at, "items"), e);
		if (!rule_is_one_of(list, lists))
			rule_unsupported(e, list_at, list, lists);
	}
	if (json_array_size(keys) && !list)
		rule_broken(e, FIELD_REQUIRED, list_at, NULL,
			    "must be map if x-kubernetes-list-map-keys is non-empty");
	else if (json_array_size(keys) && !streq(list, "map"))
		rule_bad_text(e, FIELD_INVALID, list_at, list,
			      "must be map if x-kubernetes-list-map-keys is non-empty");
	if (list && streq(list, "set"))
		check_not_nullable(items, list, at, e);
	if (!list || !streq(list, "map"))
		return;
	if (!json_array_size(keys))
		rule_broken(e, FIELD_REQUIRED, PATH(at, "x-kubernetes-list-map-keys"), NULL,
			    "must not be empty if x-kubernetes-list-type is map");
	if (!has(s, "items"))
		rule_broken(e, FIELD_REQUIRED, PATH(at, "items"), NULL,
			    "must have a schema if x-kubernetes-list-type is map");
	if (items && !streq(type_of(items), "object")) {
		rule_bad_text(e, FIELD_INVALID, PATH(PATH(at, "items"), "type"), type_of(items),
			      "must be object if parent array's x-kubernetes-list-type is map");
		check_not_nullable(items, list, at, e);
	} else if (items) {
		check_list_keys(s, at, e);
	}
}
