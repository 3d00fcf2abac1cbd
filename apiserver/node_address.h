/*
 * node_address.h - where a node's agent listens.
 */
#pragma once

#include "apiserver/server_internal.h"

struct node_address {
	char ip[64];
	uint16_t port;
};

/* -1 and the failure where the node is unknown or has said nothing yet. */
int node_address_of(struct server *s, const char *node, struct node_address *ret,
		    struct failure *f);
