/*
 * Canonical bytes of custom objects: apiVersion, kind and metadata as in every other object, for
 * the index of what is stored reads them there; then the rest by name, as it was given: nulls and
 * empty values stay. Numbers look as Go's encoder writes them.
 */
#include "schemas/custom_internal.h"
#include "schemas/print.h"

#include <math.h>
#include <stdio.h>

#define DIGITS_MAX 17

/* The fewest digits that read back as the number, as 'd.ddde±x'. */
void custom_shortest(double value, char *out, size_t size)
{
	for (int precision = 0; precision < DIGITS_MAX; precision++) {
		int n = snprintf(out, size, "%.*e", precision, value);
		assert(n > 0 && (size_t)n < size);
		if (strtod(out, NULL) == value)
			return;
	}
}

/* The digits with the point where it belongs. */
static void print_plain(const char *digits, long point, struct str *out)
{
	long n = (long)strlen(digits);
	if (point <= 0)
		str_add(out, "0.");
	for (long i = point; i < 0; i++)
		str_add_char(out, '0');
	for (long i = 0; i < n; i++) {
		if (i == point && i > 0)
			str_add_char(out, '.');
		str_add_char(out, digits[i]);
	}
	for (long i = n; i < point; i++)
		str_add_char(out, '0');
}

static void print_digits(const char *text, const char *e, struct str *out)
{
	char digits[40];
	size_t n = 0;
	for (const char *p = text; p < e; p++)
		if (*p >= '0' && *p <= '9')
			digits[n++] = *p;
	digits[n] = '\0';
	if (*text == '-')
		str_add_char(out, '-');
	print_plain(digits, strtol(e + 1, NULL, 10) + 1, out);
}

/* Plain where 1e-4 <= |v| < 1e6. */
void custom_show_real(double value, struct str *out)
{
	char text[40];
	custom_shortest(value, text, sizeof text);
	const char *e = strchr(text, 'e');
	assert(e);
	long exponent = strtol(e + 1, NULL, 10);
	if (exponent < -4 || exponent >= 6)
		str_add(out, text);
	else
		print_digits(text, e, out);
}

/* Plain where 1e-6 <= |v| < 1e21; otherwise as C writes it, but "1e-07" is "1e-7". */
void custom_print_real(double value, struct str *out)
{
	char text[40];
	double size = fabs(value);
	custom_shortest(value, text, sizeof text);
	const char *e = strchr(text, 'e');
	assert(e);
	if (size != 0 && (size < 1e-6 || size >= 1e21)) {
		str_add_bytes(out, text, (size_t)(e - text) + 2);
		str_add(out, e[2] == '0' ? e + 3 : e + 2);
		return;
	}
	print_digits(text, e, out);
}

static void print_value(const json_t *value, struct str *out);

static void print_member(const json_t *tree, const char *name, struct str *out)
{
	str_add_json(out, name, strlen(name));
	str_add_char(out, ':');
	print_value(json_object_get(tree, name), out);
}

static void print_members(const json_t *tree, struct str *out)
{
	size_t count;
	auto_free const char **keys = sorted_keys(tree, &count);
	str_add_char(out, '{');
	for (size_t i = 0; i < count; i++) {
		if (i)
			str_add_char(out, ',');
		print_member(tree, keys[i], out);
	}
	str_add_char(out, '}');
}

static void print_value(const json_t *value, struct str *out)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		print_members(value, out);
		return;
	case JSON_ARRAY:
		str_add_char(out, '[');
		for (size_t i = 0; i < json_array_size(value); i++) {
			if (i)
				str_add_char(out, ',');
			print_value(json_array_get(value, i), out);
		}
		str_add_char(out, ']');
		return;
	case JSON_STRING:
		str_add_json(out, json_string_value(value), json_string_length(value));
		return;
	case JSON_REAL:
		custom_print_real(json_real_value(value), out);
		return;
	case JSON_INTEGER:
		str_addf(out, "%lld", (long long)json_integer_value(value));
		return;
	case JSON_TRUE:
	case JSON_FALSE:
	case JSON_NULL:
		break;
	}
	str_add(out, json_is_true(value) ? "true" : json_is_false(value) ? "false" : "null");
}

void custom_print_value(const json_t *value, struct str *out)
{
	print_value(value, out);
}

void custom_print(const struct custom *c, const json_t *tree, struct str *out)
{
	static const char *const head[] = { "apiVersion", "kind" };
	const char *before = "{";
	for (size_t i = 0; i < ARRAY_LEN(head); i++) {
		if (!json_object_get(tree, head[i]))
			continue;
		str_add(out, before);
		print_member(tree, head[i], out);
		before = ",";
	}
	const json_t *meta = json_object_get(tree, "metadata");
	if (json_is_object(meta)) {
		str_addf(out, "%s\"metadata\":", before);
		schema_print(c->meta, meta, out);
		before = ",";
	}
	size_t count;
	auto_free const char **keys = sorted_keys(tree, &count);
	for (size_t i = 0; i < count; i++) {
		if (custom_is_head(keys[i]))
			continue;
		str_add(out, before);
		print_member(tree, keys[i], out);
		before = ",";
	}
	str_add(out, *before == '{' ? "{}" : "}");
}
