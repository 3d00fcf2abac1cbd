/* Taints of devices, what tolerates them, and the texts that devices say of themselves. */
#include "schemas/rule.h"

#define VERSION_SIZE_MAX 64

static const char *const effects[] = { "NoExecute", "NoSchedule", "None", NULL };

static void check_effect(const char *effect, const struct path *at, struct field_errors *e)
{
	if (*effect && !rule_is_one_of(effect, effects))
		rule_unsupported(e, PATH(at, "effect"), effect, effects);
}

void validate_device_taints(const json_t *list, const struct path *at, struct field_errors *e)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *taint = json_array_get(list, i);
		const struct path *here = PATH_AT(at, i);
		const char *effect = json_str_or(taint, "effect", "");
		rule_name(e, PATH(here, "key"), json_str_or(taint, "key", ""), name_label_key);
		rule_name(e, PATH(here, "value"), json_str_or(taint, "value", ""),
			  name_label_value);
		rule_required(e, PATH(here, "effect"), effect);
		check_effect(effect, here, e);
	}
}

void validate_device_tolerations(const json_t *list, const struct path *at, struct field_errors *e)
{
	static const char *const operators[] = { "Equal", "Exists", NULL };
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);
		const struct path *here = PATH_AT(at, i);
		const char *key = json_str_or(one, "key", ""),
			   *value = json_str_or(one, "value", "");
		const char *operator= json_str_or(one, "operator", "");
		if (*key)
			rule_name(e, PATH(here, "key"), key, name_label_key);
		if (!*operator)
			rule_required(e, PATH(here, "operator"), NULL);
		else if (!rule_is_one_of(operator, operators))
			rule_unsupported(e, PATH(here, "operator"), operator, operators);
		else if (streq(operator, "Equal"))
			rule_name(e, PATH(here, "value"), value, name_label_value);
		else if (*value)
			rule_bad_text(e, FIELD_INVALID, PATH(here, "value"), value,
				      "must be empty for operator `Exists`");
		check_effect(json_str_or(one, "effect", ""), here, e);
	}
}

/* A number without zeros in front; the text behind it, or NULL. */
static const char *read_number(const char *p)
{
	size_t n = strspn(p, "0123456789");
	return n == 0 || (n > 1 && *p == '0') ? NULL : p + n;
}

/* Identifiers with dots between them; where not `is_free`, numbers among them have no zeros in front. */
static const char *read_identifiers(const char *p, bool is_free)
{
	for (;; p++) {
		size_t n = strspn(p, "0123456789abcdefghijklmnopqrstuvwxyz"
				     "ABCDEFGHIJKLMNOPQRSTUVWXYZ-");
		size_t digits = strspn(p, "0123456789");
		if (n == 0 || (!is_free && digits == n && n > 1 && *p == '0'))
			return NULL;
		p += n;
		if (*p != '.')
			return p;
	}
}

/* semver.org, 2.0.0. */
static bool is_version(const char *p)
{
	for (int i = 0; i < 3; i++) {
		if (i > 0 && *p++ != '.')
			return false;
		if (!(p = read_number(p)))
			return false;
	}
	if (*p == '-' && !(p = read_identifiers(p + 1, false)))
		return false;
	if (*p == '+' && !(p = read_identifiers(p + 1, true)))
		return false;
	return !*p;
}

void validate_device_version(const char *text, const struct path *at, struct field_errors *e)
{
	if (!is_version(text))
		rule_bad_text(e, FIELD_INVALID, at, text,
			      "must be a string compatible with semver.org spec 2.0.0");
	if (strlen(text) > VERSION_SIZE_MAX)
		rule_broken(e, FIELD_TOO_LONG, at, NULL, "may not be more than %d bytes",
			    VERSION_SIZE_MAX);
}
