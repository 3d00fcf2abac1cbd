/* The changes a queue is told of: jobs that come, end, are frozen; other settings. */
#include "common/plan/queue_internal.h"

/* ---- waiting: the heaps, and the order of waiting since when ---- */

static bool is_older(const struct queue *q, uint32_t a, uint32_t b)
{
	const struct queue_slot *x = &q->slots[a], *y = &q->slots[b];
	return x->since_us != y->since_us ? x->since_us < y->since_us : x->id < y->id;
}

/* Jobs come in order of time, or nearly: the place is looked for from the newest on. */
static void link_add(struct queue *q, uint32_t job)
{
	uint32_t before = q->newest;
	while (before != QUEUE_NONE && is_older(q, job, before))
		before = q->links[before].before;
	uint32_t after = before == QUEUE_NONE ? q->oldest : q->links[before].after;
	q->links[job] = (struct queue_link){ before, after };
	if (before == QUEUE_NONE)
		q->oldest = job;
	else
		q->links[before].after = job;
	if (after == QUEUE_NONE)
		q->newest = job;
	else
		q->links[after].before = job;
}

static void link_remove(struct queue *q, uint32_t job)
{
	struct queue_link l = q->links[job];
	if (l.before == QUEUE_NONE)
		q->oldest = l.after;
	else
		q->links[l.before].after = l.after;
	if (l.after == QUEUE_NONE)
		q->newest = l.before;
	else
		q->links[l.after].before = l.before;
}

static void wait_add(struct queue *q, uint32_t job)
{
	struct queue_slot *s = &q->slots[job];
	struct queue_shape *shape = &q->shapes[s->shape];
	uint32_t root = shape->root;
	shape->root = queue_heap_add(q, root, job);
	if (shape->root != root)
		queue_shape_changed(q, s->shape);
	if (q->links)
		link_add(q, job);
	q->waiting_count++;
}

void queue_wait_remove(struct queue *q, uint32_t job)
{
	const struct queue_slot *s = &q->slots[job];
	struct queue_shape *shape = &q->shapes[s->shape];
	uint32_t root = shape->root;
	shape->root = queue_heap_remove(q, root, job);
	if (shape->root != root)
		queue_shape_changed(q, s->shape);
	if (q->links)
		link_remove(q, job);
	q->waiting_count--;
}

/* ---- changes ---- */

static uint32_t slot_new(struct queue *q)
{
	uint32_t job = q->slots_free;
	if (job != QUEUE_NONE) {
		q->slots_free = q->slots[job].left;
		return job;
	}
	return q->slots_used < q->limits.jobs_max ? q->slots_used++ : QUEUE_NONE;
}

static bool is_time(int64_t us)
{
	return us >= 0 && us <= QUEUE_TIME_MAX;
}

int queue_arrive(struct queue *q, const struct queue_job *job, int64_t now_us, uint32_t *ret,
		 struct error *err)
{
	if (!is_time(job->arrival_us) || !is_time(job->estimate_us) || !is_time(job->deadline_us))
		return error_set(err, ERR_INVALID, "job %llu: a time that is out of bounds",
				 (unsigned long long)job->id);
	uint32_t at = slot_new(q);
	if (at == QUEUE_NONE)
		return error_set(err, ERR_LIMIT, "the queue is full: %u jobs are in it",
				 q->limits.jobs_max);
	q->slots[at] = (struct queue_slot){ .id = job->id,
					    .arrival_us = job->arrival_us,
					    .estimate_us = job->estimate_us,
					    .since_us = MIN(job->arrival_us, now_us),
					    .shape = job->shape & (QUEUE_SHAPES_MAX - 1),
					    .state = QUEUE_WAITING,
					    .priority = job->priority,
					    .place = QUEUE_NONE };
	if (q->deadlines)
		q->deadlines[at] = job->deadline_us;
	q->shapes[job->shape].refs++;
	wait_add(q, at);
	*ret = at;
	return 0;
}

/* A running job stops: its service is counted, what it used is free. */
static void stop_running(struct queue *q, uint32_t job, int64_t now_us, bool frees_kept)
{
	struct queue_slot *s = &q->slots[job];
	s->attained_us += MAX(0, now_us - s->since_us);
	s->since_us = now_us;
	queue_running_remove(q, job);
	queue_shift(q, job, +1, frees_kept);
	queue_group_shift(q, &q->shapes[s->shape], -1);
	queue_shapes_reopen(q);
}

void queue_unpin(struct queue *q, uint32_t job)
{
	struct queue_slot *s = &q->slots[job];
	uint32_t pinned = s->shape, origin = q->shapes[pinned].origin;
	if (origin == QUEUE_NONE)
		return;
	s->shape = origin & (QUEUE_SHAPES_MAX - 1);
	queue_shape_unref(q, pinned);
}

