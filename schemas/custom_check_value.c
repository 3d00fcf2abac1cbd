/* Scalars against their schema: form, format, length, pattern, bounds, enum. */
#include "schemas/custom_check.h"
#include "schemas/format.h"
#include "schemas/pattern_internal.h"

#include <float.h>
#include <math.h>
#include <stdio.h>

#define TEXT_SIZE_MAX 8192

/* ---- form ---- */

const char *custom_form_name(enum custom_form form)
{
	static const char *const names[CUSTOM_FORM_COUNT] = {
		[CUSTOM_UNTYPED] = "",        [CUSTOM_OBJECT] = "object",
		[CUSTOM_ARRAY] = "array",     [CUSTOM_STRING] = "string",
		[CUSTOM_INTEGER] = "integer", [CUSTOM_NUMBER] = "number",
		[CUSTOM_BOOLEAN] = "boolean",
	};
	return names[form];
}

static bool takes(const struct custom_schema *s, enum custom_form form)
{
	if (s->is_int_or_string)
		return form == CUSTOM_INTEGER || form == CUSTOM_STRING;
	return form == s->form && form != CUSTOM_UNTYPED;
}

static enum custom_form form_of(const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return CUSTOM_OBJECT;
	case JSON_ARRAY:
		return CUSTOM_ARRAY;
	case JSON_STRING:
		return CUSTOM_STRING;
	case JSON_INTEGER:
		return CUSTOM_INTEGER;
	case JSON_REAL:
		return CUSTOM_NUMBER;
	case JSON_TRUE:
	case JSON_FALSE:
		return CUSTOM_BOOLEAN;
	case JSON_NULL:
		break;
	}
	return CUSTOM_UNTYPED;
}

static const char *own_format(enum custom_form form)
{
	return form == CUSTOM_INTEGER ? "int64" : form == CUSTOM_NUMBER ? "float64" : "";
}

/* As go-openapi decides it: within 2^53, or nearly whole. */
static bool is_whole(double f)
{
	const double limit = 9007199254740991.0;
	return f >= -limit && f <= limit && f == trunc(f);
}

static void wrong_form(const struct custom_checking *c, const struct custom_place *at,
		       const char *wanted, const char *got, struct custom_outcome *o)
{
	AUTO_JSON *shown = json_string(got);
	custom_problem(c, o, FIELD_TYPE_INVALID, at, shown, "must be of type %s: \"%s\"", wanted,
		       got);
}

void custom_check_form(const struct custom_checking *c, const struct custom_schema *s,
		       const json_t *value, const struct custom_place *at, struct custom_outcome *o)
{
	enum custom_form form = form_of(value);
	const char *wanted = s->is_int_or_string ? "integer,string" : custom_form_name(s->form);
	const char *format = s->checks.format;
	if (json_is_null(value)) {
		if (*wanted && !s->is_nullable)
			wrong_form(c, at, wanted, "null", o);
		else
			o->matches++;
		return;
	}
	bool is_good = takes(s, form) || (form == CUSTOM_INTEGER && takes(s, CUSTOM_NUMBER)) ||
		       (form == CUSTOM_NUMBER && takes(s, CUSTOM_INTEGER) &&
			is_whole(json_real_value(value)));
	bool is_text = form == CUSTOM_STRING || form == CUSTOM_ARRAY;
	bool is_of_format = format && streq(format, own_format(form));
	if (!is_text && format && !is_good && !is_of_format)
		wrong_form(c, at, format, own_format(form), o);
	else if (is_good ||
		 (is_text && format && !takes(s, CUSTOM_NUMBER) && !takes(s, CUSTOM_INTEGER)))
		o->matches++;
	else
		wrong_form(c, at, wanted, custom_form_name(form), o);
}

/* ---- texts ---- */

static int64_t count_characters(const json_t *text)
{
	const char *p = json_string_value(text);
	int64_t n = 0;
	for (size_t i = 0; i < json_string_length(text); i++)
		n += (p[i] & 0xc0) != 0x80;
	return n;
}

