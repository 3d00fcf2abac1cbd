/*
 * arena.h - memory that lives as long as one request, reply or plan: everything taken from an arena
 * goes with it. {0} is an empty one. Threads: any, one at a time.
 */
#pragma once

#include "common/base/base.h"

struct arena {
	void *block;    /* the last one; each leads to the one before */
	char *at, *end; /* what is left of it */
};
void *arena_alloc(struct arena *a, size_t n, size_t size); /* n × size bytes, zeroed; never NULL */
char *arena_text(struct arena *a, const char *s);
char *arena_format(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);
void arena_fini(struct arena *a);
#define AUTO_ARENA __attribute__((cleanup(arena_fini))) struct arena
