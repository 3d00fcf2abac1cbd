/*
 * The replay against theory: closed forms within confidence intervals, conservation laws and Little's
 * law on every trace, and on every small instance an optimum found by trying everything.
 * `test_queueing SEEDS JOBS` prints the table of docs/queueing.md.
 */
#include "common/base/rng.h"
#include "common/plan/predict.h"
#include "tests/support/check.h"

#include <math.h>

#define PIECES 4000

static double uniform(struct rng *r)
{
	return ((double)(rng_next(r) >> 11) + 0.5) / 9007199254740992.0;
}

struct jobs {
	size_t n;
	int64_t *arrival, *size;
};

static void jobs_free(struct jobs *j)
{
	free(j->arrival);
	free(j->size);
}

static struct replay *replay_all(const struct replay_trace *t, const struct replay_settings *s,
				 void **ret_memory, struct replay_result *ret)
{
	struct replay *r = NULL;
	struct error err;
	size_t size = (replay_size(t, s) + 63) / 64 * 64;
	*ret_memory = aligned_alloc(64, size);
	memset(*ret_memory, 0, size);
	CHECK(replay_init(*ret_memory, t, s, &r, &err) == 0);
	while (replay_step(r, 1000))
		;
	CHECK_INT(replay_done(r), t->count);
	if (ret)
		replay_finish(r, ret);
	return r;
}

static struct replay_result run(const struct jobs *j, enum queue_policy p, uint32_t servers)
{
	struct replay_trace t = { .count = j->n, .arrival_us = j->arrival, .size_us = j->size };
	struct replay_settings s = { .queue = queue_settings_of(p), .servers = servers };
	struct replay_result x;
	void *memory;
	(void)replay_all(&t, &s, &memory, &x);
	free(memory);
	return x;
}

/* ---- closed forms ---- */

enum law { EXPONENTIAL, CONSTANT, PARETO, LAWS };
static const char *const law_names[LAWS] = { "exponential", "deterministic", "bounded Pareto" };
#define ALPHA 1.5
#define LEAST 400.0
#define MOST  40000.0

static double draw(enum law l, struct rng *r)
{
	if (l == EXPONENTIAL)
		return -log(uniform(r)) * 1000;
	if (l == CONSTANT)
		return 1000;
	return LEAST * pow(1 - uniform(r) * (1 - pow(LEAST / MOST, ALPHA)), -1 / ALPHA);
}

static struct predict_law law_of(enum law l, double *sizes, double *chances)
{
	if (l == EXPONENTIAL)
		return predict_exponential(1000, sizes, chances, PIECES);
	if (l == CONSTANT)
		return predict_constant(1000, sizes, chances);
	return predict_pareto(ALPHA, LEAST, MOST, sizes, chances, PIECES);
}

/* Times a thousand: a microsecond is then too little to be seen in the means. */
static struct jobs draw_jobs(enum law l, double rate, size_t n, uint64_t seed)
{
	struct jobs j = { n, xcalloc(n, sizeof(int64_t)), xcalloc(n, sizeof(int64_t)) };
	struct rng r = { seed };
	double now = 0;
	for (size_t i = 0; i < n; i++) {
		now += -log(uniform(&r)) / rate;
		j.arrival[i] = (int64_t)(now * 1000);
		j.size[i] = (int64_t)(draw(l, &r) * 1000);
	}
	return j;
}

struct mean {
	double sum, squares;
	int n;
};

static void mean_add(struct mean *m, double x)
{
	m->sum += x;
	m->squares += x * x;
	m->n++;
}

/* Half the interval that holds the true mean but for one time in a thousand (Student's t). */
static double half_interval(const struct mean *m)
{
	static const double t[] = { 0,    636,  31.6, 12.9, 8.61, 6.87, 5.96, 5.41, 5.04, 4.78,
				    4.59, 4.44, 4.32, 4.22, 4.14, 4.07, 4.01, 3.97, 3.92, 3.88 };
	double mean = m->sum / m->n;
	double variance = (m->squares - m->n * mean * mean) / (m->n - 1);
	return t[MIN((size_t)m->n - 1, ARRAY_LEN(t) - 1)] * sqrt(MAX(0, variance) / m->n);
}

