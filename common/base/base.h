/*
 * base.h - the few macros and helpers every file may use. Depends on libc only.
 *
 * Ownership: AUTO(type) frees on every exit, TAKE(p) moves out of a guard.
 * Threads: everything here is reentrant.
 */
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)    ((a) < (b) ? (a) : (b))
#define MAX(a, b)    ((a) > (b) ? (a) : (b))

/* The structure that a member lives in. */
#define CONTAINER_OF(p, type, member) ((type *)(void *)((char *)(p) - offsetof(type, member)))

/* Scope guards. `AUTO(workqueue) *q = workqueue_new(…)` frees on every exit. */
#define AUTO(type) __attribute__((cleanup(type##_cleanup))) struct type
#define auto_free  __attribute__((cleanup(auto_free_cleanup)))
#define auto_close __attribute__((cleanup(auto_close_cleanup)))
#define DEFINE_CLEANUP(type)                                                                       \
	static inline void type##_cleanup(struct type **p)                                         \
	{                                                                                          \
		type##_free(*p);                                                                   \
	}

/* Move ownership out of a guarded variable: `return TAKE(q);`. */
#define TAKE(p)                                                                                    \
	({                                                                                         \
		__typeof__(p) taken_ = (p);                                                        \
		(p) = NULL;                                                                        \
		taken_;                                                                            \
	})

/* The same for a file descriptor, whose empty value is -1. */
#define TAKE_FD(fd)                                                                                \
	({                                                                                         \
		int taken_ = (fd);                                                                 \
		(fd) = -1;                                                                         \
		taken_;                                                                            \
	})

#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define MUST_CHECK             __attribute__((warn_unused_result))

static inline void auto_free_cleanup(void *p)
{
	free(*(void **)p);
}

static inline void auto_close_cleanup(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline bool streq(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

static inline bool starts_with(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

/* Allocation failure is not an error we recover from: see HACKING, Memory. */
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t n, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);
void *xmemdup(const void *p, size_t n);
char *xasprintf(const char *fmt, ...) PRINTF_LIKE(1, 2);
