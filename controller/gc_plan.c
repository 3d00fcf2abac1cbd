#include "controller/gc_plan.h"

#include "common/plan/order_plan.h"
#include "controller/facts.h"

#define FOREGROUND "foregroundDeletion"
#define ORPHAN     "orphan"

static void owners_free(struct gc_owner *owners, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(owners[i].uid);
		free(owners[i].api_version);
		free(owners[i].kind);
		free(owners[i].name);
	}
	free(owners);
}

static void node_free(struct gc_node *n)
{
	owners_free(n->owners, n->owners_count);
	map_fini(&n->dependents);
	free(n->uid);
	free(n->ns);
	free(n->name);
	free(n);
}

void gc_graph_fini(struct gc_graph *g)
{
	const char *uid;
	void *node;
	for (size_t i = 0; (i = map_next(&g->nodes, i, &uid, &node)) != 0;)
		node_free(node);
	map_fini(&g->nodes);
	map_fini(&g->absent);
}

static struct gc_node *node_for(struct gc_graph *g, const char *uid)
{
	struct gc_node *n = map_get(&g->nodes, uid);
	if (n)
		return n;
	n = xcalloc(1, sizeof *n);
	n->uid = xstrdup(uid);
	(void)map_put(&g->nodes, uid, n); /* was absent */
	return n;
}

/* A node that is neither an object nor named by one is forgotten. */
static void drop_if_unused(struct gc_graph *g, struct gc_node *n)
{
	if (n->kind || n->dependents.count > 0)
		return;
	(void)map_remove(&g->nodes, n->uid); /* it is n */
	node_free(n);
}

static void unlink_owners(struct gc_graph *g, struct gc_node *n)
{
	for (size_t i = 0; i < n->owners_count; i++) {
		struct gc_node *owner = map_get(&g->nodes, n->owners[i].uid);
		if (!owner)
			continue;
		(void)map_remove(&owner->dependents, n->uid); /* it is n */
		if (owner != n)
			drop_if_unused(g, owner);
	}
	owners_free(n->owners, n->owners_count);
	n->owners = NULL;
	n->owners_count = 0;
}

static bool has_owners_of(const struct gc_node *n, const json_t *references)
{
	if (json_array_size(references) != n->owners_count)
		return false;
	for (size_t i = 0; i < n->owners_count; i++) {
		const json_t *r = json_array_get(references, i);
		if (!streq(n->owners[i].uid, json_str_or(r, "uid", "")) ||
		    n->owners[i].blocks != json_bool_or(r, "blockOwnerDeletion", false))
			return false;
	}
	return true;
}

static void link_owners(struct gc_graph *g, struct gc_node *n, const json_t *references)
{
	size_t count = MIN(json_array_size(references), (size_t)GC_OWNERS_MAX);
	n->owners = xcalloc(count + 1, sizeof *n->owners);
	for (size_t i = 0; i < count; i++) {
		const json_t *r = json_array_get(references, i);
		n->owners[n->owners_count++] = (struct gc_owner){
			.uid = xstrdup(json_str_or(r, "uid", "")),
			.api_version = xstrdup(json_str_or(r, "apiVersion", "")),
			.kind = xstrdup(json_str_or(r, "kind", "")),
			.name = xstrdup(json_str_or(r, "name", "")),
			.blocks = json_bool_or(r, "blockOwnerDeletion", false),
		};
		struct gc_node *owner = node_for(g, json_str_or(r, "uid", ""));
		(void)map_put(&owner->dependents, n->uid, n); /* a set */
	}
}

bool gc_graph_put(struct gc_graph *g, const struct gc_kind *kind, const json_t *object)
{
	struct gc_node *n = node_for(g, uid_of(object));
	const json_t *references = json_dig(object, "metadata.ownerReferences");
	const struct gc_node before = *n;
	bool is_new = !n->kind;
	if (is_new) {
		n->kind = kind;
		n->ns = xstrdup(namespace_of(object));
		n->name = xstrdup(name_of(object));
		(void)map_remove(&g->absent, n->uid); /* it is there after all */
	}
	n->is_deleting = pod_is_terminating(object);
	n->waits_for_dependents = n->is_deleting && has_finalizer(object, FOREGROUND);
	n->orphans_dependents = n->is_deleting && has_finalizer(object, ORPHAN);
	n->is_held = n->is_deleting && has_finalizer(object, ORDER_FINALIZER);
	bool has_same_owners = has_owners_of(n, references);
	if (!has_same_owners) {
		unlink_owners(g, n);
		link_owners(g, n, references);
	}
	return is_new || !has_same_owners || before.is_deleting != n->is_deleting ||
	       before.waits_for_dependents != n->waits_for_dependents ||
	       before.orphans_dependents != n->orphans_dependents || before.is_held != n->is_held;
}

