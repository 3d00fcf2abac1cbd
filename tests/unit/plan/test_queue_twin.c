/*
 * queue_plan against a twin that computes every decision from nothing: plain lists, everything sorted
 * anew each time, no heaps, trees or shapes. Random changes on random machines; after each, both must
 * say the same actions in the same order, and a second question must be answered by nothing.
 */
#include "common/base/rng.h"
#include "common/plan/queue_plan.h"
#include "tests/support/check.h"

#define JOBS   24
#define PLACES 3
#define GROUPS 2
#define R      2

struct job {
	bool is_present, is_kept;
	enum queue_state state;
	uint32_t handle;
	struct queue_job facts;
	struct queue_request request;
	int64_t attained, since;
	int64_t at[PLACES]; /* members there, running or keeping something */
	bool keeps;         /* frozen, and something of it stays taken */
};
struct twin {
	struct job jobs[JOBS];
	struct queue_settings s;
	int64_t capacity[PLACES][R];
	struct queue_group groups[GROUPS];
	int64_t now;
};
struct said {
	enum queue_verb verb;
	int job;
};

/* ---- the twin's facts ---- */

static int64_t used(const struct twin *t, int place, int r)
{
	int64_t sum = 0;
	for (int i = 0; i < JOBS; i++) {
		const struct job *j = &t->jobs[i];
		bool counts = j->is_present &&
			      (j->state == QUEUE_RUNNING || (j->keeps && t->s.kept & (1u << r)));
		if (counts)
			sum += j->request.need[r] * j->at[place];
	}
	return sum;
}

/* What a job needs to start: all; or, frozen where it keeps something, the rest of it. */
static int64_t need(const struct twin *t, const struct job *j, int r)
{
	return j->keeps && t->s.kept & (1u << r) ? 0 : j->request.need[r];
}

static int64_t members_in(const struct twin *t, const struct job *j, int place, const int64_t *have)
{
	int64_t n = j->request.members;
	if (j->keeps && !j->at[place])
		return 0;
	for (int r = 0; r < R; r++)
		if (need(t, j, r) > 0)
			n = MIN(n, MAX(0, have[r]) / need(t, j, r));
		else if (have[r] < 0)
			n = 0;
	return n;
}

static void free_at(const struct twin *t, int place, int64_t *have)
{
	for (int r = 0; r < R; r++)
		have[r] = t->capacity[place][r] - used(t, place, r);
}

static bool fits(const struct twin *t, const struct job *j, int64_t *ret_at)
{
	int64_t left = j->request.members, have[R];
	for (int p = 0; p < PLACES; p++) {
		free_at(t, p, have);
		int64_t n = MIN(left, members_in(t, j, p, have));
		if (ret_at)
			ret_at[p] = n;
		left -= n;
	}
	return left == 0;
}

static bool is_possible(const struct twin *t, const struct job *j)
{
	int64_t left = j->request.members;
	if (j->keeps)
		return true;
	for (int p = 0; p < PLACES; p++)
		left -= MIN(left, members_in(t, j, p, t->capacity[p]));
	return left == 0;
}

static bool group_takes(const struct twin *t, const struct job *j)
{
	const struct queue_group *g = &t->groups[j->request.group];
	uint32_t running = 0;
	int64_t sum[R] = { 0 };
	for (int i = 0; i < JOBS; i++)
		if (t->jobs[i].is_present && t->jobs[i].state == QUEUE_RUNNING &&
		    t->jobs[i].request.group == j->request.group) {
			running++;
			for (int r = 0; r < R; r++)
				sum[r] += t->jobs[i].request.need[r] * t->jobs[i].request.members;
		}
	if (g->running_max && running >= g->running_max)
		return false;
	for (int r = 0; r < R; r++)
		if (g->quota[r] && sum[r] + need(t, j, r) * j->request.members > g->quota[r])
			return false;
	return true;
}

