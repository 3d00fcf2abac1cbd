/*
 * What fairness means, by lot: the four properties of the allocation of tasks that can be divided, and
 * what is left of them with whole tasks; the same in trees; that taking back comes to an end and gives
 * what is guaranteed; that the plan depends on nothing but the present.
 *   test_share_property [SEED [RUNS]]
 */
#include "common/base/rng.h"
#include "tests/unit/plan/share_world.h"

#include <math.h>

#define CLAIMS 7

static uint64_t seed_now;

static void broken(const char *what, size_t who, double got, double want)
{
	fprintf(stderr, "seed %llu: %s of claim %zu: %.12g, expected %.12g\n",
		(unsigned long long)seed_now, what, who, got, want);
	exit(1);
}

static double some(struct rng *r, double from, double to)
{
	return from + (to - from) * (double)(rng_next(r) >> 11) / 9007199254740992.0;
}

/* ---- divisible tasks ---- */

struct market {
	double capacity[SHARE_RESOURCES_MAX];
	uint32_t resources;
	struct share_claim claims[CLAIMS];
	size_t n;
	double tasks[CLAIMS];
};

static void some_demand(struct rng *r, uint32_t resources, double *ret)
{
	memset(ret, 0, SHARE_RESOURCES_MAX * sizeof *ret);
	for (uint32_t k = 0; k < resources; k++)
		ret[k] = rng_one_in(r, 4) ? 0 : some(r, 0.01, 1);
	ret[rng_below(r, resources)] = some(r, 0.01, 1);
}

static void draw_market(struct rng *r, struct market *m)
{
	*m = (struct market){ .resources = 1 + (uint32_t)rng_below(r, 4),
			      .n = 1 + rng_below(r, CLAIMS) };
	for (uint32_t k = 0; k < m->resources; k++)
		m->capacity[k] = some(r, 1, 100);
	for (size_t i = 0; i < m->n; i++) {
		struct share_claim *c = &m->claims[i];
		c->weight = rng_one_in(r, 2) ? 1 : (double)(1 + rng_below(r, 5));
		some_demand(r, m->resources, c->demand);
		c->tasks_max = rng_one_in(r, 3) ? some(r, 0, 50) : INFINITY;
	}
	share_ideal(m->capacity, m->resources, m->claims, m->n, m->tasks);
}

/* How many tasks of `demand` a bundle of `tasks` × `of` holds. */
static double worth(const struct market *m, const double *demand, const double *of, double tasks)
{
	double least = INFINITY;
	for (uint32_t k = 0; k < m->resources; k++)
		if (demand[k] > 0)
			least = MIN(least, of[k] * tasks / demand[k]);
	return least;
}

static void check_efficient(const struct market *m)
{
	double used[SHARE_RESOURCES_MAX] = { 0 };
	for (size_t i = 0; i < m->n; i++)
		for (uint32_t k = 0; k < m->resources; k++)
			used[k] += m->tasks[i] * m->claims[i].demand[k];
	for (uint32_t k = 0; k < m->resources; k++)
		if (used[k] > m->capacity[k] * (1 + 1e-9))
			broken("resource used", k, used[k], m->capacity[k]);
	for (size_t i = 0; i < m->n; i++) {
		bool is_stuck = m->tasks[i] >= m->claims[i].tasks_max * (1 - 1e-9);
		for (uint32_t k = 0; k < m->resources; k++)
			is_stuck |= m->claims[i].demand[k] > 0 &&
				    used[k] >= m->capacity[k] * (1 - 1e-9);
		if (!is_stuck)
			broken("Pareto efficiency", i, m->tasks[i], INFINITY);
	}
}

static void check_fair(const struct market *m)
{
	double weights = 0;
	for (size_t i = 0; i < m->n; i++)
		weights += m->claims[i].weight;
	for (size_t i = 0; i < m->n; i++) {
		const struct share_claim *c = &m->claims[i];
		double alone = worth(m, c->demand, m->capacity, c->weight / weights);
		if (m->tasks[i] < MIN(alone, c->tasks_max) * (1 - 1e-9))
			broken("sharing incentive", i, m->tasks[i], alone);
		for (size_t j = 0; j < m->n; j++) {
			double scale = m->tasks[j] * c->weight / m->claims[j].weight;
			double theirs = worth(m, c->demand, m->claims[j].demand, scale);
			if (MIN(theirs, c->tasks_max) > m->tasks[i] * (1 + 1e-9) + 1e-12)
				broken("envy", i, theirs, m->tasks[i]);
		}
	}
}

