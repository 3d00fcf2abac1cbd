/* LIST: from an immutable snapshot of the index, in slices as the client takes them. */
#include "apiserver/gzip.h"
#include "apiserver/read.h"
#include "apiserver/server_internal.h"
#include "apiserver/text_source.h"
#include "apiserver/work.h"
#include "common/base/jsonx.h"
#include "common/io/tls.h"

#include <stdio.h>

#define SLICE_BYTES  (32u << 10)  /* one refill */
#define ANSWER_BYTES (128u << 10) /* answered whole, with a length, up to here */
#define PROTOBUF_MAX (1u << 30)   /* a list in protobuf */
#define SLICE_LOOKED 5000         /* objects looked at in one refill: selectors may pass few */

struct list {
	struct text_source source;
	struct request *r; /* until the answer has begun */
	struct server *server;
	struct selection what;
	struct rendering how;
	struct index index;
	struct index_cursor at;
	uint64_t version;
	uint64_t wanted_version;
	bool is_exact, is_continued, is_inconsistent;
	char *start; /* the key where a continued list goes on */
	int64_t limit;
	int64_t left; /* of the limit; limit 0: not counted */
	bool has_items, has_head, is_done;
	char *next; /* the key of the next page */
	size_t remaining;
	int64_t now_us;
	struct str rendered; /* the whole, where it is not JSON */
	const char *content_type;
	bool is_packed; /* in gzip */
};

static void list_free(struct list *l)
{
	text_source_fini(&l->source);
	str_fini(&l->rendered);
	selection_fini(&l->what);
	index_fini(&l->index);
	free(l->start);
	free(l->next);
	free(l);
}

static void list_closed(struct text_source *t)
{
	list_free(CONTAINER_OF(t, struct list, source));
}

/* ---- continue tokens: base64url of {"v":…,"rv":…,"start":…}, as upstream ---- */

static void add_token(const struct list *l, struct str *out)
{
	AUTO_STR json, token;
	str_init(&json, 4096);
	str_init(&token, 8192);
	json_t *j = json_pack("{s:s,s:I,s:s}", "v", "meta.k8s.io/v1", "rv", (json_int_t)l->version,
			      "start", l->next);
	json_print(j, &json);
	json_decref(j);
	tls_base64url_encode(json.data, json.len, &token);
	str_add(out, token.data);
}

static int read_token(struct list *l, const char *token, struct failure *f)
{
	AUTO_STR text;
	str_init(&text, 4096);
	struct error err;
	AUTO_JSON *j = NULL;
	if (tls_base64url_decode(token, strlen(token), &text, &err) < 0 ||
	    json_parse(text.data, text.len, &j, &err) < 0)
		return fail_bad_request(f, "continue key is not valid: %s", err.text);
	const char *start = json_str(j, "start");
	int64_t rv = json_int_or(j, "rv", 0);
	if (!start || !streq(json_str_or(j, "v", ""), "meta.k8s.io/v1") || rv == 0 || rv < -1 ||
	    !starts_with(start, l->what.prefix))
		return fail_bad_request(f, "continue key is not valid");
	l->start = xstrdup(start);
	l->is_continued = true;
	l->is_inconsistent = rv == -1;
	l->wanted_version = rv > 0 ? (uint64_t)rv : 0;
	return 0;
}

/* ---- snapshots that later pages are served from ---- */

static void keep_snapshot(struct list *l)
{
	struct server *s = l->server;
	struct snapshot *oldest = &s->snapshots[0];
	for (size_t i = 0; i < SNAPSHOTS_MAX; i++) {
		struct snapshot *x = &s->snapshots[i];
		if (x->kind == l->what.kind && x->version == l->version)
			return;
		if (x->used_ms < oldest->used_ms || !x->kind)
			oldest = x->kind && !oldest->kind ? oldest : x;
	}
	index_fini(&oldest->index);
	*oldest = (struct snapshot){ l->what.kind, l->version, index_snapshot(&l->index),
				     loop_now_ms(s->loop) };
}

static const struct snapshot *find_snapshot(struct server *s, const struct schema_kind *kind,
					    uint64_t version)
{
	int64_t now = loop_now_ms(s->loop);
	for (size_t i = 0; i < SNAPSHOTS_MAX; i++) {
		struct snapshot *x = &s->snapshots[i];
		if (x->kind && x->used_ms < now - SNAPSHOT_KEEP_MS) {
			index_fini(&x->index);
			*x = (struct snapshot){ 0 };
		}
		if (x->kind == kind && x->version == version) {
			x->used_ms = now;
			return x;
		}
	}
	return NULL;
}

