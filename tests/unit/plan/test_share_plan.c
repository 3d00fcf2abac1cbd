/* share_plan as scenes: a tree, then wants one after the other; who runs how many tasks, and how many
 * were evicted on the way. The first scenes are the papers' examples. */
#include "tests/unit/plan/share_world.h"

static const struct {
	const char *name;
	int64_t cpu, memory;
	bool fairly;
	const char *tree, *wants[4], *result;
} rows[] = {
	{ "Ghodsi et al., section 4.1: 9 CPU, 18 GB",
	  9,
	  18,
	  false,
	  "a b",
	  { "a=1,4x99 b=3,1x99" },
	  "a3 b2" },
	{ "the same by weight", 9, 18, false, "a*3 b", { "a=1,4x99 b=3,1x99" }, "a4 b1" },
	{ "one resource is max-min",
	  10,
	  0,
	  false,
	  "a b c",
	  { "a=1,0x99 b=1,0x2 c=1,0x99" },
	  "a4 b2 c4" },
	/* Bhattacharya et al., section 4.2: without scaling n11 would starve, for n12's use of what
	 * nobody else wants would count as n1's. */
	{ "H-DRF: a sibling does not starve",
	  10,
	  10,
	  false,
	  "n1 n2 n11<n1 n12<n1",
	  { "n12=0,1x99", "n11=1,0x99 n2=1,0x99" },
	  "n25 n115 n1210" },
	{ "pools share before their queues do",
	  12,
	  0,
	  false,
	  "p q a<p b<p c<p d<q",
	  { "a=1,0x99 b=1,0x99 c=1,0x99 d=1,0x99" },
	  "a2 b2 c2 d6" },
	{ "who wants nothing leaves his part to his siblings",
	  12,
	  0,
	  false,
	  "p q a<p b<p d<q",
	  { "a=1,0x99 d=1,0x99" },
	  "a6 d6" },
	{ "weights of pools",
	  12,
	  0,
	  false,
	  "p*2 q a<p b<p d<q",
	  { "a=1,0x99 b=1,0x99 d=1,0x99" },
	  "a4 b4 d4" },

	{ "limit", 10, 0, false, "al3,9 b", { "a=1,0x99 b=1,0x4" }, "a3 b4" },
	{ "a pool's limit",
	  10,
	  0,
	  false,
	  "pl4,9 a<p b<p c",
	  { "a=1,0x99 b=1,0x99 c=1,0x3" },
	  "a2 b2 c3" },
	{ "too large for all there is", 10, 0, false, "a b", { "a=11,0x1 b=1,0x3" }, "b3" },

	{ "idle guarantee is borrowed", 10, 0, false, "ag6,0 b", { "b=1,0x99" }, "b10" },
	{ "and taken back", 10, 0, false, "ag6,0 b", { "b=1,0x99", "a=1,0x99" }, "a6 b4 -6" },
	{ "only as far as it is wanted",
	  10,
	  0,
	  false,
	  "ag6,0 b",
	  { "b=1,0x99", "a=1,0x2" },
	  "a2 b8 -2" },
	{ "no guarantee, nothing is taken",
	  10,
	  0,
	  false,
	  "a b",
	  { "b=1,0x99", "a=1,0x99" },
	  "b10" },
	{ "unless fairly", 10, 0, true, "a b", { "b=1,0x99", "a=1,0x99" }, "a5 b5 -5" },
	{ "fairly by weight", 12, 0, true, "a*2 b", { "b=1,0x99", "a=1,0x99" }, "a8 b4 -8" },
	{ "a large head: all its room or nothing",
	  10,
	  0,
	  false,
	  "ag4,0 bg4,0 c",
	  { "b=1,0x4 c=1,0x6", "a=4,0x1" },
	  "a1 b4 c2 -4" },
	{ "a large head with no room to be had evicts nobody",
	  10,
	  0,
	  false,
	  "ag5,0 bg5,0 c",
	  { "b=1,0x5 c=5,0x1", "a=3,0x1" },
	  "a1 b5 -1" },
	{ "not enough room to be had: nobody is evicted",
	  10,
	  0,
	  false,
	  "ag6,0 bg5,0 c",
	  { "b=1,0x5 c=1,0x3", "a=6,0x1" },
	  "b5 c3" },
	{ "within their guarantees nobody is evicted",
	  10,
	  0,
	  true,
	  "a bg10,0",
	  { "b=1,0x10", "a=1,0x99" },
	  "b10" },
	{ "a pool's guarantee is its queues'",
	  10,
	  0,
	  false,
	  "pg6,0 a<p b<p c",
	  { "c=1,0x99", "a=1,0x99 b=1,0x99" },
	  "a3 b3 c4 -6" },
	{ "guaranteed before the lowest share",
	  10,
	  0,
	  false,
	  "ag8,0 b",
	  { "a=1,0x99 b=1,0x99" },
	  "a8 b2" },
	{ "taken from who has most",
	  12,
	  0,
	  false,
	  "ag4,0 b c",
	  { "b=1,0x8 c=1,0x4", "a=1,0x4" },
	  "a4 b4 c4 -4" },
	{ "taken of what is lacking only",
	  10,
	  10,
	  false,
	  "ag0,5 b c",
	  { "b=1,0x10 c=0,1x10", "a=0,1x5" },
	  "a5 b10 c5 -5" },

	{ "reserved stays free", 10, 0, false, "ag4,0r4,0 b", { "b=1,0x99" }, "b6" },
	{ "for its own queue", 10, 0, false, "ag4,0r4,0 b", { "b=1,0x99", "a=1,0x99" }, "a4 b6" },
	{ "half is lent", 10, 0, false, "ag4,0r2,0 b", { "b=1,0x99" }, "b8" },
	{ "a pool's reservation, for any of its queues",
	  10,
	  0,
	  false,
	  "pg4,0r4,0 a<p b<p c",
	  { "c=1,0x99", "b=1,0x99" },
	  "b4 c6" },

	{ "revocable", 4, 0, false, "a b", { "a=1,0x4 b=1,0x9~" }, "a2 b2+3" },
	{ "revocable by weight", 0, 0, false, "a*2 b", { "a=1,0x9~ b=1,0x9~" }, "a0+2 b0+1" },
	{ "revocable, equal shares: by place",
	  0,
	  0,
	  false,
	  "a b",
	  { "a=1,0x9~ b=1,0x9~" },
	  "a0+2 b0+1" },
	{ "hoarded: a late queue waits for no run time",
	  10,
	  0,
	  true,
	  "a b c",
	  { "a=1,0x99", "b=2,0x9", "c=1,0x9" },
	  "a3 b2 c3 -7" },
};

