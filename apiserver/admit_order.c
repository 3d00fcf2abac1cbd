/*
 * Dependency order at admission: the annotation must be readable, and nobody may close a
 * cycle. A write that may add edges compares and puts graph/<namespace>, so two writers that
 * race cannot make a cycle together. Only objects with the annotation can be on a cycle, so
 * only they are looked into.
 */
#include "apiserver/change.h"
#include "common/base/jsonx.h"
#include "common/plan/order_plan.h"

#include <stdio.h>

struct trees {
	json_t **at;
	size_t count;
};

static void trees_fini(struct trees *t)
{
	for (size_t i = 0; i < t->count; i++)
		json_decref(t->at[i]);
	free(t->at);
}

static void trees_add(struct trees *t, json_t *take_tree)
{
	t->at = xrealloc(t->at, t->count + 1, sizeof(json_t *));
	t->at[t->count++] = take_tree;
}

static const char *depends_text(const json_t *tree)
{
	const char *text =
		json_member_str(json_dig(tree, "metadata.annotations"), ORDER_DEPENDS_ON);
	return text ? text : "";
}

/* Every other object of the namespace that counts. `skip`: the key of the one being written. */
static void add_others(struct change *c, const struct order_kind *k, const char *skip,
		       struct order_graph *g, struct trees *keep)
{
	const struct schema_kind *kind = schema_kind_by_kind(k->group, k->version, k->kind);
	bool is_service = streq(k->kind, "Service");
	if (!kind)
		return;
	auto_free char *prefix = object_key(kind, c->ns, "");
	const struct index *x = hub_index(c->server->hub, kind);
	struct index_cursor at = index_seek(x, prefix);
	struct object *o;
	while ((o = index_next(x, &at)) && starts_with(o->key, prefix)) {
		if (streq(o->key, skip) || o->is_deleting || (!is_service && !o->has_order))
			continue;
		json_t *tree = object_tree(o);
		trees_add(keep, tree);
		bool owned = json_array_size(json_dig(tree, "metadata.ownerReferences")) > 0;
		if (!owned)
			(void)order_add_object(g, k->kind, tree);
	}
}

/* The graph of the namespace, with the object as it will be, or (as_new false) without it. */
static struct order_graph *graph_of(struct change *c, bool as_new, size_t *ret_node,
				    struct trees *keep)
{
	struct order_graph *g = order_graph_new();
	*ret_node = ORDER_NONE;
	if (as_new)
		*ret_node = order_add_object(g, c->kind->kind, c->tree);
	for (size_t i = 0; i < order_kinds_count; i++)
		add_others(c, &order_kinds[i], c->key, g, keep);
	order_link(g);
	return g;
}

static int refuse_cycle(struct change *c, const struct order_graph *g, size_t node,
			const char *field, struct failure *f)
{
	AUTO_STR text;
	str_init(&text, 65536);
	if (!order_cycle_advice(g, node, &text))
		return 0;
	return fail_field(f, c->kind, c->name, FIELD_FORBIDDEN, field, NULL, text.data);
}

/* What an older version let in may stay; a controller could not put a finalizer on it else. */
static bool annotations_change(const struct change *c)
{
	static const char *const names[] = { ORDER_DEPENDS_ON, ORDER_ORDER_UPDATES,
					     ORDER_RESTART_WITH, ORDER_ON_LOST };
	const json_t *now = json_dig(c->tree, "metadata.annotations");
	const json_t *before = json_dig(c->old_tree, "metadata.annotations");
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *a = json_member_str(now, names[i]);
		const char *b = json_member_str(before, names[i]);
		if ((a || b) && !(a && b && streq(a, b)))
			return true;
	}
	return false;
}

/* Of pods that somebody controls, the controller answers for what the template said. */
static int check_annotations(struct change *c, const struct order_kind *k, struct failure *f)
{
	const char *annotation;
	struct error err;
	char field[96];
	bool owned = json_array_size(json_dig(c->tree, "metadata.ownerReferences")) > 0;
	if (owned || !annotations_change(c) || order_check(k, c->tree, &annotation, &err) == 0)
		return 0;
	int n = snprintf(field, sizeof field, "metadata.annotations[%s]", annotation);
	assert(n > 0);
	return fail_field(f, c->kind, c->name, FIELD_INVALID, field,
			  json_member_str(json_dig(c->tree, "metadata.annotations"), annotation),
			  err.text);
}

static bool changes_edges(const struct change *c, const struct order_kind *k)
{
	const char *path = k->pod_labels ? k->pod_labels : "spec.selector";
	if (c->is_create)
		return true;
	if (!streq(depends_text(c->tree), depends_text(c->old_tree)))
		return true;
	const json_t *now = json_dig(c->tree, path), *before = json_dig(c->old_tree, path);
	return (now || before) && !(now && before && json_equal(now, before));
}

