/*
 * field_set.h - sets of fields as managedFields writes them (FieldsV1): a tree of JSON objects whose
 * names are path elements: "f:name" (a member of a struct or map), "k:{…}" (an element of a
 * list, by its keys), "v:…" (an element of a list, by its value). A node without members, or
 * with a member ".", is itself in the set; other nodes only hold what is. The root is
 * never in the set.
 *
 * All functions give new trees (the caller's) and leave their arguments alone. NULL is the empty
 * set as an argument. Pure. Source: KEP-555; sigs.k8s.io/structured-merge-diff, fieldpath.
 */
#pragma once

#include "common/base/error.h"
#include "common/base/str.h"

#include <jansson.h>

bool field_set_is_empty(const json_t *set);
bool field_node_is_member(const json_t *node);
/* Make the node itself a member; children stay. */
void field_node_add_self(json_t *node);

json_t *field_set_union(const json_t *a, const json_t *b);
json_t *field_set_intersection(const json_t *a, const json_t *b);
/* Members of `a` that are not in `b`. */
json_t *field_set_difference(const json_t *a, const json_t *b);

/* A path element as people read it: '.name', '[key="value",other=1]', '[="value"]'. */
void field_element_text(const char *name, struct str *out);

/* Each member's path as people read it: '.spec.containers[name="c"].image'; members of a node
 * before what lies below them. `each` borrows the text. */
void field_set_each(const json_t *set, void (*each)(void *ctx, const char *path), void *ctx);

/* A tree that somebody else wrote: names of path elements, objects all the way down, no deeper than
 * 512. ERR_MALFORMED. */
int field_set_check(const json_t *set, struct error *err) MUST_CHECK;
