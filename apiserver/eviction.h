/*
 * eviction.h - what an eviction is beyond a deletion: the budget of the pod is asked, and taken from
 * in the same transaction; the pod says why it goes. Source: policy/v1 Eviction.
 *
 * Threads: the core loop's.
 */
#pragma once

#include "apiserver/change.h"

/* What the options demand of the pod, in the words of evictions: 0, or 409. */
int eviction_check_preconditions(struct change *c, const json_t *options, struct failure *f);
/* Of the pod in c->old_tree: 0, with the budget's change added to c; or 429, 403, 500. */
int eviction_check(struct change *c, struct failure *f);
/* The condition DisruptionTarget in c->tree. */
void eviction_mark(struct change *c);
