/*
 * ResourceQuota: nothing is made beyond what a namespace may have. What is used is counted in the
 * cache at each attempt, and the write goes with a compare and a put of the namespace's own key
 * quota/NS: two that race for the last place cannot both have seen it free.
 *
 * A quota's status is kept by the server: a moment after anything counted has changed.
 */
#include "apiserver/change.h"
#include "apiserver/own_exchange.h"
#include "apiserver/quota.h"
#include "apiserver/quota_keep.h"
#include "common/base/jsonx.h"
#include "schemas/quantity.h"

#define MESSAGE_MAX   16384
#define HARD_MAX      128
#define SETTLE_MS     200  /* without a change, … */
#define SETTLE_MAX_MS 2000 /* … or with changes all the time */

static const struct schema_kind *quota_kind(void)
{
	return schema_kind_by_kind("", "v1", "ResourceQuota");
}

/* ---- counting ---- */

/* The resources that a quota bounds. */
struct tally {
	struct {
		const char *resource; /* in the quota's tree */
		int64_t hard, used, wanted;
	} at[HARD_MAX];
	size_t count;
	bool is_wanted; /* charges go to `wanted` */
	int sign;
};

static void tally_init(struct tally *t, const json_t *quota)
{
	const char *resource;
	json_t *v;
	*t = (struct tally){ .sign = 1 };
	json_object_foreach (json_dig(quota, "spec.hard"), resource, v) {
		if (t->count == HARD_MAX)
			break;
		t->at[t->count].resource = resource;
		t->at[t->count++].hard = quantity_milli(json_string_value(v));
	}
}

static void charge(void *ctx, const char *resource, int64_t milli)
{
	struct tally *t = ctx;
	for (size_t i = 0; i < t->count; i++)
		if (quota_same_resource(t->at[i].resource, resource))
			*(t->is_wanted ? &t->at[i].wanted : &t->at[i].used) += t->sign * milli;
}

/* Everything of the kind in the namespace but the object `but` (a key; NULL: all). */
static void count_kind(struct server *s, struct tally *t, const json_t *quota,
		       const struct schema_kind *kind, const char *ns, const char *but)
{
	auto_free char *prefix =
		xasprintf("o/%s/%s/%s/", *kind->group ? kind->group : "core", kind->resource, ns);
	const struct index *x = hub_index(s->hub, kind);
	struct index_cursor at = index_seek(x, prefix);
	for (struct object *o; (o = index_next(x, &at)) && starts_with(o->key, prefix);) {
		if (but && streq(o->key, but))
			continue;
		AUTO_JSON *tree = object_tree_unowned(o);
		if (quota_is_for(quota, kind, tree))
			quota_charges(kind, tree, charge, t);
	}
}

/* ---- admitting ---- */

static bool wants_more(const struct tally *t)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->at[i].wanted > 0)
			return true;
	return false;
}

static bool exceeds(const struct tally *t, size_t i)
{
	return t->at[i].wanted > 0 && t->at[i].used + t->at[i].wanted > t->at[i].hard;
}

static int by_resource(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;
	return strcmp(*x, *y);
}

static void print(const struct tally *t, int which, struct str *out)
{
	bool first = true;
	for (size_t i = 0; i < t->count; i++) {
		if (!exceeds(t, i))
			continue;
		int64_t used = t->at[i].used, wanted = t->at[i].wanted;
		str_addf(out, "%s%s=", first ? "" : ",", t->at[i].resource);
		quota_print(t->at[i].resource,
			    which == 0   ? wanted
			    : which == 1 ? used
					 : t->at[i].hard,
			    out);
		first = false;
	}
}

