/*
 * gc_plan.h - who owns whom, over all kinds, and what becomes of an object whose owners go.
 * The graph is fed with metadata; the plan for one object is pure.
 *
 * An owner that the graph does not hold may be new rather than gone: the plan asks for
 * a live look (GC_VERIFY) before anything is deleted for its absence.
 */
#pragma once

#include "common/base/map.h"
#include "common/client/api.h"

#define GC_OWNERS_MAX 64
#define GC_ABSENT_MAX 100000 /* uids known to be gone; then all are forgotten */

struct gc_kind {
	struct api_resource resource;
	const char *api_version, *kind;
};

struct gc_owner {
	char *uid, *api_version, *kind, *name;
	bool blocks; /* blockOwnerDeletion */
};

struct gc_node {
	const struct gc_kind *kind; /* NULL: only named as an owner so far */
	char *uid, *ns, *name;
	struct gc_owner *owners;
	size_t owners_count;
	struct map dependents; /* uid → struct gc_node */
	bool is_deleting, waits_for_dependents, orphans_dependents;
	bool is_held; /* by the stop order: its dependents must not go yet */
};

struct gc_graph {
	struct map nodes;  /* uid → struct gc_node */
	struct map absent; /* uids that a live look did not find */
};

void gc_graph_fini(struct gc_graph *g);
/* The object as it is now. True if its plan may have changed. */
bool gc_graph_put(struct gc_graph *g, const struct gc_kind *kind, const json_t *object);
void gc_graph_remove(struct gc_graph *g, const char *uid);
const struct gc_node *gc_graph_get(const struct gc_graph *g, const char *uid);
void gc_graph_set_absent(struct gc_graph *g, const char *uid);

enum gc_verb {
	GC_NOTHING,
	GC_VERIFY,          /* look for owner number `owner` */
	GC_DELETE,          /* with `policy` */
	GC_DROP_OWNERS,     /* the references of owners flagged in `drops` */
	GC_DROP_FOREGROUND, /* nothing blocks any more: remove finalizer foregroundDeletion */
	GC_WAKE_DEPENDENTS, /* they go first */
	GC_ORPHAN,          /* take its references out of all dependents, then finalizer orphan */
	GC_VERB_COUNT,
};
struct gc_plan {
	enum gc_verb verb;
	size_t owner;
	const char *policy;
	bool drops[GC_OWNERS_MAX];
	const char *why;
};
void gc_plan_make(struct gc_plan *plan, const struct gc_graph *g, const struct gc_node *n);
