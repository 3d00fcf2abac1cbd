/*
 * pod_status.h - the status of a pod, as the API shows it, from the same facts that pod_plan.h
 * decides from. Pure.
 */
#pragma once

#include "nodeagent/pod_facts.h"

/* A new tree for Pod.status. Conditions that others wrote are kept from the object, and
 * transition times where a condition's status did not change. host_ip may be NULL. */
json_t *pod_status_make(const struct pod_facts *f, const char *host_ip);

/* "Guaranteed", "Burstable" or "BestEffort" of a PodSpec. */
const char *pod_qos_class(const json_t *spec);
/* "Pending", "Running", "Succeeded" or "Failed". */
const char *pod_phase(const struct pod_facts *f);
