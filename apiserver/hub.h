/*
 * hub.h - the watch cache: every object of the store by reference, a ring of recent events a
 * kind, and the position (etcd revision) up to which it is complete. All reads are
 * answered from here; a reader that must not be behind waits for a probed revision.
 *
 * Threads: the core loop's.
 */
#pragma once

#include "apiserver/index.h"
#include "apiserver/store.h"
#include "schemas/kinds.h"

/* Events are kept 75 s where they fit into HUB_RING_BYTES a kind. */
#define HUB_RING_BYTES  (64u << 20)
#define HUB_KEEP_MS     75000
#define HUB_WAIT_MAX_MS 30000

enum hub_event_type { HUB_ADDED, HUB_MODIFIED, HUB_DELETED };

struct hub_event {
	enum hub_event_type type;
	uint64_t version;
	struct object *now; /* a deleted object: its last state, which hub_event_object() dates */
	struct object *before; /* NULL for ADDED */
	int64_t at_ms;
};

/* What the event tells, at its version: a reference. A large deleted object is copied only now, for
 * whoever wants it: a batch may delete dozens of a megabyte. */
struct object *hub_event_object(const struct hub_event *e);

struct hub_watcher {
	struct hub_watcher *next, *prev;
	/* New events of the kind, or the ring was emptied. Nothing may be freed in it. */
	void (*changed)(struct hub_watcher *w);
};

struct hub;

struct seal;

/* `seal` opens what is stored encrypted; NULL: nothing is. All are borrowed. */
struct hub *hub_new(struct loop *loop, struct store *store, const struct kinds *kinds,
		    const struct seal *seal);
void hub_free(struct hub *h);
DEFINE_CLEANUP(hub)

bool hub_is_loaded(const struct hub *h);
uint64_t hub_revision(const struct hub *h);
uint64_t hub_version(const struct hub *h); /* revision × 64 + 63 */

const struct index *hub_index(const struct hub *h, const struct schema_kind *kind);
struct object *hub_get(const struct hub *h, const struct schema_kind *kind, const char *ns,
		       const char *name); /* borrowed or NULL */

/* Something is stored there that cannot be read: its key is missing, or its bytes are no object. */
bool hub_is_unopened(const struct hub *h, const struct schema_kind *kind, const char *ns,
		     const char *name);

/* Whether any object of the kind has an annotation that says what it depends on. */
bool hub_has_order(const struct hub *h, const struct schema_kind *kind);

/*
 * What a write made, so that nothing is read twice: the hub's object of this key and version if it
 * has come already (a reference; else NULL), and an object that is about to come, of which the hub
 * keeps a reference for a while.
 */
struct object *hub_arrived(const struct hub *h, const struct schema_kind *kind, const char *key,
			   uint64_t version);
void hub_expect(struct hub *h, struct object *o);

/* ---- custom kinds: what is said about a place (schemas/kinds.h) has changed ---- */
/* Its objects are there from now on. Those that were printed by other rules are made anew, at
 * their versions and without an event, in the turns that follow: reads stay reads of bytes. */
void hub_set_kind(struct hub *h, size_t place);
/* Its kinds are gone: objects become bytes again, for they stay in the store until somebody deletes
 * them. Watchers may stay; they see nothing more. */
void hub_drop_kind(struct hub *h, size_t place);

/* Our own keys (graph/…, leader/…, alloc/…); false: absent. Borrowed. */
bool hub_own_key(const struct hub *h, const char *key, const char **ret_bytes, size_t *ret_len,
		 uint64_t *ret_version);

/* `reached` is called in a later turn with err NULL once the cache is complete up to
 * `revision`; with ERR_LIMIT after timeout_ms. */
typedef void hub_reached(void *ctx, const struct error *err);
void hub_when(struct hub *h, uint64_t revision, int64_t timeout_ms, hub_reached *reached,
	      void *ctx);
/* A linearizable point: probe the store now, then wait for what it said. */
void hub_when_fresh(struct hub *h, hub_reached *reached, void *ctx);

/* ---- watching ---- */
void hub_watch(struct hub *h, const struct schema_kind *kind, struct hub_watcher *w);
void hub_unwatch(struct hub *h, const struct schema_kind *kind, struct hub_watcher *w);

/* The sequence number of the first event after `version`; false: too old (410). */
bool hub_events_after(const struct hub *h, const struct schema_kind *kind, uint64_t version,
		      uint64_t *ret_seq);
/* The event `seq`; NULL and *ret_lost: dropped already; NULL otherwise: not there yet. */
const struct hub_event *hub_event_at(const struct hub *h, const struct schema_kind *kind,
				     uint64_t seq, bool *ret_lost);

struct hub_counts {
	size_t objects, events, watchers, waiting;
	size_t object_bytes, event_bytes;
	uint64_t events_total, reloads;
};
void hub_counts(const struct hub *h, struct hub_counts *ret);
