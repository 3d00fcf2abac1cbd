/* Defaults of a schema: where a value is absent, or null and may not be. */
#include "schemas/custom_internal.h"

static bool is_wrong_null(const json_t *value, const struct custom_schema *s)
{
	return json_is_null(value) && s && !s->is_nullable;
}

static json_t *fallback_of(const struct custom_schema *s)
{
	return s->fallback ? json_deep_copy(s->fallback) : json_null();
}

static void default_value(const struct custom_schema *s, json_t *value)
{
	const char *name;
	json_t *below;
	size_t i;
	if (!s || (!json_is_object(value) && !json_is_array(value)))
		return;
	for (i = 0; json_is_object(value) && i < s->members_count; i++) {
		const struct custom_member *m = &s->members[i];
		json_t *now = json_object_get(value, m->name);
		if (m->schema->fallback && (!now || is_wrong_null(now, m->schema)))
			json_object_set_new_nocheck(value, m->name, fallback_of(m->schema));
	}
	json_object_foreach (value, name, below) {
		const struct custom_schema *member = custom_member_of(s, name);
		if (!member && is_wrong_null(below, s->rest)) {
			json_object_set_new_nocheck(value, name, fallback_of(s->rest));
			below = json_object_get(value, name);
		}
		default_value(member ? member : s->rest, below);
	}
	json_array_foreach (value, i, below) {
		if (is_wrong_null(below, s->items)) {
			json_array_set_new(value, i, fallback_of(s->items));
			below = json_array_get(value, i);
		}
		default_value(s->items, below);
	}
}

void custom_default_value(const struct custom_schema *s, json_t *value)
{
	default_value(s, value);
}

void custom_default(const struct custom *c, json_t *tree)
{
	default_value(c->schema, tree);
}
