/* The tree, what its nodes have, and what happens to it. */
#include "common/plan/share_internal.h"

#include <math.h>

struct share_node share_node_plain(void)
{
	struct share_node n = { .weight = 1 };
	for (int r = 0; r < SHARE_RESOURCES_MAX; r++)
		n.limit.of[r] = SHARE_NO_LIMIT;
	return n;
}

static bool is_amount(int64_t n)
{
	return n >= 0 && n <= SHARE_AMOUNT_MAX;
}

static int check_amounts(const struct share_tree *t, const struct share_amounts *a,
			 struct error *err)
{
	for (uint32_t r = 0; r < t->resources; r++)
		if (!is_amount(a->of[r]))
			return error_set(err, ERR_INVALID, "resource %u: %lld is no amount", r,
					 (long long)a->of[r]);
	return 0;
}

static int check_node(const struct share_tree *t, const struct share_node *n, struct error *err)
{
	if (!(n->weight > 0 && n->weight <= 1e9))
		return error_set(err, ERR_INVALID, "a weight is above 0 and at most 1e9");
	if (check_amounts(t, &n->guarantee, err) < 0 || check_amounts(t, &n->reserved, err) < 0)
		return err->code;
	for (uint32_t r = 0; r < t->resources; r++) {
		if (n->limit.of[r] < 0)
			return error_set(err, ERR_INVALID, "resource %u: the limit is negative", r);
		if (n->reserved.of[r] > n->guarantee.of[r])
			return error_set(err, ERR_INVALID,
					 "resource %u: more is reserved than guaranteed", r);
		if (n->guarantee.of[r] > n->limit.of[r])
			return error_set(err, ERR_INVALID,
					 "resource %u: more is guaranteed than the limit allows",
					 r);
	}
	return 0;
}

/* Room for twice as much, the old contents kept. */
static void *grown(struct arena *a, const void *at, uint32_t count, uint32_t *size, size_t each)
{
	*size = *size ? 2 * *size : 64;
	void *wider = arena_alloc(a, *size, each);
	if (count > 0)
		memcpy(wider, at, count * each);
	return wider;
}

static uint32_t add_node(struct share_tree *t, uint32_t parent, const struct share_node *spec)
{
	if (t->count == t->size)
		t->nodes = grown(t->a, t->nodes, t->count, &t->size, sizeof *t->nodes);
	struct node *n = &t->nodes[t->count];
	*n = (struct node){ .spec = *spec,
			    .parent = parent,
			    .first_child = SHARE_NONE,
			    .last_child = SHARE_NONE,
			    .next = SHARE_NONE,
			    .newest = { SHARE_NONE, SHARE_NONE } };
	if (parent == SHARE_NONE)
		return t->count++;
	struct node *p = &t->nodes[parent];
	n->depth = p->depth + 1;
	if (p->first_child == SHARE_NONE)
		p->first_child = t->count;
	else
		t->nodes[p->last_child].next = t->count;
	p->last_child = t->count;
	return t->count++;
}

struct share_tree *share_tree_new(const struct share_settings *s, struct arena *a)
{
	struct share_tree *t = arena_alloc(a, 1, sizeof *t);
	struct share_node plain = share_node_plain();
	assert(s->resources > 0 && s->resources <= SHARE_RESOURCES_MAX);
	*t = (struct share_tree){ .a = a,
				  .resources = s->resources,
				  .reclaims_fairly = s->reclaims_fairly,
				  .free_task = SHARE_NONE };
	(void)add_node(t, SHARE_NONE, &plain);
	return t;
}

static void note_new(struct share_tree *t, uint32_t node)
{
	struct node *n = &t->nodes[node];
	n->is_dirty = true;
	n->is_limited = t->nodes[n->parent].is_limited;
	for (uint32_t r = 0; r < t->resources; r++) {
		n->is_limited |= n->spec.limit.of[r] != SHARE_NO_LIMIT;
		t->has_guarantees |= n->spec.guarantee.of[r] > 0;
		t->has_reservations |= n->spec.reserved.of[r] > 0;
	}
	/* A queue that becomes a pool counts anew. */
	for (uint32_t p = n->parent; p != SHARE_NONE; p = t->nodes[p].parent)
		t->nodes[p].is_dirty = true;
}

int share_add(struct share_tree *t, uint32_t parent, const struct share_node *node, uint32_t *ret,
	      struct error *err)
{
	t->is_judged = false;
	if (parent >= t->count)
		return error_set(err, ERR_INVALID, "there is no pool %u", parent);
	const uint32_t *newest = t->nodes[parent].newest;
	if (newest[0] != SHARE_NONE || newest[1] != SHARE_NONE || t->nodes[parent].has_head)
		return error_set(err, ERR_INVALID, "node %u is a queue in use", parent);
	if (t->nodes[parent].depth + 1 > SHARE_DEPTH_MAX)
		return error_set(err, ERR_LIMIT, "pools within pools are at most %d deep",
				 SHARE_DEPTH_MAX);
	if (t->count == SHARE_NODES_MAX)
		return error_set(err, ERR_LIMIT, "more than %d pools and queues", SHARE_NODES_MAX);
	if (check_node(t, node, err) < 0)
		return err->code;
	*ret = add_node(t, parent, node);
	note_new(t, *ret);
	return 0;
}

void share_all_dirty(struct share_tree *t)
{
	t->is_judged = false;
	for (uint32_t i = 0; i < t->count; i++)
		t->nodes[i].is_dirty = true;
}

