/*
 * memory.h - a daemon gives back what it does not use: one heap for all threads instead of one
 * each, and the memory of its start is returned once that is over.
 */
#pragma once

#include "common/io/loop.h"

/* Call it before the first thread. */
void memory_keep_small(void);

struct memory_trim;
/* Returns free memory to the system once, some seconds from now: when what was read, parsed and
 * built at the start is gone. */
struct memory_trim *memory_trim_later(struct loop *loop);
void memory_trim_free(struct memory_trim *t);
