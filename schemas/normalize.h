/*
 * normalize.h - a tree against its type: unknown members out, wrong types refused, values in
 * canonical form. What decoding does after the text is a tree. Pure.
 */
#pragma once

#include "schemas/report.h"

/* Which nulls, numbers and such become what stands in normalize.c. In place. */
int normalize_object(const struct schema_type *type, json_t *tree, const struct path *where,
		     struct schema_report *report, struct error *err) MUST_CHECK;
