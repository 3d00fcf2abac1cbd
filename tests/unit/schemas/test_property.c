/*
 * Random objects of every kind, drawn from the tables: what is printed reads back as the same bytes
 * from JSON, YAML and protobuf, and defaulting twice is defaulting once.
 */
#include "schemas/schema.h"

#include "common/base/jsonx.h"
#include "common/base/rng.h"
#include "tests/support/check.h"

#define SEEDS     600
#define DEPTH_MAX 7

static json_t *draw_object(struct rng *r, const struct schema_type *t, int depth);

static json_t *draw_text(struct rng *r)
{
	static const char *const texts[] = {
		"",
		"a",
		"yes",
		"0644",
		"1e3",
		"null",
		"x: y",
		"- a",
		" lead",
		"trail ",
		"a\nb",
		"a\nb\n",
		"\n",
		"é😀",
		"\"q\" 'r'",
		"#c",
		"tab\t",
		"a\\b",
		"~",
		"0x1F",
		"{}",
		"[",
		"*star",
		"&and",
		"!tag",
		"| x",
		"> y",
		"%p",
		"@at",
		"`b`",
		"key:",
		"2026-01-01",
		"0o17",
		"1_000",
		".5",
		"-",
		"  two\n lines\n",
		"a #b",
		"\x01ctl",
		"<<",
		"=",
		"on",
	};
	return json_string(texts[rng_below(r, ARRAY_LEN(texts))]);
}

static json_t *draw_value(struct rng *r, const struct schema_field *f, int depth)
{
	static const char *const quantities[] = {
		"1000m", "1Gi", "0", "1024Mi", "0.5", "-3", "1e3"
	};
	static const char *const times[] = { "2026-01-02T03:04:05Z", "2026-01-02T03:04:05.123456Z",
					     "2026-01-02T03:04:05+02:00", "1969-12-31T23:59:59Z" };
	static const char *const bytes[] = { "", "YQ==", "AAEC", "/+8=" };
	switch (f->form) {
	case SCHEMA_STRING:
		return draw_text(r);
	case SCHEMA_INT32:
		return json_integer((int32_t)rng_next(r));
	case SCHEMA_INT64:
		return json_integer(rng_one_in(r, 3) ? 0 : (json_int_t)rng_next(r));
	case SCHEMA_BOOL:
		return json_boolean(rng_one_in(r, 2));
	case SCHEMA_DOUBLE:
		return json_real((double)(int32_t)rng_next(r) / 8);
	case SCHEMA_BYTES:
		return json_string(bytes[rng_below(r, ARRAY_LEN(bytes))]);
	case SCHEMA_TIME:
	case SCHEMA_MICRO_TIME:
		return json_string(times[rng_below(r, ARRAY_LEN(times))]);
	case SCHEMA_DURATION:
		return json_string("5s");
	case SCHEMA_QUANTITY:
		return json_string(quantities[rng_below(r, ARRAY_LEN(quantities))]);
	case SCHEMA_INT_OR_STRING:
		return rng_one_in(r, 2) ? json_integer((int32_t)rng_next(r)) : draw_text(r);
	case SCHEMA_OBJECT:
		return draw_object(r, f->type, depth + 1);
	case SCHEMA_STRING_LIST:
		return json_pack("[s,s]", "a", "b");
	case SCHEMA_SCHEMA_OR_LIST:
		return rng_one_in(r, 2) ? draw_object(r, f->type, depth + 1)
					: json_pack("[{s:s}]", "type", "string");
	case SCHEMA_SCHEMA_OR_BOOL:
		return rng_one_in(r, 2) ? draw_object(r, f->type, depth + 1)
					: json_boolean(rng_one_in(r, 2));
	case SCHEMA_SCHEMA_OR_STRINGS:
		return rng_one_in(r, 2) ? draw_object(r, f->type, depth + 1)
					: json_pack("[s]", "other");
	case SCHEMA_ANY:
	case SCHEMA_FIELDS_V1:
	case SCHEMA_FORM_COUNT:
		break;
	}
	return json_pack("{s:{s:[i,s]}}", "f:a", "b", 1, "c");
}

static json_t *draw_field(struct rng *r, const struct schema_field *f, int depth)
{
	static const char *const keys[] = { "a", "b/c", "on", "12", "k y" };
	size_t count = rng_below(r, 3);
	json_t *all;
	switch (f->shape) {
	case SCHEMA_ONE:
		break;
	case SCHEMA_LIST:
		all = json_array();
		for (size_t i = 0; i < count; i++)
			json_array_append_new(all, draw_value(r, f, depth));
		return all;
	case SCHEMA_MAP:
		all = json_object();
		for (size_t i = 0; i < count; i++)
			json_object_set_new(all, keys[rng_below(r, ARRAY_LEN(keys))],
					    draw_value(r, f, depth));
		return all;
	}
	return draw_value(r, f, depth);
}

