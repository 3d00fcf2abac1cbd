#include "common/io/stream_dial.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>

struct stream_dial {
	int fd;
	gnutls_session_t session;
	gnutls_certificate_credentials_t credentials;
	int timeout_ms;
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
	int one = 1;
	if (setsockopt(d->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0)
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
		code = gnutls_credentials_set(d->session, GNUTLS_CRD_CERTIFICATE, d->credentials);
	return code;
}

static int64_t now_ms(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail */
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* False: not within the time. */
static bool wait_for(const struct stream_dial *d, short events, int limit_ms)
{
	struct pollfd p = { .fd = d->fd, .events = events };
	int n;
	do
		n = poll(&p, 1, limit_ms);
	while (n < 0 && errno == EINTR);
	return n > 0;
}

static int handshake(struct stream_dial *d, const struct stream_dial_options *o, struct error *err)
{
	int code = prepare(d, o);
	if (code < 0)
		return error_set(err, ERR_INTERNAL, "TLS: %s", gnutls_strerror(code));
	gnutls_session_set_verify_cert(d->session, o->server_name ? o->server_name : o->address, 0);
	gnutls_transport_set_int(d->session, d->fd);
	int64_t end_ms = now_ms() + o->timeout_ms;
	for (;;) {
		code = gnutls_handshake(d->session);
		if (code == 0 || gnutls_error_is_fatal(code))
			break;
		int left_ms = (int)(end_ms - now_ms());
		short events = gnutls_record_get_direction(d->session) ? POLLOUT : POLLIN;
		if (left_ms <= 0 || !wait_for(d, events, left_ms)) {
			code = GNUTLS_E_TIMEDOUT;
			break;
		}
	}
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
	d->timeout_ms = options->timeout_ms;
	int code = tcp_connect(d, options, err);
	if (code == 0)
		code = handshake(d, options, err);
	if (code == 0)
		*ret = TAKE(d);
	return code;
}

/* ---- bytes ---- */

static ssize_t end_read(void *ctx, void *buf, size_t max)
{
	struct stream_dial *d = ctx;
	ssize_t n = gnutls_record_recv(d->session, buf, max);
	if (n >= 0)
		return n;
	if (n == GNUTLS_E_PREMATURE_TERMINATION)
		return STREAM_END; /* a peer that closes without saying so */
	return gnutls_error_is_fatal((int)n) ? STREAM_BROKEN : STREAM_LATER;
}

static ssize_t end_write(void *ctx, const void *bytes, size_t n)
{
	struct stream_dial *d = ctx;
	ssize_t sent = gnutls_record_send(d->session, bytes, n);
	if (sent >= 0)
		return sent;
	return gnutls_error_is_fatal((int)sent) ? STREAM_BROKEN : STREAM_LATER;
}

static void end_shut(void *ctx)
{
	struct stream_dial *d = ctx;
	(void)gnutls_bye(d->session, GNUTLS_SHUT_WR); /* a failure shows in the other direction */
}

static bool end_has_pending(void *ctx)
{
	return stream_dial_has_pending(ctx);
}

struct stream_end stream_dial_end(struct stream_dial *d)
{
	return (struct stream_end){ .read = end_read,
				    .write = end_write,
				    .shut = end_shut,
				    .has_pending = end_has_pending,
				    .fd = d->fd,
				    .ctx = d };
}

int stream_dial_write(struct stream_dial *d, const void *bytes, size_t n)
{
	const char *p = bytes;
	while (n > 0) {
		ssize_t sent = end_write(d, p, n);
		if (sent == STREAM_BROKEN ||
		    (sent == STREAM_LATER && !wait_for(d, POLLOUT, d->timeout_ms)))
			return -1;
		p += MAX(sent, 0);
		n -= (size_t)MAX(sent, 0);
	}
	return 0;
}

ssize_t stream_dial_read_for(struct stream_dial *d, void *buf, size_t max, int limit_ms)
{
	for (;;) {
		ssize_t n = end_read(d, buf, max);
		if (n != STREAM_LATER)
			return n;
		if (!wait_for(d, POLLIN, limit_ms))
			return STREAM_BROKEN;
	}
}

ssize_t stream_dial_read(struct stream_dial *d, void *buf, size_t max)
{
	return stream_dial_read_for(d, buf, max, -1);
}

int stream_dial_fd(const struct stream_dial *d)
{
	return d->fd;
}

bool stream_dial_has_pending(const struct stream_dial *d)
{
	return gnutls_record_check_pending(d->session) > 0;
}
