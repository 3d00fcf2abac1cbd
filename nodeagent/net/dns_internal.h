/* dns_internal.h - the parts of the DNS server: sockets, TCP connections, questions sent on. */
#pragma once

#include "common/base/str.h"
#include "nodeagent/net/dns_server.h"

#include <netinet/in.h>

/* ---- dns_forward.c: the host's resolvers ---- */
struct dns_forward;
struct dns_ask;
/* bytes NULL: nobody answered. */
typedef void dns_ask_done(void *ctx, const uint8_t *bytes, size_t size);

struct dns_forward *dns_forward_new(struct loop *loop, const char *resolv_conf,
				    const char *own_address);
void dns_forward_free(struct dns_forward *f); /* nobody is told any more */
/* NULL: there is no resolver, or too much is under way. done comes in a later turn, once. */
struct dns_ask *dns_forward_ask(struct dns_forward *f, const uint8_t *packet, size_t size,
				bool by_tcp, dns_ask_done *done, void *ctx);
void dns_ask_cancel(struct dns_ask *a);

/* ---- dns_server.c ---- */
struct dns_tcp_connection;
struct dns_client {
	struct dns_tcp_connection *connection; /* NULL: UDP */
	struct sockaddr_in from;
};
void dns_serve(struct dns_server *s, const struct dns_client *client, const uint8_t *packet,
	       size_t size);
/* The connection is going: nothing may be sent to it. */
void dns_serve_forget(struct dns_server *s, const struct dns_tcp_connection *connection);

/* ---- dns_tcp.c ---- */
struct dns_tcp;
struct dns_tcp *dns_tcp_new(struct loop *loop, struct dns_server *server, int fd);
void dns_tcp_start(struct dns_tcp *t);
void dns_tcp_free(struct dns_tcp *t); /* NULL is fine; the listening socket stays the caller's */
void dns_tcp_send(struct dns_tcp_connection *c, const uint8_t *bytes, size_t size);
