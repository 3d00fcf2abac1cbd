/*
 * house.h - keeping the node's disk in order: container logs are rotated (10 MiB, five files a
 * container), logs of lives that nobody can ask for any more go, and so do the files of pods that
 * vanished while the agent was down.
 *
 * Threads: the loop's; the disk is looked at by workers.
 */
#pragma once

#include "common/base/error.h"

#include <stdint.h>

#define LOG_SIZE_MAX  (10 << 20)
#define LOG_FILES_MAX 5

struct agent;
struct house;

struct house *house_new(struct agent *a);
void house_start(struct house *h); /* the agent knows API and runtime */
void house_free(struct house *h);  /* NULL is fine; work under way is forgotten */

/* One container's directory of logs, ATTEMPT.log being written if `is_live`: what is there too
 * long goes; true if ATTEMPT.log was moved to *ret_moved (the caller's), so that the runtime must
 * be told to open it anew. Blocking. */
bool log_rotate(const char *dir, uint32_t attempt, bool is_live, int64_t size_max, int64_t now_ms,
		char **ret_moved);
