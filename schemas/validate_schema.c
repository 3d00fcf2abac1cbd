/*
 * The schemas of a CustomResourceDefinition: what may stand in one at all, and that it is
 * structural, so that tables can be made of it. Source: the rules of apiextensions, v1.
 */
#include "schemas/rule_hook.h"

enum level { ROOT, ITEM, MEMBER };

static bool has(const json_t *o, const char *name)
{
	return json_object_get(o, name) != NULL;
}

/* A member that is a schema, not a list or a truth value in its place. */
static const json_t *schema_of(const json_t *o, const char *name)
{
	const json_t *value = json_object_get(o, name);
	return json_is_object(value) ? value : NULL;
}

static const char *type_of(const json_t *schema)
{
	return json_str_or(schema, "type", "");
}

/* ---- structural: every value has a known type ---- */

static void check_nested(const json_t *v, bool skips_any_of, enum level level,
			 const struct path *at, struct field_errors *e);

static bool is_int_or_string(const json_t *any_of)
{
	return json_array_size(any_of) == 2 &&
	       streq(type_of(json_array_get(any_of, 0)), "integer") &&
	       streq(type_of(json_array_get(any_of, 1)), "string") &&
	       json_object_size(json_array_get(any_of, 0)) == 1 &&
	       json_object_size(json_array_get(any_of, 1)) == 1;
}

/* allOf, anyOf, oneOf, not. */
static void check_values(const json_t *v, bool skips_any_of, bool skips_first, enum level level,
			 const struct path *at, struct field_errors *e)
{
	static const char *const lists[] = { "anyOf", "allOf", "oneOf" };
	for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
		const json_t *list = json_object_get(v, lists[l]);
		for (size_t i = 0; i < json_array_size(list) && !(l == 0 && skips_any_of); i++)
			check_nested(json_array_get(list, i), l == 1 && i == 0 && skips_first,
				     level, PATH_AT(PATH(at, lists[l]), i), e);
	}
	check_nested(schema_of(v, "not"), false, level, PATH(at, "not"), e);
}

static void check_nested(const json_t *v, bool skips_any_of, enum level level,
			 const struct path *at, struct field_errors *e)
{
	static const struct {
		const char *name, *words;
	} never[] = {
		{ "type", "must be empty to be structural" },
		{ "additionalProperties", "must be undefined to be structural" },
		{ "default", "must be undefined to be structural" },
		{ "title", "must be empty to be structural" },
		{ "description", "must be empty to be structural" },
		{ "nullable", "must be false to be structural" },
		{ "x-kubernetes-preserve-unknown-fields", "must be false to be structural" },
		{ "x-kubernetes-embedded-resource", "must be false to be structural" },
		{ "x-kubernetes-int-or-string", "must be false to be structural" },
		{ "x-kubernetes-list-map-keys", "must be empty to be structural" },
		{ "x-kubernetes-list-type", "must be undefined to be structural" },
		{ "x-kubernetes-map-type", "must be undefined to be structural" },
		{ "x-kubernetes-validations", "must be empty to be structural" },
	};
	const char *name;
	json_t *member;
	if (!v)
		return;
	check_values(v, skips_any_of, false, level, at, e);
	check_nested(schema_of(v, "items"), false, level, PATH(at, "items"), e);
	json_object_foreach (json_object_get(v, "properties"), name, member)
		check_nested(member, false, MEMBER, PATH_OF(PATH(at, "properties"), name), e);
	for (size_t i = 0; i < ARRAY_LEN(never); i++) {
		if (!rule_same(json_object_get(v, never[i].name), NULL))
			rule_broken(e, FIELD_FORBIDDEN, PATH(at, never[i].name), NULL, "%s",
				    never[i].words);
	}
	if (has(json_object_get(v, "properties"), "metadata"))
		rule_broken(e, FIELD_FORBIDDEN, PATH_OF(PATH(at, "properties"), "metadata"), NULL,
			    "must not be specified in a nested context");
}

static void check_root_metadata(const json_t *meta, const struct path *at, struct field_errors *e)
{
	AUTO_JSON *rest = json_copy((json_t *)(uintptr_t)meta);
	AUTO_JSON *members = json_copy(json_object_get(meta, "properties"));
	size_t before = json_object_size(members);
	json_object_del(members, "name");
	json_object_del(members, "generateName");
	json_object_del(rest, "type");
	json_object_del(rest, "default");
	if (before && !json_object_size(members))
		json_object_del(rest, "properties");
	/* Checks of values alone would not make it anything else. */
	if (!rule_same(rest, NULL) || json_object_size(rest))
		rule_broken(e, FIELD_FORBIDDEN, at, NULL,
			    "must not specify anything other than name and generateName, but "
			    "metadata is implicitly specified");
}

