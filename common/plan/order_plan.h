/*
 * order_plan.h - dependency order: what `skiff.dev/depends-on` means, which workloads
 * depend on which, who must wait for whom at start and at stop. Pure: no clock, no
 * I/O; it reads JSON labels that the caller keeps alive.
 *
 *	skiff.dev/depends-on: "db, Job/migrate:completed, Service/redis"
 *
 * One graph is one namespace. Its nodes are workloads; a Service stands for the workloads whose
 * pod labels its selector matches. Kinds are data (order_kinds). A graph is filled, linked
 * once, then only read. Nothing here trusts admission: cycles are found wherever they
 * come from, and members of a cycle never open.
 */
#pragma once

#include "common/base/error.h"
#include "common/base/str.h"

#include <jansson.h>

#define ORDER_ENTRIES_MAX 64
#define ORDER_NODES_MAX   20000
#define ORDER_NONE        SIZE_MAX

#define ORDER_DEPENDS_ON    "skiff.dev/depends-on"
#define ORDER_ORDER_UPDATES "skiff.dev/order-updates"
#define ORDER_RESTART_WITH  "skiff.dev/restart-with"
#define ORDER_ON_LOST       "skiff.dev/on-dependency-lost"
#define ORDER_GATE_OPEN     "skiff.dev/gate-open"
#define ORDER_GATED         "skiff.dev/gated"
#define ORDER_START_BOOT    "skiff.dev/start-boot"
#define ORDER_FINALIZER     "skiff.dev/stop-order"
#define ORDER_CONDITION     "DependenciesReady"
/* On the pods of a workload: its depends-on. Until they are gone they speak for it, even when it
 * and its revision are gone and no controller remembers them. */
#define ORDER_STOPS_BEFORE "skiff.dev/stops-before"

#define ORDER_SETTLE_MS     500 /* a new revision's first pod waits so long for a newer dependency */
#define ORDER_STOP_WAIT_MS  1000  /* after a deletion, for more deletions */
#define ORDER_STOP_EXTRA_MS 30000 /* beyond a dependent's grace period */

/* ---- kinds ---- */
enum order_restart {                      /* how one that runs is stopped and started again */
		     ORDER_RESTART_NONE,  /* it has nothing that runs */
		     ORDER_RESTART_ROLLS, /* a new revision is rolled out */
		     ORDER_RESTART_PODS,  /* its pods are deleted and made anew */
		     ORDER_RESTART_PLACE, /* its containers are stopped, and started, where they are */
};
struct order_kind {
	const char *kind, *group, *version, *resource;
	const char *pod_labels; /* dotted path of the labels its pods get; NULL: a Service */
	bool can_complete;
	enum order_restart restart;
};
extern const struct order_kind order_kinds[];
extern const size_t order_kinds_count;
const struct order_kind *order_kind_find(const char *kind); /* NULL: takes no part */

/* ---- the annotation ---- */
enum order_condition {
	ORDER_READY,
	ORDER_STARTED,
	ORDER_COMPLETED,
	ORDER_EXISTS,
	ORDER_CONDITION_COUNT
};

struct order_entry {
	char *kind; /* NULL: every workload of that name */
	char *name;
	enum order_condition condition;
	size_t at; /* its first character in the text, from 1 */
};
struct order_list {
	struct order_entry *at;
	size_t count;
};
void order_list_fini(struct order_list *l); /* {0} is fine */
#define AUTO_ORDER_LIST __attribute__((cleanup(order_list_fini))) struct order_list

/* ERR_INVALID says where: `at character 5: …`. Empty text: no dependencies. */
int order_parse(const char *text, struct order_list *ret, struct error *err) MUST_CHECK;
const char *order_condition_name(enum order_condition c);
/* All annotations of a workload that order is about. ERR_INVALID says what is wrong, and where in
 * the value of *ret_annotation. */
int order_check(const struct order_kind *kind, const json_t *object, const char **ret_annotation,
		struct error *err) MUST_CHECK;
/* The entry of depends-on that one of restart-with means, or ORDER_NONE. */
size_t order_entry_meant(const struct order_list *depends, const struct order_entry *e);

/* ---- the graph ---- */
struct order_edge {
	size_t to;      /* node */
	size_t entry;   /* of the list of the node it leaves */
	size_t service; /* it goes through, or ORDER_NONE */
};
struct order_node {
	const struct order_kind *kind;
	char *name;
	const json_t *pod_labels; /* borrowed */
	struct order_list depends;
	struct order_edge *edges; /* to what it depends on */
	size_t edges_count;
	size_t component; /* nodes of one cycle share it */
	bool is_in_cycle;
};
struct order_service {
	char *name;
	const json_t *selector; /* borrowed */
};
struct order_graph {
	struct order_node *nodes;
	size_t nodes_count;
	struct order_service *services;
	size_t services_count;
	bool is_linked;
};
struct order_graph *order_graph_new(void);
void order_graph_free(struct order_graph *g);
DEFINE_CLEANUP(order_graph)

