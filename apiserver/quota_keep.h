/*
 * quota_keep.h - keeps the status of ResourceQuotas: what is bounded, and what of it is used.
 *
 * Threads: the core loop's.
 */
#pragma once

#include "apiserver/server_internal.h"

struct quota_keeper;
struct quota_keeper *quota_keeper_new(struct server *s);
/* A kind has come. */
void quota_keeper_follow(struct quota_keeper *k, const struct schema_kind *kind);
void quota_keeper_free(struct quota_keeper *k);
