/* Of a CustomResourceDefinition's version: defaults that its own schema refuses, selectable fields. */
#include "schemas/custom_check.h"
#include "schemas/rule.h"

#define SELECTABLE_MAX 8

/* ---- the root ---- */

void validate_schema_root(const json_t *schema, const struct path *at, struct field_errors *e)
{
	static const char *const never[] = {
		"id",
		"$schema",
		"$ref",
		"nullable",
		"default",
		"enum",
		"maxProperties",
		"minProperties",
		"allOf",
		"oneOf",
		"anyOf",
		"not",
		"additionalProperties",
		"patternProperties",
		"dependencies",
		"additionalItems",
		"definitions",
		"x-kubernetes-embedded-resource",
		"x-kubernetes-int-or-string",
		"x-kubernetes-list-map-keys",
		"x-kubernetes-list-type",
		"x-kubernetes-map-type",
	};
	for (size_t i = 0; i < ARRAY_LEN(never); i++) {
		if (!json_object_get(schema, never[i]) ||
		    json_is_false(json_object_get(schema, never[i])))
			continue;
		rule_broken(
			e, FIELD_INVALID, at, schema,
			"only [Description Type Format Title Maximum ExclusiveMaximum Minimum "
			"ExclusiveMinimum MaxLength MinLength Pattern MaxItems MinItems "
			"UniqueItems MultipleOf Required Items Properties ExternalDocs Example "
			"XPreserveUnknownFields XValidations] fields are allowed at the root of "
			"the schema if the status subresource is enabled");
		return;
	}
}

/* ---- defaults ---- */

static void check_default(const struct custom_schema *s, bool is_resource, const struct path *at,
			  struct field_errors *e)
{
	AUTO_JSON *pruned = json_deep_copy(s->fallback);
	size_t before = e->count;
	at = PATH(at, "default");
	custom_prune(s, pruned, is_resource, NULL);
	if (!json_equal(pruned, s->fallback))
		rule_broken(e, FIELD_INVALID, at, s->fallback, "must not have unknown fields");
	size_t unknown = e->count - before;
	custom_check_resources(s, s->fallback, is_resource, at, e);
	if (e->count > before + unknown)
		return;
	auto_free char *base = path_dup(at);
	custom_check(s, s->fallback, NULL, base, e);
}

static void check_defaults(const struct custom_schema *s, bool is_resource, const struct path *at,
			   struct field_errors *e)
{
	if (s->fallback)
		check_default(s, is_resource, at, e);
	if (s->items)
		check_defaults(s->items, s->items->is_embedded, PATH(at, "items"), e);
	for (size_t i = 0; i < s->members_count; i++) {
		const struct custom_member *m = &s->members[i];
		check_defaults(m->schema, m->schema->is_embedded,
			       PATH_OF(PATH(at, "properties"), m->name), e);
	}
}

void validate_schema_defaults(const json_t *schema, const struct path *at, struct field_errors *e)
{
	struct custom_schema *s = NULL;
	struct error err;
	if (custom_schema_make(schema, 0, &s, &err) < 0) {
		AUTO_JSON *nothing = json_string("");
		rule_broken(e, FIELD_INVALID, at, nothing, "%s", err.text);
		return;
	}
	check_defaults(s, true, at, e);
	custom_schema_free(s);
}

/* ---- selectable fields ---- */

/* The part of the path at `p`: up to a dot or bracket, which alone are parts too. */
static size_t part_length(const char *p)
{
	if (strchr(".[]", *p))
		return 1;
	if (*p != '\'')
		return strcspn(p, ".[]");
	for (size_t i = 1; p[i]; i++)
		if (p[i] == '\'' && p[i - 1] != '\\')
			return i + 1;
	return strlen(p);
}

static const json_t *below(const json_t *schema, const char *name)
{
	const json_t *members = json_object_get(schema, "properties");
	const json_t *rest = json_object_get(schema, "additionalProperties");
	if (json_object_size(members))
		return json_object_get(members, name);
	return json_is_object(rest) ? rest : NULL;
}

/* NULL: `why` says what is wrong with the path. */
static const json_t *find_field(const json_t *schema, const char *path, struct str *why)
{
	const json_t *at = schema;
	for (const char *p = path; *p && why->len == 0;) {
		size_t n = part_length(p);
		if (*p == '[') {
			str_add(why, "array notation is not allowed");
		} else if (*p != '.') {
			str_addf(why, "expected [ or . but got: %.*s", (int)n, p);
		} else if (!p[1]) {
			str_add(why, "unexpected end of JSON path");
		} else {
			p += n;
			n = part_length(p);
			auto_free char *name = xstrndup(p, n);
			at = below(at, name);
			if (!at)
				str_add(why, "does not refer to a valid field");
		}
		p += n;
	}
	return why->len ? NULL : at;
}

static void check_selectable(const json_t *fields, size_t i, size_t **firsts, const json_t *schema,
			     const struct path *at, struct field_errors *e)
{
	static const char *const types[] = { "string", "boolean", "integer", NULL };
	const char *path = json_str_or(json_array_get(fields, i), "jsonPath", "");
	AUTO_STR why;
	str_init(&why, 8192);
	at = PATH(at, "jsonPath");
	if (!*path) {
		rule_required(e, at, NULL);
		return;
	}
	const json_t *field = find_field(schema, path, &why);
	if (!field) {
		rule_bad_text(e, FIELD_INVALID, at, path, "is an invalid path: %s", why.data);
		return;
	}
	if (streq(path, ".metadata") || starts_with(path, ".metadata."))
		rule_bad_text(e, FIELD_INVALID, at, path, "must not point to fields in metadata");
	if (!rule_is_one_of(json_str_or(field, "type", ""), types))
		rule_bad_text(e, FIELD_INVALID, at, path,
			      "must point to a field of type string, boolean or integer. Enum "
			      "string fields and strings with formats are allowed.");
	if (rule_is_again(firsts, fields, i, "jsonPath"))
		rule_bad_text(e, FIELD_DUPLICATE, at, path, "%s", "");
}

void validate_selectable_fields(const json_t *fields, const json_t *schema, const struct path *at,
				struct field_errors *e)
{
	size_t unique = 0;
	auto_free size_t *firsts = NULL;
	for (size_t i = 0; i < json_array_size(fields); i++) {
		const char *path = json_str_or(json_array_get(fields, i), "jsonPath", "");
		AUTO_STR why;
		str_init(&why, 8192);
		check_selectable(fields, i, &firsts, schema, PATH_AT(at, i), e);
		unique += *path && find_field(schema, path, &why) &&
			  !rule_is_again(&firsts, fields, i, "jsonPath");
	}
	if (unique > SELECTABLE_MAX)
		rule_bad_count(e, at, unique, SELECTABLE_MAX);
}
