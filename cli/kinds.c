#include "cli/kinds.h"
#include "cli/request.h"

#include <stdio.h>
#include <strings.h>

static void keep(char *to, size_t size, const char *text)
{
	if (snprintf(to, size, "%s", text) >= (int)size)
		to[0] = '\0'; /* longer than any name that is allowed: finds nothing */
}
#define KEEP(to, text) keep((to), sizeof(to), (text))

static struct kind from_schema(const struct schema_kind *k)
{
	struct kind r = { .is_namespaced = k->is_namespaced, .schema = k };
	KEEP(r.group, k->group);
	KEEP(r.version, k->version);
	KEEP(r.resource, k->resource);
	KEEP(r.singular, k->singular);
	KEEP(r.kind, k->kind);
	return r;
}

struct kind kind_builtin(const char *group, const char *version, const char *resource)
{
	const struct schema_kind *k = schema_kind_by_resource(group, version, resource);
	assert(k);
	return from_schema(k);
}

struct wanted {
	char word[256];    /* without group */
	const char *group; /* NULL: any */
	char version[64];  /* "": the preferred one */
};

static bool is_called(const struct wanted *w, const char *resource, const char *singular,
		      const char *kind)
{
	return strcasecmp(w->word, resource) == 0 || strcasecmp(w->word, kind) == 0 ||
	       (*singular && strcasecmp(w->word, singular) == 0);
}

static const struct schema_kind *find_builtin(const struct wanted *w)
{
	for (size_t i = 0; i < schema_kinds_count(); i++) {
		const struct schema_kind *k = schema_kind_at(i);
		bool is_it = is_called(w, k->resource, k->singular, k->kind);
		for (size_t j = 0; !is_it && k->short_names && k->short_names[j]; j++)
			is_it = streq(w->word, k->short_names[j]);
		is_it = is_it && (!*w->version || streq(w->version, k->version));
		if (is_it && (!w->group || streq(w->group, k->group)))
			return k;
	}
	return NULL;
}

/* ---- what the server says ---- */

static bool is_this(const struct wanted *w, const json_t *r)
{
	const json_t *shorts = json_object_get(r, "shortNames");
	if (strchr(json_str_or(r, "name", "/"), '/'))
		return false; /* a subresource */
	if (is_called(w, json_str_or(r, "name", ""), json_str_or(r, "singularName", ""),
		      json_str_or(r, "kind", "")))
		return true;
	for (size_t i = 0; i < json_array_size(shorts); i++) {
		const char *text = json_string_value(json_array_get(shorts, i));
		if (text && streq(text, w->word))
			return true;
	}
	return false;
}

static int read_group_version(struct session *s, const struct wanted *w, const char *group_version,
			      struct kind *ret, struct error *err)
{
	AUTO_REPLY r = { 0 };
	auto_free char *target = xasprintf("/apis/%s", group_version);
	request_json(s, "GET", target, NULL, NULL, &r);
	if (r.status == 0)
		return error_set(err, ERR_UNAVAILABLE, "the server at %s: %s", s->config.server,
				 r.message);
	const json_t *list = json_object_get(r.body, "resources");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);
		const char *slash = strchr(group_version, '/');
		if (!is_this(w, one) || !slash)
			continue;
		*ret = (struct kind){ .is_namespaced = json_bool_or(one, "namespaced", false) };
		auto_free char *group = xstrndup(group_version, (size_t)(slash - group_version));
		KEEP(ret->group, group);
		KEEP(ret->version, slash + 1);
		KEEP(ret->resource, json_str_or(one, "name", ""));
		KEEP(ret->singular, json_str_or(one, "singularName", ""));
		KEEP(ret->kind, json_str_or(one, "kind", ""));
		ret->schema = schema_kind_by_resource(ret->group, ret->version, ret->resource);
		return 0;
	}
	return error_set(err, ERR_NOT_FOUND, "no such resource");
}

static int ask_server(struct session *s, const struct wanted *w, struct kind *ret,
		      struct error *err)
{
	AUTO_REPLY r = { 0 };
	request_json(s, "GET", "/apis", NULL, NULL, &r);
	if (r.status == 0)
		return error_set(err, ERR_UNAVAILABLE, "the server at %s cannot be reached: %s",
				 s->config.server, r.message);
	const json_t *groups = json_object_get(r.body, "groups");
	for (size_t i = 0; i < json_array_size(groups); i++) {
		const json_t *group = json_array_get(groups, i);
		if (w->group && !streq(w->group, json_str_or(group, "name", "")))
			continue;
		const char *preferred = json_str(group, "preferredVersion.groupVersion");
		auto_free char *asked =
			xasprintf("%s/%s", json_str_or(group, "name", ""), w->version);
		const char *gv = *w->version ? asked : preferred;
		int code = gv ? read_group_version(s, w, gv, ret, err) : ERR_NOT_FOUND;
		if (code != ERR_NOT_FOUND)
			return code;
	}
	return error_set(err, ERR_INVALID,
			 "the server has no resource type '%s%s%s'; `skiff get` without arguments "
			 "lists them",
			 w->word, w->group ? "." : "", w->group ? w->group : "");
}

