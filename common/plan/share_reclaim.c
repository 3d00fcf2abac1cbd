/* Taking back: whose task is evicted so that another's head has room. */
#include "common/plan/share_internal.h"

#define VICTIMS_MAX 1024 /* for one head */
#define CLAIMS_MAX  8    /* tried at a time, of those that claim for fairness */

/* The children of the lowest common pool of two leaves, one above each. */
static void split(const struct share_tree *t, uint32_t x, uint32_t y, uint32_t *ret_x,
		  uint32_t *ret_y)
{
	while (t->nodes[x].depth > t->nodes[y].depth)
		x = t->nodes[x].parent;
	while (t->nodes[y].depth > t->nodes[x].depth)
		y = t->nodes[y].parent;
	while (t->nodes[x].parent != t->nodes[y].parent) {
		x = t->nodes[x].parent;
		y = t->nodes[y].parent;
	}
	*ret_x = x;
	*ret_y = y;
}

/* Would leaf x's head go before leaf y's, if both had room? */
static bool precedes(const struct share_tree *t, uint32_t x, uint32_t y)
{
	uint32_t a, b;
	split(t, x, y, &a, &b);
	bool first = share_has_guarantee(t, x), second = share_has_guarantee(t, y);
	if (first != second)
		return first;
	if (t->nodes[a].share != t->nodes[b].share)
		return t->nodes[a].share < t->nodes[b].share;
	return a < b;
}

/* ---- victims ---- */

static double share_with(const struct share_tree *t, uint32_t n, const struct share_amounts *more,
			 int sign)
{
	double amounts[SHARE_RESOURCES_MAX] = { 0 };
	for (uint32_t r = 0; r < t->resources; r++)
		amounts[r] = (double)(share_have(&t->nodes[n], r) + sign * more->of[r]);
	return share_dominant(t, amounts) / t->nodes[n].spec.weight;
}

struct search {
	uint32_t leaf;      /* whose head wants room */
	bool is_guaranteed; /* it does by a guarantee */
	bool lacks[SHARE_RESOURCES_MAX];
};

/* May this task go? Its side of the tree keeps its guarantee; and either the head's side is within its
 * own, or the head's side ends up with no more than the task's side is left with. */
static bool may_take(const struct share_tree *t, const struct search *s, uint32_t task)
{
	const struct task *k = &t->tasks[task];
	const struct share_amounts *head = &t->nodes[s->leaf].head;
	uint32_t a, b;
	split(t, s->leaf, k->leaf, &a, &b);
	for (uint32_t n = k->leaf; n != t->nodes[b].parent; n = t->nodes[n].parent)
		for (uint32_t r = 0; r < t->resources; r++)
			if (s->lacks[r] && k->amounts.of[r] > 0 &&
			    share_have(&t->nodes[n], r) - k->amounts.of[r] <
				    t->nodes[n].spec.guarantee.of[r])
				return false;
	if (s->is_guaranteed)
		return true;
	return t->reclaims_fairly && share_with(t, a, head, 1) <= share_with(t, b, &k->amounts, -1);
}

/* The newest task of a leaf that helps and was not taken yet. */
static uint32_t newest_useful(const struct share_tree *t, const struct search *s, uint32_t leaf)
{
	uint32_t task = t->nodes[leaf].newest[0];
	for (; task != SHARE_NONE; task = t->tasks[task].older) {
		bool helps = false;
		for (uint32_t r = 0; r < t->resources; r++)
			helps |= s->lacks[r] && t->tasks[task].amounts.of[r] > 0;
		if (helps && t->tasks[task].stamp != t->stamp)
			break;
	}
	return task;
}

/* From the side of the tree that has most, the queue that has most. */
static uint32_t find_victim(const struct share_tree *t, const struct search *s)
{
	static const struct share_amounts nothing = { { 0 } };
	uint32_t best = SHARE_NONE;
	double best_side = -1, best_own = -1;
	for (uint32_t i = 1; i < t->count; i++) {
		if (i == s->leaf || t->nodes[i].newest[0] == SHARE_NONE)
			continue;
		uint32_t task = newest_useful(t, s, i), a, b;
		if (task == SHARE_NONE || !may_take(t, s, task))
			continue;
		split(t, s->leaf, i, &a, &b);
		double side = share_with(t, b, &nothing, 1), own = share_with(t, i, &nothing, 1);
		if (side < best_side || (side == best_side && own <= best_own))
			continue;
		best = task;
		best_side = side;
		best_own = own;
	}
	return best;
}

