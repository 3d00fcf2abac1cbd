/*
 * order_internal.h - what the files of the order controller share: order.c (what wakes it,
 * naked pods, boots) and order_stop.c (the finalizer). Its keys are namespaces.
 */
#pragma once

#include "common/base/map.h"
#include "controller/controllers_internal.h"
#include "controller/facts.h"
#include "controller/order_facts.h"

#define ORDER_GHOSTS_MAX 1000

/* A workload with dependencies that is gone while its pods may still stop: those that it
 * depended on wait for them. */
struct ghost {
	char *ns;
	struct order_ghost what;
	int64_t deleted_at_ms;
};

struct order_controller {
	struct context *context;
	struct control_loop *loop;
	struct map ordered; /* namespaces in which anything depends on anything */
	struct map since;   /* key of a naked pod → when it was first seen, int64_t */
	struct map boots;   /* node name → struct boot */
	struct ghost ghosts[ORDER_GHOSTS_MAX];
	size_t ghosts_count;
};

/* The kind of cache that a kind of workload is in, or KIND_COUNT. */
enum kind order_cache_kind(const struct order_kind *kind);

/* Finalizers of the namespace: put on, held, taken off. */
void order_stop_namespace(struct order_controller *o, struct work *w, const char *ns);
void order_ghost_add(struct order_controller *o, const char *kind, const json_t *object);

/* on-dependency-lost: restart, and restart-with (order_lost.c). */
void order_restart_namespace(struct order_controller *o, struct work *w,
			     const struct order_view *v);
