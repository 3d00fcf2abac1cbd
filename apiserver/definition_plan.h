/*
 * definition_plan.h - what the server says in the status of a CustomResourceDefinition: which of its
 * names it has, whether it is served, how far its deletion is. Pure.
 *
 * The names of a group are given to whom asks first: a name that another definition of the group
 * has (plural, singular and short names among each other; kind and list kind) is refused, the others
 * are given. Words, reasons and rules are those of k8s.io/apiextensions-apiserver 1.36.
 */
#pragma once

#include "common/base/map.h"

#include <jansson.h>

#define DEFINITION_FINALIZER "customresourcecleanup.apiextensions.k8s.io"

/* What the other definitions of the group have accepted. */
struct definition_names {
	struct map resources, kinds;
};
void definition_names_add(struct definition_names *names, const json_t *accepted);
void definition_names_fini(struct definition_names *names);

/* Sets in the tree's status what follows from its spec, its names so far and those taken. `now` as
 * metadata shows it. True: the status was another. */
bool definition_plan(json_t *tree, const struct definition_names *taken, const char *now);

/* A DELETE begins: finalizer and condition. */
void definition_begin_end(json_t *tree, const char *now);
/* The finalizer has gone from the tree. */
void definition_note_end(json_t *tree, const char *now);

bool definition_is_ending(const json_t *tree); /* deleted, and its objects still to be deleted */
