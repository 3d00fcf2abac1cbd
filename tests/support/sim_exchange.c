#include "tests/support/sim_exchange.h"
#include "common/base/rng.h"
#include "common/base/str.h"

#include <strings.h>

#define PIECE_MAX 16384

struct sim_transport {
	struct http_transport base;
	struct loop *loop;
	struct rng rng;
	char *cn, *org;
	int64_t until_s;
	bool is_bad;
	void (*handle)(void *ctx, struct http_exchange *x);
	void *ctx;
	const struct sim_network_faults *faults;
	struct http_call *calls;
	struct http_memo memo;
	bool is_freed; /* goes with its last call: a server may still hold some */
};

static void forget_memo(struct sim_transport *t)
{
	if (t->memo.release)
		t->memo.release(t->memo.value);
	t->memo = (struct http_memo){ 0 };
}

static void transport_destroy(struct sim_transport *t)
{
	forget_memo(t);
	free(t->cn);
	free(t->org);
	free(t);
}

/* One call: the client's half and the server's half; it lives until both have let go. */
struct http_call {
	struct sim_transport *t;
	struct http_call *next, *prev;
	struct loop_timer *timer; /* client side: what happens next */
	struct loop_timer *pump;  /* server side: reads the source */
	struct loop_timer *timeout;
	const struct http_events *events;
	void *ctx;
	bool client_gone; /* cancelled or told the end */
	/* the request */
	struct http_exchange x;
	char *method, *path, *query, *body;
	struct http_header *headers;
	size_t headers_count;
	bool is_delivered, is_answered, is_lost;
	/* the answer */
	int status;
	struct http_header *answer_headers;
	size_t answer_headers_count;
	struct str answer;
	bool head_sent;
	const struct http_source *source;
	void *source_ctx;
	bool source_ended, source_broken;
};

static struct sim_transport *of(struct http_transport *t)
{
	return CONTAINER_OF(t, struct sim_transport, base);
}

static int64_t delay(struct sim_transport *t)
{
	if (!t->faults)
		return 0;
	int64_t span = t->faults->delay_max_ms - t->faults->delay_min_ms;
	return t->faults->delay_min_ms +
	       (span > 0 ? (int64_t)rng_below(&t->rng, (uint64_t)span + 1) : 0);
}

static bool dice(struct sim_transport *t, unsigned one_in)
{
	return one_in && rng_one_in(&t->rng, one_in);
}

static void copy_headers(struct http_header **to, size_t *to_count, const struct http_header *from,
			 size_t n)
{
	*to = xcalloc(n + 1, sizeof **to);
	*to_count = n;
	for (size_t i = 0; i < n; i++)
		(*to)[i] = (struct http_header){ xstrdup(from[i].name), xstrdup(from[i].value) };
}

static void free_headers(struct http_header *h, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free((char *)(uintptr_t)h[i].name);
		free((char *)(uintptr_t)h[i].value);
	}
	free(h);
}

static void close_source(struct http_call *c)
{
	if (!c->source)
		return;
	const struct http_source *s = c->source;
	c->source = NULL;
	s->closed(c->source_ctx);
}

static void maybe_free(struct http_call *c)
{
	bool server_done = !c->is_delivered || (c->is_answered && !c->source);
	if (!c->client_gone || !server_done)
		return;
	struct sim_transport *t = c->t;
	if (c->prev)
		c->prev->next = c->next;
	else
		t->calls = c->next;
	if (c->next)
		c->next->prev = c->prev;
	loop_timer_free(c->timer);
	loop_timer_free(c->pump);
	loop_timer_free(c->timeout);
	free_headers(c->headers, c->headers_count);
	free_headers(c->answer_headers, c->answer_headers_count);
	str_fini(&c->answer);
	free(c->method);
	free(c->path);
	free(c->query);
	free(c->body);
	free(c);
	if (t->is_freed && !t->calls)
		transport_destroy(t);
}

static void client_left(struct http_call *c)
{
	c->client_gone = true;
	loop_timer_stop(c->timer);
	loop_timer_stop(c->timeout);
	if (c->is_delivered && !c->is_answered && c->x.gone)
		c->x.gone(&c->x);
	close_source(c);
	maybe_free(c);
}

static void end(struct http_call *c, const char *why)
{
	struct error err;
	if (why)
		error_set(&err, ERR_UNAVAILABLE, "%s", why);
	if (c->client_gone)
		return;
	c->client_gone = true; /* before the callback, which may cancel others, not this */
	loop_timer_stop(c->timeout);
	c->events->done(c->ctx, why ? &err : NULL);
	client_left(c);
}

static void timed_out(void *ctx)
{
	end(ctx, "timed out");
}