static int refuse(struct change *c, const json_t *quota, struct tally *t, struct failure *f)
{
	AUTO_STR wanted, used, hard;
	str_init(&wanted, MESSAGE_MAX);
	str_init(&used, MESSAGE_MAX);
	str_init(&hard, MESSAGE_MAX);
	qsort(t->at, t->count, sizeof t->at[0], by_resource);
	print(t, 0, &wanted);
	print(t, 1, &used);
	print(t, 2, &hard);
	return fail_forbidden(
		f, c->kind, c->name, "exceeded quota: %s, requested: %s, used: %s, limited: %s",
		json_str_or(quota, "metadata.name", ""), wanted.data, used.data, hard.data);
}

/* 0 or -1. Before any is counted: what must be said is asked for first, whichever quota asks. */
static int check_said(struct change *c, const json_t *quota, struct failure *f)
{
	AUTO_STR unsaid;
	str_init(&unsaid, MESSAGE_MAX);
	if (change_is_kind(c, "", "Pod") && c->is_create && quota_is_for(quota, c->kind, c->tree))
		quota_unsaid(quota, c->tree, &unsaid);
	return unsaid.len ? fail_forbidden(f, c->kind, c->name, "failed quota: %s: must specify %s",
					   json_str_or(quota, "metadata.name", ""), unsaid.data)
			  : 0;
}

/* 1: the quota bounds this write, which fits; 0: it does not; -1: refused. */
static int check_quota(struct change *c, const json_t *quota, struct failure *f)
{
	struct tally t;
	if (!quota_is_for(quota, c->kind, c->tree))
		return 0;
	tally_init(&t, quota);
	t.is_wanted = true;
	quota_charges(c->kind, c->tree, charge, &t);
	t.sign = -1;
	if (c->old_tree && quota_is_for(quota, c->kind, c->old_tree))
		quota_charges(c->kind, c->old_tree, charge, &t);
	if (!wants_more(&t))
		return 0;
	t.is_wanted = false;
	t.sign = 1;
	count_kind(c->server, &t, quota, c->kind, c->ns, NULL);
	for (size_t i = 0; i < t.count; i++)
		if (exceeds(&t, i))
			return refuse(c, quota, &t, f);
	return 1;
}

/* Asks `check` of each quota of the namespace: -1 where one refuses, else whether any said 1. */
static int each_quota(struct change *c,
		      int (*check)(struct change *, const json_t *, struct failure *),
		      struct failure *f)
{
	auto_free char *prefix = xasprintf("o/core/resourcequotas/%s/", c->ns);
	const struct index *x = hub_index(c->server->hub, quota_kind());
	struct index_cursor at = index_seek(x, prefix);
	int any = 0;
	for (struct object *o; (o = index_next(x, &at)) && starts_with(o->key, prefix);) {
		AUTO_JSON *quota = object_tree_unowned(o);
		int code = check(c, quota, f);
		if (code < 0)
			return -1;
		any = any || code > 0;
	}
	return any;
}

int admit_quota(struct change *c, struct failure *f)
{
	bool counts = c->kind->is_namespaced && (c->part == PART_MAIN || c->part == PART_RESIZE) &&
		      !streq(c->kind->kind, "Event");
	if (!counts || hub_index(c->server->hub, quota_kind())->count == 0)
		return 0;
	if (each_quota(c, check_said, f) < 0)
		return -1;
	int is_bounded = each_quota(c, check_quota, f);
	if (is_bounded < 0)
		return -1;
	if (is_bounded && !c->is_dry_run) {
		auto_free char *key = xasprintf("quota/%s", c->ns);
		change_guard_key(c, key);
		change_put_key(c, key, c->name);
	}
	return 0;
}

/* ---- keeping the status ---- */

struct quota_keeper {
	struct server *server;
	struct loop_timer *timer;
	int64_t latest_ms; /* by when, while the timer is set, it must be counted */
	struct quota_watch {
		struct hub_watcher watcher;
		struct quota_keeper *keeper;
		const struct schema_kind *kind;
	} * *watches;
	size_t watches_count;
};

static bool is_counted(const struct schema_kind *k)
{
	static const char *const noisy[] = { "events", "leases", "endpointslices" };
	for (size_t i = 0; i < ARRAY_LEN(noisy); i++)
		if (streq(noisy[i], k->resource))
			return false;
	return k->is_namespaced;
}

