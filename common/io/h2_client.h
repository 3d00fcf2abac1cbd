/*
 * h2_client.h - gRPC over one HTTP/2 connection (nghttp2, prior knowledge, plain or TLS) on the
 * loop: many calls at once, unary and streaming, for etcd and containerd.
 *
 * The connection is made by the first call and made again by the next call after it broke;
 * failed attempts are spaced by a back-off. With several endpoints the next one is tried when one
 * fails or ends, without a pause until all were tried. Calls made meanwhile wait for the
 * attempts and fail with the last. Windows are 16 MiB a stream and 64 MiB a connection, so a big
 * answer never waits.
 *
 * Ownership: a call belongs to the client and is freed after its last callback (done), or by
 * grpc_cancel(), after which there is none. Threads: the loop's. No callback is made inside
 * any function here; every function, h2_client_free() too, may be called from a callback.
 */
#pragma once

#include "common/base/error.h"
#include "common/io/loop.h"
#include "common/io/tls_client.h"

#define H2_MESSAGE_MAX ((size_t)64 << 20)

struct h2_client;
struct grpc_call;

enum h2_state {
	H2_IDLE, /* never connected, or nobody asked since the connection ended */
	H2_CONNECTING,
	H2_WAITING, /* an attempt failed; the next one comes after a back-off */
	H2_READY,
	H2_STATE_COUNT,
};

struct h2_endpoint {
	const char *unix_socket; /* path, or NULL: TCP to … */
	const char *host;        /* … an address or a name */
	uint16_t port;
};

struct h2_client_options {
	const struct h2_endpoint *endpoints; /* at least one */
	size_t endpoints_count;
	const struct tls_credentials *tls; /* offering "h2" by ALPN; borrowed; NULL: plain */
	const char *authority;             /* the :authority sent; NULL: "localhost" */
	size_t message_max;         /* one received message; 0: H2_MESSAGE_MAX; beyond: status 8 */
	int64_t connect_timeout_ms; /* 0: 5,000 */
	int64_t keepalive_ms;       /* PING after so long without a byte while calls are open, and
					the connection is given up after as long again; 0: never */
	/* Told after each change of state, in a turn of its own or the one that saw it; may be NULL. */
	void (*state_changed)(void *ctx, enum h2_state state);
	void *ctx;
};

/* Options are copied. ERR_INVALID: no endpoint, or one that cannot be. */
int h2_client_new(struct loop *loop, const struct h2_client_options *options,
		  struct h2_client **ret, struct error *err) MUST_CHECK;
void h2_client_free(
	struct h2_client *c); /* cancels all calls: no callbacks any more; NULL is fine */
DEFINE_CLEANUP(h2_client)

enum h2_state h2_client_state(const struct h2_client *c);
/* Connect without a call, forgetting the back-off. */
void h2_client_connect(struct h2_client *c);
/* Drop the connection: open calls end with GRPC_UNAVAILABLE. The next call connects anew. */
void h2_client_disconnect(struct h2_client *c);

/* The statuses of gRPC that callers branch on; others are possible. */
enum grpc_status {
	GRPC_OK = 0,
	GRPC_CANCELLED = 1,
	GRPC_UNKNOWN = 2,
	GRPC_INVALID_ARGUMENT = 3,
	GRPC_DEADLINE_EXCEEDED = 4,
	GRPC_NOT_FOUND = 5,
	GRPC_ALREADY_EXISTS = 6,
	GRPC_RESOURCE_EXHAUSTED = 8,
	GRPC_FAILED_PRECONDITION = 9,
	GRPC_OUT_OF_RANGE = 11,
	GRPC_UNIMPLEMENTED = 12,
	GRPC_INTERNAL = 13,
	GRPC_UNAVAILABLE = 14,
};

/* How a call ended. Everything is borrowed for the callback. */
struct grpc_reply {
	int status;          /* enum grpc_status, or another of gRPC's */
	const char *message; /* what the server, or we, say about it; "" if nothing */
	const void *bytes;   /* unary: the response message, valid with GRPC_OK */
	size_t len;
	/* False only if the server certainly did not act on the request: it was never sent,
	 * or was refused before processing. */
	bool may_have_run;
	bool is_from_server; /* the status came from the server, not from us */
};

/* Set `err` from a reply that failed: ERR_NOT_FOUND, ERR_EXISTS, ERR_LIMIT, ERR_INVALID,
 * ERR_UNAVAILABLE (14, 4 and 1), else ERR_INTERNAL. Returns the code; 0 with GRPC_OK. */
int grpc_reply_error(const struct grpc_reply *reply, struct error *err);

typedef void grpc_done(void *ctx, const struct grpc_reply *reply);

/* One request, one response. `bytes` is copied. deadline_ms 0: none. */
struct grpc_call *grpc_call(struct h2_client *c, const char *method /* "/etcdserverpb.KV/Txn" */,
			    const void *bytes, size_t len, int64_t deadline_ms, grpc_done *done,
			    void *ctx);

/* A message with room for its frame before it, so that it is packed where it is sent from. */
struct grpc_message {
	uint8_t *memory; /* malloc()ed */
	uint8_t *bytes;  /* inside it: `len` bytes for whoever packs */
	size_t len;
};
struct grpc_message grpc_message_new(size_t len);
struct grpc_call *grpc_call_message(struct h2_client *c, const char *method,
				    struct grpc_message take_message, int64_t deadline_ms,
				    grpc_done *done, void *ctx);

struct grpc_stream_events {
	/* The server accepted the stream (its headers came); may be NULL. */
	void (*opened)(void *ctx);
	/* One whole message, borrowed unless it is kept. */
	void (*message)(void *ctx, const void *bytes, size_t len);
	/* Once, at the end, whoever ended it (but not after grpc_cancel). */
	grpc_done *done;
};

/* A stream with messages both ways; for server streaming send one and finish. */
struct grpc_call *grpc_stream_open(struct h2_client *c, const char *method,
				   const struct grpc_stream_events *events, void *ctx);
/* Queued without limit on our side: who sends much watches grpc_stream_queued(). */
void grpc_stream_send(struct grpc_call *call, const void *bytes, size_t len);
void grpc_stream_send_message(struct grpc_call *call, struct grpc_message take_message);
/* Inside message(): what it was given stays, in memory that the caller now owns and frees. */
void *grpc_stream_keep(struct grpc_call *call) MUST_CHECK;
void grpc_stream_finish(struct grpc_call *call);         /* no more messages from us */
size_t grpc_stream_queued(const struct grpc_call *call); /* bytes not handed to the connection */

void grpc_cancel(struct grpc_call *call);

struct h2_client_counts {
	uint64_t calls_total, connects_total, connects_failed_total, bytes_in, bytes_out;
	uint64_t calls_now;
};
void h2_client_counts(const struct h2_client *c, struct h2_client_counts *ret);
