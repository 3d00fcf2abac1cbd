#include "apiserver/rbac_rule.h"
#include "common/base/jsonx.h"
#include "common/base/map.h"

#define MISSING_MAX 256 /* atoms told of; more would be read by nobody */

/* ---- reading ---- */

static const char **texts_of(const json_t *rule, const char *name)
{
	const json_t *list = json_object_get(rule, name);
	const char **out = xcalloc(json_array_size(list) + 1, sizeof *out);
	size_t i, n = 0;
	json_t *v;
	json_array_foreach ((json_t *)(uintptr_t)list, i, v)
		if (json_is_string(v))
			out[n++] = json_string_value(v);
	return out;
}

void rbac_rules_read(json_t *rules, struct rbac_rules *ret)
{
	*ret = (struct rbac_rules){ .tree = json_incref(rules) };
	ret->at = xcalloc(json_array_size(rules) + 1, sizeof *ret->at);
	size_t i;
	json_t *rule;
	json_array_foreach (rules, i, rule)
		ret->at[ret->count++] = (struct rbac_rule){
			.verbs = texts_of(rule, "verbs"),
			.groups = texts_of(rule, "apiGroups"),
			.resources = texts_of(rule, "resources"),
			.names = texts_of(rule, "resourceNames"),
			.urls = texts_of(rule, "nonResourceURLs"),
		};
}

void rbac_rules_fini(struct rbac_rules *r)
{
	for (size_t i = 0; i < r->count; i++) {
		free(r->at[i].verbs);
		free(r->at[i].groups);
		free(r->at[i].resources);
		free(r->at[i].names);
		free(r->at[i].urls);
	}
	free(r->at);
	json_decref(r->tree);
	*r = (struct rbac_rules){ 0 };
}

/* ---- allowing ---- */

static bool has(const char *const *list, const char *text)
{
	for (; *list; list++)
		if (streq(*list, text))
			return true;
	return false;
}

static bool has_or_all(const char *const *list, const char *text)
{
	for (; *list; list++)
		if (streq(*list, "*") || streq(*list, text))
			return true;
	return false;
}

/* "pods", "pods/log", "*" (everything), or "*" and "/scale" (that subresource of anything). */
static bool resource_fits(const char *pattern, const struct access *a)
{
	if (streq(pattern, "*"))
		return true;
	if (starts_with(pattern, "*/"))
		return *a->subresource && streq(pattern + 2, a->subresource);
	size_t n = strlen(a->resource);
	if (strncmp(pattern, a->resource, n) != 0)
		return false;
	return *a->subresource ? pattern[n] == '/' && streq(pattern + n + 1, a->subresource)
			       : pattern[n] == '\0';
}

static bool resources_fit(const char *const *list, const struct access *a)
{
	for (; *list; list++)
		if (resource_fits(*list, a))
			return true;
	return false;
}

/* A star counts only at the end of a URL. */
static bool url_covers(const char *owner, const char *path)
{
	size_t n = strlen(owner);
	if (streq(owner, path))
		return true;
	if (!n || owner[n - 1] != '*')
		return false;
	while (n && owner[n - 1] == '*')
		n--;
	return strncmp(owner, path, n) == 0;
}

static bool urls_fit(const char *const *list, const char *path)
{
	for (; *list; list++)
		if (url_covers(*list, path))
			return true;
	return false;
}

bool rbac_rule_allows(const struct rbac_rule *rule, const struct access *a)
{
	if (!has_or_all(rule->verbs, a->verb))
		return false;
	if (!a->is_resource)
		return urls_fit(rule->urls, a->path);
	return has_or_all(rule->groups, a->group) && resources_fit(rule->resources, a) &&
	       (!*rule->names || (*a->name && has(rule->names, a->name)));
}

/* ---- covering: rules against rules ---- */

/* One group, one resource, one verb, at most one name; or one URL and one verb. */
struct atom {
	const char *group, *resource, *verb, *name, *url;
};

