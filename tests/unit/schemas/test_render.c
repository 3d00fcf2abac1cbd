#include "schemas/discovery.h"

#include "common/base/jsonx.h"
#include "tests/support/check.h"

static json_t *load(const struct str *text)
{
	json_error_t why;
	CHECK(str_ok(text));
	json_t *tree = json_loadb(text->data, text->len, JSON_REJECT_DUPLICATES, &why);
	if (!tree) {
		fprintf(stderr, "%s at %d in %.200s\n", why.text, why.position, text->data);
		exit(1);
	}
	return tree;
}

static void test_discovery(void)
{
	AUTO_STR text;
	str_init(&text, 1 << 20);
	discovery_api_versions(&text);
	AUTO_JSON *versions = load(&text);
	CHECK_TEXT("versions", json_str(versions, "kind"), "APIVersions");
	str_clear(&text);
	discovery_group_list(kinds_constant(), &text);
	AUTO_JSON *groups = load(&text);
	CHECK_INT(json_array_size(json_object_get(groups, "groups")), 20);
	CHECK_TEXT("group", json_str(json_array_get(json_object_get(groups, "groups"), 1), "name"),
		   "apps");
	CHECK_TEXT("last", json_str(json_array_get(json_object_get(groups, "groups"), 19), "name"),
		   "flowcontrol.apiserver.k8s.io");
	str_clear(&text);
	CHECK(discovery_group(kinds_constant(), "batch", &text));
	AUTO_JSON *group = load(&text);
	CHECK_TEXT("preferred", json_str(group, "preferredVersion.groupVersion"), "batch/v1");
	CHECK(!discovery_group(kinds_constant(), "none", &text));
	CHECK(!discovery_group(kinds_constant(), "", &text));
	str_clear(&text);
	CHECK(discovery_resources(kinds_constant(), "apps", "v1", &text));
	CHECK(strstr(text.data, "{\"name\":\"deployments/scale\",\"singularName\":\"\","
				"\"namespaced\":true,\"group\":\"autoscaling\",\"version\":\"v1\","
				"\"kind\":\"Scale\",\"verbs\":[\"get\",\"patch\",\"update\"]}"));
	str_clear(&text);
	CHECK(discovery_resources(kinds_constant(), "policy", "v1", &text));
	CHECK_TEXT("resources", text.data,
		   "{\"kind\":\"APIResourceList\",\"apiVersion\":\"v1\",\"groupVersion\":"
		   "\"policy/v1\",\"resources\":[{\"name\":\"poddisruptionbudgets\","
		   "\"singularName\":\"poddisruptionbudget\",\"namespaced\":true,\"kind\":"
		   "\"PodDisruptionBudget\",\"verbs\":[\"create\",\"delete\",\"deletecollection\","
		   "\"get\",\"list\",\"patch\",\"update\",\"watch\"],\"shortNames\":[\"pdb\"]},"
		   "{\"name\":\"poddisruptionbudgets/status\",\"singularName\":\"\",\"namespaced\":"
		   "true,\"kind\":\"PodDisruptionBudget\",\"verbs\":[\"get\",\"patch\","
		   "\"update\"]}]}");
	CHECK(!discovery_resources(kinds_constant(), "apps", "v2", &text));
}

static void test_aggregated(void)
{
	for (int is_core = 0; is_core < 2; is_core++) {
		AUTO_STR text;
		str_init(&text, 1 << 20);
		discovery_aggregated(kinds_constant(), is_core, &text);
		AUTO_JSON *all = load(&text);
		const json_t *items = json_object_get(all, "items");
		CHECK_INT(json_array_size(items), is_core ? 1 : 20);
		const json_t *version =
			json_array_get(json_object_get(json_array_get(items, 0), "versions"), 0);
		CHECK_TEXT("freshness", json_str(version, "freshness"), "Current");
		CHECK_INT(json_array_size(json_object_get(version, "resources")), is_core ? 17 : 1);
		CHECK(strstr(
			text.data,
			is_core ? "{\"resource\":\"pods\",\"responseKind\":{\"group\":\"\",\"version\":\"\",\"kind\":\"Pod\"}"
				: "{\"subresource\":\"scale\",\"responseKind\":{\"group\":\"autoscaling\",\"version\":\"v1\","));
	}
}

/* Every $ref leads somewhere, every type is there once. */
static void check_refs(const json_t *tree, const json_t *schemas)
{
	static const char prefix[] = "#/components/schemas/";
	const char *key;
	json_t *value;
	size_t i;
	if (json_is_array(tree)) {
		json_array_foreach (tree, i, value)
			check_refs(value, schemas);
		return;
	}
	json_object_foreach ((json_t *)(uintptr_t)tree, key, value) {
		const char *ref = streq(key, "$ref") ? json_string_value(value) : NULL;
		if (ref && !json_object_get(schemas, ref + strlen(prefix))) {
			fprintf(stderr, "%s leads nowhere\n", ref);
			exit(1);
		}
		if (!ref)
			check_refs(value, schemas);
	}
}

static void test_openapi(void)
{
	AUTO_STR text;
	str_init(&text, 32 << 20);
	openapi_v3_index(kinds_constant(), true, &text);
	AUTO_JSON *index = load(&text);
	const json_t *paths = json_object_get(index, "paths");
	CHECK(json_object_get(paths, "api/v1") && json_object_get(paths, "apis/apps/v1"));
	for (size_t i = 0; i < schema_kinds_count(); i++) {
		const struct schema_kind *k = schema_kind_at(i);
		str_clear(&text);
		CHECK(openapi_v3_document(kinds_constant(), k->group, k->version, &text));
		AUTO_JSON *document = load(&text);
		check_refs(document, json_dig(document, "components.schemas"));
	}
	CHECK(!openapi_v3_document(kinds_constant(), "apps", "v9", &text));
	str_clear(&text);
	openapi_v2_json(kinds_constant(), true, &text);
	AUTO_JSON *v2 = load(&text);
	CHECK(json_object_size(json_object_get(v2, "paths")) > schema_kinds_count());
	str_clear(&text);
	openapi_v2_protobuf(kinds_constant(), true, &text);
	CHECK(memcmp(text.data,
		     "\x0a\x03"
		     "2.0"
		     "\x12",
		     6) == 0);
}

static void test_warnings(void)
{
	const struct schema_kind *k = schema_kind_by_kind("", "v1", "Pod");
	AUTO_JSON *pod = json_loads(
		"{\"spec\":{\"containers\":[{\"env\":[{\"name\":\"A\"},{\"name\":\"A\"}],\"ports\":[{"
		"\"containerPort\":1},{\"containerPort\":1}]}]}}",
		0, NULL);
	struct schema_report report = { 0 };
	schema_warnings(k, pod, NULL, &report);
	CHECK_INT(report.count, 2);
	CHECK_TEXT("env", report.problems[0],
		   "spec.containers[0].env[1]: hides previous definition of \"A\", which may be "
		   "dropped when using apply");
	CHECK_TEXT("ports", report.problems[1],
		   "spec.containers[0].ports[1]: duplicate port definition with "
		   "spec.containers[0].ports[0]");
	schema_report_fini(&report);
}

int main(void)
{
	test_discovery();
	test_aggregated();
	test_openapi();
	test_warnings();
	return 0;
}
