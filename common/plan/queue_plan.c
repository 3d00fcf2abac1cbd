/*
 * queue_plan.c - what a queue decides. The order of a decision:
 *
 *   1. who waited longer than max_wait, the longest first; else the policy's first job
 *   2. if it fits, it starts; else a preempting policy freezes what stands behind it, the last first
 *   3. else, where the policy blocks, nobody passes (or only as backfill allows); where not, the first
 *      job that fits starts
 */
#include "common/plan/queue_internal.h"

void queue_start(struct queue *q, uint32_t job, int64_t now_us, const char *why,
		 struct queue_action *ret)
{
	struct queue_slot *s = &q->slots[job];
	bool is_frozen = s->state == QUEUE_FROZEN;
	queue_unpin(q, job);
	s->since_us = is_frozen ? now_us + q->settings.switch_us : now_us;
	s->state = QUEUE_RUNNING;
	queue_running_add(q, job);
	queue_group_shift(q, &q->shapes[s->shape], +1);
	*ret = (struct queue_action){ .verb = is_frozen ? QUEUE_RESUME : QUEUE_ADMIT,
				      .job = job,
				      .id = s->id,
				      .place = q->shapes[s->shape].members > 1 ? QUEUE_NONE
									       : s->place,
				      .why = why };
}

/* The job's amounts are taken and it leaves the ready set; false: it does not fit. */
static bool take(struct queue *q, uint32_t job)
{
	const struct queue_shape *s = &q->shapes[q->slots[job].shape];
	if (!queue_fits(q, s) || !queue_take(q, job))
		return false;
	queue_wait_remove(q, job);
	return true;
}

static const char *turn_of(const struct queue *q, uint32_t job)
{
	static const char *const whys[QUEUE_POLICY_COUNT] = {
		[QUEUE_FCFS] = "it came first",
		[QUEUE_SJF] = "it is the shortest",
		[QUEUE_SRTF] = "it has the least left to do",
		[QUEUE_LAS] = "it has been served least",
		[QUEUE_PRIORITY] = "it has the highest priority",
		[QUEUE_EDF] = "it has the earliest deadline",
	};
	return q->slots[job].is_overdue ? "it waited longer than maxWait"
					: whys[q->settings.policy];
}

/* Does the job stand so far before a running one that freezing that one is worth it? */
static bool outranks(const struct queue *q, uint32_t job, uint32_t victim, int64_t now_us)
{
	const struct queue_settings *s = &q->settings;
	int64_t mine = queue_key(q, &q->slots[job]);
	int64_t other = queue_running_key(q, &q->slots[victim], now_us);
	if (q->slots[victim].is_kept)
		return false;
	if (s->policy == QUEUE_LAS)
		return mine <= other - (s->quantum_us ? s->quantum_us : QUEUE_QUANTUM_US);
	if (s->policy == QUEUE_SRTF)
		return mine < other - s->switch_us;
	return mine < other;
}

/* Work that keeps something becomes a shape of its own; gangs keep nothing or are not frozen. */
static bool can_freeze(const struct queue *q, uint32_t job)
{
	const struct queue_shape *s = &q->shapes[q->slots[job].shape];
	bool keeps = false;
	for (uint32_t r = 0; r < q->limits.resources; r++)
		keeps |= (q->settings.kept & (1u << r)) && s->need[r] > 0;
	return !keeps ||
	       (s->members == 1 && (q->shapes_free != QUEUE_NONE ||
				    q->shapes_used + QUEUE_VICTIMS_MAX < q->limits.shapes_max));
}

static bool is_full(const struct queue *q)
{
	return q->settings.running_max && q->running_count >= q->settings.running_max;
}

/* The victims that make room for `job`, the least deserving first: those that freezing (or evicting)
 * would not help are left out again (but one must stop where only so many may run). 0: it cannot be
 * done. Nothing has changed yet. */
static size_t find_victims(struct queue *q, uint32_t job, int64_t now_us, bool evicts,
			   uint32_t *ret)
{
	const struct queue_shape *s = &q->shapes[q->slots[job].shape];
	size_t n = 0, kept = 0;
	bool fits = false, was_full = is_full(q);
	while (!fits && n < QUEUE_VICTIMS_MAX && q->running_count > 0) {
		uint32_t victim = q->running[0];
		if (!outranks(q, job, victim, now_us) || !(evicts || can_freeze(q, victim)))
			break;
		queue_running_remove(q, victim);
		queue_shift(q, victim, +1, evicts);
		ret[n++] = victim;
		fits = queue_fits(q, s);
	}
	for (size_t i = 0; i < n; i++) {
		queue_shift(q, ret[i], -1, evicts);
		bool is_spared = !fits || (!(was_full && i == 0) && queue_fits(q, s));
		if (is_spared) {
			queue_running_add(q, ret[i]);
		} else {
			queue_shift(q, ret[i], +1, evicts);
			ret[kept++] = ret[i];
		}
	}
	for (size_t i = 0; i < kept; i++) {
		queue_shift(q, ret[i], -1, evicts);
		queue_running_add(q, ret[i]);
	}
	return kept;
}

static size_t preempt_by(struct queue *q, uint32_t job, int64_t now_us, bool evicts,
			 struct queue_action *ret)
{
	static const char *const whys[QUEUE_POLICY_COUNT] = {
		[QUEUE_SRTF] = "another has less left to do",
		[QUEUE_LAS] = "another has been served less",
		[QUEUE_PRIORITY] = "another has a higher priority",
		[QUEUE_EDF] = "another has an earlier deadline",
	};
	uint32_t victims[QUEUE_VICTIMS_MAX];
	size_t n = find_victims(q, job, now_us, evicts, victims);
	for (size_t i = 0; i < n; i++) {
		struct queue_slot *s = &q->slots[victims[i]];
		ret[i] = (struct queue_action){ .verb = evicts ? QUEUE_EVICT : QUEUE_FREEZE,
						.job = victims[i],
						.id = s->id,
						.place = s->place,
						.why = whys[q->settings.policy] };
		if (evicts)
			queue_lost(q, victims[i], now_us);
		else
			queue_freeze(q, victims[i], now_us);
	}
	return n;
}

