/*
 * server.h - the Kubernetes API over a store: one handler for exchanges, whoever carries
 * them (http_server.h, or the simulated network).
 *
 * Threads: the core loop's.
 */
#pragma once

#include "apiserver/store.h"
#include "common/base/str.h"
#include "common/io/http_exchange.h"
#include "common/io/loop.h"

struct audit_options;
struct authn_oidc_options;
struct server;
struct zone_names;

struct server_options {
	const char *cluster_id;
	const char *service_cidr;      /* "10.96.0.0/16" */
	const char *advertise_address; /* of the `kubernetes` Service; NULL: that is not made */
	uint16_t advertise_port;
	const char *hostname; /* of the machine, for the server's Lease; NULL: localhost */
	const char *ca_pem;   /* shown to nobody but used for node connections */
	/* Tokens: RS256 key (PEM); NULL: no ServiceAccount tokens. */
	const char *token_key_pem;
	const char *issuer;                /* NULL: https://kubernetes.default.svc.cluster.local */
	const struct audit_options *audit; /* NULL: no audit log */
	const char *encryption; /* text of --encryption-config; NULL: nothing is encrypted */
	const char *token_file; /* text of --token-auth-file; NULL: none */
	/* OpenID Connect; NULL: none. oidc_keys: the issuer's JWKS; NULL: fetched from it, where
	 * oidc_ca (PEM; NULL: the system's) signs its certificate. */
	const struct authn_oidc_options *oidc;
	const char *oidc_keys, *oidc_ca;
	/* Client certificate for the agents' port; NULL: pods/log, exec and the like answer 503. */
	const char *node_cert_pem, *node_key_pem;
	/* Random bytes: the kernel's, or a simulation's. */
	void (*random)(void *ctx, void *buf, size_t n);
	void *random_ctx;
	/* What a CronJob may name; borrowed. NULL: any name will do. */
	const struct zone_names *zones;
	size_t in_flight_max; /* requests under way, of users and of the system each; 0: 2,000 */
	/* Appends the metrics of what carries the exchanges; NULL: none. */
	void (*carrier_metrics)(void *ctx, struct str *out);
	void *carrier_ctx;
};

/* The store is borrowed and must outlive the server. ERR_INVALID: bad options. */
int server_new(struct loop *loop, struct store *store, const struct server_options *options,
	       struct server **ret, struct error *err) MUST_CHECK;
void server_free(struct server *s);
DEFINE_CLEANUP(server)

/* Give it every exchange. ctx is the struct server. */
void server_handle(void *ctx, struct http_exchange *x);
/* For http_server_options.wants_stream: image uploads. */
bool server_wants_stream(void *ctx, const char *method, const char *path);
/* For http_server_options.may_take_over: log, exec, attach, port-forward. */
bool server_may_take_over(void *ctx, const char *path);

bool server_is_ready(const struct server *s);

/* About to end: who looks for API servers no longer finds this one. `done` in a later turn, within a
 * second; until then it serves. */
void server_leave(struct server *s, void (*done)(void *ctx), void *ctx);
