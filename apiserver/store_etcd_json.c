/*
 * etcd by its HTTP JSON gateway (/v3/…), over common/io/http_client.h. Keys and values are
 * base64, 64-bit numbers are strings, and a stream is one JSON document a line.
 */
#include "apiserver/store_etcd_backlog.h"
#include "apiserver/store_etcd_internal.h"
#include "apiserver/store_etcd_json_pack.h"
#include "common/io/http_client.h"

#define ANSWER_MAX ((size_t)384 << 20)

struct json_backend {
	struct store_backend base;
	struct http_transport *http;
	struct json_call *calls;
	/* the watch */
	struct http_call *watch;
	struct str line;
	struct backend_watch_events watch_events;
	struct etcd_backlog backlog;
	void *watch_ctx;
	bool is_watching, is_opened;
};

enum call_kind { CALL_TXN, CALL_RANGE, CALL_NUMBER, CALL_LEASE };

struct json_call {
	struct json_backend *backend;
	struct json_call *next, **link;
	enum call_kind kind;
	union {
		backend_txn_done *txn;
		backend_range_done *range;
		backend_number_done *number;
	} done;
	void *ctx;
	int status;
	struct str answer;
	size_t members_count;
	struct etcd_json_asked asked[];
};

static struct json_backend *backend_of(struct store_backend *b)
{
	return CONTAINER_OF(b, struct json_backend, base);
}

static void call_free(struct json_call *c)
{
	if (c->next)
		c->next->link = c->link;
	*c->link = c->next;
	str_fini(&c->answer);
	free(c);
}

/* ---- answers ---- */

/* {"error": "…", "code": 3, "message": "…"}, or a proxy's own words. */
static enum backend_outcome refused(int status, const struct str *answer, struct error *err)
{
	int code = 0;
	char message[512];
	etcd_json_error(answer->data, answer->len, &code, message, sizeof message);
	/* Without a code of etcd's nobody knows what happened behind a proxy. */
	enum backend_outcome outcome = etcd_outcome(code ? code : 14, message, true);
	if (status == 413)
		outcome = BACKEND_TOO_LARGE;
	error_set(err, etcd_outcome_code(outcome), "etcd: HTTP %d %s", status, message);
	return outcome;
}

static void tell_txn(struct json_call *c, enum backend_outcome outcome, struct error *err)
{
	struct etcd_json_txn answer = { 0 };
	if (outcome == BACKEND_OK && etcd_json_read_txn(c->answer.data, c->answer.len, c->asked,
							c->members_count, &answer, err) < 0)
		outcome = BACKEND_UNKNOWN;
	c->done.txn(c->ctx, outcome, answer.revision, answer.results,
		    outcome == BACKEND_OK ? NULL : err);
	etcd_json_txn_fini(&answer);
}

static void tell_range(struct json_call *c, enum backend_outcome outcome, struct error *err)
{
	struct etcd_json_kvs answer = { 0 };
	if (outcome == BACKEND_OK &&
	    etcd_json_read_range(c->answer.data, c->answer.len, &answer, err) < 0)
		outcome = BACKEND_UNKNOWN;
	c->done.range(c->ctx, outcome, answer.revision, answer.kvs.at, answer.kvs.count,
		      answer.has_more, outcome == BACKEND_OK ? NULL : err);
	etcd_json_kvs_fini(&answer);
}

static void tell_number(struct json_call *c, enum backend_outcome outcome, struct error *err)
{
	uint64_t number = 0;
	if (outcome == BACKEND_OK && etcd_json_read_number(c->answer.data, c->answer.len,
							   c->kind == CALL_LEASE, &number, err) < 0)
		outcome = BACKEND_UNKNOWN;
	if (c->done.number)
		c->done.number(c->ctx, outcome, number, outcome == BACKEND_OK ? NULL : err);
}

static void answer_head(void *ctx, int status, const struct http_header *headers, size_t n)
{
	struct json_call *c = ctx;
	(void)headers;
	(void)n;
	c->status = status;
}

static void answer_data(void *ctx, const char *bytes, size_t n)
{
	struct json_call *c = ctx;
	str_add_bytes(&c->answer, bytes, n);
}

static void answer_done(void *ctx, const struct error *failed)
{
	struct json_call *c = ctx;
	struct error err = { 0 };
	enum backend_outcome outcome = BACKEND_OK;
	if (failed) {
		err = *failed;
		outcome = BACKEND_UNKNOWN;
	} else if (c->status != 200) {
		outcome = refused(c->status, &c->answer, &err);
	} else if (!str_ok(&c->answer)) {
		error_set(&err, ERR_LIMIT, "etcd's answer is too large");
		outcome = BACKEND_UNKNOWN;
	}
	switch (c->kind) {
	case CALL_TXN:
		tell_txn(c, outcome, &err);
		break;
	case CALL_RANGE:
		tell_range(c, outcome, &err);
		break;
	case CALL_NUMBER:
	case CALL_LEASE:
		tell_number(c, outcome, &err);
		break;
	}
	call_free(c);
}

/* ---- requests ---- */

