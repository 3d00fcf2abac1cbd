#include "schemas/discovery.h"

#include "schemas/subresource.h"

static void add_text(struct str *out, const char *name, const char *value)
{
	str_addf(out, "\"%s\":", name);
	str_add_json(out, value, strlen(value));
}

static void add_list(struct str *out, const char *name, const char *const *values)
{
	str_addf(out, "\"%s\":[", name);
	for (size_t i = 0; values && values[i]; i++)
		str_addf(out, "%s\"%s\"", i ? "," : "", values[i]);
	str_add_char(out, ']');
}

/* Clients that look for a name take the first group that has it: these come before all others, in
 * this order, which is Kubernetes'. */
static const char *const first_groups[] = {
	"",
	"apiregistration.k8s.io",
	"apps",
	"events.k8s.io",
	"authentication.k8s.io",
	"authorization.k8s.io",
	"autoscaling",
	"batch",
	"certificates.k8s.io",
	"networking.k8s.io",
	"policy",
	"rbac.authorization.k8s.io",
	"storage.k8s.io",
	"admissionregistration.k8s.io",
	"apiextensions.k8s.io",
	"scheduling.k8s.io",
	"coordination.k8s.io",
	"node.k8s.io",
	"discovery.k8s.io",
	"resource.k8s.io",
	"flowcontrol.apiserver.k8s.io",
};

/* A kind and where it stands: by its group's place, then as kinds are sorted. */
struct ranked {
	const struct schema_kind *kind;
	size_t group, place;
};

static int by_rank(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;
	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	return x->place < y->place ? -1 : x->place > y->place;
}

/* All kinds, group by group; the caller's. */
static struct ranked *rank(const struct kinds *kinds, size_t *ret_count)
{
	size_t count = kinds_count(kinds);
	struct ranked *all = xcalloc(count + 1, sizeof *all);
	for (size_t i = 0; i < count; i++) {
		all[i] = (struct ranked){ .kind = kinds_at(kinds, i), .place = i };
		while (all[i].group < ARRAY_LEN(first_groups) &&
		       !streq(first_groups[all[i].group], all[i].kind->group))
			all[i].group++;
	}
	qsort(all, count, sizeof *all, by_rank);
	*ret_count = count;
	return all;
}

void discovery_api_versions(struct str *out)
{
	str_add(out,
		"{\"kind\":\"APIVersions\",\"versions\":[\"v1\"],\"serverAddressByClientCIDRs\":"
		"[{\"clientCIDR\":\"0.0.0.0/0\",\"serverAddress\":\"\"}]}");
}

/* {"groupVersion":"apps/v1","version":"v1"} */
static void add_version(struct str *out, const struct schema_kind *k)
{
	str_add(out, "{\"groupVersion\":\"");
	schema_api_version(k, out);
	str_addf(out, "\",\"version\":\"%s\"}", k->version);
}

/* The kind at `i` is the first of its group version, or of its group. */
static bool is_first(const struct kinds *kinds, size_t i, bool of_group)
{
	const struct schema_kind *k = kinds_at(kinds, i);
	const struct schema_kind *before = i ? kinds_at(kinds, i - 1) : NULL;
	return !before || !streq(before->group, k->group) ||
	       (!of_group && !streq(before->version, k->version));
}

static void add_group_body(struct str *out, const struct kinds *kinds, const char *group)
{
	const struct schema_kind *preferred = NULL;
	add_text(out, "name", group);
	str_add(out, ",\"versions\":[");
	for (size_t i = 0; i < kinds_count(kinds); i++) {
		const struct schema_kind *k = kinds_at(kinds, i);
		if (!streq(k->group, group) || !is_first(kinds, i, false))
			continue;
		if (preferred)
			str_add_char(out, ',');
		add_version(out, k);
		if (!preferred)
			preferred = k; /* sorted: the newest is first */
	}
	assert(preferred); /* the group is one of ours */
	str_add(out, "],\"preferredVersion\":");
	add_version(out, preferred);
}

void discovery_group_list(const struct kinds *kinds, struct str *out)
{
	bool has_one = false;
	size_t count;
	auto_free struct ranked *all = rank(kinds, &count);
	str_add(out, "{\"kind\":\"APIGroupList\",\"apiVersion\":\"v1\",\"groups\":[");
	for (size_t i = 0; i < count; i++) {
		const struct schema_kind *k = all[i].kind;
		if (!*k->group || !is_first(kinds, all[i].place, true))
			continue;
		str_add(out, has_one ? ",{" : "{");
		add_group_body(out, kinds, k->group);
		str_add_char(out, '}');
		has_one = true;
	}
	str_add(out, "]}");
}

bool discovery_group(const struct kinds *kinds, const char *group, struct str *out)
{
	for (size_t i = 0; i < kinds_count(kinds); i++) {
		if (!*group || !streq(kinds_at(kinds, i)->group, group))
			continue;
		str_add(out, "{\"kind\":\"APIGroup\",\"apiVersion\":\"v1\",");
		add_group_body(out, kinds, group);
		str_add_char(out, '}');
		return true;
	}
	return false;
}

/* While a definition is being deleted, nothing new is made of it. */
static const char *const *verbs_shown(const struct schema_kind *k)
{
	static const char *const ending[] = { "delete", "deletecollection", "get", "list", "watch",
					      NULL };
	return k->is_ending ? ending : k->verbs;
}

