#include "common/base/jsonx.h"
#include "schemas/report.h"

/* A variable set twice; one that builds on the earlier value is meant so. */
static void warn_env(const json_t *list, const struct path *at, struct schema_report *ret)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);
		const char *name = json_str_or(one, "name", "");
		auto_free char *reference = xasprintf("$(%s)", name);
		for (size_t k = 0; k < i; k++) {
			if (!*name ||
			    !streq(json_str_or(json_array_get(list, k), "name", ""), name))
				continue;
			auto_free char *path = path_dup(PATH_AT(at, i));
			if (!strstr(json_str_or(one, "value", ""), reference))
				report_add(ret,
					   "%s: hides previous definition of \"%s\", which may be "
					   "dropped when using apply",
					   path, name);
			break;
		}
	}
}

static void warn_secrets(const json_t *list, const struct path *at, struct schema_report *ret)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *name = json_str_or(json_array_get(list, i), "name", "");
		for (size_t k = 0; k < i; k++) {
			if (!streq(json_str_or(json_array_get(list, k), "name", ""), name))
				continue;
			auto_free char *path = path_dup(PATH(PATH_AT(at, i), "name"));
			report_add(ret, "%s: duplicate name \"%s\"", path, name);
			break;
		}
	}
}

static bool is_same_port(const json_t *a, const json_t *b)
{
	return json_int_or(a, "containerPort", 0) == json_int_or(b, "containerPort", 0) &&
	       json_int_or(a, "hostPort", 0) == json_int_or(b, "hostPort", 0) &&
	       streq(json_str_or(a, "hostIP", ""), json_str_or(b, "hostIP", "")) &&
	       streq(json_str_or(a, "protocol", ""), json_str_or(b, "protocol", ""));
}

static void warn_ports(const json_t *ports, const struct path *at, struct schema_report *ret)
{
	for (size_t i = 0; i < json_array_size(ports); i++) {
		for (size_t k = 0; k < i; k++) {
			if (!is_same_port(json_array_get(ports, i), json_array_get(ports, k)))
				continue;
			auto_free char *path = path_dup(PATH_AT(at, i));
			auto_free char *first = path_dup(PATH_AT(at, k));
			report_add(ret, "%s: duplicate port definition with %s", path, first);
			break;
		}
	}
}

static void warn_pod_spec(const json_t *spec, const struct path *at, struct schema_report *ret)
{
	static const char *const lists[] = { "initContainers", "containers" };
	for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
		const json_t *list = json_object_get(spec, lists[l]);
		for (size_t i = 0; i < json_array_size(list); i++) {
			const struct path *here = PATH_AT(PATH(at, lists[l]), i);
			const json_t *container = json_array_get(list, i);
			warn_env(json_object_get(container, "env"), PATH(here, "env"), ret);
			warn_ports(json_object_get(container, "ports"), PATH(here, "ports"), ret);
		}
	}
	warn_secrets(json_object_get(spec, "imagePullSecrets"), PATH(at, "imagePullSecrets"), ret);
	auto_free char *path = path_dup(PATH(at, "terminationGracePeriodSeconds"));
	if (json_int_or(spec, "terminationGracePeriodSeconds", 0) < 0)
		report_add(ret,
			   "%s: must be >= 0; negative values are invalid and will be treated "
			   "as 1",
			   path);
}

static void warn_service(const json_t *spec, struct schema_report *ret)
{
	bool is_external = streq(json_str_or(spec, "type", ""), "ExternalName");
	if (is_external && json_array_size(json_object_get(spec, "externalIPs")))
		report_add(ret, "spec.externalIPs is ignored when spec.type is \"ExternalName\"");
	if (!is_external && *json_str_or(spec, "externalName", ""))
		report_add(ret,
			   "spec.externalName is ignored when spec.type is not \"ExternalName\"");
}

void schema_warnings(const struct schema_kind *kind, const json_t *tree, struct schema_report *ret)
{
	const json_t *template = json_dig(tree, "spec.template");
	const struct path *at = PATH(NULL, "spec");
	if (streq(kind->kind, "Pod"))
		warn_pod_spec(json_object_get(tree, "spec"), at, ret);
	else if (streq(kind->kind, "Service"))
		warn_service(json_object_get(tree, "spec"), ret);
	else if (streq(kind->kind, "Endpoints"))
		report_add(ret, "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 "
				"EndpointSlice");
	else if (template)
		warn_pod_spec(json_object_get(template, "spec"), PATH(PATH(at, "template"), "spec"),
			      ret);
}
