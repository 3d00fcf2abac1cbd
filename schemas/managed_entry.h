/* managed_entry.h - what managed.c and managed_apply.c share: the entries of managedFields. */
#pragma once

#include "schemas/field_walk.h"
#include "schemas/managed.h"

/* The set without the member that the endpoint does not write. */
json_t *managed_written(const struct managed_writer *w, const json_t *set);
/* And without what every object has and nobody owns: apiVersion, kind, name, uid and so on. */
json_t *managed_ownable(const json_t *set);

json_t *managed_entry_new(const char *manager, const char *operation, const char *api_version,
			  const char *subresource, json_t *take_set);
const json_t *managed_entry_set(const json_t *entry);
bool managed_entry_is_applied(const json_t *entry);
/* Every entry but `except` (NULL: none) without the fields in `set`; empty ones go. */
void managed_take_from_all(json_t *entries, const json_t *except, const json_t *set);
/* Sorted as the API shows them: operation, time, manager, version, subresource. */
json_t *managed_sorted(const json_t *entries);
