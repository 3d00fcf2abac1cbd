#include "common/io/memory.h"

#include <malloc.h>

#define TRIM_AFTER_MS 10000
/* Without these glibc raises its own limits after the first large block, and keeps megabytes. */
#define LARGE_BYTES (256 << 10)

struct memory_trim {
	struct loop_timer *timer;
};

void memory_keep_small(void)
{
	/* A refused setting costs memory, no more. */
	(void)mallopt(M_ARENA_MAX, 1);
	(void)mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
	(void)mallopt(M_TRIM_THRESHOLD, LARGE_BYTES);
}

static void trim(void *ctx)
{
	(void)ctx;
	(void)malloc_trim(0);
}

struct memory_trim *memory_trim_later(struct loop *loop)
{
	struct memory_trim *t = xcalloc(1, sizeof *t);
	t->timer = loop_timer_new(loop, trim, t);
	loop_timer_set(t->timer, TRIM_AFTER_MS);
	return t;
}

void memory_trim_free(struct memory_trim *t)
{
	if (!t)
		return;
	loop_timer_free(t->timer);
	free(t);
}
