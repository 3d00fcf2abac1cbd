#include "apiserver/definitions.h"
#include "apiserver/definition_plan.h"
#include "apiserver/definitions_internal.h"
#include "apiserver/openapi_answer.h"
#include "apiserver/own_exchange.h"
#include "apiserver/quota_keep.h"
#include "apiserver/service_keep.h"
#include "apiserver/watch.h"
#include "common/base/jsonx.h"
#include "common/base/time_text.h"
#include "common/io/log.h"

#include <stdio.h>

#define GROUP "apiextensions.k8s.io"

struct wait {
	struct wait *next;
	void (*then)(void *ctx);
	void *ctx;
};

const struct schema_kind *definition_kind(void)
{
	return schema_kind_by_kind(GROUP, "v1", "CustomResourceDefinition");
}

/* ---- what is known of each ---- */

static void known_free(struct known *k)
{
	json_decref(k->accepted);
	free(k->group);
	free(k->plural);
	free(k->served);
	free(k);
}

/* What is served follows from this alone. */
static char *signature(const json_t *tree)
{
	AUTO_STR text;
	str_init(&text, 1 << 20);
	str_addf(&text, "%s %lld %d %d ", json_str_or(tree, "metadata.uid", ""),
		 (long long)json_int_or(tree, "metadata.generation", 0),
		 definition_is_established(tree),
		 json_dig(tree, "metadata.deletionTimestamp") != NULL);
	if (json_dig(tree, "status.acceptedNames"))
		json_print_sorted(json_dig(tree, "status.acceptedNames"), &text);
	return str_take(&text);
}

static struct known *note(struct definitions *d, const struct object *o)
{
	struct known *k = map_get(&d->known, o->name);
	if (!k) {
		k = xcalloc(1, sizeof *k);
		map_put(&d->known, o->name, k);
	}
	k->is_there = true;
	if (k->version == o->version)
		return k;
	AUTO_JSON *tree = object_tree_unowned(o);
	k->version = o->version;
	json_decref(k->accepted);
	k->accepted = json_incref(json_dig(tree, "status.acceptedNames"));
	free(k->group);
	free(k->plural);
	k->group = xstrdup(json_str_or(tree, "spec.group", ""));
	k->plural = xstrdup(json_str_or(tree, "spec.names.plural", ""));
	k->is_ending = definition_is_ending(tree);
	k->is_due = true; /* its status may have to follow */
	return k;
}

void definitions_taken(const struct definitions *d, const char *group, const char *but,
		       struct definition_names *names)
{
	const char *name;
	void *value;
	for (size_t i = 0; (i = map_next(&d->known, i, &name, &value)) != 0;) {
		const struct known *k = value;
		if (streq(k->group, group) && !streq(name, but))
			definition_names_add(names, k->accepted);
	}
}

/* ---- serving ---- */

static void changed_place(struct definitions *d, size_t place)
{
	struct server *s = d->server;
	if (place == SIZE_MAX)
		return;
	if (kinds_stored(s->kinds, place)) {
		hub_set_kind(s->hub, place);
		quota_keeper_follow(s->quotas, kinds_stored(s->kinds, place));
		watch_all_follow(s, kinds_stored(s->kinds, place));
	} else {
		watch_all_forget(s, place);
		hub_drop_kind(s->hub, place);
	}
	watch_end_gone(s);
	for (size_t i = 0; i < SNAPSHOTS_MAX; i++) {
		struct snapshot *x = &s->snapshots[i];
		if (x->kind && kind_place(x->kind) == place) {
			index_fini(&x->index);
			*x = (struct snapshot){ 0 };
		}
	}
	openapi_changed(s);
	service_keeper_follow(s->services);
}

