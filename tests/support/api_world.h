/*
 * api_world.h - an API server over the memory store on the simulated loop, and requests to it
 * that look synchronous to a test.
 */
#pragma once

#include "apiserver/server.h"
#include "apiserver/store_memory.h"
#include "common/base/str.h"
#include "common/io/loop_sim.h"
#include "tests/support/sim_exchange.h"

#define API_WORLD_EXTRA_MAX 8

struct api_world {
	struct loop *loop;
	struct store *store;
	struct store_backend *backend; /* the store's; for faults */
	struct memory_etcd *etcd;
	struct server *server;
	struct http_transport *admin, *other;
	uint64_t rng;
	bool is_guest; /* loop and etcd are another world's */
	/* Sent with each call, beside Content-Type and Accept. */
	struct http_header extra[API_WORLD_EXTRA_MAX];
	size_t extra_count;
};

void api_world_init(struct api_world *w, uint64_t seed);
/* With more of the server's options: keys, tokens, policies. What the world sets itself stays, but
 * for the address that is advertised (10.0.0.1). */
void api_world_init_with(struct api_world *w, uint64_t seed, const struct server_options *more);
/* A second server on the etcd and the loop of `first`, which must outlive it. */
void api_world_join(struct api_world *w, uint64_t seed, const struct server_options *more,
		    const struct api_world *first);
void api_world_fini(struct api_world *w);

struct api_answer {
	int status;               /* 0: no answer */
	struct str body, headers; /* headers as "name: value\n" */
};
void api_answer_fini(struct api_answer *a);

/* One request, as admin, until its answer is complete (or `run_ms` have passed: watches). */
void api_world_call(struct api_world *w, struct http_transport *as, const char *method,
		    const char *target, const char *content_type, const char *accept,
		    const char *body, int64_t run_ms, struct api_answer *ret);
/* The same with a body of any bytes. */
void api_world_send(struct api_world *w, struct http_transport *as, const char *method,
		    const char *target, const char *content_type, const char *accept,
		    const void *body, size_t len, int64_t run_ms, struct api_answer *ret);

/* A request of which the loop brings the answer, whoever runs it meanwhile. */
struct api_pending {
	int status; /* 0: no answer yet, or none at all */
	bool is_done;
};
/* As admin, with a body of JSON or NULL. `ret` stays where it is until it is done, or its world ends. */
void api_world_ask(struct api_world *w, const char *method, const char *target, const char *body,
		   struct api_pending *ret);
