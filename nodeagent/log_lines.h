/*
 * log_lines.h - container logs in CRI's format ("TIME stream F|P text"), turned into what
 * `kubectl logs` shows. Pure: bytes in, bytes out; log_file.h reads the file.
 */
#pragma once

#include "common/base/error.h"
#include "common/base/str.h"

struct log_options {
	bool follow, timestamps, is_previous;
	int64_t tail_lines;  /* < 0: all */
	int64_t since_us;    /* Unix; 0: all */
	int64_t limit_bytes; /* < 0: none */
	const char *stream;  /* "stdout", "stderr", or NULL: both */
};

/* One line without its newline. False: not to be shown. Appends to out. */
bool log_line(const struct log_options *o, const char *line, size_t n, struct str *out);

/* The query of /containerLogs. ERR_MALFORMED names the parameter. now_us for sinceSeconds. */
int log_options_parse(const char *query, int64_t now_us, struct log_options *ret,
		      struct error *err) MUST_CHECK;

/* One parameter of a query, decoded: the nth of that name. The caller's; NULL: absent. */
char *query_value(const char *query, const char *name, size_t nth);
bool query_true(const char *query, const char *name); /* "1", "true" or without a value */
