/* When each job of a queue starts and ends: many drawn worlds, each replayed. */
#include "common/base/rng.h"
#include "common/plan/predict.h"

#include <math.h>

#define ALIGN(n) (((n) + 63) / 64 * 64)

struct worlds {
	int64_t *arrival_us, *size_us, *estimate_us, *deadline_us;
	int32_t *priority;
	uint32_t *request_of;
	int64_t *starts; /* of one world, by job */
	int64_t *all;    /* starts and finishes: by job, then by world */
	char *replay;
	uint32_t worlds, at;
};

static void *cut(char *memory, size_t *at, size_t n, size_t size)
{
	void *p = memory ? memory + *at : NULL;
	*at += ALIGN(n * size);
	return p;
}

static struct replay_trace trace_of(const struct predict_request *r, const struct worlds *w)
{
	return (struct replay_trace){ .count = r->count,
				      .arrival_us = w->arrival_us,
				      .size_us = w->size_us,
				      .estimate_us = w->estimate_us,
				      .request_of = r->requests ? w->request_of : NULL,
				      .requests = r->requests,
				      .requests_count = r->requests_count,
				      .priority = w->priority,
				      .deadline_us = w->deadline_us };
}

static void note_span(void *ctx, size_t job, uint32_t place, int64_t from_us, int64_t to_us)
{
	struct worlds *w = ctx;
	(void)place;
	(void)to_us;
	if (w->starts[job] < 0)
		w->starts[job] = from_us;
}

static struct replay_settings settings_of(const struct predict_request *r, struct worlds *w)
{
	struct replay_settings s = r->machine;
	s.learned = NULL;
	s.on_steer = NULL;
	s.on_span = note_span;
	s.ctx = w;
	/* By shares there are no spans; a short quantum comes to the same. */
	if (s.queue.policy == QUEUE_LAS && s.queue.quantum_us == 0)
		s.queue.quantum_us = QUEUE_QUANTUM_US;
	return s;
}

static size_t lay_out(const struct predict_request *r, struct worlds *w, char *memory)
{
	size_t at = 0, n = MAX(r->count, 1);
	w->arrival_us = cut(memory, &at, n, sizeof *w->arrival_us);
	w->size_us = cut(memory, &at, n, sizeof *w->size_us);
	w->estimate_us = cut(memory, &at, n, sizeof *w->estimate_us);
	w->deadline_us = cut(memory, &at, n, sizeof *w->deadline_us);
	w->priority = cut(memory, &at, n, sizeof *w->priority);
	w->request_of = cut(memory, &at, n, sizeof *w->request_of);
	w->starts = cut(memory, &at, n, sizeof *w->starts);
	w->all = cut(memory, &at, 2 * n * r->worlds, sizeof *w->all);
	/* trace_of only asks whether arrays are there; they are, once memory is. */
	static const int64_t there;
	struct worlds sized = *w;
	if (!memory)
		sized.deadline_us = (int64_t *)(uintptr_t)&there;
	if (!memory && r->requests)
		sized.request_of = (uint32_t *)(uintptr_t)&there;
	struct replay_trace t = trace_of(r, &sized);
	struct replay_settings s = settings_of(r, w);
	w->replay = cut(memory, &at, 1, replay_size(&t, &s));
	return at;
}

size_t predict_size(const struct predict_request *r)
{
	struct worlds w = { 0 };
	return lay_out(r, &w, NULL);
}

static double uniform(struct rng *r)
{
	return ((double)(rng_next(r) >> 11) + 0.5) / 9007199254740992.0;
}

/* The run time at chance u: logarithmic between low, median and high, and on with the same slope
 * beyond them. */
static double quantile_of(const struct estimate *e, double u)
{
	double half = MAX(e->coverage, 0.02) / 2;
	double median = log((double)e->median_us + 1);
	double end = log((double)(u < 0.5 ? e->low_us : e->high_us) + 1);
	double slope = fabs(end - median) / half;
	return exp(median + (u - 0.5) * slope) - 1;
}

