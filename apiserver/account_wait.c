#include "apiserver/account_wait.h"

struct account_wait {
	struct server *server;
	struct account_wait *next, **link;
	struct hub_watcher watcher;
	struct loop_timer *timer;
	char *ns;
	void (*go_on)(void *ctx, bool is_gone);
	void *ctx;
};

static const struct schema_kind *accounts(void)
{
	return schema_kind_by_kind("", "v1", "ServiceAccount");
}

static void end(struct account_wait *w, bool is_gone)
{
	void (*go_on)(void *ctx, bool is_gone) = w->go_on;
	void *ctx = w->ctx;
	hub_unwatch(w->server->hub, accounts(), &w->watcher);
	loop_timer_free(w->timer);
	if (w->next)
		w->next->link = w->link;
	*w->link = w->next;
	free(w->ns);
	free(w);
	go_on(ctx, is_gone);
}

static void over(void *ctx)
{
	end(ctx, false);
}

static void changed(struct hub_watcher *watcher)
{
	struct account_wait *w = CONTAINER_OF(watcher, struct account_wait, watcher);
	if (hub_get(w->server->hub, accounts(), w->ns, "default"))
		loop_timer_set(w->timer, 0);
}

void account_wait(struct server *s, const char *ns, void (*go_on)(void *ctx, bool is_gone),
		  void *ctx)
{
	struct account_wait *w = xcalloc(1, sizeof *w);
	*w = (struct account_wait){ .server = s,
				    .next = s->account_waits,
				    .link = &s->account_waits,
				    .watcher = { .changed = changed },
				    .timer = loop_timer_new(s->loop, over, w),
				    .ns = xstrdup(ns),
				    .go_on = go_on,
				    .ctx = ctx };
	if (w->next)
		w->next->link = &w->next;
	s->account_waits = w;
	hub_watch(s->hub, accounts(), &w->watcher);
	loop_timer_set(w->timer, ACCOUNT_WAIT_MS);
	changed(&w->watcher);
}

void account_waits_end(struct server *s)
{
	while (s->account_waits)
		end(s->account_waits, true);
}
