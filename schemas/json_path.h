/*
 * json_path.h - pointing into objects as kubectl and printer columns do: .spec.list[0].name, ['a.b'],
 * [-1], [1:3], [0,2], .*, [*], ..name, [?(@.type=="Ready")]. Pure; what is found is borrowed.
 * Source: k8s.io/client-go/util/jsonpath.
 */
#pragma once

#include "common/base/jsonx.h"

struct json_values {
	const json_t **at;
	size_t count; /* at most 100,000 */
};
void json_values_fini(struct json_values *v); /* {0} is fine */

/* In order. What is not there gives nothing. ERR_INVALID: says what of the path is not understood;
 * ERR_LIMIT: a million values were looked at. */
int json_path_find(const char *path, size_t len, const json_t *from, struct json_values *ret,
		   struct error *err) MUST_CHECK;
/* Whether it is understood, whatever the object. */
int json_path_check(const char *path, size_t len, struct error *err) MUST_CHECK;
/* A found value as text: texts as they are, the rest as JSON. */
void json_path_print(const json_t *value, struct str *out);
