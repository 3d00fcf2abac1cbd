/*
 * tables.h - what schemas/generate.py makes: all types (sorted by name) and all kinds (sorted
 * by group, version, newest first, resource). Only the files of schemas/ include this.
 */
#pragma once

#include "schemas/schema.h"

struct schema_tables {
	const struct schema_type *types;
	size_t types_count;
	const struct schema_kind *kinds;
	size_t kinds_count;
};

extern const struct schema_tables schema_tables;
