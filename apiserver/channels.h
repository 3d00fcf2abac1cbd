/*
 * channels.h - between a WebSocket with Kubernetes' channel protocols, as clients speak it, and
 * what a node's agent and its container runtime speak: SPDY/3.1 streams, or plain bytes for logs.
 *
 * exec, attach  v5.channel.k8s.io, v4.channel.k8s.io: a message's first byte is its channel (0
 *               stdin, 1 stdout, 2 stderr, 3 status, 4 resize); in v5 a message 255, N closes
 *               channel N. Source: KEP-4006, k8s.io/apimachinery remotecommand constants.
 * port-forward  v4.channel.k8s.io with ?ports=: channels 2i (data) and 2i+1 (errors) of port i,
 *               each begun by the server with the port in two bytes, little-endian. One stream a
 *               port; the protocol has no end of one direction.
 * tunnel        SPDY/3.1+portforward.k8s.io: SPDY's bytes in binary messages, as they are.
 * log           binary.k8s.io: the log in binary messages; base64.binary.k8s.io: in text ones.
 *
 * Pure: bytes in, bytes out. Threads: reentrant, one thread a value.
 */
#pragma once

#include "common/base/spdy.h"
#include "common/base/ws_frame.h"

enum channels_kind {
	CHANNELS_EXEC, /* and attach */
	CHANNELS_FORWARD,
	CHANNELS_TUNNEL,
	CHANNELS_LOG,
	CHANNELS_LOG_BASE64,
	CHANNELS_KIND_COUNT,
};

#define CHANNELS_PORTS_MAX  64
#define CHANNELS_STATUS_MAX (64u << 10)

struct channels {
	/* Set by the caller; the rest is its own and begins as {0}. */
	enum channels_kind kind;
	bool has_stdin, has_stdout, has_stderr, has_tty;
	bool can_close; /* v5 */
	uint16_t ports[CHANNELS_PORTS_MAX];
	size_t ports_count;

	struct ws_reader from_client;
	struct spdy_reader from_node;
	bool has_begun_headers;
	uint32_t next_stream;
	uint32_t stream_of[2 * CHANNELS_PORTS_MAX]; /* by channel; 0: none */
	bool is_open_to_node[2 * CHANNELS_PORTS_MAX], is_open_to_client[2 * CHANNELS_PORTS_MAX];
	uint8_t channel; /* of the message under way */
	bool has_channel, is_status_sent, is_close_sent;
	struct str status; /* of an exec, until it is whole */
	char rest[2];      /* base64: bytes that wait for the next ones */
	size_t rest_len;
	bool is_over; /* both sides have said what they had to say, or one broke the rules */
};

/* The answer that makes the connection a WebSocket, and the first frames both ways. */
void channels_begin(struct channels *c, struct str *to_client, struct str *to_node);
void channels_fini(struct channels *c);

/* Bytes of one side; they are changed in place. ERR_MALFORMED: the side breaks its protocol;
 * what has been written to `to_client` by then (a close with the reason) should still be sent. */
int channels_from_client(struct channels *c, char *bytes, size_t n, struct str *to_client,
			 struct str *to_node, struct error *err) MUST_CHECK;
int channels_from_node(struct channels *c, char *bytes, size_t n, struct str *to_client,
		       struct str *to_node, struct error *err) MUST_CHECK;
/* The node has ended its direction: the client hears a status if it has not, and the close. */
void channels_node_ended(struct channels *c, struct str *to_client);
