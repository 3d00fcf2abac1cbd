#include "schemas/rule.h"

#include "schemas/cidr.h"
#include "schemas/print.h"
#include "schemas/quantity.h"

#include <stdarg.h>

static bool is_zero(const json_t *value)
{
	if (!value || json_is_null(value) || json_is_false(value))
		return true;
	if (json_is_string(value))
		return json_string_length(value) == 0;
	if (json_is_number(value))
		return json_number_value(value) == 0;
	return (json_is_array(value) && json_array_size(value) == 0) ||
	       (json_is_object(value) && json_object_size(value) == 0);
}

bool rule_same(const json_t *a, const json_t *b)
{
	if (is_zero(a) || is_zero(b)) {
		if (is_zero(a) && is_zero(b))
			return true;
		const json_t *other = is_zero(a) ? b : a;
		const char *key;
		json_t *value;
		if (!json_is_object(other))
			return false;
		json_object_foreach ((json_t *)(uintptr_t)other, key, value)
			if (!rule_same(value, NULL))
				return false;
		return true;
	}
	if (json_is_object(a) && json_is_object(b)) {
		const char *key;
		json_t *value;
		json_object_foreach ((json_t *)(uintptr_t)a, key, value)
			if (!rule_same(value, json_object_get(b, key)))
				return false;
		json_object_foreach ((json_t *)(uintptr_t)b, key, value)
			if (!json_object_get(a, key) && !rule_same(NULL, value))
				return false;
		return true;
	}
	if (json_is_array(a) && json_is_array(b)) {
		if (json_array_size(a) != json_array_size(b))
			return false;
		for (size_t i = 0; i < json_array_size(a); i++)
			if (!rule_same(json_array_get(a, i), json_array_get(b, i)))
				return false;
		return true;
	}
	return json_equal(a, b);
}

void rule_unchanged(struct field_errors *e, const struct path *at, const json_t *now,
		    const json_t *before)
{
	if (rule_same(now, before))
		return;
	AUTO_JSON *nothing = json_null();
	rule_broken(e, FIELD_INVALID, at, now ? now : nothing, "field is immutable");
}

void rule_unchanged_text(struct field_errors *e, const struct path *at, const json_t *now,
			 const json_t *before)
{
	AUTO_JSON *empty = json_string("");
	if (!rule_same(now, before))
		rule_unchanged(e, at, now ? now : empty, before);
}

void rule_unchanged_selector(struct field_errors *e, const struct path *at, const json_t *now,
			     const json_t *before)
{
	if (now && !rule_same(now, before))
		rule_broken_as(e, FIELD_INVALID, at, "apis.meta.v1.LabelSelector", now,
			       "field is immutable");
	else
		rule_unchanged(e, at, now, before);
}

void rule_name(struct field_errors *e, const struct path *at, const char *value, name_check *check)
{
	const char *problems[NAME_PROBLEMS_MAX];
	size_t count = check(value, problems);
	if (count == 0)
		return;
	AUTO_JSON *shown = json_string_nocheck(value);
	for (size_t i = 0; i < count; i++)
		rule_broken(e, FIELD_INVALID, at, shown, "%s", problems[i]);
}

void rule_required(struct field_errors *e, const struct path *at, const char *value)
{
	if (!value || !*value)
		rule_broken(e, FIELD_REQUIRED, at, NULL, NULL);
}