static void check_pattern(const struct custom_checking *c, const struct custom_schema *s,
			  const json_t *value, const struct custom_place *at,
			  struct custom_outcome *o)
{
	const struct custom_checks *k = &s->checks;
	if (!k->pattern) {
		struct error why;
		struct pattern *never = NULL;
		if (pattern_compile(k->pattern_text, strlen(k->pattern_text), &never, &why) < 0)
			custom_problem(c, o, FIELD_INVALID, at, value,
				       "should match '%s, but pattern is invalid: %s'",
				       k->pattern_text, why.text);
		pattern_free(never);
		return;
	}
	switch (pattern_match(k->pattern, json_string_value(value), json_string_length(value))) {
	case PATTERN_YES:
		break;
	case PATTERN_NO:
		custom_problem(c, o, FIELD_INVALID, at, value, "should match '%s'",
			       k->pattern_text);
		break;
	case PATTERN_COSTLY:
		custom_problem(c, o, FIELD_INVALID, at, value,
			       "should match '%s', which takes too long to find out",
			       k->pattern_text);
		break;
	}
}

void custom_check_text(const struct custom_checking *c, const struct custom_schema *s,
		       const json_t *value, const struct custom_place *at, struct custom_outcome *o)
{
	const struct custom_checks *k = &s->checks;
	int64_t least = k->min[CUSTOM_LENGTH], most = k->max[CUSTOM_LENGTH];
	int64_t n = least >= 0 || most >= 0 ? count_characters(value) : 0;
	if (most >= 0 && n > most)
		custom_problem(c, o, FIELD_TOO_LONG, at, value, "may not be more than %lld byte%s",
			       (long long)most, most == 1 ? "" : "s");
	else if (least >= 0 && n < least)
		custom_problem(c, o, FIELD_INVALID, at, value, "should be at least %lld chars long",
			       (long long)least);
	else if (k->pattern_text)
		check_pattern(c, s, value, at, o);
	o->matches++;
	if (!k->format || !format_is_text(k->format))
		return;
	o->matches++;
	if (format_matches(k->format, json_string_value(value), json_string_length(value)))
		return;
	AUTO_STR shown;
	str_init(&shown, TEXT_SIZE_MAX);
	str_add_json(&shown, json_string_value(value), json_string_length(value));
	custom_problem(c, o, FIELD_TYPE_INVALID, at, value, "must be of type %s: %s", k->format,
		       shown.data);
}

/* ---- numbers ---- */

static void print_bound(const json_t *bound, bool is_whole_number, struct str *out)
{
	double value = json_number_value(bound);
	if (is_whole_number)
		str_addf(out, "%lld", (long long)value);
	else
		custom_show_real(value, out);
}

static bool is_integral(const struct custom_schema *s)
{
	return s->form == CUSTOM_INTEGER && !s->is_int_or_string;
}

/* Can be held by what the schema says the number is. */
static bool fits(const struct custom_schema *s, double value)
{
	const char *format = s->checks.format ? s->checks.format : "";
	if (is_integral(s)) {
		bool is_small = streq(format, "int32");
		return value == trunc(value) && (is_small ? value >= INT32_MIN && value <= INT32_MAX
							  : value >= -9223372036854775808.0 &&
								    value < 9223372036854775808.0);
	}
	return s->form != CUSTOM_NUMBER || !streq(format, "float") || fabs(value) <= FLT_MAX;
}

static void say_unfit(const struct custom_checking *c, const struct custom_schema *s,
		      const char *what, const struct custom_place *at, struct custom_outcome *o)
{
	AUTO_STR place, kind;
	const char *format = s->checks.format;
	str_init(&place, TEXT_SIZE_MAX);
	str_init(&kind, TEXT_SIZE_MAX);
	custom_place_text(at, &place);
	if (format)
		str_addf(&kind, "with format %s", format);
	else
		str_add(&kind, "(default format)");
	custom_problem_apart(c, o, "%s value must be of type %s %s in %s", what,
			     custom_form_name(s->form), kind.data, place.data);
}

/* Bounds of whole numbers are cut to whole numbers, where they fit. */
static int64_t cut(double bound)
{
	if (bound >= 9223372036854775808.0 || bound < -9223372036854775808.0)
		return INT64_MIN;
	return (int64_t)bound;
}

/* Where a bound does not fit, numbers are compared as fractions, and shown so. */
static json_t *as_compared(const json_t *value, bool is_native)
{
	return is_native ? json_incref((json_t *)(uintptr_t)value)
			 : json_real(json_number_value(value));
}

