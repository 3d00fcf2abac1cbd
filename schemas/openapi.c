#include "common/base/jsonx.h"
#include "common/base/map.h"
#include "schemas/openapi.h"

#define DOCUMENT_SIZE_MAX (16u << 20)

void openapi_type_name(const struct schema_type *type, struct str *out)
{
	static const struct {
		const char *package, *prefix;
	} elsewhere[] = {
		{ "apis.meta.", "io.k8s.apimachinery.pkg." },
		{ "apiextensions.", "io.k8s.apiextensions-apiserver.pkg.apis." },
		{ "apiregistration.", "io.k8s.kube-aggregator.pkg.apis." },
	};
	const char *prefix = "io.k8s.api.";
	for (size_t i = 0; i < ARRAY_LEN(elsewhere); i++)
		if (starts_with(type->name, elsewhere[i].package))
			prefix = elsewhere[i].prefix;
	str_addf(out, "%s%s", prefix, type->name);
}

void openapi_path(const struct schema_kind *k, bool of_object, struct str *out)
{
	str_add(out, *k->group ? "/apis/" : "/api/");
	schema_api_version(k, out);
	str_addf(out, "%s/%s%s", k->is_namespaced ? "/namespaces/{namespace}" : "", k->resource,
		 of_object ? "/{name}" : "");
}

static void add_member(struct str *out, const char *name, const char *value)
{
	str_addf(out, "\"%s\":", name);
	str_add_json(out, value, strlen(value));
}

static void add_kind(struct str *out, const struct schema_kind *k)
{
	str_addf(out, "{\"group\":\"%s\",\"version\":\"%s\",\"kind\":\"%s\"}", k->group, k->version,
		 k->kind);
}

static void add_operation(struct str *out, const struct schema_kind *k, const char *verb,
			  const char *action)
{
	bool writes = !streq(verb, "get") && !streq(verb, "delete");
	str_addf(out, "\"%s\":{\"x-kubernetes-action\":\"%s\",\"x-kubernetes-group-version-kind\":",
		 verb, action);
	add_kind(out, k);
	str_add(out, ",\"parameters\":[{\"name\":\"pretty\",\"in\":\"query\",\"schema\":{\"type\":"
		     "\"string\"}}");
	if (!streq(verb, "get"))
		str_add(out,
			",{\"name\":\"dryRun\",\"in\":\"query\",\"schema\":{\"type\":\"string\"}}");
	if (writes)
		str_add(out,
			",{\"name\":\"fieldManager\",\"in\":\"query\",\"schema\":{\"type\":"
			"\"string\"}},{\"name\":\"fieldValidation\",\"in\":\"query\",\"schema\":{"
			"\"type\":\"string\"}}");
	str_add(out, "],\"responses\":{\"200\":{\"description\":\"OK\",\"content\":{\"application/"
		     "json\":{\"schema\":{\"$ref\":\"#/components/schemas/");
	openapi_kind_name(k, out);
	str_add(out, "\"}}}}}}");
}

static void add_paths(struct str *out, const struct schema_kind *k)
{
	static const struct {
		const char *verb, *action;
	} object_verbs[] = {
		{ "get", "get" }, { "put", "put" }, { "patch", "patch" }, { "delete", "delete" }
	};
	str_add_char(out, '"');
	openapi_path(k, false, out);
	str_add(out, "\":{");
	if (!kind_offers(k, "get")) {
		/* A question: it is answered, and nothing is stored. */
		add_operation(out, k, "post", "post");
		str_add_char(out, '}');
		return;
	}
	add_operation(out, k, "get", "list");
	str_add_char(out, ',');
	add_operation(out, k, "post", "post");
	str_add(out, "},\"");
	openapi_path(k, true, out);
	str_add(out, "\":{");
	for (size_t i = 0; i < ARRAY_LEN(object_verbs); i++) {
		if (i)
			str_add_char(out, ',');
		add_operation(out, k, object_verbs[i].verb, object_verbs[i].action);
	}
	str_add_char(out, '}');
}

