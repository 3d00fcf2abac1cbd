#include "common/plan/policy_auto.h"

#include <math.h>
#include <stdio.h>

#define LOOK_EVERY 256
#define LOOK_LEAST 50 /* jobs ended before the first look */
#define HYSTERESIS 0.1
#define TAIL_NOISE 0.3 /* a 99th percentile of a thousand jobs rests on ten */
#define CLEAR      2.0 /* so many times better needs no second look */
#define ALIGN(n)   (((n) + 63) / 64 * 64)

static const enum queue_policy candidates[] = { QUEUE_FCFS, QUEUE_SJF, QUEUE_SRTF, QUEUE_LAS };
static const enum predict_policy theory[] = { PREDICT_FCFS, PREDICT_SJF, PREDICT_SRPT,
					      PREDICT_LAS };
static const char *const names[] = { "FCFS", "SJF", "SRTF", "LAS" };
static const char *const objective_names[] = { "wait", "slowdown", "p99" };

const char *policy_objective_name(enum policy_objective o)
{
	return objective_names[o];
}

bool policy_objective_find(const char *name, enum policy_objective *ret)
{
	for (int i = 0; i < POLICY_OBJECTIVE_COUNT; i++)
		if (strcasecmp(name, objective_names[i]) == 0) {
			*ret = (enum policy_objective)i;
			return true;
		}
	return false;
}

void policy_init(struct policy_auto *a, const struct policy_settings *s, enum queue_policy current,
		 int64_t now_us)
{
	*a = (struct policy_auto){ .settings = *s, .current = current, .candidate = current };
	if (a->settings.hysteresis <= 0)
		a->settings.hysteresis = HYSTERESIS;
	load_init(&a->load, now_us, INT64_MAX);
	for (size_t i = 0; i < POLICY_RING; i++)
		a->seen[i].job = UINT64_MAX;
	for (size_t i = 0; i < QUEUE_POLICY_COUNT; i++)
		a->predicted[i] = NAN;
}

void policy_arrived(struct policy_auto *a, uint64_t job, int64_t now_us, int64_t estimate_us,
		    const struct queue_request *request)
{
	load_arrived(&a->load, now_us);
	a->seen[job % POLICY_RING] = (struct policy_seen){ job, now_us, -1, estimate_us };
	a->requests[job % POLICY_RING] =
		request ? *request : (struct queue_request){ .need = { 1 }, .members = 1 };
	a->requests[job % POLICY_RING].group = 0;
	a->arrived++;
}

void policy_ended(struct policy_auto *a, uint64_t job, int64_t now_us, int64_t size_us,
		  int64_t response_us)
{
	struct policy_seen *s = &a->seen[job % POLICY_RING];
	load_ended(&a->load, now_us, size_us, response_us);
	if (s->job == job)
		s->size_us = size_us;
}

bool policy_is_due(const struct policy_auto *a)
{
	uint64_t every = a->looked_at ? LOOK_EVERY : LOOK_LEAST;
	return a->load.completions >= LOOK_LEAST && a->arrived >= a->looked_at + every;
}

/* ---- what a look works with ---- */

struct look {
	int64_t *arrival_us, *size_us, *estimate_us;
	double *sorted, *chances;
	double *shares; /* of the machine, by job */
	uint32_t *request_of;
	char *replay;
	size_t n;
	bool is_exact;   /* estimates are right, give or take */
	bool is_poisson; /* the formulas hold */
	double wait[ARRAY_LEN(candidates)], p99[ARRAY_LEN(candidates)];
	double objective[ARRAY_LEN(candidates)];
};

static struct replay_settings replay_settings_of(const struct policy_auto *a, enum queue_policy p)
{
	struct replay_settings s = a->settings.machine;
	s.queue = queue_settings_of(p);
	s.learned = NULL;
	s.on_span = NULL;
	s.on_steer = NULL;
	s.queue.switch_us = a->settings.switch_us;
	return s;
}