static void check_mean(const char *what, double load, const char *policy, const struct mean *m,
		       double want, bool is_told)
{
	double got = m->sum / m->n / 1000, half = half_interval(m) / 1000;
	if (is_told)
		printf("| %s | %.1f | %s | %.1f | %.1f ± %.1f |\n", what, load, policy, want, got,
		       half);
	/* A thousandth is the start from an empty server and the cutting of laws into pieces. */
	if (fabs(got - want) <= half + want * 0.001 + 0.01)
		return;
	fprintf(stderr, "%s at %.1f, %s: %.2f ± %.2f, theory says %.2f\n", what, load, policy, got,
		half, want);
	exit(1);
}

static void test_one_server(int seeds, size_t n, bool is_told)
{
	static const enum queue_policy policies[] = { QUEUE_FCFS, QUEUE_SJF, QUEUE_SRTF,
						      QUEUE_LAS };
	static const enum predict_policy theory[] = { PREDICT_FCFS, PREDICT_SJF, PREDICT_SRPT,
						      PREDICT_LAS };
	static const double loads[] = { 0.5, 0.7, 0.9 };
	static double sizes[PIECES], chances[PIECES];
	for (int l = 0; l < LAWS; l++)
		for (size_t k = 0; k < ARRAY_LEN(loads); k++) {
			struct predict_law law = law_of((enum law)l, sizes, chances);
			double rate = loads[k] / predict_mean(&law);
			struct mean m[ARRAY_LEN(policies)] = { 0 };
			for (int seed = 1; seed <= seeds; seed++) {
				struct jobs j = draw_jobs((enum law)l, rate, n, (uint64_t)seed);
				for (size_t p = 0; p < ARRAY_LEN(policies); p++)
					mean_add(&m[p], run(&j, policies[p], 1).mean_wait_us);
				jobs_free(&j);
			}
			for (size_t p = 0; p < ARRAY_LEN(policies); p++)
				check_mean(law_names[l], loads[k], queue_policy_name(policies[p]),
					   &m[p], predict_wait(theory[p], &law, rate), is_told);
		}
}

static void test_many_servers(int seeds, size_t n, bool is_told)
{
	static const uint32_t servers[] = { 2, 5, 20 };
	static const double loads[] = { 0.5, 0.7, 0.9 };
	for (size_t c = 0; c < ARRAY_LEN(servers); c++)
		for (size_t k = 0; k < ARRAY_LEN(loads); k++) {
			double rate = loads[k] * servers[c] / 1000;
			struct mean m = { 0 };
			char what[32];
			for (int seed = 1; seed <= seeds; seed++) {
				struct jobs j = draw_jobs(EXPONENTIAL, rate, n, (uint64_t)seed);
				mean_add(&m, run(&j, QUEUE_FCFS, servers[c]).mean_wait_us);
				jobs_free(&j);
			}
			int wrote = snprintf(what, sizeof what, "M/M/%u", servers[c]);
			(void)wrote;
			check_mean(what, loads[k], "fcfs", &m,
				   predict_wait_of_many(servers[c], rate, 1000), is_told);
		}
}

