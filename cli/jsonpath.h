/*
 * jsonpath.h - kubectl's way to point into objects: `{.items[*].metadata.name}`, text around it,
 * ['quoted names'], [0], [-1], [*], [?(@.type=="Ready")], {range …}…{end}, {"\n"}. Pure.
 */
#pragma once

#include "common/base/jsonx.h"

/* ERR_INVALID: says what of the template is not understood. What is not there gives nothing. */
int jsonpath_print(const char *template, const json_t *object, struct str *out,
		   struct error *err) MUST_CHECK;
