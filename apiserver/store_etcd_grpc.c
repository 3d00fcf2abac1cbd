/* etcd by gRPC: protobuf over one HTTP/2 connection (common/io/h2_client.h). */
#include "apiserver/store_etcd_backlog.h"
#include "apiserver/store_etcd_grpc_pack.h"
#include "apiserver/store_etcd_internal.h"
#include "common/io/h2_client.h"

/* A revision's events come in one message; so does a page of a load. */
#define MESSAGE_MAX  ((size_t)256 << 20)
#define KEEPALIVE_MS 10000

struct grpc_backend {
	struct store_backend base;
	struct loop *loop;
	struct h2_client *client;
	struct tls_credentials *tls;
	char *unix_socket;       /* or NULL */
	struct etcd_call *calls; /* unary ones under way */
	struct grpc_call *watch;
	struct backend_watch_events watch_events;
	void *watch_ctx;
	bool is_watching, is_opened;
	struct etcd_backlog backlog;
};

struct etcd_call {
	struct grpc_backend *backend;
	struct etcd_call *next, **link;
	union {
		backend_txn_done *txn;
		backend_range_done *range;
		backend_number_done *number;
	} done;
	void *ctx;
	/* transactions: what was asked, to read the answer by */
	size_t members_count;
	struct etcd_asked asked[];
};

static struct grpc_backend *backend_of(struct store_backend *b)
{
	return CONTAINER_OF(b, struct grpc_backend, base);
}

static struct etcd_call *call_new(struct store_backend *base, size_t members_count, void *ctx)
{
	struct grpc_backend *b = backend_of(base);
	struct etcd_call *c = xcalloc(1, sizeof *c + members_count * sizeof c->asked[0]);
	c->backend = b;
	c->next = b->calls;
	c->link = &b->calls;
	if (c->next)
		c->next->link = &c->next;
	b->calls = c;
	c->ctx = ctx;
	c->members_count = members_count;
	return c;
}

static void call_free(struct etcd_call *c)
{
	if (c->next)
		c->next->link = c->link;
	*c->link = c->next;
	free(c);
}

static void send(struct etcd_call *c, const char *method, struct grpc_message take_request,
		 int64_t timeout_ms, grpc_done *done)
{
	grpc_call_message(c->backend->client, method, take_request, timeout_ms, done, c);
}

/* The outcome, and err set unless it is OK. */
static enum backend_outcome outcome_of(const struct grpc_backend *b, const struct grpc_reply *r,
				       struct error *err)
{
	bool may_have_run = r->may_have_run || r->is_from_server;
	enum backend_outcome outcome = r->status == GRPC_OK
					       ? BACKEND_OK
					       : etcd_outcome(r->status, r->message, may_have_run);
	if (outcome != BACKEND_OK)
		error_set(err, etcd_outcome_code(outcome), "etcd: %s%s",
			  r->message[0] ? r->message : "no answer", etcd_disk_hint(b->unix_socket));
	return outcome;
}

/* No etcd starts on a full disk: what cannot have run will not while it is, and whoever waits is told.
 * What may have run stays in doubt, but for a probe, which changes nothing. */
static enum backend_outcome unless_full(const struct grpc_backend *b, enum backend_outcome outcome,
					bool is_probe)
{
	bool has_not_run = outcome == BACKEND_NOT_RUN || (is_probe && outcome == BACKEND_UNKNOWN);
	return has_not_run && *etcd_disk_hint(b->unix_socket) ? BACKEND_FULL : outcome;
}

static enum backend_outcome unreadable(struct error *err)
{
	error_set(err, ERR_INTERNAL, "etcd: the answer cannot be read");
	return BACKEND_UNKNOWN;
}

/* ---- transactions ---- */

static void txn_done(void *ctx, const struct grpc_reply *reply)
{
	struct etcd_call *c = ctx;
	struct error err = { 0 };
	enum backend_outcome outcome =
		unless_full(c->backend, outcome_of(c->backend, reply, &err), false);
	struct etcd_txn_answer answer = { 0 };
	if (outcome == BACKEND_OK &&
	    !etcd_unpack_txn(reply->bytes, reply->len, c->asked, c->members_count, &answer))
		outcome = unreadable(&err);
	c->done.txn(c->ctx, outcome, answer.revision, answer.results,
		    outcome == BACKEND_OK ? NULL : &err);
	etcd_txn_answer_fini(&answer);
	call_free(c);
}

static void txn(struct store_backend *base, const struct backend_member *members, size_t count,
		int64_t timeout_ms, backend_txn_done *done, void *ctx)
{
	struct etcd_call *c = call_new(base, count, ctx);
	c->done.txn = done;
	for (size_t i = 0; i < count; i++)
		c->asked[i] = (struct etcd_asked){ members[i].ops_count, members[i].reads_count };
	send(c, "/etcdserverpb.KV/Txn", etcd_pack_txn(members, count), timeout_ms, txn_done);
}

/* ---- ranges, probes, leases, compaction ---- */

