/*
 * pod_sum.h - what the containers of a pod ask for together. Pure.
 * Source: upstream's AggregateContainerRequests (KEP-753, KEP-2837).
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "schemas/quantity.h"

/* What pods may have as a whole: cpu, memory, large pages. */
bool pod_has_resource(const char *name);

/* Of "requests" or "limits", in thousandths; saturates. Main containers and those that run beside
 * them add up; one that ends before counts with those that were started before it. */
int64_t pod_resource_sum(const json_t *spec, const char *which, const char *name);

/* The amount (thousandths) as text. */
void pod_resource_text(const char *name, int64_t milli, char out[QUANTITY_TEXT_SIZE]);
