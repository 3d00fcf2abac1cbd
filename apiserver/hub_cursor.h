/*
 * hub_cursor.h - following one kind of the hub to keep something derived from it: events are taken
 * when the owner asks, so that what is derived is as new as the hub, and costs nothing before.
 *
 * Threads: the core loop's.
 */
#pragma once

#include "apiserver/hub.h"

/* `now` is the object as it is, NULL where it went; `before` what it was, NULL where it is new. */
typedef void hub_cursor_event(void *ctx, const struct object *now, const struct object *before);

struct hub_cursor {
	struct hub_watcher watcher;
	struct hub *hub;
	const struct schema_kind *kind;
	uint64_t seq;
	bool is_behind, is_lost;
	void (*reset)(void *ctx); /* forget everything of the kind: all objects come anew */
	hub_cursor_event *event;
	void *ctx;
};

void hub_cursor_init(struct hub_cursor *c, struct hub *hub, const struct schema_kind *kind,
		     void (*reset)(void *ctx), hub_cursor_event *event, void *ctx);
void hub_cursor_fini(struct hub_cursor *c);

/* Take what happened since the last call. */
void hub_cursor_catch_up(struct hub_cursor *c);