/* ---- server side ---- */

static const char *x_header(struct http_exchange *x, const char *name)
{
	struct http_call *c = CONTAINER_OF(x, struct http_call, x);
	for (size_t i = 0; i < c->headers_count; i++)
		if (strcasecmp(c->headers[i].name, name) == 0)
			return c->headers[i].value;
	return NULL;
}

static size_t x_header_values(struct http_exchange *x, const char *name, const char **ret_values,
			      size_t max)
{
	struct http_call *c = CONTAINER_OF(x, struct http_call, x);
	size_t n = 0;
	for (size_t i = 0; i < c->headers_count && n < max; i++)
		if (strcasecmp(c->headers[i].name, name) == 0)
			ret_values[n++] = c->headers[i].value;
	return n;
}

static void x_headers_like(struct http_exchange *x, const char *prefix, http_visit *visit,
			   void *ctx)
{
	struct http_call *c = CONTAINER_OF(x, struct http_call, x);
	for (size_t i = 0; i < c->headers_count; i++)
		if (strncasecmp(c->headers[i].name, prefix, strlen(prefix)) == 0)
			visit(ctx, c->headers[i].name, c->headers[i].value);
}

static void x_reply(struct http_exchange *x, int status, const struct http_header *headers,
		    size_t headers_count, const void *body, size_t body_len,
		    void (*release)(void *ctx), void *release_ctx)
{
	struct http_call *c = CONTAINER_OF(x, struct http_call, x);
	assert(!c->is_answered);
	c->is_answered = true;
	c->status = status;
	copy_headers(&c->answer_headers, &c->answer_headers_count, headers, headers_count);
	str_add_bytes(&c->answer, body, body_len);
	c->source_ended = true;
	if (release)
		release(release_ctx);
	if (!c->client_gone)
		loop_timer_set(c->timer, delay(c->t));
	else /* not inside the handler's frame */
		loop_timer_set(c->pump, 0);
}

static void x_stream(struct http_exchange *x, int status, const struct http_header *headers,
		     size_t headers_count, const struct http_source *source, void *ctx)
{
	struct http_call *c = CONTAINER_OF(x, struct http_call, x);
	assert(!c->is_answered);
	c->is_answered = true;
	c->status = status;
	copy_headers(&c->answer_headers, &c->answer_headers_count, headers, headers_count);
	c->source = source;
	c->source_ctx = ctx;
	loop_timer_set(c->pump, 0);
}

static void x_wake(struct http_exchange *x)
{
	struct http_call *c = CONTAINER_OF(x, struct http_call, x);
	if (c->source)
		loop_timer_set(c->pump, 0);
}

static const struct http_exchange_ops exchange_ops = { .header = x_header,
						       .header_values = x_header_values,
						       .headers_like = x_headers_like,
						       .reply = x_reply,
						       .stream = x_stream,
						       .wake = x_wake };

/* Read what the source has, up to what a slow client would take at once. */
static void pump(void *ctx)
{
	struct http_call *c = ctx;
	if (c->client_gone) {
		close_source(c);
		maybe_free(c);
		return;
	}
	char buf[PIECE_MAX];
	ssize_t n = 1;
	while (c->source && n > 0 && c->answer.len < 4 * PIECE_MAX) {
		n = c->source->read(c->source_ctx, buf, sizeof buf);
		if (n > 0)
			str_add_bytes(&c->answer, buf, (size_t)n);
	}
	if (n < 0) {
		c->source_ended = true;
		c->source_broken = n == -2;
		close_source(c);
	}
	bool has_news = !c->head_sent || c->answer.len || c->source_ended;
	if (has_news && !loop_timer_is_set(c->timer))
		loop_timer_set(c->timer, delay(c->t));
}

/* ---- client side ---- */

static void deliver(struct http_call *c)
{
	struct sim_transport *t = c->t;
	if (!t->handle || dice(t, t->faults ? t->faults->lose_request_in : 0)) {
		end(c, "connection refused");
		return;
	}
	c->is_delivered = true;
	c->is_lost = dice(t, t->faults ? t->faults->lose_answer_in : 0);
	t->handle(t->ctx, &c->x);
}

static void receive(struct http_call *c)
{
	if (c->is_lost || c->source_broken) {
		end(c, "connection reset");
		return;
	}
	if (!c->head_sent) {
		c->head_sent = true;
		c->events->head(c->ctx, c->status, c->answer_headers, c->answer_headers_count);
		if (c->client_gone) {
			return;
		}
	}
	bool took = c->answer.len > 0;
	if (took) {
		if (c->source && dice(c->t, c->t->faults ? c->t->faults->cut_stream_in : 0)) {
			end(c, "connection reset");
			return;
		}
		size_t n = c->answer.len;
		auto_free char *bytes = str_take(&c->answer);
		c->events->data(c->ctx, bytes, n);
		if (c->client_gone)
			return;
	}
	if (c->source_ended && !c->source && !c->answer.len)
		end(c, NULL);
	else if (c->source && took)
		loop_timer_set(c->pump, 0); /* there may be more than one reading took */
}

