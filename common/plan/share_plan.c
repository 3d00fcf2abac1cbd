#include "common/plan/share_plan.h"

#include "common/plan/share_internal.h"

#include <math.h>

static const char *const block_texts[SHARE_BLOCK_COUNT] = {
	[SHARE_FITS] = "it is about to start, or others with a lower share go first",
	[SHARE_NO_HEAD] = "nothing of it waits",
	[SHARE_AT_LIMIT] = "it, or a pool above it, is at its limit",
	[SHARE_NO_CAPACITY] = "no capacity is free for it",
	[SHARE_RESERVED] = "what is free is reserved for others",
	[SHARE_TOO_LARGE] = "it needs more than there is at all",
};

/* ---- what fits ---- */

static bool is_within_limits(const struct share_tree *t, uint32_t leaf)
{
	const struct share_amounts *head = &t->nodes[leaf].head;
	for (uint32_t n = leaf; n != SHARE_NONE; n = t->nodes[n].parent)
		for (uint32_t r = 0; r < t->resources; r++)
			if (head->of[r] > 0 && share_have(&t->nodes[n], r) >
						       t->nodes[n].spec.limit.of[r] - head->of[r])
				return false;
	return true;
}

/* All that is kept from a leaf by those that are not above it. */
int64_t share_kept_from(const struct share_tree *t, uint32_t leaf, uint32_t r)
{
	int64_t sum = 0;
	for (uint32_t n = leaf; t->nodes[n].parent != SHARE_NONE; n = t->nodes[n].parent) {
		uint32_t p = t->nodes[n].parent;
		sum += t->nodes[p].kept_below[r] - t->nodes[n].kept[r];
	}
	return sum;
}

static enum share_block judge_leaf(const struct share_tree *t, uint32_t leaf)
{
	const struct node *n = &t->nodes[leaf];
	enum share_block worst = SHARE_FITS;
	if (!n->has_head)
		return SHARE_NO_HEAD;
	if (n->is_limited && !is_within_limits(t, leaf))
		return SHARE_AT_LIMIT;
	for (uint32_t r = 0; r < t->resources; r++) {
		int64_t left = t->capacity.of[r] - share_have(&t->nodes[0], r),
			want = n->head.of[r];
		if (want == 0)
			continue;
		if (want > t->capacity.of[r])
			return SHARE_TOO_LARGE;
		if (want > left)
			worst = SHARE_NO_CAPACITY;
		else if (t->has_reservations && worst == SHARE_FITS &&
			 want > left - share_kept_from(t, leaf, r))
			worst = SHARE_RESERVED;
	}
	return worst;
}

bool share_is_guaranteed(const struct share_tree *t, uint32_t n, const struct share_amounts *head)
{
	const struct node *of = &t->nodes[n];
	for (uint32_t r = 0; r < t->resources; r++)
		if (head->of[r] > 0 && share_have(of, r) > of->spec.guarantee.of[r] - head->of[r])
			return false;
	return true;
}

bool share_has_guarantee(const struct share_tree *t, uint32_t leaf)
{
	for (uint32_t n = leaf; t->has_guarantees && n != 0; n = t->nodes[n].parent)
		if (share_is_guaranteed(t, n, &t->nodes[leaf].head))
			return true;
	return false;
}

/* ---- shares ---- */

static double part_of(const struct share_tree *t, double amount, uint32_t r)
{
	/* What there is nothing of is had in full by who has any. */
	return t->capacity.of[r] > 0 ? amount / (double)t->capacity.of[r] : amount > 0 ? 1e18 : 0;
}

double share_dominant(const struct share_tree *t, const double *amounts)
{
	double most = 0;
	for (uint32_t r = 0; r < t->resources; r++)
		most = MAX(most, part_of(t, amounts[r], r));
	return most;
}

static bool goes_before(const struct node *a, const struct node *b)
{
	if (a->is_guaranteed != b->is_guaranteed)
		return a->is_guaranteed;
	return a->share < b->share;
}

