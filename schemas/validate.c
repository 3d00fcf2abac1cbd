#include "schemas/custom.h"
#include "schemas/members.h"
#include "schemas/rule.h"

/* One value against the bounds of its field. */
static void check_bounds(const struct schema_field *f, const json_t *value, const struct path *at,
			 struct field_errors *e)
{
	const char *text = json_string_value(value);
	/* Go cannot tell an empty text from none, unless it holds a pointer or an element. */
	bool is_given = text && (*text || f->keeps_empty || f->shape != SCHEMA_ONE);
	if (f->enum_values && f->shows_enum_as_given && is_given &&
	    !rule_is_one_of(text, f->enum_values))
		rule_unsupported(e, at, text, f->enum_values);
	else if (f->enum_values && is_given && !f->shows_enum_as_given)
		rule_one_of(e, at, value, f->enum_values);
	if (!json_is_integer(value) || !(f->has_min || f->has_max))
		return;
	int64_t n = json_integer_value(value);
	if (f->has_min && f->has_max && (n < f->min || n > f->max))
		rule_broken(e, FIELD_INVALID, at, value, "must be between %lld and %lld, inclusive",
			    (long long)f->min, (long long)f->max);
	else if (f->has_min && n < f->min)
		rule_broken(e, FIELD_INVALID, at, value, "must be greater than or equal to %lld",
			    (long long)f->min);
	else if (f->has_max && n > f->max)
		rule_broken(e, FIELD_INVALID, at, value, "must be less than or equal to %lld",
			    (long long)f->max);
}

static void check_value(const struct schema_field *f, const json_t *value, const json_t *old,
			const struct path *at, struct field_errors *e)
{
	if (f->form == SCHEMA_OBJECT)
		validate_tables(f->type, value, old, at, e);
	else
		check_bounds(f, value, at, e);
}

void validate_tables(const struct schema_type *type, const json_t *tree, const json_t *old,
		     const struct path *at, struct field_errors *e)
{
	struct members members, old_members;
	members_open(&members, type, tree);
	members_open(&old_members, type, old);
	for (size_t i = 0; i < type->fields_count; i++) {
		const struct schema_field *f = &type->fields[i];
		const json_t *value = members_at(&members, i);
		const json_t *before = members_at(&old_members, i);
		if (old && f->is_immutable && f->form == SCHEMA_STRING && !f->keeps_empty)
			rule_unchanged_text(e, PATH(at, f->name), value, before);
		else if (old && f->is_immutable)
			rule_unchanged(e, PATH(at, f->name), value, before);
		if (!value ||
		    (f->form != SCHEMA_OBJECT && !f->enum_values && !f->has_min && !f->has_max))
			continue;
		const char *key;
		json_t *item;
		switch (f->shape) {
		case SCHEMA_ONE:
			check_value(f, value, before, PATH(at, f->name), e);
			break;
		case SCHEMA_LIST:
			for (size_t k = 0; k < json_array_size(value); k++)
				check_value(f, json_array_get(value, k), NULL,
					    PATH_AT(PATH(at, f->name), k), e);
			break;
		case SCHEMA_MAP:
			json_object_foreach ((json_t *)(uintptr_t)value, key, item)
				check_value(f, item, NULL, PATH_OF(PATH(at, f->name), key), e);
			break;
		}
	}
}

static void validate_core(const char *kind, const json_t *tree, const json_t *old,
			  struct field_errors *e)
{
	if (streq(kind, "Pod")) {
		validate_pod_spec(json_object_get(tree, "spec"),
				  json_str_or(tree, "metadata.name", ""), PATH(NULL, "spec"), e);
		if (old)
			validate_pod_update(tree, old, e);
		else
			validate_pod_create(tree, e);
	} else if (streq(kind, "Service")) {
		validate_service(tree, old, e);
	} else {
		validate_config(kind, tree, old, e);
	}
}

void schema_validate(const struct schema_kind *kind, const json_t *tree, const json_t *old,
		     struct field_errors *errors)
{
	if (kind->custom) {
		custom_validate(kind, tree, old, errors);
		return;
	}
	validate_metadata(kind, tree, old, errors);
	if (validate_kind(kind, tree, old, errors))
		return;
	validate_tables(kind->type, tree, old, NULL, errors);
	if (streq(kind->group, ""))
		validate_core(kind->kind, tree, old, errors);
	else
		validate_config(kind->kind, tree, old, errors);
}

void schema_validate_status(const struct schema_kind *kind, const json_t *tree, const json_t *old,
			    struct field_errors *errors)
{
	if (kind->custom) {
		custom_validate_status(kind, tree, old, errors);
		return;
	}
	validate_metadata(kind, tree, old, errors);
	if (validate_kind_status(kind, tree, old, errors))
		return;
	const struct schema_field *status = schema_field_of(kind->type, "status");
	const json_t *value = json_object_get(tree, "status");
	if (status && status->form == SCHEMA_OBJECT && value)
		validate_tables(status->type, value, json_object_get(old, "status"),
				PATH(NULL, "status"), errors);
	if (old && streq(kind->kind, "Pod") && streq(kind->group, ""))
		validate_pod_status(tree, old, errors);
	if (old && streq(kind->kind, "Job") && streq(kind->group, "batch"))
		validate_job_status(tree, old, errors);
}

/* The subresources that are neither a status nor a scale. */
static const struct {
	const char *group, *kind, *name;
	kind_check *check;
} parts[] = {
	{ "", "Pod", "ephemeralcontainers", validate_pod_debug },
	{ "", "Pod", "resize", validate_pod_resize },
	{ "certificates.k8s.io", "CertificateSigningRequest", "approval",
	  validate_signing_approval },
};

void schema_validate_subresource(const struct schema_kind *kind, const char *name,
				 const json_t *tree, const json_t *old, struct field_errors *errors)
{
	validate_metadata(kind, tree, old, errors);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (streq(parts[i].name, name) && streq(parts[i].kind, kind->kind) &&
		    streq(parts[i].group, kind->group))
			parts[i].check(tree, old, errors);
}
