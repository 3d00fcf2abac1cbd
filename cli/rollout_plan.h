/*
 * rollout_plan.h - a Deployment's kept revisions, and the patch that goes back to one. Pure.
 */
#pragma once

#include "common/base/jsonx.h"

int64_t rollout_revision(const json_t *object); /* of a ReplicaSet or Deployment; 0: none */

/* The ReplicaSets among `sets` that the owner controls, oldest revision first. A new array. */
json_t *rollout_revisions(const json_t *sets, const char *owner_uid);

/* A JSON patch of the Deployment; revision 0: the one before the present. *ret NULL: it is there
 * already. ERR_NOT_FOUND: no such revision. */
int rollout_undo_patch(const json_t *deployment, const json_t *revisions, int64_t revision,
		       json_t **ret, struct error *err) MUST_CHECK;
