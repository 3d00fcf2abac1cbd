/*
 * guardian.h - a daemon that watches over its supervisor: when that dies, it starts a new one,
 * which adopts what runs. Several daemons may do so at once: the supervisor's own lock lets
 * one live.
 *
 * What to start, and for which cluster, stands in the environment: SKIFF_SUPERVISOR (the
 * program) and SKIFF_SUPERVISOR_ROOT. Without them nothing is watched (systemd does it).
 *
 * Threads: the loop's.
 */
#pragma once

#include "common/io/loop.h"

/* Below the cluster's root: while it exists nobody starts a supervisor. */
#define GUARDIAN_STOPPING "run/stopping"

struct guardian;
struct guardian *guardian_new(struct loop *loop); /* NULL: nothing to watch */
void guardian_free(struct guardian *g);           /* NULL is fine */
