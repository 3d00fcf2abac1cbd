/*
 * gates.h - fields of features that are off: what a client writes there is dropped, unless the
 * object had something of that feature before. Which fields these are, the tables say (`gate`). Pure.
 *
 * Source: the feature gates of Kubernetes 1.36 that are off when nobody says anything, and what its
 * server was seen to drop.
 */
#pragma once

#include "schemas/kinds.h"

#include <jansson.h>

/* In place; `old` NULL: the object is new. True: something was dropped. */
bool schema_drop_gated(const struct schema_kind *kind, json_t *tree, const json_t *old);
