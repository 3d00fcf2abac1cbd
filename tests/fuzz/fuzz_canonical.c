/*
 * Any bytes as an object of a kind: what canonical.h makes of them without a tree is what decoding,
 * the tables' defaults and printing make of them with one, and the tables' rules have nothing
 * against it. It may not know an object; it may never know better. Nor may sound.h: what it finds good
 * gets no defaults, errors or warnings from elsewhere. A first line "#NAME" names the type; else
 * it is a ConfigMap, a Pod and one more. Behind a line "#was" stands the object that is replaced.
 */
#include "common/base/jsonx.h"
#include "schemas/canonical.h"
#include "schemas/default.h"
#include "schemas/rule.h"
#include "schemas/sound.h"

#include <stdio.h>

#define TEXT_MAX (64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void by_tree(const struct canonical_options *o, struct span json, struct str *out)
{
	struct error err;
	struct schema_report report = { 0 };
	struct field_errors errors = { 0 };
	json_t *tree = NULL;
	int code = schema_decode(o->type, SCHEMA_JSON, json.at, json.len, &tree, &report, &err);
	assert(code == 0);
	assert(o->prunes || report.count == 0);
	const char *version = json_str_or(tree, "apiVersion", ""),
		   *kind = json_str_or(tree, "kind", "");
	assert(!*version || streq(version, o->api_version));
	assert(!*kind || streq(kind, o->kind));
	json_put_str(tree, "apiVersion", o->api_version);
	json_put_str(tree, "kind", o->kind);
	default_fields(o->type, tree);
	schema_print(o->type, tree, out);
	validate_tables(o->type, tree, NULL, NULL, &errors);
	assert(errors.count == 0);
	field_errors_fini(&errors);
	schema_report_fini(&report);
	json_decref(tree);
}

static json_t *parsed(const struct str *bytes)
{
	json_t *tree = json_loadb(bytes->data, bytes->len, JSON_ALLOW_NUL, NULL);
	assert(tree);
	return tree;
}

/* `old` may be empty. */
static void check_sound(const struct schema_kind *k, const struct str *bytes, const struct str *old)
{
	struct span was = { old->len ? old->data : NULL, old->len }, none = { 0 };
	struct span now = { bytes->data, bytes->len };
	if (!sound_kind(k) || (was.at && !sound_object(k, was, none)) || !sound_object(k, now, was))
		return;
	struct field_errors errors = { 0 };
	struct schema_report report = { 0 };
	AUTO_STR again;
	AUTO_JSON *tree = parsed(bytes), *before = old->len ? parsed(old) : NULL;
	str_init(&again, TEXT_MAX);
	schema_default(k, tree);
	schema_print(k->type, tree, &again);
	assert(again.len == bytes->len && memcmp(again.data, bytes->data, again.len) == 0);
	/* The server writes the metadata of an update itself. */
	if (before)
		json_object_set(tree, "metadata", json_object_get(before, "metadata"));
	schema_validate(k, tree, before, &errors);
	schema_warnings(k, tree, before, &report);
	for (size_t i = 0; i < errors.count; i++)
		fprintf(stderr, "%s %s\n", errors.at[i].field, errors.at[i].detail);
	assert(errors.count == 0 && report.count == 0);
	field_errors_fini(&errors);
	schema_report_fini(&report);
}

static void compare(const struct schema_kind *k, const char *data, size_t size, bool prunes)
{
	AUTO_STR version, tree, bytes, old;
	str_init(&version, 256);
	str_init(&tree, TEXT_MAX);
	str_init(&bytes, TEXT_MAX);
	str_init(&old, TEXT_MAX);
	schema_api_version(k, &version);
	const struct canonical_options o = { k->type, version.data, k->kind, prunes };
	static const char was[] = "\n#was\n";
	const char *second = memmem(data, size, was, sizeof was - 1);
	struct span json = { data, second ? (size_t)(second - data) : size };
	if (second && !canonical_write(&o,
				       (struct span){ second + sizeof was - 1,
						      size - json.len - (sizeof was - 1) },
				       &old))
		return;
	if (!canonical_write(&o, json, &bytes))
		return;
	by_tree(&o, json, &tree);
	if (tree.len != bytes.len || memcmp(tree.data, bytes.data, tree.len) != 0)
		fprintf(stderr, "%.*s\n%s\n%s\n", (int)json.len, data, tree.data, bytes.data);
	assert(tree.len == bytes.len && memcmp(tree.data, bytes.data, tree.len) == 0);
	check_sound(k, &bytes, &old);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	const char *stop = size && *text == '#' ? memchr(text, '\n', size) : NULL;
	if (stop) {
		for (size_t i = 0; i < schema_kinds_count(); i++) {
			const struct schema_kind *k = schema_kind_at(i);
			size_t n = strlen(k->type->name);
			if (n != (size_t)(stop - text) - 1 ||
			    memcmp(text + 1, k->type->name, n) != 0)
				continue;
			size_t head = (size_t)(stop - text) + 1;
			compare(k, stop + 1, size - head, false);
			compare(k, stop + 1, size - head, true);
			return 0;
		}
	}
	compare(schema_kind_by_kind("", "v1", "ConfigMap"), text, size, size & 1);
	compare(schema_kind_by_kind("", "v1", "Pod"), text, size, size & 1);
	compare(schema_kind_at(size % schema_kinds_count()), text, size, false);
	return 0;
}