static void check_extensions(const json_t *s, enum level level, const struct path *at,
			     struct field_errors *e)
{
	static const char *const where[] = { "at the root", "for specified array items",
					     "for specified object fields" };
	bool embeds = json_bool_or(s, "x-kubernetes-embedded-resource", false);
	bool keeps = json_bool_or(s, "x-kubernetes-preserve-unknown-fields", false);
	bool is_either = json_bool_or(s, "x-kubernetes-int-or-string", false);
	const char *type = type_of(s);
	AUTO_JSON *yes = json_true();
	if (is_either && keeps)
		rule_broken(e, FIELD_INVALID, PATH(at, "x-kubernetes-preserve-unknown-fields"), yes,
			    "must be false if x-kubernetes-int-or-string is true");
	if (is_either && embeds)
		rule_broken(e, FIELD_INVALID, PATH(at, "x-kubernetes-embedded-resource"), yes,
			    "must be false if x-kubernetes-int-or-string is true");
	if (embeds && !*type)
		rule_broken(e, FIELD_REQUIRED, PATH(at, "type"), NULL,
			    "must be object if x-kubernetes-embedded-resource is true");
	else if (embeds && !streq(type, "object"))
		rule_bad_text(e, FIELD_INVALID, PATH(at, "type"), type,
			      "must be object if x-kubernetes-embedded-resource is true");
	else if (!*type && !is_either && !keeps)
		rule_broken(e, FIELD_REQUIRED, PATH(at, "type"), NULL, "must not be empty %s",
			    where[level]);
	if (embeds && has(s, "additionalProperties"))
		rule_broken(e, FIELD_FORBIDDEN, PATH(at, "additionalProperties"), NULL,
			    "must not be used if x-kubernetes-embedded-resource is set");
	if (level == ROOT && *type && !streq(type, "object"))
		rule_bad_text(e, FIELD_INVALID, PATH(at, "type"), type,
			      "must be object at the root");
	if (embeds && !keeps && !json_object_size(json_object_get(s, "properties")))
		rule_broken(e, FIELD_REQUIRED, PATH(at, "properties"), NULL,
			    "must not be empty if x-kubernetes-embedded-resource is true without "
			    "x-kubernetes-preserve-unknown-fields");
}

/* kind, apiVersion and metadata of an object. */
static void check_type_meta(const json_t *s, enum level level, const struct path *at,
			    struct field_errors *e)
{
	static const char *const texts[] = { "kind", "apiVersion" };
	const json_t *members = json_object_get(s, "properties");
	const json_t *meta = json_object_get(members, "metadata");
	at = PATH(at, "properties");
	if (level != ROOT && !json_bool_or(s, "x-kubernetes-embedded-resource", false))
		return;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		const json_t *one = json_object_get(members, texts[i]);
		if (one && !streq(type_of(one), "string"))
			rule_bad_text(e, FIELD_INVALID, PATH(PATH_OF(at, texts[i]), "type"),
				      type_of(one), "must be string");
	}
	if (meta && !streq(type_of(meta), "object"))
		rule_bad_text(e, FIELD_INVALID, PATH(PATH_OF(at, "metadata"), "type"),
			      type_of(meta), "must be object");
	if (meta && level == ROOT)
		check_root_metadata(meta, PATH_OF(at, "metadata"), e);
}

static void check_structure(const json_t *s, enum level level, const struct path *at,
			    struct field_errors *e)
{
	const char *name;
	json_t *member;
	if (!s)
		return;
	const json_t *items = schema_of(s, "items");
	const json_t *first = json_array_get(json_object_get(s, "allOf"), 0);
	if (streq(type_of(s), "array") && !items)
		rule_broken(e, FIELD_REQUIRED, PATH(at, "items"), NULL, "must be specified");
	check_structure(items, ITEM, PATH(at, "items"), e);
	json_object_foreach (json_object_get(s, "properties"), name, member)
		check_structure(member, MEMBER, PATH_OF(PATH(at, "properties"), name), e);
	if (has(s, "additionalProperties") && level == ROOT)
		rule_broken(e, FIELD_FORBIDDEN, PATH(at, "additionalProperties"), NULL,
			    "must not be used at the root");
	check_structure(schema_of(s, "additionalProperties"), MEMBER,
			PATH(at, "additionalProperties"), e);
	check_values(s, is_int_or_string(json_object_get(s, "anyOf")),
		     is_int_or_string(json_object_get(first, "anyOf")), level, at, e);
	check_extensions(s, level, at, e);
	check_type_meta(s, level, at, e);
}

/* ---- complete: what values are checked is also described ---- */

static void check_complete_values(const json_t *v, const json_t *s, const struct path *at,
				  const struct path *from, struct field_errors *e);

