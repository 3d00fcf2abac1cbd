/* The scanner finds what a parser finds: random objects with brackets, quotes and escapes in their texts. */
#include "common/base/scan.h"
#include "common/base/jsonx.h"
#include "common/base/rng.h"
#include "common/base/scan_tree.h"
#include "tests/support/check.h"

#include <stdio.h>

#define ROUNDS    3000
#define DEPTH_MAX 6

static json_t *random_text(struct rng *r)
{
	/* Some are of backslashes, quotes and brackets alone: runs of them that cross blocks. */
	static const char all[] = "ab\"\\{}[],:\n\t /xyz", few[] = "\\\\\\\"}";
	bool is_hard = rng_below(r, 8) == 0;
	const char *letters = is_hard ? few : all;
	size_t count = strlen(letters);
	char text[200];
	size_t n = rng_below(r, rng_below(r, 4) ? 12 : sizeof text);
	for (size_t i = 0; i < n; i++)
		text[i] = letters[rng_below(r, count)];
	return json_stringn(text, n);
}

static json_t *random_value(struct rng *r, unsigned depth)
{
	uint64_t what = rng_below(r, depth < DEPTH_MAX ? 7 : 4);
	size_t n = rng_below(r, 6);
	if (what < 2)
		return random_text(r);
	if (what == 2)
		return json_integer((json_int_t)rng_below(r, 100000) - 50000);
	if (what == 3)
		return rng_below(r, 2) ? json_true() : json_null();
	json_t *made = what == 4 ? json_array() : json_object();
	for (size_t i = 0; i < n; i++) {
		json_t *value = random_value(r, depth + 1);
		char name[16];
		CHECK(snprintf(name, sizeof name, "n%zu\"", i) > 0);
		if (what == 4)
			json_array_append_new(made, value);
		else
			json_object_set_new(made, name, value);
	}
	return made;
}

static void check_span(struct span span, const json_t *want)
{
	AUTO_JSON *got = json_loadb(span.at, span.len, JSON_DECODE_ANY, NULL);
	CHECK(got && json_equal(got, want));
	AUTO_JSON *tree = scan_tree(span);
	CHECK(tree && json_equal(tree, want));
	CHECK(scan_past(span.at, span.at + span.len) == span.at + span.len);
	struct scan s = scan_open(span);
	size_t i = 0;
	for (struct span name, value; scan_next(&s, &name, &value); i++) {
		char key[16];
		CHECK(snprintf(key, sizeof key, "n%zu\"", i) > 0);
		const json_t *inner =
			json_is_array(want) ? json_array_get(want, i) : json_object_get(want, key);
		CHECK(inner);
		check_span(value, inner);
	}
	CHECK_INT(i, json_is_array(want) ? json_array_size(want) : json_object_size(want));
	auto_free char *text = json_is_string(want) ? scan_text(span) : NULL;
	if (text)
		CHECK_TEXT(text, text, json_string_value(want));
}

int main(void)
{
	struct rng r = { 7 };
	for (int i = 0; i < ROUNDS; i++) {
		AUTO_JSON *tree = random_value(&r, 0);
		auto_free char *text = json_dumps(tree, JSON_COMPACT | JSON_ENCODE_ANY);
		check_span((struct span){ text, strlen(text) }, tree);
	}
	/* What is cut off ends, whatever it is. */
	static const char cut[] = "{\"a\":[{\"b\":\"c\\";
	for (size_t n = 0; n < sizeof cut; n++) {
		CHECK(scan_past(cut, cut + n) <= cut + n);
		CHECK(!scan_tree((struct span){ cut, n }));
	}
	static const char *const strange[] = { "1.5",     "12345678901234567890",
					       "{\"a\"}", "[1 ]",
					       "[1,]x",   "nul",
					       "\"",      "{\"a\":}",
					       "-",       "" };
	for (size_t i = 0; i < ARRAY_LEN(strange); i++)
		CHECK(!scan_tree((struct span){ strange[i], strlen(strange[i]) }));
	return 0;
}
