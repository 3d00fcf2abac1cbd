/*
 * reflector.h - keeps one cache equal to what the API server holds: LIST in pages,
 * then WATCH with bookmarks from there; 410 lists anew; failures back off from 0.8 s to
 * 30 s with jitter. The order of steps is decided by reflector_plan.h (pure).
 *
 * The reflector owns its cache. The API client is borrowed and must outlive it.
 * Threads: the loop's.
 */
#pragma once

#include "common/client/api.h"
#include "common/client/cache.h"

struct reflector;

struct reflector_options {
	struct api_resource resource; /* texts are borrowed for ever */
	const char *ns;               /* NULL: all namespaces (or none) */
	const char *label_selector;   /* NULL: all; copied */
	const char *field_selector;   /* NULL: all; copied */
	bool is_metadata_only;        /* ask for PartialObjectMetadata */
	size_t objects_max;           /* 0: 1,000,000 */
	uint64_t seed;                /* of back-off jitter and time-outs */
};

/* Add indexes and subscribers to the cache, then start. */
struct reflector *reflector_new(struct loop *loop, struct api *api,
				const struct reflector_options *options);
void reflector_free(struct reflector *r);
DEFINE_CLEANUP(reflector)

void reflector_start(struct reflector *r);
struct cache *reflector_cache(const struct reflector *r);
const struct api_resource *reflector_resource(const struct reflector *r);

/* Why it does not get on, or "": the last failure since the last success. */
const char *reflector_trouble(const struct reflector *r);
