/*
 * Regular expressions against what Go says of them: tests/golden/custom/patterns.jsonl, each line
 * [EXPRESSION, TEXT, MATCHES, TEXT, MATCHES …] or [EXPRESSION, ERROR].
 */
#include "common/base/jsonx.h"
#include "schemas/pattern.h"
#include "tests/support/check.h"

static size_t failures;

static bool run_row(const json_t *row)
{
	struct error err;
	struct pattern *p = NULL;
	const json_t *text = json_array_get(row, 0);
	const char *expression = json_string_value(text);
	bool is_good = true;
	if (pattern_compile(expression, json_string_length(text), &p, &err) < 0) {
		const char *want = json_string_value(json_array_get(row, 1));
		is_good = json_array_size(row) == 2 && streq(want, err.text);
		if (!is_good)
			fprintf(stderr, "%s\ngot      %s\nexpected %s\n", expression, err.text,
				want);
		return is_good;
	}
	if (json_array_size(row) == 2) {
		fprintf(stderr, "%s\ngot none, expected %s\n", expression,
			json_string_value(json_array_get(row, 1)));
		is_good = false;
	}
	for (size_t i = 1; i + 1 < json_array_size(row); i += 2) {
		const json_t *in = json_array_get(row, i);
		bool got = pattern_match(p, json_string_value(in), json_string_length(in)) ==
			   PATTERN_YES;
		if (got == json_is_true(json_array_get(row, i + 1)))
			continue;
		fprintf(stderr, "%s on '%s': got %d\n", expression, json_string_value(in), got);
		is_good = false;
	}
	pattern_free(p);
	return is_good;
}

static void read_file(const char *path)
{
	FILE *file = fopen(path, "re");
	auto_free char *line = NULL;
	size_t size = 0, rows = 0;
	CHECK(file != NULL);
	while (getline(&line, &size, file) > 0) {
		AUTO_JSON *row = json_loads(line, JSON_ALLOW_NUL, NULL);
		CHECK(row != NULL);
		failures += !run_row(row);
		rows++;
	}
	CHECK_INT(fclose(file), 0);
	CHECK(rows > 0);
}

/* What makes backtracking take for ever takes its length here. */
static void test_linear(void)
{
	static const char *const evil[] = { "^(a+)+$", "^(a|a)*$", "^(a|aa)+$", "(x+x+)+y",
					    "^(([a-z])+.)+[A-Z]([a-z])+$" };
	enum { N = 20000 };
	char *text = xcalloc(N + 1, 1);
	memset(text, 'a', N);
	text[N - 1] = '!';
	for (size_t i = 0; i < ARRAY_LEN(evil); i++) {
		struct error err;
		struct pattern *p = NULL;
		CHECK_INT(pattern_compile(evil[i], strlen(evil[i]), &p, &err), 0);
		CHECK_INT(pattern_match(p, text, N), PATTERN_NO);
		pattern_free(p);
	}
	free(text);
}

/* Many states and a long text together are given up. */
static void test_costly(void)
{
	static const char wide[] = "(([a-z]{0,300}){3}x?){1}0";
	enum { N = 400000 };
	struct error err;
	struct pattern *p = NULL;
	char *text = xcalloc(N + 1, 1);
	memset(text, 'a', N);
	CHECK_INT(pattern_compile(wide, strlen(wide), &p, &err), 0);
	CHECK_INT(pattern_match(p, text, N), PATTERN_COSTLY);
	pattern_free(p);
	free(text);
}

int main(int argc, char **argv)
{
	read_file(argc > 1 ? argv[1] : "tests/golden/custom/patterns.jsonl");
	test_linear();
	test_costly();
	CHECK_INT((long long)failures, 0);
	return 0;
}