static void check_multiple(const struct custom_checking *c, const struct custom_schema *s,
			   const json_t *value, const struct custom_place *at,
			   struct custom_outcome *o)
{
	const json_t *factor = s->checks.multiple;
	double by = json_number_value(factor);
	AUTO_STR shown;
	str_init(&shown, TEXT_SIZE_MAX);
	if (!factor)
		return;
	bool is_native = fits(s, by);
	if (!is_native)
		say_unfit(c, s, "MultipleOf", at, o);
	bool is_cut = json_is_integer(value) && is_native;
	if ((is_cut ? (double)cut(by) : by) <= 0) {
		AUTO_STR place;
		AUTO_JSON *bad = is_cut ? json_integer(cut(by)) : json_real(by);
		str_init(&place, TEXT_SIZE_MAX);
		custom_place_text(at, &place);
		print_bound(bad, is_cut, &shown);
		custom_problem_bare(c, o, at, bad,
				    "factor MultipleOf declared for %s must be positive: %s",
				    place.data, shown.data);
		return;
	}
	double number = json_number_value(value);
	bool is_good = is_cut ? json_integer_value(value) % cut(by) == 0
			      : is_whole(by < 1 ? 1 / by * number : number / by);
	AUTO_JSON *given = as_compared(value, is_native);
	print_bound(factor, is_cut, &shown);
	if (!is_good)
		custom_problem(c, o, FIELD_INVALID, at, given, "should be a multiple of %s",
			       shown.data);
}

static void check_bound(const struct custom_checking *c, const struct custom_schema *s,
			const json_t *value, bool is_most, const struct custom_place *at,
			struct custom_outcome *o)
{
	const json_t *bound = is_most ? s->checks.most : s->checks.least;
	bool is_out = is_most ? s->checks.excludes_most : s->checks.excludes_least;
	if (!bound)
		return;
	double limit = json_number_value(bound);
	bool is_native = fits(s, limit), is_good;
	if (!is_native)
		say_unfit(c, s, is_most ? "Maximum boundary" : "Minimum boundary", at, o);
	bool is_cut = json_is_integer(value) && is_native;
	if (is_cut) {
		int64_t n = json_integer_value(value), m = cut(limit);
		is_good = is_most ? n < m : n > m;
		is_good |= !is_out && n == m;
	} else {
		double n = json_number_value(value);
		is_good = is_most ? n < limit : n > limit;
		is_good |= !is_out && n == limit;
	}
	if (is_good)
		return;
	AUTO_STR shown;
	str_init(&shown, TEXT_SIZE_MAX);
	AUTO_JSON *given = as_compared(value, is_native);
	print_bound(bound, is_cut, &shown);
	custom_problem(c, o, FIELD_INVALID, at, given, "should be %s than%s %s",
		       is_most ? "less" : "greater", is_out ? "" : " or equal to", shown.data);
}

void custom_check_number(const struct custom_checking *c, const struct custom_schema *s,
			 const json_t *value, const struct custom_place *at,
			 struct custom_outcome *o)
{
	if (!fits(s, json_number_value(value)))
		say_unfit(c, s, "Checked", at, o);
	check_multiple(c, s, value, at, o);
	check_bound(c, s, value, false, at, o);
	check_bound(c, s, value, true, at, o);
}

/* ---- enums ---- */

/* Go converts between kinds before it compares; a number is also the character that it numbers. */
static bool is_enum_value(const json_t *value, const json_t *allowed)
{
	if (json_is_null(allowed) || json_is_null(value))
		return false;
	if (json_is_number(value) && json_is_integer(allowed))
		return json_is_integer(value)
			       ? json_equal(value, allowed)
			       : cut(json_real_value(value)) == json_integer_value(allowed);
	if (json_is_number(value) && json_is_real(allowed))
		return json_number_value(value) == json_real_value(allowed);
	if (json_is_integer(value) && json_is_string(allowed)) {
		uint32_t rune = 0;
		size_t n = json_string_length(allowed);
		return n && rune_read(json_string_value(allowed), n, &rune) == n &&
		       rune == json_integer_value(value);
	}
	return json_equal(value, allowed);
}

void custom_check_enum(const struct custom_checking *c, const struct custom_schema *s,
		       const json_t *value, const struct custom_place *at, struct custom_outcome *o)
{
	const json_t *all = s->checks.enums;
	AUTO_STR list;
	str_init(&list, TEXT_SIZE_MAX);
	if (!json_array_size(all))
		return;
	for (size_t i = 0; i < json_array_size(all); i++) {
		const json_t *one = json_array_get(all, i);
		if (is_enum_value(value, one))
			return;
		AUTO_STR text;
		str_init(&text, TEXT_SIZE_MAX);
		if (json_is_string(one))
			str_add(&text, json_string_value(one));
		else
			custom_print_value(one, &text);
		str_add(&list, i ? ", " : "");
		str_add_json(&list, text.data, text.len);
	}
	custom_problem(c, o, FIELD_NOT_SUPPORTED, at, value, "supported values: %s", list.data);
}