static void add_scalar(struct str *out, const struct schema_field *f)
{
	static const char *const texts[SCHEMA_FORM_COUNT] = {
		[SCHEMA_STRING] = "\"type\":\"string\"",
		[SCHEMA_INT32] = "\"type\":\"integer\",\"format\":\"int32\"",
		[SCHEMA_INT64] = "\"type\":\"integer\",\"format\":\"int64\"",
		[SCHEMA_BOOL] = "\"type\":\"boolean\"",
		[SCHEMA_DOUBLE] = "\"type\":\"number\",\"format\":\"double\"",
		[SCHEMA_BYTES] = "\"type\":\"string\",\"format\":\"byte\"",
		[SCHEMA_DURATION] = "\"type\":\"string\"",
		[SCHEMA_ANY] = "\"type\":\"object\",\"x-kubernetes-preserve-unknown-fields\":true",
		[SCHEMA_STRING_LIST] = "\"type\":\"array\",\"items\":{\"type\":\"string\"}",
		[SCHEMA_SCHEMA_OR_LIST] = "\"x-kubernetes-preserve-unknown-fields\":true",
		[SCHEMA_SCHEMA_OR_BOOL] = "\"x-kubernetes-preserve-unknown-fields\":true",
		[SCHEMA_SCHEMA_OR_STRINGS] = "\"x-kubernetes-preserve-unknown-fields\":true",
	};
	static const char *const names[SCHEMA_FORM_COUNT] = {
		[SCHEMA_TIME] = "io.k8s.apimachinery.pkg.apis.meta.v1.Time",
		[SCHEMA_MICRO_TIME] = "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime",
		[SCHEMA_QUANTITY] = "io.k8s.apimachinery.pkg.api.resource.Quantity",
		[SCHEMA_INT_OR_STRING] = "io.k8s.apimachinery.pkg.util.intstr.IntOrString",
		[SCHEMA_FIELDS_V1] = "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1",
	};
	if (f->form == SCHEMA_OBJECT) {
		str_add(out, "\"allOf\":[{\"$ref\":\"#/components/schemas/");
		openapi_type_name(f->type, out);
		str_add(out, "\"}]");
	} else if (names[f->form]) {
		str_addf(out, "\"allOf\":[{\"$ref\":\"#/components/schemas/%s\"}]", names[f->form]);
	} else {
		str_add(out, texts[f->form]);
	}
	if (f->enum_values && f->shape == SCHEMA_ONE) {
		str_add(out, ",\"enum\":[");
		for (size_t i = 0; f->enum_values[i]; i++)
			str_addf(out, "%s\"%s\"", i ? "," : "", f->enum_values[i]);
		str_add_char(out, ']');
	}
}

static void add_list_rules(struct str *out, const struct schema_field *f)
{
	static const char *const types[] = { "atomic", "set", "map" };
	str_addf(out, ",\"x-kubernetes-list-type\":\"%s\"", types[f->list_type]);
	if (f->list_map_keys) {
		str_add(out, ",\"x-kubernetes-list-map-keys\":[");
		for (size_t i = 0; f->list_map_keys[i]; i++)
			str_addf(out, "%s\"%s\"", i ? "," : "", f->list_map_keys[i]);
		str_add_char(out, ']');
	}
	if (f->patch_merge)
		str_addf(out, ",\"x-kubernetes-patch-strategy\":\"%s\"",
			 f->patch_retain_keys ? "merge,retainKeys" : "merge");
	if (f->patch_merge_key)
		str_addf(out, ",\"x-kubernetes-patch-merge-key\":\"%s\"", f->patch_merge_key);
}

static void add_property(struct str *out, const struct schema_field *f)
{
	add_member(out, f->name, "");
	str_truncate(out, out->len - 2);
	str_add_char(out, '{');
	if (f->description) {
		add_member(out, "description", f->description);
		str_add_char(out, ',');
	}
	switch (f->shape) {
	case SCHEMA_ONE:
		add_scalar(out, f);
		break;
	case SCHEMA_LIST:
		str_add(out, "\"type\":\"array\",\"items\":{");
		add_scalar(out, f);
		str_add_char(out, '}');
		add_list_rules(out, f);
		break;
	case SCHEMA_MAP:
		str_add(out, "\"type\":\"object\",\"additionalProperties\":{");
		add_scalar(out, f);
		str_add_char(out, '}');
		break;
	}
	if (f->default_json && f->shape == SCHEMA_ONE)
		str_addf(out, ",\"default\":%s", f->default_json);
	str_add_char(out, '}');
}

static void add_type(struct str *out, const struct schema_type *type, const struct schema_kind *k)
{
	bool has_required = false;
	str_add(out, ",\"");
	openapi_type_name(type, out);
	str_add(out, "\":{\"type\":\"object\"");
	if (*type->description) {
		str_add_char(out, ',');
		add_member(out, "description", type->description);
	}
	if (k) {
		str_add(out, ",\"x-kubernetes-group-version-kind\":[");
		add_kind(out, k);
		str_add_char(out, ']');
	}
	for (size_t i = 0; i < type->fields_count; i++) {
		if (!type->fields[i].is_required)
			continue;
		str_addf(out, "%s\"%s\"", has_required ? "," : ",\"required\":[",
			 type->fields[i].name);
		has_required = true;
	}
	str_add(out, has_required ? "],\"properties\":{" : ",\"properties\":{");
	for (size_t i = 0; i < type->fields_count; i++) {
		if (i)
			str_add_char(out, ',');
		add_property(out, &type->fields[i]);
	}
	str_add(out, "}}");
}

