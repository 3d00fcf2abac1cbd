/*
 * output.h - how objects are shown: -o yaml, json, name, wide, jsonpath=TEXT. To standard output.
 */
#pragma once

#include "cli/kinds.h"

enum output_form {
	OUTPUT_TABLE,
	OUTPUT_WIDE,
	OUTPUT_YAML,
	OUTPUT_JSON,
	OUTPUT_NAME,
	OUTPUT_JSONPATH,
	OUTPUT_FORM_COUNT
};

static inline bool output_is_table(enum output_form f)
{
	return f == OUTPUT_TABLE || f == OUTPUT_WIDE;
}

/* `text` NULL: a table. ERR_INVALID. */
int output_parse(const char *text, enum output_form *ret, struct error *err) MUST_CHECK;
/* One object; `text` is what followed -o. managedFields are left out. 0 or the exit code. */
int output_object(enum output_form form, const char *text, const struct kind *k,
		  const json_t *object);
/* As kind List. */
int output_list(enum output_form form, const char *text, const json_t *items);
