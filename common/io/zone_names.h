/*
 * zone_names.h - which time zones the machine knows: the names below zone_file.h's folder, read once.
 * Reading blocks for some milliseconds, so it is for a program's start; asking does not.
 */
#pragma once

#include "common/base/base.h"

enum zone_found {
	ZONE_NONE,
	ZONE_KNOWN,
	ZONE_FOLDER, /* Europe */
	ZONE_BROKEN, /* a file that holds no zone: zone.tab */
	ZONE_FOUND_COUNT
};

struct zone_names;

/* NULL: the machine has no zones (package tzdata). */
struct zone_names *zone_names_new(void);
void zone_names_free(struct zone_names *z);
DEFINE_CLEANUP(zone_names)

enum zone_found zone_names_find(const struct zone_names *z, const char *name);