static int64_t key(const struct twin *t, const struct job *j)
{
	int64_t had = j->attained, k = 0;
	if (j->state == QUEUE_RUNNING)
		had += MAX(0, t->now - j->since);
	switch (t->s.policy) {
	case QUEUE_FCFS:
		return j->facts.arrival_us;
	case QUEUE_SJF:
		k = j->facts.estimate_us;
		break;
	case QUEUE_SRTF:
		k = MAX(0, j->facts.estimate_us - had);
		break;
	case QUEUE_LAS:
		k = had;
		break;
	case QUEUE_PRIORITY:
		k = -(int64_t)j->facts.priority * QUEUE_PRIORITY_US;
		break;
	case QUEUE_EDF:
		k = j->facts.deadline_us ? j->facts.deadline_us : QUEUE_TIME_MAX;
		break;
	case QUEUE_POLICY_COUNT:
		break;
	}
	return t->s.ageing > 0 ? k + (int64_t)(t->s.ageing * (double)j->facts.arrival_us) : k;
}

static bool before(const struct twin *t, int a, int b)
{
	int64_t ka = key(t, &t->jobs[a]), kb = key(t, &t->jobs[b]);
	return ka != kb ? ka < kb : t->jobs[a].facts.id < t->jobs[b].facts.id;
}

static bool waits(const struct twin *t, int i)
{
	const struct job *j = &t->jobs[i];
	return j->is_present && j->state != QUEUE_RUNNING && is_possible(t, j) && group_takes(t, j);
}

/* ---- the twin's decisions ---- */

static void start(struct twin *t, int i, const int64_t *at, struct said *out, size_t *n)
{
	struct job *j = &t->jobs[i];
	out[(*n)++] = (struct said){ j->state == QUEUE_FROZEN ? QUEUE_RESUME : QUEUE_ADMIT, i };
	j->since = t->now + (j->state == QUEUE_FROZEN ? t->s.switch_us : 0);
	j->state = QUEUE_RUNNING;
	j->keeps = false;
	memcpy(j->at, at, sizeof j->at);
}

static void stop(struct twin *t, int i, bool evicts)
{
	struct job *j = &t->jobs[i];
	j->attained = evicts ? 0 : j->attained + MAX(0, t->now - j->since);
	j->since = evicts ? MIN(j->facts.arrival_us, t->now) : t->now;
	j->state = evicts ? QUEUE_WAITING : QUEUE_FROZEN;
	j->is_kept = j->is_kept && !evicts;
	j->keeps = false;
	for (int r = 0; r < R; r++)
		j->keeps |= !evicts && t->s.kept & (1u << r) && j->request.need[r] > 0;
	if (!j->keeps)
		memset(j->at, 0, sizeof j->at);
}

/* The one that would be frozen first: largest now, of equals (as they will stay) the highest id. */
static int worst(const struct twin *t, const bool *taken)
{
	int w = -1;
	for (int i = 0; i < JOBS; i++) {
		const struct job *j = &t->jobs[i];
		if (!j->is_present || j->state != QUEUE_RUNNING || taken[i] || j->is_kept)
			continue;
		int64_t mine = key(t, j), other = w < 0 ? 0 : key(t, &t->jobs[w]);
		/* Of those that outran their estimate the one that ended first is left alone longest. */
		if (t->s.policy == QUEUE_SRTF && w >= 0) {
			const struct job *v = &t->jobs[w];
			double age = t->s.ageing;
			mine = j->facts.estimate_us - j->attained + j->since +
			       (int64_t)(age * (double)j->facts.arrival_us);
			other = v->facts.estimate_us - v->attained + v->since +
				(int64_t)(age * (double)v->facts.arrival_us);
		}
		if (t->s.policy == QUEUE_LAS && w >= 0) {
			const struct job *v = &t->jobs[w];
			double age = t->s.ageing;
			mine = j->attained - j->since +
			       (int64_t)(age * (double)j->facts.arrival_us);
			other = v->attained - v->since +
				(int64_t)(age * (double)v->facts.arrival_us);
		}
		if (w < 0 || mine > other || (mine == other && j->facts.id > t->jobs[w].facts.id))
			w = i;
	}
	return w;
}

