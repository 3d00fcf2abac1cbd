/*
 * qos.h - the class of service of a pod, from what its containers ask for. Pure.
 * Source: upstream's ComputePodQOS.
 */
#pragma once

#include <jansson.h>

/* "Guaranteed": every container has limits for cpu and memory, and requests that equal them.
 * "BestEffort": none has any. Else "Burstable". Of a pod with resources of its own these count. */
const char *pod_qos_class(const json_t *spec);
