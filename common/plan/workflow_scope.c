/* Walks over a workflow's graph: cycles, and which setups a step stands under. */
#include "common/plan/workflow_internal.h"

#define CYCLE_SHOWN_MAX 12
#define SCOPE_EDGES_MAX 8000000
#define SCOPE_WORK_MAX  500000000 /* steps and edges walked over: a second or two */

/* ---- cycles ---- */

/* The shortest way from `step` back to itself along parents; how many. `ret` has room for all. */
static uint32_t shortest_cycle(const struct workflow_graph *g, uint32_t step, uint32_t *ret)
{
	auto_free uint32_t *from = xcalloc(g->count, sizeof *from);
	auto_free uint32_t *queue = xcalloc(g->count + 1, sizeof *queue);
	uint32_t head = 0, tail = 0, count = 0;
	for (uint32_t i = 0; i < g->count; i++)
		from[i] = WORKFLOW_NONE;
	queue[tail++] = step;
	while (head < tail && from[step] == WORKFLOW_NONE) {
		uint32_t at = queue[head++];
		const struct list *p = &g->nodes[at].parents;
		for (uint32_t k = 0; k < p->count; k++) {
			if (from[p->at[k]] != WORKFLOW_NONE)
				continue;
			from[p->at[k]] = at;
			if (p->at[k] != step)
				queue[tail++] = p->at[k];
		}
	}
	assert(from[step] != WORKFLOW_NONE);
	/* From the step backwards: who needs it, who needs that. The text reads "needs" forwards. */
	for (uint32_t at = from[step]; at != step; at = from[at])
		ret[count++] = at;
	ret[count++] = step;
	for (uint32_t i = 0; i < count / 2; i++) {
		uint32_t other = ret[i];
		ret[i] = ret[count - 1 - i];
		ret[count - 1 - i] = other;
	}
	return count;
}

/* A step of a cycle: from any that cannot be sorted, parents that cannot be sorted lead to one. */
static uint32_t step_in_cycle(const struct workflow_graph *g, const uint32_t *left)
{
	auto_free bool *is_seen = xcalloc(g->count, sizeof *is_seen);
	uint32_t at = 0;
	while (left[at] == 0)
		at++;
	while (!is_seen[at]) {
		is_seen[at] = true;
		const struct list *p = &g->nodes[at].parents;
		for (uint32_t k = 0; k < p->count; k++)
			if (left[p->at[k]] > 0) {
				at = p->at[k];
				break;
			}
	}
	return at;
}

static int refuse_cycle(const struct workflow_graph *g, uint32_t step, struct error *err)
{
	auto_free uint32_t *steps = xcalloc(g->count, sizeof *steps);
	uint32_t count = shortest_cycle(g, step, steps);
	/* The member that stands first in the file begins, as a reader would look for it. */
	uint32_t first = 0;
	for (uint32_t i = 1; i < count; i++)
		if (steps[i] < steps[first])
			first = i;
	AUTO_STR text;
	str_init(&text, 1 << 16);
	for (uint32_t i = 0; i <= count; i++) {
		if (i == CYCLE_SHOWN_MAX && count > CYCLE_SHOWN_MAX) {
			str_addf(&text, " → … (%u more)", count - CYCLE_SHOWN_MAX);
			i = count;
		}
		str_addf(&text, "%s%.60s", i ? " → " : "",
			 g->nodes[steps[(first + i) % count]].is.name);
	}
	uint32_t last = steps[(first + count - 1) % count];
	return graph_refuse(
		&g->nodes[steps[first]].is, err,
		"it waits for itself: %s; to break the cycle, take '%.60s' out of the needs "
		"of '%.60s'",
		text.data, g->nodes[steps[first]].is.name, g->nodes[last].is.name);
}

int graph_check_cycle(struct workflow_graph *g, struct error *err)
{
	auto_free uint32_t *left = xcalloc(g->count + 1, sizeof *left);
	auto_free uint32_t *stack = xcalloc(g->count + 1, sizeof *stack);
	uint32_t stack_count = 0, done = 0;
	for (uint32_t i = 0; i < g->count; i++)
		if ((left[i] = g->nodes[i].parents.count) == 0)
			stack[stack_count++] = i;
	while (stack_count > 0) {
		const struct list *c = &g->nodes[stack[--stack_count]].children;
		done++;
		for (uint32_t k = 0; k < c->count; k++)
			if (--left[c->at[k]] == 0)
				stack[stack_count++] = c->at[k];
	}
	return done == g->count ? 0 : refuse_cycle(g, step_in_cycle(g, left), err);
}