void gc_graph_remove(struct gc_graph *g, const char *uid)
{
	struct gc_node *n = map_get(&g->nodes, uid);
	if (!n || !n->kind)
		return;
	unlink_owners(g, n);
	n->kind = NULL;
	free(n->ns);
	free(n->name);
	n->ns = n->name = NULL;
	n->is_deleting = n->waits_for_dependents = n->orphans_dependents = n->is_held = false;
	gc_graph_set_absent(g, uid);
	drop_if_unused(g, n);
}

const struct gc_node *gc_graph_get(const struct gc_graph *g, const char *uid)
{
	return map_get(&g->nodes, uid);
}

void gc_graph_set_absent(struct gc_graph *g, const char *uid)
{
	if (g->absent.count >= GC_ABSENT_MAX) {
		map_fini(&g->absent);
		g->absent = (struct map){ 0 };
	}
	(void)map_put(&g->absent, uid, g); /* a set */
}

/* ---- the plan ---- */

static bool has_blockers(const struct gc_node *n)
{
	const char *uid;
	void *value;
	for (size_t i = 0; (i = map_next(&n->dependents, i, &uid, &value)) != 0;) {
		const struct gc_node *d = value;
		for (size_t k = 0; k < d->owners_count; k++)
			if (d->owners[k].blocks && streq(d->owners[k].uid, n->uid))
				return true;
	}
	return false;
}

static void plan_foreground(struct gc_plan *plan, const struct gc_node *n)
{
	if (n->is_held)
		return; /* the stop order lets go of it first */
	plan->verb = has_blockers(n) ? GC_WAKE_DEPENDENTS : GC_DROP_FOREGROUND;
	plan->why = "foreground deletion";
}

/* Owner and dependent are in one namespace, or the owner is in none. */
static bool can_own(const struct gc_node *owner, const struct gc_node *n)
{
	return owner->ns[0] == '\0' || streq(owner->ns, n->ns);
}

struct tally {
	size_t solid, gone, waiting, unknown, first_unknown;
};

static struct tally tally_owners(struct gc_plan *plan, const struct gc_graph *g,
				 const struct gc_node *n)
{
	struct tally t = { 0 };
	for (size_t i = 0; i < n->owners_count; i++) {
		const struct gc_node *owner = map_get(&g->nodes, n->owners[i].uid);
		bool is_there = owner && owner->kind && can_own(owner, n);
		if (is_there && owner->waits_for_dependents && n->owners[i].blocks &&
		    !owner->is_held) {
			t.waiting++;
			plan->drops[i] = true;
		} else if (is_there) {
			t.solid++;
		} else if ((owner && owner->kind) || map_has(&g->absent, n->owners[i].uid)) {
			t.gone++;
			plan->drops[i] = true;
		} else {
			t.first_unknown = t.unknown++ == 0 ? i : t.first_unknown;
		}
	}
	return t;
}

void gc_plan_make(struct gc_plan *plan, const struct gc_graph *g, const struct gc_node *n)
{
	*plan = (struct gc_plan){ .verb = GC_NOTHING, .policy = "Background", .why = "" };
	if (!n->kind)
		return;
	if (n->orphans_dependents && !n->is_held) {
		plan->verb = GC_ORPHAN;
		plan->why = "orphan";
		return;
	}
	if (n->waits_for_dependents) {
		plan_foreground(plan, n);
		return;
	}
	if (n->is_deleting || n->owners_count == 0)
		return;
	struct tally t = tally_owners(plan, g, n);
	if (t.unknown > 0) {
		plan->verb = GC_VERIFY;
		plan->owner = t.first_unknown;
	} else if (t.solid > 0) {
		plan->verb = t.gone + t.waiting > 0 ? GC_DROP_OWNERS : GC_NOTHING;
		plan->why = "another owner remains";
	} else {
		plan->verb = GC_DELETE;
		/* Its own dependents go before it where somebody waits for that. */
		plan->policy =
			t.waiting > 0 && n->dependents.count > 0 ? "Foreground" : "Background";
		plan->why = "its owners are gone";
	}
}
