#include "schemas/schema.h"

#include "common/base/jsonx.h"
#include "tests/support/check.h"

/* Documents as JSON, one a line, each with its problems; or the error. */
static char *run(const char *text)
{
	struct error err = { 0 };
	struct yaml_documents all = { 0 };
	struct str out;
	str_init(&out, 1 << 20);
	if (yaml_parse(text, strlen(text), &all, &err) < 0)
		str_addf(&out, "error %d: %s", err.code, err.text);
	for (size_t i = 0; i < all.count; i++) {
		if (i)
			str_add_char(&out, '\n');
		if (all.at[i].tree)
			json_print(all.at[i].tree, &out);
		else
			str_add(&out, "empty");
		for (size_t k = 0; k < all.at[i].problems_count; k++)
			str_addf(&out, " | %s", all.at[i].problems[k]);
	}
	yaml_documents_fini(&all);
	return str_take(&out);
}

static const struct {
	const char *in, *out;
} rows[] = {
	{ "[yes, Yes, YES, on, true, y, Y]", "[true,true,true,true,true,true,true]" },
	{ "[no, off, False, n, yEs]", "[false,false,false,false,\"yEs\"]" },
	{ "[~, null, Null, nULL, ]", "[null,null,null,\"nULL\"]" },
	{ "[0644, 0o644, 0x1F, 0b101, -0x10, +7]", "[420,420,31,5,-16,7]" },
	{ "[1_000, 0777_7, 089, 1e3, 1.5, .5, 1., -.5e1]", "[1000,4095,89,1000,1.5,0.5,1,-5]" },
	{ "[12:30:45, 2026-01-01, 1.2.3, 1e, 0x, 0b2, \"1\", '2', 1K]",
	  "[\"12:30:45\",\"2026-01-01\",\"1.2.3\",\"1e\",\"0x\",\"0b2\",\"1\",\"2\",\"1K\"]" },
	{ "[!!str 1, !!str yes, !!int \"5\", !!binary YWI=]", "[\"1\",\"yes\",5,\"ab\"]" },
	{ "[9223372036854775807, -9223372036854775807]",
	  "[9223372036854775807,-9223372036854775807]" },
	{ "{1: a, true: b, 0x10: c, 1.5: d}",
	  "{\"1\":\"a\",\"true\":\"b\",\"16\":\"c\",\"1.5\":\"d\"}" },
	{ "a: &x {b: 1, c: 2}\nd:\n  <<: *x\n  c: 3\n",
	  "{\"a\":{\"b\":1,\"c\":2},\"d\":{\"c\":3,\"b\":1}}" },
	{ "a: &x {b: 1}\ne: &y {b: 2, f: 3}\nd:\n  <<: [*x, *y]\n",
	  "{\"a\":{\"b\":1},\"e\":{\"b\":2,\"f\":3},\"d\":{\"b\":1,\"f\":3}}" },
	{ "a: &x [1]\nb: *x\n", "{\"a\":[1],\"b\":[1]}" },
	{ "a: 1\nb: 2\na: 3\n", "{\"a\":3,\"b\":2} | line 3: key \"a\" already set in map" },
	{ "a: 1\n---\n---\nb: 2\n", "{\"a\":1}\nempty\n{\"b\":2}" },
	{ "", "" },
	{ "# only words\n", "" },
	{ "a: |-\n  x\n  y\nb: >\n  x\n  y\n", "{\"a\":\"x\\ny\",\"b\":\"x y\\n\"}" },
	{ "a: [1", "error -10: yaml: line 2: did not find expected ',' or ']'" },
	{ "a: b\n\tc: d\n",
	  "error -10: yaml: line 2: found a tab character that violates indentation" },
	{ "a: *nobody", "error -10: yaml: unknown anchor 'nobody' referenced" },
	{ "a: .inf", "error -10: yaml: line 1: .inf is no number that JSON has" },
	{ "{[a]: b}", "error -10: yaml: line 1: unsupported map key" },
	{ "a: {<<: 1}",
	  "error -10: yaml: map merge requires map or sequence of maps as the value" },
};

static void test_limits(void)
{
	AUTO_STR bomb;
	str_init(&bomb, 1 << 20);
	str_add(&bomb, "a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
	for (int i = 1; i < 9; i++)
		str_addf(&bomb, "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i,
			 i, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
	auto_free char *text = run(bomb.data);
	CHECK_TEXT("bomb", text, "error -6: yaml: document contains excessive aliasing");
	str_clear(&bomb);
	str_add(&bomb, "a0: &a0 x\n");
	for (int i = 1; i < 200; i++)
		str_addf(&bomb, "a%d: &a%d [*a%d]\n", i, i, i - 1);
	auto_free char *deep = run(bomb.data);
	CHECK_TEXT("deep", deep, "error -6: yaml: nested deeper than 100 levels");
	str_clear(&bomb);
	str_add(&bomb, "a: &a {x: y}\nb:\n");
	for (int i = 0; i < 10001; i++)
		str_add(&bomb, "- *a\n");
	auto_free char *many = run(bomb.data);
	CHECK_TEXT("many", many, "error -6: yaml: document contains excessive aliasing");
}

static void test_print(void)
{
	static const char text[] =
		"a:\n- b: 1\n  c:\n  - d\n- - 1\n  - 2\n- {}\nempty: []\nlines: |\n  x\n  y\nnone: null\n"
		"number: \"12\"\nquoted: '- x'\ntrue: \"yes\"\n";
	struct error err = { 0 };
	struct yaml_documents all = { 0 };
	CHECK_INT(yaml_parse(text, strlen(text), &all, &err), 0);
	CHECK_INT(all.count, 1);
	AUTO_STR out;
	str_init(&out, 4096);
	yaml_print(all.at[0].tree, &out);
	CHECK_TEXT(
		"print", out.data,
		"a:\n- b: 1\n  c:\n  - d\n- - 1\n  - 2\n- {}\nempty: []\nlines: |\n  x\n  y\nnone: null\n"
		"number: \"12\"\nquoted: '- x'\n\"true\": \"yes\"\n");
	yaml_documents_fini(&all);
}

/* Keys and replaced values are freed on the way; whoever gets their memory has a line of its own. */
static void test_lines(void)
{
	AUTO_STR text;
	struct yaml_documents d;
	struct yaml_lines lines = { 0 };
	struct error err;
	size_t i;
	json_t *item;
	str_init(&text, 1 << 20);
	for (int n = 0; n < 300; n++)
		str_addf(&text, "- {a: 1, b: x, a: {c: d}}\n- text%d\n", n);
	CHECK_INT(yaml_parse_lines(text.data, text.len, &d, &lines, &err), 0);
	json_array_foreach (d.at[0].tree, i, item) {
		CHECK_INT(yaml_line_of(&lines, item), i + 1);
		if (json_is_object(item))
			CHECK_INT(yaml_line_of(&lines, json_object_get(item, "b")), i + 1);
	}
	yaml_lines_fini(&lines);
	yaml_documents_fini(&d);
}

int main(void)
{
	test_lines();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		auto_free char *got = run(rows[i].in);
		CHECK_TEXT(rows[i].in, got, rows[i].out);
	}
	test_limits();
	test_print();
	return 0;
}
