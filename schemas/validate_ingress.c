/* Ingress and IngressClass. */
#include "schemas/cidr.h"
#include "schemas/rule.h"

#define CONTROLLER_SIZE_MAX 250
#define CLASS_ANNOTATION    "kubernetes.io/ingress.class"

static bool is_address(const char *text)
{
	struct cidr c;
	return cidr_parse(text, false, &c);
}

static void check_host(const char *host, const struct path *at, struct field_errors *e)
{
	if (!strchr(host, '*')) {
		rule_name(e, at, host, name_dns_subdomain);
		return;
	}
	if (strlen(host) > 253) {
		rule_bad_text(e, FIELD_INVALID, at, host, "must be no more than 253 characters");
		return;
	}
	if (strncmp(host, "*.", 2) != 0 || !name_is(name_dns_subdomain, host + 2))
		rule_bad_text(e, FIELD_INVALID, at, host,
			      "a wildcard DNS-1123 subdomain must start with '*.', followed by a "
			      "valid DNS subdomain, which must consist of lower case alphanumeric "
			      "characters, '-' or '.' and end with an alphanumeric character (e.g. "
			      "'*.example.com', regex used for validation is "
			      "'\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*"
			      "[a-z0-9])?)*')");
}

static void check_reference(const json_t *ref, const struct path *at, struct field_errors *e)
{
	const char *group = json_str(ref, "apiGroup");
	if (group)
		rule_name(e, PATH(at, "apiGroup"), group, name_dns_subdomain);
	rule_required_name(e, PATH(at, "kind"), json_str(ref, "kind"), name_path_segment);
	rule_required_name(e, PATH(at, "name"), json_str(ref, "name"), name_path_segment);
}

static void check_service(const json_t *service, const struct path *at, struct field_errors *e)
{
	const struct path *here = PATH(at, "service");
	const json_t *port = json_object_get(service, "port");
	const json_t *number = json_object_get(port, "number");
	const char *name = json_str_or(port, "name", "");
	bool has_number = json_integer_value(number) != 0;
	rule_required_name(e, PATH(here, "name"), json_str(service, "name"), name_dns_label);
	here = PATH(here, "port");
	if (*name && has_number)
		rule_bad_text(e, FIELD_INVALID, at, "", "cannot set both port name & port number");
	else if (*name)
		rule_name(e, PATH(here, "name"), name, name_port);
	else if (has_number)
		rule_port(e, PATH(here, "number"), number);
	else
		rule_broken(e, FIELD_REQUIRED, at, NULL, "port name or number is required");
}

static void check_backend(const json_t *backend, const struct path *at, struct field_errors *e)
{
	const json_t *resource = json_object_get(backend, "resource");
	const json_t *service = json_object_get(backend, "service");
	if (resource && service)
		rule_bad_text(e, FIELD_INVALID, at, "",
			      "cannot set both resource and service backends");
	else if (resource)
		check_reference(resource, PATH(at, "resource"), e);
	else if (service)
		check_service(service, at, e);
	else
		rule_bad_text(e, FIELD_INVALID, at, "", "resource or service backend is required");
}

static void check_plain_path(const char *path, const struct path *at, struct field_errors *e)
{
	static const char *const parts[] = { "//", "/./", "/../", "%2f", "%2F" };
	static const char *const ends[] = { "/..", "/." };
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (strstr(path, parts[i]))
			rule_bad_text(e, FIELD_INVALID, at, path, "must not contain '%s'",
				      parts[i]);
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		size_t n = strlen(path), k = strlen(ends[i]);
		if (n >= k && streq(path + n - k, ends[i]))
			rule_bad_text(e, FIELD_INVALID, at, path, "cannot end with '%s'", ends[i]);
	}
}

static void check_path(const json_t *o, const struct path *at, struct field_errors *e)
{
	static const char *const types[] = { "Exact", "ImplementationSpecific", "Prefix", NULL };
	const char *type = json_str(o, "pathType"), *path = json_str_or(o, "path", "");
	if (!type) {
		rule_broken(e, FIELD_REQUIRED, PATH(at, "pathType"), NULL,
			    "pathType must be specified");
		return;
	}
	bool is_plain = streq(type, "Exact") || streq(type, "Prefix");
	if (!rule_is_one_of(type, types))
		rule_unsupported(e, PATH(at, "pathType"), type, types);
	else if (*path != '/' && (is_plain || *path))
		rule_bad_text(e, FIELD_INVALID, PATH(at, "path"), path, "must be an absolute path");
	if (is_plain)
		check_plain_path(path, PATH(at, "path"), e);
	check_backend(json_object_get(o, "backend"), PATH(at, "backend"), e);
}

