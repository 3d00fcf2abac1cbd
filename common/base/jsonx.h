/*
 * jsonx.h - short ways through jansson trees.
 *
 * All readers accept NULL and wrong types and then give the default, because
 * what they read has been validated or comes from another version of us.
 * Returned pointers are borrowed until the tree changes.
 */
#pragma once

#include "common/base/base.h"
#include "common/base/error.h"
#include "common/base/str.h"

#include <jansson.h>

static inline void json_ref_cleanup(json_t **j)
{
	json_decref(*j);
}
#define AUTO_JSON __attribute__((cleanup(json_ref_cleanup))) json_t

/* Path of member names: json_at(o, "metadata", "labels"). Borrowed or NULL. */
#define json_at(o, ...) json_at_path((o), (const char *const[]){ __VA_ARGS__, NULL })
json_t *json_at_path(const json_t *o, const char *const *names);

/* Dotted path, for constant member names without dots: json_dig(o, "spec.template.spec"). */
json_t *json_dig(const json_t *o, const char *path);

const char *json_str(const json_t *o, const char *path); /* NULL: absent */
const char *json_str_or(const json_t *o, const char *path, const char *otherwise);
int64_t json_int_or(const json_t *o, const char *path, int64_t otherwise);
bool json_bool_or(const json_t *o, const char *path, bool otherwise);

/* The first element of the list whose member at that path is this text. Borrowed or NULL. */
json_t *json_find(const json_t *list, const char *path, const char *value);

/* Member by exact name (annotations, labels: names with dots). */
const char *json_member_str(const json_t *o, const char *name);

/* Make the objects on the way and set the last; steals `value`. */
void json_put(json_t *o, const char *path, json_t *take_value);
void json_put_str(json_t *o, const char *path, const char *value);
void json_put_int(json_t *o, const char *path, int64_t value);
void json_put_bool(json_t *o, const char *path, bool value);
void json_drop(json_t *o, const char *path); /* remove a member; fine if absent */

/* Parse text of n bytes: one value, no duplicate keys refused here, depth at most
 * 512. ERR_MALFORMED says line and column. */
int json_parse(const char *text, size_t n, json_t **ret, struct error *err) MUST_CHECK;

/* Compact JSON, member order kept. */
void json_print(const json_t *o, struct str *out);
/* Compact JSON, members sorted by name at every level: equal trees, equal bytes. */
void json_print_sorted(const json_t *o, struct str *out);
/* For people: four blanks a level, as kubectl prints. */
void json_print_pretty(const json_t *o, struct str *out);