static bool resource_covered(const char *const *owned, const char *resource)
{
	if (has_or_all(owned, resource))
		return true;
	const char *slash = strchr(resource, '/');
	for (; slash && *owned; owned++)
		if (starts_with(*owned, "*/") && streq(*owned + 2, slash + 1))
			return true;
	return false;
}

static bool rule_covers(const struct rbac_rule *owned, const struct atom *a)
{
	if (!has_or_all(owned->verbs, a->verb))
		return false;
	if (a->url)
		return urls_fit(owned->urls, a->url) && !*owned->names;
	return has_or_all(owned->groups, a->group) &&
	       resource_covered(owned->resources, a->resource) &&
	       (!*owned->names || (a->name && has(owned->names, a->name)));
}

/* What is missing: verbs gathered under what they are about, as text in map order. */
struct gaps {
	struct map verbs; /* head of the line → struct str of quoted verbs */
	size_t count;
};

static void add_gap(struct gaps *g, const struct atom *a)
{
	if (g->count++ >= MISSING_MAX)
		return;
	AUTO_STR head;
	str_init(&head, 8192);
	/* A URL stands alone, as upstream does not gather those. */
	if (a->url)
		str_addf(&head, "{NonResourceURLs:[\"%s\"], Verbs:[\"%s\"", a->url, a->verb);
	else if (a->name)
		str_addf(&head,
			 "{APIGroups:[\"%s\"], Resources:[\"%s\"], ResourceNames:[\"%s\"], "
			 "Verbs:[",
			 a->group, a->resource, a->name);
	else
		str_addf(&head, "{APIGroups:[\"%s\"], Resources:[\"%s\"], Verbs:[", a->group,
			 a->resource);
	struct str *verbs = map_get(&g->verbs, head.data);
	if (!verbs) {
		verbs = xcalloc(1, sizeof *verbs);
		str_init(verbs, 65536);
		map_put(&g->verbs, head.data, verbs);
	}
	if (!a->url)
		str_addf(verbs, "%s\"%s\"", verbs->len ? " " : "", a->verb);
}

static void print_gaps(struct gaps *g, struct str *missing)
{
	const char **keys = map_sorted_keys(&g->verbs);
	for (size_t i = 0; i < g->verbs.count; i++) {
		struct str *verbs = map_get(&g->verbs, keys[i]);
		str_addf(missing, "%s%s%s]}", i ? "\n" : "", keys[i], verbs->data);
		str_fini(verbs);
		free(verbs);
	}
	free(keys);
	map_fini(&g->verbs);
}

struct cover {
	const struct rbac_rule *const *owned;
	size_t owned_count;
	struct gaps gaps;
};

static void check_atom(struct cover *c, const struct atom *a)
{
	for (size_t i = 0; i < c->owned_count; i++)
		if (rule_covers(c->owned[i], a))
			return;
	add_gap(&c->gaps, a);
}

static void check_names(struct cover *c, const struct rbac_rule *w, struct atom a)
{
	if (!*w->names)
		check_atom(c, &a);
	for (const char **name = w->names; *name; name++) {
		a.name = *name;
		check_atom(c, &a);
	}
}

static void check_rule(struct cover *c, const struct rbac_rule *w)
{
	for (const char **g = w->groups; *g; g++)
		for (const char **r = w->resources; *r; r++)
			for (const char **v = w->verbs; *v; v++)
				check_names(c, w, (struct atom){ *g, *r, *v, NULL, NULL });
	for (const char **u = w->urls; *u; u++)
		for (const char **v = w->verbs; *v; v++)
			check_atom(c, &(struct atom){ NULL, NULL, *v, NULL, *u });
}

bool rbac_rules_cover(const struct rbac_rule *const *owned, size_t owned_count,
		      const struct rbac_rules *wanted, struct str *missing)
{
	struct cover c = { .owned = owned, .owned_count = owned_count };
	for (size_t i = 0; i < wanted->count; i++)
		check_rule(&c, &wanted->at[i]);
	bool covered = c.gaps.count == 0;
	print_gaps(&c.gaps, missing);
	return covered;
}
