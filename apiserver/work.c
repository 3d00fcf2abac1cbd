#include "apiserver/work.h"
#include "apiserver/definitions.h"
#include "apiserver/turn.h"

struct server_work {
	struct server *server; /* NULL: gone */
	struct server_work *next, **link;
	struct server_work *next_computed;
	bool is_computed;
	void (*work)(void *ctx);
	void (*done)(void *ctx, bool is_gone);
	void *ctx;
};

static void unlink_work(struct server_work *w)
{
	if (w->next)
		w->next->link = w->link;
	*w->link = w->next;
}

static void work(void *ctx)
{
	struct server_work *w = ctx;
	w->work(w->ctx);
}

static void done(void *ctx);

static void start(struct server *s, struct server_work *w)
{
	w->next = s->works;
	w->link = &s->works;
	if (w->next)
		w->next->link = &w->next;
	s->works = w;
	loop_offload(s->loop, work, done, w);
}

/* Kinds are exchanged while no worker looks at them; then those go on that were held back. */
static void go_on(struct server *s)
{
	if (!s->works)
		definitions_go_on(s->definitions);
	while (s->held && !definitions_wait(s->definitions)) {
		struct server_work *w = s->held;
		unlink_work(w);
		start(s, w);
	}
}

static void finish(struct server_work *w)
{
	struct server *s = w->server;
	unlink_work(w);
	w->done(w->ctx, false);
	if (w->server)
		go_on(s);
	free(w);
}

static void finish_some(void *ctx)
{
	struct server *s = ctx;
	do {
		struct server_work *w = s->computed;
		s->computed = w->next_computed;
		finish(w);
	} while (s->computed && loop_turn_us(s->loop) < TURN_BUDGET_US);
	if (s->computed)
		loop_timer_set(s->finishing, 0);
}

/* Many may be through at the same time. */
static void done(void *ctx)
{
	struct server_work *w = ctx;
	struct server *s = w->server;
	if (!s) {
		w->done(w->ctx, true);
		free(w);
		return;
	}
	if (!s->computed && loop_turn_us(s->loop) < TURN_BUDGET_US) {
		finish(w);
		return;
	}
	struct server_work **last = &s->computed;
	while (*last)
		last = &(*last)->next_computed;
	*last = w;
	w->is_computed = true;
	if (!s->finishing)
		s->finishing = loop_timer_new(s->loop, finish_some, s);
	loop_timer_set(s->finishing, 0);
}

void server_offload(struct server *s, void (*run)(void *ctx),
		    void (*after)(void *ctx, bool is_gone), void *ctx)
{
	struct server_work *w = xcalloc(1, sizeof *w);
	*w = (struct server_work){ .server = s, .work = run, .done = after, .ctx = ctx };
	s->works_total++;
	if (!definitions_wait(s->definitions)) {
		start(s, w);
		return;
	}
	struct server_work **last = &s->held;
	while (*last)
		last = &(*last)->next;
	w->link = last;
	*last = w;
}

#define TREES_MAX 3

struct garbage {
	json_t *trees[TREES_MAX];
	size_t count;
};

static void free_trees(void *ctx)
{
	struct garbage *g = ctx;
	for (size_t i = 0; i < g->count; i++)
		json_decref(g->trees[i]);
	free(g);
}

static void freed(void *ctx, bool is_gone)
{
	(void)ctx; /* it is gone with its trees */
	(void)is_gone;
}

void server_free_trees(struct server *s, json_t *const *trees, size_t n)
{
	struct garbage *g = xcalloc(1, sizeof *g);
	assert(n <= TREES_MAX);
	memcpy(g->trees, trees, n * sizeof *trees);
	g->count = n;
	server_offload(s, free_trees, freed, g);
}

void server_work_orphan(struct server *s)
{
	struct server_work *next;
	for (struct server_work *w = s->works; w; w = next) {
		next = w->next;
		w->server = NULL;
		if (w->is_computed)
			done(w); /* it waited for its turn only */
	}
	s->works = NULL;
	s->computed = NULL;
	loop_timer_free(TAKE(s->finishing));
	while (s->held) {
		struct server_work *w = s->held;
		unlink_work(w);
		w->done(w->ctx, true);
		free(w);
	}
}
