/*
 * The document of OpenAPI v2: all that the documents of version 3 say, in one. They are rendered one
 * after the other, and their paths and schemas are taken over, each once; custom kinds have schemas of
 * their own here. As protobuf the members become messages one by one.
 */
#include "common/base/jsonx.h"
#include "common/base/map.h"
#include "common/base/scan.h"
#include "schemas/openapi_gnostic.h"
#include "schemas/openapi_internal.h"
#include "schemas/openapi_v2.h"
#include "schemas/wire.h"

#define PART_SIZE_MAX (64u << 20)

struct document {
	const struct kinds *kinds;
	bool is_protobuf;
	bool is_cut;     /* something did not fit */
	struct str part; /* a document of version 3 */
	struct str paths, definitions;
	struct map seen;    /* definitions, by name */
	json_t *parameters; /* shared ones */
	json_t *everywhere; /* definitions of bodies that stand in every group, as another kind */
};

static void add_json_member(struct str *to, const char *name, struct span value)
{
	str_add(to, to->len ? ",\"" : "\"");
	str_add(to, name);
	str_add(to, "\":");
	str_add_bytes(to, value.at, value.len);
}

static void add_path(struct document *d, const char *name, const json_t *item)
{
	if (d->is_protobuf) {
		gnostic_add_named(&d->paths, GNOSTIC_V2_PATH, name, gnostic_v2_path_item, item);
		return;
	}
	add_json_member(&d->paths, name, (struct span){ "", 0 });
	json_print(item, &d->paths);
}

static void add_definition(struct document *d, const char *name, const json_t *schema)
{
	if (d->is_protobuf) {
		gnostic_add_named(&d->definitions, GNOSTIC_V2_DEFINITION, name, gnostic_v2_schema,
				  schema);
		return;
	}
	add_json_member(&d->definitions, name, (struct span){ "", 0 });
	json_print(schema, &d->definitions);
}

/* ---- what the documents of version 3 have ---- */

static void take_paths(struct document *d, struct span paths)
{
	struct scan s = scan_open(paths);
	for (struct span name, value; scan_next(&s, &name, &value);) {
		auto_free char *path = xstrndup(name.at, name.len);
		AUTO_JSON *item = openapi_tree(value);
		AUTO_JSON *made = openapi_v2_path(item, d->parameters);
		add_path(d, path, made);
	}
}

/* The kinds of `schema` that `known` does not have. */
static void add_kinds(json_t *known, const json_t *schema)
{
	static const char member[] = "x-kubernetes-group-version-kind";
	json_t *all = json_object_get(known, member), *one, *other;
	size_t i, k;
	json_array_foreach (json_object_get(schema, member), i, one) {
		bool is_there = false;
		json_array_foreach (all, k, other)
			is_there |= json_equal(one, other) == 1;
		if (!is_there)
			json_array_append(all, one);
	}
}

static void take_schema(struct document *d, const char *name, struct span value)
{
	json_t *known = json_object_get(d->everywhere, name);
	if (map_has(&d->seen, name) && !known)
		return;
	map_put(&d->seen, name, d);
	AUTO_JSON *schema = openapi_tree(value);
	openapi_v2_schema(schema);
	if (known)
		add_kinds(known, schema);
	else if (openapi_is_everywhere(name))
		json_object_set(d->everywhere, name, schema);
	else
		add_definition(d, name, schema);
}

static void take_schemas(struct document *d, struct span schemas)
{
	struct scan s = scan_open(schemas);
	for (struct span name, value; scan_next(&s, &name, &value);) {
		auto_free char *type = xstrndup(name.at, name.len);
		if (openapi_is_built_in(type))
			take_schema(d, type, value);
	}
}

static void take_document(void *document, const char *name)
{
	struct document *d = document;
	str_clear(&d->part);
	if (!openapi_v3_named(d->kinds, name, &d->part) || !str_ok(&d->part)) {
		d->is_cut = true;
		return;
	}
	const struct span all = { d->part.data, d->part.len };
	take_paths(d, scan_member(all, "paths"));
	struct span schemas = scan_dig(all, "components.schemas");
	if (schemas.at && scan_is(scan_dig(all, "info.title"), "Kubernetes"))
		take_schemas(d,
			     schemas); /* those of custom groups have nothing else of that kind */
}