static void add_queues(const struct share_world *w, struct str *out)
{
	for (uint32_t i = 1; i < share_nodes_count(w->tree); i++) {
		const struct queue_world *q = &w->queues[i];
		if (q->runs == 0 && q->lent == 0)
			continue;
		str_addf(out, "%s%s%d", out->len ? " " : "", q->name, q->runs);
		if (q->lent > 0)
			str_addf(out, "+%d", q->lent);
	}
	if (w->evictions > 0)
		str_addf(out, " -%d", w->evictions);
}

static void test_scenes(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO_ARENA a = { 0 };
		struct share_settings s = { 2, rows[i].fairly };
		struct share_world *w = arena_alloc(&a, 1, sizeof *w);
		w->tree = share_tree_new(&s, &a);
		grow_tree(w, rows[i].tree, &a);
		share_change(
			w, (struct share_change){ .kind = SHARE_CAPACITY,
						  .amounts = { { rows[i].cpu, rows[i].memory } } });
		if (starts_with(rows[i].name, "revocable"))
			share_change(w, (struct share_change){ .kind = SHARE_REVOCABLE,
							       .amounts = { { 3, 0 } } });
		for (size_t k = 0; k < 4 && rows[i].wants[k]; k++) {
			want(w, rows[i].wants[k], &a);
			share_settle(w);
		}
		AUTO_STR got;
		str_init(&got, 4096);
		add_queues(w, &got);
		CHECK_TEXT(rows[i].name, got.data, rows[i].result);
	}
}

