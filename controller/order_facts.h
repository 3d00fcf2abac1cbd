/*
 * order_facts.h - the dependency graph of one namespace as the caches show it, with the
 * state of each workload. Made anew for each question; holds references into the
 * caches, so it must not outlive the turn.
 */
#pragma once

#include "common/plan/order_plan.h"
#include "controller/context.h"

struct order_view {
	struct order_graph *graph;
	struct order_facts *facts; /* by node */
	bool *services_ready;      /* by service */
	const json_t **objects;    /* by node: borrowed from the cache, NULL for ghosts */
	const json_t **services;   /* by service: the same */
};

/* A workload that is gone while its pods still stop; they say what it depended on. Its text is
 * borrowed from the cache. */
struct order_ghost {
	const struct order_kind *kind;
	char *name;
	const char *depends;
};

/* Ghosts come after all others, in their order. */
void order_view_init(struct order_view *v, const struct context *c, const char *ns,
		     const struct order_ghost *ghosts, size_t ghosts_count);
void order_view_fini(struct order_view *v); /* {0} is fine */
#define AUTO_ORDER_VIEW __attribute__((cleanup(order_view_fini))) struct order_view

/* What one object's own status says. */
struct order_facts order_facts_of(const char *kind, const json_t *object);

bool order_has_dependencies(const json_t *object);
/* One of the dependencies that should be ready serves nobody at all. */
bool order_dependency_is_lost(const struct order_view *v, size_t node);

/* The gate of one workload: text as order_gate. Workloads without the annotation hold. */
enum order_gate order_gate_of(const struct context *c, const char *kind, const json_t *object,
			      struct str *ret_text);

/* Those who wait for a gate, by namespace: they are asked again when anything there
 * changes that could open it. */
struct order_waiters;
struct order_waiters *order_waiters_new(struct context *c, struct control_loop *loop);
void order_waiters_free(struct order_waiters *w);
void order_wait(struct order_waiters *w, const char *key, bool is_waiting);
