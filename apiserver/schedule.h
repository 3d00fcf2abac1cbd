/*
 * schedule.h - whether a CronJob's schedule can be read. It stands here and not among the rules of
 * schemas/, for those know nothing of plans. Pure.
 */
#pragma once

#include "schemas/schema.h"

/* `kind` may be any. */
void schedule_check(const struct schema_kind *kind, const json_t *tree,
		    struct field_errors *errors);
