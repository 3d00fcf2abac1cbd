#include "nodeagent/pod_env.h"

#include "common/base/map.h"
#include "common/io/tls.h"
#include "schemas/quantity.h"

#include <ctype.h>
#include <stdio.h>

#define EXPAND_MAX ((size_t)1 << 20)
#define SOURCE_MAX ((size_t)4 << 20)

/* ---- variables in order, later ones replacing earlier ones ---- */

struct vars {
	struct cri_pair *at;
	size_t count;
	struct map index; /* name → position + 1 */
};

static int vars_set(struct vars *v, const char *name, const char *value, struct error *err)
{
	size_t at = (size_t)(uintptr_t)map_get(&v->index, name);
	if (at > 0) {
		v->at[at - 1].value = value;
		return 0;
	}
	if (v->count == POD_ENV_MAX)
		return error_set(err, ERR_LIMIT, "more than %d environment variables", POD_ENV_MAX);
	v->at[v->count++] = (struct cri_pair){ name, value };
	(void)map_put(&v->index, name, (void *)(uintptr_t)v->count);
	return 0;
}

static const char *find(const struct cri_pairs *vars, const char *name, size_t n)
{
	for (size_t i = vars->count; i-- > 0;)
		if (strncmp(vars->at[i].key, name, n) == 0 && vars->at[i].key[n] == '\0')
			return vars->at[i].value;
	return NULL;
}

const char *pod_env_expand(const char *text, const struct cri_pairs *vars, struct arena *a)
{
	AUTO_STR out;
	str_init(&out, EXPAND_MAX);
	if (!strchr(text, '$'))
		return text;
	for (const char *p = text; *p; p++) {
		const char *end = p[0] == '$' && p[1] == '(' ? strchr(p, ')') : NULL;
		if (p[0] == '$' && p[1] == '$') {
			str_add_char(&out, '$');
			p++;
		} else if (end) {
			const char *value = find(vars, p + 2, (size_t)(end - p - 2));
			if (value)
				str_add(&out, value);
			else
				str_add_bytes(&out, p, (size_t)(end - p + 1));
			p = end;
		} else {
			str_add_char(&out, *p);
		}
	}
	return str_ok(&out) ? arena_text(a, out.data) : text;
}

/* ---- fields ---- */

/* metadata.labels['key'] */
static const char *subscript(const char *path, const char *prefix, char key[320])
{
	size_t n = strlen(prefix);
	if (strncmp(path, prefix, n) != 0 || path[n] != '[' ||
	    (path[n + 1] != '\'' && path[n + 1] != '"'))
		return NULL;
	const char *end = strchr(path + n + 2, path[n + 1]);
	size_t len = end ? (size_t)(end - (path + n + 2)) : 0;
	if (!end || len >= 320 || end[1] != ']')
		return NULL;
	memcpy(key, path + n + 2, len);
	key[len] = '\0';
	return key;
}

/* All labels or annotations as the downward API's files have them: key="escaped value". */
static const char *pairs_text(const json_t *map, struct arena *a)
{
	AUTO_STR out;
	AUTO_JSON *sorted = NULL;
	struct error err;
	str_init(&out, SOURCE_MAX);
	AUTO_STR json;
	str_init(&json, SOURCE_MAX);
	if (!map)
		return "";
	json_print_sorted(map, &json);
	if (json_parse(json.data, json.len, &sorted, &err) < 0)
		return "";
	const char *key;
	json_t *value;
	json_object_foreach (sorted, key, value) {
		str_addf(&out, "%s%s=", out.len ? "\n" : "", key);
		const char *text = json_string_value(value);
		str_add_json(&out, text ? text : "", text ? strlen(text) : 0);
	}
	return arena_text(a, out.data);
}

int pod_field_value(const struct pod_context *p, const char *path, struct arena *a,
		    const char **ret, struct error *err)
{
	static const char *const plain[] = { "metadata.name", "metadata.namespace", "metadata.uid",
					     "spec.serviceAccountName" };
	char key[320];
	for (size_t i = 0; i < ARRAY_LEN(plain); i++) {
		if (streq(path, plain[i])) {
			*ret = json_str_or(p->object, path, "");
			return 0;
		}
	}
	if (streq(path, "spec.nodeName"))
		*ret = p->node_name;
	else if (streq(path, "status.hostIP") || streq(path, "status.hostIPs"))
		*ret = p->host_ip ? p->host_ip : "";
	else if (streq(path, "status.podIP") || streq(path, "status.podIPs"))
		*ret = p->pod_ip ? p->pod_ip : "";
	else if (streq(path, "metadata.labels") || streq(path, "metadata.annotations"))
		*ret = pairs_text(json_dig(p->object, path), a);
	else if (subscript(path, "metadata.labels", key))
		*ret = json_member_str(json_dig(p->object, "metadata.labels"), key);
	else if (subscript(path, "metadata.annotations", key))
		*ret = json_member_str(json_dig(p->object, "metadata.annotations"), key);
	else
		return error_set(err, ERR_INVALID, "unsupported fieldPath: %s", path);
	if (!*ret)
		*ret = "";
	return 0;
}

