/*
 * zone.h - whether the zone of a CronJob is one of this machine. It stands here and not among the
 * rules of schemas/, for those know nothing of machines. Pure.
 */
#pragma once

#include "schemas/schema.h"

struct zone_names;

/* `kind` may be any; a zone that `old` had already is let be. `zones` NULL: nothing is looked up. */
void zone_check(const struct zone_names *zones, const struct schema_kind *kind, const json_t *tree,
		const json_t *old, struct field_errors *errors);