void rule_required_name(struct field_errors *e, const struct path *at, const char *value,
			name_check *check)
{
	if (value && *value)
		rule_name(e, at, value, check);
	else
		rule_required(e, at, value);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void rule_one_of(struct field_errors *e, const struct path *at, const json_t *value,
		 const char *const *allowed)
{
	const char *text = json_string_value(value);
	size_t count = 0;
	if (!text)
		return;
	for (; allowed[count]; count++)
		if (streq(allowed[count], text))
			return;
	auto_free const char **sorted = xcalloc(count + 1, sizeof *sorted);
	memcpy(sorted, allowed, count * sizeof *sorted);
	qsort(sorted, count, sizeof *sorted, by_text);
	rule_unsupported(e, at, text, sorted);
}

void rule_port(struct field_errors *e, const struct path *at, const json_t *port)
{
	int64_t number = json_integer_value(port);
	if (number < 1 || number > 65535)
		rule_broken(e, FIELD_INVALID, at, port, "must be between 1 and 65535, inclusive");
}

void rule_port_or_name(struct field_errors *e, const struct path *at, const json_t *port)
{
	if (json_is_string(port)) {
		rule_name(e, at, json_string_value(port), name_port);
	} else {
		AUTO_JSON *none = json_integer(0);
		rule_port(e, at, port ? port : none);
	}
}

void rule_labels(struct field_errors *e, const struct path *at, const json_t *labels)
{
	const char *key;
	json_t *value;
	json_object_foreach ((json_t *)(uintptr_t)labels, key, value) {
		rule_name(e, at, key, name_label_key);
		rule_name(e, at, json_string_value(value), name_label_value);
	}
}

static void check_requirement(struct field_errors *e, const struct path *at, const json_t *r)
{
	const char *op = json_str_or(r, "operator", "");
	const json_t *values = json_object_get(r, "values");
	if (streq(op, "In") || streq(op, "NotIn")) {
		if (json_array_size(values) == 0)
			rule_broken(e, FIELD_REQUIRED, PATH(at, "values"), NULL,
				    "must be specified when `operator` is 'In' or 'NotIn'");
	} else if (streq(op, "Exists") || streq(op, "DoesNotExist")) {
		if (json_array_size(values))
			rule_broken(e, FIELD_FORBIDDEN, PATH(at, "values"), NULL,
				    "may not be specified when `operator` is 'Exists' or "
				    "'DoesNotExist'");
	} else {
		AUTO_JSON *shown = json_string(op);
		rule_broken(e, FIELD_INVALID, PATH(at, "operator"), shown,
			    "not a valid selector operator");
	}
	rule_name(e, PATH(at, "key"), json_str_or(r, "key", ""), name_label_key);
	for (size_t i = 0; i < json_array_size(values); i++)
		rule_name(e, PATH_AT(PATH(at, "values"), i),
			  json_string_value(json_array_get(values, i)), name_label_value);
}

void rule_label_selector(struct field_errors *e, const struct path *at, const json_t *selector)
{
	rule_labels(e, PATH(at, "matchLabels"), json_object_get(selector, "matchLabels"));
	const json_t *list = json_object_get(selector, "matchExpressions");
	for (size_t i = 0; i < json_array_size(list); i++)
		check_requirement(e, PATH_AT(PATH(at, "matchExpressions"), i),
				  json_array_get(list, i));
}

void rule_ip(struct field_errors *e, const struct path *at, const json_t *ip)
{
	const char *text = json_string_value(ip);
	rule_address(e, at, text ? text : "", false);
}

void rule_bad_text(struct field_errors *e, enum field_error_type type, const struct path *at,
		   const char *value, const char *detail, ...)
{
	AUTO_JSON *shown = json_string_nocheck(value ? value : "");
	AUTO_STR text;
	str_init(&text, 8192);
	if (detail) {
		va_list args;
		va_start(args, detail);
		str_vaddf(&text, detail, args);
		va_end(args);
	}
	rule_broken(e, type, at, shown, "%s", text.len ? text.data : "");
}

void rule_bad_count(struct field_errors *e, const struct path *at, size_t count, size_t max)
{
	AUTO_JSON *shown = json_integer((json_int_t)count);
	rule_broken(e, FIELD_TOO_MANY, at, shown, "must have at most %zu item%s", max,
		    max == 1 ? "" : "s");
}

bool rule_is_too_many(const json_t *list, size_t max, const struct path *at, struct field_errors *e)
{
	if (json_array_size(list) <= max)
		return false;
	rule_bad_count(e, at, json_array_size(list), max);
	return true;
}

bool rule_is_one_of(const char *value, const char *const *allowed)
{
	for (; value && *allowed; allowed++)
		if (streq(value, *allowed))
			return true;
	return false;
}

void rule_unsupported(struct field_errors *e, const struct path *at, const char *value,
		      const char *const *allowed)
{
	AUTO_STR list;
	str_init(&list, 4096);
	for (size_t i = 0; allowed[i]; i++)
		str_addf(&list, "%s\"%s\"", i ? ", " : "", allowed[i]);
	rule_bad_text(e, FIELD_NOT_SUPPORTED, at, value, "supported values: %s", list.data);
}

void rule_enum(struct field_errors *e, const struct path *at, const json_t *o, const char *name,
	       const char *const *allowed)
{
	const char *value = json_str_or(o, name, "");
	if (!rule_is_one_of(value, allowed))
		rule_unsupported(e, PATH(at, name), value, allowed);
}

void rule_at_least(struct field_errors *e, const struct path *at, const json_t *o, const char *name,
		   int64_t min)
{
	const json_t *value = json_object_get(o, name);
	if (value && json_integer_value(value) < min)
		rule_broken(e, FIELD_INVALID, PATH(at, name), value,
			    "must be greater than or equal to %lld", (long long)min);
}

void rule_between(struct field_errors *e, const struct path *at, const json_t *o, const char *name,
		  int64_t min, int64_t max)
{
	const json_t *value = json_object_get(o, name);
	int64_t n = json_integer_value(value);
	if (value && (n < min || n > max))
		rule_broken(e, FIELD_INVALID, PATH(at, name), value,
			    "must be between %lld and %lld, inclusive", (long long)min,
			    (long long)max);
}

int64_t rule_amount(struct field_errors *e, const struct path *at, const json_t *value)
{
	if (json_is_string(value)) {
		const char *text = json_string_value(value);
		rule_name(e, at, text, name_percent);
		return name_is(name_percent, text) ? strtol(text, NULL, 10) : -1;
	}
	if (json_integer_value(value) < 0)
		rule_broken(e, FIELD_INVALID, at, value, "must be greater than or equal to 0");
	return json_integer_value(value);
}

void rule_not_over_100_percent(struct field_errors *e, const struct path *at, const json_t *value)
{
	const char *text = json_string_value(value);
	if (text && name_is(name_percent, text) && strtol(text, NULL, 10) > 100)
		rule_broken(e, FIELD_INVALID, at, value, "must not be greater than 100%%");
}

void rule_quantity_at_least_0(struct field_errors *e, const struct path *at, const json_t *value)
{
	if (value && quantity_milli(json_string_value(value)) < 0)
		rule_broken(e, FIELD_INVALID, at, value, "must be greater than or equal to 0");
}

void rule_domain_path(struct field_errors *e, const struct path *at, const char *name)
{
	const char *slash = strchr(name, '/');
	if (!*name) {
		rule_required(e, at, NULL);
		return;
	}
	if (!slash || slash == name || !slash[1]) {
		rule_bad_text(e, FIELD_INVALID, at, name,
			      "must be a domain-prefixed path (such as \"acme.io/foo\")");
		return;
	}
	auto_free char *domain = xasprintf("%.*s", (int)(slash - name), name);
	rule_name(e, at, domain, name_dns_subdomain);
	for (const char *p = slash + 1; *p; p++) {
		if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
		    (*p >= '0' && *p <= '9') || strchr("/-._~%!$&'()*+,;=:", *p))
			continue;
		rule_bad_text(e, FIELD_INVALID, at, slash + 1,
			      "Invalid path (regex used for validation is "
			      "'[A-Za-z0-9/\\-._~%%!$&'()*+,;=:]+')");
		return;
	}
}
