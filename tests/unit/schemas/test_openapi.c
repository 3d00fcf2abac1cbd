/*
 * OpenAPI v3 against what Kubernetes 1.36 says, without its words: tests/golden/openapi/operations.txt has
 * the name of every operation (but those of proxies, which are not served), documents.json whole
 * documents, and some paths and schemas of others. Custom kinds are those of its definitions.
 */
#include "common/base/jsonx.h"
#include "common/base/map.h"
#include "schemas/discovery.h"
#include "tests/support/check.h"
#include "tests/support/same_json.h"

#define TEXT_SIZE_MAX (64u << 20)

static json_t *document(const struct kinds *kinds, const char *name)
{
	struct error err;
	AUTO_STR text;
	json_t *tree = NULL;
	str_init(&text, TEXT_SIZE_MAX);
	if (!openapi_v3_named(kinds, name, &text) || !str_ok(&text))
		return NULL;
	if (json_parse(text.data, text.len, &tree, &err) < 0) {
		fprintf(stderr, "%s: %s\n", name, err.text);
		exit(1);
	}
	return tree;
}

static json_t *names_of_all(const struct kinds *kinds)
{
	struct error err;
	AUTO_STR text;
	json_t *tree = NULL;
	str_init(&text, TEXT_SIZE_MAX);
	openapi_v3_index(kinds, true, &text);
	CHECK_INT(json_parse(text.data, text.len, &tree, &err), 0);
	json_t *paths = json_incref(json_object_get(tree, "paths"));
	json_decref(tree);
	return paths;
}

/* ---- the same as Kubernetes' ---- */

static void test_documents(const struct kinds *kinds, const json_t *golden)
{
	const char *name, *path;
	json_t *want, *item;
	bool same = true;
	json_object_foreach (json_object_get(golden, "documents"), name, want) {
		AUTO_JSON *got = document(kinds, name);
		CHECK(got);
		strip_words(got);
		same &= is_same(name, got, want);
	}
	json_object_foreach (json_object_get(golden, "paths"), name, want) {
		AUTO_JSON *got = document(kinds, name);
		strip_words(got);
		json_object_foreach (want, path, item)
			same &= is_same(path, json_at(got, "paths", path), item);
	}
	json_object_foreach (json_object_get(golden, "schemas"), name, want) {
		AUTO_JSON *got = document(kinds, name);
		strip_words(got);
		json_object_foreach (want, path, item)
			same &= is_same(path, json_at(got, "components", "schemas", path), item);
	}
	CHECK(same);
}

/* Each line: document, method, name. */
static void test_names(void)
{
	char line[1024], name[256], method[16], operation[256];
	struct map wanted = { 0 };
	size_t count = 0;
	FILE *file = fopen("tests/golden/openapi/operations.txt", "r");
	CHECK(file);
	while (fgets(line, sizeof line, file)) {
		CHECK_INT(sscanf(line, "%255s %15s %255s", name, method, operation), 3);
		line[strcspn(line, "\n")] = '\0';
		map_put(&wanted, line, &wanted);
	}
	(void)fclose(file); /* it was only read */
	AUTO_JSON *documents = names_of_all(kinds_constant());
	const char *document_name, *path, *verb;
	json_t *ignored, *item, *o;
	json_object_foreach (documents, document_name, ignored) {
		AUTO_JSON *got = document(kinds_constant(), document_name);
		json_object_foreach (json_object_get(got, "paths"), path, item)
			json_object_foreach (item, verb, o) {
				auto_free char *row = xasprintf("%s %s %s", document_name, verb,
								json_str_or(o, "operationId", ""));
				if (streq(verb, "parameters"))
					continue;
				if (!map_has(&wanted, row))
					fprintf(stderr, "%s: %s is none of them\n", path, row);
				CHECK(map_has(&wanted, row));
				count++;
			}
	}
	CHECK_INT(count, wanted.count);
	map_fini(&wanted);
}

/* ---- whole in themselves ---- */

static void check_references(const char *name, const json_t *value, const json_t *schemas)
{
	static const char prefix[] = "#/components/schemas/";
	const char *member;
	json_t *below;
	size_t i;
	json_array_foreach (value, i, below)
		check_references(name, below, schemas);
	json_object_foreach ((json_t *)(uintptr_t)value, member, below) {
		const char *to = streq(member, "$ref") ? json_string_value(below) : NULL;
		if (to && !json_object_get(schemas, to + strlen(prefix))) {
			fprintf(stderr, "%s: %s leads nowhere\n", name, to);
			exit(1);
		}
		check_references(name, below, schemas);
	}
}

/* No name twice; each parameter of a path is in the path. */
static void check_operations(const char *path, const json_t *item, struct map *seen)
{
	const char *verb;
	json_t *o, *parameter;
	size_t i;
	json_object_foreach ((json_t *)(uintptr_t)item, verb, o) {
		const char *name = json_str_or(o, "operationId", NULL);
		if (streq(verb, "parameters"))
			continue;
		CHECK(name && *name);
		if (map_has(seen, name))
			fprintf(stderr, "%s: %s is there twice\n", path, name);
		CHECK(!map_put(seen, name, seen));
	}
	json_array_foreach (json_object_get(item, "parameters"), i, parameter) {
		auto_free char *place = xasprintf("{%s}", json_str_or(parameter, "name", ""));
		CHECK_INT(streq(json_str_or(parameter, "in", ""), "path"),
			  strstr(path, place) != NULL);
	}
}

static void test_whole(const struct kinds *kinds)
{
	struct map seen = { 0 };
	const char *name, *path;
	json_t *ignored, *item;
	AUTO_JSON *names = names_of_all(kinds);
	json_object_foreach (names, name, ignored) {
		AUTO_JSON *got = document(kinds, name);
		CHECK(got);
		check_references(name, got, json_at(got, "components", "schemas"));
		json_object_foreach (json_object_get(got, "paths"), path, item)
			check_operations(path, item, &seen);
	}
	map_fini(&seen);
}

static void test_unknown(const struct kinds *kinds)
{
	static const char *const names[] = {
		"",         "apps",      "api/",         "api/v2",        "apis/",
		"apis//v1", "apis/none", "apis/apps/v9", "apis/apps/v1/", "apis/shop.example.com",
		"version/"
	};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		AUTO_JSON *got = document(kinds, names[i]);
		CHECK_TEXT(names[i], got ? "there" : "not there", "not there");
	}
	AUTO_STR text;
	str_init(&text, TEXT_SIZE_MAX);
	openapi_v3_index(kinds, false, &text);
	CHECK(!strstr(text.data, "openid") && strstr(text.data, "apis/shop.example.com/v1"));
}

int main(void)
{
	AUTO_JSON *golden = json_load_file("tests/golden/openapi/documents.json", 0, NULL);
	CHECK(golden != NULL);
	struct kinds *kinds = kinds_of(json_object_get(golden, "definitions"));
	test_documents(kinds, golden);
	test_names();
	struct kinds *snapshot = kinds_snapshot(kinds);
	test_whole(snapshot);
	kinds_free(snapshot);
	test_unknown(kinds);
	kinds_free(kinds);
	return 0;
}