/* Whoever says he wants something else gets no more of what he wants. */
static void check_honest(struct rng *r, const struct market *m)
{
	for (int lie = 0; lie < 10; lie++) {
		struct market other = *m;
		size_t i = rng_below(r, m->n);
		double *said = other.claims[i].demand;
		if (rng_one_in(r, 2)) {
			some_demand(r, m->resources, said);
		} else {
			for (uint32_t k = 0; k < m->resources; k++)
				said[k] *= some(r, 0.7, 1.4);
		}
		/* How many tasks he wants is in other units then: he may ask for any number. */
		other.claims[i].tasks_max = INFINITY;
		share_ideal(other.capacity, other.resources, other.claims, other.n, other.tasks);
		double gets = worth(m, m->claims[i].demand, said, other.tasks[i]);
		if (MIN(gets, m->claims[i].tasks_max) > m->tasks[i] * (1 + 1e-9) + 1e-12)
			broken("a lie's gain", i, gets, m->tasks[i]);
	}
}

/* ---- whole tasks ---- */

#define CPUS   4000
#define MEMORY 9000

struct flat {
	struct share_world *w;
	uint32_t count; /* nodes */
	double weights; /* of the leaves */
};

static double dominant(const struct queue_world *q, double tasks)
{
	return MAX(tasks * (double)q->task.of[0] / CPUS, tasks * (double)q->task.of[1] / MEMORY);
}

static struct share_world *new_world(struct arena *a, bool fairly)
{
	struct share_settings s = { 2, fairly };
	struct share_world *w = arena_alloc(a, 1, sizeof *w);
	w->tree = share_tree_new(&s, a);
	share_change(w, (struct share_change){ .kind = SHARE_CAPACITY,
					       .amounts = { { CPUS, MEMORY } } });
	return w;
}

/* Queues below random pools; weights by node in `ret_weights`. */
static uint32_t some_tree(struct rng *r, struct share_world *w, bool is_flat, double *ret_weights,
			  uint32_t *ret_parents)
{
	uint32_t n = 2 + (uint32_t)rng_below(r, is_flat ? 6 : 12);
	for (uint32_t i = 1; i <= n; i++) {
		struct share_node spec = share_node_plain();
		struct error err;
		uint32_t node;
		ret_parents[i] = is_flat ? 0 : (uint32_t)rng_below(r, (i + 1) / 2);
		ret_weights[i] = spec.weight = (double)(1 + rng_below(r, 4));
		CHECK_INT(share_add(w->tree, ret_parents[i], &spec, &node, &err), 0);
		CHECK_INT(node, i);
	}
	return n + 1;
}

static bool is_leaf(const uint32_t *parents, uint32_t count, uint32_t node)
{
	for (uint32_t i = 1; i < count; i++)
		if (parents[i] == node)
			return false;
	return true;
}

static void want_much(struct rng *r, struct share_world *w, uint32_t node, int64_t largest)
{
	struct queue_world *q = &w->queues[node];
	q->task = (struct share_amounts){ { 1 + (int64_t)rng_below(r, (uint64_t)largest),
					    1 + (int64_t)rng_below(r, (uint64_t)largest) } };
	if (rng_one_in(r, 4))
		q->task.of[rng_below(r, 2)] = 0;
	q->waits = 100000;
	show_head(w, node);
}

/* Nobody who waits fits into what is free. */
static void check_nothing_fits(const struct share_world *w, uint32_t count)
{
	struct share_amounts used = share_used(w->tree, 0);
	for (uint32_t i = 1; i < count; i++) {
		const struct queue_world *q = &w->queues[i];
		if (q->waits > 0 && q->task.of[0] <= CPUS - used.of[0] &&
		    q->task.of[1] <= MEMORY - used.of[1])
			broken("a fitting head", i, (double)q->task.of[0], (double)used.of[0]);
	}
	CHECK(used.of[0] <= CPUS && used.of[1] <= MEMORY);
}