static bool outranks(const struct twin *t, int a, int victim)
{
	int64_t mine = key(t, &t->jobs[a]), other = key(t, &t->jobs[victim]);
	if (t->s.policy == QUEUE_LAS)
		return mine <= other - (t->s.quantum_us ? t->s.quantum_us : QUEUE_QUANTUM_US);
	return t->s.policy == QUEUE_SRTF ? mine < other - t->s.switch_us : mine < other;
}

static bool fits_without(struct twin *t, int i, const int *victims, size_t n, bool evicts)
{
	struct twin copy = *t;
	for (size_t k = 0; k < n; k++)
		if (victims[k] >= 0)
			stop(&copy, victims[k], evicts);
	return fits(&copy, &copy.jobs[i], NULL);
}

static bool preempt(struct twin *t, int i, bool evicts, bool is_full, struct said *out, size_t *n)
{
	int victims[JOBS];
	bool taken[JOBS] = { false }, is_done = false;
	size_t count = 0;
	while (!is_done) {
		int w = worst(t, taken);
		if (w < 0 || !outranks(t, i, w))
			return false;
		bool keeps = false;
		for (int r = 0; r < R; r++)
			keeps |= t->s.kept & (1u << r) && t->jobs[w].request.need[r] > 0;
		if (!evicts && keeps && t->jobs[w].request.members > 1)
			return false;
		taken[w] = true;
		victims[count++] = w;
		is_done = fits_without(t, i, victims, count, evicts);
	}
	for (size_t k = is_full; k < count; k++) {
		int kept = victims[k];
		victims[k] = -1;
		if (!fits_without(t, i, victims, count, evicts))
			victims[k] = kept;
	}
	for (size_t k = 0; k < count; k++)
		if (victims[k] >= 0) {
			out[(*n)++] =
				(struct said){ evicts ? QUEUE_EVICT : QUEUE_FREEZE, victims[k] };
			stop(t, victims[k], evicts);
		}
	int64_t at[PLACES];
	CHECK(fits(t, &t->jobs[i], at));
	start(t, i, at, out, n);
	return true;
}

static int64_t ends(const struct twin *t, const struct job *j)
{
	return MAX(t->now, j->since + j->facts.estimate_us - j->attained);
}

/* The earliest end of a running job at which the first fits, and what is left beside it then. */
static int64_t reserve(const struct twin *t, int first, int64_t spare[PLACES][R])
{
	int64_t best = INT64_MAX;
	for (int i = 0; i < JOBS; i++) {
		struct twin copy = *t;
		if (!t->jobs[i].is_present || t->jobs[i].state != QUEUE_RUNNING)
			continue;
		int64_t when = ends(t, &t->jobs[i]), at[PLACES];
		for (int k = 0; k < JOBS; k++)
			if (copy.jobs[k].is_present && copy.jobs[k].state == QUEUE_RUNNING &&
			    ends(t, &copy.jobs[k]) <= when)
				copy.jobs[k].is_present = false;
		if (when < best && fits(&copy, &copy.jobs[first], at)) {
			best = when;
			for (int p = 0; p < PLACES; p++) {
				free_at(&copy, p, spare[p]);
				for (int r = 0; r < R; r++)
					spare[p][r] -= need(t, &copy.jobs[first], r) * at[p];
			}
		}
	}
	return best;
}

static bool backfill(struct twin *t, int first, struct said *out, size_t *n)
{
	int64_t spare[PLACES][R], when = reserve(t, first, spare);
	bool seen[JOBS] = { false };
	seen[first] = true;
	while (when != INT64_MAX) {
		int best = -1;
		for (int i = 0; i < JOBS; i++)
			if (!seen[i] && waits(t, i) && (best < 0 || before(t, i, best)))
				best = i;
		if (best < 0)
			return false;
		seen[best] = true;
		struct job *j = &t->jobs[best];
		int64_t at[PLACES], left = MAX(0, j->facts.estimate_us - j->attained);
		if (!fits(t, j, at))
			continue;
		left += j->state == QUEUE_FROZEN ? t->s.switch_us : 0;
		bool goes = t->now + left <= when;
		for (int p = 0; !goes && j->request.members == 1 && p < PLACES; p++) {
			int64_t have[R];
			free_at(t, p, have);
			if (members_in(t, j, p, have) == 1 && members_in(t, j, p, spare[p]) == 1) {
				memset(at, 0, sizeof at);
				at[p] = 1;
				goes = true;
			}
		}
		if (goes) {
			start(t, best, at, out, n);
			return true;
		}
	}
	return false;
}

