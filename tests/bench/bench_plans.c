/*
 * bench_plans - what a decision of the plans costs, beside the floor of the same data structure with
 * nothing to decide. Medians of five runs, floor and plan in turn.
 *
 *   workflow_plan  10,000 steps: a change and the decision after it; floor: a heap of as many numbers, one
 *                  taken and one put for each change
 *   share_plan     1,000 queues: a decision and its change; floor: the least of as many shares, found
 *                  by looking at each
 *   cron_plan      the next tick; floor: libc's mktime of the same local time
 */
#include "common/base/rng.h"
#include "common/plan/cron_plan.h"
#include "common/plan/share_plan.h"
#include "common/plan/workflow_plan.h"

#include <stdio.h>
#include <time.h>

#define RUNS   5
#define STEPS  10000
#define LAYERS 100
#define QUEUES 1000

static double now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

static double median(double *values)
{
	qsort(values, RUNS, sizeof *values, compare);
	return values[RUNS / 2];
}

static void report(const char *what, const char *unit, double plan, double floor_)
{
	printf("%-52s %9.3f %s  floor %9.3f  ratio %6.2f\n", what, plan, unit, floor_,
	       floor_ > 0 ? plan / floor_ : 0);
}

static void must(int code, const struct error *err)
{
	if (code < 0) {
		fprintf(stderr, "%s\n", err->text);
		exit(1);
	}
}

/* ---- workflow_plan ---- */

/* Layers of a hundred steps, each with three parents in the layer before. */
static struct workflow_graph *make_graph(struct arena *a, struct rng *r)
{
	struct workflow_step *steps = arena_alloc(a, STEPS, sizeof *steps);
	const size_t width = STEPS / LAYERS;
	struct workflow_graph *g;
	struct error err;
	for (size_t i = 0; i < STEPS; i++) {
		const char **needs = arena_alloc(a, 3, sizeof *needs);
		steps[i] = (struct workflow_step){ .name = arena_format(a, "s%zu", i),
						   .is_default_trigger = true,
						   .estimate_us = 1 + (int64_t)rng_below(r, 1000),
						   .needs = needs };
		for (size_t k = 0; k < 3 && i >= width; k++) {
			size_t parent = i - i % width - width + (i + k * 7) % width;
			needs[steps[i].needs_count++] = steps[parent].name;
		}
	}
	struct workflow_definition d = { .steps = steps, .steps_count = STEPS, .active_max = 64 };
	must(workflow_graph_make(&d, a, &g, &err), &err);
	return g;
}

/* Runs it; µs a change with the decision that follows. */
static double run_workflow(const struct workflow_graph *g, size_t *ret_changes)
{
	AUTO_ARENA a = { 0 };
	struct workflow_run *run = workflow_run_new(g, &a, 1, 0);
	struct workflow_place going[64];
	size_t first = 0, count = 0, changes = 0;
	struct workflow_action act;
	struct error err;
	double begin = now_us();
	for (;;) {
		struct workflow_change c = { .kind = WORKFLOW_STARTED };
		if (workflow_next(run, 0, &act)) {
			c.place = going[(first + count++) % 64] = act.place;
		} else if (act.kind == WORKFLOW_DO_END) {
			break;
		} else {
			c.kind = WORKFLOW_ENDED;
			c.place = going[first];
			first = (first + 1) % 64;
			count--;
		}
		must(workflow_apply(run, &c, &err), &err);
		changes++;
	}
	*ret_changes = changes;
	return (now_us() - begin) / (double)changes;
}

static double run_heap(size_t changes)
{
	uint64_t *heap = xcalloc(STEPS + 1, sizeof *heap);
	struct rng r = { 1 };
	size_t count = STEPS;
	for (size_t i = 0; i < count; i++)
		heap[i] = i;
	double begin = now_us();
	for (size_t n = 0; n < changes; n++) {
		uint64_t value = heap[0] + rng_below(&r, STEPS);
		size_t at = 0;
		for (size_t down; (down = 2 * at + 1) < count; at = down) {
			down += down + 1 < count && heap[down + 1] < heap[down];
			if (value <= heap[down])
				break;
			heap[at] = heap[down];
		}
		heap[at] = value;
	}
	double us = (now_us() - begin) / (double)changes;
	if (heap[0] == UINT64_MAX)
		puts("");
	free(heap);
	return us;
}

static void bench_workflow(void)
{
	AUTO_ARENA a = { 0 };
	struct rng r = { 7 };
	double make[RUNS], plan[RUNS], floors[RUNS];
	size_t changes = 0;
	struct workflow_graph *g = NULL;
	for (int i = 0; i < RUNS; i++) {
		double begin = now_us();
		g = make_graph(&a, &r);
		make[i] = (now_us() - begin) / STEPS;
		plan[i] = run_workflow(g, &changes);
		floors[i] = run_heap(changes);
	}
	report("workflow_plan, 10,000 steps: a step change", "µs", median(plan), median(floors));
	printf("%-52s %9.3f µs\n", "  checking and linking the graph, a step", median(make));
}

/* ---- share_plan ---- */

static void show_head(struct share_tree *t, uint32_t node, struct rng *r)
{
	struct error err;
	struct share_change c = { .kind = SHARE_HEAD, .node = node, .has_head = true };
	c.amounts.of[0] = 1 + (int64_t)rng_below(r, 8);
	c.amounts.of[1] = 1 + (int64_t)rng_below(r, 8);
	must(share_apply(t, &c, &err), &err);
}

