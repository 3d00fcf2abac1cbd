/*
 * memory.h - a daemon gives back what it does not use: one heap for all threads instead of one
 * each, and what was free when it became quiet is returned.
 */
#pragma once

#include "common/io/loop.h"

/* Call it before the first thread. */
void memory_keep_small(void);

/* After memory_keep_small(), for whoever handles large bodies again and again: blocks up to 4 MiB
 * stay in the heap, and up to 16 MiB at its end. Memory that comes from the system costs a fault a
 * page. */
void memory_reuse_large(void);

struct memory_trim;
/* Returns free memory to the system some seconds from now, when what was read, parsed and built at
 * the start is gone; and again whenever more has become free and the process is quiet. */
struct memory_trim *memory_trim_later(struct loop *loop);
void memory_trim_free(struct memory_trim *t);
