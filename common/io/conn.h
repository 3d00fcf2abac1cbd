/*
 * conn.h - a connection as a stream of bytes on the loop: a unix socket, or TCP to an address or a
 * name, with TLS or without. HTTP/1.1 and gRPC stand on it.
 *
 * Ownership: options are copied, credentials borrowed. conn_free() may be called inside
 * happened(), after which there are no events. No event is told inside any function here.
 * Threads: the loop's; names are looked up on a worker.
 */
#pragma once

#include "common/io/loop.h"
#include "common/io/tls_client.h"

struct conn;

enum conn_event {
	CONN_OPEN,     /* connected, the handshake is done */
	CONN_READABLE, /* conn_read() has something to say */
	CONN_WRITABLE, /* asked for by conn_want_write() */
	CONN_LOST,     /* before it was open: conn_why() */
};

struct conn_options {
	const char *unix_socket; /* path, or NULL: TCP to … */
	const char *host;        /* … an address or a name */
	uint16_t port;
	const struct tls_credentials *tls; /* NULL: plain */
	const char *server_name;           /* what its certificate must name; NULL: host */
	int64_t timeout_ms;                /* until it is open */
	void (*happened)(void *ctx, enum conn_event event);
	void *ctx;
};

struct conn *conn_new(struct loop *loop, const struct conn_options *options);
void conn_free(struct conn *c); /* NULL is fine */

#define CONN_ENDED  TLS_ENDED
#define CONN_BROKEN TLS_BROKEN
/* Bytes; 0: nothing now; CONN_ENDED: the peer closed; CONN_BROKEN: conn_why(). */
ssize_t conn_read(struct conn *c, void *buf, size_t max);
/* Bytes that were taken, perhaps 0; CONN_BROKEN: conn_why(). */
ssize_t conn_write(struct conn *c, const void *bytes, size_t n);
void conn_want_write(struct conn *c, bool wants);

bool conn_is_open(const struct conn *c);
const char *conn_why(const struct conn *c); /* borrowed */