/* The node's number. `depends` is stolen (may be NULL). At most ORDER_NODES_MAX: then ORDER_NONE. */
size_t order_add_workload(struct order_graph *g, const struct order_kind *kind, const char *name,
			  const json_t *pod_labels, struct order_list *take_depends);
void order_add_service(struct order_graph *g, const char *name, const json_t *selector);
/* Any object of a kind in order_kinds, its annotation read; one that cannot be parsed counts as
 * none (admission refused it; an older version may have let it in). Else ORDER_NONE. */
size_t order_add_object(struct order_graph *g, const char *kind, const json_t *object);

void order_link(struct order_graph *g);

size_t order_find(const struct order_graph *g, const char *kind, const char *name);
bool order_depends_on(const struct order_graph *g, size_t node, size_t on); /* directly */
bool order_has_dependents(const struct order_graph *g, size_t node);

/* The shortest cycle through `node` (ORDER_NONE: any cycle) as `a → b → c → a`; kinds stand
 * before names that two nodes share. False: there is none. */
bool order_cycle_text(const struct order_graph *g, size_t node, struct str *ret);
/* The same, and what to do about it: admission's message. */
bool order_cycle_advice(const struct order_graph *g, size_t node, struct str *ret);

/* All nodes, dependencies first, else in the order they were added; `ret` has room for
 * nodes_count. Members of a cycle come where their first one comes. */
void order_sort(const struct order_graph *g, size_t *ret);

/* ---- start ---- */
struct order_facts { /* of one node; {0} where nothing is known */
	bool is_ready, has_started, has_completed;
	bool has_failed;     /* for good */
	const char *failure; /* why, or NULL */
	char trouble[64];    /* why it may never be ready: "crashing with exit code 1"; or "" */
	int64_t ready_count, wanted_count;
};
enum order_gate {
	ORDER_GATE_HOLDS,
	ORDER_GATE_PENDING,
	ORDER_GATE_FAILED,
	ORDER_GATE_CYCLE,
	ORDER_GATE_COUNT
};

/* Do the dependencies of `node` hold? `facts` by node, `services_ready` by service. The text
 * is the condition's message: "waiting for Deployment/db (0/1 ready)". */
enum order_gate order_gate(const struct order_graph *g, size_t node,
			   const struct order_facts *facts, const bool *services_ready,
			   struct str *ret_text);
/* DependenciesReady, DependenciesPending, DependencyFailed, DependencyCycle. */
const char *order_gate_reason(enum order_gate gate);

/* The latch of one revision. Closed once the dependencies hold and `since_ms` (the spec changed)
 * is ORDER_SETTLE_MS ago; then open for good. */
struct order_latch_facts {
	bool is_open;          /* as written */
	bool has_dependencies; /* a non-empty annotation */
	bool is_update;        /* not the workload's first revision */
	bool orders_updates;   /* order-updates is not "false" */
	enum order_gate gate;
	int64_t since_ms, now_ms;
};
enum order_latch {
	ORDER_LATCH_NONE /* nothing to wait for */,
	ORDER_LATCH_OPEN,
	ORDER_LATCH_OPEN_NOW /* write it */,
	ORDER_LATCH_CLOSED,
	ORDER_LATCH_COUNT
};
enum order_latch order_latch(const struct order_latch_facts *f, int64_t *ret_wake_ms);

/* ---- stop ---- */
/*
 * Each link of a chain has its own time: a dependent's runs from when it started to stop, not from
 * its deletion, for until then it was held itself. So the last of a chain is held for at most the
 * sum over the chain, however deaf the pods are, and nothing is held for ever: who is held has
 * dependents that are held or that stop, and there are no cycles among them.
 */
struct order_stop_facts { /* of one node, or of a Service */
	bool is_deleting; /* deletionTimestamp set, or gone while its pods stop */
	bool is_held;     /* by its own finalizer: it has not started to stop */
	bool has_pods;
	bool is_exempt; /* force, or its pods are orphaned: they do not stop at all */
	int64_t deleted_at_ms;
	int64_t stopping_since_ms; /* once is_deleting and not is_held */
	int64_t grace_ms;          /* its pods' longest */
};
enum order_stop {
	ORDER_STOP_GO,
	ORDER_STOP_HOLD,
	ORDER_STOP_LATE /* go, with a warning */,
	ORDER_STOP_COUNT
};
/* May the deleted node go? If not: the text says who is awaited; look again in *ret_wake_ms, or
 * (-1) when one of them changes. */
enum order_stop order_stop(const struct order_graph *g, size_t node,
			   const struct order_stop_facts *facts, int64_t now_ms,
			   int64_t *ret_wake_ms, struct str *ret_text);
/* The same for a Service, whose own facts are `own`: it stays for those who name it, because they
 * may need it until they have stopped and because the edges of the graph go through it. */
enum order_stop order_stop_service(const struct order_graph *g, size_t service,
				   const struct order_stop_facts *own,
				   const struct order_stop_facts *facts, int64_t now_ms,
				   int64_t *ret_wake_ms, struct str *ret_text);
/* Whether a workload that is in no cycle names the Service. */
bool order_service_has_dependents(const struct order_graph *g, size_t service);