/* Less to lend: the queue with most of it gives back, its newest first. */
static void test_revoke(void)
{
	AUTO_ARENA a = { 0 };
	struct share_settings s = { 2, false };
	struct share_world *w = arena_alloc(&a, 1, sizeof *w);
	w->tree = share_tree_new(&s, &a);
	grow_tree(w, "a b", &a);
	share_change(w, (struct share_change){ .kind = SHARE_REVOCABLE, .amounts = { { 6, 0 } } });
	want(w, "a=1,0x2~ b=1,0x4~", &a);
	share_settle(w);
	CHECK_INT(w->queues[1].lent, 2);
	CHECK_INT(w->queues[2].lent, 4);
	share_change(w, (struct share_change){ .kind = SHARE_REVOCABLE, .amounts = { { 3, 0 } } });
	struct share_action act = share_next(w->tree);
	CHECK_INT(act.kind, SHARE_REVOKE);
	CHECK_INT(act.node, 2);
	CHECK_TEXT("why", act.why, "there is less capacity to lend");
	share_settle(w);
	CHECK_INT(w->queues[1].lent + w->queues[2].lent, 3);
	CHECK_INT(w->evictions, 3);
}

static void test_refused(void)
{
	AUTO_ARENA a = { 0 };
	struct share_settings s = { 2, false };
	struct share_tree *t = share_tree_new(&s, &a);
	struct share_node plain = share_node_plain(), n = plain;
	struct error err;
	uint32_t node;
	CHECK_INT(share_add(t, 7, &plain, &node, &err), ERR_INVALID);
	CHECK_TEXT("parent", err.text, "there is no pool 7");
	n.weight = 0.0 / 0.0;
	CHECK_INT(share_add(t, 0, &n, &node, &err), ERR_INVALID);
	CHECK_TEXT("weight", err.text, "a weight is above 0 and at most 1e9");
	n = plain;
	n.reserved.of[1] = 1;
	CHECK_INT(share_add(t, 0, &n, &node, &err), ERR_INVALID);
	CHECK_TEXT("reserved", err.text, "resource 1: more is reserved than guaranteed");
	n = plain;
	n.guarantee.of[0] = 2;
	n.limit.of[0] = 1;
	CHECK_INT(share_add(t, 0, &n, &node, &err), ERR_INVALID);
	CHECK_TEXT("limit", err.text, "resource 0: more is guaranteed than the limit allows");
	CHECK_INT(share_add(t, 0, &plain, &node, &err), 0);
	struct share_change c = { .kind = SHARE_STARTED, .node = node };
	CHECK_INT(share_apply(t, &c, &err), ERR_INVALID);
	c = (struct share_change){ .kind = SHARE_ENDED };
	CHECK_INT(share_apply(t, &c, &err), ERR_INVALID);
	c = (struct share_change){ .kind = SHARE_HEAD, .node = node, .has_head = true };
	CHECK_INT(share_apply(t, &c, &err), ERR_INVALID);
	CHECK_TEXT("nothing", err.text, "a task that needs nothing");
	c.amounts.of[0] = INT64_MAX;
	CHECK_INT(share_apply(t, &c, &err), ERR_INVALID);
	c = (struct share_change){ .kind = SHARE_HEAD, .node = 0, .has_head = true };
	CHECK_INT(share_apply(t, &c, &err), ERR_INVALID);
	c.node = 99;
	CHECK_INT(share_apply(t, &c, &err), ERR_INVALID);
	for (int i = 0; i < SHARE_DEPTH_MAX - 1; i++)
		CHECK_INT(share_add(t, node, &plain, &node, &err), 0);
	CHECK_INT(share_add(t, node, &plain, &node, &err), ERR_LIMIT);
}

static void test_words(void)
{
	AUTO_ARENA a = { 0 };
	struct share_settings s = { 2, false };
	struct share_world *w = arena_alloc(&a, 1, sizeof *w);
	w->tree = share_tree_new(&s, &a);
	grow_tree(w, "a bl1,9 cg5,0r5,0 d e", &a);
	share_change(w, (struct share_change){ .kind = SHARE_CAPACITY, .amounts = { { 10, 0 } } });
	want(w, "b=1,0x2 d=1,0x9 e=11,0x1", &a);
	share_settle(w);
	CHECK_TEXT("a", share_why(w->tree, 1), "nothing of it waits");
	CHECK_TEXT("b", share_why(w->tree, 2), "it, or a pool above it, is at its limit");
	CHECK_TEXT("d", share_why(w->tree, 4), "what is free is reserved for others");
	CHECK_TEXT("e", share_why(w->tree, 5), "it needs more than there is at all");
	want(w, "c=1,0x5", &a);
	share_settle(w);
	CHECK_TEXT("d", share_why(w->tree, 4), "no capacity is free for it");
}

int main(void)
{
	test_scenes();
	test_revoke();
	test_refused();
	test_words();
	return 0;
}
