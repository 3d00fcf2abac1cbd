/*
 * GET /apis/skiff.dev/v1/metadata?watch=true: the metadata of every object of every stored kind
 * but Events, in one stream. Garbage collection must see every owner; a watch a kind would
 * cost it (and this server) some sixty TLS connections.
 *
 * Lines as in any watch, with the kind beside the object, which PartialObjectMetadata hides:
 * {"type":"ADDED","resource":"apps/v1/deployments","object":{…}}. Without resourceVersion it begins
 * with all that is there and a BOOKMARK that carries k8s.io/initial-events-end. Order holds within
 * a kind only; a BOOKMARK follows whenever all kinds were sent up to its version.
 *
 * Custom kinds are told of before their first object, for no client has them in its tables:
 * {"type":"KIND","resource":"example.com/v1/lamps","object":{"kind":"Lamp","namespaced":true}}.
 */
#include "apiserver/read.h"
#include "apiserver/server_internal.h"
#include "apiserver/text_source.h"

#define SLICE_BYTES   (32u << 10)
#define LOOKED_MAX    5000
#define TIMEOUT_MAX_S 3600
#define BOOKMARK_MS   60000 /* clients take longer silence for a dead server */

struct lane {
	struct hub_watcher watcher;
	struct all *all;
	const struct schema_kind *kind;
	char *resource; /* "apps/v1/deployments" */
	uint64_t seq;
	bool is_changed;
};

struct all {
	struct text_source source;
	struct server *server;
	struct http_exchange *x;
	struct request *r; /* until the answer has begun */
	struct lane **lanes;
	struct all *next, *prev; /* in server->metadata_watches, once begun */
	size_t lanes_count;
	/* The kind that is sent from a snapshot now; lanes_count: all are through. */
	size_t initial;
	struct index index;
	struct index_cursor at;
	bool has_snapshot, is_begun, owes_mark, owes_bookmark, is_over;
	bool has_lost;    /* events that it has not seen are kept nowhere any more */
	uint64_t version; /* where the watch begins; then up to which all was sent */
	int64_t timeout_s;
	struct loop_timer *timeout, *again, *bookmark;
};

static void unlink_all(struct all *a)
{
	if (a->prev)
		a->prev->next = a->next;
	else
		a->server->metadata_watches = a->next;
	if (a->next)
		a->next->prev = a->prev;
}

static void all_free(struct all *a)
{
	for (size_t i = 0; i < a->lanes_count; i++) {
		struct lane *lane = a->lanes[i];
		if (a->is_begun)
			hub_unwatch(a->server->hub, lane->kind, &lane->watcher);
		free(lane->resource);
		free(lane);
	}
	if (a->is_begun)
		unlink_all(a);
	if (a->has_snapshot)
		index_fini(&a->index);
	text_source_fini(&a->source);
	loop_timer_free(a->timeout);
	loop_timer_free(a->again);
	loop_timer_free(a->bookmark);
	free(a->lanes);
	free(a);
}

static void closed(struct text_source *t)
{
	all_free(CONTAINER_OF(t, struct all, source));
}

static void lane_changed(struct hub_watcher *watcher)
{
	struct lane *lane = CONTAINER_OF(watcher, struct lane, watcher);
	lane->is_changed = true;
	http_wake(lane->all->x);
}

static void go_on(void *ctx)
{
	http_wake(((struct all *)ctx)->x);
}

static void mark_time(void *ctx)
{
	struct all *a = ctx;
	a->owes_bookmark = true;
	loop_timer_set(a->bookmark, BOOKMARK_MS);
	http_wake(a->x);
}

static void timed_out(void *ctx)
{
	struct all *a = ctx;
	a->is_over = true;
	http_wake(a->x);
}

/* ---- lines ---- */

static void add_line(struct all *a, const char *type, const struct lane *lane,
		     const struct object *o)
{
	struct str *out = &a->source.pending;
	str_addf(out, "{\"type\":\"%s\",\"resource\":\"%s\",\"object\":", type, lane->resource);
	render_partial(o, "v1", true, out); /* no follower of owners asks whose a field is */
	str_add(out, "}\n");
}

static void add_kind(struct all *a, const struct lane *lane)
{
	str_addf(&a->source.pending,
		 "{\"type\":\"KIND\",\"resource\":\"%s\",\"object\":{\"kind\":\"%s\","
		 "\"namespaced\":%s}}\n",
		 lane->resource, lane->kind->kind, lane->kind->is_namespaced ? "true" : "false");
}