static bool step(struct twin *t, struct said *out, size_t *n)
{
	int first = -1;
	uint32_t running = 0;
	for (int i = 0; i < JOBS; i++)
		running += t->jobs[i].is_present && t->jobs[i].state == QUEUE_RUNNING;
	for (int i = 0; t->s.max_wait_us && i < JOBS; i++)
		if (waits(t, i) && t->now - t->jobs[i].since >= t->s.max_wait_us &&
		    (first < 0 || t->jobs[i].since < t->jobs[first].since ||
		     (t->jobs[i].since == t->jobs[first].since &&
		      t->jobs[i].facts.id < t->jobs[first].facts.id)))
			first = i;
	bool is_overdue = first >= 0;
	if (is_overdue)
		t->jobs[first].is_kept = true;
	for (int i = 0; !is_overdue && i < JOBS; i++)
		if (waits(t, i) && (first < 0 || before(t, i, first)))
			first = i;
	if (first < 0)
		return false;
	int64_t at[PLACES];
	bool is_full = t->s.running_max && running >= t->s.running_max;
	if (!is_full && fits(t, &t->jobs[first], at)) {
		start(t, first, at, out, n);
		return true;
	}
	if (queue_is_preemptive(&t->s) && running > 0 &&
	    (preempt(t, first, false, is_full, out, n) ||
	     (t->s.may_evict && t->s.kept && preempt(t, first, true, is_full, out, n))))
		return true;
	if (is_full)
		return false;
	bool blocks = t->s.blocks || t->s.backfills || is_overdue;
	int best = -1;
	for (int i = 0; i < JOBS; i++)
		if (waits(t, i) && (!blocks || t->jobs[i].keeps) && fits(t, &t->jobs[i], NULL) &&
		    (best < 0 || before(t, i, best)))
			best = i;
	if (best >= 0) {
		(void)fits(t, &t->jobs[best], at);
		start(t, best, at, out, n);
		return true;
	}
	return t->s.backfills && backfill(t, first, out, n);
}

/* ---- random lives ---- */

static struct queue_settings draw_settings(struct rng *r, uint8_t kept)
{
	struct queue_settings s =
		queue_settings_of((enum queue_policy)rng_below(r, QUEUE_POLICY_COUNT));
	s.backfills = rng_one_in(r, 3);
	s.preempts = rng_one_in(r, 2);
	s.blocks = rng_one_in(r, 2);
	s.may_evict = rng_one_in(r, 2);
	s.kept = kept;
	s.ageing = rng_one_in(r, 3) ? (double)rng_below(r, 4) : 0;
	s.max_wait_us = rng_one_in(r, 3) ? 20 + (int64_t)rng_below(r, 60) : 0;
	s.quantum_us = 1 + (int64_t)rng_below(r, 10);
	s.switch_us = rng_one_in(r, 3) ? (int64_t)rng_below(r, 4) : 0;
	s.running_max = rng_one_in(r, 4) ? 1 + (uint32_t)rng_below(r, 5) : 0;
	return s;
}

static void draw_machine(struct rng *r, struct twin *t, struct queue *q)
{
	for (uint32_t p = 0; p < PLACES; p++) {
		for (int k = 0; k < R; k++)
			t->capacity[p][k] = (int64_t)rng_below(r, 9);
		queue_set_place(q, p, t->capacity[p]);
	}
	for (uint32_t g = 0; g < GROUPS; g++) {
		t->groups[g] = (struct queue_group){ 0 };
		if (rng_one_in(r, 3))
			t->groups[g].running_max = 1 + (uint32_t)rng_below(r, 3);
		if (rng_one_in(r, 3))
			t->groups[g].quota[rng_below(r, R)] = 1 + (int64_t)rng_below(r, 9);
		queue_set_group(q, g, &t->groups[g]);
	}
}

