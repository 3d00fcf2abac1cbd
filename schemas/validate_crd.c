/* CustomResourceDefinition and APIService. */
#include "schemas/rule_hook.h"

#define WARNING_SIZE_MAX 256
#define APPROVAL         "api-approved.kubernetes.io"

/* All problems of a name as one. */
static void check_label(const char *value, name_check *check, const char *shown, const char *before,
			const struct path *at, struct field_errors *e)
{
	const char *problems[NAME_PROBLEMS_MAX];
	size_t count = check(value, problems);
	AUTO_STR all;
	str_init(&all, 4096);
	for (size_t i = 0; i < count; i++)
		str_addf(&all, "%s%s", i ? "," : before, problems[i]);
	if (count)
		rule_bad_text(e, FIELD_INVALID, at, shown, "%s", all.data);
}

static void check_kind_name(const json_t *names, const char *field, const struct path *at,
			    struct field_errors *e)
{
	const char *name = json_str_or(names, field, "");
	auto_free char *lower = name_lower(name);
	if (*name)
		check_label(lower, name_dns1035_label, name,
			    "may have mixed case, but should otherwise match: ", PATH(at, field),
			    e);
}

static void check_name_list(const json_t *names, const char *field, const struct path *at,
			    struct field_errors *e)
{
	const json_t *list = json_object_get(names, field);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *name = json_string_value(json_array_get(list, i));
		check_label(name, name_dns1035_label, name, "", PATH_AT(PATH(at, field), i), e);
	}
}

static void check_names(const json_t *names, const struct path *at, struct field_errors *e)
{
	static const char *const plain[] = { "plural", "singular" };
	for (size_t i = 0; i < ARRAY_LEN(plain); i++) {
		const char *name = json_str_or(names, plain[i], "");
		if (*name)
			check_label(name, name_dns1035_label, name, "", PATH(at, plain[i]), e);
	}
	check_kind_name(names, "kind", at, e);
	check_kind_name(names, "listKind", at, e);
	check_name_list(names, "shortNames", at, e);
	const char *kind = json_str_or(names, "kind", "");
	if (*kind && streq(kind, json_str_or(names, "listKind", "")))
		rule_bad_text(e, FIELD_INVALID, PATH(at, "listKind"), kind,
			      "kind and listKind may not be the same");
	check_name_list(names, "categories", at, e);
}

static void check_json_path(const char *path, const struct path *at, struct field_errors *e)
{
	if (*path != '.')
		rule_bad_text(e, FIELD_INVALID, at, path,
			      "must be a simple json path starting with .");
}

static void check_scale_path(const json_t *scale, const char *field, const char *prefix,
			     const struct path *at, struct field_errors *e)
{
	const char *path = json_str_or(scale, field, "");
	if (!*path)
		rule_required(e, PATH(at, field), NULL);
	else if (*path != '.')
		check_json_path(path, PATH(at, field), e);
	else if (!starts_with(path, prefix) || path[strlen(prefix)] != '.')
		rule_bad_text(e, FIELD_INVALID, PATH(at, field), path,
			      "should be a json path under %s", prefix);
}

static void check_subresources(const json_t *o, const struct path *at, struct field_errors *e)
{
	const json_t *scale = json_object_get(o, "scale");
	const char *selector = json_str_or(scale, "labelSelectorPath", "");
	if (!scale)
		return;
	at = PATH(at, "scale");
	check_scale_path(scale, "specReplicasPath", ".spec", at, e);
	check_scale_path(scale, "statusReplicasPath", ".status", at, e);
	if (!*selector)
		return;
	if (*selector != '.')
		check_json_path(selector, PATH(at, "labelSelectorPath"), e);
	else if (!starts_with(selector, ".spec.") && !starts_with(selector, ".status."))
		rule_bad_text(e, FIELD_INVALID, PATH(at, "labelSelectorPath"), selector,
			      "should be a json path under either .spec or .status");
}

