#include "common/io/stream_relay.h"

#include <errno.h>
#include <poll.h>
#include <time.h>

#define PIECE_BYTES (64u << 10)
/* A translated piece is at most ten times as large (frames of one byte). */
#define OUT_MAX (4u << 20)
/* With so much unsent towards one side, nothing is read that could add to it. */
#define OUT_ENOUGH (256u << 10)

struct side {
	const struct stream_end *end;
	struct str out; /* to be written to it */
	size_t sent;    /* of that */
	bool has_ended; /* it says no more */
	bool must_shut; /* nothing more is added to `out` */
	bool is_shut;
	bool has_hung_up; /* poll() would say so again and again */
};

struct relay {
	const struct stream_relay_options *options;
	struct side left, right;
	char *buf;
	bool is_broken;
	int64_t linger_until_ms; /* 0: not yet */
};

static int64_t now_ms(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail */
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static size_t unsent(const struct side *s)
{
	return s->out.len - s->sent;
}

/* ---- one side's turn ---- */

static void flush(struct relay *r, struct side *s)
{
	while (unsent(s) > 0) {
		ssize_t n = s->end->write(s->end->ctx, s->out.data + s->sent, unsent(s));
		if (n == STREAM_BROKEN)
			r->is_broken = true;
		if (n <= 0)
			return;
		s->sent += (size_t)n;
	}
	str_clear(&s->out);
	s->sent = 0;
	if (s->must_shut && !s->is_shut) {
		s->is_shut = true;
		s->end->shut(s->end->ctx);
	}
}

static bool is_over(const struct relay *r)
{
	const struct stream_filter *f = r->options->filter;
	return f && f->is_over(f->ctx);
}

static void pass(struct relay *r, struct side *from, size_t n)
{
	const struct stream_filter *f = r->options->filter;
	bool is_left = from == &r->left;
	int code = 0;
	if (!f)
		str_add_bytes(is_left ? &r->right.out : &r->left.out, r->buf, n);
	else if (!is_over(r)) /* else it is read away */
		code = (is_left ? f->from_left : f->from_right)(f->ctx, r->buf, n, &r->left.out,
								&r->right.out);
	if (code < 0)
		r->right.must_shut = r->left.must_shut = true;
	r->is_broken |= !str_ok(&r->left.out) || !str_ok(&r->right.out);
}

static void ended(struct relay *r, struct side *from)
{
	const struct stream_filter *f = r->options->filter;
	from->has_ended = true;
	if (from == &r->right) {
		if (f && !is_over(r))
			f->right_ended(f->ctx, &r->left.out);
		r->left.must_shut = true;
	} else {
		/* A translated protocol says its end in frames: without them the peer has gone. */
		r->is_broken |= f && !is_over(r);
		r->right.must_shut = true;
	}
}

static bool may_read(const struct relay *r, const struct side *from)
{
	const struct side *to = from == &r->left ? &r->right : &r->left;
	if (from->has_ended)
		return false;
	if (from == &r->right && is_over(r))
		return false;
	return unsent(to) == 0 && unsent(from) < OUT_ENOUGH;
}

static void pull(struct relay *r, struct side *from)
{
	ssize_t n = from->end->read(from->end->ctx, r->buf, PIECE_BYTES);
	if (n == STREAM_BROKEN)
		r->is_broken = true;
	else if (n == STREAM_END)
		ended(r, from);
	else if (n > 0)
		pass(r, from, (size_t)n);
}

/* ---- the whole ---- */

/* A side that is full or waits for the other one is still watched for a reset. */
static struct pollfd poll_side(const struct relay *r, const struct side *s)
{
	short events = (short)((may_read(r, s) ? POLLIN : 0) | (unsent(s) ? POLLOUT : 0));
	bool is_watched = events || !(s->has_ended || s->is_shut || s->has_hung_up);
	return (struct pollfd){ is_watched ? s->end->fd : -1, events, 0 };
}

static bool is_readable(struct relay *r, struct side *s, const struct pollfd *p)
{
	s->has_hung_up |= (p->revents & POLLHUP) != 0;
	if (p->revents & POLLERR && !may_read(r, s))
		r->is_broken = true;
	return may_read(r, s) && p->revents & (POLLIN | POLLHUP | POLLERR);
}

static bool has_pending(const struct relay *r, const struct side *s)
{
	return may_read(r, s) && s->end->has_pending && s->end->has_pending(s->end->ctx);
}

/* How long to wait; 0 at once; negative for ever. */
static int wait_ms(struct relay *r)
{
	if (has_pending(r, &r->left) || has_pending(r, &r->right))
		return 0;
	if (r->options->linger_ms < 0 || !r->left.is_shut)
		return -1;
	int64_t now = now_ms();
	if (!r->linger_until_ms)
		r->linger_until_ms = now + r->options->linger_ms;
	return (int)MAX(r->linger_until_ms - now, 0);
}

/* False: that was all. */
static bool step(struct relay *r)
{
	const int *stop = r->options->stop_fds;
	int limit_ms = wait_ms(r);
	bool left_pending = has_pending(r, &r->left), right_pending = has_pending(r, &r->right);
	struct pollfd p[] = { poll_side(r, &r->left),
			      poll_side(r, &r->right),
			      { stop[0], POLLIN, 0 },
			      { stop[1], POLLIN, 0 } };
	int n = poll(p, ARRAY_LEN(p), limit_ms);
	if (n < 0)
		return errno == EINTR;
	if (n == 0 && !left_pending && !right_pending)
		return false; /* lingered long enough */
	if (p[2].revents || p[3].revents)
		return false;
	if (is_readable(r, &r->left, &p[0]) || left_pending)
		pull(r, &r->left);
	/* Asked again: what the left one said may have filled the way back. */
	if (is_readable(r, &r->right, &p[1]) || has_pending(r, &r->right))
		pull(r, &r->right);
	if (is_over(r))
		r->left.must_shut = r->right.must_shut = true;
	flush(r, &r->left);
	flush(r, &r->right);
	return !r->is_broken;
}

static void side_init(struct side *s, const struct stream_end *end, const struct str *begin)
{
	*s = (struct side){ .end = end };
	str_init(&s->out, OUT_MAX);
	if (begin)
		str_add_bytes(&s->out, begin->data, begin->len);
}

void stream_relay(const struct stream_end *left, const struct stream_end *right,
		  const struct stream_relay_options *options)
{
	auto_free char *buf = xcalloc(1, PIECE_BYTES);
	struct relay r = { .options = options, .buf = buf };
	side_init(&r.left, left, options->to_left);
	side_init(&r.right, right, options->to_right);
	flush(&r, &r.left);
	flush(&r, &r.right);
	while (!r.is_broken && !(r.left.has_ended && r.left.is_shut && r.right.is_shut))
		if (!step(&r))
			break;
	str_fini(&r.left.out);
	str_fini(&r.right.out);
}
