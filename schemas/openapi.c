#include "schemas/openapi.h"

#include "common/base/jsonx.h"
#include "schemas/openapi_internal.h"
#include "schemas/subresource.h"

#define DOCUMENT_SIZE_MAX (16u << 20)

static const struct {
	const char *package, *prefix;
} packages[] = {
	{ "apis.meta.", "io.k8s.apimachinery.pkg." },
	{ "apiextensions.", "io.k8s.apiextensions-apiserver.pkg.apis." },
	{ "apiregistration.", "io.k8s.kube-aggregator.pkg.apis." },
	{ "", "io.k8s.api." },
};

void openapi_type_name(const struct schema_type *type, struct str *out)
{
	size_t i = 0;
	while (!starts_with(type->name, packages[i].package))
		i++;
	str_addf(out, "%s%s", packages[i].prefix, type->name);
}

bool openapi_is_built_in(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(packages); i++)
		if (starts_with(name, packages[i].prefix))
			return true;
	return false;
}

json_t *openapi_tree(struct span value)
{
	struct error err;
	json_t *tree = NULL;
	int code = json_parse(value.at, value.len, &tree, &err);
	assert(code == 0);
	(void)code;
	return tree;
}

/* ---- documents of a group and version ---- */

static void start_document(bool is_custom, struct str *out)
{
	str_addf(out,
		 "{\"openapi\":\"3.0.0\",\"info\":{\"title\":\"%s\",\"version\":\"%s\"},"
		 "\"paths\":{",
		 is_custom ? "Kubernetes CRD Swagger" : "Kubernetes",
		 is_custom ? "v0.1.0" : OPENAPI_MINOR);
}

/* Between paths and schemas, which are optional. */
static void start_components(bool is_custom, bool has_schemas, struct str *out)
{
	str_add(out, "},\"components\":{");
	if (!is_custom)
		str_add(out, "\"securitySchemes\":{\"BearerToken\":{\"type\":\"apiKey\","
			     "\"description\":\"A bearer token.\",\"name\":\"authorization\","
			     "\"in\":\"header\"}}");
	if (has_schemas)
		str_add(out, is_custom ? "\"schemas\":{" : ",\"schemas\":{");
}

static void end_document(bool has_schemas, struct str *out)
{
	str_add(out, has_schemas ? "}}}" : "}}");
}

/* The types of what lies below an object. */
static void add_subresource_types(struct openapi_types *t, const struct schema_kind *k)
{
	const struct subresource *subs[SUBRESOURCES_MAX];
	size_t count = subresources_of(k, subs);
	for (size_t i = 0; i < count; i++) {
		const struct subresource *s = subs[i];
		AUTO_STR name;
		str_init(&name, 1024);
		if (!s->kind || subresource_is_stream(s))
			continue;
		str_addf(&name, "%.*s.%s.%s", (int)(*s->group ? strcspn(s->group, ".") : 4),
			 *s->group ? s->group : "core", s->version, s->kind);
		openapi_add_named(t, name.data);
	}
}

/* All that the operations of a kind refer to. */
static void add_kind_types(struct openapi_types *t, const struct schema_kind *k)
{
	static const char *const custom[] = { "apis.meta.v1.ObjectMeta", "apis.meta.v1.ListMeta" };
	static const struct {
		const char *verb, *type;
	} brought[] = {
		{ "delete", "apis.meta.v1.DeleteOptions" },
		{ "delete", "apis.meta.v1.Status" },
		{ "patch", OPENAPI_META "Patch" },
		{ "watch", "apis.meta.v1.WatchEvent" },
	};
	for (size_t i = 0; i < ARRAY_LEN(brought); i++)
		if (kind_offers(k, brought[i].verb) &&
		    !(k->custom && streq(brought[i].verb, "watch")))
			openapi_add_named(t, brought[i].type);
	add_subresource_types(t, k);
	if (k->custom) {
		for (size_t i = 0; i < ARRAY_LEN(custom); i++)
			openapi_add_named(t, custom[i]);
		str_add_char(t->out, ',');
		openapi_custom(k, false, t->out);
		return;
	}
	openapi_add_type(t, k->type);
	if (kind_offers(k, "list")) {
		auto_free char *list = xasprintf("%sList", k->type->name);
		openapi_add_named(t, list);
	}
}

