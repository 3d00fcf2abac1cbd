/*
 * managed.h - metadata.managedFields: who owns which field of an object, and server-side apply.
 *
 * Entries are the JSON list as it is stored: {manager, operation, apiVersion, time, fieldsType,
 * fieldsV1, subresource}. New lists and trees are the caller's. Pure: `now` is given.
 * Source: KEP-555; apimachinery's util/managedfields.
 */
#pragma once

#include "schemas/schema.h"

#define MANAGED_UPDATERS_MAX  10 /* older ones are folded into "ancient-changes" */
#define MANAGED_CONFLICTS_MAX 256

struct managed_writer {
	const struct schema_type *type;
	const char *api_version; /* of the object */
	const char *manager;     /* ?fieldManager, or the user agent up to its first '/' */
	const char *subresource; /* "status", "scale"; "": the object itself */
	const char *ignored; /* the member that this endpoint does not write: "status"; or NULL */
	const char *now;     /* RFC 3339; "": no time is noted */
};

/* The list to begin with: the request's own where it brings a good one (or clears it: [] or [{}]),
 * else the stored one. A list of the caller's. */
json_t *managed_begin(const json_t *stored, const json_t *sent);

/* What a create (`before` {}), update or patch did to the fields; false: nothing to anybody's. */
struct managed_change {
	json_t *taken, *owned, *removed; /* sets; owned: what the writer owns of what it took */
};
bool managed_compare(const struct managed_writer *w, const json_t *before, const json_t *now,
		     struct managed_change *ret);
void managed_change_fini(struct managed_change *c);
/* The entries after it. `entries` as managed_begin gave them. An object that nobody has managed
 * so far stays so. */
json_t *managed_update(const struct managed_writer *w, const json_t *entries,
		       const struct managed_change *change, bool is_create);

/* The list alone, as it is stored; an empty one is nothing. */
void managed_print(const json_t *entries, struct str *out);

struct managed_conflicts {
	struct managed_conflict {
		char *who;  /* '"kubectl" using apps/v1' */
		char *path; /* ".spec.replicas" */
	} at[MANAGED_CONFLICTS_MAX];
	size_t count, total;
};
void managed_conflicts_fini(struct managed_conflicts *c);
/* 'Apply failed with 1 conflict: conflict with "m" using v1: .spec.x' */
void managed_conflicts_text(const struct managed_conflicts *c, struct str *out);

/*
 * `config` applied to `live` ({} where there is none): the new object without managedFields, and
 * its entries. Others' fields are taken over where `force`, else they are conflicts: false, and
 * nothing but `conflicts` is set.
 */
bool managed_apply(const struct managed_writer *w, const json_t *entries, const json_t *live,
		   const json_t *config, bool force, json_t **ret_tree, json_t **ret_entries,
		   struct managed_conflicts *conflicts) MUST_CHECK;
