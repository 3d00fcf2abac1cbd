#include "controller/replicaset_plan.h"

/* Upstream's order of sacrifice: < 0 if a goes before b. */
static int compare(const struct rs_pod *a, const struct rs_pod *b)
{
	if (a->is_bound != b->is_bound)
		return a->is_bound ? 1 : -1;
	if (a->phase != b->phase)
		return a->phase < b->phase ? -1 : 1;
	if (a->is_ready != b->is_ready)
		return a->is_ready ? 1 : -1;
	if (a->deletion_cost != b->deletion_cost)
		return a->deletion_cost < b->deletion_cost ? -1 : 1;
	if (a->doubled_up != b->doubled_up)
		return a->doubled_up > b->doubled_up ? -1 : 1;
	if (a->is_ready && a->ready_since_us != b->ready_since_us)
		return a->ready_since_us > b->ready_since_us ? -1 : 1;
	if (a->restarts != b->restarts)
		return a->restarts > b->restarts ? -1 : 1;
	if (a->created_us != b->created_us)
		return a->created_us > b->created_us ? -1 : 1;
	return strcmp(b->name, a->name);
}

/* Keeps the `max` first to go in order; insertion into a short list. */
static void note_delete(struct rs_plan *plan, const struct rs_pod *pods, size_t pod, size_t max)
{
	size_t at = plan->deletes_count;
	if (at == max) {
		if (compare(&pods[pod], &pods[plan->deletes[max - 1]]) >= 0)
			return;
		at--;
	} else {
		plan->deletes_count++;
	}
	while (at > 0 && compare(&pods[pod], &pods[plan->deletes[at - 1]]) < 0) {
		plan->deletes[at] = plan->deletes[at - 1];
		at--;
	}
	plan->deletes[at] = pod;
}

static void scale_down(struct rs_plan *plan, const struct rs_pod *pods, size_t n, int64_t excess)
{
	size_t max = (size_t)MIN(excess, (int64_t)RS_BURST_MAX);
	for (size_t i = 0; i < n; i++)
		if (pods[i].is_active)
			note_delete(plan, pods, i, max);
}

/* Slots below `limit`: who fills them, and the next incarnation of each. */
struct slots {
	bool *is_filled;
	int64_t *next;
	int64_t limit;
};

static void read_slots(struct slots *s, const struct rs_pod *pods, size_t n, int64_t base)
{
	for (int64_t i = 0; i < s->limit; i++)
		s->next[i] = base;
	for (size_t i = 0; i < n; i++) {
		if (pods[i].slot < 0 || pods[i].slot >= s->limit)
			continue;
		s->is_filled[pods[i].slot] |= pods[i].is_active;
		s->next[pods[i].slot] = MAX(s->next[pods[i].slot], pods[i].incarnation + 1);
	}
}

static bool ends_with(const char *name, const char *suffix)
{
	size_t n = strlen(name), k = strlen(suffix);
	return n >= k && streq(name + n - k, suffix);
}

/* Five characters can meet: then the next incarnation is tried. */
static bool is_taken(const struct rs_plan *plan, const struct rs_pod *pods, size_t n,
		     const char *suffix)
{
	for (size_t i = 0; i < n; i++)
		if (ends_with(pods[i].name, suffix))
			return true;
	for (size_t i = 0; i < plan->creates_count; i++)
		if (streq(plan->creates[i].suffix, suffix))
			return true;
	return false;
}

static void scale_up(struct rs_plan *plan, const struct rs_want *want, const struct rs_pod *pods,
		     size_t n, int64_t missing, int64_t base)
{
	/* Adopted pods fill no slot: with this many slots there is always room. */
	struct slots s = { .limit = want->replicas + (int64_t)n };
	auto_free bool *is_filled = xcalloc((size_t)s.limit + 1, sizeof(bool));
	auto_free int64_t *next = xcalloc((size_t)s.limit + 1, sizeof(int64_t));
	s.is_filled = is_filled;
	s.next = next;
	read_slots(&s, pods, n, base);
	for (int64_t slot = 0; slot < s.limit && missing > 0; slot++) {
		if (s.is_filled[slot])
			continue;
		if (plan->creates_count == RS_BURST_MAX)
			return;
		struct rs_create *c = &plan->creates[plan->creates_count];
		*c = (struct rs_create){ .slot = slot, .incarnation = s.next[slot] };
		derived_suffix(want->uid, slot, c->incarnation, c->suffix);
		while (is_taken(plan, pods, n, c->suffix))
			derived_suffix(want->uid, slot, ++c->incarnation, c->suffix);
		plan->creates_count++;
		missing--;
	}
}

void rs_plan_make(struct rs_plan *plan, const struct rs_want *want, const struct rs_pod *pods,
		  size_t n, int64_t base_incarnation)
{
	plan->creates_count = plan->deletes_count = 0;
	plan->active = 0;
	for (size_t i = 0; i < n; i++)
		plan->active += pods[i].is_active;
	if (want->is_deleting)
		return;
	if (plan->active > want->replicas)
		scale_down(plan, pods, n, plan->active - want->replicas);
	else if (plan->active < want->replicas && !want->is_gate_closed)
		scale_up(plan, want, pods, n, want->replicas - plan->active, base_incarnation);
}

bool rs_slot_parse(const char *text, int64_t *ret_slot, int64_t *ret_incarnation)
{
	char *end;
	long long slot = strtoll(text, &end, 10);
	if (end == text || *end != '.' || slot < 0)
		return false;
	const char *rest = end + 1;
	long long incarnation = strtoll(rest, &end, 10);
	if (end == rest || *end != '\0' || incarnation < 0)
		return false;
	*ret_slot = slot;
	*ret_incarnation = incarnation;
	return true;
}
