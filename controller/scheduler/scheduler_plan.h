/*
 * scheduler_plan.h - which node each waiting pod goes to. Pure: it reads labels, taints and
 * affinities as JSON that the caller keeps alive.
 *
 * What does not change from pod to pod (selector, affinity, taints, images) is decided once
 * a class of identical pods; resources and ports are counted as pods are placed. Ties
 * fall to the node whose name comes first.
 */
#pragma once

#include "common/base/str.h"

#include <jansson.h>

#define SCHED_PORTS_MAX    256
#define SCHED_EXTENDED_MAX 8
#define SCHED_PLACE_MAX    1000 /* pods a plan; the next plan goes on */

enum { SCHED_CPU /* milli */, SCHED_MEMORY, SCHED_STORAGE, SCHED_BASIC_COUNT };

/* Amounts by name, beside the basic three: "nvidia.com/gpu", "hugepages-2Mi". */
struct sched_extended {
	const char *name;
	int64_t amount;
};
struct sched_resources {
	int64_t basic[SCHED_BASIC_COUNT];
	struct sched_extended extended[SCHED_EXTENDED_MAX];
	size_t extended_count;
};

struct sched_port {
	int port;
	const char *protocol, *address; /* "TCP"; "" or "0.0.0.0": all addresses */
};
struct sched_ports {
	struct sched_port at[SCHED_PORTS_MAX];
	size_t count;
};

struct sched_node {
	const char *name;
	const json_t *labels, *taints, *images; /* metadata.labels, spec.taints, status.images */
	bool is_unschedulable, is_ready;
	struct sched_resources total, used;
	int64_t pods_max, pods_used;
	struct sched_ports *ports; /* in use; the plan adds to it */
};

struct sched_pod {
	const json_t *spec;
	const char *owner; /* uid of its controller, or "" */
	size_t class;      /* pods of one class differ in nothing that matters here */
	struct sched_resources wants;
	struct sched_ports *ports; /* or NULL: none */
};

/* Pods of one owner on one node, before this plan. */
struct sched_owned {
	const char *owner;
	size_t node;
	int64_t count;
};

struct sched_place {
	size_t node; /* SIZE_MAX: nowhere */
	char *why;   /* then: "0/3 nodes are available: …", owned by the plan */
};
struct sched_plan {
	struct sched_place *places; /* one a pod */
	size_t count;
};
void sched_plan_fini(struct sched_plan *p);

/* Pods in the order they are to be placed; nodes sorted by name. `nodes` is counted up as
 * pods are placed. */
void sched_plan_make(struct sched_plan *plan, struct sched_node *nodes, size_t nodes_count,
		     const struct sched_pod *pods, size_t pods_count,
		     const struct sched_owned *owned, size_t owned_count);

/* ---- reading objects (scheduler_facts.c) ---- */
void sched_pod_resources(const json_t *pod_spec, struct sched_resources *ret);
void sched_node_total(const json_t *node, struct sched_resources *ret, int64_t *ret_pods);
void sched_resources_add(struct sched_resources *to, const struct sched_resources *more);
/* NULL where it has none; else the caller's. */
struct sched_ports *sched_pod_ports(const json_t *pod_spec);
void sched_ports_add(struct sched_ports **to, const struct sched_ports *more);
bool sched_ports_clash(const struct sched_ports *a, const struct sched_ports *b);

/* ---- matching (scheduler_match.c) ---- */
bool sched_matches_affinity(const json_t *pod_spec, const struct sched_node *node);
int64_t sched_preferred_weight(const json_t *pod_spec, const struct sched_node *node);
/* The first taint of these effects that the pod does not tolerate, or NULL. */
const json_t *sched_untolerated(const json_t *tolerations, const json_t *taints,
				bool (*counts)(const char *effect));
bool sched_tolerates(const json_t *toleration, const json_t *taint);
bool sched_has_images(const json_t *pod_spec, const json_t *images);
