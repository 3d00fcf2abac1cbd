#include "cli/until.h"
#include "cli/live.h"

struct until {
	struct session *session;
	struct live *live;
	struct until_object *objects;
	size_t count;
	until_holds *holds;
	void (*told)(void *ctx, const struct until_object *o);
	void *ctx;
	bool is_late;
};

void until_objects_free(struct until_object *at, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(at[i].ns);
		free(at[i].name);
		free(at[i].uid);
	}
	free(at);
}

bool until_gone(void *ctx, const struct until_object *o, const json_t *now)
{
	(void)ctx; /* nothing more to know */
	return !now || (o->uid && !streq(json_str_or(now, "metadata.uid", ""), o->uid));
}

static void on_change(void *ctx)
{
	struct until *u = ctx;
	size_t done = 0;
	if (!live_is_synced(u->live))
		return;
	for (size_t i = 0; i < u->count; i++) {
		struct until_object *o = &u->objects[i];
		struct cache *c = live_cache(u->live, o->kind.kind, o->ns);
		const json_t *now =
			c ? cache_get_at(c, o->kind.is_namespaced ? o->ns : NULL, o->name) : NULL;
		if (!o->is_done && u->holds(u->ctx, o, now)) {
			o->is_done = true;
			if (u->told)
				u->told(u->ctx, o);
		}
		done += o->is_done;
	}
	if (done == u->count)
		loop_stop(u->session->loop);
}

static void on_late(void *ctx)
{
	struct until *u = ctx;
	u->is_late = true;
	loop_stop(u->session->loop);
}

int until_all(struct session *s, struct until_object *objects, size_t n, int64_t timeout_us,
	      until_holds *holds, void (*told)(void *ctx, const struct until_object *o), void *ctx,
	      struct error *err)
{
	struct until u = { .session = s,
			   .objects = objects,
			   .count = n,
			   .holds = holds,
			   .told = told,
			   .ctx = ctx };
	if (n == 0)
		return 0;
	u.live = live_new(s, on_change, &u);
	for (size_t i = 0; i < n; i++)
		(void)live_watch(u.live, &objects[i].kind, objects[i].ns); /* its own limit */
	struct loop_timer *limit = loop_timer_new(s->loop, on_late, &u);
	loop_timer_set(limit, timeout_us / 1000);
	loop_run(s->loop);
	loop_timer_free(limit);
	bool was_synced = live_is_synced(u.live);
	auto_free char *trouble = xstrdup(live_trouble(u.live));
	live_free(u.live);
	if (!u.is_late)
		return 0;
	if (!was_synced)
		return error_set(err, ERR_UNAVAILABLE, "the server at %s does not answer: %s",
				 s->config.server, *trouble ? trouble : "no answer in time");
	return error_set(err, ERR_LIMIT, "the time is over");
}