static void arrive(struct rng *r, struct twin *t, struct queue *q, int i, uint64_t id)
{
	struct job *j = &t->jobs[i];
	struct error err;
	uint32_t shape;
	*j = (struct job){ .is_present = true, .state = QUEUE_WAITING };
	for (int k = 0; k < R; k++)
		j->request.need[k] = (int64_t)rng_below(r, 5);
	j->request.members = rng_one_in(r, 4) ? 1 + (uint32_t)rng_below(r, 3) : 1;
	j->request.group = (uint32_t)rng_below(r, GROUPS);
	CHECK(queue_shape(q, &j->request, &shape, &err) == 0);
	j->facts = (struct queue_job){ .id = id,
				       .arrival_us = t->now - (int64_t)rng_below(r, 2),
				       .estimate_us = (int64_t)rng_below(r, 30),
				       .deadline_us = rng_one_in(r, 4)
							      ? 0
							      : t->now + (int64_t)rng_below(r, 90),
				       .priority = (int32_t)rng_below(r, 4),
				       .shape = shape };
	j->since = j->facts.arrival_us;
	CHECK(queue_arrive(q, &j->facts, t->now, &j->handle, &err) == 0);
	queue_shape_drop(q, shape);
}

static void change(struct rng *r, struct twin *t, struct queue *q, uint64_t *id)
{
	int i = (int)rng_below(r, JOBS);
	struct job *j = &t->jobs[i];
	if (!j->is_present) {
		arrive(r, t, q, i, (*id += 1 + rng_below(r, 3)));
	} else if (j->state == QUEUE_RUNNING && !rng_one_in(r, 4)) {
		queue_finish(q, j->handle, t->now);
		j->is_present = false;
	} else if (rng_one_in(r, 3)) {
		queue_cancel(q, j->handle, t->now);
		j->is_present = false;
	} else if (rng_one_in(r, 4)) {
		queue_lost(q, j->handle, t->now);
		stop(t, i, true);
	} else if (rng_one_in(r, 4)) {
		j->facts.estimate_us = (int64_t)rng_below(r, 30);
		queue_set_estimate(q, j->handle, j->facts.estimate_us, t->now);
	}
}

static int job_of(const struct twin *t, uint32_t handle)
{
	for (int i = 0; i < JOBS; i++)
		if (t->jobs[i].is_present && t->jobs[i].handle == handle)
			return i;
	return -1;
}

/* Everything as it was before the decision, for whoever looks into a failure. */
static void dump(const struct twin *t)
{
	const struct queue_settings *s = &t->s;
	fprintf(stderr,
		"now %lld %s backfills %d preempts %d blocks %d evict %d kept %d ageing %g max_wait %lld "
		"quantum %lld switch %lld running_max %u\n",
		(long long)t->now, queue_policy_name(s->policy), s->backfills, s->preempts,
		s->blocks, s->may_evict, s->kept, s->ageing, (long long)s->max_wait_us,
		(long long)s->quantum_us, (long long)s->switch_us, s->running_max);
	for (int p = 0; p < PLACES; p++)
		fprintf(stderr, "place %d: %lld %lld\n", p, (long long)t->capacity[p][0],
			(long long)t->capacity[p][1]);
	for (int g = 0; g < GROUPS; g++)
		fprintf(stderr, "group %d: at most %u, quota %lld %lld\n", g,
			t->groups[g].running_max, (long long)t->groups[g].quota[0],
			(long long)t->groups[g].quota[1]);
	for (int i = 0; i < JOBS; i++) {
		const struct job *j = &t->jobs[i];
		if (j->is_present)
			fprintf(stderr,
				"job %d id %llu state %d arrival %lld est %lld had %lld since %lld prio %d dl %lld "
				"need %lld %lld x%u g%u at %lld %lld %lld kept %d\n",
				i, (unsigned long long)j->facts.id, j->state,
				(long long)j->facts.arrival_us, (long long)j->facts.estimate_us,
				(long long)j->attained, (long long)j->since, j->facts.priority,
				(long long)j->facts.deadline_us, (long long)j->request.need[0],
				(long long)j->request.need[1], j->request.members, j->request.group,
				(long long)j->at[0], (long long)j->at[1], (long long)j->at[2],
				j->is_kept);
	}
}

