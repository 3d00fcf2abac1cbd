#include "apiserver/system_objects.h"
#include "common/base/jsonx.h"

const struct system_object *system_object_find(const char *kind, const char *ns, const char *name)
{
	for (size_t i = 0; i < system_objects_count; i++) {
		const struct system_object *o = &system_objects[i];
		if (streq(o->name, name) && streq(o->kind, kind) && streq(o->ns, ns))
			return o;
	}
	return NULL;
}

json_t *system_object_tree(const struct system_object *o)
{
	json_t *tree = NULL;
	struct error err;
	int code = json_parse(o->json, strlen(o->json), &tree, &err);
	assert(code == 0);
	return tree;
}
