#include "nodeagent/volume_plan.h"

#include "schemas/quantity.h"

#include <stdio.h>

#define MODE_DEFAULT 0644
#define FILES_MAX    10000
#define PATH_LEN_MAX 4096

void volume_set_fini(struct volume_set *s)
{
	for (size_t i = 0; i < s->count; i++) {
		struct volume *v = &s->at[i];
		for (size_t k = 0; k < v->files_count; k++) {
			free(v->files[k].path);
			free(v->files[k].bytes);
		}
		free(v->files);
		free(v->name);
		free(v->dir);
		free(v->host_type);
	}
	free(s->at);
	free(s->pod_dir);
	free(s->log_dir);
	*s = (struct volume_set){ 0 };
}

/* ---- files ---- */

/* Relative, no "..", no part of the atomic writer's names. */
static bool path_is_fine(const char *path)
{
	if (path[0] == '\0' || path[0] == '/' || strlen(path) >= PATH_LEN_MAX ||
	    starts_with(path, ".."))
		return false;
	for (const char *p = path; *p;) {
		size_t n = strcspn(p, "/");
		if (n == 0 || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.') ||
		    n > 255)
			return false;
		p += n;
		p += *p == '/';
	}
	return true;
}

static int add_file(struct volume *v, const char *path, const char *bytes, size_t len,
		    unsigned mode, struct error *err)
{
	if (!path_is_fine(path))
		return error_set(err, ERR_INVALID, "'%s' is no path inside a volume", path);
	if (v->files_count == FILES_MAX)
		return error_set(err, ERR_LIMIT, "more than %d files", FILES_MAX);
	/* A later source replaces an earlier one's file. */
	struct volume_file *f = NULL;
	for (size_t i = 0; i < v->files_count && !f; i++)
		if (streq(v->files[i].path, path))
			f = &v->files[i];
	if (f) {
		free(f->path);
		free(f->bytes);
	} else {
		v->files = xrealloc(v->files, v->files_count + 1, sizeof(*v->files));
		f = &v->files[v->files_count++];
	}
	*f = (struct volume_file){ xstrdup(path), xmemdup(bytes, len), len, mode };
	return 0;
}

static unsigned mode_of(const json_t *item, unsigned otherwise)
{
	return (unsigned)json_int_or(item, "mode", otherwise) & 0777;
}

/* configMap and secret, as volumes of their own or in a projected one. */
static int add_source(const struct pod_context *p, const json_t *from, bool is_secret,
		      const char *name, unsigned mode, struct volume *v, struct arena *a,
		      struct error *err)
{
	const char *what = is_secret ? "secret" : "configmap";
	const char *ns = json_str_or(p->object, "metadata.namespace", "");
	bool is_optional = json_bool_or(from, "optional", false);
	const json_t *items = json_object_get(from, "items");
	const json_t *object = json_object_get(
		p->sources, arena_format(a, "%s/%s", is_secret ? "Secret" : "ConfigMap", name));
	if (!json_is_object(object))
		return is_optional
			       ? 0
			       : error_set(err, ERR_NOT_FOUND, "%s \"%s\" not found", what, name);
	size_t i, len;
	json_t *item;
	const char *key;
	json_array_foreach (items, i, item) {
		key = json_str_or(item, "key", "");
		const char *bytes = pod_source_bytes(object, is_secret, key, a, &len);
		if (!bytes && is_optional)
			continue;
		if (!bytes)
			return error_set(err, ERR_NOT_FOUND, "references non-existent %s key: %s",
					 is_secret ? "secret" : "config", key);
		if (add_file(v, json_str_or(item, "path", ""), bytes, len, mode_of(item, mode),
			     err))
			return err->code;
	}
	if (items)
		return 0;
	static const char *const maps[] = { "data", "binaryData" };
	for (size_t m = 0; m < (is_secret ? 1 : ARRAY_LEN(maps)); m++) {
		json_t *value;
		json_object_foreach (json_object_get(object, maps[m]), key, value) {
			const char *bytes = pod_source_bytes(object, is_secret, key, a, &len);
			if (!bytes)
				return error_set(err, ERR_INVALID, "%s %s/%s: key %s is no base64",
						 what, ns, name, key);
			if (add_file(v, key, bytes, len, mode, err) < 0)
				return err->code;
		}
	}
	return 0;
}

static int add_downward(const struct pod_context *p, const json_t *from, unsigned mode,
			struct volume *v, struct arena *a, struct error *err)
{
	size_t i;
	json_t *item;
	json_array_foreach (json_object_get(from, "items"), i, item) {
		const char *value = "";
		const json_t *resource = json_object_get(item, "resourceFieldRef");
		int n = resource ? pod_resource_value(p, NULL, resource, a, &value, err)
				 : pod_field_value(p, json_str_or(item, "fieldRef.fieldPath", ""),
						   a, &value, err);
		if (n < 0 || add_file(v, json_str_or(item, "path", ""), value, strlen(value),
				      mode_of(item, mode), err) < 0)
			return err->code;
	}
	return 0;
}

