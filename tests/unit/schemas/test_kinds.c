#include "schemas/discovery.h"

#include "common/base/jsonx.h"
#include "tests/support/check.h"

#include <stdio.h>

static void test_version_order(void)
{
	/* As Kubernetes' documentation sorts them. */
	static const char *const sorted[] = { "v10",      "v2",       "v1",        "v11beta2",
					      "v10beta3", "v3beta1",  "v12alpha1", "v11alpha2",
					      "foo1",     "foo10",    "v",         "v01",
					      "v1beta",   "v1beta0x", "v1x" };
	for (size_t i = 0; i < ARRAY_LEN(sorted); i++)
		for (size_t j = 0; j < ARRAY_LEN(sorted); j++) {
			int order = version_order(sorted[i], sorted[j]);
			bool is_right = i == j ? order == 0 : i < j ? order < 0 : order > 0;
			if (!is_right)
				fprintf(stderr, "%s, %s: %d\n", sorted[i], sorted[j], order);
			CHECK(is_right);
		}
}

/* One version: "v1" is served, "v1-" is not, "v1*" is stored. */
static json_t *version_of(const char *text)
{
	auto_free char *name = xstrndup(text, strcspn(text, "-*"));
	return json_pack("{s:s,s:b,s:b,s:{s:{s:s,s:b}},s:{s:{}}}", "name", name, "served",
			 !strchr(text, '-'), "storage", strchr(text, '*') != NULL, "schema",
			 "openAPIV3Schema", "type", "object",
			 "x-kubernetes-preserve-unknown-fields", 1, "subresources", "status");
}

/* "widgets.example.com/Widget: v1* v2-" */
static json_t *definition_tree(const char *text)
{
	AUTO_JSON *versions = json_array();
	auto_free char *copy = xstrdup(text);
	char *rest = copy;
	char *plural = strsep(&rest, "."), *group = strsep(&rest, "/"), *kind = strsep(&rest, ":");
	for (char *word; rest && (word = strsep(&rest, " ")) != NULL;)
		if (*word)
			json_array_append_new(versions, version_of(word));
	auto_free char *list_kind = xasprintf("%sList", kind);
	AUTO_JSON *names = json_pack("{s:s,s:s,s:s,s:[s]}", "plural", plural, "kind", kind,
				     "listKind", list_kind, "shortNames", "wd");
	return json_pack("{s:{s:s,s:s,s:O,s:O},s:{s:O,s:[{s:s,s:s}]}}", "spec", "group", group,
			 "scope", "Namespaced", "names", names, "versions", versions, "status",
			 "acceptedNames", names, "conditions", "type", "Established", "status",
			 "True");
}

static size_t set(struct kinds *k, const char *text)
{
	struct definition *d = NULL;
	struct error err;
	AUTO_JSON *tree = definition_tree(text);
	CHECK(definition_is_established(tree));
	if (definition_new(tree, &d, &err) < 0) {
		fprintf(stderr, "%s: %s\n", text, err.text);
		exit(1);
	}
	return kinds_set(k, d);
}

/* What is served of the group: "v2/widgets v1/widgets". */
static void served(const struct kinds *k, const char *group, struct str *out)
{
	str_clear(out);
	for (size_t i = 0; i < kinds_count(k); i++) {
		const struct schema_kind *kind = kinds_at(k, i);
		if (streq(kind->group, group))
			str_addf(out, "%s%s/%s", out->len ? " " : "", kind->version,
				 kind->resource);
		CHECK(kinds_by_resource(k, kind->group, kind->version, kind->resource) == kind);
		CHECK(kinds_by_kind(k, kind->group, kind->version, kind->kind) == kind);
		CHECK(kinds_has_group_version(k, kind->group, kind->version));
		CHECK(kinds_stored(k, kind_place(kind)) == schema_storage(kind));
	}
}

