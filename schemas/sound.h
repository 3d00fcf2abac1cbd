/*
 * sound.h - kinds of which a good object can be told from its canonical bytes: those that are written
 * most and need nothing from admission. "Sound" is what schema_validate() surely finds nothing in, and
 * schema_warnings() neither; whether there is an error, and which, is left to them. Pure.
 */
#pragma once

#include "common/base/scan.h"
#include "schemas/schema.h"

/* Custom kinds are: their schema's rules are canonical_write()'s to judge. */
bool sound_kind(const struct schema_kind *kind);
/* A finished object with the tables' defaults. `old`: what it replaces; absent on create. */
bool sound_object(const struct schema_kind *kind, struct span object, struct span old);