static void check_complete(const json_t *v, const json_t *s, const struct path *at,
			   const struct path *from, struct field_errors *e)
{
	const char *name;
	json_t *member;
	if (!v)
		return;
	if (!s) {
		auto_free char *where = path_dup(from);
		rule_broken(e, FIELD_REQUIRED, at, NULL, "because it is defined in %s", where);
		return;
	}
	check_complete_values(v, s, at, from, e);
	check_complete(schema_of(v, "items"), schema_of(s, "items"), PATH(at, "items"),
		       PATH(from, "items"), e);
	json_object_foreach (json_object_get(v, "properties"), name, member)
		check_complete(member, json_object_get(json_object_get(s, "properties"), name),
			       PATH_OF(PATH(at, "properties"), name),
			       PATH_OF(PATH(from, "properties"), name), e);
}

static void check_complete_values(const json_t *v, const json_t *s, const struct path *at,
				  const struct path *from, struct field_errors *e)
{
	static const char *const lists[] = { "allOf", "anyOf", "oneOf" };
	check_complete(schema_of(v, "not"), s, at, PATH(from, "not"), e);
	for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
		const json_t *list = json_object_get(v, lists[l]);
		for (size_t i = 0; i < json_array_size(list); i++)
			check_complete(json_array_get(list, i), s, at,
				       PATH_AT(PATH(from, lists[l]), i), e);
	}
}

static int by_text(const void *a, const void *b)
{
	AUTO_STR x, y;
	str_init(&x, 1 << 14);
	str_init(&y, 1 << 14);
	field_error_text(a, &x);
	field_error_text(b, &y);
	return strcmp(x.data, y.data);
}

static void check_structural(const json_t *schema, const struct path *at, struct field_errors *e)
{
	struct field_errors found = { 0 };
	check_structure(schema, ROOT, at, &found);
	check_complete_values(schema, schema, at, at, &found);
	if (found.count)
		qsort(found.at, found.count, sizeof *found.at, by_text);
	for (size_t i = 0; i < found.count; i++)
		field_errors_move(e, &found.at[i]);
	free(found.at);
}

/* ---- what may stand in a schema ---- */

static void check_words(const json_t *s, const struct path *at, struct field_errors *e)
{
	static const char *const types[] = { "array",  "boolean", "integer", "number",
					     "object", "string",  NULL };
	static const char *const never[] = { "id",          "additionalItems", "patternProperties",
					     "definitions", "dependencies",    "$ref" };
	const char *type = type_of(s);
	if (*type && !rule_is_one_of(type, types))
		rule_unsupported(e, PATH(at, "type"), type, types);
	for (size_t i = 0; i < ARRAY_LEN(never); i++)
		if (has(s, never[i]))
			rule_broken(e, FIELD_FORBIDDEN, PATH(at, never[i]), NULL,
				    "%s is not supported", never[i]);
	if (streq(type, "null"))
		rule_broken(e, FIELD_FORBIDDEN, PATH(at, "type"), NULL,
			    "type cannot be set to null, use nullable as an alternative");
	if (json_is_array(json_object_get(s, "items")))
		rule_broken(e, FIELD_FORBIDDEN, PATH(at, "items"), NULL,
			    "items must be a schema object and not an array");
	if (json_bool_or(s, "uniqueItems", false))
		rule_broken(e, FIELD_FORBIDDEN, PATH(at, "uniqueItems"), NULL,
			    "uniqueItems cannot be set to true since the runtime complexity "
			    "becomes quadratic");
	const json_t *rest = json_object_get(s, "additionalProperties");
	if (rest && !json_is_true(rest) && json_object_size(json_object_get(s, "properties")))
		rule_broken(e, FIELD_FORBIDDEN, PATH(at, "additionalProperties"), NULL,
			    "additionalProperties and properties are mutual exclusive");
}

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
		if (rule_is_again(keys, i, NULL))
			rule_broken(e, FIELD_INVALID, keys_at, keys,
				    "must not contain duplicate entries");
	}
	if (json_bool_or(items, "nullable", false))
		rule_broken(e, FIELD_FORBIDDEN, PATH(PATH(at, "items"), "nullable"), NULL,
			    "cannot be nullable when x-kubernetes-list-type is map");
	for (size_t i = 0; i < json_array_size(keys); i++) {
		const char *key = json_string_value(json_array_get(keys, i));
		const json_t *member = json_object_get(members, key);
		bool is_required = false;
		for (size_t k = 0; k < json_array_size(required); k++)
			is_required |= streq(json_string_value(json_array_get(required, k)), key);
		if (member && !is_required && !has(member, "default"))
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

/* How lists and objects are merged. */
static void check_merging(const json_t *s, const struct path *at, struct field_errors *e)
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
		if (!rule_is_one_of(list, lists))
			rule_unsupported(e, list_at, list, lists);
	}
	if (json_array_size(keys) && !list)
		rule_broken(e, FIELD_REQUIRED, list_at, NULL,
			    "must be map if x-kubernetes-list-map-keys is non-empty");
	else if (json_array_size(keys) && !streq(list, "map"))
		rule_bad_text(e, FIELD_INVALID, list_at, list,
			      "must be map if x-kubernetes-list-map-keys is non-empty");
	if (!list || !streq(list, "map"))
		return;
	if (!json_array_size(keys))
		rule_broken(e, FIELD_REQUIRED, PATH(at, "x-kubernetes-list-map-keys"), NULL,
			    "must not be empty if x-kubernetes-list-type is map");
	if (!has(s, "items"))
		rule_broken(e, FIELD_REQUIRED, PATH(at, "items"), NULL,
			    "must have a schema if x-kubernetes-list-type is map");
	if (items && !streq(type_of(items), "object"))
		rule_bad_text(e, FIELD_INVALID, PATH(PATH(at, "items"), "type"), type_of(items),
			      "must be object if parent array's x-kubernetes-list-type is map");
	else if (items)
		check_list_keys(s, at, e);
}

