#include "schemas/cells.h"

#include "common/base/time_text.h"
#include "schemas/print.h"

#include <ctype.h>

#define CELL_SIZE_MAX 65536

void cell_text(json_t *row, const char *text)
{
	json_array_append_new(row, json_string_nocheck(text));
}

void cell_text_or(json_t *row, const char *text, const char *otherwise)
{
	cell_text(row, text && *text ? text : otherwise);
}

void cell_int(json_t *row, int64_t value)
{
	json_array_append_new(row, json_integer(value));
}

void cell_bool(json_t *row, bool value)
{
	json_array_append_new(row, json_boolean(value));
}

void cell_take(json_t *row, struct str *text)
{
	json_array_append_new(row, json_stringn_nocheck(text->data, text->len));
	str_fini(text);
}

void since_text(const char *time, int64_t now_us, struct str *out)
{
	int64_t then_us;
	char age[TIME_TEXT_SIZE];
	if (!time || !time_parse(time, &then_us)) {
		str_add(out, "<unknown>");
		return;
	}
	int64_t span_us = now_us - then_us;
	time_format_age(span_us >= 0 ? span_us / 1000000 : -((-span_us) / 1000000), age);
	str_add(out, age);
}

void cell_since(json_t *row, const char *time, int64_t now_us)
{
	struct str text;
	str_init(&text, CELL_SIZE_MAX);
	since_text(time, now_us, &text);
	cell_take(row, &text);
}

void cell_age(json_t *row, const json_t *tree, int64_t now_us)
{
	cell_since(row, json_str(tree, "metadata.creationTimestamp"), now_us);
}

void cell_age_only(const json_t *tree, int64_t now_us, json_t *row)
{
	cell_age(row, tree, now_us);
}

void cell_span(json_t *row, int64_t seconds)
{
	char text[TIME_TEXT_SIZE];
	time_format_age(seconds, text);
	cell_text(row, text);
}

void cell_add_lower(struct str *out, const char *text)
{
	for (; *text; text++)
		str_add_char(out, (char)tolower((unsigned char)*text));
}

static void cell_joined(json_t *row, const json_t *list, const char *member)
{
	struct str text;
	str_init(&text, CELL_SIZE_MAX);
	for (size_t i = 0; i < json_array_size(list); i++)
		str_addf(&text, "%s%s", i ? "," : "",
			 json_str_or(json_array_get(list, i), member, ""));
	cell_take(row, &text);
}

void cell_containers(json_t *row, const json_t *containers)
{
	cell_joined(row, containers, "name");
	cell_joined(row, containers, "image");
}

void cell_labels(json_t *row, const json_t *labels)
{
	size_t count;
	auto_free const char **keys = sorted_keys(labels, &count);
	struct str text;
	str_init(&text, CELL_SIZE_MAX);
	for (size_t i = 0; i < count; i++)
		str_addf(&text, "%s%s=%s", i ? "," : "", keys[i],
			 json_string_value(json_object_get(labels, keys[i])));
	if (count == 0)
		str_add(&text, "<none>");
	cell_take(row, &text);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* "key in (a,b)", "!key" … */
static char *requirement_text(const json_t *r)
{
	const char *op = json_str_or(r, "operator", ""), *key = json_str_or(r, "key", "");
	if (streq(op, "Exists"))
		return xstrdup(key);
	if (streq(op, "DoesNotExist"))
		return xasprintf("!%s", key);
	const json_t *values = json_object_get(r, "values");
	size_t count = json_array_size(values);
	auto_free const char **sorted = xcalloc(count + 1, sizeof *sorted);
	for (size_t i = 0; i < count; i++)
		sorted[i] = json_string_value(json_array_get(values, i));
	qsort(sorted, count, sizeof *sorted, by_text);
	AUTO_STR text;
	str_init(&text, CELL_SIZE_MAX);
	str_addf(&text, "%s %s (", key, streq(op, "In") ? "in" : "notin");
	for (size_t i = 0; i < count; i++)
		str_addf(&text, "%s%s", i ? "," : "", sorted[i]);
	str_add_char(&text, ')');
	return str_take(&text);
}

struct term {
	const char *key;
	char *text;
};

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct term *)a)->key, ((const struct term *)b)->key);
}

void cell_selector(json_t *row, const json_t *label_selector, const char *otherwise)
{
	const json_t *labels = json_object_get(label_selector, "matchLabels");
	const json_t *list = json_object_get(label_selector, "matchExpressions");
	size_t n = 0, count = json_object_size(labels) + json_array_size(list);
	auto_free struct term *terms = xcalloc(count + 1, sizeof *terms);
	const char *key;
	json_t *value;
	json_object_foreach((json_t *)(uintptr_t)labels, key, value) terms[n++] =
		(struct term){ key, xasprintf("%s=%s", key, json_string_value(value)) };
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *r = json_array_get(list, i);
		terms[n++] = (struct term){ json_str_or(r, "key", ""), requirement_text(r) };
	}
	qsort(terms, n, sizeof *terms, by_key);
	struct str text;
	str_init(&text, CELL_SIZE_MAX);
	for (size_t i = 0; i < n; i++) {
		str_addf(&text, "%s%s", i ? "," : "", terms[i].text);
		free(terms[i].text);
	}
	if (n == 0)
		str_add(&text, otherwise);
	cell_take(row, &text);
}
