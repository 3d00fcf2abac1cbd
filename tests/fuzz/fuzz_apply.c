/*
 * Lines of JSON: an object, then configurations that are applied to it in turn, by two managers. What
 * must hold: what is applied is there, applying again changes nothing, a manager owns
 * exactly what it applied, and a forced apply has no conflicts.
 */
#include "schemas/managed.h"

#include "common/base/jsonx.h"
#include "schemas/field_walk.h"

#include <stdio.h>
#include <stdlib.h>

#define LINES_MAX 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "does not hold: %s\n", what);
	abort();
}

static char *printed(const struct schema_type *type, const json_t *tree)
{
	AUTO_STR text;
	str_init(&text, 64 << 20);
	schema_print(type, tree, &text);
	return str_take(&text);
}

/* The line as a normalized Pod without a managedFields of its own; NULL: it is none. */
static json_t *load(const struct schema_type *type, const char *line, size_t n)
{
	struct error err;
	json_t *tree = json_loadb(line, n, 0, NULL);
	if (!tree || schema_normalize(type, tree, NULL, &err) < 0) {
		json_decref(tree);
		return NULL;
	}
	json_object_del(json_object_get(tree, "metadata"), "managedFields");
	return tree;
}

static void apply(const struct managed_writer *w, json_t **object, json_t **entries,
		  const json_t *config)
{
	struct managed_conflicts *c = xcalloc(1, sizeof *c);
	json_t *tree = NULL, *owners = NULL;
	must(managed_apply(w, *entries, *object, config, true, &tree, &owners, c),
	     "a forced apply has no conflicts");
	free(c);
	json_decref(*object);
	json_decref(*entries);
	*object = tree;
	*entries = owners;
}

static void check_owner(const struct managed_writer *w, const json_t *entries, const json_t *config)
{
	AUTO_JSON *set = field_set_of(w->type, config);
	for (size_t i = 0; i < json_array_size(entries); i++) {
		const json_t *e = json_array_get(entries, i);
		if (!streq(json_str_or(e, "manager", ""), w->manager) ||
		    !streq(json_str_or(e, "operation", ""), "Apply"))
			continue;
		AUTO_JSON *more = field_set_difference(json_object_get(e, "fieldsV1"), set);
		must(field_set_is_empty(more), "nobody owns what it does not apply");
	}
}

static void step(const struct managed_writer *w, json_t **object, json_t **entries,
		 const json_t *config)
{
	apply(w, object, entries, config);
	auto_free char *once = printed(w->type, *object);
	AUTO_JSON *again = field_merge(w->type, *object, config);
	auto_free char *merged = printed(w->type, again);
	must(streq(once, merged), "what is applied is there");
	check_owner(w, *entries, config);
	AUTO_JSON *owners = json_incref(*entries);
	apply(w, object, entries, config);
	auto_free char *twice = printed(w->type, *object);
	if (!streq(once, twice))
		fprintf(stderr, "%s\n%s\n", once, twice);
	must(streq(once, twice), "applying again changes nothing");
	must(json_equal(owners, *entries), "nor whose it is");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct schema_type *type = schema_type_by_name("core.v1.Pod");
	const char *at = (const char *)data, *end = at + size;
	json_t *object = NULL, *entries = json_array();
	for (int i = 0; i < LINES_MAX && at < end; i++) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		size_t n = (size_t)((stop ? stop : end) - at);
		json_t *tree = load(type, at, n);
		at += n + 1;
		if (!tree)
			break;
		struct managed_writer w = { .type = type,
					    .api_version = "v1",
					    .manager = i % 2 ? "odd" : "even",
					    .subresource = "",
					    .now = "2026-01-01T00:00:00Z" };
		AUTO_STR why;
		str_init(&why, 1 << 20);
		if (object && field_check_lists(type, tree, &why))
			step(&w, &object, &entries, tree);
		if (object)
			json_decref(tree);
		else
			json_put_str(object = tree, "metadata.uid", "u"); /* it exists */
	}
	json_decref(object);
	json_decref(entries);
	return 0;
}
