/*
 * strategy_pod.h - what a new pod is given once, whoever made it. Pure.
 * Source: upstream's pod strategy (KEP-3243, KEP-3633).
 */
#pragma once

#include <jansson.h>

/* Its first status; labels of the pod that its constraints name come into their selectors; a negative
 * grace is 1 s. `now` as text. */
void strategy_create_pod(json_t *pod, const char *now);
