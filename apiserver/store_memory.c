/* The memory etcd's back end: requests that take time and may get lost, and the watch. */
#include "apiserver/store_memory.h"

#include "apiserver/memory_call.h"

#define WATCH_REVISIONS_MAX 64

struct memory_backend {
	struct store_backend base;
	struct memory_backend *next;
	struct memory_etcd *etcd;
	struct memory_call *calls;
	unsigned lose_answers, lose_requests;
	bool is_down;
	struct backend_watch_events watch;
	void *watch_ctx;
	struct loop_timer *watch_timer;
	bool is_watching, is_opened, is_cut;
	uint64_t watch_next; /* the next revision to tell */
};

static struct memory_backend *backend_of(struct store_backend *b)
{
	return CONTAINER_OF(b, struct memory_backend, base);
}

static void unlink_call(struct memory_call *c)
{
	if (c->next)
		c->next->link = c->link;
	*c->link = c->next;
	c->next = NULL;
}

static void call_free(struct memory_call *c)
{
	unlink_call(c);
	loop_timer_free(c->timer);
	for (size_t i = 0; i < c->held_count; i++)
		memory_version_unref(c->held[i]);
	for (size_t i = 0; i < ARRAY_LEN(c->memory); i++)
		free(c->memory[i]);
	free(c);
}

/* ---- calls: a while to get there, a while back ---- */

static const char *text_of(enum backend_outcome outcome)
{
	static const char *const texts[BACKEND_OUTCOME_COUNT] = {
		[BACKEND_OK] = "",
		[BACKEND_NOT_RUN] = "no connection to the memory store",
		[BACKEND_UNKNOWN] = "the memory store's answer was lost",
		[BACKEND_TOO_LARGE] = "request is too large",
		[BACKEND_REFUSED] = "refused",
		[BACKEND_FULL] = "database space exceeded",
		[BACKEND_LEASE_GONE] = "requested lease not found",
		[BACKEND_COMPACTED] = "required revision has been compacted",
	};
	return texts[outcome];
}

static void tell(struct memory_call *c)
{
	struct error err;
	const struct error *failed = NULL;
	if (c->outcome != BACKEND_OK) {
		error_set(&err, c->outcome == BACKEND_COMPACTED ? ERR_GONE : ERR_UNAVAILABLE, "%s",
			  text_of(c->outcome));
		failed = &err;
	}
	if (c->kind == CALL_TXN)
		c->done.txn(c->ctx, c->outcome, c->number, c->results, failed);
	else if (c->kind == CALL_RANGE)
		c->done.range(c->ctx, c->outcome, c->number, c->kvs, c->kvs_count, c->has_more,
			      failed);
	else if (c->done.number)
		c->done.number(c->ctx, c->outcome, c->number, failed);
}

static void call_step(void *ctx)
{
	struct memory_call *c = ctx;
	struct memory_backend *b = c->backend;
	int64_t back_ms = memory_delay_ms(b->etcd);
	if (b->is_down) {
		c->outcome = c->is_run ? BACKEND_UNKNOWN : BACKEND_NOT_RUN;
	} else if (!c->is_run) {
		c->is_run = true;
		if (c->outcome == BACKEND_OK)
			memory_call_run(c);
		if (back_ms > 0) {
			loop_timer_set(c->timer, back_ms);
			return;
		}
	}
	if (c->is_answer_lost && c->outcome == BACKEND_OK)
		c->outcome = BACKEND_UNKNOWN;
	if (c->kind == CALL_RANGE && c->outcome == BACKEND_OK)
		memory_call_range(c);
	/* Out of the back end's list before the callback, which may free the back end. */
	struct memory_call *alone = NULL;
	unlink_call(c);
	c->link = &alone;
	tell(c);
	call_free(c);
}

static struct memory_call *call_new(struct store_backend *base, enum call_kind kind, void *ctx)
{
	struct memory_backend *b = backend_of(base);
	struct memory_call *c = xcalloc(1, sizeof *c);
	*c = (struct memory_call){ .next = b->calls,
				   .link = &b->calls,
				   .backend = b,
				   .etcd = b->etcd,
				   .kind = kind,
				   .ctx = ctx };
	if (c->next)
		c->next->link = &c->next;
	b->calls = c;
	c->timer = loop_timer_new(b->etcd->loop, call_step, c);
	loop_timer_set(c->timer, memory_delay_ms(b->etcd));
	return c;
}

/* ---- the back end's functions ---- */

struct counts {
	size_t compares, ops, reads, bytes;
};

