/*
 * endpoints_keep.h - keeps the Endpoints and the EndpointSlices of the Service `kubernetes`: the
 * addresses of all API servers that are alive (peers.h). Where none is, they are left as they are.
 * One slice has one port; servers at another port than the first have slices `kubernetes-PORT`.
 *
 * Threads: the core loop's.
 */
#pragma once

#include "apiserver/server_internal.h"

struct endpoints_keeper;

struct endpoints_keeper *endpoints_keeper_new(struct server *s);
void endpoints_keeper_free(struct endpoints_keeper *k);

/* The addresses are others. NULL is fine. */
void endpoints_keeper_follow(struct endpoints_keeper *k);

/* They were found right since; or nobody is told how to reach this server. */
bool endpoints_keeper_is_right(const struct endpoints_keeper *k);
