/* process_internal.h - between process.c (life on the loop) and process_child.c (fork, exec). */
#pragma once

#include "common/io/process.h"

/* ret_output: the reading end of its output where lines were asked for, else -1. */
int process_start_child(const struct process_options *o, pid_t *ret_pid, int *ret_output,
			struct error *err) MUST_CHECK;