/* Whether any workload of the namespace waits for a Service. */
static bool service_edges(const struct order_graph *g)
{
	for (size_t i = 0; i < g->nodes_count; i++)
		for (size_t k = 0; k < g->nodes[i].depends.count; k++) {
			const char *kind = g->nodes[i].depends.at[k].kind;
			if (kind && streq(kind, "Service"))
				return true;
		}
	return false;
}

/* Whether anything of the namespace says what it depends on: told without reading an object. */
static bool has_order(const struct change *c)
{
	for (size_t i = 0; i < order_kinds_count; i++) {
		const struct order_kind *k = &order_kinds[i];
		const struct schema_kind *kind = schema_kind_by_kind(k->group, k->version, k->kind);
		if (!kind || !hub_has_order(c->server->hub, kind))
			continue;
		auto_free char *prefix = object_key(kind, c->ns, "");
		const struct index *x = hub_index(c->server->hub, kind);
		struct index_cursor at = index_seek(x, prefix);
		const struct object *o;
		while ((o = index_next(x, &at)) && starts_with(o->key, prefix))
			if (o->has_order)
				return true;
	}
	return false;
}

static int check_service(struct change *c, const char *key, struct failure *f)
{
	if (!has_order(c))
		return 0;
	struct trees keep = { 0 };
	size_t node;
	AUTO(order_graph) *without = graph_of(c, false, &node, &keep);
	int code = 0;
	if (service_edges(without)) {
		AUTO(order_graph) *with = graph_of(c, true, &node, &keep);
		AUTO_STR text;
		str_init(&text, 65536);
		change_guard_key(c, key);
		change_put_key(c, key, c->name);
		if (!order_cycle_text(without, ORDER_NONE, &text))
			code = refuse_cycle(c, with, ORDER_NONE, "spec.selector", f);
	}
	trees_fini(&keep);
	return code;
}

static int check_workload(struct change *c, const char *key, struct failure *f)
{
	char field[96];
	int n = snprintf(field, sizeof field, "metadata.annotations[%s]", ORDER_DEPENDS_ON);
	assert(n > 0);
	struct trees keep = { 0 };
	size_t node;
	AUTO(order_graph) *g = graph_of(c, true, &node, &keep);
	change_guard_key(c, key);
	change_put_key(c, key, c->name);
	int code = node == ORDER_NONE ? 0 : refuse_cycle(c, g, node, field, f);
	trees_fini(&keep);
	return code;
}

int admit_order(struct change *c, struct failure *f)
{
	const struct order_kind *k = order_kind_find(c->kind->kind);
	if (!k || !streq(k->group, c->kind->group))
		return 0;
	if (check_annotations(c, k, f) < 0)
		return -1;
	if (!changes_edges(c, k))
		return 0;
	auto_free char *key = xasprintf("graph/%s", c->ns);
	if (!k->pod_labels)
		return check_service(c, key, f);
	bool owned = json_array_size(json_dig(c->tree, "metadata.ownerReferences")) > 0;
	return owned || !*depends_text(c->tree) ? 0 : check_workload(c, key, f);
}

/* ---- deletion: name the living who depend on it ---- */

static void warn_of(struct request *r, const struct order_kind *k, const struct object *o,
		    const char *kind_name)
{
	const struct schema_kind *kind = schema_kind_by_kind(k->group, k->version, k->kind);
	if (!kind || !k->pod_labels || !hub_has_order(r->server->hub, kind))
		return;
	auto_free char *prefix = object_key(kind, o->ns, "");
	const struct index *x = hub_index(r->server->hub, kind);
	struct index_cursor at = index_seek(x, prefix);
	struct object *other;
	while ((other = index_next(x, &at)) && starts_with(other->key, prefix)) {
		if (other == o || other->is_deleting || !other->has_order)
			continue;
		AUTO_JSON *tree = object_tree(other);
		AUTO_ORDER_LIST list = { 0 };
		struct error err;
		if (order_parse(depends_text(tree), &list, &err) < 0)
			continue;
		for (size_t i = 0; i < list.count; i++)
			if (streq(list.at[i].name, o->name) &&
			    (!list.at[i].kind || streq(list.at[i].kind, kind_name)))
				request_warn(r, "%s/%s depends on %s/%s and stays", k->kind,
					     other->name, kind_name, o->name);
	}
}

void admit_order_deleted(struct request *r, const struct object *o)
{
	const struct order_kind *k = order_kind_find(o->kind->kind);
	if (!k || !streq(k->group, o->kind->group))
		return;
	for (size_t i = 0; i < order_kinds_count; i++)
		warn_of(r, &order_kinds[i], o, k->kind);
}
