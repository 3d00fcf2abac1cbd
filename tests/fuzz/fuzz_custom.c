/*
 * Up to three JSON values, one a line: a version of a CustomResourceDefinition, an object and the
 * one before. Any schema that reads as one compiles or is refused, any object meets it; where the
 * schema is found valid, what is printed reads back as the same.
 */
#include "tests/fuzz/custom_kind.h"

#include "schemas/field_walk.h"
#include "schemas/openapi.h"
#include "schemas/openapi_gnostic.h"
#include "schemas/rule.h"
#include "schemas/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_object(const struct schema_kind *kind, json_t *tree, const json_t *old,
			 bool is_valid)
{
	struct error err;
	struct schema_report report = { 0 };
	struct field_errors errors = { 0 };
	AUTO_STR once, twice;
	AUTO_JSON *second = NULL;
	str_init(&once, 16 << 20);
	str_init(&twice, 16 << 20);
	if (schema_normalize(kind->type, tree, &report, &err) == 0) {
		schema_default(kind, tree);
		schema_print(kind->type, tree, &once);
		schema_validate(kind, tree, old, &errors);
		schema_validate_status(kind, tree, old, &errors);
		schema_warnings(kind, tree, old, &report);
		json_decref(table_cells(kind, tree, 1700000000000000));
		json_decref(field_set_of(kind->type, tree));
		if (old)
			json_decref(field_merge(kind->type, old, tree));
		if (is_valid && str_ok(&once)) {
			int code = schema_decode(kind->type, SCHEMA_JSON, once.data, once.len,
						 &second, NULL, &err);
			assert(code == 0);
			schema_default(kind, second);
			schema_print(kind->type, second, &twice);
			assert(once.len == twice.len &&
			       memcmp(once.data, twice.data, once.len) == 0);
		}
	}
	field_errors_fini(&errors);
	schema_report_fini(&report);
}

/* Schemas inside one another, none of which says what version 2 cannot. */
static size_t count_schemas(const json_t *schema)
{
	static const char *const unsaid[] = { "default", "nullable", "allOf",
					      "anyOf",   "oneOf",    "not" };
	const char *name;
	json_t *member;
	size_t count = 1;
	for (size_t i = 0; i < ARRAY_LEN(unsaid); i++)
		assert(!json_object_get(schema, unsaid[i]));
	json_object_foreach (json_object_get(schema, "properties"), name, member)
		count += count_schemas(member);
	for (size_t i = 0; i < 2; i++) {
		member = json_object_get(schema, i ? "additionalProperties" : "items");
		if (json_is_object(member))
			count += count_schemas(member);
	}
	return count;
}

/* In the fields of this number, which are read to their ends. */
static size_t count_in(struct wire message, uint32_t number, size_t (*count)(struct wire message))
{
	struct error err;
	struct wire_field f;
	size_t all = 0;
	int code;
	while ((code = wire_next(&message, &f, &err)) == 1)
		if (f.number == number && f.type == WIRE_BYTES)
			all += count(f.bytes);
	assert(code == 0);
	return all;
}

static size_t count_messages(struct wire schema);

static size_t count_named(struct wire named)
{
	return count_in(named, 2, count_messages);
}

static size_t count_properties(struct wire properties)
{
	return count_in(properties, 1, count_named);
}

static size_t count_item(struct wire item)
{
	return count_in(item, 1, count_messages);
}

/* The same of gnostic's messages. */
static size_t count_messages(struct wire schema)
{
	return 1 + count_in(schema, 25, count_properties) + count_in(schema, 23, count_item) +
	       count_in(schema, 21, count_item);
}

static void check_published(json_t *schemas)
{
	const char *name;
	json_t *schema;
	json_object_foreach (schemas, name, schema) {
		AUTO_STR out;
		str_init(&out, 64 << 20);
		gnostic_add(&out, gnostic_v2_schema, schema);
		const struct wire w = { (const uint8_t *)out.data,
					(const uint8_t *)out.data + out.len };
		assert(count_messages(w) == count_schemas(schema));
	}
}

static void publish(const struct schema_kind *kind)
{
	struct error err;
	for (int is_v2 = 0; is_v2 < 2; is_v2++) {
		AUTO_STR out;
		AUTO_JSON *read = NULL;
		str_init(&out, 64 << 20);
		str_add_char(&out, '{');
		openapi_custom(kind, is_v2 == 1, &out);
		str_add_char(&out, '}');
		int code = str_ok(&out) ? json_parse(out.data, out.len, &read, &err) : 0;
		assert(code == 0);
		if (is_v2)
			check_published(read);
	}
}

static void run(json_t *version, json_t *tree, json_t *old)
{
	struct error err;
	struct custom *c = NULL;
	struct field_errors errors = { 0 };
	AUTO_JSON *definition = custom_definition(version);
	if (!definition)
		return;
	const json_t *schema = custom_schema_in(definition);
	if (schema)
		validate_schema(schema, NULL, &errors);
	if (custom_compile(definition, "v1", &c, &err) == 0) {
		const struct schema_kind kind = custom_kind(c);
		publish(&kind);
		if (tree) {
			json_put_str(tree, "kind", "K");
			json_put_str(tree, "apiVersion", "g.x/v1");
		}
		if (old && schema_normalize(kind.type, old, NULL, &err) < 0)
			old = NULL;
		if (tree)
			check_object(&kind, tree, old, schema && errors.count == 0);
	}
	custom_free(c);
	field_errors_fini(&errors);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *values[3] = { NULL };
	const char *p = (const char *)data, *end = p + size;
	for (size_t i = 0; i < ARRAY_LEN(values) && p < end; i++) {
		const char *stop = memchr(p, '\n', (size_t)(end - p));
		stop = stop ? stop : end;
		values[i] = json_loadb(p, (size_t)(stop - p), 0, NULL);
		p = stop + 1;
	}
	if (json_is_object(values[0]))
		run(values[0], json_is_object(values[1]) ? values[1] : NULL,
		    json_is_object(values[2]) ? values[2] : NULL);
	for (size_t i = 0; i < ARRAY_LEN(values); i++)
		json_decref(values[i]);
	return 0;
}
