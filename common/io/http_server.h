/*
 * http_server.h - libmicrohttpd with its own TLS, driven by the loop. Used by the
 * API server and by the node agent's port.
 *
 * Facts this module must honour stand in DESIGN: no wake-up channel of its own,
 * only the loop's thread touches the daemon, upgraded TLS connections are taken over.
 */
#pragma once

#include "common/io/http_exchange.h"
#include "common/io/loop.h"
#include "common/io/stream_relay.h"

struct http_server;

struct http_server_options {
	const char *address;            /* "0.0.0.0", "127.0.0.1"; NULL with unix_socket or fd */
	uint16_t port;                  /* 0: any free one */
	const char *unix_socket;        /* plain HTTP on a unix socket instead, or NULL */
	int listen_fd;                  /* > 0: an inherited listening socket instead */
	const char *cert_pem, *key_pem; /* TLS certificate chain and key as text; NULL: plain */
	/* Client certificates are asked for and checked against it; without one the request is
	 * anonymous; a bad one fails the handshake. */
	const char *client_ca_pem;
	size_t body_max;        /* 0: 3 MiB; beyond: 413 by the server itself, Status JSON */
	size_t connections_max; /* 0: 20,000; beyond, they wait to be accepted */
	size_t connections_per_client_max; /* of one address; 0: no limit; beyond: closed at once */
	unsigned
		idle_timeout_s; /* 0: 120; without a byte; not applied while an answer is pending */
	/* For the TLS handshake, and from the request line to the end of the head (0: 10 s); to the
	 * end of an ordinary body (0: 60 s). Who sends a byte now and then is idle no longer than
	 * idle_timeout_s plus the head's time. */
	int64_t head_timeout_ms, body_timeout_ms;

	/* A complete request. */
	void (*handle)(void *ctx, struct http_exchange *x);
	/* NULL, or asked when the head is there: return true to get the body as a stream
	 * instead (x->body NULL; see http_body_* below), for uploads beyond body_max. */
	bool (*wants_stream)(void *ctx, const char *method, const char *path);
	/* NULL, or asked when the request line is there: may this request take its connection over
	 * (http_takeover)? Then what follows its head is the stream's, not a body or a request. */
	bool (*may_take_over)(void *ctx, const char *path);
	void *ctx;
};

int http_server_new(struct loop *loop, const struct http_server_options *options,
		    struct http_server **ret, struct error *err) MUST_CHECK;
/*
 * Closes all connections: sources are closed, exchanges that wait for their answer are told
 * `gone` (and may be answered even later: that only frees them), streams that were taken over
 * are stopped and waited for. Not from inside a handler.
 */
void http_server_free(struct http_server *s);
uint16_t http_server_port(const struct http_server *s);

/* Replace certificate and key for new connections. */
int http_server_set_certificate(struct http_server *s, const char *cert_pem, const char *key_pem,
				struct error *err) MUST_CHECK;

struct http_server_counts {
	uint64_t connections_now, requests_total, handshakes_failed_total, bytes_in, bytes_out;
	uint64_t streams_now;     /* connections taken over */
	uint64_t refused_total;   /* a client had too many connections */
	uint64_t timed_out_total; /* too slow with a handshake, a head or a body */
};
void http_server_counts(const struct http_server *s, struct http_server_counts *ret);

/* Streamed request body (wants_stream said true): sink gets every piece on the loop and may
 * return false to pause; http_body_resume() goes on. `end` once: complete or peer gone. After
 * the answer was given there are no more calls: what still comes is read and dropped (64 MiB at
 * most), so that the client sees the answer. */
struct http_body_sink {
	bool (*piece)(void *ctx, const char *bytes, size_t n); /* must take all n */
	void (*end)(void *ctx, bool is_complete);
};
void http_body_consume(struct http_exchange *x, const struct http_body_sink *sink, void *ctx);
void http_body_resume(struct http_exchange *x);

/*
 * Take the connection over, for exec, attach and port-forward: the HTTP server
 * lets go of it until the stream ends. `run` is called on a stream thread of its
 * own with blocking reads and writes on the client's side (TLS inside). It writes
 * the HTTP answer itself (101 or an error) and returns when the stream is over; the
 * connection is then closed. Everything it needs must be in ctx, owned by it. Where the peer
 * has left, or 1,024 streams run, `run` is never called and `done` is, at once. What the client
 * sends before the 101 is kept, in the packet (TLS record) of the request's head too, for paths
 * that may_take_over named. Blocking calls of `run` on anything but the duplex must end by
 * themselves when the server ends (http_duplex_* calls and the relay do).
 */
struct http_duplex;
ssize_t http_duplex_read(struct http_duplex *d, void *buf, size_t max); /* 0 = end, -1 = broken */
int http_duplex_write(struct http_duplex *d, const void *bytes, size_t n); /* all, or -1 */
void http_duplex_shutdown_write(struct http_duplex *d);                    /* half-close */
/* For poll(): the descriptor, and whether decrypted bytes already wait. */
int http_duplex_fd(const struct http_duplex *d);
bool http_duplex_has_pending(const struct http_duplex *d);
/* The client as one side of a stream_relay(), and what becomes readable when the server ends. */
struct stream_end http_duplex_end(struct http_duplex *d);
int http_duplex_stop_fd(const struct http_duplex *d);
/* Relay bytes both ways between the client and `fd` (a connected socket, not closed)
 * until both directions have ended or one breaks. Half-close is passed on. `stop_fd`
 * >= 0: becomes readable when the relay must end. */
void http_duplex_relay(struct http_duplex *d, int fd, int stop_fd);

void http_takeover(struct http_exchange *x, void (*run)(void *ctx, struct http_duplex *d),
		   void (*done)(void *ctx) /* on the loop, after run; may be NULL */, void *ctx);
