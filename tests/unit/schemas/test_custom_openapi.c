/*
 * What is published of a custom kind against what Kubernetes publishes: tests/golden/custom/openapi.json
 * has a definition and the schemas of both versions, without the words of fields that all objects
 * have. The protobuf form says the same as the JSON.
 */
#include "common/base/jsonx.h"
#include "schemas/kinds.h"
#include "schemas/openapi.h"
#include "schemas/wire.h"
#include "tests/support/check.h"

#define TEXT_SIZE_MAX (64u << 20)

static void strip(json_t *value)
{
	static const char *const names[] = { "apiVersion", "kind", "metadata", "items" };
	const char *name;
	json_t *below;
	size_t i;
	for (i = 0; i < ARRAY_LEN(names); i++)
		json_object_del(json_object_get(json_object_get(value, "properties"), names[i]),
				"description");
	json_object_foreach (value, name, below)
		strip(below);
	json_array_foreach (value, i, below)
		strip(below);
}

/* Members may stand in any order of "required". */
static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void sort_required(json_t *value)
{
	const char *texts[16];
	const char *name;
	json_t *below;
	size_t i, n;
	json_t *required = json_object_get(value, "required");
	n = json_array_size(required);
	CHECK(n < ARRAY_LEN(texts));
	AUTO_JSON *sorted = json_array();
	for (i = 0; i < n; i++)
		texts[i] = json_string_value(json_array_get(required, i));
	qsort(texts, n, sizeof *texts, by_text);
	for (i = 0; i < n; i++)
		json_array_append_new(sorted, json_string(texts[i]));
	if (n)
		json_object_set(value, "required", sorted);
	json_object_foreach (value, name, below)
		sort_required(below);
	json_array_foreach (value, i, below)
		sort_required(below);
}

static void compare(const char *name, json_t *got, json_t *want)
{
	AUTO_STR a, b;
	str_init(&a, TEXT_SIZE_MAX);
	str_init(&b, TEXT_SIZE_MAX);
	CHECK(got && want);
	strip(got);
	sort_required(got);
	sort_required(want);
	json_print_sorted(got, &a);
	json_print_sorted(want, &b);
	CHECK_TEXT(name, a.data, b.data);
}

static void test_schemas(const struct kinds *kinds, const json_t *golden)
{
	static const char *const names[] = { "com.example.v1.Thing", "com.example.v1.ThingList" };
	struct error err;
	AUTO_STR v3, v2;
	AUTO_JSON *three = NULL, *two = NULL;
	str_init(&v3, TEXT_SIZE_MAX);
	str_init(&v2, TEXT_SIZE_MAX);
	CHECK(openapi_v3_document(kinds, "example.com", "v1", &v3));
	openapi_v2_json(kinds, true, &v2);
	CHECK_INT(json_parse(v3.data, v3.len, &three, &err), 0);
	CHECK_INT(json_parse(v2.data, v2.len, &two, &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		compare("v3", json_at(three, "components", "schemas", names[i]),
			json_at(golden, "v3", names[i]));
		compare("v2", json_at(two, "definitions", names[i]),
			json_at(golden, "v2", names[i]));
	}
	CHECK(json_at(two, "definitions", "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta",
		      "properties", "ownerReferences", "items", "$ref"));
}

/* Vendor extensions are a gnostic Schema's field 31, of a name and a value; 30 is its example. */
static size_t count_extensions(struct wire named_schema)
{
	struct error err;
	struct wire_field value, f, name;
	size_t count = 0;
	while (wire_next(&named_schema, &value, &err) == 1)
		while (value.number == 2 && wire_next(&value.bytes, &f, &err) == 1) {
			if (f.number != 31)
				continue;
			CHECK(wire_next(&f.bytes, &name, &err) == 1 && name.number == 1);
			CHECK(memcmp(name.bytes.at, "x-", 2) == 0);
			count++;
		}
	return count;
}

/* The protobuf has as many definitions, and reads to its end. */
static void test_protobuf(const struct kinds *kinds)
{
	struct error err;
	AUTO_STR out;
	struct wire_field f, d;
	size_t definitions = 0, extensions = 0;
	str_init(&out, TEXT_SIZE_MAX);
	openapi_v2_protobuf(kinds, true, &out);
	struct wire w = { (const uint8_t *)out.data, (const uint8_t *)out.data + out.len };
	int code;
	while ((code = wire_next(&w, &f, &err)) == 1) {
		while (f.number == 9 && wire_next(&f.bytes, &d, &err) == 1) {
			definitions += d.number == 1;
			extensions += count_extensions(d.bytes);
		}
	}
	CHECK_INT(code, 0);
	CHECK(definitions >= 8);
	CHECK(extensions >= 1);
}

int main(void)
{
	struct error err;
	AUTO_JSON *golden = json_load_file("tests/golden/custom/openapi.json", 0, NULL);
	CHECK(golden != NULL);
	struct kinds *kinds = kinds_new();
	struct definition *d = NULL;
	if (definition_new(json_object_get(golden, "definition"), &d, &err) < 0)
		fprintf(stderr, "%s\n", err.text);
	CHECK(d != NULL);
	kinds_set(kinds, d);
	test_schemas(kinds, golden);
	test_protobuf(kinds);
	kinds_free(kinds);
	return 0;
}
