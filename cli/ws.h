/*
 * ws.h - WebSocket frames (RFC 6455) as a client writes and reads them, and a WebSocket to the API
 * server over TLS with a Kubernetes channel protocol. A channel's number is the first byte of a
 * message.
 *
 * Threads: blocking calls; one thread. The framing part is pure.
 */
#pragma once

#include "cli/session.h"

#define WS_MESSAGE_MAX (4u << 20)

enum ws_opcode {
	WS_CONTINUATION = 0,
	WS_TEXT = 1,
	WS_BINARY = 2,
	WS_CLOSE = 8,
	WS_PING = 9,
	WS_PONG = 10,
};

/* A whole frame, masked with these four bytes, as a client must. */
void ws_frame_add(struct str *out, enum ws_opcode opcode, const uint8_t mask[4], const void *bytes,
		  size_t n);

struct ws_frame {
	enum ws_opcode opcode;
	bool is_final;
	const char *bytes; /* into the input */
	size_t len;
	size_t whole; /* with its header */
};
/* 1: *ret is the first frame of `text`; 0: more bytes are needed; ERR_MALFORMED, ERR_LIMIT. */
int ws_frame_read(const char *text, size_t n, struct ws_frame *ret, struct error *err) MUST_CHECK;

struct ws;

/* GET `target` as an upgrade. `protocols`: "v5.channel.k8s.io, v4.channel.k8s.io". ERR_UNAVAILABLE;
 * a refusal of the server as its own text and code. */
int ws_open(const struct session *s, const char *target, const char *protocols, struct ws **ret,
	    struct error *err) MUST_CHECK;
void ws_free(struct ws *w); /* NULL is fine */
DEFINE_CLEANUP(ws)

const char *ws_protocol(const struct ws *w); /* which one the server took */
int ws_fd(const struct ws *w);
bool ws_has_pending(const struct ws *w); /* ws_receive() will not wait for the network */

/* One message on a channel. -1: broken. */
int ws_send(struct ws *w, uint8_t channel, const void *bytes, size_t n);
/* Reads once and tells every whole message (pings are answered). 1: go on; 0: the server has closed
 * it; -1: broken. */
int ws_receive(struct ws *w,
	       void (*message)(void *ctx, uint8_t channel, const char *bytes, size_t n), void *ctx);
