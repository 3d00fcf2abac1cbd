/*
 * sim.h - a whole cluster in one process, from one seed: two API servers on one etcd in memory,
 * two controllers that fight for the lease, nodes, a user, and a network that loses and delays.
 * Real: the API server, the store, the controllers, the scheduler, the client machinery. Made up:
 * etcd's arrays, the wires, the nodes' containers.
 *
 * A run has three parts: faults on, safety checked at every write; then faults off, and everything
 * must settle; then all is deleted at once, and must go in order.
 */
#pragma once

#include "apiserver/server.h"
#include "apiserver/store_memory.h"
#include "common/base/map.h"
#include "common/base/rng.h"
#include "common/client/api.h"
#include "common/client/leader.h"
#include "common/client/reflector.h"
#include "common/io/loop_sim.h"
#include "controller/controllers.h"
#include "tests/support/sim_exchange.h"

#define SIM_SERVERS     2
#define SIM_CONTROLLERS 2
#define SIM_NODES       3
#define SIM_FAULTS_MS   120000
#define SIM_QUIET_MS    900000
#define SIM_NS          "/namespaces/default/"
#define SIM_GRACE_S     5
#define SIM_STUCK_MS    60000 /* a pod that cannot be killed for longer than the stop order waits */

struct sim;

struct sim_server {
	struct sim *sim;
	struct store_backend *backend; /* the store's; for faults */
	struct store *store;
	struct server *server;
	size_t lives;
	char address[16]; /* another one in each life */
	bool is_dead;
};

struct sim_controller {
	struct sim *sim;
	size_t number, lives;
	struct http_transport *transport;
	struct api *api;
	struct leader *leader;
	struct controllers *controllers;
	struct loop_timer *next_life; /* once it has let go of the lease, or waited for that */
};

struct sim_node {
	struct sim *sim;
	char name[16];
	struct http_transport *transport;
	struct api *api;
	struct reflector *pods;
	struct loop_timer *tick;
	struct map seen; /* pod uid → struct sim_pod */
	int64_t down_until_ms, beat_ms;
	bool is_busy, is_registered;
};

struct sim_check;
struct sim_custom;

struct sim {
	uint64_t seed, random_state;
	struct rng rng;
	bool faults, is_ending;
	bool has_lost; /* workloads that care whether what they depend on is lost (sim_lost.c) */
	int64_t quiet_since_ms;
	unsigned which; /* bits: the kinds of faults of this seed (swarm) */
	struct loop *loop;
	struct memory_etcd *etcd;
	struct sim_network_faults network;
	struct sim_server servers[SIM_SERVERS];
	struct sim_controller controllers[SIM_CONTROLLERS];
	struct sim_node nodes[SIM_NODES];
	struct http_transport *user_transport, *rival_transport;
	struct api *user;
	struct loop_timer *chaos, *user_timer;
	size_t user_acts;
	struct sim_check *check;
	struct sim_custom *custom; /* of some seeds, else NULL */
	char failure[512];         /* "" while all is well */
};

enum sim_fault {
	FAULT_NETWORK = 1,
	FAULT_SERVERS = 2,
	FAULT_CONTROLLERS = 4,
	FAULT_NODES = 8,
	FAULT_ETCD = 16,
	FAULT_PODS = 32,
	FAULT_ALL = 63,
};

bool sim_dice(struct sim *s, unsigned one_in);
int64_t sim_between(struct sim *s, int64_t low, int64_t high);
/* The first failure of a run counts. */
void sim_fail(struct sim *s, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* sim_node.c */
void sim_node_start(struct sim_node *n, struct sim *s, size_t number);
void sim_node_stop(struct sim_node *n);

/* sim_user.c: the manifests, then changes of mind. */
void sim_user_start(struct sim *s);
size_t sim_user_deployments(const struct sim *s); /* how many there are */
/* `take_patch`: a merge patch. */
void sim_user_patch(struct sim *s, const char *deployment, json_t *take_patch);
void sim_user_roll_out(struct sim *s, const char *deployment);
void sim_user_delete_all(struct sim *s);
void sim_user_stop(struct sim *s);

/* sim_check.c: safety at every write, and whether all has settled. */
struct sim_check *sim_check_new(struct sim *s);
void sim_check_free(struct sim_check *c);
/* The name of some live pod with this label "app"; NULL: there is none. Borrowed for the turn. */
const char *sim_check_some_pod(struct sim_check *c, const char *app, struct rng *rng);
/* Borrowed for the turn; NULL: there is none of this name. */
const json_t *sim_check_object(const struct sim_check *c, const char *group, const char *resource,
			       const char *ns, const char *name);
/* A key that begins so, borrowed for the turn, or NULL; and how many there are. */
const char *sim_check_first(const struct sim_check *c, const char *prefix);
size_t sim_check_count(const struct sim_check *c, const char *prefix);
/* The pods with this label "app" that are not about to go, borrowed for the turn; their number. */
size_t sim_check_pods(const struct sim_check *c, const char *app, const json_t **ret, size_t max);
bool sim_check_settled(struct sim_check *c, char *why, size_t size);
bool sim_check_gone(struct sim_check *c, char *why, size_t size);
void sim_check_dump(struct sim_check *c); /* everything, for people */

/*
 * sim_lost.c: once all has settled, a dependency is taken away, comes back and is replaced; who stops,
 * who is restarted and who goes on is as the annotations say.
 */
void sim_lost_episode(struct sim *s);
/* Nothing is left half done: asked where all has settled. */
bool sim_lost_is_settled(const struct sim_check *c, const json_t *object);

/* sim_addresses.c: the Service `kubernetes` has the servers' present addresses and no others; each Service
 * has its IPAddress, and each of these its Service. Asked where all has settled. */
bool sim_servers_are_settled(const struct sim *s, char *why, size_t size);
bool sim_address_is_settled(const struct sim_check *c, const char *key, const json_t *object);

/* sim_custom.c: definitions and objects of theirs, and what must hold of them. */
struct sim_custom *sim_custom_start(struct sim *s);
void sim_custom_stop(struct sim_custom *u);
void sim_custom_delete_all(struct sim_custom *u);
/* At every write; NULL: there was none before, or none any more. */
void sim_custom_see(struct sim *s, const char *key, const json_t *before, const json_t *now);
bool sim_custom_is_settled(struct sim_custom *u, char *why, size_t size);
bool sim_custom_is_gone(struct sim_custom *u, char *why, size_t size);
