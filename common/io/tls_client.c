#include "common/io/tls_client.h"

#include "common/base/str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#define PEM_SIZE_MAX (1u << 20)

struct tls_credentials {
	gnutls_certificate_credentials_t credentials;
	bool is_unverified;
	char *alpn;
};

struct tls_client {
	gnutls_session_t session;
	char *name; /* GnuTLS keeps only the pointer */
	bool is_established, has_unsent;
};

/* ---- credentials ---- */

static gnutls_datum_t datum(const char *text)
{
	return (gnutls_datum_t){ (unsigned char *)(uintptr_t)text, (unsigned)strlen(text) };
}

/* A PEM text or a file's content; neither: NULL. */
static int material(const char *what, const char *file, const char *data, char **ret,
		    struct error *err)
{
	if (data || !file) {
		*ret = data ? xstrdup(data) : NULL;
		return 0;
	}
	AUTO_STR text;
	str_init(&text, PEM_SIZE_MAX);
	auto_close int fd = open(file, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : 1;
	while (n > 0) {
		char *room = str_reserve(&text, 4096);
		n = room ? read(fd, room, 4096) : -1;
		if (n > 0)
			str_grew(&text, (size_t)n);
	}
	if (n < 0)
		return error_set(err, ERR_INVALID, "%s %s: %s", what, file,
				 str_ok(&text) ? strerror(errno) : "larger than 1 MiB");
	*ret = str_take(&text);
	return 0;
}

static int set_trust(struct tls_credentials *c, const struct tls_credentials_options *o,
		     const char *ca_pem, struct error *err)
{
	if (o->is_unverified)
		return 0;
	if (!ca_pem) {
		int code = gnutls_certificate_set_x509_system_trust(c->credentials);
		return code >= 0 ? 0
				 : error_set(err, ERR_INVALID, "the system's certificates: %s",
					     gnutls_strerror(code));
	}
	gnutls_datum_t ca = datum(ca_pem);
	int code = gnutls_certificate_set_x509_trust_mem(c->credentials, &ca, GNUTLS_X509_FMT_PEM);
	if (code > 0)
		return 0;
	return error_set(err, ERR_INVALID, "CA certificate: %s",
			 code < 0 ? gnutls_strerror(code) : "there is none in the text");
}

static int set_own(struct tls_credentials *c, const char *cert_pem, const char *key_pem,
		   struct error *err)
{
	if (!cert_pem != !key_pem)
		return error_set(err, ERR_INVALID, "client certificate and key go together");
	if (!cert_pem)
		return 0;
	gnutls_datum_t cert = datum(cert_pem), key = datum(key_pem);
	int code = gnutls_certificate_set_x509_key_mem(c->credentials, &cert, &key,
						       GNUTLS_X509_FMT_PEM);
	if (code >= 0)
		return 0;
	return error_set(err, ERR_INVALID, "client certificate and key: %s", gnutls_strerror(code));
}

int tls_credentials_new(const struct tls_credentials_options *options, struct tls_credentials **ret,
			struct error *err)
{
	auto_free char *ca = NULL, *cert = NULL, *key = NULL;
	if (material("CA", options->ca_file, options->ca_pem, &ca, err) < 0 ||
	    material("client certificate", options->cert_file, options->cert_pem, &cert, err) < 0 ||
	    material("client key", options->key_file, options->key_pem, &key, err) < 0)
		return err->code;
	struct tls_credentials *c = xcalloc(1, sizeof *c);
	c->is_unverified = options->is_unverified;
	c->alpn = options->alpn ? xstrdup(options->alpn) : NULL;
	if (gnutls_certificate_allocate_credentials(&c->credentials) < 0)
		abort(); /* out of memory, as in xcalloc */
	if (set_trust(c, options, ca, err) < 0 || set_own(c, cert, key, err) < 0) {
		tls_credentials_free(c);
		return err->code;
	}
	*ret = c;
	return 0;
}

void tls_credentials_free(struct tls_credentials *c)
{
	if (!c)
		return;
	gnutls_certificate_free_credentials(c->credentials);
	free(c->alpn);
	free(c);
}

/* ---- a session ---- */

static bool is_address(const char *name)
{
	struct in6_addr any;
	return inet_pton(AF_INET, name, &any) == 1 || inet_pton(AF_INET6, name, &any) == 1;
}

struct tls_client *tls_client_new(const struct tls_credentials *credentials, int fd,
				  const char *name)
{
	struct tls_client *c = xcalloc(1, sizeof *c);
	gnutls_session_t s;
	/* A certificate is shown also to a server that names other CAs: its refusal says more than
	 * its silence. None of these fails but for want of memory, or for what is constant here. */
	if (gnutls_init(&s, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL |
				    GNUTLS_FORCE_CLIENT_CERT) < 0 ||
	    gnutls_set_default_priority(s) < 0 ||
	    gnutls_credentials_set(s, GNUTLS_CRD_CERTIFICATE, credentials->credentials) < 0)
		abort();
	c->session = s;
	c->name = xstrdup(name);
	if (!credentials->is_unverified)
		gnutls_session_set_verify_cert(s, c->name, 0);
	if (!is_address(name)) /* a server without names answers all the same */
		(void)gnutls_server_name_set(s, GNUTLS_NAME_DNS, name, strlen(name));
	if (credentials->alpn) {
		gnutls_datum_t protocol = datum(credentials->alpn);
		if (gnutls_alpn_set_protocols(s, &protocol, 1, GNUTLS_ALPN_MANDATORY) < 0)
			abort();
	}
	gnutls_transport_set_int(s, fd);
	gnutls_handshake_set_timeout(s, GNUTLS_INDEFINITE_TIMEOUT); /* the caller has a timer */
	return c;
}

void tls_client_free(struct tls_client *c)
{
	if (!c)
		return;
	if (c->is_established && !c->has_unsent)
		(void)gnutls_bye(c->session, GNUTLS_SHUT_WR); /* the peer sees the end anyway */
	gnutls_deinit(c->session);
	free(c->name);
	free(c);
}

static int explain(const struct tls_client *c, int code, struct error *err)
{
	gnutls_datum_t text;
	if (code == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR &&
	    gnutls_certificate_verification_status_print(
		    gnutls_session_get_verify_cert_status(c->session), GNUTLS_CRT_X509, &text, 0) >=
		    0) {
		error_set(err, ERR_UNAVAILABLE, "the certificate of %s: %s", c->name,
			  (const char *)text.data);
		gnutls_free(text.data);
	} else if (code == GNUTLS_E_FATAL_ALERT_RECEIVED) {
		error_set(err, ERR_UNAVAILABLE, "TLS: %s says: %s", c->name,
			  gnutls_alert_get_name(gnutls_alert_get(c->session)));
	} else {
		error_set(err, ERR_UNAVAILABLE, "TLS with %s: %s", c->name, gnutls_strerror(code));
	}
	return TLS_BROKEN;
}

enum tls_step tls_client_handshake(struct tls_client *c, struct error *err)
{
	int code;
	do
		code = gnutls_handshake(c->session);
	while (code < 0 && code != GNUTLS_E_AGAIN && !gnutls_error_is_fatal(code));
	if (code == 0) {
		c->is_established = true;
		return TLS_DONE;
	}
	if (code == GNUTLS_E_AGAIN)
		return gnutls_record_get_direction(c->session) ? TLS_WANTS_WRITE : TLS_WANTS_READ;
	(void)explain(c, code, err);
	return TLS_FAILED;
}

ssize_t tls_client_read(struct tls_client *c, void *buf, size_t max, struct error *err)
{
	ssize_t n;
	do
		n = gnutls_record_recv(c->session, buf, max);
	while (n == GNUTLS_E_INTERRUPTED || n == GNUTLS_E_WARNING_ALERT_RECEIVED);
	if (n > 0)
		return n;
	if (n == GNUTLS_E_AGAIN)
		return 0;
	if (n == 0 || n == GNUTLS_E_PREMATURE_TERMINATION)
		return TLS_ENDED;
	return explain(c, (int)n, err);
}

int tls_client_flush(struct tls_client *c, struct error *err)
{
	while (c->has_unsent) {
		ssize_t n = gnutls_record_send(c->session, NULL, 0);
		if (n == GNUTLS_E_AGAIN)
			return 0;
		if (n == GNUTLS_E_INTERRUPTED)
			continue;
		if (n < 0)
			return explain(c, (int)n, err);
		c->has_unsent = false;
	}
	return 0;
}

ssize_t tls_client_write(struct tls_client *c, const void *bytes, size_t n, struct error *err)
{
	const char *at = bytes;
	size_t left = n;
	if (tls_client_flush(c, err) < 0)
		return TLS_BROKEN;
	while (left > 0 && !c->has_unsent) {
		size_t piece = MIN(left, gnutls_record_get_max_size(c->session));
		ssize_t sent = gnutls_record_send(c->session, at, piece);
		if (sent == GNUTLS_E_AGAIN || sent == GNUTLS_E_INTERRUPTED) {
			/* It is encrypted and kept: ours no more, but to be flushed. */
			c->has_unsent = true;
			sent = (ssize_t)piece;
		}
		if (sent < 0)
			return explain(c, (int)sent, err);
		at += sent;
		left -= (size_t)sent;
	}
	return (ssize_t)(n - left);
}

bool tls_client_has_unsent(const struct tls_client *c)
{
	return c->has_unsent;
}

bool tls_client_has_pending(const struct tls_client *c)
{
	return gnutls_record_check_pending(c->session) > 0;
}
