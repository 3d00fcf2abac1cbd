/*
 * dns_server.h - the sockets of cluster DNS: takes those that the supervisor holds (LISTEN_FDS),
 * so that no question is lost when the agent is started anew; else binds the address itself.
 * What is not ours goes to the host's resolvers.
 *
 * Nothing is answered before the caches hold their first list: questions wait in the socket.
 *
 * Threads: the loop's.
 */
#pragma once

#include "common/io/loop.h"
#include "nodeagent/net/dns.h"

struct dns_server_options {
	struct loop *loop;
	struct dns_zone zone;
	struct cache *services, *slices; /* the zone's, to know when they are filled */
	const char *address;             /* borrowed for ever */
	uint16_t port;                   /* 0: 53 */
	const char *resolv_conf;         /* NULL: /etc/resolv.conf; borrowed for ever */
};

struct dns_server;
int dns_server_new(const struct dns_server_options *options, struct dns_server **ret,
		   struct error *err) MUST_CHECK;
void dns_server_free(struct dns_server *s);
DEFINE_CLEANUP(dns_server)
