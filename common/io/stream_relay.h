/*
 * stream_relay.h - bytes both ways between two connections, as they are or through a translator,
 * until both directions have ended or one breaks. No direction ever waits for the other: a side
 * that does not read holds up only those who send to it.
 *
 * Threads: blocks; for stream threads (http_takeover), one a relay.
 */
#pragma once

#include "common/base/str.h"

#include <sys/types.h>

/* One side; calls do not block. */
struct stream_end {
	/* Bytes; STREAM_END, STREAM_BROKEN, STREAM_LATER. */
	ssize_t (*read)(void *ctx, void *buf, size_t max);
	/* How many were taken; STREAM_BROKEN, STREAM_LATER. */
	ssize_t (*write)(void *ctx, const void *bytes, size_t n);
	void (*shut)(void *ctx);        /* nothing more will be written */
	bool (*has_pending)(void *ctx); /* bytes wait that poll() does not see; may be NULL */
	int fd;
	void *ctx;
};

enum { STREAM_END = 0, STREAM_BROKEN = -1, STREAM_LATER = -2 };

/* What is made of the bytes; all NULL: nothing. Negative: that side broke its protocol. */
struct stream_filter {
	int (*from_left)(void *ctx, char *bytes, size_t n, struct str *to_left,
			 struct str *to_right);
	int (*from_right)(void *ctx, char *bytes, size_t n, struct str *to_left,
			  struct str *to_right);
	void (*right_ended)(void *ctx, struct str *to_left);
	/* Nothing more will come out of it: what is written is sent, then the relay ends. */
	bool (*is_over)(void *ctx);
	void *ctx;
};

struct stream_relay_options {
	const struct stream_filter *filter; /* NULL: half-closes are passed on, too */
	/* First of all, to the left and to the right; NULL: nothing. */
	const struct str *to_left, *to_right;
	/* When the right one has ended and everything was sent: how long the left one may take to
	 * end as well (closed with bytes unread, its connection would be reset and what was sent
	 * last be lost). Negative: as long as it wants. */
	int linger_ms;
	int stop_fds[2]; /* readable: end now; -1: none */
};

void stream_relay(const struct stream_end *left, const struct stream_end *right,
		  const struct stream_relay_options *options);