/* The child that is next, and the least share of those that can start something. */
static double choose_child(struct share_tree *t, struct node *n)
{
	double least = INFINITY;
	n->best = SHARE_NONE;
	for (uint32_t c = n->first_child; c != SHARE_NONE; c = t->nodes[c].next) {
		const struct node *child = &t->nodes[c];
		if (!child->can_start)
			continue;
		least = MIN(least, child->share);
		/* Among equals the first stays. */
		if (n->best == SHARE_NONE || goes_before(child, &t->nodes[n->best]))
			n->best = c;
	}
	n->can_start = n->best != SHARE_NONE;
	n->leaf = n->can_start ? t->nodes[n->best].leaf : SHARE_NONE;
	return least;
}

/* A pool from its children, which were judged before it. */
static void judge_pool(struct share_tree *t, uint32_t p)
{
	struct node *n = &t->nodes[p];
	double least = choose_child(t, n);
	if (!n->is_dirty && least == n->least)
		return;
	memset(n->scaled, 0, sizeof n->scaled);
	for (uint32_t c = n->first_child; c != SHARE_NONE; c = t->nodes[c].next) {
		const struct node *child = &t->nodes[c];
		double factor = child->share > least ? least / child->share : 1;
		for (uint32_t r = 0; r < t->resources; r++)
			n->scaled[r] += child->scaled[r] * factor;
	}
	n->share = share_dominant(t, n->scaled) / n->spec.weight;
	n->least = least;
	n->is_dirty = false;
	/* Nobody asks for the root's share to decide; but its parent's is made of a pool's. */
	if (n->parent != SHARE_NONE)
		t->nodes[n->parent].is_dirty = true;
}

/* What reservations keep: a node's own, or its children's where they reserve more. Parents have lower
 * numbers than their children. */
static void judge_kept(struct share_tree *t)
{
	for (uint32_t i = 0; i < t->count; i++)
		memset(t->nodes[i].kept_below, 0, sizeof t->nodes[i].kept_below);
	for (uint32_t i = t->count; i-- > 0;) {
		struct node *n = &t->nodes[i];
		for (uint32_t r = 0; r < t->resources; r++) {
			n->kept[r] =
				MAX(n->kept_below[r], n->spec.reserved.of[r] - share_have(n, r));
			if (n->parent != SHARE_NONE)
				t->nodes[n->parent].kept_below[r] += n->kept[r];
		}
	}
}

static void judge_own(struct share_tree *t, uint32_t leaf)
{
	struct node *n = &t->nodes[leaf];
	n->block = judge_leaf(t, leaf);
	n->can_start = n->block == SHARE_FITS;
	n->leaf = leaf;
	if (!n->is_dirty)
		return;
	for (uint32_t r = 0; r < t->resources; r++)
		n->scaled[r] = (double)share_have(n, r);
	n->share = share_dominant(t, n->scaled) / n->spec.weight;
	n->is_dirty = false;
}

/* Parents have lower numbers than their children. The root comes last, and only chooses. */
void share_judge(struct share_tree *t)
{
	if (t->is_judged)
		return;
	if (t->has_reservations)
		judge_kept(t);
	for (uint32_t i = t->count; i-- > 1;) {
		struct node *n = &t->nodes[i];
		if (n->first_child != SHARE_NONE)
			judge_pool(t, i);
		else
			judge_own(t, i);
		n->is_guaranteed = n->can_start && share_has_guarantee(t, n->leaf);
	}
	(void)choose_child(t, &t->nodes[0]); /* what the root has in all is nobody's share */
	t->is_judged = true;
}

/* ---- capacity that may be revoked ---- */

/* The queue that has most of it by weight and holds some of resource r. */
static bool most_revocable(const struct share_tree *t, uint32_t r, uint32_t *ret_task)
{
	double most = -1;
	for (uint32_t i = 1; i < t->count; i++) {
		const struct node *n = &t->nodes[i];
		double share = (double)n->revocable.of[r] / n->spec.weight;
		uint32_t task = n->newest[1];
		while (task != SHARE_NONE && t->tasks[task].amounts.of[r] == 0)
			task = t->tasks[task].older;
		if (task == SHARE_NONE || share <= most)
			continue;
		most = share;
		*ret_task = task;
	}
	return most >= 0;
}

