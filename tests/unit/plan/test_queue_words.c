/*
 * queue_plan in tables: what is decided, with its reasons; words for who waits; deadlines; reservations
 * that never move later; estimates, predictions and the automatic choice.
 */
#include "common/base/rng.h"
#include "common/plan/policy_auto.h"
#include "tests/support/check.h"

#include <math.h>

static const char *const resources[] = { "cpu", "memory" };

struct world {
	void *memory;
	struct queue *q;
	uint32_t handles[64];
	struct str said;
};

static void world_init(struct world *w, struct queue_settings s, uint32_t places)
{
	struct queue_limits l = { .jobs_max = 64,
				  .shapes_max = 160,
				  .places_max = places,
				  .groups_max = 2,
				  .parts_max = 64,
				  .resources = 2,
				  .resource_names = resources,
				  .has_deadlines = true,
				  .has_max_wait = true };
	size_t size = (queue_size(&l) + 63) / 64 * 64;
	w->memory = aligned_alloc(64, size);
	memset(w->memory, 0, size);
	w->q = queue_init(w->memory, &l, &s);
	str_init(&w->said, 1u << 16);
}

static void world_fini(struct world *w)
{
	free(w->memory);
	str_fini(&w->said);
}

/* The job's letter is 'a' + number. */
static void come(struct world *w, int number, int64_t now_s, int64_t size_s, int64_t cpu,
		 int64_t memory, uint32_t group)
{
	struct queue_request r = { .need = { cpu, memory }, .group = group };
	struct error err;
	struct queue_job j = { .id = (uint64_t)number,
			       .arrival_us = now_s * 1000000,
			       .estimate_us = size_s * 1000000 };
	CHECK(queue_shape(w->q, &r, &j.shape, &err) == 0);
	CHECK(queue_arrive(w->q, &j, now_s * 1000000, &w->handles[number], &err) == 0);
	queue_shape_drop(w->q, j.shape);
}

static const char *next(struct world *w, int64_t now_s)
{
	static const char marks[] = "+!>x";
	struct queue_action a[QUEUE_ACTIONS_MIN];
	str_clear(&w->said);
	for (size_t n; (n = queue_next(w->q, now_s * 1000000, a, ARRAY_LEN(a))) > 0;)
		for (size_t i = 0; i < n; i++)
			str_addf(&w->said, "%s%c%c(%s)", w->said.len ? " " : "", marks[a[i].verb],
				 (char)('a' + a[i].id), a[i].why);
	return w->said.data;
}

static const char *why(struct world *w, int number, int64_t now_s)
{
	str_clear(&w->said);
	queue_why(w->q, w->handles[number], now_s * 1000000, &w->said);
	return w->said.data;
}

static void test_freeze_and_words(void)
{
	struct world w;
	struct queue_settings s = queue_settings_of(QUEUE_SRTF);
	s.kept = 2; /* memory stays */
	world_init(&w, s, 1);
	queue_set_place(w.q, 0, (int64_t[]){ 4, 8 });
	come(&w, 0, 0, 100, 4, 3, 0);
	CHECK_TEXT("starts", next(&w, 0), "+a(it has the least left to do)");
	come(&w, 1, 10, 20, 4, 3, 0);
	CHECK_TEXT("freezes", next(&w, 10),
		   "!a(another has less left to do) +b(it has the least left to do)");
	CHECK_TEXT("twice", next(&w, 10), "");
	CHECK_TEXT("frozen", why(&w, 0, 10),
		   "frozen after 10 s of work: it is the first to start; needs 4 cpu, 0 free");
	come(&w, 2, 11, 5, 4, 3, 0);
	/* a's memory stays taken, and b's would: freezing b would not make room. */
	CHECK_TEXT("memory is kept", next(&w, 11), "");
	CHECK_TEXT("needs", why(&w, 2, 11),
		   "it is the first to start; needs 4 cpu, 0 free; needs 3 memory, 2 free");
	come(&w, 3, 12, 5, 5, 1, 0);
	CHECK_TEXT("never", why(&w, 3, 12), "it can never start here: needs 5 cpu, 4 exist");
	queue_finish(w.q, w.handles[1], 30000000);
	CHECK_TEXT("the short one", next(&w, 30), "+c(it has the least left to do)");
	queue_finish(w.q, w.handles[2], 35000000);
	CHECK_TEXT("goes on", next(&w, 35), ">a(it has the least left to do)");
	world_fini(&w);
}

