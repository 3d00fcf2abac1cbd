/*
 * derive.h - an object of a custom kind as its definition says it now, from what the store holds.
 *
 * As Kubernetes reads etcd: defaulted by the version that it was stored in, then what the storage
 * version of now does not describe goes. Pure.
 */
#pragma once

#include "apiserver/object.h"
#include "schemas/kinds.h"

/* At the version of `o`; the caller's. Made of o->raw where there is one. */
struct object *object_derived(const struct kinds *kinds, size_t place, struct object *o);
