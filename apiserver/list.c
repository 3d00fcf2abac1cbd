/* LIST: from an immutable snapshot of the index, in slices as the client takes them. */
#include "apiserver/gzip.h"
#include "apiserver/list_internal.h"
#include "common/base/jsonx.h"
#include "common/io/tls.h"

#include <stdio.h>

#define SLICE_BYTES  (32u << 10)  /* one refill */
#define ANSWER_BYTES (128u << 10) /* answered whole, with a length, up to here */
#define SLICE_LOOKED 1000         /* objects looked at in one refill: selectors may pass few */
#define PUT_OFF_MAX  16           /* turns */
#define LOOKS_FIRST  2            /* before a list's answer begins */

void list_free(struct list *l)
{
	text_source_fini(&l->source);
	str_fini(&l->rendered);
	str_fini(&l->packing.json);
	gzip_free(l->packing.packer);
	selection_fini(&l->what);
	index_fini(&l->index);
	free(l->start);
	free(l->next);
	free(l);
}

static void list_closed(struct text_source *t)
{
	struct list *l = CONTAINER_OF(t, struct list, source);
	turn_wake_fini(l->server->turns, &l->wake);
	list_free(l);
}

/* ---- continue tokens: base64url of {"v":…,"rv":…,"start":…}, as upstream ---- */

