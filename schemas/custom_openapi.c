/*
 * The schema of a custom kind as it is published. Version 3 has all of it; version 2 cannot say
 * what may be null, or one of several things, so there such places lose what they are.
 */
#include "schemas/custom_internal.h"
#include "schemas/openapi.h"

/* What fields that every object has are described with. */
static const char *words_for(const char *field)
{
	const struct schema_type *any = schema_type_by_name("core.v1.ConfigMap");
	const struct schema_field *f = any ? schema_field_of(any, field) : NULL;
	return f && f->description ? f->description : "";
}

static json_t *text_field(const char *name)
{
	json_t *f = json_object();
	json_put_str(f, "description", words_for(name));
	json_put_str(f, "type", "string");
	return f;
}

static json_t *reference(const char *prefix, const char *name)
{
	json_t *r = json_object();
	auto_free char *to = xasprintf("#/%s/%s", prefix, name);
	json_object_set_new(r, "$ref", json_string(to));
	return r;
}

/* Metadata of an object or a list, as a reference. */
static json_t *meta_field(const char *type, bool is_v2)
{
	auto_free char *name = xasprintf("io.k8s.apimachinery.pkg.apis.meta.v1.%s", type);
	json_t *f = is_v2 ? reference("definitions", name) : json_object();
	json_put_str(f, "description", words_for("metadata"));
	if (!is_v2) {
		json_t *all = json_array();
		json_array_append_new(all, reference("components/schemas", name));
		json_object_set_new(f, "allOf", all);
	}
	return f;
}

static void put_head(json_t *schema, const char *meta_type, bool is_v2)
{
	json_t *members = json_object_get(schema, "properties");
	if (!members) {
		members = json_object();
		json_object_set_new(schema, "properties", members);
	}
	json_object_set_new(members, "apiVersion", text_field("apiVersion"));
	json_object_set_new(members, "kind", text_field("kind"));
	json_object_set_new(members, "metadata", meta_field(meta_type, is_v2));
}

static void put_kind(json_t *schema, const struct schema_kind *k, const char *kind)
{
	json_t *kinds = json_array(), *one = json_object();
	json_put_str(one, "group", k->group);
	json_put_str(one, "version", k->version);
	json_put_str(one, "kind", kind);
	json_array_append_new(kinds, one);
	json_object_set_new(schema, "x-kubernetes-group-version-kind", kinds);
}

static void put_selectable(json_t *schema, const struct custom *c)
{
	json_t *fields = json_array();
	for (size_t i = 0; c->labels[i]; i++) {
		json_t *one = json_object();
		json_put_str(one, "fieldPath", c->labels[i]);
		json_array_append_new(fields, one);
	}
	if (json_array_size(fields))
		json_object_set_new(schema, "x-kubernetes-selectable-fields", fields);
	else
		json_decref(fields);
}

/* ---- version 2 ---- */

static bool is_nullable(const json_t *schema)
{
	return json_bool_or(schema, "nullable", false);
}

/* Members that may be null need not be there. */
static void drop_nullable_required(json_t *schema)
{
	json_t *required = json_object_get(schema, "required");
	const json_t *members = json_object_get(schema, "properties");
	for (size_t i = json_array_size(required); i-- > 0;) {
		const char *name = json_string_value(json_array_get(required, i));
		if (is_nullable(json_object_get(members, name)))
			json_array_remove(required, i);
	}
	if (json_array_size(required) == 0)
		json_object_del(schema, "required");
}

static void drop_shape(json_t *schema)
{
	static const char *const shape[] = { "type", "properties", "items" };
	for (size_t i = 0; i < ARRAY_LEN(shape); i++)
		json_object_del(schema, shape[i]);
}

static bool preserves(const json_t *schema)
{
	return json_bool_or(schema, "x-kubernetes-preserve-unknown-fields", false);
}

static void reduce(json_t *schema)
{
	static const char *const unsaid[] = { "allOf", "anyOf", "oneOf", "not", "default" };
	const char *name;
	json_t *member;
	if (!json_is_object(schema))
		return;
	for (size_t i = 0; i < ARRAY_LEN(unsaid); i++)
		json_object_del(schema, unsaid[i]);
	if (is_nullable(schema) || preserves(schema))
		drop_shape(schema);
	drop_nullable_required(schema);
	json_object_del(schema, "nullable");
	json_object_foreach (json_object_get(schema, "properties"), name, member)
		reduce(member);
	reduce(json_object_get(schema, "items"));
	reduce(json_object_get(schema, "additionalProperties"));
}

