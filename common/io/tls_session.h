/*
 * tls_session.h - what http_server needs of GnuTLS about the sessions that libmicrohttpd
 * makes: the server's certificate (replaceable), checking the client's, and who it is.
 * Sessions are passed as void *, so that GnuTLS' types end in tls_session.c.
 */
#pragma once

#include "common/base/error.h"

struct tls_identity; /* a certificate chain and its key, parsed */

int tls_identity_new(const char *cert_pem, const char *key_pem, struct tls_identity **ret,
		     struct error *err) MUST_CHECK;
void tls_identity_free(struct tls_identity *i);

/* For MHD_OPTION_HTTPS_CERT_CALLBACK: asks `find` for the identity of a session, given the
 * session's user pointer (the MHD_Connection). `find` is the same for all servers. */
typedef const struct tls_identity *tls_find_identity(void *session_user);
void (*tls_identity_callback(tls_find_identity *find))(void);

/* The handshake fails if the client sends a certificate that the CA did not sign. */
void tls_session_check_client(void *session);
bool tls_session_is_established(void *session);

struct tls_peer {
	char *common_name; /* NULL: no certificate */
	char *orgs[16];
	size_t orgs_count;
};
void tls_session_peer(void *session, struct tls_peer *ret);
void tls_peer_fini(struct tls_peer *p);