/* `per_pool` queues in each pool; decisions until the cluster is full, then as tasks end. */
static double run_share(uint32_t per_pool, bool with_guarantees)
{
	AUTO_ARENA a = { 0 };
	struct rng r = { 3 };
	struct share_settings s = { 4, false };
	struct share_tree *t = share_tree_new(&s, &a);
	struct share_node plain = share_node_plain();
	struct share_change c = { .kind = SHARE_CAPACITY };
	struct error err;
	uint32_t node, pool = 0;
	if (with_guarantees)
		plain.guarantee.of[0] = plain.guarantee.of[1] = 4;
	for (uint32_t i = 0; i < QUEUES; i++) {
		if (per_pool < QUEUES && i % per_pool == 0) {
			struct share_node of = share_node_plain();
			must(share_add(t, 0, &of, &pool, &err), &err);
		}
		must(share_add(t, pool, &plain, &node, &err), &err);
		show_head(t, node, &r);
	}
	for (int k = 0; k < 4; k++)
		c.amounts.of[k] = 10000;
	must(share_apply(t, &c, &err), &err);
	uint32_t last = 0;
	const int decisions = 4000;
	double begin = now_us();
	for (int n = 0; n < decisions; n++) {
		struct share_action act = share_next(t);
		struct share_change done = { .kind = SHARE_STARTED,
					     .node = act.node,
					     .task = act.task };
		if (act.kind != SHARE_START) {
			done.kind = SHARE_ENDED;
			done.task = act.kind == SHARE_RECLAIM ? act.task : last++;
		}
		must(share_apply(t, &done, &err), &err);
		if (act.kind == SHARE_START)
			show_head(t, act.node, &r);
	}
	return (now_us() - begin) / decisions;
}

static double run_minimum(void)
{
	double *shares = xcalloc(QUEUES, sizeof *shares);
	struct rng r = { 5 };
	const int decisions = 4000;
	double begin = now_us();
	for (int n = 0; n < decisions; n++) {
		size_t best = 0;
		for (size_t i = 1; i < QUEUES; i++)
			if (shares[i] < shares[best])
				best = i;
		shares[best] += (double)(1 + rng_below(&r, 8));
	}
	double us = (now_us() - begin) / decisions;
	free(shares);
	return us;
}

static void bench_share(void)
{
	double flat[RUNS], tree[RUNS], quota[RUNS], floors[RUNS];
	for (int i = 0; i < RUNS; i++) {
		flat[i] = run_share(QUEUES, false);
		floors[i] = run_minimum();
		tree[i] = run_share(50, false);
		quota[i] = run_share(50, true);
	}
	double floor_us = median(floors);
	report("share_plan, 1,000 queues: a decision", "µs", median(flat), floor_us);
	report("  in 20 pools", "µs", median(tree), floor_us);
	report("  in 20 pools, with guarantees", "µs", median(quota), floor_us);
}

/* ---- cron_plan ---- */

static double run_cron(const char *text, const struct cron_zone *zone)
{
	struct cron_schedule s;
	struct error err;
	must(cron_parse(text, &s, &err), &err);
	const int ticks = 20000;
	int64_t at_s = 1767225600; /* 2026 */
	double begin = now_us();
	for (int n = 0; n < ticks; n++) {
		at_s = cron_next(&s, zone, 0, at_s);
		if (at_s > 4000000000)
			at_s = 1767225600;
	}
	return (now_us() - begin) / ticks * 1000;
}

static double run_mktime(void)
{
	const int ticks = 20000;
	time_t at = 1767225600;
	double begin = now_us();
	for (int n = 0; n < ticks; n++) {
		struct tm t;
		(void)localtime_r(&at, &t); /* NULL only past year 2^31 */
		t.tm_mday++;
		at = mktime(&t);
	}
	return (now_us() - begin) / ticks * 1000;
}

static void bench_cron(void)
{
	static const char *const texts[] = { "30 2 * * *", "*/5 * * * *", "0 0 29 2 *" };
	AUTO_ARENA a = { 0 };
	struct cron_zone zone;
	struct error err;
	uint8_t bytes[CRON_ZONE_BYTES_MAX];
	FILE *file = fopen("tests/fuzz/corpus/tzif/Europe_Berlin", "rbe");
	if (!file) {
		fputs("run it in the project's folder\n", stderr);
		exit(1);
	}
	size_t n = fread(bytes, 1, sizeof bytes, file);
	fclose(file);
	must(cron_zone_parse(bytes, n, &a, &zone, &err), &err);
	setenv("TZ", "Europe/Berlin", 1);
	tzset();
	for (size_t k = 0; k < ARRAY_LEN(texts); k++) {
		double plan[RUNS], floors[RUNS];
		char name[80];
		for (int i = 0; i < RUNS; i++) {
			plan[i] = run_cron(texts[k], &zone);
			floors[i] = run_mktime();
		}
		int length = snprintf(name, sizeof name, "cron_plan, the next of '%s' in Berlin",
				      texts[k]);
		if (length > 0)
			report(name, "ns", median(plan), median(floors));
	}
}

int main(void)
{
	bench_workflow();
	bench_share();
	bench_cron();
	return 0;
}