/* False: workers look at what would change. */
static bool serve(struct definitions *d, struct known *k, const struct object *o)
{
	struct server *s = d->server;
	AUTO_JSON *tree = object_tree_unowned(o);
	auto_free char *now = signature(tree);
	AUTO(definition) *compiled = NULL;
	struct error err;
	if (k->served && streq(now, k->served))
		return true;
	if (!definition_is_established(tree)) {
		free(k->served);
		k->served = TAKE(now);
		return true;
	}
	if (definition_new(tree, &compiled, &err) < 0) {
		log_error("definitions", "not served", "name", o->name, "error", err.text);
	} else if (s->works && kinds_are_replaced(s->kinds, compiled)) {
		return false;
	} else {
		changed_place(d, kinds_set(s->kinds, TAKE(compiled)));
	}
	free(k->served);
	k->served = TAKE(now);
	return true;
}

/* Those that are gone. False: as above. */
static bool forget(struct definitions *d)
{
	const char *name;
	void *value;
	for (size_t i = 0; (i = map_next(&d->known, i, &name, &value)) != 0;) {
		struct known *k = value;
		if (k->is_there)
			continue;
		if (d->server->works)
			return false;
		changed_place(d, kinds_remove(d->server->kinds, k->group, k->plural));
		map_remove(&d->known, name);
		known_free(k);
		d->is_name_free = true;
	}
	return true;
}

static void wake(struct definitions *d)
{
	if (d->waits)
		loop_timer_set(d->waker, 0);
}

static void follow(struct definitions *d)
{
	struct hub *hub = d->server->hub;
	const struct index *x = hub_index(hub, definition_kind());
	const char *name;
	void *value;
	d->is_waiting = false;
	for (size_t i = 0; (i = map_next(&d->known, i, &name, &value)) != 0;)
		((struct known *)value)->is_there = false;
	struct index_cursor at = index_seek(x, NULL);
	for (struct object *o; (o = index_next(x, &at));)
		(void)note(d, o);
	at = index_seek(x, NULL);
	for (struct object *o; (o = index_next(x, &at));) {
		struct known *k = map_get(&d->known, o->name);
		if (k->looked_at == o->version)
			continue;
		if (serve(d, k, o))
			k->looked_at = o->version;
		else
			d->is_waiting = true;
	}
	if (!forget(d))
		d->is_waiting = true;
	if (!d->is_waiting)
		wake(d);
	loop_timer_set(d->keeper, 0);
}

static void changed(struct hub_watcher *w)
{
	follow(CONTAINER_OF(w, struct definitions, watcher));
}

bool definitions_wait(const struct definitions *d)
{
	return d && d->is_waiting;
}

void definitions_go_on(struct definitions *d)
{
	if (d && d->is_waiting)
		follow(d);
}

static void wake_all(void *ctx)
{
	struct definitions *d = ctx;
	if (d->is_waiting)
		return; /* they are woken once it is over */
	struct wait *list = TAKE(d->waits);
	while (list) {
		struct wait *w = list;
		list = w->next;
		w->then(w->ctx);
		free(w);
	}
}

void definitions_when_served(struct definitions *d, void (*then)(void *ctx), void *ctx)
{
	struct wait *w = xcalloc(1, sizeof *w);
	*w = (struct wait){ d->waits, then, ctx };
	d->waits = w;
	if (!d->is_waiting)
		wake(d);
}

struct definitions *definitions_new(struct server *s)
{
	struct definitions *d = xcalloc(1, sizeof *d);
	d->server = s;
	d->watcher.changed = changed;
	d->waker = loop_timer_new(s->loop, wake_all, d);
	d->keeper = loop_timer_new(s->loop, definitions_keep, d);
	hub_watch(s->hub, definition_kind(), &d->watcher);
	return d;
}

void definitions_free(struct definitions *d)
{
	const char *name;
	void *value;
	if (!d)
		return;
	hub_unwatch(d->server->hub, definition_kind(), &d->watcher);
	loop_timer_free(d->waker);
	loop_timer_free(d->keeper);
	for (size_t i = 0; (i = map_next(&d->known, i, &name, &value)) != 0;)
		known_free(value);
	map_fini(&d->known);
	while (d->waits) {
		struct wait *w = d->waits;
		d->waits = w->next;
		free(w);
	}
	free(d);
}