/* Sums for all kinds that any of the bounded resources is about. */
static json_t *status_of(struct server *s, const json_t *quota, const char *ns)
{
	struct tally t;
	json_t *used = json_object();
	tally_init(&t, quota);
	for (size_t place = 0; place < kinds_places(s->kinds); place++) {
		const struct schema_kind *kind = kinds_stored(s->kinds, place);
		if (kind && is_counted(kind))
			count_kind(s, &t, quota, kind, ns, NULL);
	}
	for (size_t i = 0; i < t.count; i++) {
		AUTO_STR text;
		str_init(&text, 64);
		quota_print(t.at[i].resource, t.at[i].used, &text);
		json_object_set_new(used, t.at[i].resource, json_string(text.data));
	}
	return json_pack("{s:O,s:o}", "hard", json_dig(quota, "spec.hard"), "used", used);
}

static void keep_one(struct quota_keeper *k, const struct object *o)
{
	AUTO_JSON *quota = object_tree_unowned(o);
	if (!json_object_size(json_dig(quota, "spec.hard")))
		return;
	AUTO_JSON *status = status_of(k->server, quota, o->ns);
	if (json_equal(status, json_object_get(quota, "status")))
		return;
	json_object_set(quota, "status", status);
	auto_free char *object = own_path(quota_kind(), o->ns, o->name);
	auto_free char *path = xasprintf("%s/status", object);
	own_request(k->server, "quota", "PUT", path, quota);
}

static void keep_all(void *ctx)
{
	struct quota_keeper *k = ctx;
	struct index quotas = index_snapshot(hub_index(k->server->hub, quota_kind()));
	struct index_cursor at = index_seek(&quotas, NULL);
	for (struct object *o; (o = index_next(&quotas, &at));)
		keep_one(k, o);
	index_fini(&quotas);
}

static void changed(struct hub_watcher *w)
{
	struct quota_keeper *k = CONTAINER_OF(w, struct quota_watch, watcher)->keeper;
	int64_t now_ms = loop_now_ms(k->server->loop);
	if (!hub_index(k->server->hub, quota_kind())->count)
		return;
	if (!loop_timer_is_set(k->timer))
		k->latest_ms = now_ms + SETTLE_MAX_MS;
	loop_timer_set(k->timer, MIN(SETTLE_MS, MAX(k->latest_ms - now_ms, 0)));
}

void quota_keeper_follow(struct quota_keeper *k, const struct schema_kind *kind)
{
	if (!kind || !is_counted(kind))
		return;
	for (size_t i = 0; i < k->watches_count; i++)
		if (kind_place(k->watches[i]->kind) == kind_place(kind))
			return;
	struct quota_watch *w = xcalloc(1, sizeof *w);
	*w = (struct quota_watch){ .watcher = { .changed = changed }, .keeper = k, .kind = kind };
	k->watches = xrealloc(k->watches, k->watches_count + 1, sizeof(struct quota_watch *));
	k->watches[k->watches_count++] = w;
	hub_watch(k->server->hub, kind, &w->watcher);
}

struct quota_keeper *quota_keeper_new(struct server *s)
{
	struct quota_keeper *k = xcalloc(1, sizeof *k);
	k->server = s;
	k->timer = loop_timer_new(s->loop, keep_all, k);
	for (size_t place = 0; place < kinds_places(s->kinds); place++)
		quota_keeper_follow(k, kinds_stored(s->kinds, place));
	return k;
}

void quota_keeper_free(struct quota_keeper *k)
{
	if (!k)
		return;
	for (size_t i = 0; i < k->watches_count; i++) {
		hub_unwatch(k->server->hub, k->watches[i]->kind, &k->watches[i]->watcher);
		free(k->watches[i]);
	}
	loop_timer_free(k->timer);
	free(k->watches);
	free(k);
}
