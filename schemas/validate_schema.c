/*
 * The schemas of a CustomResourceDefinition: what may stand in one at all, and that it is
 * structural, so that tables can be made of it. Source: the rules of apiextensions, v1.
 */
#include "schemas/validate_schema.h"

enum level { ROOT, ITEM, MEMBER };

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

/* Where a schema stands. */
struct surroundings {
	bool is_root, in_meta;  /* of the whole; inside of a resource's metadata */
	const char *no_default; /* why there may be none; NULL: there may */
};

static void check_schema(const json_t *s, const struct surroundings *in, const struct path *at,
			 struct field_errors *e);

static void check_members(const json_t *s, const struct surroundings *in, const struct path *at,
			  struct field_errors *e)
{
	static const char *const meta[] = { "metadata", "kind", "apiVersion", NULL };
	bool is_resource = in->is_root || json_bool_or(s, "x-kubernetes-embedded-resource", false);
	const json_t *rest = schema_of(s, "additionalProperties");
	const char *name;
	json_t *member;
	struct surroundings below = { .in_meta = in->in_meta, .no_default = in->no_default };
	if (in->in_meta)
		below.no_default = "inside additionalProperties applying to object metadata";
	check_schema(rest, &below, PATH(at, "additionalProperties"), e);
	json_object_foreach (json_object_get(s, "properties"), name, member) {
		bool is_meta = is_resource && rule_is_one_of(name, meta);
		auto_free char *why =
			is_meta && in->is_root ? xasprintf("in top-level %s", name) : NULL;
		below = (struct surroundings){ .in_meta = in->in_meta || is_meta,
					       .no_default = why ? why : in->no_default };
		check_schema(member, &below, PATH_OF(PATH(at, "properties"), name), e);
	}
}

static void check_schema(const json_t *s, const struct surroundings *in, const struct path *at,
			 struct field_errors *e)
{
	static const char *const lists[] = { "allOf", "oneOf", "anyOf" };
	const struct surroundings below = { .in_meta = in->in_meta, .no_default = in->no_default };
	if (!s)
		return;
	if (has(s, "default") && in->no_default)
		rule_broken(e, FIELD_FORBIDDEN, PATH(at, "default"), NULL, "must not be set %s",
			    in->no_default);
	check_words(s, at, e);
	if (in->in_meta && json_bool_or(s, "x-kubernetes-embedded-resource", false))
		rule_broken(e, FIELD_FORBIDDEN, PATH(at, "x-kubernetes-embedded-resource"), NULL,
			    "must not be used inside of resource meta");
	check_members(s, in, at, e);
	check_schema(schema_of(s, "not"), &below, PATH(at, "not"), e);
	for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
		const json_t *list = json_object_get(s, lists[l]);
		for (size_t i = 0; i < json_array_size(list); i++)
			check_schema(json_array_get(list, i), &below,
				     PATH_AT(PATH(at, lists[l]), i), e);
	}
	check_schema(schema_of(s, "items"), &below, PATH(at, "items"), e);
	if (json_is_false(json_object_get(s, "x-kubernetes-preserve-unknown-fields")))
		rule_broken(e, FIELD_INVALID, PATH(at, "x-kubernetes-preserve-unknown-fields"),
			    json_object_get(s, "x-kubernetes-preserve-unknown-fields"),
			    "must be true or undefined");
	validate_schema_merging(s, at, e);
	check_expressions(json_object_get(s, "x-kubernetes-validations"),
			  PATH(at, "x-kubernetes-validations"), e);
}

/* What makes it no structural schema at all; NULL: nothing does. */
static const char *unstructured_word(const json_t *s)
{
	static const char *const never[] = { "id",           "$schema",         "$ref",
					     "dependencies", "additionalItems", NULL };
	static const char *const never_some[] = { "patternProperties", "definitions", NULL };
	static const char *const inner[] = { "items", "not", "additionalProperties" };
	static const char *const lists[] = { "allOf", "anyOf", "oneOf" };
	const char *name, *found = NULL;
	json_t *member;
	for (size_t i = 0; never[i]; i++)
		if (has(s, never[i]))
			return never[i];
	for (size_t i = 0; never_some[i]; i++)
		if (json_object_size(json_object_get(s, never_some[i])))
			return never_some[i];
	if (json_is_array(json_object_get(s, "items")) ||
	    json_is_false(json_object_get(s, "x-kubernetes-preserve-unknown-fields")))
		return "items";
	for (size_t i = 0; i < ARRAY_LEN(inner) && !found; i++)
		if (schema_of(s, inner[i]))
			found = unstructured_word(schema_of(s, inner[i]));
	for (size_t l = 0; l < ARRAY_LEN(lists); l++)
		for (size_t i = 0; !found && i < json_array_size(json_object_get(s, lists[l])); i++)
			found = unstructured_word(json_array_get(json_object_get(s, lists[l]), i));
	json_object_foreach (json_object_get(s, "properties"), name, member)
		found = found ? found : unstructured_word(member);
	return found;
}

void validate_schema(const json_t *schema, const struct path *at, struct field_errors *e)
{
	if (json_bool_or(schema, "nullable", false))
		rule_broken(e, FIELD_FORBIDDEN, PATH(at, "nullable"), NULL,
			    "nullable cannot be true at the root");
	size_t before = e->count;
	const char *word = unstructured_word(schema);
	if (!word) {
		size_t now = e->count;
		check_structural(schema, at, e);
		if (e->count == now)
			validate_schema_defaults(schema, at, e);
	}
	check_schema(schema, &(const struct surroundings){ .is_root = true }, at, e);
	if (word && e->count == before)
		rule_bad_text(e, FIELD_INVALID, at, "", "OpenAPIV3Schema '%s' is not supported",
			      *word == '$' ? word + 1 : word);
}
