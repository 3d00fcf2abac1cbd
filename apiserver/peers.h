/*
 * peers.h - the API servers of this cluster. Each tells of itself in a Lease of kube-system, as those
 * of Kubernetes do: `apiserver-…`, held by this life of it, renewed every ten seconds, with the address
 * at which pods reach it as an annotation. Whoever sees a Lease not renewed for fifteen seconds
 * takes the address off it, so that what addresses there are is a question to the Leases alone,
 * and all servers have one answer. A Lease that has ended (an hour without renewal) is removed.
 *
 * Nobody's clock counts for who is alive: a server counts from when it saw the last change, and judges
 * nobody while its own renewals do not arrive.
 *
 * Threads: the core loop's.
 */
#pragma once

#include "apiserver/server_internal.h"

#define PEERS_MAX 64 /* Leases beyond are not looked at */

struct peer_address {
	char ip[16];
	uint16_t port;
};

struct peers;

struct peers *peers_new(struct server *s);
void peers_free(struct peers *p);

/* Of those that are alive, by port and address, none twice; at most PEERS_MAX. */
size_t peers_addresses(const struct peers *p, struct peer_address ret[PEERS_MAX]);

/* Take this server's address off, for it is about to end; `done` in a later turn, a second at most. */
void peers_leave(struct peers *p, void (*done)(void *ctx), void *ctx);

/* ERR_INVALID: no IPv4 address that pods may be told. */
int peers_check_address(const char *text, struct error *err) MUST_CHECK;