static double bundle_worth(const struct queue_world *mine, const struct queue_world *theirs,
			   double tasks)
{
	double least = INFINITY;
	for (int k = 0; k < 2; k++)
		if (mine->task.of[k] > 0)
			least = MIN(least,
				    (double)theirs->task.of[k] * tasks / (double)mine->task.of[k]);
	return least;
}

static void check_flat(struct rng *r)
{
	AUTO_ARENA a = { 0 };
	double weights[32], sum = 0, slack = 0;
	uint32_t parents[32];
	struct share_world *w = new_world(&a, false);
	uint32_t count = some_tree(r, w, true, weights, parents);
	for (uint32_t i = 1; i < count; i++) {
		want_much(r, w, i, 60);
		sum += weights[i];
		slack += dominant(&w->queues[i], 1);
	}
	share_settle(w);
	check_nothing_fits(w, count);
	for (uint32_t i = 1; i < count; i++) {
		const struct queue_world *mine = &w->queues[i];
		/* Up to one task of each queue. */
		if (dominant(mine, mine->runs) + slack < weights[i] / sum)
			broken("sharing incentive", i, dominant(mine, mine->runs),
			       weights[i] / sum);
		for (uint32_t j = 1; j < count; j++) {
			const struct queue_world *theirs = &w->queues[j];
			double scale = weights[i] / weights[j];
			double envied = bundle_worth(mine, theirs, (theirs->runs - 1) * scale);
			if (envied > mine->runs + 1 + scale)
				broken("envy", i, envied, mine->runs);
		}
	}
}

/* A leaf has at least its weights' part of everything, all the way down, up to the tasks' sizes. */
static void check_tree(struct rng *r)
{
	AUTO_ARENA a = { 0 };
	double weights[32], slack = 0;
	uint32_t parents[32];
	struct share_world *w = new_world(&a, false);
	uint32_t count = some_tree(r, w, false, weights, parents);
	for (uint32_t i = 1; i < count; i++)
		if (is_leaf(parents, count, i)) {
			want_much(r, w, i, 12);
			slack += dominant(&w->queues[i], 1);
		}
	share_settle(w);
	check_nothing_fits(w, count);
	for (uint32_t i = 1; i < count; i++) {
		double part = 1;
		for (uint32_t n = i; n != 0; n = parents[n]) {
			double siblings = 0;
			for (uint32_t k = 1; k < count; k++)
				siblings += parents[k] == parents[n] ? weights[k] : 0;
			part *= weights[n] / siblings;
		}
		const struct queue_world *q = &w->queues[i];
		if (is_leaf(parents, count, i) && dominant(q, q->runs) + 2 * slack < part)
			broken("hierarchical sharing incentive", i, dominant(q, q->runs), part);
	}
}

/* ---- guarantees, taking back, hoarding ---- */

/* Tasks of one unit: whoever is within his guarantee and waits, waits for nobody's borrowed unit. */
static void check_taking_back(struct rng *r)
{
	AUTO_ARENA a = { 0 };
	struct share_world *w = new_world(&a, rng_one_in(r, 2));
	uint32_t n = 2 + (uint32_t)rng_below(r, 5), node;
	int64_t capacity = 20 + (int64_t)rng_below(r, 30), guarantee[8] = { 0 };
	share_change(
		w, (struct share_change){ .kind = SHARE_CAPACITY, .amounts = { { capacity, 0 } } });
	for (uint32_t i = 1; i <= n; i++) {
		struct share_node spec = share_node_plain();
		struct error err;
		guarantee[i] = spec.guarantee.of[0] =
			(int64_t)rng_below(r, (uint64_t)capacity / n + 1);
		spec.weight = (double)(1 + rng_below(r, 3));
		CHECK_INT(share_add(w->tree, 0, &spec, &node, &err), 0);
		w->queues[i].task = (struct share_amounts){ { 1, 0 } };
	}
	for (int round = 0; round < 8; round++) {
		uint32_t i = 1 + (uint32_t)rng_below(r, n);
		w->queues[i].waits = (int)rng_below(r, 40);
		show_head(w, i);
		share_settle(w);
		for (uint32_t q = 1; q <= n; q++) {
			if (w->queues[q].waits == 0 || w->queues[q].runs >= guarantee[q])
				continue;
			for (uint32_t j = 1; j <= n; j++)
				if (w->queues[j].runs > guarantee[j])
					broken("a borrowed unit", j, w->queues[j].runs,
					       (double)guarantee[j]);
		}
	}
}

