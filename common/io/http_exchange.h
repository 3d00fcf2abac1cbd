/*
 * http_exchange.h - one request and its answer as a server sees it, whoever
 * carries it: http_server.h (libmicrohttpd) or the simulated network.
 *
 * The handler gets the exchange when the whole body is there and must answer it
 * exactly once (reply, stream or takeover), now or in a later turn. An exchange
 * whose client went away still is answered; the bytes go nowhere. All borrowed
 * pointers live until the answer has been given; `gone` is told when the peer
 * leaves before it (set by the handler, may be NULL).
 *
 * Threads: the loop's, except stream relays, which say so.
 */
#pragma once

#include "common/base/error.h"
#include "common/io/http_transport.h"

#define HTTP_PEER_ORGS_MAX 16

/* Who the client is, as far as the connection says. */
struct http_peer {
	const char *cert_cn;  /* NULL: no verified client certificate */
	int64_t cert_until_s; /* its last second; 0: for ever */
	bool has_bad_cert;    /* one that was not verified */
	const char *cert_orgs[HTTP_PEER_ORGS_MAX];
	size_t cert_orgs_count;
	const char *address; /* "192.0.2.1:51234" or "unix" */
};

/* What a handler wants to know again at the next request of the same connection: released when another
 * takes its place or the connection ends. */
struct http_memo {
	void *value;
	void (*release)(void *value); /* NULL: nothing is there */
};

struct http_exchange;
struct http_stream; /* takeover: bytes both ways, see stream_takeover.h */

/* A body that is produced as the client takes it. */
struct http_source {
	/* Up to max bytes into buf: the count; 0 = nothing now, http_wake() will be
	 * called; -1 = the end; -2 = broken: cut the connection. */
	ssize_t (*read)(void *ctx, char *buf, size_t max);
	/* Called exactly once, when nothing is read any more (end or peer gone). */
	void (*closed)(void *ctx);
};

typedef void http_visit(void *ctx, const char *name, const char *value);

struct http_exchange_ops {
	const char *(*header)(struct http_exchange *x, const char *name);
	/* All values of a header that came more than once, in order; at most max. */
	size_t (*header_values)(struct http_exchange *x, const char *name, const char **ret_values,
				size_t max);
	/* Every header whose name begins so, whatever its case. NULL: there are none. */
	void (*headers_like)(struct http_exchange *x, const char *prefix, http_visit *visit,
			     void *ctx);
	/* The body is copied unless `release` is given: then it is used in place until
	 * release(release_ctx) is called. */
	void (*reply)(struct http_exchange *x, int status, const struct http_header *headers,
		      size_t headers_count, const void *body, size_t body_len,
		      void (*release)(void *ctx), void *release_ctx);
	void (*stream)(struct http_exchange *x, int status, const struct http_header *headers,
		       size_t headers_count, const struct http_source *source, void *ctx);
	/* Data has come for a source that said 0. Harmless at any time until closed(). */
	void (*wake)(struct http_exchange *x);
};

struct http_exchange {
	const struct http_exchange_ops *ops;
	const char *method;
	const char *path;  /* as sent, still percent-encoded, without host and query */
	const char *query; /* as sent, without '?'; "" where there is none */
	const char *body;
	size_t body_len;
	struct http_peer peer;
	struct http_memo *memo; /* the connection's; NULL: nothing can be kept */
	/* The handler's: */
	void *ctx;
	void (*gone)(struct http_exchange *x); /* peer left before the answer */
	/* The answer comes within a turn or two, and no text of a header is kept until then: the
	 * server need not put the connection aside. */
	bool is_brief;
};

static inline const char *http_header_get(struct http_exchange *x, const char *name)
{
	return x->ops->header(x, name);
}

static inline size_t http_header_values(struct http_exchange *x, const char *name,
					const char **ret_values, size_t max)
{
	return x->ops->header_values(x, name, ret_values, max);
}

static inline void http_headers_like(struct http_exchange *x, const char *prefix, http_visit *visit,
				     void *ctx)
{
	if (x->ops->headers_like)
		x->ops->headers_like(x, prefix, visit, ctx);
}

static inline void http_reply(struct http_exchange *x, int status,
			      const struct http_header *headers, size_t headers_count,
			      const void *body, size_t body_len, void (*release)(void *ctx),
			      void *release_ctx)
{
	x->ops->reply(x, status, headers, headers_count, body, body_len, release, release_ctx);
}

static inline void http_stream(struct http_exchange *x, int status,
			       const struct http_header *headers, size_t headers_count,
			       const struct http_source *source, void *ctx)
{
	x->ops->stream(x, status, headers, headers_count, source, ctx);
}

static inline void http_wake(struct http_exchange *x)
{
	x->ops->wake(x);
}