/* Numbers from books, so that simulation and formula cannot be wrong together. */
static void test_known_values(void)
{
	static double sizes[PIECES], chances[PIECES];
	struct predict_law e = predict_exponential(1, sizes, chances, PIECES);
	/* M/M/1: ρ/(1-ρ) times the mean; PS and LAS have the same mean for exponential sizes. */
	CHECK(fabs(predict_wait(PREDICT_FCFS, &e, 0.8) - 4) < 1e-3);
	CHECK(fabs(predict_wait(PREDICT_PS, &e, 0.8) - 4) < 1e-6);
	CHECK(fabs(predict_wait(PREDICT_LAS, &e, 0.8) - 4) < 2e-3);
	CHECK(fabs(predict_slowdown(PREDICT_PS, &e, 0.75) - 4) < 1e-6);
	double constant[1], one[1];
	struct predict_law d = predict_constant(1, constant, one);
	/* M/D/1 waits half as long; by size it is FCFS; LAS ends everything at the end of the busy period. */
	CHECK(fabs(predict_wait(PREDICT_FCFS, &d, 0.5) - 0.5) < 1e-12);
	CHECK(fabs(predict_wait(PREDICT_SJF, &d, 0.5) - 0.5) < 1e-12);
	CHECK(fabs(predict_wait(PREDICT_SRPT, &d, 0.5) - 0.5) < 1e-12);
	CHECK(fabs(predict_wait(PREDICT_LAS, &d, 0.5) - 2) < 1e-12);
	CHECK(isinf(predict_wait(PREDICT_SRPT, &d, 1)) && predict_wait(PREDICT_FCFS, &d, 0) == 0);
	/* Erlang's C: 2 servers, one erlang: 1/3; 5 servers, 4 erlang: 0.5541. */
	CHECK(fabs(predict_erlang_c(2, 1) - 1.0 / 3) < 1e-12);
	CHECK(fabs(predict_erlang_c(5, 4) - 0.5541) < 1e-4);
	CHECK(predict_erlang_c(3, 3) == 1 && isinf(predict_wait_of_many(3, 3, 1)));
	struct predict_law p = predict_pareto(1.5, 400, 40000, sizes, chances, PIECES);
	double k = 400, m = 40000,
	       mean = 1.5 * pow(k, 1.5) / (1 - pow(k / m, 1.5)) * (pow(k, -0.5) - pow(m, -0.5)) /
		      0.5;
	CHECK(fabs(predict_mean(&p) / mean - 1) < 1e-9);
	double measured[] = { 1, 1, 4 }, thirds[3];
	struct predict_law s = predict_measured(measured, thirds, 3);
	CHECK(fabs(predict_mean(&s) - 2) < 1e-12 && fabs(predict_variation(&s) - 0.5) < 1e-12);
}

/* ---- laws that hold on every trace ---- */

static struct jobs draw_small(struct rng *r, size_t most, int span)
{
	size_t n = 1 + rng_below(r, most);
	struct jobs j = { n, xcalloc(n, sizeof(int64_t)), xcalloc(n, sizeof(int64_t)) };
	int64_t now = 0;
	for (size_t i = 0; i < n; i++) {
		now += (int64_t)rng_below(r, (uint64_t)span);
		j.arrival[i] = now;
		j.size[i] = (int64_t)rng_below(r, 12);
	}
	return j;
}

static bool watch_load(void *ctx, size_t job, bool has_ended, int64_t estimate_us, int64_t now_us,
		       int64_t wait_us, struct queue_settings *settings)
{
	struct load *l = ctx;
	(void)job;
	(void)settings;
	/* estimate_us is 0 at the end; sizes are not needed for this. */
	if (has_ended)
		load_ended(l, now_us, 1, wait_us + (int64_t)estimate_us);
	else
		load_arrived(l, now_us);
	return false;
}

/* The sum of size × wait is the same under every policy that never idles nor preempts (Kleinrock's
 * conservation law, on one trace exactly); one server's makespan under all. Little: the integral of
 * the number present is the sum of the responses. */