static void check_column(const json_t *column, const struct path *at, struct field_errors *e)
{
	static const char *const types[] = {
		"boolean", "date", "integer", "number", "string", NULL
	};
	static const char *const formats[] = { "byte",  "date",  "date-time", "double", "float",
					       "int32", "int64", "password",  NULL };
	const char *type = json_str_or(column, "type", "");
	const char *format = json_str_or(column, "format", "");
	const char *path = json_str_or(column, "jsonPath", "");
	rule_required(e, PATH(at, "name"), json_str(column, "name"));
	if (!*type)
		rule_broken(e, FIELD_REQUIRED, PATH(at, "type"), NULL,
			    "must be one of boolean,date,integer,number,string");
	else if (!rule_is_one_of(type, types))
		rule_bad_text(e, FIELD_INVALID, PATH(at, "type"), type,
			      "must be one of boolean,date,integer,number,string");
	if (*format && !rule_is_one_of(format, formats))
		rule_bad_text(e, FIELD_INVALID, PATH(at, "format"), format,
			      "must be one of "
			      "byte,date,date-time,double,float,int32,int64,password");
	rule_required(e, PATH(at, "JSONPath"), path);
	if (*path)
		check_json_path(path, PATH(at, "JSONPath"), e);
}

static void check_deprecation(const json_t *version, const struct path *at, struct field_errors *e)
{
	const char *text = json_str(version, "deprecationWarning");
	at = PATH(at, "deprecationWarning");
	if (!text)
		return;
	if (!json_bool_or(version, "deprecated", false)) {
		rule_bad_text(e, FIELD_INVALID, at, text,
			      "can only be set for deprecated versions");
		return;
	}
	if (strlen(text) > WARNING_SIZE_MAX)
		rule_bad_text(e, FIELD_INVALID, at, text, "must be <= 256 characters long");
	if (!*text)
		rule_bad_text(e, FIELD_INVALID, at, text, "must not be an empty string");
	for (const char *p = text; *p; p++) {
		if ((unsigned char)*p >= ' ' && *p != 0x7f)
			continue;
		rule_bad_text(e, FIELD_INVALID, at, text,
			      "must only contain printable UTF-8 characters; non-printable "
			      "character found at index %zu",
			      (size_t)(p - text));
		break;
	}
}

/* What is the same in all versions is spoken of as if it stood once, before them: upstream keeps it
 * so. The value, or NULL. */
static const json_t *common_part(const json_t *versions, const char *name)
{
	const json_t *first = json_object_get(json_array_get(versions, 0), name);
	for (size_t i = 0; i < json_array_size(versions); i++) {
		const json_t *other = json_object_get(json_array_get(versions, i), name);
		if (!other || !json_equal(first, other))
			return NULL;
	}
	return first;
}

/* Those parts, looked for once; NULL: it differs, or is not there. */
struct common_parts {
	const json_t *schema, *subresources, *columns, *selectable;
};

static struct common_parts common_parts(const json_t *versions)
{
	return (struct common_parts){ common_part(versions, "schema"),
				      common_part(versions, "subresources"),
				      common_part(versions, "additionalPrinterColumns"),
				      common_part(versions, "selectableFields") };
}

static void check_schema_part(const json_t *part, bool has_status, const struct path *at,
			      struct field_errors *e)
{
	const json_t *schema = json_object_get(part, "openAPIV3Schema");
	const char *type = json_str_or(schema, "type", "");
	at = PATH(at, "openAPIV3Schema");
	if (schema && has_status && *type && !streq(type, "object"))
		rule_bad_text(e, FIELD_INVALID, PATH(at, "type"), type,
			      "only \"object\" is allowed as the type at the root of the schema if "
			      "the status subresource is enabled");
	else if (has_status)
		validate_schema_root(schema, at, e);
	if (schema)
		validate_schema(schema, at, e);
}

static void check_columns(const json_t *columns, const struct path *at, struct field_errors *e)
{
	at = PATH(at, "additionalPrinterColumns");
	for (size_t i = 0; i < json_array_size(columns); i++)
		check_column(json_array_get(columns, i), PATH_AT(at, i), e);
}

static void check_selectable(const json_t *version, const json_t *schema, const struct path *at,
			     const char *lacks_schema, struct field_errors *e)
{
	const json_t *fields = json_object_get(version, "selectableFields");
	schema = json_object_get(schema, "openAPIV3Schema");
	if (!json_array_size(fields))
		return;
	if (!schema)
		rule_bad_text(e, FIELD_INVALID, at, "", "%s", lacks_schema);
	else
		validate_selectable_fields(fields, schema, at, e);
}

