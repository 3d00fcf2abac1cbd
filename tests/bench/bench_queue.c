/*
 * bench_queue.c - queue_plan and its replay: µs a decision and bytes a job by policy and length of the
 * queue, simulated events a second, memory of ten million jobs, and what the automatic choice of a
 * policy loses against the best fixed one. Times are CPU time of one core. Beside
 * each figure its floor, measured in the same run:
 * a plain binary heap of (key, number) for decisions; a loop that knows nothing but that policy for
 * events; the two numbers of a job's trace for bytes.
 */
#include "common/base/rng.h"
#include "common/plan/policy_auto.h"

#include <math.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#define RUNS       5
#define SHAPES_MAX 4096

/* Of this process alone: others on the machine do not count. */
static double now_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int compare_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double median(double *x, size_t n)
{
	qsort(x, n, sizeof *x, compare_double);
	return x[n / 2];
}

static double uniform(struct rng *r)
{
	return ((double)(rng_next(r) >> 11) + 0.5) / 9007199254740992.0;
}

/* ---- the floor of a decision: a binary heap of keys ---- */

struct heap {
	struct entry {
		int64_t key;
		uint32_t job;
	} * at;
	size_t n;
};

static void heap_push(struct heap *h, struct entry e)
{
	size_t i = h->n++;
	for (; i > 0 && e.key < h->at[(i - 1) / 2].key; i = (i - 1) / 2)
		h->at[i] = h->at[(i - 1) / 2];
	h->at[i] = e;
}

static struct entry heap_pop(struct heap *h)
{
	struct entry top = h->at[0], last = h->at[--h->n];
	size_t i = 0;
	for (size_t c; (c = 2 * i + 1) < h->n; i = c) {
		if (c + 1 < h->n && h->at[c + 1].key < h->at[c].key)
			c++;
		if (last.key <= h->at[c].key)
			break;
		h->at[i] = h->at[c];
	}
	h->at[i] = last;
	return top;
}

static double floor_us(size_t waiting, size_t changes)
{
	struct rng r = { 1 };
	struct heap h = { xcalloc(waiting + 1, sizeof *h.at), 0 };
	for (uint32_t i = 0; i < waiting; i++)
		heap_push(&h, (struct entry){ (int64_t)rng_below(&r, 1000000), i });
	double begin = now_s();
	for (size_t i = 0; i < changes; i++) {
		struct entry e = heap_pop(&h);
		e.key = (int64_t)rng_below(&r, 1000000);
		heap_push(&h, e);
	}
	double took = now_s() - begin;
	free(h.at);
	return took / (double)(2 * changes) * 1e6;
}

/* ---- decisions ---- */

struct world {
	struct queue *q;
	void *memory;
	size_t bytes;
	uint32_t shapes[SHAPES_MAX];
	uint32_t shapes_count;
	struct rng rng;
	int64_t now;
	uint64_t id;
};

static void arrive(struct world *w)
{
	struct error err;
	uint32_t handle;
	struct queue_job j = { .id = w->id++,
			       .arrival_us = w->now,
			       .estimate_us = (int64_t)(-log(uniform(&w->rng)) * 1e6),
			       .deadline_us = w->now + 1 + (int64_t)rng_below(&w->rng, 100000000),
			       .priority = (int32_t)rng_below(&w->rng, 100),
			       .shape = w->shapes[rng_below(&w->rng, w->shapes_count)] };
	if (queue_arrive(w->q, &j, w->now, &handle, &err) < 0)
		abort();
}

static void decide(struct world *w)
{
	struct queue_action a[2 * QUEUE_ACTIONS_MIN];
	while (queue_next(w->q, w->now, a, ARRAY_LEN(a)) > 0)
		;
}

static void world_init(struct world *w, enum queue_policy p, bool backfills, size_t waiting,
		       uint32_t shapes)
{
	static const char *const names[] = { "cpu", "memory" };
	struct queue_limits l = { .jobs_max = (uint32_t)waiting + 200,
				  .shapes_max = shapes + 1,
				  .places_max = 1,
				  .groups_max = 1,
				  .resources = 2,
				  .resource_names = names,
				  .has_deadlines = p == QUEUE_EDF };
	struct queue_settings s = queue_settings_of(p);
	struct error err;
	/* Needs from 1 × 1 on: every one fits the 64 × 64. */
	uint32_t side = shapes == SHAPES_MAX ? 64 : 8;
	s.backfills = backfills;
	w->bytes = (queue_size(&l) + 63) / 64 * 64;
	w->memory = aligned_alloc(64, w->bytes);
	memset(w->memory, 0, w->bytes);
	w->q = queue_init(w->memory, &l, &s);
	queue_set_place(w->q, 0, (int64_t[]){ 64, 64 });
	for (w->shapes_count = 0; w->shapes_count < shapes; w->shapes_count++) {
		struct queue_request r = { .need = { 1 + w->shapes_count % side,
						     1 + w->shapes_count / side } };
		if (queue_shape(w->q, &r, &w->shapes[w->shapes_count], &err) < 0)
			abort();
	}
	for (size_t i = 0; i < waiting + 40; i++) {
		w->now += 10;
		arrive(w);
	}
	decide(w);
}

