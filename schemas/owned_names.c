#include "schemas/owned_names.h"

const struct schema_field *owned_custom_field(const struct schema_type *type, struct span name)
{
	size_t from = 0, to = type->fields_count;
	while (from < to) {
		size_t middle = (from + to) / 2;
		const char *its = type->fields[middle].name;
		int order = strncmp(its, name.at, name.len);
		if (order == 0 && !its[name.len])
			return &type->fields[middle];
		if (order < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return type->rest;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

#define KEYS_MAX 8

bool owned_name_by_keys(struct arena *arena, const struct field_slot *s, struct span item,
			struct span *ret)
{
	const char *keys[KEYS_MAX];
	struct span values[KEYS_MAX];
	size_t count = 0, size = 2, there = 0;
	if (*item.at != '{')
		return false;
	for (const char *const *key = s->field->list_map_keys; key && *key; key++) {
		if (count == KEYS_MAX)
			return false;
		keys[count++] = *key;
	}
	if (count > 1)
		qsort(keys, count, sizeof *keys, by_text);
	for (size_t i = 0; i < count; i++) {
		values[i] = scan_member(item, keys[i]);
		const struct schema_field *f =
			values[i].at ? NULL : schema_field_of(s->field->type, keys[i]);
		if (f && f->default_json)
			values[i] = (struct span){ f->default_json, strlen(f->default_json) };
		if (s->field->type->is_custom && values[i].at && !owned_is_plain(values[i]))
			return false;
		size += values[i].at ? strlen(keys[i]) + values[i].len + 4 : 0;
	}
	char *text = arena_alloc(arena, size, 1), *to = text;
	for (size_t i = 0; i < count; i++) {
		if (!values[i].at)
			continue;
		to = stpcpy(to, there++ ? ",\"" : "{\"");
		to = stpcpy(to, keys[i]);
		to = stpcpy(to, "\":");
		to = mempcpy(to, values[i].at, values[i].len);
	}
	*to++ = '}';
	*ret = (struct span){ text, (size_t)(to - text) };
	return there > 0;
}

bool owned_is_plain(struct span value)
{
	if (*value.at == '"')
		return !memchr(value.at, '\\', value.len);
	for (size_t i = 0; i < value.len; i++)
		if (strchr("{[.eE", value.at[i]) && value.at[value.len - 1] != 'e')
			return false;
	return *value.at != '{' && *value.at != '[';
}
