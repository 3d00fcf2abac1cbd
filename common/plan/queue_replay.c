#include "common/plan/queue_replay.h"
#include "common/plan/queue_las.h"

#include <math.h>

__extension__ typedef __int128 wide_sum;

struct ending {
	int64_t at_us, from_us;
	uint64_t id;
	uint32_t job; /* handle */
};

struct replay {
	const struct replay_trace *t;
	struct replay_settings s;
	struct queue *q;
	struct las *las;
	uint32_t *index_of, *end_at; /* by handle */
	struct ending *ends;
	double *waits;
	uint32_t *shapes; /* by request */
	uint32_t ends_count;
	size_t next, done;
	int64_t now_us;
	double makespan_us;
	uint64_t events, preemptions;
	size_t missed;
	wide_sum response_sum, places_sum; /* µs, and 2^-60 of them */
	wide_sum size_sum;
	double used[QUEUE_RESOURCES_MAX]; /* resource × µs */
	long double slowdown_sum;
	size_t slowdown_count;
	bool decides_each; /* on every arrival alone */
	struct queue_action actions[QUEUE_ACTIONS_MIN + 15];
};

static const char *const server_names[] = { "servers" };

static bool is_shared(const struct replay_trace *t, const struct replay_settings *s)
{
	const struct queue_settings *q = &s->queue;
	return q->policy == QUEUE_LAS && q->quantum_us == 0 && q->max_wait_us == 0 &&
	       q->switch_us == 0 && !q->backfills && q->ageing == 0 && q->running_max == 0 &&
	       !t->request_of && !s->on_steer;
}

static struct queue_limits limits_of(const struct replay_trace *t, const struct replay_settings *s)
{
	uint32_t groups = 1, parts = 0;
	for (size_t i = 0; i < t->requests_count; i++) {
		groups = MAX(groups, t->requests[i].group + 1);
		if (t->requests[i].members > 1)
			parts = (uint32_t)MIN(MAX(t->count, 64) * MAX(s->places_count, 1),
					      1u << 24);
	}
	return (struct queue_limits){
		.jobs_max = (uint32_t)MAX(t->count, 1),
		.shapes_max = (uint32_t)MIN(t->requests_count + 1, QUEUE_SHAPES_MAX),
		.places_max = MAX(s->places_count, 1),
		.groups_max = groups,
		.parts_max = parts,
		.resources = s->places_count ? s->resources : 1,
		.resource_names = s->places_count ? s->resource_names : server_names,
		.has_deadlines = t->deadline_us != NULL,
		.has_max_wait = s->queue.max_wait_us > 0 || s->on_steer,
	};
}

static void *cut(char *memory, size_t *at, size_t n, size_t size)
{
	void *p = memory ? memory + *at : NULL;
	*at += (n * size + 63) / 64 * 64;
	return p;
}

static size_t lay_out(struct replay *r, char *memory, const struct replay_trace *t,
		      const struct replay_settings *s)
{
	size_t at = (sizeof *r + 63) / 64 * 64, n = t->count;
	struct replay none;
	if (!r)
		r = &none;
	r->waits = cut(memory, &at, n, sizeof *r->waits);
	if (is_shared(t, s)) {
		r->las = cut(memory, &at, 1, las_size(n));
		return at;
	}
	struct queue_limits limits = limits_of(t, s);
	r->index_of = cut(memory, &at, n, sizeof *r->index_of);
	r->end_at = cut(memory, &at, n, sizeof *r->end_at);
	r->ends = cut(memory, &at, n, sizeof *r->ends);
	r->shapes = cut(memory, &at, t->requests_count + 1, sizeof *r->shapes);
	r->q = cut(memory, &at, 1, queue_size(&limits));
	return at;
}

size_t replay_size(const struct replay_trace *t, const struct replay_settings *s)
{
	return lay_out(NULL, NULL, t, s);
}

static int init_queue(struct replay *r, struct error *err)
{
	const struct replay_trace *t = r->t;
	struct queue_limits limits = limits_of(t, &r->s);
	r->q = queue_init(r->q, &limits, &r->s.queue);
	const int64_t servers = r->s.servers;
	if (r->s.places_count == 0)
		queue_set_place(r->q, 0, &servers);
	for (uint32_t i = 0; i < r->s.places_count; i++)
		queue_set_place(r->q, i, &r->s.places[(size_t)i * r->s.resources]);
	struct queue_request one = { .need = { 1 } };
	size_t n = t->request_of ? t->requests_count : 1;
	for (size_t i = 0; i < n; i++)
		if (queue_shape(r->q, t->request_of ? &t->requests[i] : &one, &r->shapes[i], err) <
		    0)
			return err->code;
	return 0;
}

