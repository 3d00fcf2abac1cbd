/*
 * log_file.h - one reader of one container's log: from the tail on, and, when following,
 * what is added until the container has ended. Reads in slices of 64 KiB.
 *
 * Threads: the loop's.
 */
#pragma once

#include "common/io/loop.h"
#include "nodeagent/log_lines.h"

struct log_file;

struct log_file_options {
	const char *path; /* copied */
	struct log_options log;
	/* More can be read now (log_file_read said 0 before). */
	void (*wake)(void *ctx);
	/* Asked at the end of the file when following: will more come? */
	bool (*is_live)(void *ctx);
	void *ctx;
};

/* ERR_NOT_FOUND: there is no such file. */
int log_file_open(struct loop *loop, const struct log_file_options *options, struct log_file **ret,
		  struct error *err) MUST_CHECK;
void log_file_free(struct log_file *f); /* NULL is fine */

/* As http_source.read: bytes, 0: nothing now, -1: the end, -2: broken. */
ssize_t log_file_read(struct log_file *f, char *buf, size_t max);
