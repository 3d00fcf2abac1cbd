/*
 * system_objects.h - the objects that every cluster has, as JSON: namespaces, priority classes, roles
 * and bindings, flow schemas and their priority levels, APIServices. system_objects.py makes them from
 * the YAML files in system/. Pure.
 */
#pragma once

#include "common/base/base.h"

#include <jansson.h>

struct system_object {
	const char *group, *version, *kind;
	const char *ns, *name; /* ns "": of the cluster */
	const char *json;
};

extern const struct system_object system_objects[];
extern const size_t system_objects_count;

/* NULL: there is none such. */
const struct system_object *system_object_find(const char *kind, const char *ns, const char *name);
/* The caller's. */
json_t *system_object_tree(const struct system_object *o);