static size_t lay_out(const struct policy_auto *a, struct look *l, char *memory)
{
	size_t at = 0, most = 0;
	int64_t an_estimate = 0;
	uint32_t a_request = 0;
	struct replay_trace t = { .count = POLICY_RING,
				  .estimate_us = &an_estimate,
				  .request_of = &a_request,
				  .requests = a->requests,
				  .requests_count = POLICY_RING };
	struct look sized;
	l = l ? l : &sized;
	for (size_t i = 0; i < ARRAY_LEN(candidates); i++) {
		struct replay_settings s = replay_settings_of(a, candidates[i]);
		most = MAX(most, replay_size(&t, &s));
	}
	l->arrival_us = (int64_t *)(void *)(memory + at),
	at += ALIGN(POLICY_RING * sizeof(int64_t));
	l->size_us = (int64_t *)(void *)(memory + at), at += ALIGN(POLICY_RING * sizeof(int64_t));
	l->estimate_us = (int64_t *)(void *)(memory + at),
	at += ALIGN(POLICY_RING * sizeof(int64_t));
	l->sorted = (double *)(void *)(memory + at), at += ALIGN(POLICY_RING * sizeof(double));
	l->chances = (double *)(void *)(memory + at), at += ALIGN(POLICY_RING * sizeof(double));
	l->shares = (double *)(void *)(memory + at), at += ALIGN(POLICY_RING * sizeof(double));
	l->request_of = (uint32_t *)(void *)(memory + at),
	at += ALIGN(POLICY_RING * sizeof(uint32_t));
	l->replay = memory + at;
	return at + most;
}

size_t policy_size(const struct policy_auto *a)
{
	static char none[1];
	return lay_out(a, NULL, none);
}

static int compare_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* The part of the machine that a job takes: of the resource of which it takes most. */
static double share_of(const struct replay_settings *m, const struct queue_request *q)
{
	double share = 0;
	if (m->places_count == 0)
		return (double)q->need[0] / (double)MAX(1, m->servers);
	for (uint32_t k = 0; k < m->resources; k++) {
		double total = 0;
		for (uint32_t i = 0; i < m->places_count; i++)
			total += (double)m->places[(size_t)i * m->resources + k];
		if (total > 0)
			share = MAX(share, (double)q->need[k] * MAX(1, q->members) / total);
	}
	return share;
}

/* The jobs of the ring in order. Of those that have not ended the estimate stands for the size: to
 * leave them out would leave out the long ones. */
static void gather(const struct policy_auto *a, struct look *l)
{
	double gaps = 0, gap_squares = 0, off = 0;
	size_t ended = 0;
	uint64_t first = a->arrived > POLICY_RING ? a->arrived - POLICY_RING : 0;
	l->n = 0;
	for (uint64_t job = first; job < a->arrived; job++) {
		const struct policy_seen *s = &a->seen[job % POLICY_RING];
		if (s->job != job)
			continue;
		if (s->size_us > 0) {
			off += fabs(log2(((double)s->estimate_us + 1) / ((double)s->size_us + 1)));
			ended++;
		}
		if (l->n > 0) {
			double gap = (double)(s->arrival_us - l->arrival_us[l->n - 1]);
			gaps += gap;
			gap_squares += gap * gap;
		}
		l->arrival_us[l->n] = s->arrival_us;
		l->size_us[l->n] = s->size_us >= 0 ? s->size_us : MAX(1, s->estimate_us);
		l->estimate_us[l->n] = s->estimate_us;
		l->sorted[l->n] = (double)l->size_us[l->n];
		l->request_of[l->n] = (uint32_t)(job % POLICY_RING);
		l->shares[l->n] = share_of(&a->settings.machine, &a->requests[job % POLICY_RING]);
		l->n++;
	}
	qsort(l->sorted, l->n, sizeof *l->sorted, compare_double);
	double n = MAX(1, (double)l->n - 1), mean = gaps / n;
	double variation = mean > 0 ? gap_squares / n / (mean * mean) - 1 : 0;
	l->is_exact = ended > 0 && off / (double)ended < 0.1;
	l->is_poisson = a->settings.machine.servers == 1 && variation > 0.7 && variation < 1.4;
}

