/* What is printed: jsonpath and tables. */
#include "cli/jsonpath.h"
#include "cli/table.h"
#include "tests/support/check.h"

static const char object_text[] =
	"{\"metadata\": {\"name\": \"x\", \"labels\": {\"a.b/c\": \"v\"}},"
	" \"n\": 5, \"b\": true, \"list\": [{\"t\": \"A\", \"s\": \"1\"},"
	" {\"t\": \"B\", \"s\": \"2\"}, {\"s\": \"3\"}], \"words\": [\"p\", \"q\"]}";

static const struct {
	const char *name, *path, *want; /* NULL: refused */
} paths[] = {
	{ "a name", "{.metadata.name}", "x" },
	{ "without braces", ".metadata.name", "x" },
	{ "without dot", "metadata.name", "x" },
	{ "not there", "{.nothing.at.all}", "" },
	{ "number and bool", "{.n} {.b}", "5 true" },
	{ "text around", "<{.n}>", "<5>" },
	{ "quoted text", "{.n}{\"\\n\\t\"}{'x'}", "5\n\tx" },
	{ "an object", "{.metadata.labels}", "{\"a.b/c\":\"v\"}" },
	{ "quoted name", "{.metadata.labels['a.b/c']}", "v" },
	{ "escaped dot", "{.metadata.labels.a\\.b/c}", "v" },
	{ "all", "{.words[*]}", "p q" },
	{ "index", "{.words[1]} {.words[-2]}", "q p" },
	{ "beyond", "{.words[7]}", "" },
	{ "of each", "{.list[*].s}", "1 2 3" },
	{ "filter", "{.list[?(@.t==\"B\")].s}", "2" },
	{ "filter not", "{.list[?(@.t!='B')].s}", "1" },
	{ "filter is there", "{.list[?(@.t)].s}", "1 2" },
	{ "filter number", "{.list[?(@.s == 3)].s}", "3" },
	{ "range", "{range .list[*]}[{.s}]{end}", "[1][2][3]" },
	{ "range in range", "{range .list[*]}{range $.words[*]}{@}{end}{end}", "pqpqpq" },
	{ "root", "{$.n}", "5" },
	{ "no closing", "{.n", NULL },
	{ "no end", "{range .list[*]}x", NULL },
	{ "bad index", "{.words[x]}", NULL },
	{ "at any depth", "{..t}", "A B" },
	{ "slice", "{.list[0:2].s} {.list[::2].s} {.list[5:6].s}", "1 2 1 3 " },
	{ "several", "{.words[1,0]} {['n','b']}", "q p 5 true" },
	{ "filter greater", "{.list[?(@.s>=\"2\")].s}", "2 3" },
	{ "nothing after dots", "{.a..}", NULL },
	{ "bad slice", "{.list[0:2:-1]}", NULL },
	{ "open bracket", "{.words[}", NULL },
	{ "open filter", "{.list[?(@.t]}", NULL },
};

static void test_jsonpath(void)
{
	AUTO_JSON *object = NULL;
	struct error err;
	CHECK_INT(json_parse(object_text, strlen(object_text), &object, &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		AUTO_STR out;
		str_init(&out, 65536);
		int code = jsonpath_print(paths[i].path, object, &out, &err);
		if (paths[i].want)
			CHECK_TEXT(paths[i].name, code < 0 ? err.text : out.data, paths[i].want);
		else
			CHECK_TEXT(paths[i].name, code < 0 ? "refused" : out.data, "refused");
	}
}

static void test_table(void)
{
	AUTO_TABLE t = { .columns = 3 };
	AUTO_STR out;
	AUTO_JSON *seven = json_integer(7);
	str_init(&out, 4096);
	const char *const cells[] = { "NAME", "N", "LAST", "ä", "\033[1m", "z" };
	for (size_t i = 0; i < ARRAY_LEN(cells); i++)
		table_add(&t, cells[i]);
	table_add(&t, "longer");
	table_add_json(&t, seven);
	table_add_json(&t, NULL);
	table_text(&t, &out);
	CHECK_TEXT("table", out.data,
		   "NAME     N      LAST\n"
		   "ä         [1m   z\n"
		   "longer   7      <none>\n");
}

int main(void)
{
	test_jsonpath();
	test_table();
	return 0;
}