static const struct http_header json_type = { "Content-Type", "application/json" };

static struct json_call *call_new(struct store_backend *base, enum call_kind kind,
				  size_t members_count, void *ctx)
{
	struct json_backend *b = backend_of(base);
	struct json_call *c = xcalloc(1, sizeof *c + members_count * sizeof c->asked[0]);
	c->backend = b;
	c->next = b->calls;
	c->link = &b->calls;
	if (c->next)
		c->next->link = &c->next;
	b->calls = c;
	c->kind = kind;
	c->ctx = ctx;
	c->members_count = members_count;
	str_init(&c->answer, ANSWER_MAX);
	return c;
}

static void send(struct json_call *c, const char *path, struct str *body, int64_t timeout_ms)
{
	static const struct http_events events = { answer_head, answer_data, answer_done };
	struct http_request r = { .method = "POST",
				  .target = path,
				  .headers = &json_type,
				  .headers_count = 1,
				  .body = body->data,
				  .body_len = body->len,
				  .timeout_ms = timeout_ms };
	assert(str_ok(body)); /* members have their caps */
	http_start(c->backend->http, &r, &events, c);
}

static void txn(struct store_backend *base, const struct backend_member *members, size_t count,
		int64_t timeout_ms, backend_txn_done *done, void *ctx)
{
	struct json_call *c = call_new(base, CALL_TXN, count, ctx);
	AUTO_STR body;
	str_init(&body, ANSWER_MAX);
	c->done.txn = done;
	for (size_t i = 0; i < count; i++)
		c->asked[i] =
			(struct etcd_json_asked){ members[i].ops_count, members[i].reads_count };
	etcd_json_txn(members, count, &body);
	send(c, "/v3/kv/txn", &body, timeout_ms);
}

static void range(struct store_backend *base, const struct backend_range *r, int64_t timeout_ms,
		  backend_range_done *done, void *ctx)
{
	struct json_call *c = call_new(base, CALL_RANGE, 0, ctx);
	AUTO_STR body;
	str_init(&body, ANSWER_MAX);
	c->done.range = done;
	etcd_json_range(r, &body);
	send(c, "/v3/kv/range", &body, timeout_ms);
}

static void ask_number(struct store_backend *base, enum call_kind kind, const char *path,
		       const char *name, uint64_t value, int64_t timeout_ms,
		       backend_number_done *done, void *ctx)
{
	struct json_call *c = call_new(base, kind, 0, ctx);
	AUTO_STR body;
	str_init(&body, 256);
	c->done.number = done;
	str_addf(&body, "{\"%s\":\"%llu\"}", name, (unsigned long long)value);
	send(c, path, &body, timeout_ms);
}

static void probe(struct store_backend *base, int64_t timeout_ms, backend_number_done *done,
		  void *ctx)
{
	struct json_call *c = call_new(base, CALL_NUMBER, 0, ctx);
	AUTO_STR body;
	str_init(&body, 256);
	c->done.number = done;
	str_add(&body, "{\"key\":\"c2tpZmYvcHJvYmU=\",\"count_only\":true}"); /* skiff/probe */
	send(c, "/v3/kv/range", &body, timeout_ms);
}

static void grant(struct store_backend *base, uint32_t ttl_s, int64_t timeout_ms,
		  backend_number_done *done, void *ctx)
{
	ask_number(base, CALL_LEASE, "/v3/lease/grant", "TTL", ttl_s, timeout_ms, done, ctx);
}

static void compact(struct store_backend *base, uint64_t revision, int64_t timeout_ms,
		    backend_number_done *done, void *ctx)
{
	ask_number(base, CALL_NUMBER, "/v3/kv/compaction", "revision", revision, timeout_ms, done,
		   ctx);
}

/* ---- the watch ---- */

/* The call is freed by the client after done(), else it must be cancelled. */
static void end_watch(struct json_backend *b, enum backend_outcome outcome, uint64_t compacted,
		      const struct error *err)
{
	if (b->watch)
		http_cancel(b->http, TAKE(b->watch));
	b->is_watching = false;
	etcd_backlog_clear(&b->backlog); /* the next watch begins behind what was taken */
	b->watch_events.closed(b->watch_ctx, outcome, compacted, err);
}

static size_t tell_events(void *ctx, const struct backend_kv *kvs, size_t count)
{
	struct json_backend *b = ctx;
	return b->watch_events.events(b->watch_ctx, kvs, count);
}

static void values_free(void *memory)
{
	struct etcd_json_kvs *k = memory;
	etcd_json_kvs_fini(k);
	free(k);
}

static void take_events(struct json_backend *b, struct etcd_json_kvs *answer)
{
	size_t taken = 0;
	if (etcd_backlog_has_turn(&b->backlog))
		taken = tell_events(b, answer->kvs.at, answer->kvs.count);
	if (taken == answer->kvs.count || !b->is_watching)
		return;
	struct etcd_json_kvs *memory = xcalloc(1, sizeof *memory);
	memory->values = answer->values;
	answer->values = (struct etcd_json_values){ 0 };
	etcd_backlog_add(&b->backlog, &answer->kvs, taken, memory, values_free);
}