static bool find_revoked(const struct share_tree *t, uint32_t *ret_task)
{
	for (uint32_t r = 0; r < t->resources; r++)
		if (t->nodes[0].revocable.of[r] > t->slack.of[r])
			return most_revocable(t, r, ret_task);
	return false;
}

static bool fits_slack(const struct share_tree *t, const struct node *n)
{
	for (uint32_t r = 0; r < t->resources; r++)
		if (n->head.of[r] > 0 &&
		    n->head.of[r] > t->slack.of[r] - t->nodes[0].revocable.of[r])
			return false;
	return true;
}

/* Of those that take it, the queue with the least of it. */
static uint32_t next_revocable(const struct share_tree *t)
{
	uint32_t best = SHARE_NONE;
	double least = INFINITY;
	for (uint32_t i = 1; i < t->count; i++) {
		const struct node *n = &t->nodes[i];
		bool waits = n->has_head && n->takes_revocable && !n->can_start;
		if (!waits || !fits_slack(t, n))
			continue;
		double most = 0;
		for (uint32_t r = 0; r < t->resources; r++)
			if (t->slack.of[r] > 0)
				most = MAX(most,
					   (double)n->revocable.of[r] / (double)t->slack.of[r]);
		if (most / n->spec.weight >= least)
			continue;
		least = most / n->spec.weight;
		best = i;
	}
	return best;
}

/* ---- what to do ---- */

static struct share_action start(const struct share_tree *t, uint32_t leaf, bool is_revocable,
				 const char *why)
{
	return (struct share_action){ .kind = SHARE_START,
				      .node = leaf,
				      .task = share_next_task(t),
				      .for_node = SHARE_NONE,
				      .is_revocable = is_revocable,
				      .why = why };
}

static struct share_action evict(const struct share_tree *t, enum share_action_kind kind,
				 uint32_t task, uint32_t for_node, const char *why)
{
	return (struct share_action){ .kind = kind,
				      .node = t->tasks[task].leaf,
				      .task = task,
				      .for_node = for_node,
				      .is_revocable = t->tasks[task].is_revocable,
				      .why = why };
}

struct share_action share_next(struct share_tree *t)
{
	uint32_t task, leaf;
	share_judge(t);
	if (find_revoked(t, &task))
		return evict(t, SHARE_REVOKE, task, SHARE_NONE, "there is less capacity to lend");
	bool is_guarantee;
	leaf = t->nodes[0].can_start ? t->nodes[0].leaf : SHARE_NONE;
	uint32_t claimant = share_find_claim(t, leaf, &task, &is_guarantee);
	if (claimant != SHARE_NONE)
		return evict(t, SHARE_RECLAIM, task, claimant,
			     is_guarantee ? "it was borrowed and is wanted back"
					  : "its queue has more than its fair share");
	if (leaf != SHARE_NONE)
		return start(t, leaf, false,
			     t->nodes[t->nodes[0].best].is_guaranteed ? "it is within its guarantee"
								      : "its share is the lowest");
	leaf = next_revocable(t);
	if (leaf != SHARE_NONE)
		return start(t, leaf, true, "there is capacity to lend");
	return (struct share_action){ .kind = SHARE_WAIT,
				      .node = SHARE_NONE,
				      .task = SHARE_NONE,
				      .for_node = SHARE_NONE,
				      .why = "nothing that waits can start" };
}

const char *share_why(struct share_tree *t, uint32_t node)
{
	share_judge(t);
	assert(node < t->count && t->nodes[node].first_child == SHARE_NONE);
	return block_texts[t->nodes[node].block];
}

double share_of(struct share_tree *t, uint32_t node)
{
	share_judge(t);
	assert(node > 0 && node < t->count);
	return t->nodes[node].share;
}