/* One queue has taken everything with tasks that never end; whoever comes gets his part. */
static void check_hoarder(struct rng *r)
{
	AUTO_ARENA a = { 0 };
	double weights[32], sum = 0;
	uint32_t parents[32];
	struct share_world *w = new_world(&a, true);
	uint32_t count = some_tree(r, w, true, weights, parents), hoarder = 1;
	for (uint32_t i = 1; i < count; i++) {
		w->queues[i].task = (struct share_amounts){ { 40, 90 } };
		sum += weights[i];
	}
	w->queues[hoarder].waits = 1000;
	show_head(w, hoarder);
	share_settle(w);
	CHECK_INT(w->queues[hoarder].runs, CPUS / 40);
	for (uint32_t i = 2; i < count; i++) {
		w->queues[i].waits = 1000;
		show_head(w, i);
	}
	share_settle(w);
	for (uint32_t i = 1; i < count; i++)
		/* A hundred tasks in all; two off for rounding among several. */
		if (w->queues[i].runs + 2 < 100 * weights[i] / sum)
			broken("part beside a hoarder", i, w->queues[i].runs,
			       100 * weights[i] / sum);
}

/* ---- the present is all ---- */

struct mirror {
	uint32_t leaf[4000], task[4000]; /* running ones, oldest first */
	bool is_revocable[4000];
	size_t count;
};

static void forget_task(struct mirror *m, uint32_t task)
{
	for (size_t k = 0; k < m->count; k++)
		if (m->task[k] == task) {
			m->count--;
			memmove(&m->leaf[k], &m->leaf[k + 1], (m->count - k) * sizeof *m->leaf);
			memmove(&m->task[k], &m->task[k + 1], (m->count - k) * sizeof *m->task);
			memmove(&m->is_revocable[k], &m->is_revocable[k + 1],
				(m->count - k) * sizeof *m->is_revocable);
			return;
		}
	CHECK(false); /* no such task runs */
}

/* The same present, made from nothing: tasks start in their order, then all else is set. */
static void check_present(const struct share_world *w, const struct mirror *m,
			  const struct share_node *specs, const uint32_t *parents, uint32_t count,
			  int64_t capacity, int64_t slack, const struct share_action *want)
{
	AUTO_ARENA a = { 0 };
	struct share_settings s = { 2, true };
	struct share_world fresh = { .tree = share_tree_new(&s, &a) };
	uint32_t node;
	struct error err;
	for (uint32_t i = 1; i < count; i++)
		CHECK_INT(share_add(fresh.tree, parents[i], &specs[i], &node, &err), 0);
	for (size_t k = 0; k < m->count; k++) {
		share_change(&fresh,
			     (struct share_change){ .kind = SHARE_HEAD,
						    .node = m->leaf[k],
						    .has_head = true,
						    .amounts = w->queues[m->leaf[k]].task });
		share_change(&fresh, (struct share_change){ .kind = SHARE_STARTED,
							    .node = m->leaf[k],
							    .task = (uint32_t)k,
							    .is_revocable = m->is_revocable[k] });
	}
	share_change(&fresh, (struct share_change){ .kind = SHARE_CAPACITY,
						    .amounts = { { capacity, capacity } } });
	share_change(&fresh, (struct share_change){ .kind = SHARE_REVOCABLE,
						    .amounts = { { slack, slack } } });
	for (uint32_t i = 1; i < count; i++)
		if (is_leaf(parents, count, i)) {
			fresh.queues[i] = w->queues[i];
			show_head(&fresh, i);
		}
	struct share_action got = share_next(fresh.tree);
	CHECK_INT(got.kind, want->kind);
	CHECK_INT(got.node, want->node);
	CHECK_INT(got.for_node, want->for_node);
	CHECK_INT(got.is_revocable, want->is_revocable);
	CHECK_TEXT("why", got.why, want->why);
	if (want->kind == SHARE_RECLAIM || want->kind == SHARE_REVOKE)
		CHECK_INT(m->task[got.task], want->task);
}