/* ρ, λ and C² of exactly the jobs that are judged by. */
static void summarize(struct policy_auto *a, const struct look *l)
{
	double sum = 0, squares = 0, work = 0;
	for (size_t i = 0; i < l->n; i++) {
		work += (double)l->size_us[i] * l->shares[i];
		sum += l->sorted[i];
		squares += l->sorted[i] * l->sorted[i];
	}
	double n = (double)MAX(l->n, 2);
	double span = (double)(l->arrival_us[l->n - 1] - l->arrival_us[0]);
	struct load_summary *s = &a->summary;
	s->mean_us = sum / n;
	s->variation = sum > 0 ? squares / n / (s->mean_us * s->mean_us) - 1 : 0;
	s->rate = span > 0 ? (n - 1) / span : 0;
	s->utilization = s->rate * work / n;
	s->samples = l->n;
}

static bool replay_one(const struct policy_auto *a, const struct look *l, enum queue_policy p,
		       struct replay_result *ret)
{
	struct replay_trace t = { .count = l->n,
				  .arrival_us = l->arrival_us,
				  .size_us = l->size_us,
				  .estimate_us = l->estimate_us,
				  .request_of = l->request_of,
				  .requests = a->requests,
				  .requests_count = POLICY_RING };
	struct replay_settings s = replay_settings_of(a, p);
	/* By shares all jobs must be alike; a short quantum comes to the same. */
	s.queue.quantum_us = MAX(1, (int64_t)(a->summary.mean_us / 20));
	struct replay *r = NULL;
	struct error err;
	memset(l->replay, 0, replay_size(&t, &s));
	if (replay_init(l->replay, &t, &s, &r, &err) < 0)
		return false;
	while (replay_step(r, 1u << 20))
		;
	replay_finish(r, ret);
	return true;
}

static void predict_all(struct policy_auto *a, struct look *l)
{
	struct predict_law law = predict_measured(l->sorted, l->chances, l->n);
	for (size_t i = 0; i < ARRAY_LEN(candidates); i++) {
		struct replay_result x = { 0 };
		bool may = a->settings.may_preempt || candidates[i] == QUEUE_FCFS ||
			   candidates[i] == QUEUE_SJF;
		l->wait[i] = l->p99[i] = l->objective[i] = NAN;
		a->predicted[candidates[i]] = NAN;
		if (!may || !replay_one(a, l, candidates[i], &x))
			continue;
		/* What orders by size needs estimates that are right for its formula to hold. */
		bool by_size = candidates[i] == QUEUE_SJF || candidates[i] == QUEUE_SRTF;
		bool holds = l->is_poisson && (l->is_exact || !by_size) &&
			     a->settings.switch_us == 0 && a->summary.utilization < 0.98;
		double slowdown = x.mean_slowdown;
		l->wait[i] = x.mean_wait_us;
		l->p99[i] = x.p99_wait_us;
		if (holds) {
			l->wait[i] = predict_wait(theory[i], &law, a->summary.rate);
			slowdown = predict_slowdown(theory[i], &law, a->summary.rate);
		}
		l->objective[i] = a->settings.objective == POLICY_WAIT       ? l->wait[i]
				  : a->settings.objective == POLICY_SLOWDOWN ? slowdown
									     : l->p99[i];
		a->predicted[candidates[i]] = l->objective[i];
	}
}

/* ---- the choice ---- */

static size_t number_of(enum queue_policy p)
{
	for (size_t i = 0; i < ARRAY_LEN(candidates); i++)
		if (candidates[i] == p)
			return i;
	return 0;
}

/* Keeps the bound? Where nobody does, the one with the shortest tail is the best. */
static size_t best_of(const struct policy_auto *a, const struct look *l, bool *ret_keeps)
{
	size_t best = SIZE_MAX, shortest = SIZE_MAX;
	for (size_t i = 0; i < ARRAY_LEN(candidates); i++) {
		if (isnan(l->objective[i]))
			continue;
		if (shortest == SIZE_MAX || l->p99[i] < l->p99[shortest])
			shortest = i;
		bool keeps = a->settings.max_wait_us == 0 ||
			     l->p99[i] <= (double)a->settings.max_wait_us;
		if (keeps && (best == SIZE_MAX || l->objective[i] < l->objective[best]))
			best = i;
	}
	*ret_keeps = best != SIZE_MAX;
	return best != SIZE_MAX ? best : shortest;
}

