#include "tests/store/fault_backend.h"

struct fault_call {
	struct fault_call *next;
	struct fault_backend *fault;
	struct loop_timer *timer;
	bool is_answer_lost;
	backend_txn_done *done;
	void *ctx;
};

static struct fault_backend *fault_of(struct store_backend *b)
{
	return CONTAINER_OF(b, struct fault_backend, base);
}

static void call_free(struct fault_call *c)
{
	struct fault_call **link = &c->fault->calls;
	while (*link != c)
		link = &(*link)->next;
	*link = c->next;
	loop_timer_free(c->timer);
	free(c);
}

static void lost(void *ctx)
{
	struct fault_call *c = ctx;
	struct error err;
	error_set(&err, ERR_UNAVAILABLE, "lost by the test");
	c->done(c->ctx, BACKEND_UNKNOWN, 0, NULL, &err);
	call_free(c);
}

static void inner_done(void *ctx, enum backend_outcome outcome, uint64_t revision,
		       const struct backend_member_result *results, const struct error *err)
{
	struct fault_call *c = ctx;
	if (c->is_answer_lost) {
		lost(c);
		return;
	}
	c->done(c->ctx, outcome, revision, results, err);
	call_free(c);
}

static void txn(struct store_backend *b, const struct backend_member *members, size_t count,
		int64_t timeout_ms, backend_txn_done *done, void *ctx)
{
	struct fault_backend *f = fault_of(b);
	struct fault_call *c = xcalloc(1, sizeof *c);
	*c = (struct fault_call){ .next = f->calls, .fault = f, .done = done, .ctx = ctx };
	c->timer = loop_timer_new(f->loop, lost, c);
	f->calls = c;
	f->txns++;
	f->members_max = MAX(f->members_max, count);
	if (f->lose_requests) {
		f->lose_requests--;
		loop_timer_set(c->timer, 0);
		return;
	}
	if (f->lose_answers) {
		f->lose_answers--;
		c->is_answer_lost = true;
	}
	f->inner->ops->txn(f->inner, members, count, timeout_ms, inner_done, c);
}

static void range(struct store_backend *b, const struct backend_range *r, int64_t timeout_ms,
		  backend_range_done *done, void *ctx)
{
	struct store_backend *inner = fault_of(b)->inner;
	inner->ops->range(inner, r, timeout_ms, done, ctx);
}

struct full_probe {
	backend_number_done *done;
	void *ctx;
};

static void found_full(void *ctx, enum backend_outcome outcome, uint64_t number,
		       const struct error *err)
{
	struct full_probe *p = ctx;
	struct error full;
	(void)outcome, (void)number, (void)err;
	error_set(&full, ERR_UNAVAILABLE, "the disk is full");
	p->done(p->ctx, BACKEND_FULL, 0, &full);
	free(p);
}

static void probe(struct store_backend *b, int64_t timeout_ms, backend_number_done *done, void *ctx)
{
	struct store_backend *inner = fault_of(b)->inner;
	if (!fault_of(b)->is_full) {
		inner->ops->probe(inner, timeout_ms, done, ctx);
		return;
	}
	struct full_probe *p = xcalloc(1, sizeof *p);
	*p = (struct full_probe){ done, ctx };
	inner->ops->probe(inner, timeout_ms, found_full, p);
}

static void grant(struct store_backend *b, uint32_t ttl_s, int64_t timeout_ms,
		  backend_number_done *done, void *ctx)
{
	struct store_backend *inner = fault_of(b)->inner;
	inner->ops->grant(inner, ttl_s, timeout_ms, done, ctx);
}

static void compact(struct store_backend *b, uint64_t revision, int64_t timeout_ms,
		    backend_number_done *done, void *ctx)
{
	struct store_backend *inner = fault_of(b)->inner;
	inner->ops->compact(inner, revision, timeout_ms, done, ctx);
}

static void cut(void *ctx)
{
	struct fault_backend *f = ctx;
	struct error err;
	error_set(&err, ERR_UNAVAILABLE, "cut by the test");
	f->inner->ops->unwatch(f->inner);
	f->watch.closed(f->watch_ctx, BACKEND_UNKNOWN, 0, &err);
}

static void watch(struct store_backend *b, uint64_t start_revision,
		  const struct backend_watch_events *events, void *ctx)
{
	struct fault_backend *f = fault_of(b);
	f->watch = *events;
	f->watch_ctx = ctx;
	f->inner->ops->watch(f->inner, start_revision, events, ctx);
}

static void unwatch(struct store_backend *b)
{
	struct fault_backend *f = fault_of(b);
	f->inner->ops->unwatch(f->inner);
}

static void fault_free(struct store_backend *b)
{
	struct fault_backend *f = fault_of(b);
	f->inner->ops->free(f->inner);
	while (f->calls)
		call_free(f->calls);
	loop_timer_free(f->cut);
	free(f);
}

static const struct store_backend_ops fault_ops = {
	.txn = txn,
	.range = range,
	.probe = probe,
	.grant = grant,
	.compact = compact,
	.watch = watch,
	.unwatch = unwatch,
	.free = fault_free,
};

struct fault_backend *fault_backend_new(struct loop *loop, struct store_backend *take_inner)
{
	struct fault_backend *f = xcalloc(1, sizeof *f);
	*f = (struct fault_backend){ .base = { &fault_ops }, .inner = take_inner, .loop = loop };
	f->cut = loop_timer_new(loop, cut, f);
	return f;
}

void fault_cut_watch(struct fault_backend *f)
{
	loop_timer_set(f->cut, 0);
}
