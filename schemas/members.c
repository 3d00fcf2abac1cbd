#include "schemas/members.h"

/* The field of a name; clients send members in the table's order, so it is often the next one. */
static size_t place_of(const struct schema_type *type, size_t hint, const char *name)
{
	for (size_t i = hint; i < type->fields_count && i < hint + 3; i++)
		if (strcmp(type->fields[i].name, name) == 0)
			return i;
	const struct schema_field *f = schema_field_of(type, name);
	return f ? (size_t)(f - type->fields) : SIZE_MAX;
}

void members_open(struct members *m, const struct schema_type *type, const json_t *tree)
{
	size_t hint = 0;
	const char *name;
	json_t *value;
	m->type = type;
	m->tree = tree;
	m->there = 0;
	if (type->fields_count > MEMBERS_MAX)
		return;
	json_object_foreach ((json_t *)(uintptr_t)tree, name, value) {
		size_t place = place_of(type, hint, name);
		if (place == SIZE_MAX)
			continue;
		m->values[place] = value;
		m->there |= (uint64_t)1 << place;
		hint = place + 1;
	}
}
