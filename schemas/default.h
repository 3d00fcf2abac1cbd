/*
 * default.h - defaults that depend on other fields, by kind; the rest stands in the tables.
 * Trees are normalized and, but for default_fields(), have had the tables' defaults. Pure.
 */
#pragma once

#include "schemas/schema.h"

/* The tables' own, at every level. */
void default_fields(const struct schema_type *type, json_t *tree);

void default_pod(json_t *pod);
void default_pod_spec(json_t *spec); /* of a pod or a template */
void default_service(json_t *service);
void default_secret(json_t *secret); /* stringData goes into data */
void default_workload(const char *kind, json_t *workload);
void default_daemon_set(json_t *spec);
void default_stateful_set(json_t *spec);
void default_group(const struct schema_kind *kind, json_t *tree); /* all other kinds */

/* Set a text that is absent or empty, a number that is absent. */
void default_text(json_t *o, const char *name, const char *value);
/* Set a text that is absent; an empty one was given, and stays. */
void default_pointer(json_t *o, const char *name, const char *value);
void default_int(json_t *o, const char *name, int64_t value);
/* The member object, made where it is absent; NULL where `o` is no object. */
json_t *default_object(json_t *o, const char *name);
