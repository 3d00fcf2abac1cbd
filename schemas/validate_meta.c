#include "schemas/rule.h"

#define ANNOTATIONS_SIZE_MAX (256 * 1024)

void validate_annotations(const json_t *annotations, const struct path *at, struct field_errors *e)
{
	const char *key;
	json_t *value;
	size_t size = 0;
	json_object_foreach ((json_t *)(uintptr_t)annotations, key, value) {
		auto_free char *lower = xstrdup(key);
		for (char *p = lower; *p; p++)
			if (*p >= 'A' && *p <= 'Z')
				*p = (char)(*p - 'A' + 'a');
		const char *problems[NAME_PROBLEMS_MAX];
		size_t count = name_label_key(lower, problems);
		AUTO_JSON *shown = count ? json_string_nocheck(key) : NULL;
		for (size_t i = 0; i < count; i++)
			rule_broken(e, FIELD_INVALID, at, shown, "%s", problems[i]);
		size += strlen(key) + json_string_length(value);
	}
	if (size > ANNOTATIONS_SIZE_MAX)
		rule_broken(e, FIELD_TOO_LONG, at, NULL, "may not be more than %d bytes",
			    ANNOTATIONS_SIZE_MAX);
}

void validate_labels_and_annotations(const struct path *at, const json_t *metadata,
				     struct field_errors *e)
{
	rule_labels(e, PATH(at, "labels"), json_object_get(metadata, "labels"));
	validate_annotations(json_object_get(metadata, "annotations"), PATH(at, "annotations"), e);
}

/* VERSION or GROUP/VERSION. */
static bool is_version(const char *text)
{
	const char *slash = strchr(text, '/');
	return *text && (!slash || (slash[1] && !strchr(slash + 1, '/')));
}

static void check_owner(const json_t *owner, const struct path *at, struct field_errors *e)
{
	static const char *const needed[] = { "apiVersion", "kind", "name", "uid" };
	for (size_t i = 0; i < ARRAY_LEN(needed); i++) {
		const char *text = json_str_or(owner, needed[i], "");
		AUTO_JSON *shown = json_string(text);
		if (i == 0 ? !is_version(text) : !*text)
			rule_broken(e, FIELD_INVALID, PATH(at, needed[i]), shown,
				    i == 0 ? "version must not be empty" : "must not be empty");
	}
	if (streq(json_str_or(owner, "apiVersion", ""), "v1") &&
	    streq(json_str_or(owner, "kind", ""), "Event"))
		rule_broken_as(e, FIELD_INVALID, at, "apis.meta.v1.OwnerReference", owner,
			       "/v1, Kind=Event is disallowed from being an owner");
}

static void check_owners(const json_t *owners, const struct path *at, struct field_errors *e)
{
	const json_t *first = NULL;
	for (size_t i = 0; i < json_array_size(owners); i++) {
		const json_t *owner = json_array_get(owners, i);
		check_owner(owner, at, e);
		if (!json_bool_or(owner, "controller", false))
			continue;
		if (first)
			rule_broken_as(
				e, FIELD_INVALID, at, "apis.meta.v1.OwnerReference", owners,
				"Only one reference can have Controller set to true. Found "
				"\"true\" in references for %s/%s and %s/%s",
				json_str_or(first, "kind", ""), json_str_or(first, "name", ""),
				json_str_or(owner, "kind", ""), json_str_or(owner, "name", ""));
		else
			first = owner;
	}
}

static bool has_text(const json_t *list, const char *text)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (streq(json_string_value(json_array_get(list, i)), text))
			return true;
	return false;
}

static void check_finalizers(const json_t *meta, const json_t *old_meta, const struct path *at,
			     struct field_errors *e)
{
	const json_t *list = json_object_get(meta, "finalizers");
	for (size_t i = 0; i < json_array_size(list); i++)
		rule_name(e, at, json_string_value(json_array_get(list, i)), name_label_key);
	if (has_text(list, "orphan") && has_text(list, "foregroundDeletion"))
		rule_broken(e, FIELD_INVALID, at, list,
			    "finalizer orphan and foregroundDeletion cannot be both set");
	if (!json_object_get(old_meta, "deletionTimestamp"))
		return;
	AUTO_STR extra;
	str_init(&extra, 4096);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *text = json_string_value(json_array_get(list, i));
		if (!has_text(json_object_get(old_meta, "finalizers"), text))
			str_addf(&extra, "%s\"%s\"", extra.len ? ", " : "", text);
	}
	if (extra.len)
		rule_broken(e, FIELD_FORBIDDEN, at, NULL,
			    "no new finalizers can be added if the object is being deleted, found "
			    "new finalizers []string{%s}",
			    extra.data);
}

