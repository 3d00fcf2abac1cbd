/* WATCH: each watcher is a cursor in the hub's ring of its kind. */
#include "apiserver/read.h"
#include "apiserver/server_internal.h"
#include "apiserver/text_source.h"
#include "apiserver/turn.h"
#include "apiserver/watch.h"
#include "apiserver/watch_frame.h"
#include "common/base/jsonx.h"

#define WATCH_SLICE   (32u << 10)
#define WATCH_LOOKED  5000
#define BOOKMARK_MS   60000
#define TIMEOUT_MIN_S 1800
#define TIMEOUT_MAX_S 100000

struct watch {
	struct text_source source;
	struct hub_watcher watcher;
	struct turn_wake wake;
	struct watch *next, *prev; /* in server->watches */
	struct server *server;
	struct request *r; /* until the answer has begun */
	struct http_exchange *x;
	struct selection what;
	struct rendering how;
	uint64_t wanted_version;
	bool has_version, wants_initial, wants_bookmarks, wants_initial_mark, is_from_now;
	/* Initial events come from a snapshot; then live ones from seq on. */
	struct index index;
	struct index_cursor at;
	bool is_protobuf;
	bool in_initial, bookmark_due, has_sent_columns, is_over;
	uint64_t seq;
	uint64_t version;    /* up to which everything was sent */
	uint64_t skip_until; /* asked for from a version that we had not reached */
	int64_t timeout_s;
	struct loop_timer *timeout, *again;
};

static void watch_free(struct watch *w)
{
	text_source_fini(&w->source);
	selection_fini(&w->what);
	index_fini(&w->index);
	loop_timer_free(w->timeout);
	loop_timer_free(w->again);
	free(w);
}

static void unlink_watch(struct watch *w)
{
	turn_wake_fini(w->server->turns, &w->wake);
	hub_unwatch(w->server->hub, w->what.kind, &w->watcher);
	if (w->prev)
		w->prev->next = w->next;
	else
		w->server->watches = w->next;
	if (w->next)
		w->next->prev = w->prev;
	w->server->watches_count--;
}

static void watch_closed(struct text_source *t)
{
	struct watch *w = CONTAINER_OF(t, struct watch, source);
	unlink_watch(w);
	watch_free(w);
}

static void watch_changed(struct hub_watcher *watcher)
{
	struct watch *w = CONTAINER_OF(watcher, struct watch, watcher);
	turns_wake(w->server->turns, &w->wake, w->x);
}

void watch_bookmark_all(struct server *s)
{
	for (struct watch *w = s->watches; w; w = w->next)
		if (w->wants_bookmarks) {
			w->bookmark_due = true;
			http_wake(w->x);
		}
	loop_timer_set(s->bookmarks, BOOKMARK_MS);
}

void watch_end_gone(struct server *s)
{
	for (struct watch *w = s->watches; w; w = w->next) {
		const struct schema_kind *k = w->what.kind;
		if (kinds_by_resource(s->kinds, k->group, k->version, k->resource) == k)
			continue;
		w->is_over = true;
		http_wake(w->x);
	}
}

static void go_on(void *ctx)
{
	http_wake(((struct watch *)ctx)->x);
}

static void timed_out(void *ctx)
{
	struct watch *w = ctx;
	w->bookmark_due = w->wants_bookmarks;
	w->is_over = true;
	http_wake(w->x);
}

/* ---- text ---- */

static void add_event(struct watch *w, const char *type, struct object *o, struct str *out)
{
	if (w->how.as != ACCEPT_TABLE) {
		watch_frame_add(w->server->frames, &w->how, w->is_protobuf, type, o, out);
		return;
	}
	size_t begin = watch_frame_begin(w->is_protobuf, type, out);
	render_item(&w->how, o, !w->has_sent_columns, loop_wall_us(w->server->loop), out);
	w->has_sent_columns = true;
	watch_frame_end(w->is_protobuf, type, begin, out);
}