/* A change is an arrival or an end, and the decision after it. */
static double decision_us(enum queue_policy p, bool backfills, size_t waiting, uint32_t shapes,
			  double *ret_bytes)
{
	struct world w = { .rng = { 7 } };
	size_t changes = 0;
	world_init(&w, p, backfills, waiting, shapes);
	double begin = now_s();
	for (int i = 0; i < (backfills ? 4000 : 40000); i++, changes += 2) {
		w.now += 1000;
		const uint32_t *running = queue_running_jobs(w.q);
		queue_finish(w.q, running[rng_below(&w.rng, queue_running(w.q))], w.now);
		decide(&w);
		arrive(&w);
		decide(&w);
	}
	double took = now_s() - begin;
	*ret_bytes = (double)w.bytes / (double)(waiting + 200);
	free(w.memory);
	return took / (double)changes * 1e6;
}

static void bench_decisions(void)
{
	static const size_t lengths[] = { 1000, 10000, 100000 };
	puts("## Decisions: µs a change (an arrival or an end), median of five\n");
	puts("| policy | waiting | one shape | 64 shapes | 4,096 shapes | 64 shapes, backfill | a bare heap (floor) | "
	     "bytes a job |\n|---|---|---|---|---|---|---|---|");
	for (int p = 0; p < QUEUE_POLICY_COUNT; p++)
		for (size_t l = 0; l < ARRAY_LEN(lengths); l++) {
			double one[RUNS], many[RUNS], most[RUNS], filled[RUNS], bare[RUNS];
			double bytes = 0;
			for (int i = 0; i < RUNS; i++) {
				one[i] = decision_us((enum queue_policy)p, false, lengths[l], 1,
						     &bytes);
				bare[i] = floor_us(lengths[l], 40000);
				most[i] = decision_us((enum queue_policy)p, false, lengths[l],
						      SHAPES_MAX, &bytes);
				many[i] = decision_us((enum queue_policy)p, false, lengths[l], 64,
						      &bytes);
				filled[i] = decision_us((enum queue_policy)p, true, lengths[l], 64,
							&bytes);
			}
			printf("| %s | %zu | %.2f | %.2f | %.2f | %.1f | %.2f | %.0f |\n",
			       queue_policy_name((enum queue_policy)p), lengths[l],
			       median(one, RUNS), median(many, RUNS), median(most, RUNS),
			       median(filled, RUNS), median(bare, RUNS), bytes);
			fflush(stdout);
		}
}

/* ---- events a second ---- */

struct jobs {
	size_t n;
	int64_t *arrival, *size;
};

static struct jobs draw(size_t n, double load, int law, uint64_t seed)
{
	struct jobs j = { n, xcalloc(n, sizeof(int64_t)), xcalloc(n, sizeof(int64_t)) };
	struct rng r = { seed };
	double now = 0;
	for (size_t i = 0; i < n; i++) {
		double v = uniform(&r);
		now += -log(uniform(&r)) * 1e6 / load;
		j.arrival[i] = (int64_t)now;
		/* Mean 1 s: exponential, constant, bounded Pareto (α 1.2, four decades). */
		j.size[i] = (int64_t)(law == 0   ? -log(v) * 1e6
				      : law == 1 ? 1e6
						 : 1.996e5 * pow(1 - v * (1 - pow(1e-4, 1.2)),
								 -1 / 1.2));
	}
	return j;
}

static void jobs_free(struct jobs *j)
{
	free(j->arrival);
	free(j->size);
}

static struct replay_result replay(const struct jobs *j, struct replay_settings s, double *ret_s)
{
	struct replay_trace t = { .count = j->n, .arrival_us = j->arrival, .size_us = j->size };
	struct replay_result x;
	struct replay *r = NULL;
	struct error err;
	char *block = xcalloc(replay_size(&t, &s) + 64, 1);
	void *memory = (void *)(((uintptr_t)block + 63) & ~(uintptr_t)63);
	double begin = now_s();
	if (replay_init(memory, &t, &s, &r, &err) < 0)
		abort();
	while (replay_step(r, 1u << 20))
		;
	*ret_s = now_s() - begin;
	replay_finish(r, &x);
	free(block);
	return x;
}