int replay_init(void *memory, const struct replay_trace *t, const struct replay_settings *s,
		struct replay **ret, struct error *err)
{
	struct replay *r = memory;
	assert((uintptr_t)memory % 64 == 0 && t->count < QUEUE_NONE);
	if (s->places_count == 0 && s->servers == 0)
		return error_set(err, ERR_INVALID, "no servers: nothing could ever start");
	*r = (struct replay){ .t = t, .s = *s };
	(void)lay_out(r, memory, t, s);
	r->decides_each = queue_is_preemptive(&s->queue);
	if (r->las)
		r->las = las_init(r->las, t->count, s->servers, t->size_us);
	else if (init_queue(r, err) < 0)
		return err->code;
	*ret = r;
	return 0;
}

/* ---- who ends when ---- */

static bool ends_before(const struct ending *a, const struct ending *b)
{
	return a->at_us != b->at_us ? a->at_us < b->at_us : a->id < b->id;
}

static void end_put(struct replay *r, uint32_t at, struct ending e)
{
	r->ends[at] = e;
	r->end_at[e.job] = at;
}

static void end_rise(struct replay *r, uint32_t at, struct ending e)
{
	for (; at > 0 && ends_before(&e, &r->ends[(at - 1) / 2]); at = (at - 1) / 2)
		end_put(r, at, r->ends[(at - 1) / 2]);
	end_put(r, at, e);
}

static void end_remove(struct replay *r, uint32_t at)
{
	struct ending last = r->ends[--r->ends_count];
	if (at == r->ends_count)
		return;
	uint32_t child;
	for (; (child = 2 * at + 1) < r->ends_count; at = child) {
		if (child + 1 < r->ends_count && ends_before(&r->ends[child + 1], &r->ends[child]))
			child++;
		if (!ends_before(&r->ends[child], &last))
			break;
		end_put(r, at, r->ends[child]);
	}
	end_rise(r, at, last);
}

/* ---- events ---- */

/* What was running at `place` until now. */
static void tell_span(struct replay *r, uint32_t job, uint32_t place)
{
	const struct ending *e = &r->ends[r->end_at[job]];
	if (r->s.on_span)
		r->s.on_span(r->s.ctx, r->index_of[job], place, MIN(e->from_us, r->now_us),
			     r->now_us);
}

static void perform(struct replay *r, const struct queue_action *a)
{
	size_t i = r->index_of[a->job];
	struct queue_view v = queue_view(r->q, a->job);
	if (a->verb == QUEUE_FREEZE || a->verb == QUEUE_EVICT) {
		r->preemptions++;
		tell_span(r, a->job, a->place);
		end_remove(r, r->end_at[a->job]);
		return;
	}
	struct ending e = { .at_us = v.since_us + r->t->size_us[i] - v.attained_us,
			    .from_us = v.since_us,
			    .id = a->id,
			    .job = a->job };
	end_rise(r, r->ends_count++, e);
}

static void decide(struct replay *r)
{
	size_t n;
	do {
		n = queue_next(r->q, r->now_us, r->actions, ARRAY_LEN(r->actions));
		for (size_t i = 0; i < n; i++)
			perform(r, &r->actions[i]);
	} while (n > 0);
}

static int64_t estimate_for(struct replay *r, size_t i)
{
	const struct replay_trace *t = r->t;
	if (!r->s.learned)
		return t->estimate_us ? t->estimate_us[i] : t->size_us[i];
	struct estimate e = estimate_of(r->s.learned, t->class_of ? t->class_of[i] : 0, 0.9);
	return (int64_t)MIN(e.mean_us, (double)QUEUE_TIME_MAX);
}

static void steer(struct replay *r, size_t i, bool has_ended, int64_t estimate_us, int64_t wait_us)
{
	struct queue_settings s = *queue_get_settings(r->q);
	if (r->s.on_steer(r->s.ctx, i, has_ended, estimate_us, r->now_us, wait_us, &s)) {
		queue_set_settings(r->q, &s);
		r->decides_each = queue_is_preemptive(&s);
	}
}

