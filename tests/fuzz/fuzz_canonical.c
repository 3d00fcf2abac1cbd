/*
 * Any bytes as an object of a kind: what canonical.h makes of them without a tree is what decoding,
 * the tables' defaults and printing make of them with one, and the tables' rules have nothing
 * against it. It may not know an object; it may never know better. Nor may sound.h: what it finds good
 * gets no defaults, errors or warnings from elsewhere. A first line "#NAME" names the type; else
 * it is a ConfigMap, a Pod and one more. Behind a line "#was" stands the object that is replaced.
 */
#include "tests/fuzz/canonical.h"

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
	by_tree(&o, SCHEMA_JSON, json, &tree);
	check_equal(&bytes, &tree);
	check_sound(k, &bytes, &old);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct span rest;
	const struct schema_kind *k = kind_in(data, size, &rest);
	if (k) {
		compare(k, rest.at, rest.len, false);
		compare(k, rest.at, rest.len, true);
		return 0;
	}
	compare(schema_kind_by_kind("", "v1", "ConfigMap"), text, size, size & 1);
	compare(schema_kind_by_kind("", "v1", "Pod"), text, size, size & 1);
	compare(schema_kind_at(size % schema_kinds_count()), text, size, false);
	return 0;
}
