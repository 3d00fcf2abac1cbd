/*
 * files.h - small file work of the command line: whole files, directories, commands that are
 * run to their end. Blocking; the command line has no loop to hold up.
 */
#pragma once

#include "common/base/error.h"
#include "common/base/str.h"

int file_read(const char *path, struct str *out, struct error *err) MUST_CHECK;
/* By a temporary name and rename, so a reader sees the old or the new. */
int file_write(const char *path, const void *bytes, size_t n, unsigned mode,
	       struct error *err) MUST_CHECK;
bool file_exists(const char *path);
/* With all parents. */
int dir_make(const char *path, unsigned mode, struct error *err) MUST_CHECK;
/* Removes a tree without crossing into other file systems; nothing there is fine. */
int dir_remove(const char *path, struct error *err) MUST_CHECK;

/* Run argv (NULL-terminated) to its end, at most timeout_ms. Standard output and error go to
 * `out` (NULL: nowhere). 0 and the exit code in *ret_exit, or ERR_UNAVAILABLE: it could not be
 * started or took too long. */
int command_run(const char *const *argv, struct str *out, int timeout_ms, int *ret_exit,
		struct error *err) MUST_CHECK;
/* The same where only success counts: its output is the error's text. */
int command_must(struct error *err, const char *arg0, ...) __attribute__((sentinel)) MUST_CHECK;
/* And where failure is fine (something is gone already). */
void command_try(const char *arg0, ...) __attribute__((sentinel));