static void arrive(struct replay *r)
{
	const struct replay_trace *t = r->t;
	size_t i = r->next++;
	struct queue_job job = { .id = t->rank ? t->rank[i] : i,
				 .arrival_us = t->arrival_us[i],
				 .estimate_us = estimate_for(r, i),
				 .deadline_us = t->deadline_us ? t->deadline_us[i] : 0,
				 .priority = t->priority ? t->priority[i] : 0,
				 .shape = r->shapes[t->request_of ? t->request_of[i] : 0] };
	struct error err;
	uint32_t handle = 0;
	int code = queue_arrive(r->q, &job, r->now_us, &handle, &err);
	assert(code == 0); /* the trace's reader has kept times in bounds */
	r->index_of[handle] = (uint32_t)i;
	if (r->s.on_steer)
		steer(r, i, false, job.estimate_us, 0);
}

static void count_done(struct replay *r, size_t i, int64_t response_us, int64_t places)
{
	const struct replay_trace *t = r->t;
	int64_t size = t->size_us[i];
	double rest = (double)places / (double)(INT64_C(1) << 60);
	r->waits[i] = (double)(response_us - size) + rest;
	r->response_sum += response_us;
	r->places_sum += places;
	r->size_sum += size;
	if (size > 0) {
		r->slowdown_sum +=
			((long double)response_us + (long double)rest) / (long double)size;
		r->slowdown_count++;
	}
	if (t->request_of) {
		const struct queue_request *q = &t->requests[t->request_of[i]];
		for (uint32_t k = 0; k < MAX(r->s.resources, 1); k++)
			r->used[k] += (double)q->need[k] * MAX(q->members, 1) * (double)size;
	}
	r->missed += t->deadline_us && t->deadline_us[i] && r->now_us > t->deadline_us[i];
	r->makespan_us = (double)(r->now_us - t->arrival_us[0]) + rest;
	r->done++;
}

static void end_first(struct replay *r)
{
	uint32_t job = r->ends[0].job;
	size_t i = r->index_of[job];
	int64_t response = r->now_us - r->t->arrival_us[i];
	tell_span(r, job, queue_view(r->q, job).place);
	end_remove(r, 0);
	queue_finish(r->q, job, r->now_us);
	count_done(r, i, response, 0);
	if (r->s.learned)
		(void)estimate_learn(r->s.learned, r->t->class_of ? r->t->class_of[i] : 0,
				     r->t->size_us[i]);
	if (r->s.on_steer)
		steer(r, i, true, 0, response - r->t->size_us[i]);
}

static bool step_queue(struct replay *r)
{
	const struct replay_trace *t = r->t;
	int64_t arrival = r->next < t->count ? t->arrival_us[r->next] : INT64_MAX;
	int64_t end = r->ends_count ? r->ends[0].at_us : INT64_MAX;
	int64_t wake = INT64_MAX;
	if (r->s.queue.max_wait_us || r->s.queue.policy == QUEUE_LAS || r->s.on_steer)
		wake = queue_wake_us(r->q, r->now_us);
	if (arrival == INT64_MAX && end == INT64_MAX && wake == INT64_MAX)
		return false;
	if (arrival <= end && arrival <= wake) {
		r->now_us = arrival;
		arrive(r);
		for (; !r->decides_each && r->next < t->count && t->arrival_us[r->next] == arrival;
		     r->events++)
			arrive(r);
	} else if (end <= wake) {
		r->now_us = end;
		end_first(r);
	} else {
		r->now_us = wake;
	}
	decide(r);
	return true;
}

static void end_shared(struct replay *r)
{
	double rest;
	for (uint32_t job; (job = las_completed(r->las)) != QUEUE_NONE; r->events++) {
		las_now(r->las, &r->now_us, &rest);
		count_done(r, job, r->now_us - r->t->arrival_us[job], las_now_places(r->las));
	}
}

static bool step_shared(struct replay *r)
{
	int64_t arrival = r->next < r->t->count ? r->t->arrival_us[r->next] : INT64_MAX;
	if (las_step(r->las, MIN(arrival, QUEUE_TIME_MAX))) {
		end_shared(r);
		return true;
	}
	if (arrival == INT64_MAX)
		return false;
	r->now_us = arrival;
	las_arrive(r->las, (uint32_t)r->next++, arrival);
	return true;
}

