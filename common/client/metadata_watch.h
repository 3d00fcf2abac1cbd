/*
 * metadata_watch.h - keeps one cache a kind equal to the metadata of what the API server holds, over
 * ONE stream for all kinds (GET /apis/skiff.dev/v1/metadata): for readers of every kind, such as
 * garbage collection, to whom a reflector a kind would cost dozens of connections.
 *
 * Objects in the caches hold `metadata` alone. Failures back off from 0.8 s to 30 s with
 * jitter; a broken stream goes on from the last bookmark, after 410 it begins anew.
 *
 * The watch owns its caches. The API client is borrowed and must outlive it. Threads: the loop's.
 */
#pragma once

#include "common/client/api.h"
#include "common/client/cache.h"

struct metadata_watch;

struct metadata_watch *metadata_watch_new(struct loop *loop, struct api *api, uint64_t seed);
void metadata_watch_free(struct metadata_watch *m);
DEFINE_CLEANUP(metadata_watch)

/* What is not added is skipped: built-in kinds are added before the start, custom ones when they are
 * told of, and once. */
struct cache *metadata_watch_add(struct metadata_watch *m, const struct api_resource *resource);
/* A custom kind that the server serves, told before its first object, and again whenever the stream
 * begins anew; its version may be another one then. Texts are borrowed for the call. */
typedef void metadata_kind(void *ctx, const struct api_resource *resource, const char *kind);
void metadata_watch_on_kind(struct metadata_watch *m, metadata_kind *on_kind, void *ctx);
void metadata_watch_start(struct metadata_watch *m);