/* A call cancelled inside its own callback is freed in a turn of its own. */
static void step(void *ctx)
{
	struct http_call *c = ctx;
	if (c->client_gone)
		maybe_free(c);
	else if (!c->is_delivered)
		deliver(c);
	else
		receive(c);
}

static struct http_call *start(struct http_transport *base, const struct http_request *r,
			       const struct http_events *events, void *ctx)
{
	struct sim_transport *t = of(base);
	struct http_call *c = xcalloc(1, sizeof *c);
	const char *mark = strchr(r->target, '?');
	c->t = t;
	c->events = events;
	c->ctx = ctx;
	c->method = xstrdup(r->method);
	c->path = mark ? xstrndup(r->target, (size_t)(mark - r->target)) : xstrdup(r->target);
	c->query = xstrdup(mark ? mark + 1 : "");
	c->body = xmemdup(r->body ? r->body : "", r->body_len);
	copy_headers(&c->headers, &c->headers_count, r->headers, r->headers_count);
	str_init(&c->answer, SIZE_MAX / 2);
	c->x = (struct http_exchange){ .ops = &exchange_ops,
				       .method = c->method,
				       .path = c->path,
				       .query = c->query,
				       .body = c->body,
				       .body_len = r->body_len,
				       .peer = { .cert_cn = t->cn,
						 .cert_until_s = t->until_s,
						 .has_bad_cert = t->is_bad,
						 .cert_orgs = { t->org },
						 .cert_orgs_count = t->org ? 1 : 0,
						 .address = "sim" },
				       .memo = &t->memo };
	c->timer = loop_timer_new(t->loop, step, c);
	c->pump = loop_timer_new(t->loop, pump, c);
	c->timeout = loop_timer_new(t->loop, timed_out, c);
	if (r->timeout_ms)
		loop_timer_set(c->timeout, r->timeout_ms);
	loop_timer_set(c->timer, delay(t));
	c->next = t->calls;
	if (c->next)
		c->next->prev = c;
	t->calls = c;
	return c;
}

static void cancel(struct http_transport *base, struct http_call *c)
{
	(void)base;
	if (c->client_gone)
		return;
	c->client_gone = true;
	loop_timer_stop(c->timeout);
	loop_timer_set(c->timer, 0);
	if (c->is_delivered && !c->is_answered && c->x.gone)
		c->x.gone(&c->x);
	if (c->source)
		loop_timer_set(c->pump, 0);
}

void sim_transport_break(struct http_transport *base)
{
	struct sim_transport *t = of(base);
	for (struct http_call *c = t->calls; c; c = c->next) {
		c->is_lost = true;
		if (!c->client_gone && c->is_delivered)
			loop_timer_set(c->timer, 0);
	}
}

void sim_transport_set_server(struct http_transport *base,
			      void (*handle)(void *ctx, struct http_exchange *x), void *ctx)
{
	struct sim_transport *t = of(base);
	forget_memo(t); /* the server of before had it */
	t->handle = handle;
	t->ctx = ctx;
}

static void transport_free(struct http_transport *base)
{
	struct sim_transport *t = of(base);
	for (struct http_call *c = t->calls, *next; c; c = next) {
		next = c->next;
		c->client_gone = true;
		loop_timer_stop(c->timer);
		loop_timer_stop(c->timeout);
		close_source(c);
		maybe_free(c);
	}
	t->is_freed = true;
	if (!t->calls)
		transport_destroy(t);
}

static const struct http_transport_ops transport_ops = { .start = start,
							 .cancel = cancel,
							 .free = transport_free };

struct http_transport *sim_transport_new(struct loop *loop, uint64_t seed,
					 const struct sim_peer *peer,
					 void (*handle)(void *ctx, struct http_exchange *x),
					 void *ctx, const struct sim_network_faults *faults)
{
	struct sim_transport *t = xcalloc(1, sizeof *t);
	*t = (struct sim_transport){ .base = { &transport_ops },
				     .loop = loop,
				     .rng = { seed },
				     .cn = peer->cn ? xstrdup(peer->cn) : NULL,
				     .org = peer->org ? xstrdup(peer->org) : NULL,
				     .until_s = peer->until_s,
				     .is_bad = peer->is_bad,
				     .handle = handle,
				     .ctx = ctx,
				     .faults = faults };
	return &t->base;
}