/* What is left of a job that already ran `attained_us`: drawn among the times that are longer. */
static int64_t draw_rest(const struct predict_job *j, struct rng *rng)
{
	double had = (double)j->attained_us, least = 0;
	if (j->run.samples == 0)
		return MAX(1, j->estimate_us - j->attained_us);
	for (int i = 1; i < 64 && had > 0; i++)
		if (quantile_of(&j->run, i / 64.0) <= had)
			least = i / 64.0;
	double u = least + (1 - least) * uniform(rng);
	double rest = quantile_of(&j->run, u) - had;
	return (int64_t)MAX(1, MIN(rest, (double)QUEUE_TIME_MAX / 1e6));
}

/* Running jobs come a microsecond before the waiting ones, so they have the servers. */
static void draw_world(const struct predict_request *r, struct worlds *w, struct rng *rng)
{
	size_t n = 0;
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < r->count; i++) {
			const struct predict_job *j = &r->jobs[i];
			if (j->is_running != (pass == 0))
				continue;
			w->arrival_us[n] = pass;
			w->size_us[n] = draw_rest(j, rng);
			w->estimate_us[n] = MAX(0, j->estimate_us - j->attained_us);
			w->deadline_us[n] = j->deadline_us;
			w->priority[n] = j->priority;
			w->request_of[n] = j->request;
			w->starts[n++] = -1;
		}
}

static int run_world(const struct predict_request *r, struct worlds *w, struct error *err)
{
	struct replay_trace t = trace_of(r, w);
	struct replay_settings s = settings_of(r, w);
	struct replay *p = NULL;
	memset(w->replay, 0, replay_size(&t, &s));
	if (replay_init(w->replay, &t, &s, &p, err) < 0)
		return err->code;
	while (replay_step(p, 1u << 20))
		;
	const double *waits = replay_waits(p);
	size_t n = 0;
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < r->count; i++) {
			if (r->jobs[i].is_running != (pass == 0))
				continue;
			int64_t *row = &w->all[2 * i * r->worlds];
			bool has_run = w->starts[n] >= 0;
			row[w->at] = has_run ? MAX(0, w->starts[n] - pass) : QUEUE_TIME_MAX;
			row[r->worlds + w->at] =
				has_run ? (int64_t)waits[n] + w->size_us[n] : QUEUE_TIME_MAX;
			n++;
		}
	w->at++;
	return 0;
}

static int compare_us(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static struct predict_times middle_of(int64_t *row, uint32_t n, double coverage)
{
	qsort(row, n, sizeof *row, compare_us);
	/* Rounded outwards: a few worlds promise less than many. */
	uint32_t cut_off = (uint32_t)((1 - coverage) / 2 * (n - 1));
	return (struct predict_times){ row[cut_off], row[n / 2], row[n - 1 - cut_off] };
}

int predict_queue(const struct predict_request *r, void *memory, struct predicted *ret,
		  struct error *err)
{
	struct worlds w = { 0 };
	struct rng rng = { r->seed };
	assert(r->worlds >= 8 && r->worlds <= 1000 && r->coverage > 0 && r->coverage < 1);
	for (size_t i = 0; i < r->requests_count; i++)
		if (!replay_can_start(&r->machine, &r->requests[i]))
			return error_set(err, ERR_INVALID, "request %zu never fits the machine", i);
	(void)lay_out(r, &w, memory);
	for (uint32_t i = 0; i < r->worlds; i++) {
		draw_world(r, &w, &rng);
		if (run_world(r, &w, err) < 0)
			return err->code;
	}
	double known = r->coverage;
	for (size_t i = 0; i < r->count; i++) {
		int64_t *row = &w.all[2 * i * r->worlds];
		const struct estimate *e = &r->jobs[i].run;
		/* No interval is surer than the least known run time it rests on. */
		known = MIN(known, e->samples ? e->coverage : 0);
		ret[i].start = middle_of(row, r->worlds, r->coverage);
		ret[i].finish = middle_of(row + r->worlds, r->worlds, r->coverage);
		ret[i].coverage = known;
	}
	return 0;
}