static void add_bookmark(struct watch *w, bool is_initial_end, struct str *out)
{
	const struct schema_kind *k = w->what.kind;
	AUTO_STR api_version;
	str_init(&api_version, 256);
	schema_api_version(k, &api_version);
	const char *annotation =
		is_initial_end ? ",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}" : "";
	size_t begin = watch_frame_begin(w->is_protobuf, "BOOKMARK", out);
	bool partial = w->how.as == ACCEPT_PARTIAL || w->how.as == ACCEPT_PARTIAL_LIST;
	if (w->how.as == ACCEPT_TABLE)
		str_addf(out,
			 "{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":"
			 "{\"resourceVersion\":\"%llu\"},\"columnDefinitions\":null,\"rows\":"
			 "[{\"cells\":[],\"object\":",
			 (unsigned long long)w->version);
	str_addf(out,
		 "{\"kind\":\"%s\",\"apiVersion\":\"%s\",\"metadata\":{\"resourceVersion\":"
		 "\"%llu\"%s}}",
		 partial ? "PartialObjectMetadata" : k->kind,
		 partial ? "meta.k8s.io/v1" : api_version.data, (unsigned long long)w->version,
		 annotation);
	if (w->how.as == ACCEPT_TABLE)
		str_add(out, "}]}");
	watch_frame_end(w->is_protobuf, "BOOKMARK", begin, out);
}

static void add_expired(struct watch *w, struct str *out)
{
	size_t begin = watch_frame_begin(w->is_protobuf, "ERROR", out);
	failure_watch_expired(w->version, hub_version(w->server->hub), out);
	watch_frame_end(w->is_protobuf, "ERROR", begin, out);
}

/* What an event is to a watcher with selectors: coming in is ADDED, going out DELETED. */
static void add_selected(struct watch *w, const struct hub_event *e, struct str *out)
{
	bool was = e->before && selection_has(&w->what, e->before);
	bool is = e->type != HUB_DELETED && selection_has(&w->what, e->now);
	if (e->type == HUB_DELETED && was) {
		struct object *last = hub_event_object(e);
		add_event(w, "DELETED", last, out);
		object_unref(last);
	} else if (is) {
		add_event(w, was ? "MODIFIED" : "ADDED", e->now, out);
	} else if (was) {
		/* It left the selection: its old content, at the new version. */
		struct object *left = object_at_version(e->before, e->version);
		add_event(w, "DELETED", left, out);
		object_unref(left);
	}
}

static bool add_initial(struct watch *w, struct str *out)
{
	for (int looked = 0; looked < WATCH_LOOKED && out->len < WATCH_SLICE; looked++) {
		struct object *o = index_next(&w->index, &w->at);
		if (!o || !starts_with(o->key, w->what.prefix)) {
			w->in_initial = false;
			index_fini(&w->index);
			if (w->wants_initial_mark)
				add_bookmark(w, true, out);
			return true;
		}
		if (selection_has(&w->what, o))
			add_event(w, "ADDED", o, out);
	}
	return false;
}

static enum refill end(struct watch *w, struct str *out)
{
	if (w->bookmark_due)
		add_bookmark(w, false, out);
	w->bookmark_due = false;
	return REFILL_END;
}

static enum refill watch_refill(struct text_source *t)
{
	struct watch *w = CONTAINER_OF(t, struct watch, source);
	struct str *out = &t->pending;
	while (w->in_initial && out->len == 0)
		if (add_initial(w, out))
			break;
	if (w->in_initial || out->len >= WATCH_SLICE)
		return REFILL_MORE;
	for (int looked = 0; looked < WATCH_LOOKED && out->len < WATCH_SLICE; looked++) {
		bool lost;
		const struct hub_event *e =
			hub_event_at(w->server->hub, w->what.kind, w->seq, &lost);
		if (lost && kind_is_gone(w->what.kind))
			return REFILL_END; /* its objects went before it, and were told of */
		if (lost) {
			add_expired(w, out);
			return REFILL_END;
		}
		if (!e) {
			/* All of our kind has been sent, so everything up to the hub's position. */
			w->version = MAX(w->version, hub_version(w->server->hub));
			if (w->is_over)
				return end(w, out);
			if (w->bookmark_due)
				add_bookmark(w, false, out);
			w->bookmark_due = false;
			return REFILL_WAIT;
		}
		if (e->version > w->skip_until)
			add_selected(w, e, out);
		w->version = e->version;
		w->seq++;
	}
	if (out->len == 0)
		loop_timer_set(w->again, 0); /* looked at many, sent none: go on in the next turn */
	return REFILL_MORE;
}

/* ---- beginning ---- */

static void watch_fail(struct watch *w, struct failure *f)
{
	struct request *r = w->r;
	watch_free(w);
	reply_failure(r, f);
}

