#include "common/io/memory.h"
#include "common/base/json_memory.h"

#include <malloc.h>
#include <time.h>

#define LOOK_EVERY_MS 10000
#define BUSY_MS       500 /* of the processor since the last time: there is something to give back */
#define QUIET_MS      1000 /* at most so much of it between two looks */
/* Without these glibc raises its own limits after the first large block, and keeps megabytes. */
#define LARGE_BYTES  (256 << 10)
#define REUSED_BYTES (4 << 20)
#define KEPT_BYTES   (16 << 20)

struct memory_trim {
	struct loop_timer *timer;
	int64_t trimmed_ms, looked_ms; /* of the process' own time */
};

void memory_keep_small(void)
{
	/* A refused setting costs memory, no more. */
	(void)mallopt(M_ARENA_MAX, 1);
	(void)mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
	(void)mallopt(M_TRIM_THRESHOLD, LARGE_BYTES);
}

void memory_reuse_large(void)
{
	(void)mallopt(M_MMAP_THRESHOLD, REUSED_BYTES);
	(void)mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
	/* Else the end of each large block merges all small ones that were freed, at once. */
	(void)mallopt(M_MXFAST, 0);
}

static int64_t process_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void look(void *ctx)
{
	struct memory_trim *t = ctx;
	int64_t ms = process_ms();
	if (ms - t->looked_ms <= QUIET_MS && ms - t->trimmed_ms >= BUSY_MS) {
		(void)malloc_trim(0);
		t->trimmed_ms = ms;
	}
	t->looked_ms = ms;
	loop_timer_set(t->timer, LOOK_EVERY_MS);
}

struct memory_trim *memory_trim_later(struct loop *loop)
{
	struct memory_trim *t = xcalloc(1, sizeof *t);
	t->timer = loop_timer_new(loop, look, t);
	t->trimmed_ms = -BUSY_MS; /* after the start in any case */
	loop_timer_set(t->timer, LOOK_EVERY_MS);
	return t;
}

void memory_trim_free(struct memory_trim *t)
{
	if (!t)
		return;
	loop_timer_free(t->timer);
	free(t);
}