static void check_expressions(const json_t *list, const struct path *at, struct field_errors *e)
{
	static const char *const reasons[] = { "FieldValueDuplicate", "FieldValueForbidden",
					       "FieldValueInvalid", "FieldValueRequired", NULL };
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);
		const struct path *here = PATH_AT(at, i);
		const char *text = json_str_or(one, "message", "");
		if (rule_is_blank(json_str(one, "rule")))
			rule_broken(e, FIELD_REQUIRED, PATH(here, "rule"), NULL,
				    "rule is not specified");
		else if (*text && rule_is_blank(text))
			rule_bad_text(e, FIELD_INVALID, PATH(here, "message"), text,
				      "must be non-empty if specified");
		else if (strpbrk(text, "\r\n"))
			rule_bad_text(e, FIELD_INVALID, PATH(here, "message"), text,
				      "must not contain line breaks");
		if (json_object_get(one, "reason"))
			rule_enum(e, here, one, "reason", reasons);
	}
}

static void check_schema(const json_t *s, bool is_root, const char *no_default,
			 const struct path *at, struct field_errors *e)
{
	static const char *const lists[] = { "allOf", "oneOf", "anyOf" };
	static const char *const meta[] = { "metadata", "kind", "apiVersion", NULL };
	const char *name;
	json_t *member;
	if (!s)
		return;
	if (has(s, "default") && no_default)
		rule_broken(e, FIELD_FORBIDDEN, PATH(at, "default"), NULL, "must not be set %s",
			    no_default);
	check_words(s, at, e);
	check_schema(schema_of(s, "additionalProperties"), false, no_default,
		     PATH(at, "additionalProperties"), e);
	json_object_foreach (json_object_get(s, "properties"), name, member) {
		auto_free char *why = is_root && rule_is_one_of(name, meta)
					      ? xasprintf("in top-level %s", name)
					      : NULL;
		check_schema(member, false, why ? why : no_default,
			     PATH_OF(PATH(at, "properties"), name), e);
	}
	check_schema(schema_of(s, "not"), false, no_default, PATH(at, "not"), e);
	for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
		const json_t *list = json_object_get(s, lists[l]);
		for (size_t i = 0; i < json_array_size(list); i++)
			check_schema(json_array_get(list, i), false, no_default,
				     PATH_AT(PATH(at, lists[l]), i), e);
	}
	check_schema(schema_of(s, "items"), false, no_default, PATH(at, "items"), e);
	if (json_is_false(json_object_get(s, "x-kubernetes-preserve-unknown-fields")))
		rule_broken(e, FIELD_INVALID, PATH(at, "x-kubernetes-preserve-unknown-fields"),
			    json_object_get(s, "x-kubernetes-preserve-unknown-fields"),
			    "must be true or undefined");
	check_merging(s, at, e);
	check_expressions(json_object_get(s, "x-kubernetes-validations"),
			  PATH(at, "x-kubernetes-validations"), e);
}

void validate_schema(const json_t *schema, const struct path *at, struct field_errors *e)
{
	if (json_bool_or(schema, "nullable", false))
		rule_broken(e, FIELD_FORBIDDEN, PATH(at, "nullable"), NULL,
			    "nullable cannot be true at the root");
	size_t before = e->count;
	check_structural(schema, at, e);
	if (e->count == before)
		validate_schema_defaults(schema, at, e);
	check_schema(schema, true, NULL, at, e);
}