/* ---- text ---- */

static void find_next_page(struct list *l)
{
	if (!l->what.labels.count && !l->what.fields.count) {
		const struct object *next = index_page(&l->index, l->at, l->what.prefix,
						       (size_t)l->limit, &l->remaining);
		l->next = next ? xstrdup(next->key) : NULL;
		return;
	}
	/* Walk the page without rendering it, to know what its metadata must say. */
	struct index_cursor c = l->at;
	int64_t taken = 0;
	struct object *o;
	while ((o = index_next(&l->index, &c)) && starts_with(o->key, l->what.prefix)) {
		if (!selection_has(&l->what, o))
			continue;
		if (taken == l->limit && !l->next)
			l->next = xstrdup(o->key);
		taken++;
		if (taken > l->limit)
			return;
	}
}

static void add_metadata(struct list *l, struct str *out)
{
	str_addf(out, "{\"resourceVersion\":\"%llu\"", (unsigned long long)l->version);
	if (l->next) {
		str_add(out, ",\"continue\":\"");
		add_token(l, out);
		str_add(out, "\"");
		if (!l->what.labels.count && !l->what.fields.count)
			str_addf(out, ",\"remainingItemCount\":%zu", l->remaining);
	}
	str_add_char(out, '}');
}

static bool is_partial(const struct list *l)
{
	return l->how.as == ACCEPT_PARTIAL || l->how.as == ACCEPT_PARTIAL_LIST;
}

static void add_head(struct list *l, struct str *out)
{
	const struct schema_kind *k = l->what.kind;
	AUTO_STR api_version;
	str_init(&api_version, 256);
	schema_api_version(k, &api_version);
	const char *as = *l->how.as_version ? l->how.as_version : "v1";
	if (l->how.as == ACCEPT_TABLE)
		str_addf(out, "{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/%s\"", as);
	else if (is_partial(l))
		str_addf(out,
			 "{\"kind\":\"PartialObjectMetadataList\",\"apiVersion\":"
			 "\"meta.k8s.io/%s\"",
			 as);
	else
		str_addf(out, "{\"kind\":\"%s\",\"apiVersion\":\"%s\"", k->list_kind,
			 api_version.data);
	str_add(out, ",\"metadata\":");
	add_metadata(l, out);
	str_add_char(out, ',');
	if (l->how.as == ACCEPT_TABLE) {
		render_columns(k, out);
		str_add(out, ",\"rows\":[");
	} else {
		str_add(out, "\"items\":[");
	}
}

static void add_item(struct list *l, const struct object *o, struct str *out)
{
	if (l->has_items)
		str_add_char(out, ',');
	l->has_items = true;
	if (l->how.as == ACCEPT_TABLE)
		render_row(l->how.kind, o, l->how.include, l->now_us, l->how.as_version, out);
	else
		render_item(&l->how, o, false, l->now_us, out);
}

static bool add_items(struct list *l, struct str *out, size_t until)
{
	for (int looked = 0; out->len < until && looked < SLICE_LOOKED; looked++) {
		struct object *o = l->limit && l->left == 0 ? NULL : index_next(&l->index, &l->at);
		if (!o || !starts_with(o->key, l->what.prefix))
			return false;
		if (!selection_has(&l->what, o))
			continue;
		l->left--;
		add_item(l, o, out);
	}
	return true;
}

static enum refill list_refill(struct text_source *t)
{
	struct list *l = CONTAINER_OF(t, struct list, source);
	size_t until = t->pending.len + SLICE_BYTES;
	if (!l->has_head)
		add_head(l, &t->pending);
	l->has_head = true;
	/* At least one byte must come, or the transport would wait to be woken. */
	size_t before = t->pending.len;
	bool more = true;
	do
		more = add_items(l, &t->pending, until);
	while (more && t->pending.len == before);
	if (more)
		return REFILL_MORE;
	str_add(&t->pending, "]}\n");
	l->is_done = true;
	return REFILL_END;
}

/* ---- answering ---- */

static void list_fail(struct list *l, struct failure *f)
{
	struct request *r = l->r;
	list_free(l);
	reply_failure(r, f);
}

