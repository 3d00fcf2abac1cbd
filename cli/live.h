/*
 * live.h - what the cluster holds right now of the kinds a command looks at: one watched cache
 * a kind and namespace, and one callback when something changed (several changes, one call).
 *
 * Threads: the session's loop.
 */
#pragma once

#include "cli/kinds.h"
#include "common/client/reflector.h"

#define LIVE_CACHES_MAX 256
#define LIVE_PODS_MAX   4096

struct live;

/* The session is borrowed. `changed` comes in a turn of its own. */
struct live *live_new(struct session *s, void (*changed)(void *ctx), void *ctx);
void live_free(struct live *l);
DEFINE_CLEANUP(live)

/* The cache of a kind (ns NULL: all), watched from now on; NULL: too many. */
struct cache *live_watch(struct live *l, const struct kind *k, const char *ns);
/* Of a kind that is watched, or NULL. */
struct cache *live_cache(const struct live *l, const char *kind, const char *ns);
bool live_is_synced(const struct live *l);
/* Why it does not get on, or "". */
const char *live_trouble(const struct live *l);

/* Deployments, ReplicaSets, Jobs … and pods of a namespace: what live_pods needs. */
void live_watch_workloads(struct live *l, const char *ns);
/* Pods of the workload's present revision; borrowed; how many are in `ret`. */
size_t live_pods(const struct live *l, const char *kind, const json_t *workload, const json_t **ret,
		 size_t max);

/* Runs the loop until everything is there for the first time. ERR_UNAVAILABLE. */
int live_sync(struct live *l, int64_t timeout_ms, struct error *err) MUST_CHECK;
