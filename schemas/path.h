/*
 * path.h - where in an object we are, as a chain of frames on the callers' stacks; it becomes
 * text only when something is wrong. Frames and names are borrowed. Pure.
 */
#pragma once

#include "common/base/str.h"

enum path_kind { PATH_NAME, PATH_INDEX, PATH_KEY, PATH_ENTRY };

struct path {
	const struct path *up; /* NULL: this is the first */
	enum path_kind kind;
	const char *name; /* PATH_NAME, PATH_ENTRY: ".name", PATH_KEY: "[name]" */
	size_t index;     /* PATH_INDEX: "[3]" */
	/* PATH_NAME: what stands before the name where indexes are not named; or NULL. */
	const char *embedded;
};

/* Frames that live until the end of the enclosing block. */
#define PATH(up_, name_) (&(const struct path){ .up = (up_), .kind = PATH_NAME, .name = (name_) })
#define PATH_AT(up_, i_) (&(const struct path){ .up = (up_), .kind = PATH_INDEX, .index = (i_) })
#define PATH_INSIDE(up_, embedded_, name_)                                                         \
	(&(const struct path){                                                                     \
		.up = (up_), .kind = PATH_NAME, .name = (name_), .embedded = (embedded_) })
#define PATH_OF(up_, key_) (&(const struct path){ .up = (up_), .kind = PATH_KEY, .name = (key_) })

/* Of a map: where it is found, and not named where indexes are not. */
#define PATH_IN(up_, key_) (&(const struct path){ .up = (up_), .kind = PATH_ENTRY, .name = (key_) })

/* "spec.containers[0].name"; without indexes and entries of maps "spec.containers.name". */
void path_text(const struct path *p, bool with_indexes, struct str *out);
char *path_dup(const struct path *p);
