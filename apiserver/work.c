#include "apiserver/work.h"
#include "apiserver/definitions.h"

struct server_work {
	struct server *server; /* NULL: gone */
	struct server_work *next, **link;
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

static void done(void *ctx)
{
	struct server_work *w = ctx;
	struct server *s = w->server;
	if (s)
		unlink_work(w);
	w->done(w->ctx, !s);
	if (s && w->server)
		go_on(s);
	free(w);
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
	for (struct server_work *w = s->works; w; w = w->next)
		w->server = NULL;
	s->works = NULL;
	while (s->held) {
		struct server_work *w = s->held;
		unlink_work(w);
		w->done(w->ctx, true);
		free(w);
	}
}
