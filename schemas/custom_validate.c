/* All rules of a custom object: its schema's, and those that every custom object has. */
#include "schemas/custom_check.h"
#include "schemas/print.h"
#include "schemas/report.h"

/* ---- what it says that it is ---- */

static bool check_head(const struct schema_kind *kind, const json_t *tree, struct field_errors *e)
{
	AUTO_STR version;
	str_init(&version, 1024);
	schema_api_version(kind, &version);
	const char *its_kind = json_str_or(tree, "kind", "");
	const char *its_version = json_str_or(tree, "apiVersion", "");
	size_t before = e->count;
	if (!streq(its_kind, kind->kind))
		rule_bad_text(e, FIELD_INVALID, PATH(NULL, "kind"), its_kind, "must be %s",
			      kind->kind);
	if (!streq(its_version, version.data))
		rule_bad_text(e, FIELD_INVALID, PATH(NULL, "apiVersion"), its_version, "must be %s",
			      version.data);
	return e->count == before;
}

/* ---- scale ---- */

static const char *go_type(const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return "map[string]interface {}";
	case JSON_ARRAY:
		return "[]interface {}";
	case JSON_STRING:
		return "string";
	case JSON_INTEGER:
		return "int64";
	case JSON_REAL:
		return "float64";
	case JSON_TRUE:
	case JSON_FALSE:
		return "bool";
	case JSON_NULL:
		break;
	}
	return "<nil>";
}

/* As Go's fmt shows it. */
static void show(const json_t *value, struct str *out)
{
	if (json_is_string(value)) {
		str_add(out, json_string_value(value));
	} else if (json_is_array(value)) {
		str_add_char(out, '[');
		for (size_t i = 0; i < json_array_size(value); i++) {
			str_add(out, i ? " " : "");
			show(json_array_get(value, i), out);
		}
		str_add_char(out, ']');
	} else if (json_is_object(value)) {
		size_t count;
		auto_free const char **keys = sorted_keys(value, &count);
		str_add(out, "map[");
		for (size_t i = 0; i < count; i++) {
			str_addf(out, "%s%s:", i ? " " : "", keys[i]);
			show(json_object_get(value, keys[i]), out);
		}
		str_add_char(out, ']');
	} else if (json_is_null(value)) {
		str_add(out, "<nil>");
	} else if (json_is_real(value)) {
		custom_show_real(json_real_value(value), out);
	} else {
		custom_print_value(value, out);
	}
}

/*
 * What stands at a dotted path; NULL: nothing, or something on the way is no object, or the end is
 * not of the wanted type, which `why` then says.
 */
static const json_t *dig(const json_t *tree, const char *path, json_type wanted, struct str *why)
{
	const json_t *at = tree;
	const char *p = path;
	while (at) {
		size_t n = strcspn(p, ".");
		auto_free char *name = xstrndup(p, n);
		if (!json_is_object(at))
			break;
		at = json_object_get(at, name);
		p += n;
		if (!at || !*p++)
			break;
	}
	bool is_end = at && (p == path || p[-1] == '\0');
	if (!at || (is_end && json_typeof(at) == wanted))
		return at;
	AUTO_STR shown;
	str_init(&shown, 1u << 16);
	show(at, &shown);
	str_addf(why, ".%s accessor error: %s is of the type %s, expected %s", path, shown.data,
		 go_type(at),
		 !is_end                 ? "map[string]interface{}"
		 : wanted == JSON_STRING ? "string"
					 : "int64");
	return NULL;
}

static void check_replicas(const json_t *tree, const char *path, struct field_errors *e)
{
	AUTO_STR why;
	str_init(&why, 1u << 17);
	const json_t *value = dig(tree, path, JSON_INTEGER, &why);
	int64_t count = value ? json_integer_value(value) : 0;
	AUTO_JSON *shown = json_integer(count);
	auto_free char *name = xasprintf(".%s", path);
	if (why.len)
		rule_broken(e, FIELD_INVALID, PATH(NULL, name), shown, "%s", why.data);
	else if (count < 0)
		rule_broken(e, FIELD_INVALID, PATH(NULL, name), shown,
			    "should be a non-negative integer");
	else if (count > INT32_MAX)
		rule_broken(e, FIELD_INVALID, PATH(NULL, name), shown,
			    "should be less than or equal to %d", INT32_MAX);
}

static void check_scale_status(const struct custom *c, const json_t *tree, struct field_errors *e)
{
	AUTO_STR why;
	str_init(&why, 1u << 17);
	if (!c->has_scale)
		return;
	check_replicas(tree, c->scale.status_replicas, e);
	if (!c->scale.selector)
		return;
	(void)dig(tree, c->scale.selector, JSON_STRING, &why);
	auto_free char *name = xasprintf(".%s", c->scale.selector);
	if (why.len)
		rule_bad_text(e, FIELD_INVALID, PATH(NULL, name), "", "%s", why.data);
}

/* ---- all ---- */

/* Lists that had something twice before may go on so. */
static void check_lists(const struct custom *c, const json_t *tree, const json_t *old,
			struct field_errors *e)
{
	struct field_errors before = { 0 };
	if (old)
		custom_check_lists(c->schema, old, &before);
	if (before.count == 0)
		custom_check_lists(c->schema, tree, e);
	field_errors_fini(&before);
}

void custom_validate(const struct schema_kind *kind, const json_t *tree, const json_t *old,
		     struct field_errors *e)
{
	const struct custom *c = kind->custom;
	if (!check_head(kind, tree, e))
		return;
	validate_metadata(kind, tree, old, e);
	custom_check(c->schema, tree, old, NULL, e);
	if (c->has_scale)
		check_replicas(tree, c->scale.replicas, e);
	check_scale_status(c, tree, e);
	custom_check_resources(c->schema, tree, false, NULL, e);
	check_lists(c, tree, old, e);
}

void custom_validate_status(const struct schema_kind *kind, const json_t *tree, const json_t *old,
			    struct field_errors *e)
{
	const struct custom *c = kind->custom;
	const struct custom_schema *schema = custom_member_of(c->schema, "status");
	const json_t *status = json_object_get(tree, "status");
	if (!check_head(kind, tree, e))
		return;
	validate_metadata(kind, tree, old, e);
	if (schema && status)
		custom_check(schema, status, json_object_get(old, "status"), "status", e);
	check_scale_status(c, tree, e);
	check_lists(c, tree, old, e);
}

static bool has_text(const json_t *list, const char *text)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (streq(json_string_value(json_array_get(list, i)), text))
			return true;
	return false;
}

/* New finalizers whose names anybody else may choose. */
void custom_warnings(const json_t *tree, const json_t *old, struct schema_report *ret)
{
	static const char advice[] = "prefer a domain-qualified finalizer name";
	const json_t *list = json_dig(tree, "metadata.finalizers");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *name = json_string_value(json_array_get(list, i));
		bool is_ours = streq(name, "orphan") || streq(name, "foregroundDeletion") ||
			       streq(name, "kubernetes");
		const char *problems[NAME_PROBLEMS_MAX];
		if (has_text(json_dig(old, "metadata.finalizers"), name))
			continue;
		size_t count = name_label_key(name, problems);
		for (size_t k = 0; k < count; k++)
			report_add(ret, "metadata.finalizers: \"%s\": %s", name, problems[k]);
		if (!strchr(name, '/') && !is_ours)
			report_add(ret,
				   "metadata.finalizers: \"%s\": %s%s to avoid accidental "
				   "conflicts with other finalizer writers",
				   name, advice, strchr(name, '.') ? " including a path (/)" : "");
	}
}
