/* Words: why a job waits, and whether it can meet a deadline. */
#include "common/plan/queue_internal.h"

static void add_span(struct str *out, int64_t us)
{
	if (us >= 120000000)
		str_addf(out, "%lld min", (long long)(us / 60000000));
	else if (us >= 1000000)
		str_addf(out, "%.3g s", (double)us / 1e6);
	else
		str_addf(out, "%.3g ms", (double)us / 1e3);
}

/* "4 cpu and 2 memory" of what is short: more than `have` holds. */
static void add_short(const struct queue *q, const struct queue_shape *s, const int64_t *have,
		      const char *verb, struct str *out)
{
	bool is_first = true;
	for (uint32_t r = 0; r < q->limits.resources; r++) {
		int64_t need = s->need[r] * s->members;
		if (need <= have[r])
			continue;
		str_addf(out, "%sneeds %lld %s, %lld %s", is_first ? "" : "; ", (long long)need,
			 q->limits.resource_names[r], (long long)MAX(0, have[r]), verb);
		is_first = false;
	}
	if (is_first && s->members > 1)
		str_addf(out, "no set of nodes has room for %u members at once", s->members);
	else if (is_first)
		str_add(out, "no single node has room for what it needs");
}

static bool add_group(const struct queue *q, const struct queue_shape *s, struct str *out)
{
	const struct queue_group_use *g = &q->groups[s->group];
	if (!s->is_held_up)
		return false;
	if (g->limits.running_max && g->running >= g->limits.running_max) {
		str_addf(out, "its queue runs %u jobs, at most %u may", g->running,
			 g->limits.running_max);
		return true;
	}
	for (uint32_t r = 0; r < q->limits.resources; r++)
		if (g->limits.quota[r] &&
		    g->used[r] + s->need[r] * s->members > g->limits.quota[r]) {
			str_addf(out, "its queue uses %lld of its %lld %s, this job needs %lld",
				 (long long)g->used[r], (long long)g->limits.quota[r],
				 q->limits.resource_names[r], (long long)s->need[r] * s->members);
			return true;
		}
	return false;
}

/* Behind whom it stands: the first of all, whatever that waits for. */
static void add_turn(const struct queue *q, uint32_t job, int64_t now_us, struct str *out)
{
	static const char *const orders[QUEUE_POLICY_COUNT] = {
		[QUEUE_FCFS] = "came earlier",
		[QUEUE_SJF] = "is shorter",
		[QUEUE_SRTF] = "has less left to do",
		[QUEUE_LAS] = "has been served less",
		[QUEUE_PRIORITY] = "has a higher priority",
		[QUEUE_EDF] = "has an earlier deadline",
	};
	uint32_t shape = queue_shape_first(q);
	uint32_t first = q->first != QUEUE_NONE ? q->first
			 : shape == QUEUE_NONE  ? job
						: q->shapes[shape].root;
	if (first == job) {
		str_add(out, "it is the first to start; ");
		add_short(q, &q->shapes[q->slots[job].shape], q->total_free, "free", out);
		if (q->first_start_us != INT64_MAX) {
			str_add(out, "; a place is kept for it in ");
			add_span(out, MAX(0, q->first_start_us - now_us));
		}
		return;
	}
	str_addf(out, "job %llu ", (unsigned long long)q->slots[first].id);
	str_add(out, q->slots[first].is_overdue ? "waited longer than maxWait"
						: orders[q->settings.policy]);
	str_addf(out, " and goes first; %u are waiting", q->waiting_count);
}

void queue_why(const struct queue *q, uint32_t job, int64_t now_us, struct str *out)
{
	const struct queue_slot *slot = &q->slots[job];
	const struct queue_shape *s = &q->shapes[slot->shape];
	if (slot->state != QUEUE_WAITING && slot->state != QUEUE_FROZEN)
		return;
	if (slot->state == QUEUE_FROZEN) {
		str_add(out, "frozen after ");
		add_span(out, slot->attained_us);
		str_add(out, " of work: ");
	}
	if (!s->is_possible) {
		str_add(out, "it can never start here: ");
		add_short(q, s, q->total, "exist", out);
		return;
	}
	if (add_group(q, s, out))
		return;
	if (q->settings.running_max && q->running_count >= q->settings.running_max)
		str_addf(out, "%u jobs run, at most %u may; ", q->running_count,
			 q->settings.running_max);
	add_turn(q, job, now_us, out);
}