static void test_evicts(void)
{
	struct world w;
	struct queue_settings s = queue_settings_of(QUEUE_SRTF);
	s.kept = 2;
	s.may_evict = true;
	world_init(&w, s, 1);
	queue_set_place(w.q, 0, (int64_t[]){ 4, 4 });
	come(&w, 0, 0, 100, 4, 3, 0);
	(void)next(&w, 0);
	come(&w, 1, 1, 1, 1, 3, 0);
	CHECK_TEXT("no memory but by evicting", next(&w, 1),
		   "xa(another has less left to do) +b(it has the least left to do)");
	world_fini(&w);
}

static void test_groups_and_bounds(void)
{
	struct world w;
	struct queue_settings s = queue_settings_of(QUEUE_FCFS);
	s.max_wait_us = 60000000;
	world_init(&w, s, 1);
	queue_set_place(w.q, 0, (int64_t[]){ 4, 100 });
	queue_set_group(w.q, 1, &(struct queue_group){ .running_max = 1, .quota = { 2 } });
	come(&w, 0, 0, 10, 1, 1, 1);
	come(&w, 1, 0, 10, 1, 1, 1);
	come(&w, 2, 0, 10, 1, 1, 0);
	/* A full group holds up its own jobs only, though FCFS blocks. */
	CHECK_TEXT("passes", next(&w, 0), "+a(it came first) +c(it came first)");
	CHECK_TEXT("group", why(&w, 1, 0), "its queue runs 1 jobs, at most 1 may");
	queue_set_group(w.q, 1, &(struct queue_group){ .quota = { 1 } });
	CHECK_TEXT("quota", why(&w, 1, 0), "its queue uses 1 of its 1 cpu, this job needs 1");
	CHECK_INT(queue_wake_us(w.q, 0), 60000000);
	queue_set_group(w.q, 1, &(struct queue_group){ 0 });
	CHECK_TEXT("may again", next(&w, 1), "+b(it came first)");
	s = queue_settings_of(QUEUE_SJF);
	s.max_wait_us = 60000000;
	queue_set_settings(w.q, &s);
	come(&w, 3, 2, 99, 4, 1, 0);
	come(&w, 4, 50, 1, 1, 1, 0);
	CHECK_TEXT("the short one passes", next(&w, 50), "+e(it is the shortest)");
	come(&w, 5, 62, 1, 1, 1, 0);
	queue_finish(w.q, w.handles[4], 62000000);
	/* The long one has waited a minute: it goes first, and nobody takes what it needs. */
	CHECK_TEXT("nobody passes", next(&w, 62), "");
	CHECK_TEXT("says so", why(&w, 5, 62),
		   "job 3 waited longer than maxWait and goes first; 2 are waiting");
	for (int i = 0; i < 3; i++)
		queue_finish(w.q, w.handles[i], 63000000);
	CHECK_TEXT("it starts", next(&w, 63), "+d(it waited longer than maxWait)");
	world_fini(&w);
}

/* With ageing 0.5 a job of 100 s is passed only by those that come within 200 s minus twice their own
 * length: the stream of short ones never ends, and it starts all the same. */
