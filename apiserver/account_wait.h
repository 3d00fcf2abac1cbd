/*
 * account_wait.h - a pod often comes right behind its namespace, before the controller has made the
 * account "default" that it runs as. Its creation waits for that account instead of being refused;
 * Kubernetes asks ten times, over up to two seconds (the admission plugin ServiceAccount).
 *
 * Threads: the core loop's.
 */
#pragma once

#include "apiserver/server_internal.h"

#define ACCOUNT_WAIT_MS 2000

/* Calls go_on once, in a later turn: when the namespace `ns` has its account "default", or after
 * ACCOUNT_WAIT_MS; is_gone: the server goes, and nothing is to be asked of it. */
void account_wait(struct server *s, const char *ns, void (*go_on)(void *ctx, bool is_gone),
		  void *ctx);
/* All who wait hear that the server goes. */
void account_waits_end(struct server *s);
