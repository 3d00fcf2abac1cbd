/*
 * hub_internal.h - what the hub's own files share. Nobody else includes it.
 */
#pragma once

#include "apiserver/hub.h"
#include "apiserver/ring.h"
#include "common/base/map.h"

/* The objects of one group and resource. */
struct hub_kind {
	/* As which they are stored; NULL: nobody has said yet, or no more: then the bytes are kept. */
	const struct schema_kind *kind;
	size_t place;
	struct index index, loading;
	struct ring ring;
	struct hub_watcher *watchers;
	size_t order_count, order_loading; /* objects that say what they depend on */
	bool is_changed;
	struct map stash;       /* key → struct hub_stashed */
	uint64_t stash_version; /* of the last change that the ring does not know */
	bool is_stale;          /* some objects were made by other rules than the kind's of now */
	char *stale_at;         /* up to here they have been looked at; NULL: not begun */
};

#define HUB_COPIED_MAX   (32u << 10) /* a deleted object of more is copied when it is told */
#define HUB_EXPECTED_MAX 256         /* events come a moment after the answers of their writes */

struct hub_waiter;
struct hub_probe;

struct hub_waits {
	struct hub_waiter *first, *spare;
	struct hub_waiter *due, **due_end;
	struct hub_waiter *asking, **asking_end; /* for a probe that is about to be sent */
	struct hub_probe *probes;                /* that were sent */
	size_t spare_count;
	struct loop_timer *ask, *now, *late;
	int64_t late_ms; /* when `late` is set for */
};

struct hub {
	struct loop *loop;
	struct store *store;
	const struct seal *seal;
	const struct kinds *served;
	struct hub_kind **kinds; /* all */
	size_t kinds_count;
	struct hub_kind **by_place; /* NULL: stored as another kind */
	size_t places;
	struct map by_prefix; /* "o/apps/deployments" → struct hub_kind */
	struct map own;       /* key → struct own_key */
	struct map unopened;  /* keys of objects that were left out */
	uint64_t revision, load_version;
	bool is_loaded;
	struct hub_waits waits;
	struct loop_timer *trim, *derive;
	/* In a circle, in the order of their writes' answers; some may have come another way. */
	struct object *expected[HUB_EXPECTED_MAX];
	size_t expected_first, expected_count;
	size_t object_bytes;
	uint64_t events_total, reloads;
};

/* ---- hub_kinds.c ---- */
void hub_kinds_init(struct hub *h);
void hub_kinds_fini(struct hub *h);
struct hub_kind *hub_kind_of(const struct hub *h, const struct schema_kind *kind);
/* NULL: the key is none of an object. An unknown group and resource gets a place for its bytes. */
struct hub_kind *hub_kind_of_key(struct hub *h, const char *key);
/* A reference; NULL: the item is no object, which was logged. */
struct object *hub_object_of(struct hub *h, struct hub_kind *k, const struct store_item *item);
void hub_stash(struct hub_kind *k, const struct store_item *item); /* without bytes: drop */
void hub_stash_clear(struct hub_kind *k);
/* Made by the rules of now. */
bool hub_is_current(const struct object *o, const struct schema_kind *kind);
/* Objects of it wait to be derived by the rules of now. */
void hub_mark_stale(struct hub *h, struct hub_kind *k);

/* ---- hub_wait.c ---- */
void hub_wake_waiters(struct hub *h);
void hub_waits_init(struct hub *h);
void hub_waits_fini(struct hub *h);
size_t hub_waiting(const struct hub *h);