/* ---- setups ---- */

struct reach {
	bool *below, *above; /* marks of the walk at hand */
	uint32_t *stack;
};

static void walk(const struct workflow_graph *g, struct reach *w, bool *marks, uint32_t from,
		 bool is_down)
{
	uint32_t count = 0;
	w->stack[count++] = from;
	while (count > 0) {
		const struct node *n = &g->nodes[w->stack[--count]];
		const struct list *next = is_down ? &n->children : &n->parents;
		for (uint32_t k = 0; k < next->count; k++)
			if (!marks[next->at[k]]) {
				marks[next->at[k]] = true;
				w->stack[count++] = next->at[k];
			}
	}
}

/* The steps of a setup's scope: below it and, if it has teardowns, above one of them (Airflow's
 * get_upstreams_only_setups). Teardowns are under no setup's rule but their own. */
static void mark_scope(const struct workflow_graph *g, struct reach *w, uint32_t setup)
{
	const struct list *c = &g->nodes[setup].children;
	bool has_teardown = false;
	memset(w->below, 0, g->count);
	memset(w->above, 0, g->count);
	walk(g, w, w->below, setup, true);
	for (uint32_t k = 0; k < c->count; k++)
		if (g->nodes[c->at[k]].is.role == WORKFLOW_TEARDOWN) {
			has_teardown = true;
			walk(g, w, w->above, c->at[k], false);
		}
	for (uint32_t i = 0; i < g->count; i++)
		w->below[i] &=
			(!has_teardown || w->above[i]) && g->nodes[i].is.role != WORKFLOW_TEARDOWN;
	for (uint32_t k = 0; k < c->count; k++)
		w->below[c->at[k]] = false; /* direct parents are the trigger's matter */
}

static int add_scope(struct workflow_graph *g, struct arena *a, const struct reach *w,
		     uint32_t setup, uint64_t *total, struct error *err)
{
	struct list *d = &g->nodes[setup].dependents;
	uint32_t count = 0;
	for (uint32_t i = 0; i < g->count; i++)
		count += w->below[i];
	*total += count;
	if (*total > SCOPE_EDGES_MAX)
		return error_set(err, ERR_LIMIT, "too many steps stand under too many setups");
	d->at = arena_alloc(a, count, sizeof(uint32_t));
	for (uint32_t i = 0; i < g->count; i++)
		if (w->below[i]) {
			d->at[d->count++] = i;
			g->nodes[i].setups.count++;
		}
	return 0;
}

int graph_link_setups(struct workflow_graph *g, struct arena *a, struct error *err)
{
	auto_free bool *marks = xcalloc(2 * (size_t)g->count + 1, sizeof *marks);
	auto_free uint32_t *stack = xcalloc(g->count + 1, sizeof *stack);
	struct reach w = { marks, marks + g->count, stack };
	uint64_t total = 0, work = 0, size = g->count;
	for (uint32_t s = 0; s < g->count; s++)
		size += g->nodes[s].children.count;
	for (uint32_t s = 0; s < g->count; s++) {
		if (g->nodes[s].is.role != WORKFLOW_SETUP)
			continue;
		if ((work += size) > SCOPE_WORK_MAX)
			return error_set(err, ERR_LIMIT, "too many setups in so large a workflow");
		mark_scope(g, &w, s);
		if (add_scope(g, a, &w, s, &total, err) < 0)
			return err->code;
	}
	for (uint32_t i = 0; i < g->count; i++) {
		struct list *s = &g->nodes[i].setups;
		s->at = arena_alloc(a, s->count, sizeof(uint32_t));
		s->count = 0;
	}
	for (uint32_t s = 0; s < g->count; s++)
		for (uint32_t k = 0; k < g->nodes[s].dependents.count; k++) {
			struct list *of = &g->nodes[g->nodes[s].dependents.at[k]].setups;
			of->at[of->count++] = s;
		}
	return 0;
}