/* Lindley's recursion: the whole of FCFS on one server. */
static double floor_fcfs(const struct jobs *j, double *ret_mean)
{
	double begin = now_s(), sum = 0;
	int64_t free_at = 0;
	for (size_t i = 0; i < j->n; i++) {
		int64_t start = MAX(free_at, j->arrival[i]);
		sum += (double)(start - j->arrival[i]);
		free_at = start + j->size[i];
	}
	*ret_mean = sum / (double)j->n;
	return now_s() - begin;
}

/* SRPT on one server with a heap of what is left. */
static double floor_srtf(const struct jobs *j, double *ret_mean)
{
	struct heap h = { xcalloc(j->n + 1, sizeof *h.at), 0 };
	double begin = now_s(), sum = 0;
	int64_t now = 0;
	for (size_t i = 0; i <= j->n; i++) {
		int64_t until = i < j->n ? j->arrival[i] : INT64_MAX;
		while (h.n > 0 && h.at[0].key <= until - now) {
			struct entry e = heap_pop(&h);
			now += e.key;
			sum += (double)(now - j->arrival[e.job] - j->size[e.job]);
		}
		if (h.n > 0)
			h.at[0].key -= until - now;
		now = until;
		if (i < j->n)
			heap_push(&h, (struct entry){ j->size[i], (uint32_t)i });
	}
	*ret_mean = sum / (double)j->n;
	free(h.at);
	return now_s() - begin;
}

static void bench_events(void)
{
	static const enum queue_policy policies[] = { QUEUE_FCFS, QUEUE_SJF, QUEUE_SRTF,
						      QUEUE_LAS };
	struct jobs j = draw(2000000, 0.8, 0, 1);
	puts("\n## Simulated events a second: two million jobs, M/M/1 at 0.8, median of five\n");
	puts("| policy | million events/s | a loop that knows only that policy (floor) | mean wait of both "
	     "|\n|---|---|---|---|");
	for (size_t p = 0; p < ARRAY_LEN(policies); p++) {
		double took[RUNS], bare[RUNS], mean = 0, wait = 0;
		for (int i = 0; i < RUNS; i++) {
			struct replay_settings s = { .queue = queue_settings_of(policies[p]),
						     .servers = 1 };
			wait = replay(&j, s, &took[i]).mean_wait_us;
			bare[i] = policies[p] == QUEUE_FCFS   ? floor_fcfs(&j, &mean)
				  : policies[p] == QUEUE_SRTF ? floor_srtf(&j, &mean)
							      : 0;
		}
		double events = 2.0 * (double)j.n / 1e6;
		printf("| %s | %.2f | ", queue_policy_name(policies[p]),
		       events / median(took, RUNS));
		if (median(bare, RUNS) > 0)
			printf("%.1f | %.4f s, %.4f s |\n", events / median(bare, RUNS), wait / 1e6,
			       mean / 1e6);
		else
			printf("- | %.4f s |\n", wait / 1e6);
		fflush(stdout);
	}
	jobs_free(&j);
}

/* ---- memory: in a process of its own, so that the peak is its own ---- */

/* Until all are there: from then on it only gets less. */
static void fill(enum queue_policy p, const struct jobs *j)
{
	struct replay_trace t = { .count = j->n, .arrival_us = j->arrival, .size_us = j->size };
	struct replay_settings s = { .queue = queue_settings_of(p), .servers = 1 };
	struct replay *r = NULL;
	struct error err;
	char *block = xcalloc(replay_size(&t, &s) + 64, 1);
	if (replay_init((void *)(((uintptr_t)block + 63) & ~(uintptr_t)63), &t, &s, &r, &err) < 0)
		abort();
	while (replay_waiting(r) + 1 < j->n && replay_step(r, 1))
		;
	free(block);
}

static void bench_memory(void)
{
	puts("\n## Memory: ten million jobs, all of them waiting at once\n");
	puts("| policy | peak MB | bytes a job | arrival and size alone (floor) |\n|---|---|---|---|");
	for (int p = 0; p < QUEUE_POLICY_COUNT; p++) {
		fflush(stdout);
		pid_t child = fork();
		if (child == 0) {
			struct rusage u;
			struct jobs j = draw(10000000, 0.8, 0, 1);
			memset(j.arrival, 0, j.n * sizeof *j.arrival);
			fill((enum queue_policy)p, &j);
			getrusage(RUSAGE_SELF, &u);
			printf("| %s | %.0f | %.0f | 16 |\n",
			       queue_policy_name((enum queue_policy)p),
			       (double)u.ru_maxrss * 1024 / 1e6, (double)u.ru_maxrss * 1024 / 1e7);
			fflush(stdout);
			_exit(0);
		}
		waitpid(child, NULL, 0);
	}
}

/* ---- auto ---- */

struct chooser {
	struct policy_auto state;
	void *memory;
	const struct jobs *j;
};