static struct counts count(const struct backend_member *members, size_t n)
{
	struct counts all = { 0 };
	for (size_t i = 0; i < n; i++) {
		const struct backend_member *m = &members[i];
		all.compares += m->compares_count;
		all.ops += m->ops_count;
		all.reads += m->reads_count;
		for (size_t j = 0; j < m->compares_count; j++)
			all.bytes += strlen(m->compares[j].key) + 1;
		for (size_t j = 0; j < m->ops_count; j++)
			all.bytes += strlen(m->ops[j].key) + 1 + m->ops[j].len;
		for (size_t j = 0; j < m->reads_count; j++)
			all.bytes += strlen(m->reads[j]) + 1;
	}
	return all;
}

static char *keep(char **at, const void *bytes, size_t n)
{
	char *to = *at;
	if (n)
		memcpy(to, bytes, n);
	*at += n;
	return to;
}

/* Arguments are borrowed for the call, and it is carried out later. */
static void copy_member(struct backend_member *to, const struct backend_member *m,
			struct backend_compare **compares, struct backend_op **ops,
			const char ***reads, char **at)
{
	*to = *m;
	to->compares = *compares;
	to->ops = *ops;
	to->reads = *reads;
	for (size_t j = 0; j < m->compares_count; j++)
		*(*compares)++ = (struct backend_compare){ keep(at, m->compares[j].key,
								strlen(m->compares[j].key) + 1),
							   m->compares[j].mod_revision };
	for (size_t j = 0; j < m->ops_count; j++) {
		struct backend_op *op = (*ops)++;
		*op = m->ops[j];
		op->key = keep(at, op->key, strlen(op->key) + 1);
		op->value = keep(at, op->value, op->len);
	}
	for (size_t j = 0; j < m->reads_count; j++)
		*(*reads)++ = keep(at, m->reads[j], strlen(m->reads[j]) + 1);
}

static void txn(struct store_backend *base, const struct backend_member *members, size_t n,
		int64_t timeout_ms, backend_txn_done *done, void *ctx)
{
	struct memory_backend *b = backend_of(base);
	struct memory_call *c = call_new(base, CALL_TXN, ctx);
	(void)timeout_ms;
	c->done.txn = done;
	struct counts all = count(members, n);
	c->members = c->memory[0] =
		xcalloc(1, n * (sizeof *c->members + sizeof *c->results) +
				   all.compares * sizeof(struct backend_compare) +
				   all.ops * sizeof(struct backend_op) +
				   all.reads * sizeof(char *) + all.bytes);
	c->results = (struct backend_member_result *)(void *)(c->members + n);
	struct backend_compare *compares = (void *)(c->results + n);
	struct backend_op *ops = (void *)(compares + all.compares);
	const char **reads = (void *)(ops + all.ops);
	char *at = (char *)(reads + all.reads);
	c->kvs = c->memory[1] = xcalloc(all.reads + 1, sizeof *c->kvs);
	c->held = c->memory[2] = xcalloc(all.reads + 1, sizeof(struct memory_version *));
	c->count = n;
	for (size_t i = 0; i < n; i++)
		copy_member(&c->members[i], &members[i], &compares, &ops, &reads, &at);
	if (b->lose_requests) {
		b->lose_requests--;
		c->outcome = BACKEND_UNKNOWN;
	} else if (b->lose_answers) {
		b->lose_answers--;
		c->is_answer_lost = true;
	}
}

static void range(struct store_backend *base, const struct backend_range *r, int64_t timeout_ms,
		  backend_range_done *done, void *ctx)
{
	struct memory_call *c = call_new(base, CALL_RANGE, ctx);
	(void)timeout_ms;
	c->done.range = done;
	c->range = *r;
	c->range.from = c->memory[0] = xstrdup(r->from);
}

static void probe(struct store_backend *base, int64_t timeout_ms, backend_number_done *done,
		  void *ctx)
{
	(void)timeout_ms;
	call_new(base, CALL_PROBE, ctx)->done.number = done;
}

static void grant(struct store_backend *base, uint32_t ttl_s, int64_t timeout_ms,
		  backend_number_done *done, void *ctx)
{
	struct memory_call *c = call_new(base, CALL_GRANT, ctx);
	(void)timeout_ms;
	c->done.number = done;
	c->number = ttl_s;
}

static void compact(struct store_backend *base, uint64_t revision, int64_t timeout_ms,
		    backend_number_done *done, void *ctx)
{
	struct memory_call *c = call_new(base, CALL_COMPACT, ctx);
	(void)timeout_ms;
	c->done.number = done;
	c->number = revision;
}

/* ---- the watch ---- */

static void watch_soon(struct memory_backend *b)
{
	if (b->is_watching && !loop_timer_is_set(b->watch_timer))
		loop_timer_set(b->watch_timer, memory_delay_ms(b->etcd));
}

void memory_tell_watches(struct memory_etcd *e)
{
	for (struct memory_backend *b = e->backends; b; b = b->next)
		if (b->is_watching && b->is_opened)
			watch_soon(b);
}

