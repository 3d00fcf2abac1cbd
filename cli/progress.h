/*
 * progress.h - one line a workload: on a terminal updated in place, else a line for every
 * change. Colours only on a terminal, and not with NO_COLOR.
 */
#pragma once

#include "common/base/base.h"

enum mark { MARK_NONE, MARK_WAIT, MARK_DONE, MARK_WARN, MARK_FAIL, MARK_COUNT };

struct progress;

/* To standard output. */
struct progress *progress_new(void);
void progress_free(struct progress *p); /* leaves the last state on the screen */
DEFINE_CLEANUP(progress)

/* Lines stand in the order in which their names were first told. */
void progress_tell(struct progress *p, const char *name, enum mark mark, const char *text);
/* Shows what was told since. */
void progress_show(struct progress *p);

/* "\033[32m✓\033[0m", or without the colour. */
const char *mark_text(enum mark mark, bool in_colour);
bool terminal_has_colours(int fd);
/* Columns and rows; false: `fd` is no terminal. */
bool terminal_size(int fd, size_t *ret_columns, size_t *ret_rows);