/* The amounts a frozen job kept (only jobs of one member keep any). */
static void give_kept(struct queue *q, uint32_t job)
{
	uint8_t kept = q->settings.kept;
	if (q->slots[job].place == QUEUE_NONE)
		return;
	q->settings.kept = (uint8_t)~kept;
	queue_shift(q, job, +1, false);
	q->settings.kept = kept;
	queue_shapes_reopen(q);
}

static void leave(struct queue *q, uint32_t job, int64_t now_us)
{
	struct queue_slot *s = &q->slots[job];
	assert(s->state != QUEUE_GONE);
	if (s->state == QUEUE_RUNNING) {
		stop_running(q, job, now_us, true);
	} else {
		queue_wait_remove(q, job);
		queue_unpin(q, job);
		if (s->state == QUEUE_FROZEN)
			give_kept(q, job);
	}
	queue_parts_drop(q, job);
	if (q->first == job)
		q->first = QUEUE_NONE;
}

void queue_cancel(struct queue *q, uint32_t job, int64_t now_us)
{
	struct queue_slot *s = &q->slots[job];
	leave(q, job, now_us);
	queue_shape_unref(q, s->shape);
	s->state = QUEUE_GONE;
	s->left = q->slots_free;
	q->slots_free = job;
}

void queue_finish(struct queue *q, uint32_t job, int64_t now_us)
{
	assert(q->slots[job].state == QUEUE_RUNNING);
	queue_cancel(q, job, now_us);
}

void queue_lost(struct queue *q, uint32_t job, int64_t now_us)
{
	struct queue_slot *s = &q->slots[job];
	leave(q, job, now_us);
	s->attained_us = 0;
	s->since_us = MIN(s->arrival_us, now_us);
	s->is_kept = s->is_overdue = false;
	s->state = QUEUE_WAITING;
	wait_add(q, job);
}

void queue_freeze(struct queue *q, uint32_t job, int64_t now_us)
{
	struct queue_slot *s = &q->slots[job];
	stop_running(q, job, now_us, false);
	s->state = QUEUE_FROZEN;
	const struct queue_shape *shape = &q->shapes[s->shape];
	struct queue_shape pinned = *shape;
	bool keeps = false;
	for (uint32_t r = 0; r < q->limits.resources; r++)
		if (q->settings.kept & (1u << r) && shape->need[r] > 0) {
			keeps = true;
			pinned.need[r] = 0;
		}
	if (keeps) {
		struct error err;
		pinned.pin = s->place;
		pinned.origin = s->shape;
		uint32_t at = QUEUE_NONE;
		/* can_freeze saw to a free shape. */
		int code = queue_shape_intern(q, &pinned, &at, &err);
		assert(code == 0);
		/* It keeps its hold on its own shape, for when it goes on. */
		s->shape = at & (QUEUE_SHAPES_MAX - 1);
	} else {
		queue_parts_drop(q, job);
	}
	wait_add(q, job);
}

void queue_adopt(struct queue *q, uint32_t job, uint32_t place, int64_t attained_us,
		 bool is_running, int64_t now_us)
{
	struct queue_slot *s = &q->slots[job];
	assert(s->state == QUEUE_WAITING && q->shapes[s->shape].members == 1);
	queue_wait_remove(q, job);
	s->attained_us = attained_us;
	s->since_us = now_us;
	s->place = place;
	s->state = QUEUE_RUNNING;
	queue_shift(q, job, -1, true);
	queue_group_shift(q, &q->shapes[s->shape], +1);
	queue_running_add(q, job);
	if (!is_running)
		queue_freeze(q, job, now_us);
}

void queue_set_estimate(struct queue *q, uint32_t job, int64_t estimate_us, int64_t now_us)
{
	struct queue_slot *s = &q->slots[job];
	(void)now_us;
	if (s->state == QUEUE_RUNNING) {
		queue_running_remove(q, job);
		s->estimate_us = estimate_us;
		queue_running_add(q, job);
		return;
	}
	queue_wait_remove(q, job);
	s->estimate_us = estimate_us;
	wait_add(q, job);
}

void queue_set_settings(struct queue *q, const struct queue_settings *settings)
{
	assert(settings->policy < QUEUE_POLICY_COUNT && settings->ageing >= 0);
	assert(settings->max_wait_us == 0 || q->limits.has_max_wait);
	uint8_t kept = q->settings.kept;
	bool is_used = q->waiting_count + q->running_count > 0;
	for (uint32_t i = 0; i < q->shapes_used; i++)
		q->shapes[i].root = QUEUE_NONE;
	q->settings = *settings;
	q->settings.ageing = MIN(settings->ageing, 1000);
	if (is_used)
		q->settings.kept = kept; /* frozen work was counted by it */
	for (uint32_t i = 0; i < q->slots_used; i++) {
		const struct queue_slot *s = &q->slots[i];
		if (s->state == QUEUE_WAITING || s->state == QUEUE_FROZEN)
			q->shapes[s->shape].root = queue_heap_add(q, q->shapes[s->shape].root, i);
	}
	queue_running_order(q);
	queue_shapes_judge(q);
}