static int choose_snapshot(struct list *l, struct failure *f)
{
	struct hub *hub = l->server->hub;
	bool pinned = l->wanted_version && (l->is_exact || l->is_continued);
	if (pinned && l->wanted_version != hub_version(hub)) {
		const struct snapshot *x =
			find_snapshot(l->server, l->what.kind, l->wanted_version);
		if (!x && l->is_continued) {
			fail_expired(f, "The provided continue parameter is too old to display a "
					"consistent list result. You can start a new list without "
					"the continue parameter, or use the continue token in this "
					"response to retrieve the remainder of the results. "
					"Continuing with the provided token results in an "
					"inconsistent list - objects that were created, modified, "
					"or deleted between the time the first chunk was returned "
					"and now may show up in the list.");
			return -1;
		}
		if (!x)
			return fail_expired(f, "The resourceVersion for the provided list is too "
					       "old.");
		l->index = index_snapshot(&x->index);
		l->version = x->version;
		return 0;
	}
	l->index = index_snapshot(hub_index(hub, l->what.kind));
	l->version = hub_version(hub);
	return 0;
}

/* JSON is packed as it is made: the whole never stands in memory. */
static void pack_slices(struct list *l)
{
	struct str *json = &l->source.pending;
	AUTO(gzip) *g = gzip_new();
	enum refill more = REFILL_MORE;
	while (more == REFILL_MORE) {
		gzip_add(g, json->data, json->len, false, &l->rendered);
		str_clear(json);
		more = list_refill(&l->source);
	}
	gzip_add(g, json->data, json->len, true, &l->rendered);
	l->content_type = "application/json";
}

/* Protobuf is made item by item from the bytes, unless another version's objects are asked for. */
static bool encodes_items(const struct list *l)
{
	bool as_stored = !l->how.kind->storage && !l->how.omits_owners;
	return l->r->accept.encoding == SCHEMA_PROTOBUF &&
	       (is_partial(l) || (l->how.as == ACCEPT_OBJECT && as_stored));
}

static void encode_items(struct list *l, struct str *out)
{
	static const char room[RENDER_LIST_ROOM];
	AUTO_STR text;
	str_init(out, PROTOBUF_MAX);
	str_init(&text, 65536);
	str_add_bytes(out, room, sizeof room);
	add_metadata(l, &text);
	render_protobuf_list_head(text.data, text.len, out);
	l->at = index_seek(&l->index, l->start ? l->start : l->what.prefix);
	for (l->left = l->limit; !l->limit || l->left > 0;) {
		struct object *o = index_next(&l->index, &l->at);
		if (!o || !starts_with(o->key, l->what.prefix))
			break;
		if (!selection_has(&l->what, o))
			continue;
		l->left--;
		render_protobuf_list_item(l->what.kind, is_partial(l), o, out);
	}
	str_clear(&text);
	if (is_partial(l))
		str_addf(&text, "meta.k8s.io/%s", *l->how.as_version ? l->how.as_version : "v1");
	else
		schema_api_version(l->what.kind, &text);
	render_protobuf_list_end(
		text.data, is_partial(l) ? "PartialObjectMetadataList" : l->what.kind->list_kind,
		out);
	l->content_type = render_content_type(&l->r->accept);
}

/* On a worker: the snapshot is the list's own and nobody changes it. */
static void render_step(void *list)
{
	struct list *l = list;
	struct str *json = &l->source.pending;
	if (l->is_packed && l->r->accept.encoding == SCHEMA_JSON && !l->r->accept.is_pretty) {
		pack_slices(l);
		return;
	}
	AUTO_STR whole = { .max = 0 };
	if (encodes_items(l)) {
		encode_items(l, &whole);
	} else {
		str_init(&whole, RENDER_MAX);
		while (list_refill(&l->source) == REFILL_MORE)
			;
		l->content_type = render_bytes(&l->r->accept, json->data, json->len, &whole);
	}
	l->is_packed = l->is_packed && whole.len >= GZIP_BYTES;
	if (l->is_packed) {
		AUTO(gzip) *g = gzip_new();
		gzip_add(g, whole.data, whole.len, true, &l->rendered);
	} else {
		struct str empty = l->rendered;
		l->rendered = whole;
		whole = empty;
	}
}

static void rendered(void *list, bool is_gone)
{
	struct list *l = list;
	struct request *r = TAKE(l->r);
	struct failure f = { 0 };
	if (is_gone) {
		request_abandon(r);
	} else if (!str_ok(&l->source.pending) || !str_ok(&l->rendered)) {
		fail(&f, 413, "RequestEntityTooLarge",
		     "the list is too large for this encoding: ask for pages (limit) or for JSON");
		reply_failure(r, &f);
	} else {
		reply_whole(r, l->content_type, l->is_packed, &l->rendered);
	}
	list_free(l);
}