/* "C² = 9.9 at ρ = 0.87: SRTF is predicted to wait 27 × less than FCFS" */
static void say(struct policy_auto *a, const struct look *l, size_t now, bool keeps)
{
	static const char *const verbs[] = { "wait", "be slowed down",
					     "wait at the 99th percentile" };
	const char *verb = verbs[a->settings.objective], *bound = "";
	size_t other = 0;
	for (size_t i = 1; now == 0 && i < ARRAY_LEN(candidates); i++)
		if (other == 0 || l->objective[i] < l->objective[other])
			other = i;
	double ratio = l->objective[other] / l->objective[now];
	if (!keeps)
		bound = "; no policy keeps maxWait";
	else if (a->settings.max_wait_us && l->p99[other] > (double)a->settings.max_wait_us)
		bound = now == 0 ? "; others would not keep maxWait"
				 : "; FCFS would not keep maxWait";
	int n = 0;
	if (ratio >= 1.005 && !isinf(ratio))
		n = snprintf(a->why, sizeof a->why,
			     "C² = %.1f at ρ = %.2f: %s is predicted to %s %.3g × less than %s%s",
			     a->summary.variation, a->summary.utilization, names[now], verb, ratio,
			     names[other], bound);
	else if (ratio < 0.995)
		n = snprintf(
			a->why, sizeof a->why,
			"C² = %.1f at ρ = %.2f: %s is kept: with %s jobs are predicted to %s only "
			"%.3g × less%s",
			a->summary.variation, a->summary.utilization, names[now], names[other],
			verb, 1 / ratio, bound);
	else
		n = snprintf(a->why, sizeof a->why, "C² = %.1f at ρ = %.2f: %s is as good as any%s",
			     a->summary.variation, a->summary.utilization, names[now], bound);
	(void)n;
}

/* Worth it: beyond the hysteresis, seen twice or clear, and more than the change costs until the next
 * look; and after a change not before all that is remembered is new. A policy that breaks the bound is
 * left for one that keeps it whatever that costs. */
static bool is_worth(const struct policy_auto *a, const struct look *l, size_t best, bool keeps,
		     bool is_second)
{
	size_t now = number_of(a->current);
	double bound = (double)a->settings.max_wait_us, least = a->settings.hysteresis;
	bool breaks = keeps && bound > 0 && l->p99[now] > bound;
	if (isnan(l->objective[now]))
		return true;
	if (a->settings.objective == POLICY_P99)
		least = MAX(least, TAIL_NOISE);
	bool is_clear = l->objective[best] * CLEAR < l->objective[now];
	bool is_settled = a->changes == 0 || a->arrived >= a->changed_at + POLICY_RING;
	if (!is_clear && !(is_second && is_settled))
		return false;
	double gain = (l->wait[now] - l->wait[best]) * LOOK_EVERY;
	bool costs_more =
		a->settings.objective == POLICY_WAIT && gain < (double)a->settings.change_cost_us;
	return breaks || (l->objective[best] < l->objective[now] * (1 - least) && !costs_more);
}

bool policy_look(struct policy_auto *a, int64_t now_us, void *memory)
{
	struct look l = { 0 };
	bool keeps;
	(void)now_us;
	(void)lay_out(a, &l, memory);
	gather(a, &l);
	a->looked_at = a->arrived;
	if (l.n < 2)
		return false;
	summarize(a, &l);
	predict_all(a, &l);
	size_t best = best_of(a, &l, &keeps);
	bool is_second = a->candidate == candidates[best];
	a->candidate = candidates[best];
	if (a->current == candidates[best] || !is_worth(a, &l, best, keeps, is_second)) {
		say(a, &l, number_of(a->current), keeps);
		return false;
	}
	a->current = candidates[best];
	a->changed_at = a->arrived;
	a->changes++;
	say(a, &l, best, keeps);
	return true;
}