static void test_ageing(void)
{
	struct world w;
	struct queue_settings s = queue_settings_of(QUEUE_SJF);
	s.ageing = 0.5;
	world_init(&w, s, 1);
	queue_set_place(w.q, 0, (int64_t[]){ 1, 10 });
	come(&w, 0, 0, 100, 1, 1, 0);
	int64_t now = 0, started = -1;
	for (int i = 1; i < 60 && started < 0; i++, now += 10) {
		come(&w, i, now, 10, 1, 1, 0);
		const char *said = next(&w, now);
		if (strstr(said, "+a"))
			started = now;
		else
			CHECK(said[0] == '+');
		if (started < 0)
			queue_finish(w.q, w.handles[i], (now + 10) * 1000000);
	}
	/* Keys: 100 s against 10 s + now / 2: at 180 s they are equal, and the lower id goes first. */
	CHECK_INT(started, 180);
	world_fini(&w);
}

static void test_restart(void)
{
	struct world w;
	struct queue_settings s = queue_settings_of(QUEUE_LAS);
	s.quantum_us = 5000000;
	world_init(&w, s, 2);
	queue_set_place(w.q, 0, (int64_t[]){ 1, 10 });
	queue_set_place(w.q, 1, (int64_t[]){ 1, 10 });
	for (int i = 0; i < 4; i++)
		come(&w, i, i, 100, 1, 1, 0);
	/* The shell comes back and finds a running on node 1, b frozen (it keeps nothing). */
	queue_adopt(w.q, w.handles[0], 1, 30000000, true, 10000000);
	queue_adopt(w.q, w.handles[1], 0, 8000000, false, 10000000);
	CHECK_TEXT("c and d have had nothing", next(&w, 10),
		   "+c(it has been served least) !a(another has been served less) "
		   "+d(it has been served least)");
	CHECK_INT(queue_view(w.q, w.handles[2]).place, 0);
	/* Until c and d are five seconds ahead of b. */
	CHECK_INT(queue_wake_us(w.q, 10000000), 23000000);
	queue_lost(w.q, w.handles[3], 11000000);
	CHECK_TEXT("its node died", next(&w, 11), "+d(it has been served least)");
	queue_cancel(w.q, w.handles[0], 12000000);
	queue_cancel(w.q, w.handles[2], 12000000);
	CHECK_TEXT("b goes on", next(&w, 12), ">b(it has been served least)");
	world_fini(&w);
}