/* ---- what stands in every resource ---- */

static void require(json_t *schema, const char *name)
{
	json_t *required = json_object_get(schema, "required");
	if (!required) {
		required = json_array();
		json_object_set_new(schema, "required", required);
	}
	for (size_t i = 0; i < json_array_size(required); i++)
		if (streq(json_string_value(json_array_get(required, i)), name))
			return;
	json_array_append_new(required, json_string(name));
}

/* What may be a number or a text says so in words of the schema, too. */
static void complete_either(json_t *schema)
{
	const json_t *first = json_array_get(json_object_get(schema, "allOf"), 0);
	if (json_bool_or(schema, "x-kubernetes-int-or-string", false) &&
	    !json_object_get(schema, "anyOf") && !json_object_get(first, "anyOf"))
		json_object_set_new(
			schema, "anyOf",
			json_pack("[{s:s},{s:s}]", "type", "integer", "type", "string"));
}

/* Resources inside have what every resource has; version 2 says nothing of what may hold anything. */
static void complete(json_t *schema, bool is_v2)
{
	const char *name;
	json_t *member;
	if (!json_is_object(schema))
		return;
	json_object_foreach (json_object_get(schema, "properties"), name, member)
		complete(member, is_v2);
	complete(json_object_get(schema, "items"), is_v2);
	complete(json_object_get(schema, "additionalProperties"), is_v2);
	if (!is_v2)
		complete_either(schema);
	if (!json_bool_or(schema, "x-kubernetes-embedded-resource", false) ||
	    (is_v2 && preserves(schema)))
		return;
	put_head(schema, "ObjectMeta", is_v2);
	require(schema, "kind");
	require(schema, "apiVersion");
}

/* ---- both ---- */

void openapi_kind_name(const struct schema_kind *k, struct str *out)
{
	if (!k->custom) {
		openapi_type_name(k->type, out);
		return;
	}
	/* com.example for example.com */
	for (const char *end = k->group + strlen(k->group); end > k->group;) {
		const char *from = end;
		while (from > k->group && from[-1] != '.')
			from--;
		str_add_bytes(out, from, (size_t)(end - from));
		str_add_char(out, '.');
		end = from > k->group ? from - 1 : from;
	}
	str_addf(out, "%s.%s", k->version, k->kind);
}

static json_t *object_schema(const struct schema_kind *k, bool is_v2)
{
	const struct custom *c = k->custom;
	bool is_open = is_v2 && preserves(c->schema->source);
	json_t *schema = is_open ? json_object() : json_deep_copy(c->schema->source);
	if (is_v2)
		reduce(schema);
	complete(schema, is_v2);
	json_put_str(schema, "type", "object");
	if (!is_open) /* else old clients would take all other fields for unknown */
		put_head(schema, "ObjectMeta", is_v2);
	put_kind(schema, k, k->kind);
	put_selectable(schema, c);
	return schema;
}

static json_t *list_schema(const struct schema_kind *k, const char *name, bool is_v2)
{
	json_t *schema = json_object(), *items = json_object();
	auto_free char *words = xasprintf("%s is a list of %s", k->list_kind, k->kind);
	auto_free char *of = xasprintf("List of %s.", k->resource);
	json_put_str(schema, "description", words);
	json_put_str(schema, "type", "object");
	require(schema, "items");
	put_head(schema, "ListMeta", is_v2);
	json_put_str(items, "description", of);
	json_put_str(items, "type", "array");
	json_object_set_new(items, "items",
			    reference(is_v2 ? "definitions" : "components/schemas", name));
	json_object_set_new(json_object_get(schema, "properties"), "items", items);
	put_kind(schema, k, k->list_kind);
	put_selectable(schema, k->custom);
	return schema;
}

void openapi_custom(const struct schema_kind *k, bool is_v2, struct str *out)
{
	AUTO_STR name;
	str_init(&name, 4096);
	openapi_kind_name(k, &name);
	AUTO_JSON *object = object_schema(k, is_v2);
	AUTO_JSON *list = list_schema(k, name.data, is_v2);
	str_addf(out, "\"%s\":", name.data);
	custom_print_value(object, out);
	str_truncate(&name, name.len - strlen(k->kind));
	str_addf(out, ",\"%s%s\":", name.data, k->list_kind);
	custom_print_value(list, out);
}
