/*
 * order_internal.h - what the files of the order controller share: order.c (what wakes it,
 * naked pods, boots) and order_stop.c (the finalizer). Its keys are namespaces.
 */
#pragma once

#include "common/base/map.h"
#include "controller/controllers_internal.h"
#include "controller/facts.h"
#include "controller/order_facts.h"

/* What is known of something deleted beside the caches; losing it lengthens a wait by as much. */
struct stopping {
	char *ns;
	int64_t deleted_ms; /* its deletion, to the second's end at most; -1: not known yet */
	int64_t since_ms;   /* seen first when nothing held it any more; -1: not yet */
	uint64_t told_hash; /* of the last event's text */
	bool is_seen;       /* by this look at its namespace */
};

struct order_controller {
	struct context *context;
	struct control_loop *loop;
	struct map ordered;  /* namespaces in which anything depends on anything */
	struct map since;    /* key of a naked pod → when it was first seen, int64_t */
	struct map boots;    /* node name → struct boot */
	struct map stopping; /* uid → struct stopping */
};

/* The kind of cache that a kind of workload is in, or KIND_COUNT. */
enum kind order_cache_kind(const struct order_kind *kind);

/* Finalizers of the namespace: put on, held, taken off. */
void order_stop_namespace(struct order_controller *o, struct work *w, const char *ns);
void order_stop_fini(struct order_controller *o);
/* A living workload's pods say what it depends on, as they speak for it when it is gone. */
void order_mark_pod(struct order_controller *o, struct work *w, const struct order_view *v,
		    size_t workload, const json_t *pod);
/* Merged into the pod's annotations; a NULL value removes. */
void order_annotate_pod(struct order_controller *o, struct work *w, const json_t *pod,
			json_t *take_annotations);

/* Unfinished ones, be they stopping. */
bool order_has_pods(const struct order_controller *o, enum kind kind, const json_t *object);
/* The condition of a naked pod; `is_open`: True, whatever its dependencies do now. */
void order_tell_pod(struct order_controller *o, struct work *w, const json_t *pod,
		    enum order_gate gate, bool is_open, const char *text);

/* on-dependency-lost and restart-with (order_lost.c). */
void order_restart_namespace(struct order_controller *o, struct work *w,
			     const struct order_view *v);
