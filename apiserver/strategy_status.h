/*
 * strategy_status.h - what a write of the status changes of an object. On a worker's copy.
 */
#pragma once

#include <jansson.h>

struct change;

/* c->tree becomes the old object with the new status, and with the metadata that such a write of the
 * kind may bring along: all of it that writers have a say in, or none. */
void strategy_status(struct change *c);

/* The member is in `to` what it is in `from`, or not there either. */
void strategy_keep(json_t *to, const json_t *from, const char *name);