static void check_version(const json_t *version, const struct common_parts *common,
			  const struct path *at, struct field_errors *e)
{
	const char *name = json_str_or(version, "name", "");
	check_label(name, name_dns1035_label, name, "", PATH(at, "name"), e);
	check_deprecation(version, at, e);
	if (!common->schema)
		check_schema_part(json_object_get(version, "schema"),
				  json_at(version, "subresources", "status"), PATH(at, "schema"),
				  e);
	if (!common->subresources)
		check_subresources(json_object_get(version, "subresources"),
				   PATH(at, "subresources"), e);
	if (!common->columns)
		check_columns(json_object_get(version, "additionalPrinterColumns"), at, e);
	if (!common->selectable)
		check_selectable(version,
				 common->schema ? NULL : json_object_get(version, "schema"),
				 PATH(at, "selectableFields"),
				 "may only be set when `version.schema.openAPIV3Schema` is not "
				 "included",
				 e);
}

static void check_versions(const json_t *list, const struct common_parts *common,
			   const struct path *at, struct field_errors *e)
{
	size_t stored = 0;
	bool is_unique = true;
	auto_free size_t *firsts = NULL;
	AUTO_JSON *none = json_null();
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *version = json_array_get(list, i);
		if (!json_at(version, "schema", "openAPIV3Schema"))
			rule_required(e, PATH(PATH(PATH_AT(at, i), "schema"), "openAPIV3Schema"),
				      NULL);
	}
	for (size_t i = 0; i < json_array_size(list); i++) {
		stored += json_bool_or(json_array_get(list, i), "storage", false);
		is_unique &= !rule_is_again(&firsts, list, i, "name");
		check_version(json_array_get(list, i), common, PATH_AT(at, i), e);
	}
	if (!is_unique)
		rule_broken(e, FIELD_INVALID, at, list, "must contain unique version names");
	if (stored != 1)
		rule_broken(e, FIELD_INVALID, at, list ? list : none,
			    "must have exactly one version marked as storage version");
}

static void check_common(const json_t *versions, const struct common_parts *common,
			 const struct path *at, struct field_errors *e)
{
	bool has_status = false;
	for (size_t i = 0; i < json_array_size(versions); i++)
		has_status |=
			json_at(json_array_get(versions, i), "subresources", "status") != NULL;
	check_schema_part(common->schema, has_status, PATH(at, "validation"), e);
	check_subresources(common->subresources, PATH(at, "subresources"), e);
	check_columns(common->columns, at, e);
	if (common->selectable)
		check_selectable(json_array_get(versions, 0), common->schema,
				 PATH(at, "selectableFields"),
				 "may only be set when validations.schema is included", e);
}

static void check_conversion(const json_t *o, const struct path *at, struct field_errors *e)
{
	static const char *const strategies[] = { "None", "Webhook", NULL };
	const char *strategy = json_str_or(o, "strategy", "");
	const json_t *hook = json_object_get(o, "webhook");
	const json_t *client = json_object_get(hook, "clientConfig");
	const json_t *versions = json_object_get(hook, "conversionReviewVersions");
	const char *url = json_str(client, "url");
	const json_t *service = json_object_get(client, "service");
	const struct path *client_at = PATH(at, "webhookClientConfig");
	bool has_known = false;
	if (!*strategy)
		rule_required(e, PATH(at, "strategy"), NULL);
	else if (!rule_is_one_of(strategy, strategies))
		rule_unsupported(e, PATH(at, "strategy"), strategy, strategies);
	if (!streq(strategy, "Webhook")) {
		if (client)
			rule_broken(e, FIELD_FORBIDDEN, client_at, NULL,
				    "should not be set when strategy is not set to Webhook");
		if (json_array_size(versions))
			rule_broken(e, FIELD_FORBIDDEN, PATH(at, "conversionReviewVersions"), NULL,
				    "should not be set when strategy is not set to Webhook");
		return;
	}
	if (!client)
		rule_broken(e, FIELD_REQUIRED, client_at, NULL,
			    "required when strategy is set to Webhook");
	else if (!url == !service)
		rule_broken(e, FIELD_REQUIRED, client_at, NULL,
			    "exactly one of url or service is required");
	else if (url)
		rule_webhook_url(e, PATH(client_at, "url"), url);
	else
		rule_webhook_service(e, PATH(client_at, "service"), service);
	at = PATH(at, "conversionReviewVersions");
	if (!json_array_size(versions))
		rule_required(e, at, NULL);
	auto_free size_t *firsts = NULL;
	for (size_t i = 0; i < json_array_size(versions); i++) {
		const char *version = json_string_value(json_array_get(versions, i));
		if (rule_is_again(&firsts, versions, i, NULL))
			rule_bad_text(e, FIELD_INVALID, PATH_AT(at, i), version,
				      "duplicate version");
		else
			rule_name(e, PATH_AT(at, i), version, name_dns1035_label);
		has_known |= streq(version, "v1") || streq(version, "v1beta1");
	}
	if (json_array_size(versions) && !has_known)
		rule_broken(e, FIELD_INVALID, at, versions,
			    "must include at least one of v1, v1beta1");
}