static void test_laws(void)
{
	struct rng r = { 7 };
	for (int round = 0; round < 400; round++) {
		struct jobs j = draw_small(&r, 40, 9);
		int64_t priority[40];
		int32_t levels[40];
		double sum = -1, makespan = -1, best = INFINITY, others = INFINITY;
		for (size_t i = 0; i < j.n; i++)
			levels[i] = (int32_t)rng_below(&r, 5),
			priority[i] = 1 + (int64_t)rng_below(&r, 200);
		for (int p = 0; p < QUEUE_POLICY_COUNT; p++) {
			struct replay_trace t = { .count = j.n,
						  .arrival_us = j.arrival,
						  .size_us = j.size,
						  .priority = levels,
						  .deadline_us = priority };
			struct load load;
			struct replay_settings s = {
				.queue = queue_settings_of((enum queue_policy)p), .servers = 1
			};
			struct replay_result x;
			void *memory;
			struct replay *done = replay_all(&t, &s, &memory, NULL);
			double weighted = 0;
			for (size_t i = 0; i < j.n; i++)
				weighted += replay_waits(done)[i] * (double)j.size[i];
			if (p != QUEUE_SRTF && p != QUEUE_LAS) {
				CHECK(sum < 0 || weighted == sum);
				sum = weighted;
			}
			replay_finish(done, &x);
			CHECK(makespan < 0 || x.makespan_us == makespan);
			makespan = x.makespan_us;
			*(p == QUEUE_SRTF ? &best : &others) =
				MIN(p == QUEUE_SRTF ? best : others, x.mean_response_us);
			free(memory);
			s.on_steer = watch_load;
			s.ctx = &load;
			s.queue.quantum_us = 1;
			load_init(&load, j.arrival[0], 1000000);
			struct replay_result y;
			(void)replay_all(&t, &s, &memory, &y);
			/* watch_load counts waits only: the sizes are added here. */
			double sizes = 0;
			for (size_t i = 0; i < j.n; i++)
				sizes += (double)j.size[i];
			CHECK(fabs(load.present_area - load.response_sum - sizes) < 1e-6);
			CHECK_INT(load.present, 0);
			free(memory);
		}
		CHECK(best <= others + 1e-9); /* SRTF: the least mean response there is */
		jobs_free(&j);
	}
}

/* ---- every small instance against trying everything ---- */

#define SMALL 4

/* The least sum of completion times of any preemptive schedule in whole steps, from time `now`. */
static int least_sum(const int *arrival, int *left, int n, int now)
{
	int best = INT32_MAX;
	bool is_done = true, idles = true;
	for (int i = 0; i < n; i++)
		is_done &= left[i] == 0;
	if (is_done)
		return 0;
	for (int i = 0; i < n; i++) {
		if (left[i] == 0 || arrival[i] > now)
			continue;
		idles = false;
		left[i]--;
		int sum = least_sum(arrival, left, n, now + 1) + (left[i] == 0 ? now + 1 : 0);
		left[i]++;
		best = MIN(best, sum);
	}
	return idles ? least_sum(arrival, left, n, now + 1) : best;
}

static bool can_meet(const int *arrival, const int *deadline, int *left, int n, int now)
{
	bool is_done = true, idles = true;
	for (int i = 0; i < n; i++) {
		is_done &= left[i] == 0;
		if (left[i] > 0 && now + left[i] > deadline[i])
			return false;
	}
	if (is_done)
		return true;
	for (int i = 0; i < n; i++) {
		if (left[i] == 0 || arrival[i] > now)
			continue;
		idles = false;
		left[i]--;
		bool can = can_meet(arrival, deadline, left, n, now + 1);
		left[i]++;
		if (can)
			return true;
	}
	return idles && can_meet(arrival, deadline, left, n, now + 1);
}

static void check_small(const int *arrival, const int *size, const int *deadline, int n)
{
	int64_t a[SMALL], s[SMALL], d[SMALL];
	int left[SMALL];
	for (int i = 0; i < n; i++)
		a[i] = arrival[i], s[i] = size[i], d[i] = deadline[i], left[i] = size[i];
	struct replay_trace t = {
		.count = (size_t)n, .arrival_us = a, .size_us = s, .deadline_us = d
	};
	struct replay_settings p = { .queue = queue_settings_of(QUEUE_SRTF), .servers = 1 };
	struct replay_result x;
	void *memory;
	(void)replay_all(&t, &p, &memory, &x);
	free(memory);
	double sum = x.mean_response_us * n;
	for (int i = 0; i < n; i++)
		sum += arrival[i];
	CHECK_INT(llround(sum), least_sum(arrival, left, n, 0));
	p.queue = queue_settings_of(QUEUE_EDF);
	p.queue.preempts = true;
	(void)replay_all(&t, &p, &memory, &x);
	free(memory);
	/* EDF meets all deadlines if any schedule does. */
	CHECK((x.missed == 0) == can_meet(arrival, deadline, left, n, 0));
}