static void compare(struct twin *t, struct queue *q, uint64_t seed, int when)
{
	struct queue_action actions[2 * QUEUE_ACTIONS_MIN];
	struct said said[8 * JOBS];
	size_t count = 0, done = 0, n;
	const struct twin was = *t;
	while (count < 6 * JOBS && step(t, said, &count))
		;
	do {
		n = queue_next(q, t->now, actions, ARRAY_LEN(actions));
		for (size_t i = 0; i < n; i++, done++) {
			int job = job_of(t, actions[i].job);
			if (done >= count || said[done].verb != actions[i].verb ||
			    said[done].job != job) {
				fprintf(stderr,
					"seed %llu step %d policy %s: action %zu is %d of job %d, the "
					"twin says %d of job %d\n",
					(unsigned long long)seed, when,
					queue_policy_name(t->s.policy), done, actions[i].verb, job,
					done < count ? (int)said[done].verb : -1,
					done < count ? said[done].job : -1);
				dump(&was);
				exit(1);
			}
			CHECK(actions[i].why[0]);
		}
	} while (n > 0);
	if (done != count) {
		fprintf(stderr, "seed %llu step %d: %zu actions, the twin has %zu\n",
			(unsigned long long)seed, when, done, count);
		dump(&was);
		exit(1);
	}
	AUTO_STR why;
	str_init(&why, 4096);
	for (int i = 0; i < JOBS; i++) {
		const struct job *j = &t->jobs[i];
		if (!j->is_present)
			continue;
		uint32_t parts[PLACES][2];
		int64_t at[PLACES] = { 0 };
		CHECK(queue_view(q, j->handle).state == j->state);
		size_t parts_count = queue_parts(q, j->handle, parts, PLACES);
		for (size_t k = 0; k < parts_count; k++)
			at[parts[k][0]] = parts[k][1];
		for (int p = 0; p < PLACES; p++)
			if (at[p] != j->at[p]) {
				fprintf(stderr, "seed %llu step %d: job %d has %lld on place %d\n",
					(unsigned long long)seed, when, i, (long long)at[p], p);
				dump(t);
				exit(1);
			}
		str_clear(&why);
		queue_why(q, j->handle, t->now, &why);
		CHECK((why.len == 0) == (j->state == QUEUE_RUNNING));
	}
}

static void live(uint64_t seed, int steps)
{
	static const char *const names[] = { "cpu", "memory" };
	struct rng r = { seed };
	struct twin t = { 0 };
	uint8_t kept = rng_one_in(&r, 3) ? 2 : 0;
	struct queue_limits limits = { .jobs_max = JOBS,
				       .shapes_max = 256,
				       .places_max = PLACES,
				       .groups_max = GROUPS,
				       .parts_max = JOBS * PLACES,
				       .resources = R,
				       .resource_names = names,
				       .has_deadlines = true,
				       .has_max_wait = true };
	size_t size = (queue_size(&limits) + 63) / 64 * 64;
	void *memory = aligned_alloc(64, size);
	memset(memory, 0, size);
	t.now = 1000;
	t.s = draw_settings(&r, kept);
	struct queue *q = queue_init(memory, &limits, &t.s);
	draw_machine(&r, &t, q);
	uint64_t id = 0;
	for (int i = 0; i < steps; i++) {
		t.now += (int64_t)rng_below(&r, 6);
		for (uint64_t k = rng_below(&r, 4); k-- > 0;)
			change(&r, &t, q, &id);
		if (rng_one_in(&r, 40))
			draw_machine(&r, &t, q);
		if (rng_one_in(&r, 40)) {
			t.s = draw_settings(&r, kept);
			queue_set_settings(q, &t.s);
		}
		compare(&t, q, seed, i);
	}
	free(memory);
}

int main(int argc, char **argv)
{
	uint64_t seeds = argc > 1 ? strtoull(argv[1], NULL, 10) : 300;
	uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	for (uint64_t seed = first; seed < first + seeds; seed++)
		live(seed, 120);
	printf("%llu lives\n", (unsigned long long)seeds);
	return 0;
}
