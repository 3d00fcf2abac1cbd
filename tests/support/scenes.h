/*
 * scenes.h - golden files of scenes: a head line, parts, and the answer after "----". Lines that
 * begin with # and empty lines outside of a part are comments.
 *
 *	WORD NAME of VERSION KIND
 *	part 0
 *	was
 *	part 1 (may be absent)
 *	----
 *	the answer
 */
#pragma once

#include "schemas/schema.h"

struct scene {
	const char *file;
	char head[256];
	const struct schema_kind *kind;
	struct str parts[3]; /* the object, the one before, the answer */
};

/* Calls `run` with each scene; ends the program where the file cannot be read. */
void scenes_read(const char *path, const char *word, void (*run)(struct scene *s));
/* The tree of a part with defaults, named x (in namespace d) where it has no name; NULL: `out` says
 * why it cannot be read. */
json_t *scene_parse(const struct scene *s, size_t part, struct str *out);
/* False, and both texts printed, where the answer is not `got`. */
bool scene_check(const struct scene *s, const char *got);
