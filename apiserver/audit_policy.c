/* Which requests are told of, and how much of them. */
#include "apiserver/audit_line.h"
#include "common/base/jsonx.h"

struct audit_policy {
	json_t *tree;
};

static int level_of(const json_t *rule)
{
	const char *name = json_str_or(rule, "level", "");
	for (int i = 0; i < AUDIT_LEVEL_COUNT; i++)
		if (streq(audit_level_names[i], name))
			return i;
	return -1;
}

static int check(const json_t *tree, struct error *err)
{
	const json_t *rules = json_object_get(tree, "rules");
	size_t i;
	json_t *rule;
	if (!streq(json_str_or(tree, "kind", ""), "Policy") || !json_array_size(rules))
		return error_set(err, ERR_INVALID, "it must be a Policy with rules");
	json_array_foreach ((json_t *)(uintptr_t)rules, i, rule)
		if (level_of(rule) < 0)
			return error_set(err, ERR_INVALID,
					 "rules[%zu].level: '%s' is not None, Metadata, Request or "
					 "RequestResponse",
					 i, json_str_or(rule, "level", ""));
	return 0;
}

int audit_policy_read(const char *text, struct audit_policy **ret, struct error *err)
{
	struct yaml_documents d = { 0 };
	int code = yaml_parse(text, strlen(text), &d, err);
	if (code < 0)
		return code;
	json_t *tree = d.count ? json_incref(d.at[0].tree) : NULL;
	yaml_documents_fini(&d);
	code = check(tree, err);
	if (code < 0) {
		json_decref(tree);
		return code;
	}
	*ret = xcalloc(1, sizeof **ret);
	(*ret)->tree = tree;
	return 0;
}

void audit_policy_free(struct audit_policy *p)
{
	if (p)
		json_decref(p->tree);
	free(p);
}

/* An absent or empty list fits everything. */
static bool lists(const json_t *list, const char *text)
{
	size_t i;
	json_t *v;
	json_array_foreach ((json_t *)(uintptr_t)list, i, v)
		if (json_is_string(v) &&
		    (streq(json_string_value(v), text) || streq(json_string_value(v), "*")))
			return true;
	return !json_array_size(list);
}

static bool lists_group(const json_t *list, const struct identity *who)
{
	size_t i;
	json_t *v;
	json_array_foreach ((json_t *)(uintptr_t)list, i, v)
		if (json_is_string(v) && identity_in_group(who, json_string_value(v)))
			return true;
	return !json_array_size(list);
}

static bool resource_fits(const json_t *names, const struct target *t)
{
	size_t i;
	json_t *v;
	const char *sub = t->subresource ? t->subresource : "";
	json_array_foreach ((json_t *)(uintptr_t)names, i, v) {
		const char *name = json_string_value(v), *slash = name ? strchr(name, '/') : NULL;
		if (!name)
			continue;
		size_t n = slash ? (size_t)(slash - name) : strlen(name);
		bool same = (n == 1 && *name == '*') ||
			    (strlen(t->resource) == n && memcmp(name, t->resource, n) == 0);
		if (streq(name, "*") ||
		    (same && (slash ? streq(slash + 1, sub) || streq(slash + 1, "*") : !*sub)))
			return true;
	}
	return !json_array_size(names);
}

static bool resources_fit(const json_t *resources, const struct target *t)
{
	size_t i;
	json_t *g;
	json_array_foreach ((json_t *)(uintptr_t)resources, i, g)
		if (streq(json_str_or(g, "group", ""), t->group) &&
		    resource_fits(json_object_get(g, "resources"), t) &&
		    lists(json_object_get(g, "resourceNames"), t->name ? t->name : ""))
			return true;
	return false;
}

static bool path_fits(const json_t *urls, const char *path)
{
	size_t i;
	json_t *v;
	json_array_foreach ((json_t *)(uintptr_t)urls, i, v) {
		const char *url = json_is_string(v) ? json_string_value(v) : "";
		size_t n = strlen(url);
		if (streq(url, path) || (n && url[n - 1] == '*' && strncmp(url, path, n - 1) == 0))
			return true;
	}
	return false;
}

/* Resources and paths: a rule with neither is for both. */
static bool about_fits(const json_t *rule, const struct target *t, const char *path)
{
	const json_t *resources = json_object_get(rule, "resources");
	const json_t *urls = json_object_get(rule, "nonResourceURLs");
	const json_t *namespaces = json_object_get(rule, "namespaces");
	if (!t->is_resource)
		return json_array_size(urls)
			       ? path_fits(urls, path)
			       : !json_array_size(resources) && !json_array_size(namespaces);
	if (json_array_size(urls) || !lists(namespaces, t->ns ? t->ns : ""))
		return false;
	return !json_array_size(resources) || resources_fit(resources, t);
}

static bool omits(const json_t *list, enum audit_stage stage)
{
	return json_array_size(list) && lists(list, audit_stage_names[stage]);
}

static bool is_health(const char *path)
{
	return starts_with(path, "/healthz") || starts_with(path, "/livez") ||
	       starts_with(path, "/readyz") || starts_with(path, "/version");
}

enum audit_level audit_policy_level(const struct audit_policy *p, const struct identity *who,
				    const struct target *t, const char *verb, const char *path,
				    enum audit_stage stage)
{
	size_t i;
	json_t *rule;
	if (!p && stage == AUDIT_RECEIVED)
		return AUDIT_NONE;
	if (!p)
		return !t->is_resource && is_health(path) ? AUDIT_NONE : AUDIT_METADATA;
	if (omits(json_object_get(p->tree, "omitStages"), stage))
		return AUDIT_NONE;
	json_array_foreach (json_object_get(p->tree, "rules"), i, rule) {
		if (!lists(json_object_get(rule, "users"), who->name ? who->name : "") ||
		    !lists_group(json_object_get(rule, "userGroups"), who) ||
		    !lists(json_object_get(rule, "verbs"), verb) || !about_fits(rule, t, path))
			continue;
		return omits(json_object_get(rule, "omitStages"), stage)
			       ? AUDIT_NONE
			       : (enum audit_level)level_of(rule);
	}
	return AUDIT_NONE;
}
