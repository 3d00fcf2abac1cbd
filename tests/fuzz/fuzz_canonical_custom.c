/*
 * Lines: a version of a CustomResourceDefinition, and objects of it. What canonical.h makes of each without a
 * tree is what decoding, defaults and printing make of it with one, and neither the schema nor, where
 * sound.h finds it good, any other rule has anything against it.
 */
#include "tests/fuzz/canonical.h"
#include "tests/fuzz/custom_kind.h"

#include "schemas/custom_check.h"

#define LINES_MAX 8

/* NULL: the line is no version of a definition that could be stored. */
static struct custom *custom_in(struct span line)
{
	struct error err;
	struct custom *c = NULL;
	struct field_errors errors = { 0 };
	AUTO_JSON *version = json_loadb(line.at, line.len, 0, NULL);
	AUTO_JSON *definition = json_is_object(version) ? custom_definition(version) : NULL;
	if (!definition)
		return NULL;
	const json_t *schema = custom_schema_in(definition);
	if (schema) {
		validate_schema(schema, NULL, &errors);
		validate_schema_defaults(schema, NULL, &errors);
	}
	bool is_good = errors.count == 0;
	field_errors_fini(&errors);
	return is_good && custom_compile(definition, "v1", &c, &err) == 0 ? c : NULL;
}

static void check_schema(const struct custom *c, const struct str *bytes)
{
	struct field_errors errors = { 0 };
	AUTO_JSON *tree = parsed(bytes);
	custom_check(c->schema, tree, NULL, NULL, &errors);
	custom_check_resources(c->schema, tree, false, NULL, &errors);
	custom_check_lists(c->schema, tree, &errors);
	for (size_t i = 0; i < errors.count; i++)
		fprintf(stderr, "%s\n%s %s\n", bytes->data, errors.at[i].field,
			errors.at[i].detail);
	assert(errors.count == 0);
	field_errors_fini(&errors);
}

static void compare(const struct schema_kind *k, struct span json, bool prunes)
{
	AUTO_STR tree, bytes;
	str_init(&tree, TEXT_MAX);
	str_init(&bytes, TEXT_MAX);
	const struct canonical_options o = { k->type, "g.x/v1", k->kind, prunes };
	if (!canonical_write(&o, json, &bytes))
		return;
	by_tree(&o, SCHEMA_JSON, json, &tree);
	check_equal(&bytes, &tree);
	check_schema(k->custom, &bytes);
	check_sound(k, &bytes, &(struct str){ 0 });
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data, *end = p + size;
	struct custom *custom = NULL;
	for (size_t i = 0; i < LINES_MAX && p < end; i++) {
		const char *stop = memchr(p, '\n', (size_t)(end - p));
		const struct span line = { p, (size_t)((stop ? stop : end) - p) };
		p += line.len + 1;
		if (i == 0 && !(custom = custom_in(line)))
			break;
		if (i == 0)
			continue;
		const struct schema_kind kind = custom_kind(custom);
		compare(&kind, line, false);
		compare(&kind, line, true);
	}
	custom_free(custom);
	return 0;
}