bool replay_can_start(const struct replay_settings *s, const struct queue_request *q)
{
	int64_t left = MAX(q->members, 1);
	if (s->places_count == 0)
		return q->need[0] * left <= s->servers;
	for (uint32_t i = 0; i < s->places_count; i++) {
		int64_t fit = left;
		for (uint32_t k = 0; k < s->resources; k++)
			if (q->need[k] > 0)
				fit = MIN(fit,
					  s->places[(size_t)i * s->resources + k] / q->need[k]);
		left -= fit;
	}
	return left <= 0;
}

bool replay_step(struct replay *r, uint64_t events)
{
	for (uint64_t i = 0; i < events; i++, r->events++)
		if (!(r->las ? step_shared(r) : step_queue(r)))
			return false;
	return true;
}

int64_t replay_now_us(const struct replay *r)
{
	return r->now_us;
}

size_t replay_waiting(const struct replay *r)
{
	return r->las ? las_waiting(r->las) : queue_waiting(r->q);
}

size_t replay_done(const struct replay *r)
{
	return r->done;
}

const double *replay_waits(const struct replay *r)
{
	return r->waits;
}

/* ---- the result ---- */

/* Quicksort in place with three parts: qsort would take as much memory again, and of ten million waits
 * many are equal (no wait at all). The pivot moves about, so that no order of arrival is a bad one. */
static void sort_doubles(double *x, size_t n)
{
	uint64_t seed = n;
	while (n > 1) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		double pivot = x[(seed >> 33) % n];
		size_t low = 0, at = 0, high = n;
		while (at < high) {
			double v = x[at];
			if (v < pivot) {
				x[at++] = x[low];
				x[low++] = v;
			} else if (v > pivot) {
				x[at] = x[--high];
				x[high] = v;
			} else {
				at++;
			}
		}
		/* The smaller part by a call, the larger here: the stack stays short. */
		if (low < n - high) {
			sort_doubles(x, low);
			x += high;
			n -= high;
		} else {
			sort_doubles(x + high, n - high);
			n = low;
		}
	}
}

/* The smallest value that at least a share q of all do not exceed. */
static double nearest_rank(const double *sorted, size_t n, unsigned percent)
{
	size_t rank = (n * percent + 99) / 100;
	return sorted[MAX(rank, 1) - 1];
}

static double mean_of(wide_sum us, wide_sum places, size_t n)
{
	/* Below 2^53 the division of doubles is the nearest double, as it should be. */
	if (places == 0 && us < (wide_sum)1 << 53)
		return (double)us / (double)n;
	return (double)(((long double)us + ldexpl((long double)places, -60)) / (long double)n);
}

static double utilization_of(const struct replay *r)
{
	double makespan = r->makespan_us, most = 0;
	if (makespan <= 0)
		return 0;
	if (r->s.places_count == 0)
		return (r->t->request_of ? r->used[0] : (double)r->size_sum) /
		       ((double)r->s.servers * makespan);
	for (uint32_t k = 0; k < r->s.resources; k++) {
		double total = 0;
		for (uint32_t i = 0; i < r->s.places_count; i++)
			total += (double)r->s.places[(size_t)i * r->s.resources + k];
		if (total > 0)
			most = MAX(most, r->used[k] / (total * makespan));
	}
	return most;
}

void replay_finish(struct replay *r, struct replay_result *ret)
{
	size_t n = r->done;
	*ret = (struct replay_result){
		.count = n, .events = r->events, .preemptions = r->preemptions, .missed = r->missed
	};
	assert(n == r->t->count); /* replay_can_start held for all */
	if (n == 0)
		return;
	ret->mean_response_us = mean_of(r->response_sum, r->places_sum, n);
	ret->mean_wait_us = mean_of(r->response_sum - r->size_sum, r->places_sum, n);
	if (r->slowdown_count)
		ret->mean_slowdown = (double)(r->slowdown_sum / (long double)r->slowdown_count);
	ret->makespan_us = r->makespan_us;
	ret->utilization = utilization_of(r);
	sort_doubles(r->waits, n);
	ret->p50_wait_us = nearest_rank(r->waits, n, 50);
	ret->p99_wait_us = nearest_rank(r->waits, n, 99);
	ret->max_wait_us = r->waits[n - 1];
}