static json_t *draw_object(struct rng *r, const struct schema_type *t, int depth)
{
	json_t *o = json_object();
	for (size_t i = 0; i < t->fields_count; i++) {
		const struct schema_field *f = &t->fields[i];
		/* Protobuf has no place for the kind of an object inside another. */
		bool is_lost = depth > 0 &&
			       (streq(f->name, "apiVersion") || streq(f->name, "kind")) &&
			       f->proto == 0;
		if (!is_lost && depth < DEPTH_MAX && !rng_one_in(r, depth < 4 ? 4 : 2))
			json_object_set_new(o, f->name, draw_field(r, f, depth));
	}
	return o;
}

static char *print(const struct schema_type *t, const json_t *tree)
{
	struct str out;
	str_init(&out, 64 << 20);
	schema_print(t, tree, &out);
	CHECK(str_ok(&out));
	return str_take(&out);
}

/* The bytes, decoded and printed. */
static char *again(const struct schema_type *t, enum schema_encoding encoding, const char *bytes,
		   size_t n)
{
	struct error err = { 0 };
	struct schema_report report = { 0 };
	json_t *tree = NULL;
	if (schema_decode(t, encoding, bytes, n, &tree, &report, &err) < 0 || report.count) {
		fprintf(stderr, "%s: %s\n%.*s\n", err.text, report.count ? report.problems[0] : "",
			(int)MIN(n, (size_t)2000), bytes);
		exit(1);
	}
	schema_report_fini(&report);
	char *text = print(t, tree);
	json_decref(tree);
	return text;
}

static void check_encodings(const char *name, const struct schema_type *t, const char *canonical)
{
	struct error err = { 0 };
	AUTO_JSON *tree = json_loads(canonical, 0, NULL);
	CHECK(tree);
	auto_free char *from_json = again(t, SCHEMA_JSON, canonical, strlen(canonical));
	CHECK_TEXT(name, from_json, canonical);
	AUTO_STR yaml, wire;
	str_init(&yaml, 64 << 20);
	str_init(&wire, 64 << 20);
	yaml_print(tree, &yaml);
	auto_free char *from_yaml = again(t, SCHEMA_YAML, yaml.data, yaml.len);
	CHECK_TEXT(name, from_yaml, canonical);
	CHECK_INT(schema_encode_protobuf(t, json_str_or(tree, "apiVersion", ""),
					 json_str_or(tree, "kind", ""), tree, &wire, &err),
		  0);
	auto_free char *from_wire = again(t, SCHEMA_PROTOBUF, wire.data, wire.len);
	CHECK_TEXT(name, from_wire, canonical);
}

static void check_defaults(const struct schema_kind *k, json_t *tree)
{
	schema_default(k, tree);
	auto_free char *once = print(k->type, tree);
	schema_default(k, tree);
	auto_free char *twice = print(k->type, tree);
	CHECK_TEXT("defaults", twice, once);
	struct field_errors errors = { 0 }; /* must not crash; nearly all is wrong */
	schema_validate(k, tree, NULL, &errors);
	field_errors_fini(&errors);
	AUTO_JSON *cells = table_cells(k, tree, 0);
	CHECK_INT(json_array_size(cells), k->columns_count);
	struct schema_report report = { 0 };
	schema_warnings(k, tree, NULL, &report);
	schema_report_fini(&report);
}

int main(void)
{
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct rng r = { seed };
		const struct schema_kind *k = schema_kind_at(seed % schema_kinds_count());
		struct error err = { 0 };
		AUTO_JSON *tree = draw_object(&r, k->type, 0);
		CHECK_INT(schema_normalize(k->type, tree, NULL, &err), 0);
		auto_free char *canonical = print(k->type, tree);
		char name[64];
		CHECK(snprintf(name, sizeof name, "seed %d", (int)seed) > 0);
		check_encodings(name, k->type, canonical);
		AUTO_JSON *other = draw_object(&r, k->type, 0);
		CHECK_INT(schema_normalize(k->type, other, NULL, &err), 0);
		json_t *patched = NULL;
		if (patch_strategic(k->type, tree, other, &patched, &err) == 0)
			json_decref(patched);
		check_defaults(k, tree);
	}
	return 0;
}
