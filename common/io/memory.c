#include "common/io/memory.h"
#include "common/base/json_memory.h"

#include <fcntl.h>
#include <malloc.h>
#include <time.h>

#define LOOK_EVERY_MS 10000
/* Of the processor, at most so much between two looks: while there is work, giving back would be a long
 * turn. */
#define QUIET_MS  200
#define KEPT_FREE (256u << 10) /* may be free and not given back */
/* Without these glibc raises its own limits after the first large block, and keeps megabytes. */
#define LARGE_BYTES  (256 << 10)
#define REUSED_BYTES (4 << 20)
#define KEPT_BYTES   (16 << 20)

struct memory_trim {
	struct loop_timer *timer;
	int64_t looked_ms; /* of the process' own time */
	size_t trimmed;    /* loose() behind the last time */
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

static size_t resident(void)
{
	char text[128];
	unsigned long pages = 0;
	auto_close int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	text[MAX(n, 0)] = '\0';
	const char *second = strchr(text, ' ');
	if (second)
		pages = strtoul(second, NULL, 10);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* What is resident, and what is free. Of the latter malloc does not know what it has given back
 * already; but that is not resident: so the sum tells of what is both, wherever it came from since the
 * last time. */
static size_t loose(void)
{
	return resident() + mallinfo2().fordblks;
}

static void look(void *ctx)
{
	struct memory_trim *t = ctx;
	int64_t ms = process_ms();
	if (ms - t->looked_ms <= QUIET_MS && loose() >= t->trimmed + KEPT_FREE) {
		json_memory_trim(); /* a few small blocks would keep as many pages */
		(void)malloc_trim(0);
		t->trimmed = loose();
	}
	t->looked_ms = ms;
	loop_timer_set(t->timer, LOOK_EVERY_MS);
}

struct memory_trim *memory_trim_later(struct loop *loop)
{
	struct memory_trim *t = xcalloc(1, sizeof *t);
	t->timer = loop_timer_new(loop, look, t);
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