static void check_stored(const json_t *tree, struct field_errors *e)
{
	const struct path *at = PATH(PATH(NULL, "status"), "storedVersions");
	const json_t *stored = json_dig(tree, "status.storedVersions");
	const json_t *versions = json_dig(tree, "spec.versions");
	AUTO_JSON *none = json_null();
	if (!json_array_size(stored)) {
		rule_broken(e, FIELD_INVALID, at, stored ? stored : none,
			    "must have at least one stored version");
		return;
	}
	AUTO_NAMES stored_names;
	AUTO_NAMES names;
	rule_names_init(&stored_names, stored, NULL);
	rule_names_init(&names, versions, "name");
	for (size_t k = 0; k < json_array_size(versions); k++) {
		const json_t *version = json_array_get(versions, k);
		const char *name = json_str_or(version, "name", "");
		if (json_bool_or(version, "storage", false) && !rule_names_has(&stored_names, name))
			rule_broken(e, FIELD_INVALID, at, stored,
				    "must have the storage version %s", name);
	}
	for (size_t i = 0; i < json_array_size(stored); i++) {
		const char *name = json_string_value(json_array_get(stored, i));
		if (!rule_names_has(&names, name))
			rule_bad_text(e, FIELD_INVALID, PATH_AT(at, i), name,
				      "missing from spec.versions; %s was previously a storage "
				      "version, and must remain in spec.versions until a storage "
				      "migration ensures no data remains persisted in %s and "
				      "removes %s from status.storedVersions",
				      name, name, name);
	}
}

/* Groups of the project itself want a word of its people. */
static void check_approval(const json_t *tree, const char *group, struct field_errors *e)
{
	size_t n = strlen(group);
	bool is_theirs =
		(n >= 6 && streq(group + n - 6, "k8s.io") && (n == 6 || group[n - 7] == '.')) ||
		(n >= 13 && streq(group + n - 13, "kubernetes.io") &&
		 (n == 13 || group[n - 14] == '.'));
	const struct path *at = PATH_OF(PATH(PATH(NULL, "metadata"), "annotations"), APPROVAL);
	const char *text = json_member_str(json_dig(tree, "metadata.annotations"), APPROVAL);
	if (!is_theirs || (text && starts_with(text, "unapproved")))
		return;
	if (!text || !*text)
		rule_broken(e, FIELD_REQUIRED, at, NULL,
			    "protected groups must have approval annotation \"" APPROVAL
			    "\", see https://github.com/kubernetes/enhancements/pull/1111");
	else if (!strstr(text, "://"))
		rule_bad_text(e, FIELD_INVALID, at, text,
			      "protected groups must have approval annotation \"" APPROVAL
			      "\" with either a URL or a reason starting with \"unapproved\", see "
			      "https://github.com/kubernetes/enhancements/pull/1111");
}

