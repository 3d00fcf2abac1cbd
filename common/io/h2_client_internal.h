/*
 * h2_client_internal.h - what h2_client.c (the connection), h2_client_call.c (calls on it)
 * and h2_client_receive.c (what comes back) share. Nobody else includes it.
 */
#pragma once

#include "common/base/rng.h"
#include "common/base/str.h"
#include "common/io/conn.h"
#include "common/io/h2_client.h"

#include <nghttp2/nghttp2.h>

#define FRAME_HEADER 5 /* gRPC: compressed flag, big-endian length */

struct grpc_call {
	struct h2_client *client;
	struct grpc_call *prev, *next; /* the client's list, in order of making; or its graveyard */
	char *method;
	struct grpc_stream_events events;
	void *ctx;
	struct loop_timer *deadline; /* NULL: none */
	int64_t deadline_at_ms;
	uint64_t epoch;    /* calls of an older epoch end with the lost connection */
	int32_t stream_id; /* 0: waits for the connection */
	bool is_unary;
	bool is_gone;     /* ended or cancelled: in the graveyard */
	bool is_finished; /* no more messages from us */
	bool is_sent;     /* its HEADERS left the session */
	bool is_complete; /* both sides have said everything: nothing to reset */
	bool is_closed;   /* ends with close_code in a turn of its own */
	uint32_t close_code;
	bool is_refused;  /* the server said that it did nothing */
	bool is_deferred; /* nghttp2 waits for grpc_stream_send */
	struct str send;  /* framed messages */
	size_t send_at;
	struct str in; /* frames not yet delivered; unary: the whole response */
	bool is_kept;  /* its memory is somebody else's now */
	int http_status;
	int status;    /* grpc-status, -1: not seen */
	char *message; /* grpc-message, decoded */
};

struct h2_client {
	struct loop *loop;
	struct h2_client_options options;
	struct h2_endpoint *endpoints;    /* own copies */
	size_t endpoints_count, endpoint; /* the latter: the one used, or tried next */
	char *authority;
	enum h2_state state, announced;
	struct conn *conn;
	struct loop_timer *timer;     /* back-off */
	struct loop_timer *keepalive; /* keepalive_ms */
	struct loop_timer *later;     /* what must not happen inside a caller's function */
	nghttp2_session *session;
	nghttp2_session_callbacks *callbacks;
	uint8_t *piece; /* READ_SIZE bytes: what was read last */
	struct str out; /* bytes that the socket did not take yet */
	struct grpc_call *first, *last, *graveyard;
	uint64_t epoch;
	unsigned depth; /* > 0: inside a callback of the loop */
	bool is_freed;  /* h2_client_free was called in there */
	bool is_broken; /* writing failed: ends in the next turn */
	bool has_heard; /* the peer has sent something on this connection */
	bool is_ping_out;
	int64_t heard_ms;
	unsigned failures; /* attempts in a row */
	struct rng rng;
	char broken_why[160];
	struct h2_client_counts counts;
};

/* Around everything the loop calls: frees and writes wait for the outermost leave. */
void h2_enter(struct h2_client *c);
void h2_leave(struct h2_client *c);

void h2_sweep(struct h2_client *c); /* free the buried calls; not inside a callback */

/* Write what the session has, unless inside a callback, where h2_leave() does. */
void h2_flush(struct h2_client *c);
/* The session cannot go on: the connection is dropped in the next turn. */
void h2_mark_broken(struct h2_client *c, const char *why);

/* h2_client_call.c */
void call_submit(struct grpc_call *call);
void call_end(struct grpc_call *call, int status, const char *message, bool is_from_server);
void call_bury(struct grpc_call *call);

/* h2_client_receive.c */
void calls_end_closed(struct h2_client *c);
ssize_t call_read(nghttp2_session *session, int32_t stream_id, uint8_t *buf, size_t max,
		  uint32_t *flags, nghttp2_data_source *source, void *ctx);
void calls_set_callbacks(nghttp2_session_callbacks *callbacks);