static void check_rule(const json_t *rule, const struct path *at, struct field_errors *e)
{
	const char *host = json_str_or(rule, "host", "");
	const json_t *http = json_object_get(rule, "http");
	const json_t *paths = json_object_get(http, "paths");
	if (is_address(host))
		rule_bad_text(e, FIELD_INVALID, PATH(at, "host"), host,
			      "must be a DNS name, not an IP address");
	if (*host)
		check_host(host, PATH(at, "host"), e);
	if (!http)
		return;
	at = PATH(PATH(at, "http"), "paths");
	if (!json_array_size(paths))
		rule_required(e, at, NULL);
	for (size_t i = 0; i < json_array_size(paths); i++)
		check_path(json_array_get(paths, i), PATH_AT(at, i), e);
}

static void check_tls(const json_t *list, const struct path *at, struct field_errors *e)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *hosts = json_object_get(json_array_get(list, i), "hosts");
		const char *secret = json_str_or(json_array_get(list, i), "secretName", "");
		const struct path *here = PATH_AT(at, i);
		for (size_t k = 0; k < json_array_size(hosts); k++)
			check_host(json_string_value(json_array_get(hosts, k)),
				   PATH_AT(PATH(here, "hosts"), k), e);
		if (*secret)
			rule_name(e, PATH(here, "secretName"), secret, name_dns_subdomain);
	}
}

void validate_ingress(const json_t *tree, const json_t *old, struct field_errors *e)
{
	const struct path *at = PATH(NULL, "spec");
	const json_t *spec = json_object_get(tree, "spec");
	const json_t *rules = json_object_get(spec, "rules");
	const json_t *backend = json_object_get(spec, "defaultBackend");
	const char *class = json_str(spec, "ingressClassName");
	const char *legacy =
		json_member_str(json_dig(tree, "metadata.annotations"), CLASS_ANNOTATION);
	AUTO_JSON *nothing = json_null();
	if (!json_array_size(rules) && !backend)
		rule_broken(e, FIELD_INVALID, at, rules ? rules : nothing,
			    "either `defaultBackend` or `rules` must be specified");
	if (backend)
		check_backend(backend, PATH(at, "defaultBackend"), e);
	for (size_t i = 0; i < json_array_size(rules); i++)
		check_rule(json_array_get(rules, i), PATH_AT(PATH(at, "rules"), i), e);
	check_tls(json_object_get(spec, "tls"), PATH(at, "tls"), e);
	if (class)
		rule_name(e, PATH(at, "ingressClassName"), class, name_dns_subdomain);
	if (!old && class && legacy && !streq(class, legacy))
		rule_bad_text(e, FIELD_INVALID, PATH(PATH(NULL, "annotations"), CLASS_ANNOTATION),
			      legacy, "must match `ingressClassName` when both are specified");
}

static void check_parameters(const json_t *ref, const struct path *at, struct field_errors *e)
{
	static const char *const scopes[] = { "Cluster", "Namespace", NULL };
	const char *scope = json_str_or(ref, "scope", "");
	const char *namespace = json_str(ref, "namespace");
	check_reference(ref, at, e);
	if (!rule_is_one_of(scope, scopes))
		rule_unsupported(e, PATH(at, "scope"), scope, scopes);
	else if (streq(scope, "Cluster") && namespace)
		rule_broken(e, FIELD_FORBIDDEN, PATH(at, "namespace"), NULL,
			    "`parameters.scope` is set to 'Cluster'");
	else if (streq(scope, "Namespace") && !namespace)
		rule_broken(e, FIELD_REQUIRED, PATH(at, "namespace"), NULL,
			    "`parameters.scope` is set to 'Namespace'");
	else if (namespace)
		rule_name(e, PATH(at, "namespace"), namespace, name_dns_label);
}

void validate_ingress_class(const json_t *tree, const json_t *old, struct field_errors *e)
{
	const struct path *at = PATH(NULL, "spec");
	const json_t *spec = json_object_get(tree, "spec");
	const json_t *parameters = json_object_get(spec, "parameters");
	if (old)
		rule_unchanged_text(e, PATH(at, "controller"), json_object_get(spec, "controller"),
				    json_dig(old, "spec.controller"));
	const char *controller = json_str_or(spec, "controller", "");
	if (strlen(controller) > CONTROLLER_SIZE_MAX)
		rule_broken(e, FIELD_TOO_LONG, PATH(at, "controller"), NULL,
			    "may not be more than %d bytes", CONTROLLER_SIZE_MAX);
	rule_domain_path(e, PATH(at, "controller"), controller);
	if (parameters)
		check_parameters(parameters, PATH(at, "parameters"), e);
}