/* ---- deadlines ---- */

/* The part of the machine it takes: of the resource that it takes most of. */
static double share_of(const struct queue *q, const struct queue_shape *s)
{
	double share = 0;
	for (uint32_t r = 0; r < q->limits.resources; r++)
		if (s->need[r] > 0 && q->total[r] > 0)
			share = MAX(share, (double)s->need[r] * s->members / (double)q->total[r]);
	return MIN(share, 1);
}

static double work_of(const struct queue *q, uint32_t job, int64_t now_us)
{
	const struct queue_slot *s = &q->slots[job];
	int64_t ran = s->state == QUEUE_RUNNING ? MAX(0, now_us - s->since_us) : 0;
	return (double)MAX(0, s->estimate_us - s->attained_us - ran) *
	       share_of(q, &q->shapes[s->shape]);
}

struct demand {
	int64_t deadline_us, now_us;
	double work, limit;
	uint32_t jobs;
	bool is_ordered; /* by deadline: what is below a later one is later still */
};

/* Adds the jobs of a heap that must end before the deadline. It stops as soon as they need too
 * much, so it looks at few more than can be done in time. */
static void add_heap(const struct queue *q, uint32_t root, struct demand *d)
{
	uint32_t at = root, from = QUEUE_NONE;
	while (at != QUEUE_NONE && d->work <= d->limit) {
		const struct queue_slot *s = &q->slots[at];
		bool is_down = from == s->parent, is_in = queue_deadline(q, at) <= d->deadline_us;
		if (is_down && is_in) {
			d->work += work_of(q, at, d->now_us);
			d->jobs++;
		}
		uint32_t next = s->parent;
		bool is_deeper = is_in || !d->is_ordered;
		if (is_down && is_deeper && s->left != QUEUE_NONE)
			next = s->left;
		else if (is_deeper && s->right != QUEUE_NONE && (is_down || from == s->left))
			next = s->right;
		else if (at == root)
			break;
		from = at;
		at = next;
	}
}

bool queue_meets_deadline(const struct queue *q, const struct queue_job *job, int64_t now_us,
			  struct str *ret)
{
	const struct queue_shape *s = &q->shapes[job->shape];
	if (job->deadline_us == 0)
		return true;
	struct demand d = { .deadline_us = job->deadline_us,
			    .now_us = now_us,
			    .limit = (double)(job->deadline_us - now_us),
			    .is_ordered =
				    q->settings.policy == QUEUE_EDF && q->settings.ageing == 0 };
	if (now_us + job->estimate_us > job->deadline_us) {
		str_add(ret, "cannot meet its deadline: it needs ");
		add_span(ret, job->estimate_us);
		str_add(ret, " and has ");
		add_span(ret, MAX(0, job->deadline_us - now_us));
		return false;
	}
	d.work = (double)job->estimate_us * share_of(q, s);
	for (uint32_t i = 0; i < q->running_count && d.work <= d.limit; i++)
		if (queue_deadline(q, q->running[i]) <= job->deadline_us) {
			d.work += work_of(q, q->running[i], now_us);
			d.jobs++;
		}
	for (uint32_t i = 0; i < q->shapes_used && d.work <= d.limit; i++)
		if (q->shapes[i].refs && q->shapes[i].root != QUEUE_NONE)
			add_heap(q, q->shapes[i].root, &d);
	if (d.work <= d.limit)
		return true;
	str_addf(ret,
		 "cannot meet its deadline: %u jobs with earlier deadlines and itself need more "
		 "than the ",
		 d.jobs);
	add_span(ret, job->deadline_us - now_us);
	str_add(ret, " left");
	return false;
}