static void end_watch(struct memory_backend *b, enum backend_outcome outcome)
{
	struct error err;
	error_set(&err, outcome == BACKEND_COMPACTED ? ERR_GONE : ERR_UNAVAILABLE, "%s",
		  outcome == BACKEND_COMPACTED ? text_of(outcome) : "the watch was cut");
	b->is_watching = false;
	b->watch.closed(b->watch_ctx, outcome, b->etcd->compacted, &err);
}

/* Some whole revisions; how many at once is drawn, so that tests see both. */
static void tell_revisions(struct memory_backend *b)
{
	struct memory_etcd *e = b->etcd;
	size_t from = memory_log_seek(e, b->watch_next);
	uint64_t revisions = 1 + rng_below(&e->rng, WATCH_REVISIONS_MAX);
	uint64_t until = MIN(e->revision, b->watch_next + revisions - 1);
	size_t to = memory_log_seek(e, until + 1);
	b->watch_next = until + 1;
	if (b->watch_next <= e->revision)
		watch_soon(b);
	if (from == to)
		return;
	auto_free struct backend_kv *kvs = xcalloc(to - from, sizeof *kvs);
	for (size_t i = from; i < to; i++)
		kvs[i - from] = memory_kv(e->log[i].key, e->log[i].version);
	size_t taken = b->watch.events(b->watch_ctx, kvs, to - from);
	if (taken < to - from && b->is_watching) {
		b->watch_next = kvs[taken].mod_revision;
		watch_soon(b);
	}
}

static void watch_step(void *ctx)
{
	struct memory_backend *b = ctx;
	if (!b->is_watching)
		return;
	if (b->is_down || b->is_cut) {
		b->is_cut = false;
		end_watch(b, BACKEND_UNKNOWN);
	} else if (b->watch_next < b->etcd->compacted) {
		end_watch(b, BACKEND_COMPACTED);
	} else if (!b->is_opened) {
		b->is_opened = true;
		watch_soon(b);
		b->watch.opened(b->watch_ctx);
	} else if (b->watch_next <= b->etcd->revision) {
		tell_revisions(b);
	}
}

static void watch(struct store_backend *base, uint64_t start_revision,
		  const struct backend_watch_events *events, void *ctx)
{
	struct memory_backend *b = backend_of(base);
	assert(!b->is_watching && start_revision > 0);
	b->watch = *events;
	b->watch_ctx = ctx;
	b->watch_next = start_revision;
	b->is_watching = true;
	b->is_opened = false;
	b->is_cut = false;
	watch_soon(b);
}

static void unwatch(struct store_backend *base)
{
	struct memory_backend *b = backend_of(base);
	b->is_watching = false;
	loop_timer_stop(b->watch_timer);
}

/* ---- life ---- */

static void backend_free(struct store_backend *base)
{
	struct memory_backend *b = backend_of(base);
	while (b->calls)
		call_free(b->calls);
	for (struct memory_backend **link = &b->etcd->backends; *link; link = &(*link)->next)
		if (*link == b) {
			*link = b->next;
			break;
		}
	loop_timer_free(b->watch_timer);
	memory_etcd_unref(b->etcd);
	free(b);
}

static const struct store_backend_ops memory_ops = {
	.txn = txn,
	.range = range,
	.probe = probe,
	.grant = grant,
	.compact = compact,
	.watch = watch,
	.unwatch = unwatch,
	.free = backend_free,
};

struct store_backend *store_memory_on(struct memory_etcd *e)
{
	struct memory_backend *b = xcalloc(1, sizeof *b);
	*b = (struct memory_backend){ .base = { &memory_ops },
				      .next = e->backends,
				      .etcd = memory_etcd_ref(e) };
	b->watch_timer = loop_timer_new(e->loop, watch_step, b);
	e->backends = b;
	return &b->base;
}

struct store_backend *store_memory_new(struct loop *loop)
{
	struct memory_etcd *e = memory_etcd_new(loop);
	struct store_backend *b = store_memory_on(e);
	memory_etcd_unref(e);
	return b;
}

struct memory_etcd *store_memory_etcd(struct store_backend *b)
{
	return backend_of(b)->etcd;
}

void store_memory_lose_answers(struct store_backend *b, unsigned n)
{
	backend_of(b)->lose_answers = n;
}

void store_memory_lose_requests(struct store_backend *b, unsigned n)
{
	backend_of(b)->lose_requests = n;
}

void store_memory_set_down(struct store_backend *base, bool is_down)
{
	struct memory_backend *b = backend_of(base);
	b->is_down = is_down;
	if (is_down)
		watch_soon(b);
}

void store_memory_cut_watch(struct store_backend *base)
{
	struct memory_backend *b = backend_of(base);
	b->is_cut = b->is_watching;
	watch_soon(b);
}