static void test_small(void)
{
	int arrival[SMALL], size[SMALL], deadline[SMALL];
	for (int code = 0; code < 9 * 9 * 9 * 4; code++) {
		int rest = code, n = 3 + (code / 729) % 2;
		for (int i = 0; i < n; i++, rest /= 9) {
			size[i] = 1 + rest % 3;
			arrival[i] = i == 0 ? 0 : arrival[i - 1] + (rest / 3) % 3;
			deadline[i] = arrival[i] + size[i] + (code / 7 + i * 3) % 5;
		}
		check_small(arrival, size, deadline, n);
	}
}

/* ---- textbook examples ---- */

static void test_textbooks(void)
{
	static const struct {
		const char *name;
		enum queue_policy policy;
		int n;
		int64_t arrival[5], size[5];
		double mean_wait;
	} rows[] = {
		/* Silberschatz, Galvin, Gagne: Operating System Concepts, 5.3 */
		{ "FCFS, long first", QUEUE_FCFS, 3, { 0 }, { 24, 3, 3 }, 17 },
		{ "FCFS, short first", QUEUE_FCFS, 3, { 0 }, { 3, 3, 24 }, 3 },
		{ "SJF", QUEUE_SJF, 4, { 0 }, { 6, 8, 7, 3 }, 7 },
		{ "SRTF", QUEUE_SRTF, 4, { 0, 1, 2, 3 }, { 8, 4, 9, 5 }, 6.5 },
		{ "SJF of the same", QUEUE_SJF, 4, { 0, 1, 2, 3 }, { 8, 4, 9, 5 }, 7.75 },
		/* Tanenbaum, Bos: Modern Operating Systems, 2.4.2 (turnaround 14 and 11) */
		{ "in order", QUEUE_FCFS, 4, { 0 }, { 8, 4, 4, 4 }, 9 },
		{ "shortest first", QUEUE_SJF, 4, { 0 }, { 8, 4, 4, 4 }, 6 },
		/* LAS by shares: two of 2 and one of 1 share until 3, then the two until 5. */
		{ "LAS", QUEUE_LAS, 3, { 0 }, { 2, 2, 1 }, (5 - 2 + 5 - 2 + 3 - 1) / 3.0 },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct jobs j = { (size_t)rows[i].n,
				  xmemdup(rows[i].arrival, sizeof rows[i].arrival),
				  xmemdup(rows[i].size, sizeof rows[i].size) };
		struct replay_result x = run(&j, rows[i].policy, 1);
		if (fabs(x.mean_wait_us - rows[i].mean_wait) > 1e-12) {
			fprintf(stderr, "%s: mean wait %g, expected %g\n", rows[i].name,
				x.mean_wait_us, rows[i].mean_wait);
			exit(1);
		}
		jobs_free(&j);
	}
	/* A of 2 s starts when B of 1 s has ended: 3 s. */
	int64_t arrival[] = { 0, 0 }, size[] = { 1000000, 2000000 };
	struct jobs two = { 2, arrival, size };
	CHECK(run(&two, QUEUE_FCFS, 1).makespan_us == 3000000);
}

int main(int argc, char **argv)
{
	int seeds = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 5;
	size_t n = argc > 2 ? strtoul(argv[2], NULL, 10) : 8000;
	test_known_values();
	test_textbooks();
	test_laws();
	test_small();
	test_one_server(seeds, n, argc > 1);
	test_many_servers(seeds, n, argc > 1);
	return 0;
}
