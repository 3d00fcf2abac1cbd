#include "apiserver/openapi_whole.h"
#include "apiserver/gzip.h"
#include "apiserver/server_internal.h"
#include "apiserver/work.h"
#include "common/base/map.h"
#include "schemas/discovery.h"

#define DOCUMENT_MAX (64u << 20)
#define IDLE_MS      (60 * 1000)

/* In the order in which a client that takes anything gets them. Of protobuf's names Go refuses to
 * parse the one with an @, so it is only asked for. */
static const char *const types[] = { "application/json",
				     "application/com.github.proto-openapi.spec.v2@v1.0+protobuf",
				     "application/com.github.proto-openapi.spec.v2.v1.0+protobuf" };

/* What is shared with the answers that are under way. */
struct document {
	size_t refs;
	size_t len;
	char *bytes;
};

struct waiter {
	struct request *r;
	struct waiter *next;
};

/* JSON or protobuf, in gzip or not. */
struct form {
	struct openapi_whole *owner;
	bool is_protobuf, is_packed;
	uint64_t changes;               /* the server's, of which these are: */
	char etag[ETAG_SIZE];           /* "": not known yet */
	struct document *document;      /* NULL: not there */
	struct rendering *under_way;    /* NULL: none */
	struct waiter *waiting, **last; /* for the one after it */
};

struct openapi_whole {
	struct server *server;
	struct loop_timer *idle;
	struct form forms[4];
};

struct rendering {
	struct form *form; /* its owner lives until it is done, or is_gone is said */
	bool is_protobuf, is_packed;
	struct kinds *kinds; /* a snapshot */
	bool has_keys;
	uint64_t changes;
	struct str text;
	uint64_t hash; /* of what was rendered, packed or not */
	struct waiter *waiting;
};

/* ---- on a worker ---- */

static void pack(struct str *text)
{
	AUTO(gzip) *g = gzip_new();
	struct str packed;
	str_init(&packed, DOCUMENT_MAX);
	gzip_add(g, text->data, text->len, true, &packed);
	packed.overflow |= text->overflow;
	str_fini(text);
	*text = packed;
}

static void render(void *rendering)
{
	struct rendering *g = rendering;
	if (g->is_protobuf)
		openapi_v2_protobuf(g->kinds, g->has_keys, &g->text);
	else
		openapi_v2_json(g->kinds, g->has_keys, &g->text);
	g->hash = hash_bytes(g->text.data, g->text.len);
	if (g->is_packed)
		pack(&g->text);
}

/* ---- on the loop ---- */

static void unref(void *document)
{
	struct document *d = document;
	if (!d || --d->refs > 0)
		return;
	free(d->bytes);
	free(d);
}

/* False: it cannot be answered without rendering. */
static bool answer(struct form *f, struct request *r)
{
	const char *type = types[f->is_protobuf ? ARRAY_LEN(types) - 1 : 0];
	struct document *d = f->document;
	if (!*f->etag)
		return false;
	if (request_has(r, f->etag)) {
		reply_unchanged(r, type, f->etag);
	} else if (d) {
		d->refs++;
		reply_shared(r, type, f->etag, f->is_packed, d->bytes, d->len, unref, d);
	} else {
		return false;
	}
	return true;
}

static void answer_rendered(struct form *f, struct request *r)
{
	struct failure failure = { 0 };
	if (answer(f, r))
		return;
	fail_path(&failure); /* it is too large */
	reply_failure(r, &failure);
}

static void keep(struct form *f, struct rendering *g)
{
	unref(TAKE(f->document));
	f->changes = g->changes;
	*f->etag = '\0';
	if (!str_ok(&g->text))
		return;
	request_etag(g->hash, f->etag);
	f->document = xcalloc(1, sizeof *f->document);
	*f->document = (struct document){ .refs = 1, .len = g->text.len };
	f->document->bytes = str_take(&g->text);
}

static void start(struct form *f);

static void rendered(void *rendering, bool is_gone)
{
	struct rendering *g = rendering;
	struct form *f = g->form;
	if (!is_gone) {
		f->under_way = NULL;
		keep(f, g);
	}
	for (struct waiter *w; (w = g->waiting) != NULL;) {
		g->waiting = w->next;
		if (is_gone)
			request_abandon(w->r);
		else
			answer_rendered(f, w->r);
		free(w);
	}
	if (!is_gone && f->waiting)
		start(f);
	kinds_free(g->kinds);
	str_fini(&g->text);
	free(g);
}

/* For all who wait. */
static void start(struct form *f)
{
	struct server *s = f->owner->server;
	struct rendering *g = xcalloc(1, sizeof *g);
	*g = (struct rendering){ .form = f,
				 .is_protobuf = f->is_protobuf,
				 .is_packed = f->is_packed,
				 .kinds = kinds_snapshot(s->kinds),
				 .has_keys = s->tokens != NULL,
				 .changes = s->openapi_changes,
				 .waiting = TAKE(f->waiting) };
	f->last = &f->waiting;
	f->under_way = g;
	str_init(&g->text, DOCUMENT_MAX);
	server_offload(s, render, rendered, g);
}

/* Whoever asks after a change waits for what is rendered after it. */
static void wait(struct form *f, struct request *r)
{
	struct waiter *w = xcalloc(1, sizeof *w);
	struct rendering *g = f->under_way;
	w->r = r;
	if (g && g->changes == f->owner->server->openapi_changes) {
		w->next = g->waiting;
		g->waiting = w;
		return;
	}
	*f->last = w;
	f->last = &w->next;
	if (!g)
		start(f);
}

void openapi_whole_serve(struct openapi_whole *w, struct request *r)
{
	size_t type = accept_choose_type(http_header_get(r->x, "Accept"), types, ARRAY_LEN(types));
	bool is_packed = accept_gzip(http_header_get(r->x, "Accept-Encoding"));
	if (type == SIZE_MAX) {
		reply_text(r, 406, "text/plain; charset=utf-8", "", 0);
		return;
	}
	struct form *f = &w->forms[(type > 0) * 2 + is_packed];
	loop_timer_set(w->idle, IDLE_MS);
	if (f->changes != w->server->openapi_changes || !answer(f, r))
		wait(f, r);
}

static void forget(void *whole)
{
	struct openapi_whole *w = whole;
	for (size_t i = 0; i < ARRAY_LEN(w->forms); i++)
		unref(TAKE(w->forms[i].document));
}

struct openapi_whole *openapi_whole_new(struct server *s)
{
	struct openapi_whole *w = xcalloc(1, sizeof *w);
	w->server = s;
	w->idle = loop_timer_new(s->loop, forget, w);
	for (size_t i = 0; i < ARRAY_LEN(w->forms); i++) {
		struct form *f = &w->forms[i];
		*f = (struct form){ .owner = w, .is_protobuf = i / 2, .is_packed = i % 2 };
		f->last = &f->waiting;
	}
	return w;
}

void openapi_whole_free(struct openapi_whole *w)
{
	if (!w)
		return;
	forget(w);
	for (size_t i = 0; i < ARRAY_LEN(w->forms); i++)
		for (struct waiter *x; (x = w->forms[i].waiting) != NULL;) {
			w->forms[i].waiting = x->next;
			request_abandon(x->r);
			free(x);
		}
	loop_timer_free(w->idle);
	free(w);
}
