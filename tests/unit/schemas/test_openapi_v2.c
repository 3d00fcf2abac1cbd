/*
 * OpenAPI v2 against what Kubernetes 1.36 says, without its words: tests/golden/openapi/v2.json has paths and
 * schemas, also of custom kinds whose definitions stand there, with parameters in place of references
 * to shared ones. All else is held against version 3, which has tests of its own.
 */
#include "common/base/map.h"
#include "schemas/discovery.h"
#include "tests/support/same_json.h"

#define TEXT_SIZE_MAX (64u << 20)

static json_t *rendered(const struct kinds *kinds)
{
	struct error err;
	AUTO_STR text;
	json_t *tree = NULL;
	str_init(&text, TEXT_SIZE_MAX);
	openapi_v2_json(kinds, true, &text);
	CHECK(str_ok(&text));
	if (json_parse(text.data, text.len, &tree, &err) < 0)
		fprintf(stderr, "%s\n", err.text);
	CHECK(tree != NULL);
	return tree;
}

/* ---- shared parameters in the place of references to them ---- */

static void put_shared(json_t *o, const json_t *shared, struct map *used)
{
	static const char prefix[] = "#/parameters/";
	json_t *list = json_object_get(o, "parameters"), *one;
	size_t i;
	json_array_foreach (list, i, one) {
		const char *to = json_string_value(json_object_get(one, "$ref"));
		if (!to)
			continue;
		CHECK(starts_with(to, prefix));
		const json_t *parameter = json_object_get(shared, to + strlen(prefix));
		CHECK(parameter);
		map_put(used, to + strlen(prefix), used);
		json_t *copy = json_deep_copy(parameter);
		json_object_set_new(copy, "shared", json_true());
		json_array_set_new(list, i, copy);
	}
}

/* Each of them is there because something refers to it. */
static void put_all_shared(json_t *document)
{
	struct map used = { 0 };
	const json_t *shared = json_object_get(document, "parameters");
	const char *path, *method;
	json_t *item, *operation;
	json_object_foreach (json_object_get(document, "paths"), path, item) {
		put_shared(item, shared, &used);
		json_object_foreach (item, method, operation)
			if (!streq(method, "parameters"))
				put_shared(operation, shared, &used);
	}
	CHECK_INT(used.count, json_object_size(shared));
	map_fini(&used);
}

/* ---- the same as Kubernetes' ---- */

static void test_golden(const json_t *document, const json_t *golden)
{
	const char *name;
	json_t *want;
	bool same = true;
	json_object_foreach (json_at(golden, "document", "head"), name, want)
		same &= is_same(name, json_object_get(document, name), want);
	json_object_foreach (json_object_get(golden, "paths"), name, want)
		same &= is_same(name, json_at(document, "paths", name), want);
	json_object_foreach (json_object_get(golden, "schemas"), name, want)
		same &= is_same(name, json_at(document, "definitions", name), want);
	CHECK(same);
}

/* Names of shared parameters, without what tells those of one name apart. */
static void test_parameters(const json_t *document, const json_t *golden)
{
	struct map names = { 0 };
	const char *key;
	json_t *ignored, *name;
	size_t i;
	json_object_foreach (json_object_get(document, "parameters"), key, ignored) {
		CHECK(strlen(key) > 9);
		auto_free char *short_name = xstrndup(key, strlen(key) - 9);
		map_put(&names, short_name, &names);
	}
	json_array_foreach (json_at(golden, "document", "parameters"), i, name) {
		if (!map_has(&names, json_string_value(name)))
			fprintf(stderr, "%s is not there\n", json_string_value(name));
		CHECK(map_has(&names, json_string_value(name)));
	}
	CHECK_INT(names.count, i);
	map_fini(&names);
}

/* ---- whole in itself ---- */

static void check_references(const json_t *value, const json_t *definitions)
{
	static const char prefix[] = "#/definitions/";
	const char *member;
	json_t *below;
	size_t i;
	json_array_foreach (value, i, below)
		check_references(below, definitions);
	json_object_foreach ((json_t *)(uintptr_t)value, member, below) {
		const char *to = streq(member, "$ref") ? json_string_value(below) : NULL;
		if (to && (!starts_with(to, prefix) ||
			   !json_object_get(definitions, to + strlen(prefix)))) {
			fprintf(stderr, "%s leads nowhere\n", to);
			exit(1);
		}
		check_references(below, definitions);
	}
}

