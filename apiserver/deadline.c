#include "apiserver/deadline.h"
#include "apiserver/server_internal.h"

#include <stdio.h>
#include <strings.h>

#define LONGEST_MS  60000
#define HEADERS_MAX 128

struct deadlines {
	struct loop *loop;
	struct request *first, **last;
	struct loop_timer *timer;
	int64_t timer_ms; /* when it comes, while it is set */
};

/* ---- what is left of an exchange that was answered too early ---- */

struct late_exchange {
	struct http_exchange x;
	struct http_header headers[HEADERS_MAX];
	size_t headers_count;
};

static void late_free(struct late_exchange *l)
{
	for (size_t i = 0; i < l->headers_count; i++) {
		free((char *)(uintptr_t)l->headers[i].name);
		free((char *)(uintptr_t)l->headers[i].value);
	}
	const char *texts[] = { l->x.method, l->x.path,         l->x.query,
				l->x.body,   l->x.peer.cert_cn, l->x.peer.address };
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		free((char *)(uintptr_t)texts[i]);
	for (size_t i = 0; i < l->x.peer.cert_orgs_count; i++)
		free((char *)(uintptr_t)l->x.peer.cert_orgs[i]);
	free(l);
}

static const char *late_header(struct http_exchange *x, const char *name)
{
	struct late_exchange *l = CONTAINER_OF(x, struct late_exchange, x);
	for (size_t i = 0; i < l->headers_count; i++)
		if (strcasecmp(l->headers[i].name, name) == 0)
			return l->headers[i].value;
	return NULL;
}

static size_t late_header_values(struct http_exchange *x, const char *name, const char **ret_values,
				 size_t max)
{
	struct late_exchange *l = CONTAINER_OF(x, struct late_exchange, x);
	size_t n = 0;
	for (size_t i = 0; i < l->headers_count && n < max; i++)
		if (strcasecmp(l->headers[i].name, name) == 0)
			ret_values[n++] = l->headers[i].value;
	return n;
}

static void late_headers_like(struct http_exchange *x, const char *prefix, http_visit *visit,
			      void *ctx)
{
	struct late_exchange *l = CONTAINER_OF(x, struct late_exchange, x);
	for (size_t i = 0; i < l->headers_count; i++)
		if (strncasecmp(l->headers[i].name, prefix, strlen(prefix)) == 0)
			visit(ctx, l->headers[i].name, l->headers[i].value);
}

static void late_reply(struct http_exchange *x, int status, const struct http_header *headers,
		       size_t headers_count, const void *body, size_t body_len,
		       void (*release)(void *ctx), void *release_ctx)
{
	(void)status, (void)headers, (void)headers_count, (void)body, (void)body_len;
	if (release)
		release(release_ctx);
	late_free(CONTAINER_OF(x, struct late_exchange, x));
}

static void late_stream(struct http_exchange *x, int status, const struct http_header *headers,
			size_t headers_count, const struct http_source *source, void *ctx)
{
	(void)status, (void)headers, (void)headers_count;
	source->closed(ctx);
	late_free(CONTAINER_OF(x, struct late_exchange, x));
}

static void late_wake(struct http_exchange *x)
{
	(void)x; /* nobody reads */
}

static const struct http_exchange_ops late_ops = { .header = late_header,
						   .header_values = late_header_values,
						   .headers_like = late_headers_like,
						   .reply = late_reply,
						   .stream = late_stream,
						   .wake = late_wake };

static const char *copy(const char *text)
{
	return text ? xstrdup(text) : NULL;
}

/* More than a client of ours has: what it says beyond them is not looked at when it is late. */
static void note_header(void *ctx, const char *name, const char *value)
{
	struct late_exchange *l = ctx;
	if (l->headers_count == HEADERS_MAX)
		return;
	l->headers[l->headers_count++] = (struct http_header){ xstrdup(name), xstrdup(value) };
}

