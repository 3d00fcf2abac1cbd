/*
 * context.h - what every controller is given: the loop, the API, one cache a kind (shared),
 * the event recorder and the settings of the cluster. All borrowed by the controllers.
 */
#pragma once

#include "common/client/control_loop.h"
#include "common/client/events.h"
#include "common/client/reflector.h"

/* The kinds that controllers cache whole. Others are read when they are needed. */
enum kind {
	KIND_POD,
	KIND_REPLICASET,
	KIND_DEPLOYMENT,
	KIND_JOB,
	KIND_NODE,
	KIND_NAMESPACE,
	KIND_SERVICE,
	KIND_ENDPOINTS,
	KIND_ENDPOINTSLICE,
	KIND_SERVICEACCOUNT,
	KIND_ROOT_CA, /* ConfigMaps named kube-root-ca.crt */
	KIND_LEASE,   /* in kube-node-lease */
	KIND_CERTIFICATE_REQUEST,
	KIND_BUDGET,
	KIND_STATEFULSET,
	KIND_REPLICATION_CONTROLLER,
	KIND_COUNT,
};

struct kind_facts {
	const char *kind, *api_version;
	struct api_resource resource;
	const char *ns, *field_selector; /* what part of the kind is cached */
};
extern const struct kind_facts kind_facts[KIND_COUNT];

/* Indexes of the caches of pods, replica sets and jobs. */
enum { INDEX_CONTROLLER /* uid of the controlling owner; "" without one */, INDEX_NODE };

struct controller_settings {
	const char *cluster_cidr; /* pod ranges of nodes are cut from it: "10.244.0.0/16" */
	const char *root_ca;      /* PEM text published in every namespace; "" : none */
	/* The cluster's CA, in PEM; NULL: certificates are not signed. Borrowed. */
	const char *signing_cert, *signing_key;
	int64_t signing_ttl_s;
	uint64_t seed;
};

struct context {
	struct loop *loop;
	struct api *api;
	struct events *events;
	struct controller_settings settings;
	struct reflector *reflectors[KIND_COUNT];
	struct cache *caches[KIND_COUNT];
};

void context_init(struct context *c, struct loop *loop, struct api *api,
		  const struct controller_settings *settings);
void context_fini(struct context *c);

/* Call when all have subscribed. */
void context_start(struct context *c);
bool context_is_synced(const struct context *c);

/* A control loop with the context's loop, API and seed that needs these kinds. */
struct control_loop *context_loop(struct context *c, const char *name,
				  void (*reconcile)(void *ctx, struct work *w, const char *key),
				  void *ctx, const enum kind *needs, size_t needs_count);

static inline const struct api_resource *resource_of(enum kind k)
{
	return &kind_facts[k].resource;
}

/* An event about an object of a cached kind. */
#define context_event(c, k, object, type, reason, ...)                                             \
	events_emit((c)->events, kind_facts[k].api_version, kind_facts[k].kind, (object), (type),  \
		    (reason), __VA_ARGS__)

/* The objects that a uid controls, of a kind that is indexed by INDEX_CONTROLLER. */
static inline struct cache_range controlled_by(const struct context *c, enum kind k,
					       const char *uid)
{
	return cache_indexed(c->caches[k], INDEX_CONTROLLER, uid);
}