static bool is_of(const struct schema_kind *k, const char *group, const char *version)
{
	return streq(k->group, group) && streq(k->version, version);
}

/* "/apis/apps/v1/" */
static void add_resources_path(const char *group, const char *version, struct str *out)
{
	AUTO_STR path, tag, name;
	str_init(&path, 1024);
	str_init(&tag, 1024);
	str_init(&name, 1024);
	str_addf(&path, "%s%s/%s/", *group ? "/apis/" : "/api", group, version);
	openapi_tag(group, version, &tag);
	str_add(&name, "get");
	openapi_group_name(group, version, &name);
	str_add(&name, "APIResources");
	openapi_add_plain_path(path.data, tag.data, name.data,
			       "List the resources of this version of the group.",
			       OPENAPI_META "APIResourceList", NULL, out);
}

bool openapi_v3_document(const struct kinds *kinds, const char *group, const char *version,
			 struct str *out)
{
	bool is_custom = !schema_group_version_exists(group, version), has_one = !is_custom;
	struct openapi_types types;
	if (!kinds_has_group_version(kinds, group, version))
		return false;
	start_document(is_custom, out);
	if (!is_custom)
		add_resources_path(group, version, out);
	for (size_t i = 0; i < kinds_count(kinds); i++) {
		const struct schema_kind *k = kinds_at(kinds, i);
		if (!is_of(k, group, version))
			continue;
		openapi_add_paths(k, has_one, out);
		has_one = true;
	}
	start_components(is_custom, true, out);
	openapi_types_init(&types, out, group, version);
	if (!is_custom)
		openapi_add_named(&types, "apis.meta.v1.APIResourceList");
	for (size_t i = 0; i < kinds_count(kinds); i++)
		if (is_of(kinds_at(kinds, i), group, version))
			add_kind_types(&types, kinds_at(kinds, i));
	openapi_types_fini(&types);
	end_document(true, out);
	return true;
}

/* ---- what is no group and version ---- */

static const struct plain {
	const char *name, *tag, *operation, *words;
	const char *type, *content_type; /* NULL: text; NULL: those of objects */
	const char *brought[2];
} plain[] = {
	{ "api",
	  "core",
	  "getCoreAPIVersions",
	  "List the versions of the core group.",
	  OPENAPI_META "APIVersions",
	  NULL,
	  { OPENAPI_META "APIVersions", "apis.meta.v1.ServerAddressByClientCIDR" } },
	{ "apis",
	  "apis",
	  "getAPIVersions",
	  "List the groups and their versions.",
	  OPENAPI_META "APIGroupList",
	  NULL,
	  { "apis.meta.v1.APIGroupList", NULL } },
	{ "version",
	  "version",
	  "getCodeVersion",
	  "Read the version of the server.",
	  "io.k8s.apimachinery.pkg.version.Info",
	  "application/json",
	  { "io.k8s.apimachinery.pkg.version.Info", NULL } },
	{ "openid/v1/jwks",
	  "openid",
	  "getServiceAccountIssuerOpenIDKeyset",
	  "Read the keys with which tokens of service accounts are signed.",
	  NULL,
	  "application/jwk-set+json",
	  { NULL, NULL } },
	{ ".well-known/openid-configuration",
	  "WellKnown",
	  "getServiceAccountIssuerOpenIDConfiguration",
	  "Read what OpenID Connect needs to know of the issuer of tokens.",
	  NULL,
	  "application/json",
	  { NULL, NULL } },
};

#define PLAIN_WITH_KEYS 2 /* so many at the end are there with keys alone */

