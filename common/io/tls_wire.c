#include "common/io/tls_wire.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <poll.h>
#include <sys/socket.h>

#define PIECES_MAX 16

/* ---- reading ---- */

/* What another wire has not used yet moves out of the buffer. */
static void make_room(struct tls_wires *s)
{
	struct tls_wire *w = TAKE(s->reader);
	if (w && s->read_len) {
		w->own = xmemdup(s->read + s->read_at, s->read_len);
		w->own_at = 0;
		w->own_len = s->read_len;
		s->waiting++;
	}
	s->read_at = s->read_len = 0;
}

static ssize_t take_own(struct tls_wire *w, void *buf, size_t max)
{
	size_t n = MIN(max, w->own_len);
	memcpy(buf, w->own + w->own_at, n);
	w->own_at += n;
	w->own_len -= n;
	if (!w->own_len) {
		free(w->own);
		w->own = NULL;
		if (w->shared)
			w->shared->waiting--;
	}
	return (ssize_t)n;
}

static ssize_t take_shared(struct tls_wires *s, void *buf, size_t max)
{
	size_t n = MIN(max, s->read_len);
	memcpy(buf, s->read + s->read_at, n);
	s->read_at += n;
	s->read_len -= n;
	return (ssize_t)n;
}

static ssize_t pull(gnutls_transport_ptr_t wire, void *buf, size_t max)
{
	struct tls_wire *w = wire;
	struct tls_wires *s = w->shared;
	if (w->own_len)
		return take_own(w, buf, max);
	if (!s)
		return recv(w->fd, buf, max, 0);
	if (s->reader == w && s->read_len)
		return take_shared(s, buf, max);
	make_room(s);
	ssize_t n = recv(w->fd, s->read, sizeof s->read, 0);
	if (n <= 0)
		return n;
	s->is_full |= (size_t)n == sizeof s->read;
	w->moved_ms = s->now_ms;
	s->reader = w;
	s->read_len = (size_t)n;
	return take_shared(s, buf, max);
}

static int wait_readable(gnutls_transport_ptr_t wire, unsigned timeout_ms)
{
	const struct tls_wire *w = wire;
	struct pollfd fd = { w->fd, POLLIN, 0 };
	if (tls_wire_has_pending(w))
		return 1;
	return poll(&fd, 1, timeout_ms == GNUTLS_INDEFINITE_TIMEOUT ? -1 : (int)timeout_ms);
}

/* ---- writing ---- */

static bool keep(struct tls_wire *w, const giovec_t *pieces, int count)
{
	struct tls_wires *s = w->shared;
	size_t len = 0;
	for (int i = 0; i < count; i++)
		len += pieces[i].iov_len;
	if (!s || s->holder || len > sizeof s->held)
		return false;
	s->holder = w;
	s->held_len = 0;
	for (int i = 0; i < count; i++) {
		memcpy(s->held + s->held_len, pieces[i].iov_base, pieces[i].iov_len);
		s->held_len += pieces[i].iov_len;
	}
	return true;
}

static size_t held_by(const struct tls_wire *w)
{
	return w->shared && w->shared->holder == w ? w->shared->held_len : 0;
}

/* So many bytes have been sent: how many of them were not of those that waited. */
static size_t account(struct tls_wire *w, size_t sent)
{
	size_t held = held_by(w);
	if (!held)
		return sent;
	struct tls_wires *s = w->shared;
	if (sent >= held) {
		s->holder = NULL;
		return sent - held;
	}
	memmove(s->held, s->held + sent, held - sent);
	s->held_len = held - sent;
	return 0;
}

static ssize_t push(gnutls_transport_ptr_t wire, const giovec_t *pieces, int count)
{
	struct tls_wire *w = wire;
	struct iovec all[PIECES_MAX + 1];
	size_t held = held_by(w), n = 0, wanted = 0;
	if (w->holds_next) {
		w->holds_next = false;
		if (keep(w, pieces, count))
			return (ssize_t)w->shared->held_len;
	}
	if (held)
		all[n++] = (struct iovec){ w->shared->held, held };
	for (int i = 0; i < MIN(count, PIECES_MAX); i++) {
		all[n++] = (struct iovec){ pieces[i].iov_base, pieces[i].iov_len };
		wanted += pieces[i].iov_len;
	}
	const struct msghdr message = { .msg_iov = all, .msg_iovlen = n };
	ssize_t sent = sendmsg(w->fd, &message, MSG_NOSIGNAL);
	if (sent < 0)
		return sent;
	if (w->shared) {
		w->shared->pushes++;
		w->moved_ms = w->shared->now_ms;
	}
	size_t ours = account(w, (size_t)sent);
	if (ours || !wanted)
		return (ssize_t)ours;
	errno = EAGAIN;
	return -1;
}

/* ---- life ---- */

void tls_wire_attach(struct tls_wire *w, struct tls_wires *shared, void *session, int fd)
{
	*w = (struct tls_wire){ .shared = shared, .fd = fd };
	gnutls_transport_set_ptr(session, w);
	gnutls_transport_set_pull_function(session, pull);
	gnutls_transport_set_pull_timeout_function(session, wait_readable);
	gnutls_transport_set_vec_push_function(session, push);
}

void tls_wire_detach(struct tls_wire *w)
{
	struct tls_wires *s = w->shared;
	if (!s)
		return;
	tls_wire_let_go(w);
	if (s->reader == w)
		make_room(s);
	if (s->holder == w)
		s->holder = NULL;
	s->waiting -= w->own_len > 0;
	w->shared = NULL;
}

void tls_wire_fini(struct tls_wire *w)
{
	struct tls_wires *s = w->shared;
	if (s && s->reader == w) {
		s->reader = NULL;
		s->read_len = 0;
	}
	if (s && s->holder == w)
		s->holder = NULL;
	if (s)
		s->waiting -= w->own_len > 0;
	free(w->own);
	*w = (struct tls_wire){ .fd = -1 };
}

void tls_wire_hold(struct tls_wire *w)
{
	w->holds_next = true;
}

void tls_wire_let_go(struct tls_wire *w)
{
	w->holds_next = false;
	if (held_by(w))
		(void)push(w, NULL, 0);
}

bool tls_wire_has_pending(const struct tls_wire *w)
{
	return w->own_len > 0 || (w->shared && w->shared->reader == w && w->shared->read_len > 0);
}