static void check_update(const json_t *meta, const json_t *old, const struct path *at,
			 struct field_errors *e)
{
	static const char *const fixed[] = { "name",
					     "namespace",
					     "uid",
					     "creationTimestamp",
					     "deletionTimestamp",
					     "deletionGracePeriodSeconds" };
	int64_t generation = json_int_or(meta, "generation", 0);
	if (generation < json_int_or(old, "generation", 0)) {
		AUTO_JSON *shown = json_integer(generation);
		rule_broken(e, FIELD_INVALID, PATH(at, "generation"), shown,
			    "must not be decremented");
	}
	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		rule_unchanged(e, PATH(at, fixed[i]), json_object_get(meta, fixed[i]),
			       json_object_get(old, fixed[i]));
}

void validate_meta_parts(const json_t *meta, const json_t *old_meta, const struct path *at,
			 struct field_errors *e)
{
	validate_labels_and_annotations(at, meta, e);
	check_owners(json_object_get(meta, "ownerReferences"), PATH(at, "ownerReferences"), e);
	check_finalizers(meta, old_meta, PATH(at, "finalizers"), e);
}

/* Kinds that ask no more of finalizers than that they look like label keys. */
static bool takes_any_finalizer(const struct schema_kind *kind)
{
	static const char *const groups[] = { "admissionregistration.k8s.io",
					      "apiextensions.k8s.io", "apiregistration.k8s.io",
					      "coordination.k8s.io", "node.k8s.io" };
	for (size_t i = 0; i < ARRAY_LEN(groups); i++)
		if (streq(kind->group, groups[i]))
			return true;
	return kind->custom || streq(kind->kind, "Event") ||
	       streq(kind->kind, "PodDisruptionBudget");
}

static void check_standard(const char *name, const struct path *at, struct field_errors *e)
{
	static const char *const names[] = { "kubernetes", "orphan", "foregroundDeletion", NULL };
	if (!strchr(name, '/') && !rule_is_one_of(name, names))
		rule_bad_text(
			e, FIELD_INVALID, at, name,
			"name is neither a standard finalizer name nor is it fully qualified");
}

void validate_namespace_finalizers(const json_t *list, const struct path *at,
				   struct field_errors *e)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *name = json_string_value(json_array_get(list, i));
		rule_name(e, at, name, name_label_key);
		check_standard(name, at, e);
	}
}

/* What names are generated from may end in a dash. */
static void check_generated(const char *base, name_check *check, const struct path *at,
			    struct field_errors *e)
{
	const char *problems[NAME_PROBLEMS_MAX];
	size_t n = strlen(base);
	auto_free char *masked = xstrdup(base);
	if (n > 1 && masked[n - 1] == '-') {
		masked[n - 2] = 'a';
		masked[n - 1] = '\0';
	}
	size_t count = n ? check(masked, problems) : 0;
	AUTO_JSON *shown = json_string(base);
	for (size_t i = 0; i < count; i++)
		rule_broken(e, FIELD_INVALID, at, shown, "%s", problems[i]);
}

void validate_metadata(const struct schema_kind *kind, const json_t *tree, const json_t *old,
		       struct field_errors *e)
{
	const struct path *at = PATH(NULL, "metadata");
	const json_t *meta = json_object_get(tree, "metadata");
	const char *name = json_str_or(meta, "name", "");
	const char *namespace = json_str_or(meta, "namespace", "");
	check_generated(json_str_or(meta, "generateName", ""), validate_name_rule(kind),
			PATH(at, "generateName"), e);
	if (!*name)
		rule_broken(e, FIELD_REQUIRED, PATH(at, "name"), NULL,
			    "name or generateName is required");
	else if (!old)
		rule_name(e, PATH(at, "name"), name, validate_name_rule(kind));
	if (kind->is_namespaced)
		rule_required_name(e, PATH(at, "namespace"), namespace, name_dns_label);
	else if (*namespace)
		rule_broken(e, FIELD_FORBIDDEN, PATH(at, "namespace"), NULL,
			    "not allowed on this type");
	const json_t *old_meta = old ? json_object_get(old, "metadata") : NULL;
	validate_meta_parts(meta, old_meta, at, e);
	const json_t *finalizers = json_object_get(meta, "finalizers");
	for (size_t i = 0; i < json_array_size(finalizers) && !takes_any_finalizer(kind); i++)
		check_standard(json_string_value(json_array_get(finalizers, i)),
			       PATH_AT(PATH(at, "finalizers"), i), e);
	if (old)
		check_update(meta, old_meta, at, e);
}