/* A type and what it reaches, each once. */
static void add_types(struct str *out, struct map *seen, const struct schema_type *type,
		      const struct schema_kind *k)
{
	if (map_has(seen, type->name))
		return;
	map_put(seen, type->name, seen);
	add_type(out, type, k);
	for (size_t i = 0; i < type->fields_count; i++)
		if (type->fields[i].form == SCHEMA_OBJECT)
			add_types(out, seen, type->fields[i].type, NULL);
}

static void add_common_types(struct str *out)
{
	str_add(out,
		"\"io.k8s.apimachinery.pkg.apis.meta.v1.Time\":{\"type\":\"string\",\"format\":"
		"\"date-time\"},\"io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime\":{\"type\":"
		"\"string\",\"format\":\"date-time\"},\"io.k8s.apimachinery.pkg.apis.meta.v1."
		"FieldsV1\":{\"type\":\"object\"},\"io.k8s.apimachinery.pkg.api.resource."
		"Quantity\":{\"oneOf\":[{\"type\":\"string\"},{\"type\":\"number\"}]},"
		"\"io.k8s.apimachinery.pkg.util.intstr.IntOrString\":{\"oneOf\":[{\"type\":"
		"\"integer\"},{\"type\":\"string\"}],\"format\":\"int-or-string\"}");
}

static void add_meta_types(struct str *out, struct map *seen)
{
	static const char *const names[] = { "apis.meta.v1.ObjectMeta", "apis.meta.v1.ListMeta" };
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const struct schema_type *type = schema_type_by_name(names[i]);
		if (type)
			add_types(out, seen, type, NULL);
	}
}

void openapi_meta_types(struct str *out)
{
	struct map seen = { 0 };
	add_common_types(out);
	add_meta_types(out, &seen);
	map_fini(&seen);
}

bool openapi_v3_document(const struct kinds *kinds, const char *group, const char *version,
			 struct str *out)
{
	bool has_one = false;
	struct map seen = { 0 };
	if (!kinds_has_group_version(kinds, group, version))
		return false;
	str_add(out, "{\"openapi\":\"3.0.0\",\"info\":{\"title\":\"Kubernetes\",\"version\":"
		     "\"" OPENAPI_VERSION "\"},\"paths\":{");
	for (size_t i = 0; i < kinds_count(kinds); i++) {
		const struct schema_kind *k = kinds_at(kinds, i);
		if (!streq(k->group, group) || !streq(k->version, version))
			continue;
		if (has_one)
			str_add_char(out, ',');
		add_paths(out, k);
		has_one = true;
	}
	str_add(out, "},\"components\":{\"schemas\":{");
	add_common_types(out);
	for (size_t i = 0; i < kinds_count(kinds); i++) {
		const struct schema_kind *k = kinds_at(kinds, i);
		if (!streq(k->group, group) || !streq(k->version, version))
			continue;
		if (!k->custom) {
			add_types(out, &seen, k->type, k);
			continue;
		}
		add_meta_types(out, &seen);
		str_add_char(out, ',');
		openapi_custom(k, false, out);
	}
	str_add(out, "}}}");
	map_fini(&seen);
	return true;
}

void openapi_v3_index(const struct kinds *kinds, struct str *out)
{
	const struct schema_kind *last = NULL;
	str_add(out, "{\"paths\":{");
	for (size_t i = 0; i < kinds_count(kinds); i++) {
		const struct schema_kind *k = kinds_at(kinds, i);
		if (last && streq(last->group, k->group) && streq(last->version, k->version))
			continue;
		AUTO_STR document, path;
		str_init(&document, DOCUMENT_SIZE_MAX);
		str_init(&path, 1024);
		(void)openapi_v3_document(kinds, k->group, k->version, &document); /* it exists */
		str_add(&path, *k->group ? "apis/" : "api/");
		schema_api_version(k, &path);
		str_addf(out, "%s\"%s\":{\"serverRelativeURL\":\"/openapi/v3/%s?hash=%016llX\"}",
			 last ? "," : "", path.data, path.data,
			 (unsigned long long)hash_bytes(document.data, document.len));
		last = k;
	}
	str_add(out, "}}");
}