static const json_t *container_named(const json_t *pod, const char *name)
{
	static const char *const lists[] = { "spec.containers", "spec.initContainers" };
	for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
		size_t i;
		json_t *c;
		json_array_foreach (json_dig(pod, lists[l]), i, c) {
			if (streq(json_str_or(c, "name", ""), name))
				return c;
		}
	}
	return NULL;
}

int pod_resource_value(const struct pod_context *p, const json_t *container, const json_t *ref,
		       struct arena *a, const char **ret, struct error *err)
{
	const char *resource = json_str_or(ref, "resource", "");
	const char *name = json_str(ref, "containerName");
	const char *dot = strchr(resource, '.');
	const json_t *c = name && name[0] ? container_named(p->object, name) : container;
	if (!c || !dot)
		return error_set(err, ERR_INVALID, "unsupported container resource: %s", resource);
	bool is_limit = starts_with(resource, "limits.");
	const char *what = dot + 1;
	const char *quantity =
		json_string_value(json_at(c, "resources", is_limit ? "limits" : "requests", what));
	int64_t milli = quantity ? quantity_milli(quantity) : 0;
	if (!quantity && is_limit && streq(what, "cpu"))
		milli = p->node_cpu_milli;
	int64_t value = quantity ? quantity_value(quantity) : 0;
	if (!quantity && is_limit && streq(what, "memory"))
		value = p->node_memory;
	const char *divisor = json_str_or(ref, "divisor", "1");
	int64_t d = quantity_value(divisor), d_milli = quantity_milli(divisor);
	if (streq(what, "cpu")) {
		d_milli = d_milli > 0 ? d_milli : 1000;
		value = milli / d_milli + (milli % d_milli != 0);
	} else {
		d = d > 0 ? d : 1;
		value = value / d + (value % d != 0);
	}
	*ret = arena_format(a, "%lld", (long long)value);
	return 0;
}

/* ---- ConfigMaps and Secrets ---- */

const char *pod_source_bytes(const json_t *object, bool is_secret, const char *key, struct arena *a,
			     size_t *ret_len)
{
	const char *text = json_member_str(json_object_get(object, "data"), key);
	const char *coded =
		is_secret ? text : json_member_str(json_object_get(object, "binaryData"), key);
	if (!is_secret && text) {
		*ret_len = strlen(text);
		return text;
	}
	if (!coded)
		return NULL;
	AUTO_STR out;
	struct error err;
	str_init(&out, SOURCE_MAX);
	if (tls_base64_decode(coded, strlen(coded), &out, &err) < 0)
		return NULL;
	char *bytes = arena_alloc(a, out.len + 1, 1);
	memcpy(bytes, out.data, out.len);
	*ret_len = out.len;
	return bytes;
}

static const json_t *source(const struct pod_context *p, bool is_secret, const char *name)
{
	char key[320];
	if (snprintf(key, sizeof(key), "%s/%s", is_secret ? "Secret" : "ConfigMap", name) < 0)
		return NULL;
	const json_t *object = json_object_get(p->sources, key);
	return json_is_object(object) ? object : NULL;
}

static int missing(const struct pod_context *p, bool is_secret, const char *name, const char *key,
		   struct error *err)
{
	const char *what = is_secret ? "secret" : "configmap";
	if (key)
		return error_set(err, ERR_NOT_FOUND, "couldn't find key %s in %s %s/%s", key,
				 is_secret ? "Secret" : "ConfigMap",
				 json_str_or(p->object, "metadata.namespace", ""), name);
	return error_set(err, ERR_NOT_FOUND, "%s \"%s\" not found", what, name);
}

static int env_from_key(const struct pod_context *p, const json_t *ref, bool is_secret,
			struct arena *a, const char **ret, struct error *err)
{
	const char *name = json_str_or(ref, "name", ""), *key = json_str_or(ref, "key", "");
	bool is_optional = json_bool_or(ref, "optional", false);
	const json_t *object = source(p, is_secret, name);
	size_t len;
	*ret = object ? pod_source_bytes(object, is_secret, key, a, &len) : NULL;
	if (*ret || is_optional)
		return 0;
	return missing(p, is_secret, name, object ? key : NULL, err);
}

static int add_env_from(const struct pod_context *p, const json_t *from, struct vars *v,
			struct arena *a, struct error *err)
{
	bool is_secret = json_object_get(from, "secretRef") != NULL;
	const json_t *ref = json_object_get(from, is_secret ? "secretRef" : "configMapRef");
	const char *name = json_str_or(ref, "name", ""), *prefix = json_str_or(from, "prefix", "");
	const json_t *object = source(p, is_secret, name);
	if (!object)
		return json_bool_or(ref, "optional", false)
			       ? 0
			       : missing(p, is_secret, name, NULL, err);
	const char *key;
	json_t *value;
	json_object_foreach (json_object_get(object, "data"), key, value) {
		size_t len;
		const char *text = pod_source_bytes(object, is_secret, key, a, &len);
		if (text && vars_set(v, arena_format(a, "%s%s", prefix, key), text, err) < 0)
			return err->code;
	}
	return 0;
}

