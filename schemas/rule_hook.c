#include "schemas/rule_hook.h"

#include <ctype.h>

#define CONDITIONS_MAX 64

bool rule_is_blank(const char *text)
{
	return !text || text[strspn(text, " \t\r\n\v\f")] == '\0';
}

static bool has_star(const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (streq(json_string_value(json_array_get(list, i)), "*"))
			return true;
	return false;
}

static void check_star(struct field_errors *e, const struct path *at, const json_t *list,
		       const char *what)
{
	if (json_array_size(list) > 1 && has_star(list))
		rule_broken(e, FIELD_INVALID, at, list,
			    "if '*' is present, must not specify other %s", what);
}

static void check_resources(struct field_errors *e, const struct path *at, const json_t *list)
{
	bool has_all = false, has_any = false, has_plain = false;
	AUTO_NAMES all;
	rule_names_init(&all, list, NULL);
	if (!json_array_size(list))
		rule_required(e, at, NULL);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *text = json_string_value(json_array_get(list, i));
		const char *slash = strchr(text, '/');
		has_all |= streq(text, "*/*");
		has_any |= streq(text, "*");
		if (!*text)
			rule_required(e, PATH_AT(at, i), NULL);
		if (!*text)
			continue;
		if (!slash) {
			has_plain = !streq(text, "*");
			continue;
		}
		auto_free char *below = xasprintf("%.*s/*", (int)(slash - text), text);
		auto_free char *above = xasprintf("*/%s", slash + 1);
		if (rule_names_find(&all, below) < i) /* it stands before this one */
			rule_bad_text(e, FIELD_INVALID, PATH_AT(at, i), text,
				      "if '%s' is present, must not specify %s", below, text);
		if (rule_names_find(&all, above) < i)
			rule_bad_text(e, FIELD_INVALID, PATH_AT(at, i), text,
				      "if '%s' is present, must not specify %s", above, text);
	}
	if (json_array_size(list) > 1 && has_all)
		rule_broken(e, FIELD_INVALID, at, list,
			    "if '*/*' is present, must not specify other resources");
	if (has_any && has_plain)
		rule_broken(e, FIELD_INVALID, at, list,
			    "if '*' is present, must not specify other resources without "
			    "subresources");
}

void rule_operations(struct field_errors *e, const struct path *at, const json_t *rule)
{
	static const char *const known[] = { "*", "CONNECT", "CREATE", "DELETE", "UPDATE", NULL };
	static const char *const scopes[] = { "*", "Cluster", "Namespaced", NULL };
	const json_t *operations = json_object_get(rule, "operations");
	const json_t *groups = json_object_get(rule, "apiGroups");
	const json_t *versions = json_object_get(rule, "apiVersions");
	if (!json_array_size(operations))
		rule_required(e, PATH(at, "operations"), NULL);
	check_star(e, PATH(at, "operations"), operations, "operations");
	for (size_t i = 0; i < json_array_size(operations); i++) {
		const char *one = json_string_value(json_array_get(operations, i));
		if (!rule_is_one_of(one, known))
			rule_unsupported(e, PATH_AT(PATH(at, "operations"), i), one, known);
	}
	if (!json_array_size(groups))
		rule_required(e, PATH(at, "apiGroups"), NULL);
	check_star(e, PATH(at, "apiGroups"), groups, "API groups");
	if (!json_array_size(versions))
		rule_required(e, PATH(at, "apiVersions"), NULL);
	check_star(e, PATH(at, "apiVersions"), versions, "API versions");
	for (size_t i = 0; i < json_array_size(versions); i++)
		rule_required(e, PATH_AT(PATH(at, "apiVersions"), i),
			      json_string_value(json_array_get(versions, i)));
	check_resources(e, PATH(at, "resources"), json_object_get(rule, "resources"));
	if (json_object_get(rule, "scope"))
		rule_enum(e, at, rule, "scope", scopes);
}

void rule_match_conditions(struct field_errors *e, const struct path *at, const json_t *list)
{
	if (json_array_size(list) > CONDITIONS_MAX)
		rule_bad_count(e, at, json_array_size(list), CONDITIONS_MAX);
	auto_free size_t *firsts = NULL;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);
		const struct path *here = PATH_AT(at, i);
		if (rule_is_blank(json_str(one, "expression")))
			rule_required(e, PATH(here, "expression"), NULL);
		rule_required_name(e, PATH(here, "name"), json_str(one, "name"), name_label_key);
		if (rule_is_again(&firsts, list, i, "name"))
			rule_broken(e, FIELD_DUPLICATE, PATH(here, "name"),
				    json_object_get(one, "name"), NULL);
	}
}

