/* JSON as it was sent, on one line. */
#include "common/base/str.h"
#include "schemas/json_text.h"
#include "tests/support/check.h"

static const struct {
	const char *text, *line; /* NULL: refused */
} rows[] = {
	{ "{}", "{}" },
	{ " [ ] ", "[]" },
	{ "{ \"b\" : 1 ,\n\t\"a\":[ true,false , null ] }\r\n",
	  "{\"b\":1,\"a\":[true,false,null]}" },
	/* Everything in its own words. */
	{ "{\"a\":1,\"a\":2}", "{\"a\":1,\"a\":2}" },
	{ "[0,-0,1.50,1e3,1E+3,-2.5e-7,123456789012345678901]",
	  "[0,-0,1.50,1e3,1E+3,-2.5e-7,123456789012345678901]" },
	{ "\"a b\\u00e9\\/\\\"\\\\\\b\"", "\"a b\\u00e9\\/\\\"\\\\\\b\"" },
	{ "\"\xc3\xa9\xe2\x80\xa8\"", "\"\xc3\xa9\xe2\x80\xa8\"" },
	/* But what others could not read. */
	{ "\"\xff\xc3\"", "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
	{ "\"\\ud83d\\udc22\"", "\"\\ud83d\\udc22\"" },
	{ "\"\\ud83d\"", "\"\\ufffd\"" },
	{ "\"\\udc22\\ud83d\"", "\"\\ufffd\\ufffd\"" },
	{ "\"\\ud83d\\u0041\"", "\"\\ufffd\\u0041\"" },
	{ "\"\\ud83d\\u00\"", NULL },
	{ "1e999", NULL },
	{ "-1e400", NULL },
	{ "1e-999", "1e-999" },
	/* No JSON. */
	{ "", NULL },
	{ " ", NULL },
	{ "{", NULL },
	{ "[1", NULL },
	{ "[1,]", NULL },
	{ "[1 2]", NULL },
	{ "{\"a\"}", NULL },
	{ "{\"a\":}", NULL },
	{ "{\"a\":1,}", NULL },
	{ "{a:1}", NULL },
	{ "{1:1}", NULL },
	{ "[}", NULL },
	{ "1 1", NULL },
	{ "01", NULL },
	{ "-", NULL },
	{ "+1", NULL },
	{ "1.", NULL },
	{ ".5", NULL },
	{ "1e", NULL },
	{ "nul", NULL },
	{ "True", NULL },
	{ "\"", NULL },
	{ "\"a\nb\"", NULL },
	{ "\"\\x\"", NULL },
	{ "\"\\", NULL },
	{ "\"\\u12", NULL },
	{ "\"\\u12g4\"", NULL },
};

static void test_rows(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO_STR out;
		str_init(&out, 1000);
		str_add(&out, "before:");
		bool done = json_text_compact(rows[i].text, strlen(rows[i].text), &out);
		CHECK_TEXT(rows[i].text, out.data + 7, rows[i].line ? rows[i].line : "");
		CHECK_INT(done, rows[i].line != NULL);
	}
}

/* So deep, and no deeper; so much, and no more. */
static void test_bounds(void)
{
	for (size_t depth = JSON_DEPTH_MAX; depth <= JSON_DEPTH_MAX + 1; depth++) {
		AUTO_STR text;
		AUTO_STR out;
		str_init(&text, 10000);
		str_init(&out, 10000);
		for (size_t i = 0; i < 2 * depth; i++)
			str_add_char(&text, i < depth ? '[' : ']');
		CHECK_INT(json_text_compact(text.data, text.len, &out), depth == JSON_DEPTH_MAX);
	}
	AUTO_STR small;
	str_init(&small, 4);
	CHECK(!json_text_compact("[1,2,3]", 7, &small) || !str_ok(&small));
	CHECK(!str_ok(&small));
	/* Nothing behind the end is looked at. */
	AUTO_STR out;
	str_init(&out, 100);
	CHECK(json_text_compact("1234", 2, &out));
	CHECK_TEXT("a part", out.data, "12");
	CHECK(!json_text_compact("\"\\ud83d\\udc22\"", 10, &out));
	CHECK(!json_text_compact("true", 3, &out));
}

int main(void)
{
	test_rows();
	test_bounds();
	puts("ok");
	return 0;
}
