/*
 * kinds_internal.h - what kinds.c and definition.c share. Nobody else includes it.
 */
#pragma once

#include "schemas/custom.h"
#include "schemas/kinds.h"

struct definition_version {
	char *name;
	char *deprecation; /* what using it warns of; NULL: nothing */
	struct custom *custom;
	uint32_t revision; /* not 0 */
	bool is_served;
};

struct definition {
	char *group, *plural, *singular, *kind, *list_kind;
	char **short_names, **categories; /* NULL-terminated, or NULL */
	bool is_namespaced, is_ending;
	struct definition_version *versions;
	size_t versions_count;
	size_t stored; /* of the versions */
};

/* By group, version, resource: as the kinds are sorted. */
int kind_order(const struct schema_kind *a, const struct schema_kind *b);