static struct http_exchange *late_new(struct http_exchange *x)
{
	struct late_exchange *l = xcalloc(1, sizeof *l);
	http_headers_like(x, "", note_header, l);
	l->x = (struct http_exchange){ .ops = &late_ops,
				       .method = xstrdup(x->method),
				       .path = xstrdup(x->path),
				       .query = xstrdup(x->query),
				       .body_len = x->body_len,
				       .peer = x->peer };
	if (x->body) {
		char *body = xcalloc(x->body_len + 1, 1);
		memcpy(body, x->body, x->body_len);
		l->x.body = body;
	}
	struct http_peer *p = &l->x.peer;
	p->cert_cn = copy(p->cert_cn);
	p->address = copy(p->address);
	for (size_t i = 0; i < p->cert_orgs_count; i++)
		p->cert_orgs[i] = xstrdup(p->cert_orgs[i]);
	return &l->x;
}

/* ---- the end of the wait ---- */

/* The original's bytes: its filter knows neither what was asked for nor what was accepted. */
static void answer(struct request *r)
{
	static const char text[] =
		"{\"metadata\":{},\"status\":\"Failure\",\"message\":\"Timeout: request did not "
		"complete within the allotted timeout\",\"reason\":\"Timeout\",\"details\":{},"
		"\"code\":504}\n";
	const struct http_header headers[] = { { "Content-Type", "text/plain; charset=utf-8" },
					       { "Cache-Control", "no-cache, private" },
					       { "Audit-Id", r->audit_id } };
	struct http_exchange *x = r->x;
	server_count_request(r->server, r->target.verb, r->target.is_resource, 504,
			     loop_now_ms(r->server->loop) - r->start_ms);
	r->x = late_new(x);
	r->deadline.is_over = true;
	http_reply(x, 504, headers, ARRAY_LEN(headers), text, sizeof text - 1, NULL, NULL);
}

static void set_timer(struct deadlines *d, int64_t at_ms)
{
	d->timer_ms = at_ms;
	loop_timer_set(d->timer, MAX(at_ms - loop_now_ms(d->loop), 1));
}

static void look(void *ctx)
{
	struct deadlines *d = ctx;
	int64_t now_ms = loop_now_ms(d->loop);
	while (d->first && d->first->deadline.at_ms <= now_ms) {
		struct request *r = d->first;
		deadline_clear(r);
		r->deadline.is_due = r->deadline.workers > 0;
		if (!r->deadline.is_due)
			answer(r);
	}
	if (d->first)
		set_timer(d, d->first->deadline.at_ms);
}

/* Most have a minute and come last. */
void deadline_set(struct request *r, int64_t timeout_us)
{
	struct deadlines *d = r->server->deadlines;
	int64_t timeout_ms = timeout_us <= 0 ? LONGEST_MS : (timeout_us + 999) / 1000;
	struct request **link = d->last;
	assert(!r->deadline.link);
	r->deadline.at_ms = r->start_ms + MIN(timeout_ms, (int64_t)LONGEST_MS);
	while (link != &d->first) {
		struct request *before = CONTAINER_OF(link, struct request, deadline.next);
		if (before->deadline.at_ms <= r->deadline.at_ms)
			break;
		link = before->deadline.link;
	}
	r->deadline.next = *link;
	r->deadline.link = link;
	if (r->deadline.next)
		r->deadline.next->deadline.link = &r->deadline.next;
	else
		d->last = &r->deadline.next;
	*link = r;
	if (!loop_timer_is_set(d->timer) || r->deadline.at_ms < d->timer_ms)
		set_timer(d, r->deadline.at_ms);
}

void deadline_clear(struct request *r)
{
	struct deadline *at = &r->deadline;
	if (!at->link)
		return;
	if (at->next)
		at->next->deadline.link = at->link;
	else
		r->server->deadlines->last = at->link;
	*at->link = at->next;
	at->next = NULL;
	at->link = NULL;
}

void deadline_lend(struct request *r)
{
	r->deadline.workers++;
}

void deadline_give_back(struct request *r)
{
	assert(r->deadline.workers > 0);
	if (--r->deadline.workers == 0 && r->deadline.is_due) {
		r->deadline.is_due = false;
		answer(r);
	}
}

struct deadlines *deadlines_new(struct loop *loop)
{
	struct deadlines *d = xcalloc(1, sizeof *d);
	d->loop = loop;
	d->last = &d->first;
	d->timer = loop_timer_new(loop, look, d);
	return d;
}

void deadlines_free(struct deadlines *d)
{
	if (!d)
		return;
	while (d->first)
		deadline_clear(d->first);
	loop_timer_free(d->timer);
	free(d);
}