/* What need not be looked at in a tree that has none of it. */
static void note_kinds(struct share_tree *t)
{
	t->has_guarantees = t->has_reservations = false;
	for (uint32_t i = 0; i < t->count; i++) {
		struct node *n = &t->nodes[i];
		n->is_limited = n->parent != SHARE_NONE && t->nodes[n->parent].is_limited;
		for (uint32_t r = 0; r < t->resources; r++) {
			n->is_limited |= n->spec.limit.of[r] != SHARE_NO_LIMIT;
			t->has_guarantees |= n->spec.guarantee.of[r] > 0;
			t->has_reservations |= n->spec.reserved.of[r] > 0;
		}
	}
	share_all_dirty(t);
}

/* ---- tasks ---- */

static uint32_t new_task(struct share_tree *t)
{
	uint32_t task = share_next_task(t);
	if (task < t->tasks_count) {
		t->free_task = t->tasks[task].older;
		return task;
	}
	if (t->tasks_count == t->tasks_size)
		t->tasks = grown(t->a, t->tasks, t->tasks_count, &t->tasks_size, sizeof *t->tasks);
	return t->tasks_count++;
}

uint32_t share_next_task(const struct share_tree *t)
{
	return t->free_task != SHARE_NONE ? t->free_task : t->tasks_count;
}

static void count_use(struct share_tree *t, uint32_t leaf, const struct share_amounts *a,
		      bool is_revocable, int sign)
{
	for (uint32_t n = leaf; n != SHARE_NONE; n = t->nodes[n].parent) {
		t->nodes[n].is_dirty = true;
		struct share_amounts *use =
			is_revocable ? &t->nodes[n].revocable : &t->nodes[n].used;
		for (uint32_t r = 0; r < t->resources; r++)
			use->of[r] += sign * a->of[r];
	}
}

static int apply_started(struct share_tree *t, const struct share_change *c, struct error *err)
{
	struct node *n = &t->nodes[c->node];
	if (!n->has_head || c->task != share_next_task(t))
		return error_set(err, ERR_INVALID, "queue %u was not asked to start task %u",
				 c->node, c->task);
	if (t->tasks_count == SHARE_TASKS_MAX && t->free_task == SHARE_NONE)
		return error_set(err, ERR_LIMIT, "more than %d tasks", SHARE_TASKS_MAX);
	uint32_t task = new_task(t);
	t->tasks[task] = (struct task){ .leaf = c->node,
					.amounts = n->head,
					.is_live = true,
					.is_revocable = c->is_revocable,
					.older = n->newest[c->is_revocable],
					.newer = SHARE_NONE };
	if (n->newest[c->is_revocable] != SHARE_NONE)
		t->tasks[n->newest[c->is_revocable]].newer = task;
	n->newest[c->is_revocable] = task;
	n->has_head = false;
	count_use(t, c->node, &t->tasks[task].amounts, c->is_revocable, 1);
	return 0;
}

static int apply_ended(struct share_tree *t, const struct share_change *c, struct error *err)
{
	if (c->task >= t->tasks_count || !t->tasks[c->task].is_live)
		return error_set(err, ERR_INVALID, "there is no task %u", c->task);
	struct task *k = &t->tasks[c->task];
	if (k->newer != SHARE_NONE)
		t->tasks[k->newer].older = k->older;
	else
		t->nodes[k->leaf].newest[k->is_revocable] = k->older;
	if (k->older != SHARE_NONE)
		t->tasks[k->older].newer = k->newer;
	count_use(t, k->leaf, &k->amounts, k->is_revocable, -1);
	*k = (struct task){ .older = t->free_task };
	t->free_task = c->task;
	return 0;
}

static int apply_head(struct share_tree *t, const struct share_change *c, struct error *err)
{
	struct node *n = &t->nodes[c->node];
	bool is_nothing = true;
	if (c->node == 0 || n->first_child != SHARE_NONE)
		return error_set(err, ERR_INVALID, "node %u is a pool: only queues start tasks",
				 c->node);
	if (c->has_head && check_amounts(t, &c->amounts, err) < 0)
		return err->code;
	for (uint32_t r = 0; r < t->resources; r++)
		is_nothing &= c->amounts.of[r] == 0;
	if (c->has_head && is_nothing)
		return error_set(err, ERR_INVALID, "a task that needs nothing");
	n->has_head = c->has_head;
	n->head = c->amounts;
	n->takes_revocable = c->takes_revocable;
	return 0;
}

int share_apply(struct share_tree *t, const struct share_change *c, struct error *err)
{
	bool names_node =
		c->kind == SHARE_NODE || c->kind == SHARE_HEAD || c->kind == SHARE_STARTED;
	if (names_node && c->node >= t->count)
		return error_set(err, ERR_INVALID, "there is no node %u", c->node);
	t->is_judged = false;
	switch (c->kind) {
	case SHARE_CAPACITY:
	case SHARE_REVOCABLE:
		if (check_amounts(t, &c->amounts, err) < 0)
			return err->code;
		*(c->kind == SHARE_CAPACITY ? &t->capacity : &t->slack) = c->amounts;
		share_all_dirty(t);
		return 0;
	case SHARE_NODE:
		if (check_node(t, &c->spec, err) < 0)
			return err->code;
		t->nodes[c->node].spec = c->spec;
		note_kinds(t);
		return 0;
	case SHARE_HEAD:
		return apply_head(t, c, err);
	case SHARE_STARTED:
		return apply_started(t, c, err);
	case SHARE_ENDED:
		return apply_ended(t, c, err);
	case SHARE_CHANGE_COUNT:
		break;
	}
	assert(false);
	return 0;
}

struct share_amounts share_used(const struct share_tree *t, uint32_t node)
{
	assert(node < t->count);
	return t->nodes[node].used;
}

uint32_t share_nodes_count(const struct share_tree *t)
{
	return t->count;
}