static void add_bookmark(struct all *a, bool is_initial_end)
{
	str_addf(
		&a->source.pending,
		"{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"PartialObjectMetadata\","
		"\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":{\"resourceVersion\":\"%llu\"%s}}}\n",
		(unsigned long long)a->version,
		is_initial_end ? ",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}" : "");
}

static enum refill expire(struct all *a)
{
	struct str *out = &a->source.pending;
	str_add(out, "{\"type\":\"ERROR\",\"object\":");
	failure_watch_expired(a->version, hub_version(a->server->hub), out);
	str_add(out, "}\n");
	return REFILL_END;
}

/* Some of the snapshots; true once all of them have been sent. */
static bool send_initial(struct all *a)
{
	for (int looked = 0; a->initial < a->lanes_count; looked++) {
		if (looked == LOOKED_MAX || a->source.pending.len >= SLICE_BYTES)
			return false;
		struct lane *lane = a->lanes[a->initial];
		if (!a->has_snapshot) {
			a->index = index_snapshot(hub_index(a->server->hub, lane->kind));
			a->at = index_seek(&a->index, "");
			a->has_snapshot = true;
			/* What happens from here on comes as events of this kind. */
			if (!hub_events_after(a->server->hub, lane->kind,
					      hub_version(a->server->hub), &lane->seq))
				lane->seq = 0;
		}
		struct object *o = index_next(&a->index, &a->at);
		if (o) {
			add_line(a, "ADDED", lane, o);
			continue;
		}
		index_fini(&a->index);
		a->has_snapshot = false;
		a->initial++;
	}
	return true;
}

/* The events of one kind, until so much waits to be sent; -1: some were lost. */
static int send_events(struct all *a, struct lane *lane, size_t until)
{
	static const char *const types[] = {
		[HUB_ADDED] = "ADDED", [HUB_MODIFIED] = "MODIFIED", [HUB_DELETED] = "DELETED"
	};
	bool lost = false;
	while (a->source.pending.len < until) {
		const struct hub_event *e =
			hub_event_at(a->server->hub, lane->kind, lane->seq, &lost);
		if (lost)
			return -1;
		if (!e) {
			lane->is_changed = false;
			return 0;
		}
		struct object *o = hub_event_object(e);
		add_line(a, types[e->type], lane, o);
		object_unref(o);
		a->owes_bookmark = true;
		lane->seq++;
	}
	return 0;
}

static enum refill refill(struct text_source *t)
{
	struct all *a = CONTAINER_OF(t, struct all, source);
	if (!send_initial(a)) {
		if (t->pending.len == 0)
			loop_timer_set(a->again, 0);
		return REFILL_MORE;
	}
	bool is_behind = false;
	if (a->has_lost)
		return expire(a);
	for (size_t i = 0; i < a->lanes_count; i++) {
		if (a->lanes[i]->is_changed && send_events(a, a->lanes[i], SLICE_BYTES) < 0)
			return expire(a);
		is_behind |= a->lanes[i]->is_changed;
	}
	if (is_behind)
		return REFILL_MORE;
	a->version = MAX(a->version, hub_version(a->server->hub));
	if (a->owes_mark || a->owes_bookmark)
		add_bookmark(a, a->owes_mark);
	a->owes_mark = a->owes_bookmark = false;
	return a->is_over ? REFILL_END : REFILL_WAIT;
}

/* ---- beginning ---- */

static void add_lane(struct all *a, const struct schema_kind *k)
{
	if (!k || streq(k->kind, "Event"))
		return;
	for (size_t i = 0; i < a->lanes_count; i++)
		if (kind_place(a->lanes[i]->kind) == kind_place(k))
			return;
	struct lane *lane = xcalloc(1, sizeof *lane);
	*lane = (struct lane){
		.watcher.changed = lane_changed, .all = a, .kind = k, .is_changed = true
	};
	lane->resource =
		xasprintf("%s%s%s/%s", k->group, *k->group ? "/" : "", k->version, k->resource);
	a->lanes = xrealloc(a->lanes, a->lanes_count + 1, sizeof(struct lane *));
	a->lanes[a->lanes_count++] = lane;
}

/* What there is of the new kind is sent as at the beginning; then its events. */
void watch_all_follow(struct server *s, const struct schema_kind *kind)
{
	for (struct all *a = s->metadata_watches; a; a = a->next) {
		size_t before = a->lanes_count;
		add_lane(a, kind);
		if (a->lanes_count == before)
			continue;
		hub_watch(s->hub, kind, &a->lanes[before]->watcher);
		add_kind(a, a->lanes[before]);
		http_wake(a->x);
	}
}

static void drop_lane(struct all *a, size_t i)
{
	struct lane *lane = a->lanes[i];
	/* The last of what happened: the kind itself went after its objects. */
	if (a->initial > i && lane->is_changed && send_events(a, lane, SIZE_MAX) < 0)
		a->has_lost = true;
	if (a->initial == i && a->has_snapshot) {
		index_fini(&a->index);
		a->has_snapshot = false;
	}
	hub_unwatch(a->server->hub, lane->kind, &lane->watcher);
	free(lane->resource);
	free(lane);
	memmove(a->lanes + i, a->lanes + i + 1, (a->lanes_count - i - 1) * sizeof(struct lane *));
	a->lanes_count--;
	a->initial -= a->initial > i;
	http_wake(a->x);
}

void watch_all_forget(struct server *s, size_t place)
{
	s->kind_gone_version = hub_version(s->hub);
	for (struct all *a = s->metadata_watches; a; a = a->next)
		for (size_t i = a->lanes_count; i-- > 0;)
			if (kind_place(a->lanes[i]->kind) == place)
				drop_lane(a, i);
}

static void begin(struct all *a, bool from_version)
{
	struct server *s = a->server;
	struct request *r = a->r;
	for (size_t place = 0; place < kinds_places(s->kinds); place++)
		add_lane(a, kinds_stored(s->kinds, place));
	for (size_t i = 0; i < a->lanes_count; i++) {
		struct lane *lane = a->lanes[i];
		if (from_version && !hub_events_after(s->hub, lane->kind, a->version, &lane->seq))
			lane->seq = 0; /* lost: 410 as the first event */
		hub_watch(s->hub, lane->kind, &lane->watcher);
		if (lane->kind->custom)
			add_kind(a, lane);
	}
	/* The last events of a kind that went since then went with it. */
	a->has_lost = from_version && a->version < s->kind_gone_version;
	a->is_begun = true;
	a->next = s->metadata_watches;
	if (a->next)
		a->next->prev = a;
	s->metadata_watches = a;
	a->initial = from_version ? a->lanes_count : 0;
	a->owes_mark = !from_version;
	a->timeout = loop_timer_new(s->loop, timed_out, a);
	a->again = loop_timer_new(s->loop, go_on, a);
	a->bookmark = loop_timer_new(s->loop, mark_time, a);
	loop_timer_set(a->timeout, a->timeout_s * 1000);
	loop_timer_set(a->bookmark, BOOKMARK_MS);
	a->x = r->x;
	a->r = NULL;
	reply_stream(r, 200, "application/json", &text_source_ops, &a->source);
}

static void begin_fresh(void *ctx, const struct error *err)
{
	struct all *a = ctx;
	struct failure f = { 0 };
	if (!err) {
		begin(a, false);
		return;
	}
	struct request *r = a->r;
	fail_unavailable(&f, "%s", err->text);
	all_free(a);
	reply_failure(r, &f);
}

void serve_watch_all(struct request *r)
{
	struct failure f = { 0 };
	struct error err;
	struct all *a = xcalloc(1, sizeof *a);
	*a = (struct all){ .server = r->server, .r = r };
	text_source_init(&a->source, refill, closed);
	bool has_version;
	if (r->target.verb != VERB_WATCH)
		fail_bad_request(&f, "this can only be watched: add ?watch=true");
	else if (query_int(&r->query, "timeoutSeconds", TIMEOUT_MAX_S, &a->timeout_s, &err) < 0)
		fail_bad_request(&f, "%s", err.text);
	else if (read_version(r, &has_version, &a->version, &f) == 0) {
		a->timeout_s = MAX(MIN(a->timeout_s, (int64_t)TIMEOUT_MAX_S), (int64_t)1);
		if (has_version && a->version)
			begin(a, true);
		else
			hub_when_fresh(r->server->hub, begin_fresh, a);
		return;
	}
	all_free(a);
	reply_failure(r, &f);
}
