/*
 * node_relay.h - what a stream thread does for a client of exec, attach, port-forward or log: it
 * dials the agent of the pod's node, sends it the request, and relays until both have ended.
 *
 * Threads: made on the loop, run on a stream thread, freed on the loop.
 */
#pragma once

#include "apiserver/channels.h"
#include "apiserver/node_address.h"
#include "common/io/http_server.h"

struct node_relay {
	struct node_address node;
	char *ca, *cert, *key; /* PEM */
	struct str head;       /* the request as the agent gets it */
	/* A WebSocket whose channels are translated; else bytes pass as they are. */
	bool is_translated;
	struct channels channels;
	const char *protocol; /* static; "": none */
	char *websocket_key;
};

struct node_relay *node_relay_new(const struct node_address *node, const char *ca_pem,
				  const char *cert_pem, const char *key_pem);
void node_relay_free(struct node_relay *n); /* NULL is fine */

/* For http_takeover(). */
void node_relay_run(void *relay, struct http_duplex *client);
void node_relay_done(void *relay);