static void check_fixed(const json_t *spec, const json_t *old, const struct path *at,
			struct field_errors *e)
{
	const json_t *before = json_object_get(old, "spec");
	const json_t *conditions = json_dig(old, "status.conditions");
	bool is_established = false;
	for (size_t i = 0; i < json_array_size(conditions); i++) {
		const json_t *one = json_array_get(conditions, i);
		is_established |= streq(json_str_or(one, "type", ""), "Established") &&
				  streq(json_str_or(one, "status", ""), "True");
	}
	if (is_established) {
		rule_unchanged_text(e, PATH(at, "scope"), json_object_get(spec, "scope"),
				    json_object_get(before, "scope"));
		rule_unchanged_text(e, PATH(PATH(at, "names"), "kind"),
				    json_dig(spec, "names.kind"), json_dig(before, "names.kind"));
	}
	rule_unchanged_text(e, PATH(at, "group"), json_object_get(spec, "group"),
			    json_object_get(before, "group"));
	rule_unchanged_text(e, PATH(PATH(at, "names"), "plural"), json_dig(spec, "names.plural"),
			    json_dig(before, "names.plural"));
}

static void check_spec(const json_t *spec, const struct path *at, struct field_errors *e)
{
	static const char *const scopes[] = { "Cluster", "Namespaced", NULL };
	static const char *const needed[] = { "plural", "singular", "kind", "listKind" };
	const char *group = json_str_or(spec, "group", ""), *scope = json_str_or(spec, "scope", "");
	const json_t *names = json_object_get(spec, "names");
	const json_t *versions = json_object_get(spec, "versions");
	const char *first = json_str_or(json_array_get(versions, 0), "name", "");
	const json_t *strategy = json_dig(spec, "conversion.strategy");
	size_t before = e->count;
	rule_required(e, PATH(at, "group"), group);
	if (*group)
		check_label(group, name_dns_subdomain, group, "", PATH(at, "group"), e);
	if (e->count == before && !strchr(group, '.'))
		rule_bad_text(e, FIELD_INVALID, PATH(at, "group"), group,
			      "should be a domain with at least one dot");
	if (!*scope)
		rule_required(e, PATH(at, "scope"), NULL);
	else if (!rule_is_one_of(scope, scopes))
		rule_unsupported(e, PATH(at, "scope"), scope, scopes);
	struct common_parts common = common_parts(versions);
	check_versions(versions, &common, PATH(at, "versions"), e);
	if (*first)
		check_label(first, name_dns1035_label, first, "", PATH(at, "version"), e);
	for (size_t i = 0; i < ARRAY_LEN(needed); i++)
		rule_required(e, PATH(PATH(at, "names"), needed[i]), json_str(names, needed[i]));
	check_names(names, PATH(at, "names"), e);
	check_common(versions, &common, at, e);
	if (json_bool_or(spec, "preserveUnknownFields", false) && strategy &&
	    !streq(json_string_value(strategy), "None"))
		rule_broken(e, FIELD_INVALID, PATH(PATH(at, "conversion"), "strategy"), strategy,
			    "must be None if spec.preserveUnknownFields is true");
	check_conversion(json_object_get(spec, "conversion"), PATH(at, "conversion"), e);
}

void validate_definition(const json_t *tree, const json_t *old, struct field_errors *e)
{
	const struct path *at = PATH(NULL, "spec");
	const json_t *spec = json_object_get(tree, "spec");
	const char *name = json_str_or(tree, "metadata.name", "");
	const char *group = json_str_or(spec, "group", "");
	auto_free char *wanted = xasprintf("%s.%s", json_str_or(spec, "names.plural", ""), group);
	if (!old && *name && !streq(name, wanted))
		rule_bad_text(e, FIELD_INVALID, PATH(PATH(NULL, "metadata"), "name"), name,
			      "must be spec.names.plural+\".\"+spec.group");
	check_spec(spec, at, e);
	if (old)
		check_fixed(spec, old, at, e);
	if (old) /* of a new one the status is ours, made of what was judged above */
		check_names(json_dig(tree, "status.acceptedNames"),
			    PATH(PATH(NULL, "status"), "acceptedNames"), e);
	check_stored(tree, e);
	if (!old)
		check_approval(tree, group, e);
	if (json_bool_or(spec, "preserveUnknownFields", false) &&
	    !json_bool_or(old, "spec.preserveUnknownFields", false))
		rule_broken(
			e, FIELD_INVALID, PATH(at, "preserveUnknownFields"),
			json_object_get(spec, "preserveUnknownFields"),
			"cannot set to true, set x-kubernetes-preserve-unknown-fields to true in "
			"spec.versions[*].schema instead");
}