static bool steer(void *ctx, size_t job, bool has_ended, int64_t estimate_us, int64_t now_us,
		  int64_t wait_us, struct queue_settings *s)
{
	struct chooser *c = ctx;
	if (has_ended) {
		policy_ended(&c->state, job, now_us, c->j->size[job], wait_us + c->j->size[job]);
		return false;
	}
	policy_arrived(&c->state, job, now_us, estimate_us, NULL);
	if (!policy_is_due(&c->state) || !policy_look(&c->state, now_us, c->memory))
		return false;
	struct queue_settings plain = queue_settings_of(c->state.current);
	s->policy = plain.policy;
	s->blocks = plain.blocks;
	s->quantum_us = MAX(1, (int64_t)(c->state.summary.mean_us / 20));
	return true;
}

static double value_of(const struct replay_result *x, enum policy_objective o)
{
	return o == POLICY_WAIT       ? x->mean_wait_us
	       : o == POLICY_SLOWDOWN ? x->mean_slowdown
				      : x->p99_wait_us;
}

static void regret(const char *name, const struct jobs *j, enum policy_objective o)
{
	static const enum queue_policy policies[] = { QUEUE_FCFS, QUEUE_SJF, QUEUE_SRTF,
						      QUEUE_LAS };
	struct chooser *c = xcalloc(1, sizeof *c);
	double took, best = INFINITY, worst = 0;
	const char *best_name = "";
	for (size_t p = 0; p < ARRAY_LEN(policies); p++) {
		struct replay_settings s = { .queue = queue_settings_of(policies[p]),
					     .servers = 1 };
		struct replay_result x = replay(j, s, &took);
		double v = value_of(&x, o);
		if (v < best)
			best = v, best_name = queue_policy_name(policies[p]);
		worst = MAX(worst, v);
	}
	struct policy_settings ps = { .objective = o,
				      .machine = { .servers = 1 },
				      .may_preempt = true };
	policy_init(&c->state, &ps, QUEUE_FCFS, 0);
	c->memory = aligned_alloc(64, (policy_size(&c->state) + 63) / 64 * 64);
	c->j = j;
	struct replay_settings s = {
		.queue = queue_settings_of(QUEUE_FCFS), .servers = 1, .on_steer = steer, .ctx = c
	};
	struct replay_result x = replay(j, s, &took);
	double v = value_of(&x, o), unit = o == POLICY_SLOWDOWN ? 1 : 1e6;
	printf("| %s | %s | %s: %.3g | %.3g | %.3g | %+.1f %% | %u |\n", name,
	       policy_objective_name(o), best_name, best / unit, worst / unit, v / unit,
	       100 * (v / best - 1), c->state.changes);
	fflush(stdout);
	free(c->memory);
	free(c);
}

/* The second half is another law at another load, with the times going on. */
static struct jobs changing(size_t n)
{
	struct jobs a = draw(n / 2, 0.5, 1, 3), b = draw(n / 2, 0.85, 2, 4);
	struct jobs j = { n, xcalloc(n, sizeof(int64_t)), xcalloc(n, sizeof(int64_t)) };
	int64_t end = a.arrival[n / 2 - 1];
	for (size_t i = 0; i < n / 2; i++) {
		j.arrival[i] = a.arrival[i];
		j.size[i] = a.size[i];
		j.arrival[n / 2 + i] = end + b.arrival[i];
		j.size[n / 2 + i] = b.size[i];
	}
	jobs_free(&a);
	jobs_free(&b);
	return j;
}

static void bench_auto(void)
{
	static const char *const names[] = { "exponential at 0.8", "constant at 0.8",
					     "bounded Pareto at 0.8" };
	puts("\n## The automatic choice against the best fixed policy (200,000 jobs, from FCFS)\n");
	puts("| load | objective | best (floor) | worst | auto | regret | changes |\n|---|---|---|---|---|---|---|");
	for (int o = 0; o < POLICY_OBJECTIVE_COUNT; o++) {
		for (int law = 0; law < 3; law++) {
			struct jobs j = draw(200000, 0.8, law, 9);
			regret(names[law], &j, (enum policy_objective)o);
			jobs_free(&j);
		}
		struct jobs j = changing(200000);
		regret("constant at 0.5, then Pareto at 0.85", &j, (enum policy_objective)o);
		jobs_free(&j);
	}
}

/* Without arguments all of it; else the parts named: decisions, events, memory, auto. */
int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} parts[] = { { "decisions", bench_decisions },
		      { "events", bench_events },
		      { "memory", bench_memory },
		      { "auto", bench_auto } };
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		bool is_asked = argc == 1;
		for (int k = 1; k < argc; k++)
			is_asked |= streq(argv[k], parts[i].name);
		if (is_asked)
			parts[i].run();
	}
	return 0;
}
