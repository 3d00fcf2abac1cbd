/*
 * print.h - small things that canonical printing and others share. Pure.
 */
#pragma once

#include "schemas/schema.h"

/* Go's zero value of the field: null, "", 0, false, no elements. */
bool is_empty_value(const struct schema_field *f, const json_t *value);

/* The member names in byte order, borrowed from the object; the array is the caller's. */
const char **sorted_keys(const json_t *object, size_t *ret_count);
