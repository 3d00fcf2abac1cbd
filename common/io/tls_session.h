/*
 * tls_session.h - what http_server needs of GnuTLS about the sessions that libmicrohttpd
 * makes: the server's certificate (replaceable), and who the client is by its own.
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

bool tls_session_is_established(void *session);

struct tls_peer {
	bool is_refused;   /* it has a certificate, but not one of the CA's, of now, for clients */
	char *common_name; /* NULL: no certificate, or refused */
	int64_t until_s;   /* the last second of the certificate */
	char *orgs[16];
	size_t orgs_count;
};
/* The certificate is judged here and not in the handshake, which goes on: who shows a bad one is to be
 * told so in the words of the protocol above. */
void tls_session_peer(void *session, struct tls_peer *ret);
void tls_peer_fini(struct tls_peer *p);
