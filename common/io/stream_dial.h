/*
 * stream_dial.h - the client side of a TLS stream for the stream threads: dial a node agent,
 * speak HTTP by hand, and relay bytes between it and a taken-over connection.
 *
 * Threads: blocking calls, for stream threads (http_takeover) and for programs without a loop in
 * the way (the command line); one thread a dial.
 */
#pragma once

#include "common/base/error.h"
#include "common/io/stream_relay.h"

#include <stdint.h>

struct stream_dial;

struct stream_dial_options {
	const char *address; /* IP */
	uint16_t port;
	const char *server_name; /* the certificate must be for it; NULL: the address */
	const char *ca_pem;
	const char *cert_pem, *key_pem; /* NULL: no client certificate */
	int timeout_ms; /* for connecting, the handshake, and every blocked write */
};

/* ERR_UNAVAILABLE: nobody answers, or the certificate is not good. */
int stream_dial_new(const struct stream_dial_options *options, struct stream_dial **ret,
		    struct error *err) MUST_CHECK;
void stream_dial_free(struct stream_dial *d); /* NULL is fine */
DEFINE_CLEANUP(stream_dial)

int stream_dial_write(struct stream_dial *d, const void *bytes, size_t n); /* all, or -1 */

/* Bytes, 0 at the end, -1 broken. Blocks; `_for` so long at most, then -1. For poll(): the
 * descriptor, and whether decrypted bytes already wait. */
ssize_t stream_dial_read(struct stream_dial *d, void *buf, size_t max);
ssize_t stream_dial_read_for(struct stream_dial *d, void *buf, size_t max, int limit_ms);
int stream_dial_fd(const struct stream_dial *d);
bool stream_dial_has_pending(const struct stream_dial *d);

/* As one side of a stream_relay(). */
struct stream_end stream_dial_end(struct stream_dial *d);
