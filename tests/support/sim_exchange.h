/*
 * sim_exchange.h - carrying requests to a server handler on the simulated loop, without a
 * network: what http_server.h is in real life. A transport (http_transport.h) whose calls become
 * exchanges; it can delay and lose them.
 */
#pragma once

#include "common/io/http_exchange.h"
#include "common/io/loop.h"

struct sim_network_faults {
	int64_t delay_min_ms, delay_max_ms; /* each way */
	unsigned lose_request_in;           /* one in n is lost before the server; 0: none */
	unsigned lose_answer_in;            /* one in n is carried out and its answer lost */
	unsigned cut_stream_in;             /* one in n pieces of a stream ends it */
};

/* Whom the server sees. */
struct sim_peer {
	const char *cn;  /* NULL: anonymous */
	const char *org; /* or NULL */
	int64_t until_s; /* its certificate's last second; 0: for ever */
	bool is_bad;     /* its certificate is not to be believed */
};

/* `handle(ctx, x)` as in http_server_options. Texts are copied; `faults` is read at each step
 * and stays the caller's (NULL: none). */
struct http_transport *sim_transport_new(struct loop *loop, uint64_t seed,
					 const struct sim_peer *peer,
					 void (*handle)(void *ctx, struct http_exchange *x),
					 void *ctx, const struct sim_network_faults *faults);

/* Everything under way breaks now (the server was killed). */
void sim_transport_break(struct http_transport *t);
/* While down every request fails after its delay. */
void sim_transport_set_server(struct http_transport *t,
			      void (*handle)(void *ctx, struct http_exchange *x), void *ctx);
