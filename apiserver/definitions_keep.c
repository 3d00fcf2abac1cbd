/* What a server does about definitions: their status, and the end of their objects. */
#include "apiserver/definitions_internal.h"
#include "apiserver/own_exchange.h"
#include "common/base/jsonx.h"
#include "common/base/time_text.h"

#define AGAIN_MS 500 /* objects that are left are asked to go once more */

static struct object *definition_get(const struct definitions *d, const char *name)
{
	return hub_get(d->server->hub, definition_kind(), NULL, name);
}

/* ---- status ---- */

static void keep_status(struct definitions *d, const char *name, struct known *k)
{
	struct object *o = definition_get(d, name);
	if (!k->is_due || !o)
		return;
	k->is_due = false;
	struct definition_names taken = { 0 };
	AUTO_JSON *tree = object_tree(o);
	AUTO_JSON *wanted = json_deep_copy(tree);
	char now[TIME_TEXT_SIZE];
	server_now_text(d->server, now);
	definitions_taken(d, k->group, name, &taken);
	if (definition_plan(wanted, &taken, now)) {
		auto_free char *object = own_path(definition_kind(), "", name);
		auto_free char *path = xasprintf("%s/status", object);
		own_request(d->server, "definitions", "PUT", path, tree);
	}
	definition_names_fini(&taken);
}

/* ---- the end of its objects ---- */

static size_t objects_left(const struct definitions *d, const struct known *k)
{
	size_t place = kinds_place_of(d->server->kinds, k->group, k->plural);
	const struct schema_kind *kind =
		place == SIZE_MAX ? NULL : kinds_stored(d->server->kinds, place);
	return kind ? hub_index(d->server->hub, kind)->count : 0;
}

/* Once more on a fresh cache: nobody can have made one meanwhile, for that compares the definition
 * (change.c), which is known to be ending. */
struct last_look {
	struct definitions *d;
	char *name;
};

static void let_go(void *ctx, const struct error *err)
{
	struct last_look *l = ctx;
	struct definitions *d = l->d;
	struct known *k = map_get(&d->known, l->name);
	struct object *o = definition_get(d, l->name);
	if (k)
		k->is_asking = false;
	if (!err && k && o && k->is_ending && objects_left(d, k) == 0) {
		AUTO_JSON *tree = object_tree(o);
		json_t *list = json_dig(tree, "metadata.finalizers");
		for (size_t i = json_array_size(list); i-- > 0;) {
			const char *text = json_string_value(json_array_get(list, i));
			if (text && streq(text, DEFINITION_FINALIZER))
				json_array_remove(list, i);
		}
		auto_free char *path = own_path(definition_kind(), "", l->name);
		own_request(d->server, "definitions", "PUT", path, tree);
	}
	free(l->name);
	free(l);
}

static void delete_objects(struct definitions *d, const struct known *k)
{
	struct server *s = d->server;
	size_t place = kinds_place_of(s->kinds, k->group, k->plural);
	const struct schema_kind *kind = kinds_stored(s->kinds, place);
	struct index all = index_snapshot(hub_index(s->hub, kind));
	struct index_cursor at = index_seek(&all, NULL);
	const char *ns = NULL;
	AUTO_JSON *options = json_pack("{s:s,s:s}", "kind", "DeleteOptions", "apiVersion", "v1");
	for (struct object *o; (o = index_next(&all, &at));) {
		if (o->is_deleting || (ns && streq(ns, o->ns)))
			continue;
		ns = o->ns; /* in key order: each namespace once */
		auto_free char *path = own_path(kind, ns, NULL);
		own_request(s, "definitions", "DELETE", path, options);
	}
	index_fini(&all);
}

static void keep_ending(struct definitions *d, const char *name, struct known *k)
{
	int64_t now = loop_now_ms(d->server->loop);
	if (!k->is_ending || k->is_asking)
		return;
	if (objects_left(d, k) == 0) {
		struct last_look *l = xcalloc(1, sizeof *l);
		*l = (struct last_look){ d, xstrdup(name) };
		k->is_asking = true;
		hub_when_fresh(d->server->hub, let_go, l);
	} else if (now >= k->asked_ms + AGAIN_MS) {
		k->asked_ms = now;
		delete_objects(d, k);
	}
}

void definitions_keep(void *definitions)
{
	struct definitions *d = definitions;
	bool is_ending = false;
	const char **names =
		map_sorted_keys(&d->known); /* requests may bring no change in this turn */
	size_t count = d->known.count;
	for (size_t i = 0; i < count && d->is_name_free; i++)
		((struct known *)map_get(&d->known, names[i]))->is_due = true;
	d->is_name_free = false;
	for (size_t i = 0; i < count; i++) {
		struct known *k = map_get(&d->known, names[i]);
		keep_status(d, names[i], k);
		keep_ending(d, names[i], k);
		is_ending |= k->is_ending;
	}
	free(names);
	if (is_ending)
		loop_timer_set(d->keeper, AGAIN_MS / 5);
}

/* ---- writes of definitions ---- */

int admit_definition(struct change *c, struct failure *f)
{
	bool is_ours = change_is_kind(c, "apiextensions.k8s.io", "CustomResourceDefinition") &&
		       (c->part == PART_MAIN || c->part == PART_STATUS);
	(void)f;
	if (!is_ours)
		return 0;
	c->is_printed = false; /* the plan writes into the tree */
	struct definition_names taken = { 0 };
	const char *group = json_str_or(c->tree, "spec.group", "");
	definitions_taken(c->server->definitions, group, c->name, &taken);
	(void)definition_plan(c->tree, &taken, c->now); /* compared below, and as a whole */
	definition_names_fini(&taken);
	if (c->old_tree && definition_is_ending(c->old_tree) && !definition_is_ending(c->tree))
		definition_note_end(c->tree, c->now);
	const json_t *before = c->old_tree ? json_dig(c->old_tree, "status.acceptedNames") : NULL;
	bool names_change =
		!before || !json_equal(before, json_dig(c->tree, "status.acceptedNames"));
	if (names_change && !c->is_dry_run) {
		/* Two that ask for one name at once cannot both have seen it free. */
		auto_free char *key = xasprintf("names/%s", group);
		change_guard_key(c, key);
		change_put_key(c, key, c->name);
	}
	return 0;
}
