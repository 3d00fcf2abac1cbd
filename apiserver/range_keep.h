/*
 * range_keep.h - keeps further ServiceCIDRs as Kubernetes' controller does: each has a finalizer and
 * says that it is ready; one that is deleted stays while a Service has an address that is of no other
 * range, and says so. The one of the servers' own range is bootstrap.h's. By events.
 *
 * None is given out of a range after it was deleted, through whichever server: a Service that takes an
 * address of it compares the ServiceCIDR (alloc_address.c). So who sees the deletion sees all that was
 * given.
 *
 * Threads: the core loop's.
 */
#pragma once

#include "apiserver/server_internal.h"

struct range_keeper;

struct range_keeper *range_keeper_new(struct server *s);
void range_keeper_free(struct range_keeper *k);