/* False: the watch is over. */
static bool watch_line(struct json_backend *b, const char *text, size_t len)
{
	struct error err;
	struct etcd_json_kvs answer = { 0 };
	if (etcd_json_read_watch(text, len, &answer, &err) < 0) {
		end_watch(b, BACKEND_UNKNOWN, 0, &err);
	} else if (answer.is_canceled) {
		enum backend_outcome outcome =
			answer.compact_revision ? BACKEND_COMPACTED : BACKEND_UNKNOWN;
		error_set(&err, etcd_outcome_code(outcome), "etcd ended the watch");
		end_watch(b, outcome, answer.compact_revision, &err);
	} else {
		if (!b->is_opened) {
			b->is_opened = true;
			b->watch_events.opened(b->watch_ctx);
		}
		if (answer.kvs.count && b->is_watching)
			take_events(b, &answer);
	}
	etcd_json_kvs_fini(&answer);
	return b->is_watching;
}

static void watch_data(void *ctx, const char *bytes, size_t n)
{
	struct json_backend *b = ctx;
	struct http_call *call = b->watch;
	while (n && b->is_watching && b->watch == call) {
		const char *newline = memchr(bytes, '\n', n);
		size_t part = newline ? (size_t)(newline - bytes) : n;
		str_add_bytes(&b->line, bytes, part);
		if (!str_ok(&b->line)) {
			struct error err;
			error_set(&err, ERR_LIMIT, "etcd's event is too large");
			end_watch(b, BACKEND_TOO_LARGE, 0, &err);
			return;
		}
		part += newline ? 1 : 0;
		bytes += part;
		n -= part;
		if (!newline)
			return;
		AUTO_STR line = b->line;
		str_init(&b->line, ANSWER_MAX);
		if (line.len && !watch_line(b, line.data, line.len))
			return;
	}
}

static void watch_done(void *ctx, const struct error *failed)
{
	struct json_backend *b = ctx;
	struct error err;
	b->watch = NULL; /* freed by the client */
	if (!b->is_watching)
		return;
	error_set(&err, ERR_UNAVAILABLE, "%s", failed ? failed->text : "etcd ended the watch");
	end_watch(b, BACKEND_UNKNOWN, 0, &err);
}

static void watch(struct store_backend *base, uint64_t start_revision,
		  const struct backend_watch_events *events, void *ctx)
{
	static const struct http_events http = { .data = watch_data, .done = watch_done };
	struct json_backend *b = backend_of(base);
	AUTO_STR body;
	str_init(&body, 256);
	assert(!b->is_watching);
	b->watch_events = *events;
	b->watch_ctx = ctx;
	b->is_watching = true;
	b->is_opened = false;
	str_clear(&b->line);
	b->line.overflow = false;
	str_addf(&body,
		 "{\"create_request\":{\"key\":\"AA==\",\"range_end\":\"AA==\","
		 "\"start_revision\":\"%llu\"}}\n",
		 (unsigned long long)start_revision);
	struct http_request r = { .method = "POST",
				  .target = "/v3/watch",
				  .headers = &json_type,
				  .headers_count = 1,
				  .body = body.data,
				  .body_len = body.len };
	b->watch = http_start(b->http, &r, &http, b);
}

static void unwatch(struct store_backend *base)
{
	struct json_backend *b = backend_of(base);
	b->is_watching = false;
	etcd_backlog_clear(&b->backlog);
	if (b->watch)
		http_cancel(b->http, TAKE(b->watch));
}

/* ---- life ---- */

static void backend_free(struct store_backend *base)
{
	struct json_backend *b = backend_of(base);
	http_transport_free(b->http);
	etcd_backlog_fini(&b->backlog);
	while (b->calls)
		call_free(b->calls);
	str_fini(&b->line);
	free(b);
}

static const struct store_backend_ops json_ops = {
	.txn = txn,
	.range = range,
	.probe = probe,
	.grant = grant,
	.compact = compact,
	.watch = watch,
	.unwatch = unwatch,
	.free = backend_free,
};

int store_etcd_json_new(struct loop *loop, const struct store_etcd_options *options,
			struct store_backend **ret, struct error *err)
{
	struct etcd_endpoint at;
	if (etcd_endpoint_parse(options->endpoint, &at, err) < 0) {
		etcd_endpoint_fini(&at);
		return err->code;
	}
	struct http_client_options o = {
		.base_url = at.unix_socket ? "http://localhost" : options->endpoint,
		.unix_socket = at.unix_socket,
		.ca_file = options->ca_file,
		.cert_file = options->cert_file,
		.key_file = options->key_file,
	};
	struct http_transport *http;
	int code = http_client_new(loop, &o, &http, err);
	etcd_endpoint_fini(&at);
	if (code < 0)
		return code;
	struct json_backend *b = xcalloc(1, sizeof *b);
	*b = (struct json_backend){ .base = { &json_ops }, .http = http };
	str_init(&b->line, ANSWER_MAX);
	etcd_backlog_init(&b->backlog, loop, tell_events, b);
	*ret = &b->base;
	return 0;
}
