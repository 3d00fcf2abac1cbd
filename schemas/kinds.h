/*
 * kinds.h - the kinds that one server serves: the constant ones, and those of its
 * CustomResourceDefinitions.
 *
 * A struct schema_kind that was given out stays where it is until kinds_free(), also when its
 * definition changes or goes: only what it says changes, in kinds_set() and kinds_remove(). What it
 * points to (types, columns, texts but group, version and resource) lives until then. So nobody may
 * be using the kinds on another thread meanwhile, where kinds_are_replaced() says so, and nobody may
 * keep what a custom kind points to across such a change.
 *
 * Source: k8s.io/apiextensions-apiserver of Kubernetes 1.36. Pure. Threads: readers any, as above.
 */
#pragma once

#include "schemas/schema.h"

struct kinds;

struct kinds *kinds_new(void);
void kinds_free(struct kinds *k);
DEFINE_CLEANUP(kinds)
/* What is served now, for finding alone: for a worker, while kinds are added on the loop. Those of it
 * are exchanged under the same rule as all others. The caller's. */
struct kinds *kinds_snapshot(const struct kinds *k);
/* The constant ones alone, for client programs. */
const struct kinds *kinds_constant(void);

/* ---- finding: what is served ---- */
size_t kinds_count(const struct kinds *k);
/* Sorted by group, version (as version_order() has it), resource. */
const struct schema_kind *kinds_at(const struct kinds *k, size_t i);
const struct schema_kind *kinds_by_resource(const struct kinds *k, const char *group,
					    const char *version, const char *resource);
const struct schema_kind *kinds_by_kind(const struct kinds *k, const char *group,
					const char *version, const char *kind);
bool kinds_has_group_version(const struct kinds *k, const char *group, const char *version);

/* "get", "list" … */
bool kind_offers(const struct schema_kind *kind, const char *verb);

/* ---- storing ---- */
/* Each group and resource whose objects are stored has a place of its own, from 0 on, for ever; all
 * versions of a kind share it. */
size_t kinds_places(const struct kinds *k);
size_t kind_place(const struct schema_kind *kind);
/* The kind as which objects of the place are stored; NULL: its definition is gone, or it is
 * that of a constant kind which is stored as another. It may be a version that is not served. */
const struct schema_kind *kinds_stored(const struct kinds *k, size_t place);
/* The place of a custom kind's objects; SIZE_MAX: it has none. */
size_t kinds_place_of(const struct kinds *k, const char *group, const char *resource);
/* True for a custom kind whose definition, or version, is gone. */
bool kind_is_gone(const struct schema_kind *kind);
/* The version of the place's kind, served or not; NULL: the definition has none such. */
const struct schema_kind *kinds_version_of(const struct kinds *k, size_t place,
					   const char *version);

/* ---- definitions ---- */
struct definition; /* a CustomResourceDefinition as it is served; immutable */

/* From one that is valid and established. ERR_INVALID: a version cannot be compiled. */
int definition_new(const json_t *tree, struct definition **ret, struct error *err) MUST_CHECK;
void definition_free(struct definition *d);
DEFINE_CLEANUP(definition)
/* Its names are accepted and nothing stands against serving it. */
bool definition_is_established(const json_t *tree);

/* True if taking `d` in changes what a kind that was given out says, be it one of a definition that
 * is gone. */
bool kinds_are_replaced(const struct kinds *k, const struct definition *d);
/* Takes over `d`. Returns the place of its objects; SIZE_MAX: a constant kind has that resource. */
size_t kinds_set(struct kinds *k, struct definition *take_d);
/* Its kinds are served no more. Returns the place; SIZE_MAX: there was none. */
size_t kinds_remove(struct kinds *k, const char *group, const char *resource);

/* Kubernetes' order of versions: negative where `a` comes first: v10, v2, v1, v11beta2, v10beta3,
 * v3beta1, v12alpha1, then all else by name. */
int version_order(const char *a, const char *b);
