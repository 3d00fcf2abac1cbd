/*
 * ws.h - a WebSocket to the API server over TLS with a Kubernetes channel protocol. A channel's
 * number is the first byte of a message.
 *
 * Threads: blocking calls; one thread.
 */
#pragma once

#include "cli/session.h"
#include "common/base/ws_frame.h"

#define WS_MESSAGE_MAX (4u << 20)

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