/* ---- custom kinds ---- */

static void take_custom(struct document *d, const struct schema_kind *k)
{
	str_clear(&d->part);
	str_add_char(&d->part, '{');
	openapi_custom(k, true, &d->part);
	str_add_char(&d->part, '}');
	if (!str_ok(&d->part)) {
		d->is_cut = true;
		return;
	}
	struct scan s = scan_open((struct span){ d->part.data, d->part.len });
	for (struct span name, value; scan_next(&s, &name, &value);) {
		auto_free char *type = xstrndup(name.at, name.len);
		if (map_put(&d->seen, type, d))
			continue; /* a name that another kind has, too */
		if (!d->is_protobuf) {
			add_json_member(&d->definitions, type, value);
			continue;
		}
		AUTO_JSON *schema = openapi_tree(value);
		add_definition(d, type, schema);
	}
}

/* ---- the whole ---- */

static void document_init(struct document *d, const struct kinds *kinds, bool has_keys,
			  bool is_protobuf)
{
	const char *name;
	json_t *schema;
	*d = (struct document){ .kinds = kinds,
				.is_protobuf = is_protobuf,
				.parameters = json_object(),
				.everywhere = json_object() };
	str_init(&d->part, PART_SIZE_MAX);
	str_init(&d->paths, PART_SIZE_MAX);
	str_init(&d->definitions, PART_SIZE_MAX);
	openapi_v3_names(kinds, has_keys, take_document, d);
	json_object_foreach (d->everywhere, name, schema)
		add_definition(d, name, schema);
	for (size_t i = 0; i < kinds_count(kinds); i++)
		if (kinds_at(kinds, i)->custom)
			take_custom(d, kinds_at(kinds, i));
	str_fini(&d->part);
	d->is_cut |= !str_ok(&d->paths) || !str_ok(&d->definitions);
}

static void document_fini(struct document *d)
{
	str_fini(&d->part);
	str_fini(&d->paths);
	str_fini(&d->definitions);
	map_fini(&d->seen);
	json_decref(d->parameters);
	json_decref(d->everywhere);
}

static json_t *head(void)
{
	return json_pack("{s:s,s:{s:s,s:s}}", "swagger", "2.0", "info", "title", "Kubernetes",
			 "version", OPENAPI_MINOR);
}

/* Shared parameters, and how clients say who they are. */
static json_t *tail(const struct document *d)
{
	return json_pack("{s:O,s:{s:{s:s,s:s,s:s,s:s}},s:[{s:[]}]}", "parameters", d->parameters,
			 "securityDefinitions", "BearerToken", "description", "A bearer token.",
			 "type", "apiKey", "name", "authorization", "in", "header", "security",
			 "BearerToken");
}

void openapi_v2_json(const struct kinds *kinds, bool has_keys, struct str *out)
{
	struct document d;
	document_init(&d, kinds, has_keys, false);
	AUTO_JSON *before = head();
	AUTO_JSON *after = tail(&d);
	json_print(before, out);
	str_truncate(out, out->len - 1);
	str_add(out, ",\"paths\":{");
	str_add_bytes(out, d.paths.data, d.paths.len);
	str_add(out, "},\"definitions\":{");
	str_add_bytes(out, d.definitions.data, d.definitions.len);
	str_add(out, "},");
	AUTO_STR rest;
	str_init(&rest, PART_SIZE_MAX);
	json_print(after, &rest);
	str_add_bytes(out, rest.data + 1, rest.len - 1);
	out->overflow |= d.is_cut;
	document_fini(&d);
}

void openapi_v2_protobuf(const struct kinds *kinds, bool has_keys, struct str *out)
{
	struct document d;
	document_init(&d, kinds, has_keys, true);
	AUTO_JSON *before = head();
	AUTO_JSON *after = tail(&d);
	gnostic_add(out, gnostic_v2_document, before);
	wire_add_bytes(out, GNOSTIC_V2_PATHS, d.paths.data, d.paths.len);
	wire_add_bytes(out, GNOSTIC_V2_DEFINITIONS, d.definitions.data, d.definitions.len);
	gnostic_add(out, gnostic_v2_document, after);
	out->overflow |= d.is_cut;
	document_fini(&d);
}
