#include "schemas/schema.h"

#include "common/base/jsonx.h"
#include "schemas/protobuf.h"
#include "schemas/wire.h"
#include "tests/support/check.h"

#define BYTES(text) text, sizeof text - 1

/* The inside of an object, in an envelope of v1 Secret. */
static void wrap(struct str *out, const char *raw, size_t n)
{
	str_clear(out);
	str_add_bytes(out, "k8s\0", 4);
	wire_add_bytes(out, 1, BYTES("\x0a\x02v1\x12\x06Secret"));
	wire_add_bytes(out, 2, raw, n);
}

static char *run(const char *type, const struct str *body)
{
	struct error err = { 0 };
	json_t *tree = NULL;
	struct str out;
	const struct schema_type *t = schema_type_by_name(type);
	str_init(&out, 1 << 16);
	if (schema_decode(t, SCHEMA_PROTOBUF, body->data, body->len, &tree, NULL, &err) < 0)
		str_addf(&out, "error %d", err.code);
	else
		schema_print(t, tree, &out);
	json_decref(tree);
	return str_take(&out);
}

#define SECRET(inside) "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{" inside

static const struct {
	const char *name, *type, *raw;
	size_t n;
	const char *want;
} rows[] = {
	{ "as kubectl sends it", "core.v1.Secret",
	  BYTES("\x0a\x11\x0a\x01x\x12\x00\x1a\x00\"\x00*\x00"
		"2\x00"
		"8\x00"
		"B\x00\x12\x06\x0a\x01"
		"a\x12\x01"
		"b"),
	  SECRET("\"name\":\"x\"},\"data\":{\"a\":\"Yg==\"}}") },
	{ "nothing", "core.v1.Secret", BYTES(""), SECRET("}}") },
	{ "unknown fields", "core.v1.Secret",
	  BYTES("\xf8\x07\x01\xfa\x07\x02zz\xf9\x07"
		"12345678"
		"\xfd\x07"
		"1234"),
	  SECRET("}}") },
	{ "a time", "core.v1.Secret", BYTES("\x0a\x08\x42\x06\x08\x80\xe2\xda\xca\x06"),
	  SECRET("\"creationTimestamp\":\"2026-01-01T17:38:08Z\"}}") },
	{ "truncated", "core.v1.Secret", BYTES("\x0a\x11\x0a\x01x"), "error -10" },
	{ "length past the end", "core.v1.Secret", BYTES("\x12\xff\xff\xff\xff\x0f"), "error -10" },
	{ "varint too long", "core.v1.Secret",
	  BYTES("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "error -10" },
	{ "tag 0", "core.v1.Secret", BYTES("\x00\x01"), "error -10" },
	{ "group", "core.v1.Secret", BYTES("\x0b\x0c"), "error -10" },
	{ "wrong wire type", "core.v1.Secret", BYTES("\x08\x01"), "error -10" },
	{ "embedded struct", "core.v1.Volume",
	  BYTES("\x0a\x01v\x12\x06\x12\x04\x0a\x02"
		"Me"),
	  "{\"name\":\"v\",\"emptyDir\":{\"medium\":\"Me\"}}" },
	{ "packed numbers", "core.v1.PodSecurityContext", BYTES("\x22\x03\x01\x02\x03"),
	  "{\"supplementalGroups\":[1,2,3]}" },
	{ "number or name", "core.v1.HTTPGetAction",
	  BYTES("\x12\x06\x08\x01\x1a\x02"
		"ab"),
	  "{\"port\":\"ab\"}" },
	{ "negative number", "core.v1.HTTPGetAction",
	  BYTES("\x12\x0b\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "{\"port\":-1}" },
	{ "map value left out", "apis.meta.v1.LabelSelector", BYTES("\x0a\x03\x0a\x01k"),
	  "{\"matchLabels\":{\"k\":\"\"}}" },
};

static void test_rows(void)
{
	AUTO_STR body;
	str_init(&body, 1 << 16);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		wrap(&body, rows[i].raw, rows[i].n);
		auto_free char *got = run(rows[i].type, &body);
		CHECK_TEXT(rows[i].name, got, rows[i].want);
	}
}

static void test_envelope(void)
{
	struct error err = { 0 };
	char *version, *kind;
	AUTO_STR body;
	str_init(&body, 1 << 16);
	wrap(&body, BYTES(""));
	CHECK_INT(schema_peek(SCHEMA_PROTOBUF, body.data, body.len, &version, &kind, &err), 0);
	CHECK_TEXT("version", version, "v1");
	CHECK_TEXT("kind", kind, "Secret");
	free(version);
	free(kind);
	CHECK_INT(schema_peek(SCHEMA_PROTOBUF, "{}", 2, &version, &kind, &err), ERR_MALFORMED);
	for (size_t n = 0; n < 4; n++)
		CHECK_INT(schema_peek(SCHEMA_PROTOBUF, body.data, n, &version, &kind, &err),
			  ERR_MALFORMED);
}

static void test_encode_limit(void)
{
	struct error err = { 0 };
	AUTO_JSON *tree = json_pack("{s:{s:s}}", "data", "a", "b");
	AUTO_STR out;
	str_init(&out, 16);
	CHECK_INT(schema_encode_protobuf(schema_type_by_name("core.v1.ConfigMap"), "v1",
					 "ConfigMap", tree, &out, &err),
		  ERR_LIMIT);
}

/* Go writes texts, numbers and truths that nobody gave, unless they are pointers there. */
static void test_zero_values(void)
{
	/* id, $schema, $ref; maximum 0 and false for exclusiveMaximum */
	static const char raw[] = "\x0a\x00\x12\x00\x1a\x00I\0\0\0\0\0\0\0\0P\x00";
	struct error err = { 0 };
	AUTO_JSON *tree = NULL;
	AUTO_STR body;
	str_init(&body, 1 << 16);
	wrap(&body, BYTES(raw));
	const struct schema_type *t = schema_type_by_name("apiextensions.v1.JSONSchemaProps");
	CHECK(schema_decode(t, SCHEMA_PROTOBUF, body.data, body.len, &tree, NULL, &err) == 0);
	json_object_del(tree, "apiVersion");
	json_object_del(tree, "kind");
	auto_free char *text = json_dumps(tree, JSON_COMPACT);
	CHECK_TEXT("zero values", text, "{\"$ref\":\"\",\"maximum\":0.0}");
}

int main(void)
{
	test_zero_values();
	test_rows();
	test_envelope();
	test_encode_limit();
	return 0;
}