/* ---- all that version 3 has ---- */

struct both {
	const struct kinds *kinds;
	const json_t *v2;
	size_t operations;
};

static void compare_operation(struct both *b, const char *path, const char *method,
			      const json_t *operation)
{
	const json_t *there = json_at(b->v2, "paths", path, method);
	const char *name = json_str_or(operation, "operationId", "");
	if (streq(method, "parameters"))
		return;
	if (!there)
		fprintf(stderr, "%s %s is not there\n", method, path);
	CHECK(there);
	CHECK_TEXT(path, json_str_or(there, "operationId", ""), name);
	CHECK_TEXT(name, json_str_or(there, "description", ""),
		   json_str_or(operation, "description", ""));
	b->operations++;
}

static void compare_schema(const char *name, const json_t *there, const json_t *schema)
{
	const char *member;
	json_t *field;
	CHECK_TEXT(name, json_str_or(there, "description", ""),
		   json_str_or(schema, "description", ""));
	json_object_foreach (json_object_get(schema, "properties"), member, field) {
		const json_t *other = json_at(there, "properties", member);
		if (!other)
			fprintf(stderr, "%s has no %s\n", name, member);
		CHECK(other);
		CHECK_TEXT(member, json_str_or(other, "description", ""),
			   json_str_or(field, "description", ""));
		CHECK(!json_object_get(other, "default") && !json_object_get(other, "allOf"));
	}
}

static void compare_document(struct both *b, const char *name)
{
	struct error err;
	AUTO_STR text;
	AUTO_JSON *v3 = NULL;
	const char *path, *method, *type;
	json_t *item, *operation, *schema;
	str_init(&text, TEXT_SIZE_MAX);
	CHECK(openapi_v3_named(b->kinds, name, &text));
	CHECK_INT(json_parse(text.data, text.len, &v3, &err), 0);
	json_object_foreach (json_object_get(v3, "paths"), path, item)
		json_object_foreach (item, method, operation)
			compare_operation(b, path, method, operation);
	json_object_foreach (json_at(v3, "components", "schemas"), type, schema) {
		const json_t *there = json_at(b->v2, "definitions", type);
		if (!there)
			fprintf(stderr, "%s has no definition\n", type);
		CHECK(there);
		if (starts_with(type, "io.k8s."))
			compare_schema(type, there, schema);
	}
}

static size_t count_operations(const json_t *document)
{
	const char *path, *method;
	json_t *item, *operation;
	size_t count = 0;
	json_object_foreach (json_object_get(document, "paths"), path, item)
		json_object_foreach (item, method, operation)
			count += !streq(method, "parameters");
	return count;
}

static void test_all(const struct kinds *kinds, const json_t *document)
{
	struct error err;
	AUTO_STR text;
	AUTO_JSON *index = NULL;
	struct both b = { .kinds = kinds, .v2 = document };
	const char *name;
	json_t *ignored;
	str_init(&text, TEXT_SIZE_MAX);
	openapi_v3_index(kinds, true, &text);
	CHECK_INT(json_parse(text.data, text.len, &index, &err), 0);
	json_object_foreach (json_object_get(index, "paths"), name, ignored)
		compare_document(&b, name);
	CHECK_INT(count_operations(document), b.operations);
}

int main(void)
{
	AUTO_JSON *golden = json_load_file("tests/golden/openapi/v2.json", 0, NULL);
	CHECK(golden != NULL);
	struct kinds *kinds = kinds_of(json_object_get(golden, "definitions"));
	AUTO_JSON *document = rendered(kinds);
	check_references(json_object_get(document, "definitions"),
			 json_object_get(document, "definitions"));
	test_all(kinds, document);
	test_parameters(document, golden);
	put_all_shared(document);
	check_references(json_object_get(document, "paths"),
			 json_object_get(document, "definitions"));
	strip_words(document);
	test_golden(document, golden);
	kinds_free(kinds);
	return 0;
}
