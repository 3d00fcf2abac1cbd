#include "apiserver/review_check.h"
#include "common/base/str.h"
#include "schemas/rule.h"

/* ---- selectors ---- */

static void check_values(const json_t *q, const struct path *at, struct field_errors *e)
{
	const char *op = json_str_or(q, "operator", "");
	size_t count = json_array_size(json_object_get(q, "values"));
	if ((streq(op, "In") || streq(op, "NotIn")) && !count)
		rule_broken(e, FIELD_REQUIRED, PATH(at, "values"), NULL,
			    "must be specified when `operator` is 'In' or 'NotIn'");
	if ((streq(op, "Exists") || streq(op, "DoesNotExist")) && count)
		rule_broken(e, FIELD_FORBIDDEN, PATH(at, "values"), NULL,
			    "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
}

static void check_field_requirement(const json_t *q, const struct path *at, struct field_errors *e)
{
	if (!*json_str_or(q, "key", ""))
		rule_broken(e, FIELD_REQUIRED, PATH(at, "key"), NULL, "must be specified");
	check_values(q, at, e);
}

static void check_label_requirement(const json_t *q, const struct path *at, struct field_errors *e)
{
	const json_t *values = json_object_get(q, "values");
	check_values(q, at, e);
	rule_name(e, PATH(at, "key"), json_str_or(q, "key", ""), name_label_key);
	for (size_t i = 0; i < json_array_size(values); i++)
		rule_name(e, PATH_AT(PATH(at, "values"), i),
			  json_string_value(json_array_get(values, i)), name_label_value);
}

static void check_selector(const json_t *selector, const struct path *at,
			   void (*check)(const json_t *, const struct path *,
					 struct field_errors *),
			   struct field_errors *e)
{
	json_t *raw = json_object_get(selector, "rawSelector");
	const json_t *list = json_object_get(selector, "requirements");
	bool has_raw = *json_str_or(selector, "rawSelector", "") != '\0';
	if (!json_is_object(selector))
		return;
	if (has_raw && json_array_size(list))
		rule_broken(e, FIELD_INVALID, PATH(at, "rawSelector"), raw,
			    "may not specified at the same time as requirements");
	auto_free char *name = path_dup(at);
	if (!has_raw && !json_array_size(list))
		rule_broken(e, FIELD_REQUIRED, PATH(at, "requirements"), NULL,
			    "when %s is specified, requirements or rawSelector is required", name);
	for (size_t i = 0; i < json_array_size(list); i++)
		check(json_array_get(list, i), PATH_AT(PATH(at, "requirements"), i), e);
}

/* ---- the parts of a question ---- */

/* As Kubernetes shows it. */
static void bad_path(const json_t *path, const char *detail, struct field_errors *e)
{
	AUTO_JSON *shown = json_pack("{s:s,s:s}", "Path", json_str_or(path, "path", ""), "Verb",
				     json_str_or(path, "verb", ""));
	field_errors_add(e, FIELD_INVALID, "spec.nonResourceAttributes", shown, "%s", detail);
}

/* Exactly one of the two kinds of attributes. */
static void check_kinds(const json_t *spec, struct field_errors *e)
{
	const json_t *path = json_object_get(spec, "nonResourceAttributes");
	bool resource = json_is_object(json_object_get(spec, "resourceAttributes"));
	AUTO_JSON *none = json_null();
	if (resource && json_is_object(path))
		bad_path(path, "cannot be specified in combination with resourceAttributes", e);
	if (!resource && !json_is_object(path))
		field_errors_add(e, FIELD_INVALID, "spec.resourceAttributes", none,
				 "exactly one of nonResourceAttributes or resourceAttributes must "
				 "be specified");
}

static void check_attributes(const json_t *spec, struct field_errors *e)
{
	const json_t *a = json_object_get(spec, "resourceAttributes");
	const struct path *at = PATH(PATH(NULL, "spec"), "resourceAttributes");
	check_selector(json_object_get(a, "fieldSelector"), PATH(at, "fieldSelector"),
		       check_field_requirement, e);
	check_selector(json_object_get(a, "labelSelector"), PATH(at, "labelSelector"),
		       check_label_requirement, e);
}

static void check_subject(const json_t *spec, struct field_errors *e)
{
	AUTO_JSON *none = json_string("");
	if (!*json_str_or(spec, "user", "") && !json_array_size(json_object_get(spec, "groups")))
		field_errors_add(e, FIELD_INVALID, "spec.user", none,
				 "at least one of user or group must be specified");
}

/* Protobuf says what is empty, too. */
static bool is_empty(const json_t *value)
{
	if (json_is_string(value))
		return !*json_string_value(value);
	if (json_is_integer(value))
		return !json_integer_value(value);
	return !json_array_size(value) && !json_object_size(value);
}

static void drop_empty(json_t *o)
{
	const char *name;
	json_t *value;
	void *next;
	json_object_foreach_safe (o, next, name, value)
		if (is_empty(value))
			json_object_del(o, name);
}

/* A question has no name, and nothing else that an object has. */
static void check_metadata(const json_t *tree, bool may_have_namespace, struct field_errors *e)
{
	AUTO_JSON *shown = json_copy(json_object_get(tree, "metadata"));
	drop_empty(shown);
	AUTO_JSON *rest = json_copy(shown);
	json_drop(rest, "managedFields");
	if (may_have_namespace)
		json_drop(rest, "namespace");
	if (json_object_size(rest))
		field_errors_add(e, FIELD_INVALID, "metadata", shown, "must be empty%s",
				 may_have_namespace ? " except for namespace" : "");
}

/* ---- kinds of questions ---- */

void review_check_other(const json_t *tree, struct field_errors *e)
{
	const json_t *spec = json_object_get(tree, "spec");
	check_kinds(spec, e);
	check_subject(spec, e);
	check_attributes(spec, e);
	check_metadata(tree, false, e);
}

void review_check_self(const json_t *tree, struct field_errors *e)
{
	const json_t *spec = json_object_get(tree, "spec");
	check_kinds(spec, e);
	check_attributes(spec, e);
	check_metadata(tree, false, e);
}

void review_check_local(const json_t *tree, const char *ns, struct field_errors *e)
{
	const json_t *spec = json_object_get(tree, "spec");
	const json_t *a = json_object_get(spec, "resourceAttributes");
	const json_t *path = json_object_get(spec, "nonResourceAttributes");
	AUTO_JSON *given = json_string(json_str_or(a, "namespace", ""));
	check_kinds(spec, e);
	check_subject(spec, e);
	check_attributes(spec, e);
	check_metadata(tree, true, e);
	if (json_is_object(a) && !streq(json_string_value(given), ns))
		field_errors_add(e, FIELD_INVALID, "spec.resourceAttributes.namespace", given,
				 "must match metadata.namespace");
	if (json_is_object(path))
		bad_path(path, "disallowed on this kind of request", e);
}
