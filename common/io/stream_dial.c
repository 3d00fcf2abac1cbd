#include "common/io/stream_dial.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

#define PIECE_BYTES (64u << 10)

struct stream_dial {
	int fd;
	gnutls_session_t session;
	gnutls_certificate_credentials_t credentials;
};

void stream_dial_free(struct stream_dial *d)
{
	if (!d)
		return;
	if (d->session)
		gnutls_deinit(d->session);
	if (d->credentials)
		gnutls_certificate_free_credentials(d->credentials);
	if (d->fd >= 0)
		close(d->fd);
	free(d);
}

static int tcp_connect(struct stream_dial *d, const struct stream_dial_options *o,
		       struct error *err)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(o->port) };
	if (inet_pton(AF_INET, o->address, &to.sin_addr) != 1)
		return error_set(err, ERR_INVALID, "'%s' is no IPv4 address", o->address);
	d->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (d->fd < 0)
		return error_set(err, ERR_UNAVAILABLE, "socket: %s", strerror(errno));
	if (connect(d->fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS)
		return error_set(err, ERR_UNAVAILABLE, "dial %s:%u: %s", o->address, o->port,
				 strerror(errno));
	struct pollfd p = { .fd = d->fd, .events = POLLOUT };
	int failure = ETIMEDOUT;
	socklen_t len = sizeof failure;
	if (poll(&p, 1, o->timeout_ms) > 0)
		(void)getsockopt(d->fd, SOL_SOCKET, SO_ERROR, &failure, &len);
	if (failure)
		return error_set(err, ERR_UNAVAILABLE, "dial %s:%u: %s", o->address, o->port,
				 strerror(failure));
	/* From here on blocking, with a limit: a peer that never reads must not hold the thread. */
	struct timeval limit = { .tv_sec = o->timeout_ms / 1000,
				 .tv_usec = o->timeout_ms % 1000 * 1000 };
	int one = 1;
	if (fcntl(d->fd, F_SETFL, fcntl(d->fd, F_GETFL) & ~O_NONBLOCK) < 0 ||
	    setsockopt(d->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) < 0 ||
	    setsockopt(d->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0)
		return error_set(err, ERR_UNAVAILABLE, "socket options: %s", strerror(errno));
	return 0;
}

static gnutls_datum_t datum(const char *text)
{
	return (gnutls_datum_t){ (unsigned char *)(uintptr_t)text, (unsigned)strlen(text) };
}

static int prepare(struct stream_dial *d, const struct stream_dial_options *o)
{
	gnutls_datum_t ca = datum(o->ca_pem), cert = datum(o->cert_pem ? o->cert_pem : ""),
		       key = datum(o->key_pem ? o->key_pem : "");
	int code = gnutls_certificate_allocate_credentials(&d->credentials);
	if (code >= 0)
		code = gnutls_certificate_set_x509_trust_mem(d->credentials, &ca,
							     GNUTLS_X509_FMT_PEM);
	if (code >= 0 && o->cert_pem && o->key_pem)
		code = gnutls_certificate_set_x509_key_mem(d->credentials, &cert, &key,
							   GNUTLS_X509_FMT_PEM);
	if (code >= 0)
		code = gnutls_init(&d->session, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL);
	if (code >= 0)
		code = gnutls_set_default_priority(d->session);
	if (code >= 0)
		code = gnutls_credentials_set(d->session, GNUTLS_CRD_CERTIFICATE,
					      d->credentials);
	return code;
}

static int handshake(struct stream_dial *d, const struct stream_dial_options *o,
		     struct error *err)
{
	int code = prepare(d, o);
	if (code < 0)
		return error_set(err, ERR_INTERNAL, "TLS: %s", gnutls_strerror(code));
	gnutls_session_set_verify_cert(d->session, o->server_name ? o->server_name : o->address, 0);
	gnutls_transport_set_int(d->session, d->fd);
	gnutls_handshake_set_timeout(d->session, (unsigned)o->timeout_ms);
	do
		code = gnutls_handshake(d->session);
	while (code < 0 && !gnutls_error_is_fatal(code));
	if (code < 0)
		return error_set(err, ERR_UNAVAILABLE, "TLS with %s:%u: %s", o->address, o->port,
				 gnutls_strerror(code));
	return 0;
}

int stream_dial_new(const struct stream_dial_options *options, struct stream_dial **ret,
		    struct error *err)
{
	AUTO(stream_dial) *d = xcalloc(1, sizeof *d);
	d->fd = -1;
	int code = tcp_connect(d, options, err);
	if (code == 0)
		code = handshake(d, options, err);
	if (code == 0)
		*ret = TAKE(d);
	return code;
}

int stream_dial_write(struct stream_dial *d, const void *bytes, size_t n)
{
	const char *p = bytes;
	while (n > 0) {
		ssize_t sent = gnutls_record_send(d->session, p, n);
		if (sent == GNUTLS_E_INTERRUPTED)
			continue;
		if (sent <= 0)
			return -1; /* GNUTLS_E_AGAIN too: the time limit passed */
		p += sent;
		n -= (size_t)sent;
	}
	return 0;
}

ssize_t stream_dial_read(struct stream_dial *d, void *buf, size_t max)
{
	ssize_t n;
	do
		n = gnutls_record_recv(d->session, buf, max);
	while (n == GNUTLS_E_INTERRUPTED || n == GNUTLS_E_AGAIN || n == GNUTLS_E_REHANDSHAKE);
	return n == GNUTLS_E_PREMATURE_TERMINATION ? 0 : n < 0 ? -1 : n;
}

int stream_dial_fd(const struct stream_dial *d)
{
	return d->fd;
}

bool stream_dial_has_pending(const struct stream_dial *d)
{
	return gnutls_record_check_pending(d->session) > 0;
}

/* One piece from the node to the client: 1 went on, 0 ended, -1 broke. */
static int node_to_client(struct stream_dial *d, struct http_duplex *client, char *buf)
{
	ssize_t n = stream_dial_read(d, buf, PIECE_BYTES);
	if (n > 0)
		return http_duplex_write(client, buf, (size_t)n) < 0 ? -1 : 1;
	if (n == 0)
		http_duplex_shutdown_write(client);
	return (int)n;
}

static int client_to_node(struct stream_dial *d, struct http_duplex *client, char *buf)
{
	ssize_t n = http_duplex_read(client, buf, PIECE_BYTES);
	if (n > 0)
		return stream_dial_write(d, buf, (size_t)n) < 0 ? -1 : 1;
	if (n == 0)
		(void)gnutls_bye(d->session, GNUTLS_SHUT_WR); /* a failure shows in the other way */
	return n < 0 ? -1 : 0;
}

void stream_dial_relay(struct stream_dial *d, struct http_duplex *client)
{
	auto_free char *buf = xcalloc(PIECE_BYTES, 1);
	bool up = true, down = true; /* client to node, node to client */
	while (down) {
		bool ready_up = up && http_duplex_has_pending(client);
		bool ready_down = gnutls_record_check_pending(d->session) > 0;
		struct pollfd p[2] = { { .fd = up ? http_duplex_fd(client) : -1, .events = POLLIN },
				       { .fd = d->fd, .events = POLLIN } };
		if (!ready_up && !ready_down) {
			if (poll(p, 2, -1) < 0 && errno != EINTR)
				return;
			ready_up = up && p[0].revents;
			ready_down = p[1].revents != 0;
		}
		int code = ready_up ? client_to_node(d, client, buf) : 1;
		if (code < 0)
			return;
		up = up && code > 0;
		code = ready_down ? node_to_client(d, client, buf) : 1;
		if (code < 0)
			return;
		down = code > 0;
	}
}
