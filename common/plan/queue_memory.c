/* The memory of a queue: one block, cut into its arrays. Pages are touched when jobs come. */
#include "common/plan/queue_internal.h"

static size_t power_of_two(size_t n)
{
	size_t p = 1;
	while (p < n)
		p *= 2;
	return p;
}

/* The next piece of the block, on a line of its own; with `memory` NULL only counted. */
static void *cut(char *memory, size_t *at, size_t n, size_t size)
{
	void *p = memory ? memory + *at : NULL;
	*at += (n * size + 63) / 64 * 64;
	return p;
}

static size_t lay_out(struct queue *q, char *memory, const struct queue_limits *l)
{
	size_t at = (sizeof(struct queue) + 63) / 64 * 64, r = l->resources;
	size_t shapes = power_of_two(l->shapes_max), places = power_of_two(l->places_max);
	struct queue none;
	if (!q)
		q = &none;
	q->slots = cut(memory, &at, l->jobs_max, sizeof *q->slots);
	q->deadlines = cut(memory, &at, l->has_deadlines ? l->jobs_max : 0, sizeof *q->deadlines);
	q->links = cut(memory, &at, l->has_max_wait ? l->jobs_max : 0, sizeof *q->links);
	q->running = cut(memory, &at, l->jobs_max, sizeof *q->running);
	q->scratch = cut(memory, &at, l->jobs_max, sizeof *q->scratch);
	q->shapes = cut(memory, &at, l->shapes_max, sizeof *q->shapes);
	q->buckets = cut(memory, &at, shapes, sizeof *q->buckets);
	q->winners = cut(memory, &at, 2 * shapes, sizeof *q->winners);
	q->least_need = cut(memory, &at, 2 * shapes * r, sizeof *q->least_need);
	q->capacity = cut(memory, &at, l->places_max * r, sizeof *q->capacity);
	q->free = cut(memory, &at, l->places_max * r, sizeof *q->free);
	q->spare = cut(memory, &at, l->places_max * r, sizeof *q->spare);
	q->most_free = cut(memory, &at, 2 * places * r, sizeof *q->most_free);
	q->parts = cut(memory, &at, l->parts_max, sizeof *q->parts);
	q->groups = cut(memory, &at, l->groups_max, sizeof *q->groups);
	q->shapes_mask = (uint32_t)shapes - 1;
	q->places_width = (uint32_t)places;
	if (!l->has_deadlines)
		q->deadlines = NULL;
	if (!l->has_max_wait)
		q->links = NULL;
	return at;
}

size_t queue_size(const struct queue_limits *limits)
{
	return lay_out(NULL, NULL, limits);
}

struct queue *queue_init(void *memory, const struct queue_limits *limits,
			 const struct queue_settings *settings)
{
	struct queue *q = memory;
	assert((uintptr_t)memory % 64 == 0);
	assert(limits->jobs_max > 0 && limits->jobs_max < QUEUE_NONE);
	assert(limits->shapes_max > 0 && limits->shapes_max <= QUEUE_SHAPES_MAX);
	assert(limits->places_max > 0 && limits->groups_max > 0);
	assert(limits->resources > 0 && limits->resources <= QUEUE_RESOURCES_MAX);
	q->limits = *limits;
	(void)lay_out(q, memory, limits);
	q->slots_free = q->shapes_free = q->parts_free = QUEUE_NONE;
	q->oldest = q->newest = q->first = QUEUE_NONE;
	q->first_start_us = INT64_MAX;
	q->width = 1;
	q->winners[1] = QUEUE_NONE;
	for (uint32_t r = 0; r < limits->resources; r++)
		q->least_need[limits->resources + r] = INT64_MAX;
	for (uint32_t i = 0; i <= q->shapes_mask; i++)
		q->buckets[i] = QUEUE_NONE;
	for (uint32_t i = 0; i < limits->groups_max; i++)
		q->groups[i].shapes = QUEUE_NONE;
	queue_set_settings(q, settings);
	return q;
}

struct queue_view queue_view(const struct queue *q, uint32_t job)
{
	const struct queue_slot *s = &q->slots[job];
	return (struct queue_view){ .id = s->id,
				    .state = (enum queue_state)s->state,
				    .arrival_us = s->arrival_us,
				    .estimate_us = s->estimate_us,
				    .since_us = s->since_us,
				    .attained_us = s->attained_us,
				    .place = s->place,
				    .is_kept = s->is_kept };
}

size_t queue_waiting(const struct queue *q)
{
	return q->waiting_count;
}

size_t queue_running(const struct queue *q)
{
	return q->running_count;
}

const uint32_t *queue_running_jobs(const struct queue *q)
{
	return q->running;
}

const struct queue_settings *queue_get_settings(const struct queue *q)
{
	return &q->settings;
}

bool queue_reservation(const struct queue *q, uint32_t *ret_job, int64_t *ret_start_us)
{
	if (q->first == QUEUE_NONE || q->first_start_us == INT64_MAX)
		return false;
	*ret_job = q->first;
	*ret_start_us = q->first_start_us;
	return true;
}

static const char *const policy_names[QUEUE_POLICY_COUNT] = { "fcfs", "sjf",      "srtf",
							      "las",  "priority", "edf" };

const char *queue_policy_name(enum queue_policy p)
{
	return policy_names[p];
}

bool queue_policy_find(const char *name, enum queue_policy *ret)
{
	static const struct {
		const char *name;
		enum queue_policy policy;
	} others[] = { { "fifo", QUEUE_FCFS }, { "srpt", QUEUE_SRTF }, { "fb", QUEUE_LAS } };
	for (int i = 0; i < QUEUE_POLICY_COUNT; i++)
		if (strcasecmp(name, policy_names[i]) == 0) {
			*ret = (enum queue_policy)i;
			return true;
		}
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (strcasecmp(name, others[i].name) == 0) {
			*ret = others[i].policy;
			return true;
		}
	return false;
}

struct queue_settings queue_settings_of(enum queue_policy p)
{
	return (struct queue_settings){
		.policy = p, .blocks = p == QUEUE_FCFS || p == QUEUE_PRIORITY || p == QUEUE_EDF
	};
}