/* ---- custom kinds ---- */

#define ACCEPT_DISCOVERY "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

static bool is_seen(const json_t *group, size_t version, const char *resource)
{
	size_t i, k;
	json_t *v, *r;
	json_array_foreach (json_object_get(group, "versions"), i, v) {
		if (i == version)
			return false;
		json_array_foreach (json_object_get(v, "resources"), k, r) {
			if (streq(json_str_or(r, "resource", ""), resource))
				return true;
		}
	}
	return false;
}

static int visit_version(const json_t *group, size_t version, kind_visit *visit, void *ctx,
			 struct error *err)
{
	const json_t *v = json_array_get(json_object_get(group, "versions"), version);
	const char *name = json_str_or(v, "version", "");
	const char *group_name = json_str_or(group, "metadata.name", "");
	size_t i;
	json_t *r;
	json_array_foreach (json_object_get(v, "resources"), i, r) {
		const char *resource = json_str_or(r, "resource", "");
		if (schema_kind_by_resource(group_name, name, resource) ||
		    is_seen(group, version, resource))
			continue;
		struct kind k = { .is_namespaced =
					  streq(json_str_or(r, "scope", ""), "Namespaced") };
		KEEP(k.group, group_name);
		KEEP(k.version, name);
		KEEP(k.resource, resource);
		KEEP(k.singular, json_str_or(r, "singularResource", ""));
		KEEP(k.kind, json_str_or(r, "responseKind.kind", ""));
		int code = visit(ctx, &k, r, err);
		if (code < 0)
			return code;
	}
	return 0;
}

int kinds_custom(struct session *s, kind_visit *visit, void *ctx, struct error *err)
{
	AUTO_REPLY reply = { 0 };
	size_t i;
	json_t *group;
	request_send(
		s,
		&(struct request){ .method = "GET", .target = "/apis", .accept = ACCEPT_DISCOVERY },
		&reply);
	if (reply.status == 0)
		return error_set(err, ERR_UNAVAILABLE, "the server at %s cannot be reached: %s",
				 s->config.server, reply.message);
	json_array_foreach (json_object_get(reply.body, "items"), i, group) {
		size_t versions = json_array_size(json_object_get(group, "versions"));
		for (size_t v = 0; v < versions; v++) {
			int code = visit_version(group, v, visit, ctx, err);
			if (code < 0)
				return code;
		}
	}
	return 0;
}

/* "apps", or "v1.apps" as in deployments.v1.apps. */
static void read_group(struct wanted *w, const char *text)
{
	const char *next = strchr(text, '.');
	w->group = text;
	if (text[0] != 'v' || text[1] < '0' || text[1] > '9')
		return;
	auto_free char *version = xstrndup(text, next ? (size_t)(next - text) : strlen(text));
	KEEP(w->version, version);
	w->group = next ? next + 1 : "";
}

int kind_by_word(struct session *s, const char *word, struct kind *ret, struct error *err)
{
	struct wanted w = { .group = NULL };
	const char *dot = strchr(word, '.');
	auto_free char *first = dot ? xstrndup(word, (size_t)(dot - word)) : xstrdup(word);
	KEEP(w.word, first);
	if (dot)
		read_group(&w, dot + 1);
	const struct schema_kind *k = find_builtin(&w);
	if (!k)
		return ask_server(s, &w, ret, err);
	*ret = from_schema(k);
	return 0;
}

int kind_by_name(struct session *s, const char *api_version, const char *name, struct kind *ret,
		 struct error *err)
{
	const char *slash = strchr(api_version, '/');
	auto_free char *group =
		slash ? xstrndup(api_version, (size_t)(slash - api_version)) : xstrdup("");
	const struct schema_kind *k =
		schema_kind_by_kind(group, slash ? slash + 1 : api_version, name);
	if (k) {
		*ret = from_schema(k);
		return 0;
	}
	struct wanted w = { .group = group };
	KEEP(w.word, name);
	int code = slash ? read_group_version(s, &w, api_version, ret, err) : ERR_NOT_FOUND;
	if (code == ERR_NOT_FOUND)
		return error_set(err, ERR_INVALID,
				 "the server knows no kind \"%s\" in \"%s\": is it spelled right?",
				 name, api_version);
	return code;
}

struct api_resource kind_resource(const struct kind *k)
{
	return (struct api_resource){ k->group, k->version, k->resource, k->is_namespaced };
}

char *kind_path(const struct kind *k, const char *ns, const char *name, const char *subresource)
{
	struct api_resource r = kind_resource(k);
	return api_path(&r, ns, name, subresource);
}

char *kind_slash_name(const struct kind *k, const char *name)
{
	return xasprintf("%s%s%s/%s", k->singular, *k->group ? "." : "", k->group, name);
}
