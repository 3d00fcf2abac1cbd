/*
 * flow_keep.h - says of every flow schema whether its priority level exists, and removes what claims
 * to be one of the defaults and is not (flow_defaults.h).
 *
 * Threads: the core loop's.
 */
#pragma once

struct flow_keeper;
struct server;

struct flow_keeper *flow_keeper_new(struct server *s);
void flow_keeper_free(struct flow_keeper *k);
