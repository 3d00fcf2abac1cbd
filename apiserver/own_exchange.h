/*
 * own_exchange.h - the server asks itself, as system:masters, through the very handlers that clients
 * use: so what it makes is defaulted, validated and allocated like all else. A PATCH is a merge patch.
 *
 * Threads: the core loop's.
 */
#pragma once

#include "apiserver/server_internal.h"

/* Nobody waits for the answer; a refusal is logged under `who`, but for a conflict, or an object that
 * has gone. */
void own_request(struct server *s, const char *who, const char *method, const char *path,
		 const json_t *body);

/* The server ends: those that have no answer yet get none. */
void own_exchanges_free(struct server *s);

/* By which the server knows its own requests. */
const struct http_exchange_ops *own_exchange_ops(void);

/* "/apis/apps/v1/namespaces/ns/deployments/name"; ns "" and name NULL: without. */
char *own_path(const struct schema_kind *kind, const char *ns, const char *name);