/* Freezing first; where that frees too little and it is allowed, evicting. */
static size_t preempt(struct queue *q, uint32_t job, int64_t now_us, struct queue_action *ret)
{
	if (!queue_is_preemptive(&q->settings) || q->running_count == 0)
		return 0;
	size_t n = preempt_by(q, job, now_us, false, ret);
	if (n == 0 && q->settings.may_evict && q->settings.kept)
		n = preempt_by(q, job, now_us, true, ret);
	if (n == 0 || !take(q, job))
		return n;
	queue_start(q, job, now_us, turn_of(q, job), &ret[n]);
	return n + 1;
}

/* Who waited too long and may run at all; past those whose group is full. */
static uint32_t overdue(const struct queue *q, int64_t now_us)
{
	uint32_t looked = 0;
	if (!q->links || q->settings.max_wait_us == 0)
		return QUEUE_NONE;
	for (uint32_t i = q->oldest; i != QUEUE_NONE && looked++ < QUEUE_DEPTH;
	     i = q->links[i].after) {
		const struct queue_shape *s = &q->shapes[q->slots[i].shape];
		if (now_us - q->slots[i].since_us < q->settings.max_wait_us)
			break;
		if (s->is_possible && !s->is_held_up)
			return i;
	}
	return QUEUE_NONE;
}

/* The first that fits, among all; or, behind a blocked one, among frozen work that holds what the
 * blocked one may be waiting for. */
static size_t start_fitting(struct queue *q, int64_t now_us, struct queue_action *ret)
{
	for (;;) {
		uint32_t shape = queue_shape_fitting(q);
		if (shape == QUEUE_NONE)
			return 0;
		uint32_t job = q->shapes[shape].root;
		if (take(q, job)) {
			queue_start(q, job, now_us, "it is the first that fits", ret);
			return 1;
		}
		q->shapes[shape].is_closed = true;
		q->closed_count++;
	}
}

static size_t resume_pinned(struct queue *q, int64_t now_us, struct queue_action *ret)
{
	uint32_t best = QUEUE_NONE;
	for (uint32_t i = 0; q->pinned_count > 0 && i < q->shapes_used; i++) {
		const struct queue_shape *s = &q->shapes[i];
		if (s->refs && s->pin != QUEUE_NONE && s->root != QUEUE_NONE && !s->is_held_up &&
		    queue_fits(q, s) && (best == QUEUE_NONE || queue_before(q, s->root, best)))
			best = s->root;
	}
	if (best == QUEUE_NONE || !take(q, best))
		return 0;
	queue_start(q, best, now_us, "it holds what the first waits for", ret);
	return 1;
}

/* One step: some actions that belong together, or none. */
static size_t step(struct queue *q, int64_t now_us, struct queue_action *ret)
{
	uint32_t job = overdue(q, now_us);
	bool blocks = q->settings.blocks || q->settings.backfills || job != QUEUE_NONE;
	if (job != QUEUE_NONE) {
		q->slots[job].is_kept = q->slots[job].is_overdue = true;
	} else {
		uint32_t shape = queue_shape_first(q);
		if (shape == QUEUE_NONE)
			return 0;
		job = q->shapes[shape].root;
	}
	if (!is_full(q) && take(q, job)) {
		queue_start(q, job, now_us, turn_of(q, job), ret);
		return 1;
	}
	size_t n = preempt(q, job, now_us, ret);
	if (n > 0 || is_full(q))
		return n;
	if (!blocks)
		return start_fitting(q, now_us, ret);
	q->first = job;
	n = resume_pinned(q, now_us, ret);
	return n == 0 && q->settings.backfills ? queue_backfill(q, job, now_us, ret) : n;
}

size_t queue_next(struct queue *q, int64_t now_us, struct queue_action *ret, size_t max)
{
	size_t n = 0;
	assert(max >= QUEUE_ACTIONS_MIN);
	q->first = QUEUE_NONE;
	q->first_start_us = INT64_MAX;
	while (max - n >= QUEUE_ACTIONS_MIN && q->waiting_count > 0) {
		size_t more = step(q, now_us, &ret[n]);
		if (more == 0)
			break;
		n += more;
	}
	return n;
}

int64_t queue_wake_us(const struct queue *q, int64_t now_us)
{
	const struct queue_settings *s = &q->settings;
	int64_t wake = INT64_MAX;
	if (q->waiting_count == 0)
		return wake;
	if (q->links && s->max_wait_us > 0)
		for (uint32_t i = q->oldest, looked = 0;
		     i != QUEUE_NONE && wake == INT64_MAX && looked++ < QUEUE_DEPTH;
		     i = q->links[i].after)
			if (q->slots[i].since_us + s->max_wait_us > now_us)
				wake = q->slots[i].since_us + s->max_wait_us;
	uint32_t shape = queue_shape_first(q);
	if (s->policy == QUEUE_LAS && q->running_count > 0 && shape != QUEUE_NONE &&
	    !q->slots[q->running[0]].is_kept) {
		int64_t mine = queue_key(q, &q->slots[q->shapes[shape].root]);
		int64_t other = queue_running_key(q, &q->slots[q->running[0]], now_us);
		int64_t behind = mine + (s->quantum_us ? s->quantum_us : QUEUE_QUANTUM_US) - other;
		if (behind > 0)
			wake = MIN(wake, now_us + behind);
	}
	return wake;
}