static int add_env(const struct pod_context *p, const json_t *container, const json_t *env,
		   struct vars *v, struct arena *a, struct error *err)
{
	const char *name = json_str_or(env, "name", ""), *value = json_str(env, "value");
	const json_t *from = json_object_get(env, "valueFrom");
	const struct cri_pairs so_far = { v->at, v->count };
	int n = 0;
	if (json_object_get(from, "fieldRef"))
		n = pod_field_value(p, json_str_or(from, "fieldRef.fieldPath", ""), a, &value, err);
	else if (json_object_get(from, "resourceFieldRef"))
		n = pod_resource_value(p, container, json_object_get(from, "resourceFieldRef"), a,
				       &value, err);
	else if (json_object_get(from, "configMapKeyRef"))
		n = env_from_key(p, json_object_get(from, "configMapKeyRef"), false, a, &value,
				 err);
	else if (json_object_get(from, "secretKeyRef"))
		n = env_from_key(p, json_object_get(from, "secretKeyRef"), true, a, &value, err);
	else
		value = pod_env_expand(value ? value : "", &so_far, a);
	if (n < 0)
		return n;
	return value ? vars_set(v, name, value, err) : 0; /* optional and absent: not set */
}

/* ---- Services ---- */

static const char *upper(struct arena *a, const char *name)
{
	char *text = arena_text(a, name);
	for (char *c = text; *c; c++)
		*c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
	return text;
}

static int add_service(const json_t *service, struct vars *v, struct arena *a, struct error *err)
{
	const char *ip = json_str_or(service, "spec.clusterIP", "");
	const char *name = upper(a, json_str_or(service, "metadata.name", ""));
	size_t i;
	json_t *port;
	if (ip[0] == '\0' || streq(ip, "None"))
		return 0;
	int n = vars_set(v, arena_format(a, "%s_SERVICE_HOST", name), ip, err);
	json_array_foreach (json_dig(service, "spec.ports"), i, port) {
		const char *number =
			arena_format(a, "%lld", (long long)json_int_or(port, "port", 0));
		const char *protocol = json_str_or(port, "protocol", "TCP");
		const char *port_name = json_str(port, "name");
		char *lower = arena_text(a, protocol);
		for (char *c = lower; *c; c++)
			*c = (char)tolower((unsigned char)*c);
		const char *url = arena_format(a, "%s://%s:%s", lower, ip, number);
		const char *base = arena_format(a, "%s_PORT_%s_%s", name, number, protocol);
		if (i == 0 && (vars_set(v, arena_format(a, "%s_SERVICE_PORT", name), number, err) ||
			       vars_set(v, arena_format(a, "%s_PORT", name), url, err)))
			return err->code;
		if (port_name &&
		    vars_set(v, arena_format(a, "%s_SERVICE_PORT_%s", name, upper(a, port_name)),
			     number, err))
			return err->code;
		if (vars_set(v, base, url, err) ||
		    vars_set(v, arena_format(a, "%s_PROTO", base), lower, err) ||
		    vars_set(v, arena_format(a, "%s_PORT", base), number, err) ||
		    vars_set(v, arena_format(a, "%s_ADDR", base), ip, err))
			return err->code;
	}
	return n;
}

static int add_services(const struct pod_context *p, struct vars *v, struct arena *a,
			struct error *err)
{
	if (p->api_host && p->api_port) {
		const char *url = arena_format(a, "tcp://%s:%s", p->api_host, p->api_port);
		if (vars_set(v, "KUBERNETES_SERVICE_HOST", p->api_host, err) ||
		    vars_set(v, "KUBERNETES_SERVICE_PORT", p->api_port, err) ||
		    vars_set(v, "KUBERNETES_SERVICE_PORT_HTTPS", p->api_port, err) ||
		    vars_set(v, "KUBERNETES_PORT", url, err))
			return err->code;
	}
	if (!json_bool_or(p->object, "spec.enableServiceLinks", true))
		return 0;
	for (size_t i = 0; i < p->services_count; i++)
		if (add_service(p->services[i], v, a, err) < 0)
			return err->code;
	return 0;
}

static int make(const struct pod_context *p, const json_t *container, struct arena *a,
		struct vars *v, struct error *err)
{
	size_t i;
	json_t *each;
	if (add_services(p, v, a, err) < 0)
		return err->code;
	json_array_foreach (json_object_get(container, "envFrom"), i, each) {
		if (add_env_from(p, each, v, a, err) < 0)
			return err->code;
	}
	json_array_foreach (json_object_get(container, "env"), i, each) {
		if (add_env(p, container, each, v, a, err) < 0)
			return err->code;
	}
	return 0;
}

int pod_env_make(const struct pod_context *p, const json_t *container, struct arena *a,
		 struct cri_pairs *ret, struct error *err)
{
	struct vars v = { .at = arena_alloc(a, POD_ENV_MAX, sizeof(*v.at)) };
	int n = make(p, container, a, &v, err);
	map_fini(&v.index);
	if (n < 0)
		return n;
	*ret = (struct cri_pairs){ v.at, v.count };
	return 0;
}