static void add_plain(const struct plain *p, struct str *out)
{
	struct openapi_types types;
	auto_free char *path = xasprintf("/%s/", p->name);
	start_document(false, out);
	openapi_add_plain_path(path, p->tag, p->operation, p->words, p->type, p->content_type, out);
	start_components(false, p->brought[0] != NULL, out);
	openapi_types_init(&types, out, "", "v1");
	for (size_t i = 0; i < ARRAY_LEN(p->brought); i++)
		if (p->brought[i])
			openapi_add_named(&types, p->brought[i]);
	openapi_types_fini(&types);
	end_document(p->brought[0] != NULL, out);
}

static bool is_built_in_group(const char *group)
{
	for (size_t i = 0; i < schema_kinds_count(); i++)
		if (*group && streq(schema_kind_at(i)->group, group))
			return true;
	return false;
}

static void add_group(const char *group, struct str *out)
{
	AUTO_STR name, tag;
	auto_free char *path = xasprintf("apis/%s", group);
	str_init(&name, 1024);
	str_init(&tag, 1024);
	str_add(&name, "get");
	openapi_group_name(group, "", &name);
	str_add(&name, "APIGroup");
	openapi_tag(group, "", &tag);
	const struct plain p = { .name = path,
				 .tag = tag.data,
				 .operation = name.data,
				 .words = "List the versions of the group.",
				 .type = OPENAPI_META "APIGroup",
				 .brought = { "apis.meta.v1.APIGroup", NULL } };
	add_plain(&p, out);
}

bool openapi_v3_named(const struct kinds *kinds, const char *name, struct str *out)
{
	for (size_t i = 0; i < ARRAY_LEN(plain); i++)
		if (streq(plain[i].name, name)) {
			add_plain(&plain[i], out);
			return true;
		}
	if (starts_with(name, "api/"))
		return openapi_v3_document(kinds, "", name + strlen("api/"), out);
	if (!starts_with(name, "apis/"))
		return false;
	name += strlen("apis/");
	size_t n = strcspn(name, "/");
	auto_free char *group = xstrndup(name, n);
	if (name[n])
		return *group && openapi_v3_document(kinds, group, name + n + 1, out);
	bool is_there = is_built_in_group(group);
	if (is_there)
		add_group(group, out);
	return is_there;
}

/* ---- the index ---- */

void openapi_v3_names(const struct kinds *kinds, bool has_keys, openapi_visit *visit, void *ctx)
{
	const struct schema_kind *last = NULL;
	AUTO_STR name;
	str_init(&name, 1024);
	for (size_t i = 0; i < ARRAY_LEN(plain) - (has_keys ? 0 : PLAIN_WITH_KEYS); i++)
		visit(ctx, plain[i].name);
	for (size_t i = 0; i < kinds_count(kinds); i++) {
		const struct schema_kind *k = kinds_at(kinds, i);
		bool is_new_group = !last || !streq(last->group, k->group);
		if (!is_new_group && streq(last->version, k->version))
			continue;
		last = k;
		str_clear(&name);
		str_addf(&name, "apis/%s", k->group);
		if (is_new_group && is_built_in_group(k->group))
			visit(ctx, name.data);
		str_clear(&name);
		str_add(&name, *k->group ? "apis/" : "api/");
		schema_api_version(k, &name);
		visit(ctx, name.data);
	}
}

struct index {
	const struct kinds *kinds;
	struct str document;
	struct str *out;
	bool has_one;
};

static void add_entry(void *index, const char *name)
{
	struct index *i = index;
	str_clear(&i->document);
	(void)openapi_v3_named(i->kinds, name, &i->document); /* it exists */
	str_addf(i->out, "%s\"%s\":{\"serverRelativeURL\":\"/openapi/v3/%s?hash=%016llX\"}",
		 i->has_one ? "," : "", name, name,
		 (unsigned long long)hash_bytes(i->document.data, i->document.len));
	i->has_one = true;
}

void openapi_v3_index(const struct kinds *kinds, bool has_keys, struct str *out)
{
	struct index i = { .kinds = kinds, .out = out };
	str_init(&i.document, DOCUMENT_SIZE_MAX);
	str_add(out, "{\"paths\":{");
	openapi_v3_names(kinds, has_keys, add_entry, &i);
	str_add(out, "}}");
	str_fini(&i.document);
}