static void test_registry(void)
{
	static const struct {
		const char *set, *remove, *served;
	} steps[] = {
		{ "widgets.example.com/Widget: v1beta1 v1*", NULL, "v1/widgets v1beta1/widgets" },
		{ "gears.example.com/Gear: v2*", NULL, "v2/gears v1/widgets v1beta1/widgets" },
		{ "widgets.example.com/Widget: v1 v2*", NULL, "v2/gears v2/widgets v1/widgets" },
		{ "widgets.example.com/Widget: v1* v2-", NULL, "v2/gears v1/widgets" },
		{ NULL, "widgets", "v2/gears" },
		{ NULL, "widgets", "v2/gears" },
		{ NULL, "gears", "" },
		{ "widgets.example.com/Widget: v1*", NULL, "v1/widgets" },
	};
	AUTO(kinds) *k = kinds_new();
	AUTO_STR text;
	str_init(&text, 4096);
	size_t constant = kinds_count(k), places = kinds_places(k);
	const struct schema_kind *first = NULL;
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		size_t place = steps[i].set ? set(k, steps[i].set)
					    : kinds_remove(k, "example.com", steps[i].remove);
		CHECK(place == SIZE_MAX || place >= places);
		served(k, "example.com", &text);
		CHECK_TEXT("served", text.data, steps[i].served);
		const struct schema_kind *v1 = kinds_by_resource(k, "example.com", "v1", "widgets");
		if (!first)
			first = v1;
		CHECK(!v1 || v1 == first); /* it stays where it is */
		CHECK(kinds_has_group_version(k, "example.com", "v1") == (v1 != NULL));
	}
	CHECK_INT(kinds_count(k), constant + 1);
	CHECK_INT(kinds_places(k), places + 2);
	CHECK_TEXT("kind", first->kind, "Widget");
	CHECK(first->has_status && first->has_generation && first->custom);
}

static void test_storage(void)
{
	AUTO(kinds) *k = kinds_new();
	size_t place = set(k, "widgets.example.com/Widget: v1* v2");
	const struct schema_kind *v1 = kinds_by_resource(k, "example.com", "v1", "widgets");
	const struct schema_kind *v2 = kinds_by_resource(k, "example.com", "v2", "widgets");
	CHECK(!v1->storage && v2->storage == v1 && kind_place(v1) == place &&
	      kind_place(v2) == place);
	CHECK_INT(set(k, "widgets.example.com/Widget: v1- v2*"), place);
	CHECK(v1->storage == v2 && !v2->storage && kinds_stored(k, place) == v2);
	CHECK(kinds_version_of(k, place, "v1") == v1 && !kinds_version_of(k, place, "v3"));
	CHECK_INT(kinds_remove(k, "example.com", "widgets"), place);
	CHECK(!kinds_stored(k, place) && v1->is_ending);
	/* What the server has built in is not replaced. */
	CHECK(set(k, "deployments.apps/Deployment: v9*") == SIZE_MAX);
	CHECK(!kinds_has_group_version(k, "apps", "v9"));
}

static void test_discovery(void)
{
	AUTO(kinds) *k = kinds_new();
	AUTO_STR text;
	str_init(&text, 1 << 20);
	(void)set(k, "widgets.example.com/Widget: v1beta1 v1*");
	CHECK(discovery_group(k, "example.com", &text));
	CHECK_TEXT("group", text.data,
		   "{\"kind\":\"APIGroup\",\"apiVersion\":\"v1\",\"name\":\"example.com\","
		   "\"versions\":[{\"groupVersion\":\"example.com/v1\",\"version\":\"v1\"},"
		   "{\"groupVersion\":\"example.com/v1beta1\",\"version\":\"v1beta1\"}],"
		   "\"preferredVersion\":{\"groupVersion\":\"example.com/v1\",\"version\":"
		   "\"v1\"}}");
	str_clear(&text);
	CHECK(discovery_resources(k, "example.com", "v1", &text));
	CHECK_TEXT(
		"resources", text.data,
		"{\"kind\":\"APIResourceList\",\"apiVersion\":\"v1\",\"groupVersion\":"
		"\"example.com/v1\",\"resources\":[{\"name\":\"widgets\",\"singularName\":\"\","
		"\"namespaced\":true,\"kind\":\"Widget\",\"verbs\":[\"delete\","
		"\"deletecollection\",\"get\",\"list\",\"patch\",\"create\",\"update\",\"watch\"],"
		"\"shortNames\":[\"wd\"]},{\"name\":\"widgets/status\",\"singularName\":\"\","
		"\"namespaced\":true,\"kind\":\"Widget\",\"verbs\":[\"get\",\"patch\","
		"\"update\"]}]}");
	str_clear(&text);
	discovery_aggregated(k, false, &text);
	CHECK(strstr(text.data, "{\"metadata\":{\"name\":\"example.com\"},\"versions\":["
				"{\"version\":\"v1\","));
	(void)kinds_remove(k, "example.com", "widgets");
	str_clear(&text);
	CHECK(!discovery_group(k, "example.com", &text));
}

int main(void)
{
	test_version_order();
	test_registry();
	test_storage();
	test_discovery();
	return 0;
}
