#include "common/base/arena.h"

#include <stdarg.h>
#include <stdio.h>

#define BLOCK_BYTES 2000 /* with malloc's own, and what follows it, half a page */
#define ALIGNMENT   sizeof(max_align_t)

union head {
	void *before; /* the block before */
	max_align_t aligned;
};

/* Zeroed, and aligned for anything where `n` is a multiple of ALIGNMENT. */
static char *take(struct arena *a, size_t n)
{
	if ((size_t)(a->end - a->at) < n) {
		size_t size = MAX(n, (size_t)BLOCK_BYTES);
		union head *block = xcalloc(1, sizeof *block + size);
		block->before = a->block;
		a->block = block;
		a->at = (char *)(block + 1);
		a->end = a->at + size;
	}
	char *taken = a->at;
	a->at += n;
	return taken;
}

/* The next multiple of ALIGNMENT. */
static size_t rounded(size_t n)
{
	return (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

void *arena_alloc(struct arena *a, size_t n, size_t size)
{
	if (size && n > SIZE_MAX / 2 / size)
		abort(); /* as xcalloc does */
	return take(a, rounded(MAX(n * size, (size_t)1)));
}

char *arena_text(struct arena *a, const char *s)
{
	size_t n = strlen(s) + 1;
	return memcpy(take(a, rounded(n)), s, n);
}

char *arena_format(struct arena *a, const char *fmt, ...)
{
	va_list args;
	auto_free char *text = NULL;
	va_start(args, fmt);
	int n = vasprintf(&text, fmt, args);
	va_end(args);
	if (n < 0)
		abort(); /* out of memory, as in xcalloc */
	return arena_text(a, text);
}

void arena_fini(struct arena *a)
{
	for (union head *block = a->block; block;) {
		union head *before = block->before;
		free(block);
		block = before;
	}
	*a = (struct arena){ 0 };
}
