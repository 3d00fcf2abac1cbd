/* Resources inside of an object: what they say that they are, and their metadata. */
#include "schemas/custom_check.h"

/* All problems of a kind as one. */
static void check_kind(const char *kind, const struct path *at, struct field_errors *e)
{
	const char *problems[NAME_PROBLEMS_MAX];
	auto_free char *lower = xstrdup(kind);
	AUTO_STR all;
	str_init(&all, 4096);
	for (char *p = lower; *p; p++)
		*p = (char)(*p >= 'A' && *p <= 'Z' ? *p - 'A' + 'a' : *p);
	size_t count = name_dns1035_label(lower, problems);
	for (size_t i = 0; i < count; i++)
		str_addf(&all, "%s%s", i ? "," : "", problems[i]);
	if (count)
		rule_bad_text(e, FIELD_INVALID, at, kind,
			      "may have mixed case, but should otherwise match: %s", all.data);
}

static void check_head(const json_t *value, const char *name, const struct path *at,
		       struct field_errors *e)
{
	const json_t *given = json_object_get(value, name);
	const char *text = json_string_value(given);
	at = PATH(at, name);
	if (!given) {
		rule_broken(e, FIELD_REQUIRED, at, NULL, "%s", "");
	} else if (!text) {
		rule_broken(e, FIELD_INVALID, at, given, "must be a string");
	} else if (!*text) {
		rule_broken(e, FIELD_INVALID, at, given, "must not be empty");
	} else if (streq(name, "kind")) {
		check_kind(text, at, e);
	} else {
		const char *slash = strchr(text, '/');
		if (slash && strchr(slash + 1, '/'))
			rule_bad_text(e, FIELD_INVALID, at, text,
				      "unexpected GroupVersion string: %s", text);
	}
}

static void check_meta(const json_t *meta, const struct path *at, struct field_errors *e)
{
	const char *name = json_str_or(meta, "name", "");
	const char *generated = json_str_or(meta, "generateName", "");
	const char *namespace = json_str_or(meta, "namespace", "");
	if (!meta)
		return;
	if (strpbrk(generated, "/%")) /* dots alone may begin a name */
		rule_name(e, PATH(at, "generateName"), generated, name_path_segment);
	if (*name)
		rule_name(e, PATH(at, "name"), name, name_path_segment);
	if (*namespace)
		rule_name(e, PATH(at, "namespace"), namespace, name_dns_label);
	validate_meta_parts(meta, NULL, at, e);
}

void custom_check_resources(const struct custom_schema *s, const json_t *value, bool is_resource,
			    const struct path *at, struct field_errors *e)
{
	const char *name;
	json_t *member;
	if (!s)
		return;
	if (json_is_object(value) && is_resource) {
		check_head(value, "apiVersion", at, e);
		check_head(value, "kind", at, e);
		check_meta(json_object_get(value, "metadata"), PATH(at, "metadata"), e);
	}
	json_object_foreach ((json_t *)(uintptr_t)value, name, member) {
		const struct custom_schema *its = custom_member_of(s, name);
		const struct path *here = its ? PATH(at, name) : PATH_OF(at, name);
		its = its ? its : s->rest;
		custom_check_resources(its, member, its && its->is_embedded, here, e);
	}
	for (size_t i = 0; i < json_array_size(value); i++)
		custom_check_resources(s->items, json_array_get(value, i),
				       s->items && s->items->is_embedded, PATH_AT(at, i), e);
}