static void answer(struct list *l)
{
	struct request *r = l->r;
	l->at = index_seek(&l->index, l->start ? l->start : l->what.prefix);
	l->left = l->limit;
	if (l->limit)
		find_next_page(l);
	if (l->next)
		keep_snapshot(l);
	l->r = NULL;
	struct text_source *t = &l->source;
	enum refill more = REFILL_MORE;
	/* Other encodings are made of the whole: a worker's, but for short ones. */
	bool is_whole = r->accept.encoding != SCHEMA_JSON || r->accept.is_pretty;
	while (more == REFILL_MORE && t->pending.len < (is_whole ? SLICE_BYTES : ANSWER_BYTES))
		more = list_refill(t);
	l->is_packed = accept_gzip(http_header_get(r->x, "Accept-Encoding"));
	if (more == REFILL_END) {
		reply_json(r, 200, t->pending.data, t->pending.len);
		list_free(l);
		return;
	}
	if (is_whole || l->is_packed) {
		l->r = r;
		server_offload(l->server, render_step, rendered, l);
		return;
	}
	reply_stream(r, 200, "application/json", &text_source_ops, t);
}

static void list_now(void *ctx, const struct error *err)
{
	struct list *l = ctx;
	struct failure f = { 0 };
	if (err && err->code == ERR_LIMIT && l->wanted_version)
		fail_too_large_version(&f, l->wanted_version, hub_version(l->server->hub));
	else if (err)
		fail_unavailable(&f, "%s", err->text);
	else if (choose_snapshot(l, &f) == 0) {
		answer(l);
		return;
	}
	list_fail(l, &f);
}

static int forbidden_combination(struct request *r, const char *field, const char *why,
				 struct failure *f)
{
	fail(f, 422, "Invalid", "%s \"\" is invalid: %s: Forbidden: %s", r->target.kind->kind,
	     field, why);
	failure_cause(f, "FieldValueForbidden", why, field);
	return -1;
}

/* The options of a list, checked; -1 with the failure. */
static int read_options(struct list *l, bool *ret_is_set, struct failure *f)
{
	struct request *r = l->r;
	struct error err;
	const char *token = query_get(&r->query, "continue");
	const char *match = query_get(&r->query, "resourceVersionMatch");
	bool has_token = token && *token, has_match = match && *match;
	if (query_int(&r->query, "limit", 0, &l->limit, &err) < 0)
		return fail_bad_request(f, "%s", err.text);
	l->limit = MAX(l->limit, 0);
	if (read_version(r, ret_is_set, &l->wanted_version, f) < 0)
		return -1;
	if (query_get(&r->query, "sendInitialEvents"))
		return forbidden_combination(r, "sendInitialEvents",
					     "sendInitialEvents is forbidden for list", f);
	if (has_match && has_token)
		return forbidden_combination(
			r, "resourceVersionMatch",
			"resourceVersionMatch is forbidden when continue is provided", f);
	if (has_match && !*ret_is_set)
		return forbidden_combination(
			r, "resourceVersionMatch",
			"resourceVersionMatch is forbidden unless resourceVersion is provided", f);
	if (has_match && !streq(match, "Exact") && !streq(match, "NotOlderThan"))
		return fail_bad_request(f, "resourceVersionMatch: Unsupported value: \"%s\"",
					match);
	l->is_exact = has_match && streq(match, "Exact");
	if (l->is_exact && l->wanted_version == 0)
		return forbidden_combination(
			r, "resourceVersionMatch",
			"resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"", f);
	if (has_token && *ret_is_set && l->wanted_version)
		return fail_bad_request(
			f, "specifying resource version is not allowed when using continue");
	return has_token ? read_token(l, token, f) : 0;
}

void serve_list(struct request *r)
{
	struct list *l = xcalloc(1, sizeof *l);
	*l = (struct list){ .r = r, .server = r->server, .how = rendering_of(r) };
	l->now_us = loop_wall_us(r->server->loop);
	text_source_init(&l->source, list_refill, list_closed);
	str_init(&l->rendered, RENDER_MAX);
	struct failure f = { 0 };
	bool is_set = false;
	if (selection_init(&l->what, r, &f) < 0 || read_options(l, &is_set, &f) < 0) {
		list_fail(l, &f);
		return;
	}
	struct hub *hub = r->server->hub;
	bool any = (is_set && l->wanted_version == 0 && !l->is_continued) ||
		   (l->is_continued && !l->is_inconsistent);
	if (any)
		list_now(l, NULL);
	else if (!is_set || l->is_inconsistent)
		hub_when_fresh(hub, list_now, l);
	else if (l->wanted_version <= hub_version(hub))
		list_now(l, NULL);
	else
		hub_when(hub, l->wanted_version / STORE_PLACES, LIST_WAIT_MS, list_now, l);
}
