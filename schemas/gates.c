#include "schemas/gates.h"
#include "common/base/jsonx.h"

struct gates {
	const struct schema_type *root;
	const json_t *old;
	bool has_dropped;
};

typedef bool visit_value(struct gates *g, const struct schema_type *type, json_t *value,
			 const char *gate);

/* Until one of a field's values says true. */
static bool each_value(struct gates *g, const struct schema_field *f, json_t *value,
		       visit_value *visit, const char *gate)
{
	size_t i;
	json_t *item;
	const char *name;
	if (f->shape == SCHEMA_ONE)
		return visit(g, f->type, value, gate);
	json_array_foreach (value, i, item)
		if (visit(g, f->type, item, gate))
			return true;
	json_object_foreach (value, name, item)
		if (f->shape == SCHEMA_MAP && visit(g, f->type, item, gate))
			return true;
	return false;
}

static bool leads_on(const struct schema_field *f)
{
	return f->form == SCHEMA_OBJECT && f->type->leads_to_gate;
}

/* Whether something of the feature stands in an object. */
static bool uses(struct gates *g, const struct schema_type *type, json_t *tree, const char *gate)
{
	for (size_t i = 0; i < type->fields_count; i++) {
		const struct schema_field *f = &type->fields[i];
		json_t *value = json_object_get(tree, f->name);
		if (!value)
			continue;
		if (f->gate && streq(f->gate, gate))
			return true;
		if (leads_on(f) && each_value(g, f, value, uses, gate))
			return true;
	}
	return false;
}

static bool drop(struct gates *g, const struct schema_type *type, json_t *tree, const char *nothing)
{
	for (size_t i = 0; i < type->fields_count; i++) {
		const struct schema_field *f = &type->fields[i];
		json_t *value = json_object_get(tree, f->name);
		if (!value)
			continue;
		if (f->gate && !uses(g, g->root, (json_t *)(uintptr_t)g->old, f->gate)) {
			json_object_del(tree, f->name);
			g->has_dropped = true;
		} else if (leads_on(f)) {
			bool was_empty = json_object_size(value) == 0;
			(void)each_value(g, f, value, drop, nothing);
			/* A struct that said nothing else is not there any more. */
			if (f->shape == SCHEMA_ONE && f->keeps_empty && !was_empty &&
			    json_object_size(value) == 0)
				json_object_del(tree, f->name);
		}
	}
	return false;
}

/* A claim's source in another namespace goes as a whole, and stays in templates of claims: the one gate
 * that counts in one kind only. */
static bool drop_foreign_source(json_t *tree, const json_t *old)
{
	static const char space[] = "spec.dataSourceRef.namespace";
	if (!json_dig(tree, space) || json_dig(old, space))
		return false;
	json_object_del(json_object_get(tree, "spec"), "dataSourceRef");
	return true;
}

bool schema_drop_gated(const struct schema_kind *kind, json_t *tree, const json_t *old)
{
	struct gates g = { .root = kind->type, .old = old };
	if (kind->type->leads_to_gate)
		(void)drop(&g, kind->type, tree, NULL);
	if (streq(kind->kind, "PersistentVolumeClaim") && !*kind->group)
		g.has_dropped |= drop_foreign_source(tree, old);
	return g.has_dropped;
}