static void begin(struct watch *w)
{
	struct server *s = w->server;
	struct request *r = w->r;
	uint64_t from = w->is_from_now ? hub_version(s->hub) : w->wanted_version;
	if (w->wants_initial) {
		w->index = index_snapshot(hub_index(s->hub, w->what.kind));
		w->at = index_seek(&w->index, w->what.prefix);
		w->in_initial = true;
		from = hub_version(s->hub);
	}
	if (!hub_events_after(s->hub, w->what.kind, from, &w->seq))
		w->seq = 0; /* lost from the start: 410 as the first event */
	w->version = w->skip_until = from;
	w->timeout = loop_timer_new(s->loop, timed_out, w);
	w->again = loop_timer_new(s->loop, go_on, w);
	loop_timer_set(w->timeout, w->timeout_s * 1000);
	w->x = r->x;
	w->r = NULL;
	w->watcher.changed = watch_changed;
	hub_watch(s->hub, w->what.kind, &w->watcher);
	w->next = s->watches;
	if (w->next)
		w->next->prev = w;
	s->watches = w;
	s->watches_count++;
	reply_stream(r, 200,
		     w->is_protobuf ? "application/vnd.kubernetes.protobuf;stream=watch"
				    : "application/json",
		     &text_source_ops, &w->source);
}

static void watch_now(void *ctx, const struct error *err)
{
	struct watch *w = ctx;
	if (!err) {
		begin(w);
		return;
	}
	struct failure f = { 0 };
	if (err->code == ERR_LIMIT && w->wanted_version)
		fail_too_large_version(&f, w->wanted_version, hub_version(w->server->hub));
	else
		fail_unavailable(&f, "%s", err->text);
	watch_fail(w, &f);
}

static int check_initial(const struct watch *w, struct failure *f)
{
	const struct request *r = w->r;
	const char *send = query_get(&r->query, "sendInitialEvents");
	const char *match = query_get(&r->query, "resourceVersionMatch");
	const char *why = NULL;
	struct field_errors errors = { 0 };
	AUTO_JSON *shown = json_string(match ? match : "");
	if (match && *match && !send)
		why = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is "
		      "provided";
	else if (send && (!match || !streq(match, "NotOlderThan")))
		why = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
	if (why)
		field_errors_add(&errors, FIELD_FORBIDDEN, "resourceVersionMatch", NULL, "%s", why);
	if (match && *match && !streq(match, "NotOlderThan"))
		field_errors_add(&errors, FIELD_NOT_SUPPORTED, "resourceVersionMatch", shown, "%s",
				 "supported values: \"NotOlderThan\"");
	return fail_options(f, "ListOptions", &errors);
}

static void choose_initial(struct watch *w)
{
	const struct request *r = w->r;
	const char *send = query_get(&r->query, "sendInitialEvents");
	bool asked = send && query_bool(&r->query, "sendInitialEvents");
	w->wants_initial = send ? asked : w->wanted_version == 0;
	w->wants_initial_mark = asked && w->wants_bookmarks;
	w->is_from_now = send && !asked && w->wanted_version == 0;
}

static int read_options(struct watch *w, struct failure *f)
{
	struct request *r = w->r;
	struct error err;
	int64_t limit; /* of a watch it means nothing */
	if (query_int(&r->query, "limit", 0, &limit, &err) < 0 ||
	    query_int(&r->query, "timeoutSeconds", 0, &w->timeout_s, &err) < 0)
		return fail_bad_request(f, "%s", err.text);
	if (w->timeout_s <= 0) {
		uint32_t random;
		server_random(w->server, &random, sizeof random);
		w->timeout_s = TIMEOUT_MIN_S + random % TIMEOUT_MIN_S;
	}
	w->timeout_s = MIN(w->timeout_s, (int64_t)TIMEOUT_MAX_S);
	w->wants_bookmarks = query_bool(&r->query, "allowWatchBookmarks");
	if (check_initial(w, f) < 0 || read_version(r, &w->has_version, &w->wanted_version, f) < 0)
		return -1;
	choose_initial(w);
	return 0;
}

void serve_watch(struct request *r)
{
	struct watch *w = xcalloc(1, sizeof *w);
	*w = (struct watch){ .r = r,
			     .server = r->server,
			     .how = rendering_of(r),
			     .is_protobuf = r->accept.encoding == SCHEMA_PROTOBUF };
	text_source_init(&w->source, watch_refill, watch_closed);
	struct failure f = { 0 };
	if (selection_init(&w->what, r, &f) < 0 || read_options(w, &f) < 0) {
		watch_fail(w, &f);
		return;
	}
	struct hub *hub = w->server->hub;
	bool initial_any = w->wants_initial && w->has_version;
	if ((w->wants_initial || w->is_from_now) && !w->has_version)
		hub_when_fresh(hub, watch_now, w);
	else if (initial_any && w->wanted_version > hub_version(hub))
		hub_when(hub, w->wanted_version / STORE_PLACES, LIST_WAIT_MS, watch_now, w);
	else
		watch_now(w, NULL);
}