static int add_projected(const struct pod_context *p, const json_t *volume, struct volume *v,
			 struct arena *a, struct error *err)
{
	unsigned mode = (unsigned)json_int_or(volume, "projected.defaultMode", MODE_DEFAULT) & 0777;
	size_t i;
	json_t *s;
	json_array_foreach (json_dig(volume, "projected.sources"), i, s) {
		const json_t *map = json_object_get(s, "configMap"),
			     *secret = json_object_get(s, "secret"),
			     *downward = json_object_get(s, "downwardAPI"),
			     *token = json_object_get(s, "serviceAccountToken");
		int n = 0;
		if (map || secret) {
			const json_t *from = map ? map : secret;
			n = add_source(p, from, !map, json_str_or(from, "name", ""), mode, v, a,
				       err);
		} else if (downward) {
			n = add_downward(p, downward, mode, v, a, err);
		} else if (token) {
			const char *text = json_string_value(json_object_get(
				p->sources, arena_format(a, "Token/%s/%zu", v->name, i)));
			n = text ? add_file(v, json_str_or(token, "path", ""), text, strlen(text),
					    v->has_group ? 0640 : mode, err)
				 : error_set(err, ERR_UNAVAILABLE,
					     "no token for the service account yet");
		}
		if (n < 0)
			return n;
	}
	return 0;
}

/* ---- volumes ---- */

static int make_volume(const struct pod_context *p, const json_t *from, struct volume *v,
		       struct arena *a, struct error *err)
{
	const json_t *empty = json_object_get(from, "emptyDir"),
		     *map = json_object_get(from, "configMap"),
		     *secret = json_object_get(from, "secret"),
		     *downward = json_object_get(from, "downwardAPI"),
		     *host = json_object_get(from, "hostPath");
	if (empty) {
		const char *limit = json_str(empty, "sizeLimit");
		v->kind = streq(json_str_or(empty, "medium", ""), "Memory") ? VOLUME_MEMORY
									    : VOLUME_DIRECTORY;
		v->size_limit = limit ? quantity_value(limit) : 0;
		return 0;
	}
	if (host) {
		v->kind = VOLUME_HOST;
		free(v->dir);
		v->dir = xstrdup(json_str_or(host, "path", "/"));
		v->host_type = xstrdup(json_str_or(host, "type", ""));
		return 0;
	}
	v->kind = VOLUME_FILES;
	if (map)
		return add_source(p, map, false, json_str_or(map, "name", ""),
				  (unsigned)json_int_or(map, "defaultMode", MODE_DEFAULT) & 0777, v,
				  a, err);
	if (secret)
		return add_source(p, secret, true, json_str_or(secret, "secretName", ""),
				  (unsigned)json_int_or(secret, "defaultMode", MODE_DEFAULT) & 0777,
				  v, a, err);
	if (downward)
		return add_downward(p, downward,
				    (unsigned)json_int_or(downward, "defaultMode", MODE_DEFAULT) &
					    0777,
				    v, a, err);
	if (json_object_get(from, "projected"))
		return add_projected(p, from, v, a, err);
	return error_set(err, ERR_INVALID, "this kind of volume is not supported on this node");
}

int volume_set_make(const struct pod_context *p, const struct pod_paths *paths,
		    struct volume_set *ret, struct error *err)
{
	const json_t *list = json_dig(p->object, "spec.volumes");
	const json_t *group = json_dig(p->object, "spec.securityContext.fsGroup");
	struct volume_set s = {
		.pod_dir = pod_dir(paths, p->object),
		.log_dir = pod_log_dir(paths, p->object),
		.at = xcalloc(json_array_size(list) + 1, sizeof(*s.at)),
	};
	AUTO_ARENA a = { 0 };
	size_t i;
	json_t *from;
	json_array_foreach (list, i, from) {
		struct volume *v = &s.at[s.count++];
		v->name = xstrdup(json_str_or(from, "name", ""));
		v->dir = pod_volume_dir(paths, p->object, from);
		v->has_group = json_is_integer(group);
		v->group = json_integer_value(group);
		if (make_volume(p, from, v, &a, err) < 0) {
			volume_set_fini(&s);
			return error_wrap(err, "MountVolume.SetUp failed for volume \"%s\" ",
					  json_str_or(from, "name", ""));
		}
	}
	*ret = s;
	return 0;
}

static bool any_changes(const json_t *pod, bool with_access)
{
	size_t i;
	json_t *v;
	json_array_foreach (json_dig(pod, "spec.volumes"), i, v) {
		if (!with_access && starts_with(json_str_or(v, "name", ""), "kube-api-access-"))
			continue;
		if (json_object_get(v, "configMap") || json_object_get(v, "secret") ||
		    json_object_get(v, "downwardAPI") || json_object_get(v, "projected"))
			return true;
	}
	return false;
}

bool volume_set_changes(const json_t *pod)
{
	return any_changes(pod, true);
}

bool volume_set_changes_soon(const json_t *pod)
{
	return any_changes(pod, false);
}