static struct share_node some_spec(struct rng *r)
{
	struct share_node n = share_node_plain();
	n.weight = (double)(1 + rng_below(r, 3));
	if (rng_one_in(r, 2))
		for (int k = 0; k < 2; k++) {
			n.guarantee.of[k] = (int64_t)rng_below(r, 12);
			n.reserved.of[k] = rng_one_in(r, 3) ? n.guarantee.of[k] / 2 : 0;
		}
	if (rng_one_in(r, 4))
		n.limit.of[0] = n.guarantee.of[0] + (int64_t)rng_below(r, 20);
	return n;
}

static void check_history(struct rng *r)
{
	AUTO_ARENA a = { 0 };
	uint32_t parents[32] = { 0 }, count = 3 + (uint32_t)rng_below(r, 8), node;
	struct share_node specs[32];
	struct share_world *w = new_world(&a, true);
	struct mirror *m = arena_alloc(&a, 1, sizeof *m);
	int64_t capacity = 30, slack = 0;
	struct error err;
	for (uint32_t i = 1; i < count; i++) {
		specs[i] = some_spec(r);
		parents[i] = (uint32_t)rng_below(r, (i + 1) / 2);
		CHECK_INT(share_add(w->tree, parents[i], &specs[i], &node, &err), 0);
		w->queues[i].task = (struct share_amounts){ { 1 + (int64_t)rng_below(r, 4),
							      (int64_t)rng_below(r, 4) } };
		w->queues[i].takes_revocable = rng_one_in(r, 3);
	}
	for (int step = 0; step < 120; step++) {
		uint64_t lot = rng_below(r, 10);
		uint32_t i = 1 + (uint32_t)rng_below(r, count - 1);
		if (lot == 0)
			capacity = (int64_t)rng_below(r, 60);
		else if (lot == 1)
			slack = (int64_t)rng_below(r, 10);
		if (lot == 2 && m->count > 0) {
			uint32_t task = m->task[rng_below(r, m->count)];
			share_change(w, (struct share_change){ .kind = SHARE_ENDED, .task = task });
			forget_task(m, task);
		} else if (lot < 5 && is_leaf(parents, count, i)) {
			w->queues[i].waits = (int)rng_below(r, 10);
			show_head(w, i);
		}
		share_change(w, (struct share_change){ .kind = SHARE_CAPACITY,
						       .amounts = { { capacity, capacity } } });
		share_change(w, (struct share_change){ .kind = SHARE_REVOCABLE,
						       .amounts = { { slack, slack } } });
		struct share_action act = share_next(w->tree);
		check_present(w, m, specs, parents, count, capacity, slack, &act);
		if (act.kind == SHARE_START) {
			m->leaf[m->count] = act.node;
			m->task[m->count] = act.task;
			m->is_revocable[m->count++] = act.is_revocable;
		} else if (act.kind != SHARE_WAIT) {
			forget_task(m, act.task);
		}
		(void)share_step(w);
	}
	share_settle(w); /* whatever it was, it comes to an end */
}

int main(int argc, char **argv)
{
	uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
	uint64_t runs = argc > 2 ? strtoull(argv[2], NULL, 10) : 60;
	for (seed_now = first; seed_now < first + runs; seed_now++) {
		struct rng r = { seed_now * 104729 };
		for (int k = 0; k < 20; k++) {
			struct market m;
			draw_market(&r, &m);
			check_efficient(&m);
			check_fair(&m);
			check_honest(&r, &m);
		}
		check_flat(&r);
		check_tree(&r);
		check_taking_back(&r);
		check_hoarder(&r);
		check_history(&r);
	}
	return 0;
}