static void range_done(void *ctx, const struct grpc_reply *reply)
{
	struct etcd_call *c = ctx;
	struct error err = { 0 };
	enum backend_outcome outcome = outcome_of(c->backend, reply, &err);
	struct etcd_range_answer answer = { 0 };
	if (outcome == BACKEND_OK && !etcd_unpack_range(reply->bytes, reply->len, &answer))
		outcome = unreadable(&err);
	c->done.range(c->ctx, outcome, answer.revision, answer.kvs.at, answer.kvs.count,
		      answer.has_more, outcome == BACKEND_OK ? NULL : &err);
	etcd_kvs_fini(&answer.kvs);
	call_free(c);
}

static void range(struct store_backend *base, const struct backend_range *r, int64_t timeout_ms,
		  backend_range_done *done, void *ctx)
{
	struct etcd_call *c = call_new(base, 0, ctx);
	c->done.range = done;
	send(c, "/etcdserverpb.KV/Range", etcd_pack_range(r), timeout_ms, range_done);
}

static void number_done(void *ctx, const struct grpc_reply *reply, etcd_unpack_number *unpack)
{
	struct etcd_call *c = ctx;
	struct error err = { 0 };
	uint64_t number = 0;
	bool is_probe = unpack == etcd_unpack_revision;
	enum backend_outcome outcome =
		unless_full(c->backend, outcome_of(c->backend, reply, &err), is_probe);
	if (outcome == BACKEND_OK && !unpack(reply->bytes, reply->len, &number))
		outcome = unreadable(&err);
	if (c->done.number)
		c->done.number(c->ctx, outcome, number, outcome == BACKEND_OK ? NULL : &err);
	call_free(c);
}

static void probe_done(void *ctx, const struct grpc_reply *reply)
{
	number_done(ctx, reply, etcd_unpack_revision);
}

static void grant_done(void *ctx, const struct grpc_reply *reply)
{
	number_done(ctx, reply, etcd_unpack_lease);
}

static void probe(struct store_backend *base, int64_t timeout_ms, backend_number_done *done,
		  void *ctx)
{
	struct etcd_call *c = call_new(base, 0, ctx);
	c->done.number = done;
	send(c, "/etcdserverpb.KV/Range", etcd_pack_probe(), timeout_ms, probe_done);
}

static void grant(struct store_backend *base, uint32_t ttl_s, int64_t timeout_ms,
		  backend_number_done *done, void *ctx)
{
	struct etcd_call *c = call_new(base, 0, ctx);
	c->done.number = done;
	send(c, "/etcdserverpb.Lease/LeaseGrant", etcd_pack_grant(ttl_s), timeout_ms, grant_done);
}

static void compact(struct store_backend *base, uint64_t revision, int64_t timeout_ms,
		    backend_number_done *done, void *ctx)
{
	struct etcd_call *c = call_new(base, 0, ctx);
	c->done.number = done;
	send(c, "/etcdserverpb.KV/Compact", etcd_pack_compact(revision), timeout_ms, probe_done);
}

/* ---- the watch ---- */

static void watch_over(struct grpc_backend *b, enum backend_outcome outcome, uint64_t compacted,
		       const struct error *err)
{
	b->is_watching = false;
	etcd_backlog_clear(&b->backlog); /* the next watch begins behind what was taken */
	b->watch_events.closed(b->watch_ctx, outcome, compacted, err);
}

static size_t tell_events(void *ctx, const struct backend_kv *kvs, size_t count)
{
	struct grpc_backend *b = ctx;
	return b->watch_events.events(b->watch_ctx, kvs, count);
}

static void take_events(struct grpc_backend *b, struct etcd_kvs *kvs)
{
	size_t taken = 0;
	if (etcd_backlog_has_turn(&b->backlog))
		taken = tell_events(b, kvs->at, kvs->count);
	if (taken < kvs->count && b->is_watching)
		etcd_backlog_add(&b->backlog, kvs, taken, grpc_stream_keep(b->watch), free);
}

static void watch_message(void *ctx, const void *bytes, size_t len)
{
	struct grpc_backend *b = ctx;
	struct error err;
	struct etcd_watch_answer answer = { 0 };
	if (!b->is_watching)
		return;
	if (!etcd_unpack_watch(bytes, len, &answer)) {
		grpc_cancel(TAKE(b->watch));
		watch_over(b, unreadable(&err), 0, &err);
	} else if (answer.is_canceled) {
		enum backend_outcome outcome =
			answer.compact_revision ? BACKEND_COMPACTED : BACKEND_UNKNOWN;
		error_set(&err, etcd_outcome_code(outcome), "etcd ended the watch: %s",
			  answer.compact_revision ? "compacted" : "no reason given");
		grpc_cancel(TAKE(b->watch));
		watch_over(b, outcome, answer.compact_revision, &err);
	} else {
		if (!b->is_opened) {
			b->is_opened = true;
			b->watch_events.opened(b->watch_ctx);
		}
		if (answer.kvs.count && b->is_watching)
			take_events(b, &answer.kvs);
	}
	etcd_kvs_fini(&answer.kvs);
}

