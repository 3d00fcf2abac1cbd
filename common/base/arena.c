#include "common/base/arena.h"

#include <stdarg.h>
#include <stdio.h>

static void *keep(struct arena *a, void *block)
{
	if (a->count == a->size) {
		a->size = a->size ? 2 * a->size : 16;
		a->blocks = xrealloc(a->blocks, a->size, sizeof(*a->blocks));
	}
	a->blocks[a->count++] = block;
	return block;
}

void *arena_alloc(struct arena *a, size_t n, size_t size)
{
	return keep(a, xcalloc(MAX(n, (size_t)1), size));
}

char *arena_text(struct arena *a, const char *s)
{
	return keep(a, xstrdup(s));
}

char *arena_format(struct arena *a, const char *fmt, ...)
{
	va_list args;
	char *text;
	va_start(args, fmt);
	int n = vasprintf(&text, fmt, args);
	va_end(args);
	if (n < 0)
		abort(); /* out of memory, as in xcalloc */
	return keep(a, text);
}

void arena_fini(struct arena *a)
{
	for (size_t i = 0; i < a->count; i++)
		free(a->blocks[i]);
	free(a->blocks);
	*a = (struct arena){ 0 };
}
