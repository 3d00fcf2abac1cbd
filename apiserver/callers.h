/*
 * callers.h - who has shown a good token of ours before, and what was found to be allowed to them: a
 * client that asks a thousand times is looked into once, and again whenever something has changed
 * that the answer rests on. That is, of who it is: the token's bytes and times, the ServiceAccounts
 * of the cache, and its Pods, Secrets or Nodes where the token is bound to one; of what is allowed:
 * roles and bindings (rbac_generation). Refusals are never kept.
 *
 * At most 1,024 callers with 16 decisions each are known; a connection keeps the last of its own.
 *
 * Threads: the core loop's.
 */
#pragma once

#include "apiserver/hub.h"
#include "apiserver/request.h"

struct callers;
struct caller;

struct callers *callers_new(struct hub *hub); /* the hub is borrowed */
void callers_free(struct callers *c);
DEFINE_CLEANUP(callers)

/* True: *ret is who it is. False: the token has to be looked into. `memo` is the connection's, or
 * NULL. */
bool callers_know(struct callers *c, struct http_memo *memo, const char *token, int64_t now_s,
		  struct identity *ret);

/* The token of these claims was found good at `now_s`; *who becomes the caller's. */
void callers_learn(struct callers *c, struct http_memo *memo, const char *token,
		   const json_t *claims, int64_t now_s, struct identity *who);

/* `generation` is that of the roles and bindings as they are. Why it was allowed, which the audit log
 * says again; NULL: it was not, or is not known any more. */
const char *caller_was_allowed(const struct caller *k, enum verb verb, const char *path,
			       uint64_t generation);
void caller_allow(struct caller *k, enum verb verb, const char *path, uint64_t generation,
		  const char *reason);

void caller_unref(struct caller *k);