static void test_deadlines(void)
{
	struct world w;
	struct queue_settings s = queue_settings_of(QUEUE_EDF);
	struct queue_request one = { .need = { 1, 0 } };
	struct error err;
	uint32_t handle;
	world_init(&w, s, 1);
	queue_set_place(w.q, 0, (int64_t[]){ 2, 0 });
	struct queue_job j = { .estimate_us = 10000000 };
	CHECK(queue_shape(w.q, &one, &j.shape, &err) == 0);
	for (uint64_t i = 0; i < 6; i++) {
		j.id = i;
		j.deadline_us = 100000000;
		CHECK(queue_arrive(w.q, &j, 0, &handle, &err) == 0);
	}
	static const struct {
		const char *name;
		int64_t estimate_s, deadline_s;
		const char *words;
	} rows[] = {
		{ "no deadline", 1000, 0, "" },
		{ "too long by itself", 30, 20,
		  "cannot meet its deadline: it needs 30 s and has 20 s" },
		{ "before the others", 15, 20, "" },
		{ "the others first, in time", 60, 100, "" },
		{ "too much before it", 90, 110, "" },
		{ "no longer", 100, 100, "" },
		{ "one second more than two servers have", 100, 79,
		  "cannot meet its deadline: it needs 100 s and has 79 s" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		j.estimate_us = rows[i].estimate_s * 1000000;
		j.deadline_us = rows[i].deadline_s * 1000000;
		str_clear(&w.said);
		CHECK(queue_meets_deadline(w.q, &j, 0, &w.said) == (rows[i].words[0] == 0));
		CHECK_TEXT(rows[i].name, w.said.data, rows[i].words);
	}
	/* Sixty seconds of work before 100 s on two servers leave 140 server seconds. */
	for (uint64_t i = 6; i < 20; i++) {
		j.id = i;
		j.estimate_us = 10000000;
		j.deadline_us = 90000000;
		CHECK(queue_arrive(w.q, &j, 0, &handle, &err) == 0);
	}
	j.deadline_us = 100000000;
	str_clear(&w.said);
	CHECK(!queue_meets_deadline(w.q, &j, 0, &w.said));
	CHECK_TEXT(
		"full", w.said.data,
		"cannot meet its deadline: 20 jobs with earlier deadlines and itself need more than the "
		"100 s left");
	world_fini(&w);
}

/* ---- backfill: while a job is first, its reserved start never moves later ---- */

static void backfill_once(uint64_t seed, enum queue_policy policy)
{
	struct world w;
	struct rng r = { seed };
	struct queue_settings s = queue_settings_of(policy);
	struct queue_action a[QUEUE_ACTIONS_MIN];
	int64_t ends[64], now = 0, promised = INT64_MAX;
	uint32_t first = QUEUE_NONE;
	int came = 0, passed = 0;
	bool is_running[64] = { false };
	s.backfills = true;
	world_init(&w, s, 2);
	queue_set_place(w.q, 0, (int64_t[]){ 8, 8 });
	queue_set_place(w.q, 1, (int64_t[]){ 4, 16 });
	for (; now < 400; now++) {
		/* A shorter newcomer may rightly go before: for SJF all are there from the start. */
		while (came < 60 && (policy == QUEUE_SJF || rng_one_in(&r, 3))) {
			come(&w, came, now, 1 + (int64_t)rng_below(&r, 30),
			     1 + (int64_t)rng_below(&r, 8), (int64_t)rng_below(&r, 9), 0);
			came++;
		}
		for (int i = 0; i < came; i++)
			if (is_running[i] && ends[i] == now) {
				queue_finish(w.q, w.handles[i], now * 1000000);
				is_running[i] = false;
			}
		for (size_t n; (n = queue_next(w.q, now * 1000000, a, ARRAY_LEN(a))) > 0;)
			for (size_t i = 0; i < n; i++) {
				CHECK(a[i].verb == QUEUE_ADMIT);
				is_running[a[i].id] = true;
				ends[a[i].id] =
					now + queue_view(w.q, a[i].job).estimate_us / 1000000;
				passed += strstr(a[i].why, "before the first") != NULL;
				if (a[i].job == first)
					CHECK(now * 1000000 <= promised);
			}
		uint32_t head;
		int64_t start;
		if (!queue_reservation(w.q, &head, &start)) {
			first = QUEUE_NONE;
			continue;
		}
		if (head == first)
			CHECK(start <= promised);
		first = head;
		promised = start;
	}
	CHECK(policy != QUEUE_FCFS || passed > 0);
	world_fini(&w);
}

/* ---- estimates ---- */

static void test_estimates(void)
{
	struct estimate_class *classes = xcalloc(2, sizeof *classes);
	struct estimates e;
	struct rng r = { 3 };
	estimate_init(&e, classes, 2);
	CHECK(estimate_of(&e, 0, 0.9).samples == 0);
	(void)estimate_learn(&e, 0, 10000000);
	struct estimate x = estimate_of(&e, 1, 0.9);
	CHECK(!x.is_own && x.samples == 1 && x.median_us == 10000000 && x.coverage == 0);
	for (int i = 1; i < 9; i++)
		(void)estimate_learn(&e, 0, 10000000 + i * 1000000);
	x = estimate_of(&e, 0, 0.9);
	/* Nine samples cover the next with 8/10 at most: it says 0.8, not 0.9. */
	CHECK(x.is_own && x.samples == 9 && x.low_us == 10000000 && x.high_us == 18000000);
	CHECK(fabs(x.coverage - 0.8) < 1e-12);
	CHECK_INT(x.median_us, 14000000);
	/* Many samples: quantiles to a few per cent, and the stated share of new ones inside. */
	int inside = 0;
	for (int i = 0; i < 3000; i++) {
		double u = (double)(rng_next(&r) >> 11) / 9007199254740992.0;
		int64_t run = (int64_t)(exp(log(1e6) + 2 * u) + 0.5);
		x = estimate_of(&e, 1, 0.8);
		inside += i >= 500 && run >= x.low_us && run <= x.high_us;
		(void)estimate_learn(&e, 1, run);
	}
	CHECK(inside > 2500 * 0.76 && inside < 2500 * 0.84);
	CHECK(fabs((double)estimate_quantile(&classes[1], 0.5) / 2718281.8 - 1) < 0.2);
	CHECK_INT(classes[1].drifts, 0);
	/* Four times as long from now on: noticed within a dozen, and the old is forgotten. */
	int until = 0;
	while (!estimate_learn(&e, 1, 12000000 + until * 100000) && until < 100)
		until++;
	CHECK(until < 12);
	x = estimate_of(&e, 1, 0.8);
	CHECK(x.median_us > 10000000 && x.samples < 10);
	free(classes);
}

static void test_load(void)
{
	struct load l;
	load_init(&l, 0, 1000000000);
	for (int i = 0; i < 1000; i++) {
		load_arrived(&l, i * 1000);
		load_ended(&l, i * 1000 + 600, 600, 600);
	}
	struct load_summary s = load_summarize(&l, 1000000, 1);
	CHECK(fabs(s.rate - 0.001) < 1e-9 && fabs(s.utilization - 0.6) < 1e-6);
	CHECK(s.arrival_variation < 1e-9 && s.variation < 1e-9 && s.samples == 1000);
	CHECK(fabs(s.mean_present - 0.6) < 1e-9 && fabs(s.rate_times_response - 0.6) < 1e-9);
}

/* ---- predictions: the drawn truth lies in the interval as often as it says ---- */

static void test_predictions(void)
{
	enum { JOBS = 12, ROUNDS = 120 };
	struct rng r = { 11 };
	int inside = 0, of = 0;
	for (int round = 0; round < ROUNDS; round++) {
		struct predict_job jobs[JOBS] = { 0 };
		struct predicted out[JOBS];
		int64_t arrival[JOBS] = { 0 }, size[JOBS];
		for (int i = 0; i < JOBS; i++) {
			jobs[i].run = (struct estimate){ .low_us = 1000000,
							 .median_us = 2000000,
							 .high_us = 4000000,
							 .coverage = 0.8,
							 .samples = 50,
							 .is_own = true };
			jobs[i].estimate_us = 2000000;
			jobs[i].is_running = i < 2;
			/* The truth is drawn from the same law: log-linear between the quantiles. */
			double u = (double)(rng_next(&r) >> 11) / 9007199254740992.0;
			size[i] = (int64_t)(2e6 * pow(2, (u - 0.5) / 0.4));
			arrival[i] = i < 2 ? 0 : 1;
		}
		struct predict_request q = { .jobs = jobs,
					     .count = JOBS,
					     .coverage = 0.8,
					     .worlds = 100,
					     .seed = (uint64_t)round,
					     .machine = { .queue = queue_settings_of(QUEUE_FCFS),
							  .servers = 2 } };
		struct error err;
		void *memory = aligned_alloc(64, (predict_size(&q) + 63) / 64 * 64);
		CHECK(predict_queue(&q, memory, out, &err) == 0);
		free(memory);
		struct replay_trace t = { .count = JOBS, .arrival_us = arrival, .size_us = size };
		struct replay *p = NULL;
		size_t bytes = (replay_size(&t, &q.machine) + 63) / 64 * 64;
		memory = aligned_alloc(64, bytes);
		memset(memory, 0, bytes);
		CHECK(replay_init(memory, &t, &q.machine, &p, &err) == 0);
		while (replay_step(p, 1000))
			;
		for (int i = 2; i < JOBS; i++, of++) {
			int64_t start = (int64_t)replay_waits(p)[i];
			CHECK(out[i].start.low_us <= out[i].start.median_us &&
			      out[i].start.median_us <= out[i].start.high_us);
			CHECK(out[i].finish.median_us > out[i].start.median_us &&
			      out[i].coverage == 0.8);
			inside += start >= out[i].start.low_us && start <= out[i].start.high_us;
		}
		CHECK(out[0].start.high_us == 0);
		free(memory);
	}
	double share = (double)inside / of;
	if (share < 0.74 || share > 0.88) {
		fprintf(stderr, "%.3f of the starts are in their 0.8 interval\n", share);
		exit(1);
	}
}

/* ---- auto ---- */

/* Phases of exponential, constant and heavy-tailed sizes, at one server, ended as they would by FCFS. */
static const char *auto_says(enum policy_objective o, int64_t max_wait_us, double load, int law,
			     struct policy_auto *a)
{
	struct policy_settings s = { .objective = o,
				     .machine = { .servers = 1 },
				     .max_wait_us = max_wait_us,
				     .may_preempt = true };
	struct rng r = { 5 };
	double now = 0, free_at = 0;
	policy_init(a, &s, QUEUE_FCFS, 0);
	void *memory = aligned_alloc(64, (policy_size(a) + 63) / 64 * 64);
	for (uint64_t i = 0; i < 3000; i++) {
		double u = ((double)(rng_next(&r) >> 11) + 0.5) / 9007199254740992.0;
		double v = ((double)(rng_next(&r) >> 11) + 0.5) / 9007199254740992.0;
		double size = law == 0   ? 1e5
			      : law == 1 ? -log(v) * 1e5
					 : 2e4 * pow(1 - v * (1 - pow(1e-4, 1.2)), -1 / 1.2);
		now += -log(u) * (law == 2 ? 9.6e4 : 1e5) / load;
		policy_arrived(a, i, (int64_t)now, (int64_t)size, NULL);
		if (policy_is_due(a))
			(void)policy_look(a, (int64_t)now, memory);
		free_at = MAX(now, free_at) + size;
		policy_ended(a, i, (int64_t)now, (int64_t)size, (int64_t)(free_at - now));
	}
	free(memory);
	return a->why;
}

static void test_auto(void)
{
	struct policy_auto *a = xcalloc(1, sizeof *a);
	const char *text = auto_says(POLICY_WAIT, 0, 0.85, 2, a);
	CHECK(a->current == QUEUE_SRTF && a->changes == 1);
	CHECK(starts_with(text, "C² = ") && strstr(text, ": SRTF is predicted to wait ") &&
	      strstr(text, " × less than FCFS"));
	text = auto_says(POLICY_WAIT, 0, 0.85, 0, a);
	CHECK(a->current == QUEUE_FCFS && a->changes == 0 &&
	      strstr(text, "FCFS is as good as any"));
	(void)auto_says(POLICY_SLOWDOWN, 0, 0.85, 1, a);
	CHECK(a->current == QUEUE_SRTF);
	/* The long ones would wait too long under SRTF: the bound decides. */
	text = auto_says(POLICY_WAIT, 1200000, 0.8, 1, a);
	CHECK(a->predicted[QUEUE_SRTF] < a->predicted[QUEUE_FCFS]);
	text = auto_says(POLICY_WAIT, 1, 0.85, 1, a);
	CHECK(strstr(text, "no policy keeps maxWait"));
	free(a);
}

int main(void)
{
	test_freeze_and_words();
	test_evicts();
	test_groups_and_bounds();
	test_ageing();
	test_restart();
	test_deadlines();
	for (uint64_t seed = 1; seed <= 60; seed++)
		for (int p = 0; p < QUEUE_POLICY_COUNT; p++)
			if (p == QUEUE_FCFS || p == QUEUE_SJF || p == QUEUE_PRIORITY)
				backfill_once(seed, (enum queue_policy)p);
	test_estimates();
	test_load();
	test_predictions();
	test_auto();
	return 0;
}
