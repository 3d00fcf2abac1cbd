/*
 * same_json.h - trees that should say the same, but for words: where they differ is told.
 */
#pragma once

#include "common/base/jsonx.h"
#include "schemas/kinds.h"
#include "tests/support/check.h"

static void strip_words(json_t *value)
{
	const char *name;
	json_t *below;
	size_t i;
	void *next;
	if (json_is_string(json_object_get(value, "description")))
		json_object_del(value, "description");
	json_object_foreach_safe (value, next, name, below)
		strip_words(below);
	json_array_foreach (value, i, below)
		strip_words(below);
}

static bool has_text(const json_t *list, const char *text)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (json_is_string(json_array_get(list, i)) &&
		    streq(json_string_value(json_array_get(list, i)), text))
			return true;
	return false;
}

/* Says where they differ; lists of texts are sets. */
static bool is_same(const char *path, const json_t *got, const json_t *want)
{
	bool same = true;
	const char *name;
	json_t *below;
	if (json_is_object(want) && json_is_object(got)) {
		json_object_foreach ((json_t *)(uintptr_t)want, name, below) {
			auto_free char *at = xasprintf("%s|%s", path, name);
			same &= is_same(at, json_object_get(got, name), below);
		}
		json_object_foreach ((json_t *)(uintptr_t)got, name, below) {
			if (json_object_get(want, name))
				continue;
			fprintf(stderr, "%s|%s: too much\n", path, name);
			same = false;
		}
		return same;
	}
	if (json_is_array(want) && json_array_size(got) == json_array_size(want)) {
		for (size_t i = 0; i < json_array_size(want); i++) {
			const json_t *one = json_array_get(want, i);
			auto_free char *at = xasprintf("%s|%zu", path, i);
			if (!json_is_string(one))
				same &= is_same(at, json_array_get(got, i), one);
			else if (!has_text(got, json_string_value(one)))
				same = is_same(at, NULL, one);
		}
		return same;
	}
	if (got && json_equal(got, want))
		return true;
	auto_free char *a = got ? json_dumps(got, JSON_ENCODE_ANY) : xstrdup("nothing");
	auto_free char *b = json_dumps(want, JSON_ENCODE_ANY);
	fprintf(stderr, "%s: %.200s, expected %.200s\n", path, a, b);
	return false;
}

/* A world of custom kinds: the definitions of a golden file. */
static struct kinds *kinds_of(const json_t *definitions)
{
	struct error err;
	json_t *definition;
	size_t i;
	struct kinds *kinds = kinds_new();
	json_array_foreach (definitions, i, definition) {
		struct definition *d = NULL;
		if (definition_new(definition, &d, &err) < 0)
			fprintf(stderr, "%s\n", err.text);
		CHECK(d != NULL);
		kinds_set(kinds, d);
	}
	return kinds;
}
