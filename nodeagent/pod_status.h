/*
 * pod_status.h - the status of a pod, as the API shows it, from the same facts that pod_plan.h
 * decides from. Pure.
 */
#pragma once

#include "nodeagent/pod_facts.h"

/* A new tree for Pod.status. Conditions that others wrote are kept from the object, and
 * transition times where a condition's status did not change. host_ip may be NULL. */
json_t *pod_status_make(const struct pod_facts *f, const char *host_ip);

/* A condition that the agent writes, and nobody else for long. */
bool pod_condition_is_ours(const char *type);

/* The strategic merge patch that makes stored statuses equal to ours, as far as it is ours. A new
 * tree. */
json_t *pod_status_patch(const json_t *status);

/* Does `stored` hold all that `status` says, in what is ours? Conditions of others do not
 * count, nor do null, "", {} and [] differ from nothing. */
bool pod_status_holds(const json_t *stored, const json_t *status);

/* "Pending", "Running", "Succeeded" or "Failed". */
const char *pod_phase(const struct pod_facts *f);
