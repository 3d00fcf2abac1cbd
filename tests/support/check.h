/*
 * check.h - the few checks that unit tests use. A failure prints where, what was
 * expected and what came, and ends the program.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(x)                                                                                   \
	do {                                                                                       \
		if (!(x)) {                                                                        \
			fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #x);          \
			exit(1);                                                                   \
		}                                                                                  \
	} while (0)

#define CHECK_INT(got, want)                                                                       \
	do {                                                                                       \
		long long got_ = (long long)(got), want_ = (long long)(want);                      \
		if (got_ != want_) {                                                               \
			fprintf(stderr, "%s:%d: %s is %lld, expected %lld\n", __FILE__, __LINE__,  \
				#got, got_, want_);                                                \
			exit(1);                                                                   \
		}                                                                                  \
	} while (0)

/* `name` is the table row's. */
#define CHECK_TEXT(name, got, want) check_text(__FILE__, __LINE__, (name), (got), (want))

static inline void check_text(const char *file, int line, const char *name, const char *got,
			      const char *want)
{
	if (got && want && strcmp(got, want) == 0)
		return;
	fprintf(stderr, "%s:%d: %s\n  got      '%s'\n  expected '%s'\n", file, line, name,
		got ? got : "(null)", want ? want : "(null)");
	exit(1);
}
