/*
 * definitions.h - follows the CustomResourceDefinitions in the hub and keeps what is served equal to
 * them; writes their status where it does not follow from what is there, and deletes the objects of
 * those that are being deleted.
 *
 * Here and not in the controller: every server must follow definitions anyhow, and only it knows which
 * objects are left, of whatever version. Several servers may do the same work: it is the same.
 *
 * Kinds are exchanged between the computations of workers: while some run, and what they look at would
 * change, new ones wait.
 *
 * Threads: the core loop's.
 */
#pragma once

#include "apiserver/change.h"

struct definitions;

struct definitions *definitions_new(struct server *s);
void definitions_free(struct definitions *d);

/* Kinds wait to be exchanged: nothing may be given to a worker. */
bool definitions_wait(const struct definitions *d);
/* No worker computes any more. */
void definitions_go_on(struct definitions *d);
/* `then` in a later turn once all that the hub has said is served. */
void definitions_when_served(struct definitions *d, void (*then)(void *ctx), void *ctx);

/* A write of a definition: the status that follows from it, and a guard for its names. */
int admit_definition(struct change *c, struct failure *f);