void rule_review_versions(struct field_errors *e, const struct path *at, const json_t *list)
{
	bool has_known = false;
	auto_free size_t *firsts = NULL;
	if (!json_array_size(list)) {
		rule_broken(e, FIELD_REQUIRED, at, NULL, "must specify one of v1, v1beta1");
		return;
	}
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *version = json_string_value(json_array_get(list, i));
		if (rule_is_again(&firsts, list, i, NULL)) {
			rule_bad_text(e, FIELD_INVALID, PATH_AT(at, i), version,
				      "duplicate version");
			continue;
		}
		rule_name(e, PATH_AT(at, i), version, name_dns1035_label);
		has_known |= streq(version, "v1") || streq(version, "v1beta1");
	}
	if (!has_known)
		rule_broken(e, FIELD_INVALID, at, list, "must include at least one of v1, v1beta1");
}

#define FORM "; desired format: https://host[/path]"

void rule_webhook_url(struct field_errors *e, const struct path *at, const char *url)
{
	const char *colon = strstr(url, "://");
	size_t scheme = colon ? (size_t)(colon - url) : 0;
	const char *rest = colon ? colon + 3 : url;
	size_t host = colon ? strcspn(rest, "/?#") : 0;
	const char *user = memchr(rest, '@', host);
	const char *query = strchr(rest, '?'), *fragment = strchr(rest, '#');
	auto_free char *name = xasprintf("%.*s", (int)scheme, url);
	for (const char *p = url; *p; p++) {
		if (!iscntrl((unsigned char)*p) && !(*p == ' ' && p < rest + host))
			continue;
		rule_broken(e, FIELD_REQUIRED, at, NULL, "url must be a valid URL: %s" FORM, url);
		return;
	}
	if (!streq(name, "https"))
		rule_bad_text(e, FIELD_INVALID, at, name,
			      "'https' is the only allowed URL scheme" FORM);
	if (host == 0)
		rule_bad_text(e, FIELD_INVALID, at, "", "host must be specified" FORM);
	if (user) {
		auto_free char *shown = xasprintf("%.*s", (int)(user - rest), rest);
		rule_bad_text(e, FIELD_INVALID, at, shown,
			      "user information is not permitted in the URL");
	}
	if (fragment && fragment[1])
		rule_bad_text(e, FIELD_INVALID, at, fragment + 1,
			      "fragments are not permitted in the URL");
	if (query && (!fragment || query < fragment) && query[1] && query[1] != '#') {
		auto_free char *shown = xasprintf("%.*s", (int)strcspn(query + 1, "#"), query + 1);
		rule_bad_text(e, FIELD_INVALID, at, shown,
			      "query parameters are not permitted in the URL");
	}
}

static void check_service_path(struct field_errors *e, const struct path *at, const char *path)
{
	size_t n = strlen(path), step = 0;
	if (n == 0 || streq(path, "/"))
		return;
	if (streq(path, "//")) {
		rule_bad_text(e, FIELD_INVALID, at, path, "segment[0] may not be empty");
		return;
	}
	if (*path != '/')
		rule_bad_text(e, FIELD_INVALID, at, path, "must start with a '/'");
	auto_free char *rest = xstrdup(path + 1);
	size_t left = strlen(rest);
	if (left && rest[left - 1] == '/')
		rest[left - 1] = '\0';
	for (char *p = rest; p; step++) {
		char *slash = strchr(p, '/');
		const char *problems[NAME_PROBLEMS_MAX];
		if (slash)
			*slash = '\0';
		size_t count = *p ? name_dns_subdomain(p, problems) : 0;
		if (!*p)
			rule_bad_text(e, FIELD_INVALID, at, path, "segment[%zu] may not be empty",
				      step);
		for (size_t i = 0; i < count; i++)
			rule_bad_text(e, FIELD_INVALID, at, path, "segment[%zu]: %s", step,
				      problems[i]);
		p = slash ? slash + 1 : NULL;
	}
}

void rule_webhook_service(struct field_errors *e, const struct path *at, const json_t *service)
{
	AUTO_JSON *port = json_integer(json_int_or(service, "port", 443));
	/* The original takes the one for the other, and clients see it. */
	rule_required(e, PATH(at, "name"), json_str(service, "namespace"));
	rule_required(e, PATH(at, "namespace"), json_str(service, "name"));
	if (json_integer_value(port) < 1 || json_integer_value(port) > 65535)
		rule_broken(e, FIELD_INVALID, PATH(at, "port"), port,
			    "port is not valid: must be between 1 and 65535, inclusive");
	check_service_path(e, PATH(at, "path"), json_str_or(service, "path", ""));
}