void list_add_token(int64_t version, const char *start, struct str *out)
{
	AUTO_STR json, token;
	str_init(&json, 4096);
	str_init(&token, 8192);
	json_t *j = json_pack("{s:s,s:I,s:s}", "v", "meta.k8s.io/v1", "rv", (json_int_t)version,
			      "start", start);
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
		return fail_bad_request(f, "invalid continue token: continue key is not valid: %s",
					err.text);
	const char *start = json_str(j, "start");
	int64_t rv = json_int_or(j, "rv", 0);
	if (!start || !streq(json_str_or(j, "v", ""), "meta.k8s.io/v1") || rv == 0 || rv < -1 ||
	    !starts_with(start, l->what.prefix))
		return fail_bad_request(f, "invalid continue token: continue key is not valid");
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

bool list_is_selective(const struct list *l)
{
	return l->what.labels.count || l->what.fields.count;
}

static void find_next_page(void *list)
{
	struct list *l = list;
	if (!list_is_selective(l)) {
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

void list_add_metadata(struct list *l, struct str *out)
{
	str_addf(out, "{\"resourceVersion\":\"%llu\"", (unsigned long long)l->version);
	if (l->next) {
		str_add(out, ",\"continue\":\"");
		list_add_token((int64_t)l->version, l->next, out);
		str_add(out, "\"");
		if (!list_is_selective(l))
			str_addf(out, ",\"remainingItemCount\":%zu", l->remaining);
	}
	str_add_char(out, '}');
}

bool list_is_partial(const struct list *l)
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
	else if (list_is_partial(l))
		str_addf(out,
			 "{\"kind\":\"PartialObjectMetadataList\",\"apiVersion\":"
			 "\"meta.k8s.io/%s\"",
			 as);
	else
		str_addf(out, "{\"kind\":\"%s\",\"apiVersion\":\"%s\"", k->list_kind,
			 api_version.data);
	str_add(out, ",\"metadata\":");
	list_add_metadata(l, out);
	str_add_char(out, ',');
	if (l->how.as == ACCEPT_TABLE) {
		render_columns(k, out);
		str_add(out, ",\"rows\":[");
	} else {
		str_add(out, "\"items\":[");
	}
}

void list_add_item(struct list *l, const struct object *o, struct str *out)
{
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
		if (l->has_items)
			str_add_char(out, ',');
		l->has_items = true;
		list_add_item(l, o, out);
	}
	return true;
}

bool list_add_some(struct list *l, struct str *out)
{
	size_t until = out->len + SLICE_BYTES;
	if (!l->has_head)
		add_head(l, out);
	l->has_head = true;
	if (add_items(l, out, until))
		return true;
	str_add(out, "]}\n");
	return false;
}

static enum refill list_refill(struct text_source *t)
{
	struct list *l = CONTAINER_OF(t, struct list, source);
	size_t before = t->pending.len;
	/* Many may be read in one turn, each of which looks at a thousand objects. */
	bool is_put_off = list_is_selective(l) && loop_turn_us(l->server->loop) > TURN_BUDGET_US &&
			  l->put_off++ < PUT_OFF_MAX;
	if (!is_put_off) {
		l->put_off = 0;
		if (!list_add_some(l, &t->pending))
			return REFILL_END;
		if (t->pending.len > before)
			return REFILL_MORE;
	}
	/* None of those looked at was selected: on in a later turn. */
	turns_wake(l->server->turns, &l->wake, l->x);
	return REFILL_WAIT;
}

/* ---- answering ---- */

void list_fail(struct list *l, struct failure *f)
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
			AUTO_STR token;
			str_init(&token, 8192);
			list_add_token(-1, l->start, &token);
			f->continue_token = str_take(&token);
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

bool list_encodes_items(const struct list *l)
{
	bool as_stored = !l->how.kind->storage && !l->how.omits_owners;
	return l->r->accept.encoding == SCHEMA_PROTOBUF &&
	       (list_is_partial(l) || (l->how.as == ACCEPT_OBJECT && as_stored));
}

void list_protobuf_type(const struct list *l, struct str *ret_api_version, const char **ret_kind)
{
	str_clear(ret_api_version);
	if (list_is_partial(l))
		str_addf(ret_api_version, "meta.k8s.io/%s",
			 *l->how.as_version ? l->how.as_version : "v1");
	else
		schema_api_version(l->what.kind, ret_api_version);
	*ret_kind = list_is_partial(l) ? "PartialObjectMetadataList" : l->what.kind->list_kind;
}

static void stream(struct list *l)
{
	struct request *r = TAKE(l->r);
	l->x = r->x;
	reply_stream(r, 200, "application/json", &text_source_ops, &l->source);
}

/* The first look: short lists are answered at once, with their length. */
static void begin(struct list *l)
{
	struct request *r = l->r;
	struct str *text = &l->source.pending;
	/* Other encodings are made of the whole: a worker's, but for short ones. */
	bool is_whole = r->accept.encoding != SCHEMA_JSON || r->accept.is_pretty;
	size_t enough = is_whole ? SLICE_BYTES : ANSWER_BYTES;
	bool more = true;
	for (int looks = 0; more && text->len < enough && looks < LOOKS_FIRST; looks++)
		more = list_add_some(l, text);
	l->is_packed = accept_gzip(http_header_get(r->x, "Accept-Encoding"));
	if (!more) {
		reply_json(TAKE(l->r), 200, text->data, text->len);
		list_free(l);
	} else if (list_has_pieces(l)) {
		list_answer_pieces(l);
	} else if (list_packs_pieces(l)) {
		list_answer_packed(l);
	} else if (is_whole || l->is_packed) {
		list_answer_whole(l);
	} else {
		stream(l);
	}
}

static void page_found(void *list, bool is_gone)
{
	struct list *l = list;
	if (is_gone) {
		request_abandon(TAKE(l->r));
		list_free(l);
		return;
	}
	if (l->next)
		keep_snapshot(l);
	begin(l);
}

static void answer(struct list *l)
{
	l->at = index_seek(&l->index, l->start ? l->start : l->what.prefix);
	l->left = l->limit;
	if (l->limit && list_is_selective(l) && l->index.count > SLICE_LOOKED) {
		server_offload(l->server, find_next_page, page_found, l);
		return;
	}
	if (l->limit)
		find_next_page(l);
	page_found(l, false);
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

/* Which options go together. */
static int check_options(struct request *r, const char *match, bool has_token, struct failure *f)
{
	struct field_errors errors = { 0 };
	const char *version = query_get(&r->query, "resourceVersion");
	const char field[] = "resourceVersionMatch";
	AUTO_JSON *shown = json_string(match);
	if (*match && (!version || !*version))
		field_errors_add(&errors, FIELD_FORBIDDEN, field, NULL, "%s",
				 "resourceVersionMatch is forbidden unless resourceVersion is "
				 "provided");
	if (*match && has_token)
		field_errors_add(&errors, FIELD_FORBIDDEN, field, NULL, "%s",
				 "resourceVersionMatch is forbidden when continue is provided");
	if (*match && !streq(match, "Exact") && !streq(match, "NotOlderThan"))
		field_errors_add(&errors, FIELD_NOT_SUPPORTED, field, shown, "%s",
				 "supported values: \"Exact\", \"NotOlderThan\", \"\"");
	if (streq(match, "Exact") && version && streq(version, "0"))
		field_errors_add(&errors, FIELD_FORBIDDEN, field, NULL, "%s",
				 "resourceVersionMatch \"exact\" is forbidden for resourceVersion "
				 "\"0\"");
	if (query_get(&r->query, "sendInitialEvents"))
		field_errors_add(&errors, FIELD_FORBIDDEN, "sendInitialEvents", NULL, "%s",
				 "sendInitialEvents is forbidden for list");
	return fail_options(f, "ListOptions", &errors);
}

int list_read_options(struct list *l, bool *ret_is_set, struct failure *f)
{
	struct request *r = l->r;
	struct error err;
	const char *token = query_get(&r->query, "continue");
	const char *given = query_get(&r->query, "resourceVersionMatch");
	const char *match = given ? given : "";
	bool has_token = token && *token;
	int64_t seconds; /* of a list they mean nothing */
	if (query_int(&r->query, "limit", 0, &l->limit, &err) < 0 ||
	    query_int(&r->query, "timeoutSeconds", 0, &seconds, &err) < 0)
		return fail_bad_request(f, "%s", err.text);
	l->limit = MAX(l->limit, 0);
	if (check_options(r, match, has_token, f) < 0 ||
	    read_version(r, ret_is_set, &l->wanted_version, f) < 0)
		return -1;
	/* Pages of a version are of that version, said or not. */
	l->is_exact = streq(match, "Exact") ||
		      (!*match && l->limit > 0 && !has_token && l->wanted_version > 0);
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
	if (selection_init(&l->what, r, &f) < 0 || list_read_options(l, &is_set, &f) < 0) {
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