static void watch_done(void *ctx, const struct grpc_reply *reply)
{
	struct grpc_backend *b = ctx;
	struct error err;
	b->watch = NULL;
	if (!b->is_watching)
		return;
	enum backend_outcome outcome = outcome_of(b, reply, &err);
	if (outcome == BACKEND_OK)
		error_set(&err, ERR_UNAVAILABLE, "etcd ended the watch");
	watch_over(b, outcome == BACKEND_TOO_LARGE ? outcome : BACKEND_UNKNOWN, 0, &err);
}

static void watch(struct store_backend *base, uint64_t start_revision,
		  const struct backend_watch_events *events, void *ctx)
{
	static const struct grpc_stream_events stream = { .message = watch_message,
							  .done = watch_done };
	struct grpc_backend *b = backend_of(base);
	assert(!b->is_watching);
	b->watch_events = *events;
	b->watch_ctx = ctx;
	b->is_watching = true;
	b->is_opened = false;
	b->watch = grpc_stream_open(b->client, "/etcdserverpb.Watch/Watch", &stream, b);
	grpc_stream_send_message(b->watch, etcd_pack_watch(start_revision));
}

static void unwatch(struct store_backend *base)
{
	struct grpc_backend *b = backend_of(base);
	b->is_watching = false;
	etcd_backlog_clear(&b->backlog);
	if (b->watch)
		grpc_cancel(TAKE(b->watch));
}

/* ---- life ---- */

static void backend_free(struct store_backend *base)
{
	struct grpc_backend *b = backend_of(base);
	h2_client_free(b->client); /* cancels all calls */
	etcd_backlog_fini(&b->backlog);
	while (b->calls)
		call_free(b->calls);
	tls_credentials_free(b->tls);
	free(b->unix_socket);
	free(b);
}

static const struct store_backend_ops grpc_ops = {
	.txn = txn,
	.range = range,
	.probe = probe,
	.grant = grant,
	.compact = compact,
	.watch = watch,
	.unwatch = unwatch,
	.free = backend_free,
};

#define ENDPOINTS_MAX 16

struct endpoints {
	struct etcd_endpoint at[ENDPOINTS_MAX];
	size_t count;
};

static void endpoints_fini(struct endpoints *e)
{
	for (size_t i = 0; i < e->count; i++)
		etcd_endpoint_fini(&e->at[i]);
	e->count = 0;
}

static int parse_endpoints(const char *list, struct endpoints *ret, struct error *err)
{
	auto_free char *text = xstrdup(list);
	char *rest = text;
	int code = 0;
	for (char *word; code == 0 && (word = strsep(&rest, ",")) != NULL;) {
		if (ret->count == ENDPOINTS_MAX)
			code = error_set(err, ERR_LIMIT, "more than %d etcd endpoints",
					 ENDPOINTS_MAX);
		else
			code = etcd_endpoint_parse(word, &ret->at[ret->count++], err);
		if (code == 0 && ret->at[ret->count - 1].is_tls != ret->at[0].is_tls)
			code = error_set(err, ERR_INVALID,
					 "'%s': etcd's endpoints are all https or none", list);
	}
	return code;
}

static int connect_to(struct grpc_backend *b, const struct store_etcd_options *options,
		      const struct endpoints *all, struct error *err)
{
	struct h2_endpoint list[ENDPOINTS_MAX];
	for (size_t i = 0; i < all->count; i++)
		list[i] = (struct h2_endpoint){ .unix_socket = all->at[i].unix_socket,
						.host = all->at[i].host,
						.port = all->at[i].port };
	struct tls_credentials_options tls = { .ca_file = options->ca_file,
					       .cert_file = options->cert_file,
					       .key_file = options->key_file,
					       .alpn = "h2" };
	if (all->at[0].is_tls && tls_credentials_new(&tls, &b->tls, err) < 0)
		return err->code;
	struct h2_client_options o = { .endpoints = list,
				       .endpoints_count = all->count,
				       .tls = b->tls,
				       .message_max = MESSAGE_MAX,
				       .keepalive_ms = KEEPALIVE_MS };
	return h2_client_new(b->loop, &o, &b->client, err);
}

int store_etcd_grpc_new(struct loop *loop, const struct store_etcd_options *options,
			struct store_backend **ret, struct error *err)
{
	struct endpoints all = { 0 };
	struct grpc_backend *b = xcalloc(1, sizeof *b);
	*b = (struct grpc_backend){ .base = { &grpc_ops }, .loop = loop };
	etcd_backlog_init(&b->backlog, loop, tell_events, b);
	int code = parse_endpoints(options->endpoint, &all, err);
	if (code == 0)
		code = connect_to(b, options, &all, err);
	if (code == 0 && all.at[0].unix_socket)
		b->unix_socket = xstrdup(all.at[0].unix_socket);
	endpoints_fini(&all);
	if (code < 0) {
		backend_free(&b->base);
		return code;
	}
	*ret = &b->base;
	return 0;
}
