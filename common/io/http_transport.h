/*
 * http_transport.h - sending HTTP requests without knowing how. http_client.h
 * implements it with sockets; the simulation with a network it can break.
 *
 * Threads: the loop's. No callback is made inside start(); after cancel() none at all.
 */
#pragma once

#include "common/base/error.h"

#include <stddef.h>
#include <stdint.h>

struct http_header {
	const char *name; /* any case */
	const char *value;
};

struct http_request {
	const char *method; /* "GET" … */
	const char *target; /* "/api/v1/pods?limit=500", already encoded */
	const struct http_header *headers;
	size_t headers_count;
	const void *body; /* copied by start(); NULL: none */
	size_t body_len;
	int body_fd;           /* > 0: the body is this file from its present offset to its end
				  (streamed, chunked where not a plain file); the transport dups it */
	int64_t timeout_ms;    /* whole exchange; 0: none (watches, logs) */
	int64_t idle_ms;       /* give up after so long without a byte; 0: never */
};

/* What happens to a request, in this order: head once, data any number, done once.
 * A failure may skip head and data. */
struct http_events {
	void (*head)(void *ctx, int status, const struct http_header *headers, size_t n);
	void (*data)(void *ctx, const char *bytes, size_t n);
	/* err NULL: a complete answer came. Else ERR_UNAVAILABLE, and whether the server
	 * carried the request out is unknown. The call is freed after this returns. */
	void (*done)(void *ctx, const struct error *err);
};

struct http_call;
struct http_transport;

struct http_transport_ops {
	struct http_call *(*start)(struct http_transport *t, const struct http_request *r,
				   const struct http_events *events, void *ctx);
	void (*cancel)(struct http_transport *t, struct http_call *call);
	void (*free)(struct http_transport *t); /* cancels what is under way */
};

struct http_transport {
	const struct http_transport_ops *ops;
};

static inline struct http_call *http_start(struct http_transport *t, const struct http_request *r,
					   const struct http_events *events, void *ctx)
{
	return t->ops->start(t, r, events, ctx);
}

static inline void http_cancel(struct http_transport *t, struct http_call *call)
{
	t->ops->cancel(t, call);
}

static inline void http_transport_free(struct http_transport *t)
{
	if (t)
		t->ops->free(t);
}
