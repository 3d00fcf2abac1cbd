#include "schemas/schema.h"
#include "schemas/tables.h"

size_t schema_kinds_count(void)
{
	return schema_tables.kinds_count;
}

const struct schema_kind *schema_kind_at(size_t i)
{
	assert(i < schema_tables.kinds_count);
	return &schema_tables.kinds[i];
}

const struct schema_kind *schema_kind_by_resource(const char *group, const char *version,
						  const char *resource)
{
	for (size_t i = 0; i < schema_tables.kinds_count; i++) {
		const struct schema_kind *k = &schema_tables.kinds[i];
		if (streq(k->resource, resource) && streq(k->group, group) &&
		    streq(k->version, version))
			return k;
	}
	return NULL;
}

const struct schema_kind *schema_kind_by_kind(const char *group, const char *version,
					      const char *kind)
{
	for (size_t i = 0; i < schema_tables.kinds_count; i++) {
		const struct schema_kind *k = &schema_tables.kinds[i];
		if (streq(k->kind, kind) && streq(k->group, group) && streq(k->version, version))
			return k;
	}
	return NULL;
}

const struct schema_type *schema_type_by_name(const char *name)
{
	size_t low = 0, high = schema_tables.types_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(name, schema_tables.types[middle].name);
		if (order == 0)
			return &schema_tables.types[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

const struct schema_field *schema_field_of(const struct schema_type *t, const char *name)
{
	size_t low = 0, high = t->fields_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct schema_field *f = &t->fields[t->by_name[middle]];
		int order = strcmp(name, f->name);
		if (order == 0)
			return f;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

bool schema_group_version_exists(const char *group, const char *version)
{
	for (size_t i = 0; i < schema_tables.kinds_count; i++) {
		const struct schema_kind *k = &schema_tables.kinds[i];
		if (streq(k->group, group) && streq(k->version, version))
			return true;
	}
	return false;
}

void schema_api_version(const struct schema_kind *k, struct str *out)
{
	if (*k->group) {
		str_add(out, k->group);
		str_add_char(out, '/');
	}
	str_add(out, k->version);
}