static void add_subresource(struct str *out, const struct schema_kind *k,
			    const struct subresource *s)
{
	str_addf(out, ",{\"name\":\"%s/%s\",\"singularName\":\"\",\"namespaced\":%s,", k->resource,
		 s->name, k->is_namespaced ? "true" : "false");
	if (s->kind && !(streq(s->group, k->group) && streq(s->version, k->version)))
		str_addf(out, "\"group\":\"%s\",\"version\":\"%s\",", s->group, s->version);
	str_addf(out, "\"kind\":\"%s\",\"verbs\":%s}", s->kind ? s->kind : k->kind, s->verbs);
}

static void add_resource(struct str *out, const struct schema_kind *k)
{
	str_addf(out, "{\"name\":\"%s\",\"singularName\":\"%s\",\"namespaced\":%s,\"kind\":\"%s\",",
		 k->resource, k->singular, k->is_namespaced ? "true" : "false", k->kind);
	add_list(out, "verbs", verbs_shown(k));
	if (k->short_names) {
		str_add_char(out, ',');
		add_list(out, "shortNames", k->short_names);
	}
	if (k->categories) {
		str_add_char(out, ',');
		add_list(out, "categories", k->categories);
	}
	str_add_char(out, '}');
	const struct subresource *list[SUBRESOURCES_MAX];
	size_t count = subresources_of(k, list);
	for (size_t i = 0; i < count; i++)
		add_subresource(out, k, list[i]);
}

bool discovery_resources(const struct kinds *kinds, const char *group, const char *version,
			 struct str *out)
{
	bool has_one = false;
	if (!kinds_has_group_version(kinds, group, version))
		return false;
	str_addf(out,
		 "{\"kind\":\"APIResourceList\",\"apiVersion\":\"v1\",\"groupVersion\":"
		 "\"%s%s%s\",\"resources\":[",
		 group, *group ? "/" : "", version);
	for (size_t i = 0; i < kinds_count(kinds); i++) {
		const struct schema_kind *k = kinds_at(kinds, i);
		if (!streq(k->group, group) || !streq(k->version, version))
			continue;
		if (has_one)
			str_add_char(out, ',');
		add_resource(out, k);
		has_one = true;
	}
	str_add(out, "]}");
	return true;
}

/* Built-in kinds name the group version only where it is another than their own. */
static void add_response_kind(struct str *out, const struct schema_kind *of, const char *group,
			      const char *version, const char *kind)
{
	if (!of->custom && streq(group, of->group) && streq(version, of->version))
		group = version = "";
	str_addf(out, "\"responseKind\":{\"group\":\"%s\",\"version\":\"%s\",\"kind\":\"%s\"}",
		 group, version, kind);
}

static void add_aggregated_resource(struct str *out, const struct schema_kind *k)
{
	str_addf(out, "{\"resource\":\"%s\",", k->resource);
	add_response_kind(out, k, k->group, k->version, k->kind);
	str_addf(out, ",\"scope\":\"%s\",\"singularResource\":\"%s\",",
		 k->is_namespaced ? "Namespaced" : "Cluster", k->singular);
	add_list(out, "verbs", verbs_shown(k));
	if (k->short_names) {
		str_add_char(out, ',');
		add_list(out, "shortNames", k->short_names);
	}
	if (k->categories) {
		str_add_char(out, ',');
		add_list(out, "categories", k->categories);
	}
	const struct subresource *list[SUBRESOURCES_MAX];
	size_t count = subresources_of(k, list);
	if (count)
		str_add(out, ",\"subresources\":[");
	for (size_t i = 0; i < count; i++) {
		const struct subresource *s = list[i];
		str_addf(out, "%s{\"subresource\":\"%s\",", i ? "," : "", s->name);
		if (s->kind)
			add_response_kind(out, k, s->group, s->version, s->kind);
		else
			add_response_kind(out, k, k->group, k->version, k->kind);
		str_addf(out, ",\"verbs\":%s}", s->verbs);
	}
	str_add(out, count ? "]}" : "}");
}

void discovery_aggregated(const struct kinds *kinds, bool is_core, struct str *out)
{
	const struct schema_kind *last = NULL;
	str_add(out,
		"{\"kind\":\"APIGroupDiscoveryList\",\"apiVersion\":\"apidiscovery.k8s.io/v2\","
		"\"metadata\":{},\"items\":[");
	size_t all_count;
	auto_free struct ranked *all = rank(kinds, &all_count);
	for (size_t i = 0; i < all_count; i++) {
		const struct schema_kind *k = all[i].kind;
		if ((*k->group == '\0') != is_core)
			continue;
		bool new_group = !last || !streq(last->group, k->group);
		bool new_version = new_group || !streq(last->version, k->version);
		if (last && new_version)
			str_add(out, "],\"freshness\":\"Current\"}");
		if (last && new_group)
			str_add(out, "]},");
		if (new_group) {
			str_add(out, "{\"metadata\":{");
			if (!is_core)
				add_text(out, "name", k->group);
			str_add(out, "},\"versions\":[");
		}
		if (new_version)
			str_addf(out, "%s{\"version\":\"%s\",\"resources\":[", new_group ? "" : ",",
				 k->version);
		else
			str_add_char(out, ',');
		add_aggregated_resource(out, k);
		last = k;
	}
	if (last)
		str_add(out, "],\"freshness\":\"Current\"}]}");
	str_add(out, "]}");
}
