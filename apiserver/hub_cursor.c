#include "apiserver/hub_cursor.h"

static void changed(struct hub_watcher *w)
{
	struct hub_cursor *c = CONTAINER_OF(w, struct hub_cursor, watcher);
	c->is_behind = true;
}

void hub_cursor_init(struct hub_cursor *c, struct hub *hub, const struct schema_kind *kind,
		     void (*reset)(void *ctx), hub_cursor_event *event, void *ctx)
{
	*c = (struct hub_cursor){ .watcher = { .changed = changed },
				  .hub = hub,
				  .kind = kind,
				  .is_behind = true,
				  .is_lost = true,
				  .reset = reset,
				  .event = event,
				  .ctx = ctx };
	hub_watch(hub, kind, &c->watcher);
}

void hub_cursor_fini(struct hub_cursor *c)
{
	if (c->hub)
		hub_unwatch(c->hub, c->kind, &c->watcher);
	c->hub = NULL;
}

/* Everything from the beginning; then on from the hub's newest event. */
static void reload(struct hub_cursor *c)
{
	c->reset(c->ctx);
	const struct index *x = hub_index(c->hub, c->kind);
	struct index_cursor at = index_seek(x, NULL);
	for (struct object *o; (o = index_next(x, &at));)
		c->event(c->ctx, o, NULL);
	c->is_lost = !hub_events_after(c->hub, c->kind, UINT64_MAX, &c->seq);
}

void hub_cursor_catch_up(struct hub_cursor *c)
{
	if (!c->is_behind)
		return;
	c->is_behind = false;
	bool lost = c->is_lost;
	const struct hub_event *e;
	while (!lost && (e = hub_event_at(c->hub, c->kind, c->seq, &lost))) {
		c->event(c->ctx, e->type == HUB_DELETED ? NULL : e->now, e->before);
		c->seq++;
	}
	if (lost)
		reload(c);
}