static void find_lacks(const struct share_tree *t, struct search *s, bool *ret_any)
{
	*ret_any = false;
	for (uint32_t r = 0; r < t->resources; r++) {
		int64_t left = t->capacity.of[r] - share_have(&t->nodes[0], r) -
			       share_kept_from(t, s->leaf, r);
		int64_t want = t->nodes[s->leaf].head.of[r];
		s->lacks[r] = want > 0 && want > left;
		*ret_any |= s->lacks[r];
	}
}

/* ---- a set of victims, in thought ---- */

static void take_back(struct share_tree *t)
{
	for (uint32_t i = 0; i < t->count; i++) {
		struct node *n = &t->nodes[i];
		memset(n->taken, 0, sizeof n->taken);
		if (n->is_assumed)
			n->is_assumed = n->has_head = false;
	}
	share_all_dirty(t);
}

static void take(struct share_tree *t, uint32_t task)
{
	struct task *k = &t->tasks[task];
	struct node *leaf = &t->nodes[k->leaf];
	k->stamp = leaf->stamp = t->stamp;
	for (uint32_t n = k->leaf; n != SHARE_NONE; n = t->nodes[n].parent) {
		t->nodes[n].is_dirty = true;
		for (uint32_t r = 0; r < t->resources; r++)
			t->nodes[n].taken[r] += k->amounts.of[r];
	}
	/* What is evicted comes again, and must not be the next to start. */
	if (!leaf->has_head) {
		leaf->has_head = leaf->is_assumed = true;
		leaf->head = k->amounts;
	}
	t->is_judged = false;
}

/* Is the head still the one that goes first, while there is not yet room for it? */
static bool still_claims(const struct share_tree *t, uint32_t leaf)
{
	const struct node *root = &t->nodes[0];
	return !root->can_start || root->leaf == leaf || precedes(t, leaf, root->leaf);
}

/* There is room: would not one who just lost a task take it? */
static bool gets_room(const struct share_tree *t, uint32_t leaf)
{
	const struct node *root = &t->nodes[0];
	return root->can_start && (root->leaf == leaf || t->nodes[root->leaf].stamp != t->stamp);
}

/* The first of the tasks that make room for the head together; SHARE_NONE: there are none such. Only
 * when all are known, and nobody would come between, may the first go: else it would be evicted in
 * vain, again and again. */
static uint32_t first_of_victims(struct share_tree *t, uint32_t leaf)
{
	struct search s = { .leaf = leaf, .is_guaranteed = share_has_guarantee(t, leaf) };
	uint32_t first = SHARE_NONE, found = SHARE_NONE;
	bool lacks = true;
	t->stamp++;
	for (int n = 0; n < VICTIMS_MAX; n++) {
		share_judge(t);
		find_lacks(t, &s, &lacks);
		if (!lacks)
			found = gets_room(t, leaf) ? first : SHARE_NONE;
		if (!lacks || !still_claims(t, leaf))
			break;
		uint32_t task = find_victim(t, &s);
		if (task == SHARE_NONE)
			break;
		first = first == SHARE_NONE ? task : first;
		take(t, task);
	}
	take_back(t);
	share_judge(t);
	return found;
}

/* ---- claims ---- */

static bool may_claim(const struct share_tree *t, uint32_t leaf, uint32_t start)
{
	const struct node *n = &t->nodes[leaf];
	if (n->first_child != SHARE_NONE || n->is_tried ||
	    (n->block != SHARE_NO_CAPACITY && n->block != SHARE_RESERVED))
		return false;
	if (start != SHARE_NONE && !precedes(t, leaf, start))
		return false;
	return t->reclaims_fairly || share_has_guarantee(t, leaf);
}

uint32_t share_find_claim(struct share_tree *t, uint32_t start, uint32_t *ret_task,
			  bool *ret_is_guarantee)
{
	uint32_t fair_tries = 0;
	if (!t->has_guarantees && !t->reclaims_fairly)
		return SHARE_NONE;
	for (uint32_t i = 0; i < t->count; i++)
		t->nodes[i].is_tried = false;
	for (;;) {
		uint32_t best = SHARE_NONE;
		for (uint32_t i = 1; i < t->count; i++)
			if (may_claim(t, i, start) && (best == SHARE_NONE || precedes(t, i, best)))
				best = i;
		if (best == SHARE_NONE)
			return SHARE_NONE;
		bool is_guarantee = share_has_guarantee(t, best);
		if (!is_guarantee && ++fair_tries > CLAIMS_MAX)
			return SHARE_NONE;
		*ret_task = first_of_victims(t, best);
		*ret_is_guarantee = is_guarantee;
		if (*ret_task != SHARE_NONE)
			return best;
		t->nodes[best].is_tried = true;
	}
}
