/*
 * tls_client.h - the client's side of TLS 1.2 and 1.3 (GnuTLS) over a socket that does not block.
 * Who owns the socket watches it; every function here does what can be done now.
 *
 * Ownership: credentials are shared by sessions and outlive them. Threads: one at a time.
 */
#pragma once

#include "common/base/error.h"

#include <sys/types.h>

struct tls_credentials;

struct tls_credentials_options {
	const char *ca_pem, *ca_file; /* text or path; neither: the system's */
	const char *cert_pem, *cert_file, *key_pem, *key_file; /* our own certificate, or NULL */
	bool is_unverified; /* take whatever certificate the server shows */
	const char *alpn;   /* the one protocol to offer, e.g. "h2", or NULL */
};
/* Texts are copied, files read once. ERR_INVALID: one cannot be read. */
int tls_credentials_new(const struct tls_credentials_options *options, struct tls_credentials **ret,
			struct error *err) MUST_CHECK;
void tls_credentials_free(struct tls_credentials *c); /* NULL is fine */

struct tls_client;

/* `name`: what the server's certificate must name (host name or address). */
struct tls_client *tls_client_new(const struct tls_credentials *credentials, int fd,
				  const char *name);
void tls_client_free(struct tls_client *c); /* says good-bye if the socket takes it; NULL is fine */

enum tls_step {
	TLS_DONE,
	TLS_WANTS_READ,
	TLS_WANTS_WRITE,
	TLS_FAILED,
};
enum tls_step tls_client_handshake(struct tls_client *c, struct error *err);

#define TLS_ENDED  (-1) /* the peer closed, in order or not */
#define TLS_BROKEN (-2)
/* Bytes; 0: nothing now; TLS_ENDED; TLS_BROKEN with err. */
ssize_t tls_client_read(struct tls_client *c, void *buf, size_t max, struct error *err);
/* Bytes that were taken, perhaps 0; TLS_BROKEN with err. */
ssize_t tls_client_write(struct tls_client *c, const void *bytes, size_t n, struct error *err);
/* Taken, but not yet in the socket: call tls_client_flush when it is writable. */
bool tls_client_has_unsent(const struct tls_client *c);
int tls_client_flush(struct tls_client *c, struct error *err); /* 0, or TLS_BROKEN */
/* Read from the socket, but not yet by the caller: the socket will not say so. */
bool tls_client_has_pending(const struct tls_client *c);
