/* A workflow's graph: checked, linked, ranked. */
#include "common/plan/workflow_internal.h"

#include <stdarg.h>
#include <stdio.h>

int graph_refuse(const struct workflow_step *s, struct error *err, const char *fmt, ...)
{
	char text[900];
	va_list args;
	va_start(args, fmt);
	int n = vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	if (n < 0)
		text[0] = '\0';
	if (s->line > 0)
		return error_set(err, ERR_INVALID, "line %zu: step '%.100s': %s", s->line, s->name,
				 text);
	return error_set(err, ERR_INVALID, "step '%.100s': %s", s->name, text);
}

/* ---- names ---- */

static int compare_names(const struct node *nodes, uint32_t a, uint32_t b)
{
	int order = strcmp(nodes[a].is.name, nodes[b].is.name);
	return order ? order : a < b ? -1 : a > b;
}

/* Merge sort, so that the cost does not depend on who chose the names. */
static void sort_names(const struct node *nodes, uint32_t *at, uint32_t *spare, uint32_t n)
{
	if (n < 2)
		return;
	uint32_t half = n / 2, i = 0, k = half, out = 0;
	sort_names(nodes, at, spare, half);
	sort_names(nodes, at + half, spare, n - half);
	while (i < half || k < n) {
		bool is_left = k == n || (i < half && compare_names(nodes, at[i], at[k]) < 0);
		spare[out++] = is_left ? at[i++] : at[k++];
	}
	memcpy(at, spare, n * sizeof *at);
}

uint32_t workflow_step_find(const struct workflow_graph *g, const char *name)
{
	uint32_t low = 0, high = g->count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		int order = strcmp(g->nodes[g->by_name[middle]].is.name, name);
		if (order == 0)
			return g->by_name[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return WORKFLOW_NONE;
}

/* ---- checks of one step ---- */

static bool is_name(const char *name)
{
	size_t n = strlen(name);
	if (n == 0 || n > WORKFLOW_NAME_MAX)
		return false;
	for (size_t i = 0; i < n; i++) {
		char c = name[i];
		bool is_letter =
			(c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
		/* No dot: it parts what attempts are named by. */
		if (!is_letter && (i == 0 || i + 1 == n || (c != '-' && c != '_')))
			return false;
	}
	return true;
}

static bool is_span(int64_t us)
{
	return us >= 0 && us <= WORKFLOW_TIME_MAX;
}

static int check_retry(const struct workflow_step *s, struct error *err)
{
	const struct workflow_retry *t = &s->retry;
	if (t->count > WORKFLOW_RETRIES_MAX)
		return graph_refuse(s, err, "more than %d retries", WORKFLOW_RETRIES_MAX);
	if (!is_span(t->delay_us) || !is_span(t->delay_max_us))
		return graph_refuse(s, err, "the delay of its retries is negative or too long");
	/* Written so that a NaN is refused too. */
	if (!(t->factor == 0 || (t->factor >= 1 && t->factor <= 1000)))
		return graph_refuse(s, err, "the factor of its retries is not within 1-1000");
	if (!(t->jitter >= 0 && t->jitter <= 1))
		return graph_refuse(s, err, "the jitter of its retries is not within 0-1");
	return 0;
}

static int check_step(const struct workflow_step *s, struct error *err)
{
	if (!is_name(s->name))
		return graph_refuse(
			s, err, "its name is not made of letters, digits and, inside, '-' and '_'");
	if (!is_span(s->timeout_us) || !is_span(s->poke_us) || !is_span(s->estimate_us))
		return graph_refuse(s, err, "a time of it is negative or too long");
	if (s->is_sensor && s->poke_us == 0)
		return graph_refuse(s, err, "a sensor needs to know how often it asks");
	if (s->is_branch && s->is_mapped)
		return graph_refuse(s, err, "a branch cannot be mapped");
	if (s->slots > 0 && !s->pool)
		return graph_refuse(s, err, "it asks for slots of no pool");
	return check_retry(s, err);
}

/* ---- linking ---- */

static int copy_pools(const struct workflow_definition *d, struct workflow_graph *g,
		      struct arena *a, struct error *err)
{
	if (d->pools_count > WORKFLOW_POOLS_MAX)
		return error_set(err, ERR_LIMIT, "more than %d pools", WORKFLOW_POOLS_MAX);
	g->pools = arena_alloc(a, d->pools_count, sizeof *g->pools);
	g->pools_count = (uint32_t)d->pools_count;
	for (uint32_t i = 0; i < g->pools_count; i++) {
		g->pools[i] = d->pools[i];
		g->pools[i].name = arena_text(a, d->pools[i].name);
		for (uint32_t k = 0; k < i; k++)
			if (streq(g->pools[k].name, g->pools[i].name))
				return error_set(err, ERR_INVALID, "two pools are named '%.100s'",
						 g->pools[i].name);
	}
	return 0;
}

static int find_pool(const struct workflow_graph *g, struct node *n, struct error *err)
{
	n->pool = WORKFLOW_NONE;
	if (!n->is.pool)
		return 0;
	for (uint32_t p = 0; p < g->pools_count; p++)
		if (streq(g->pools[p].name, n->is.pool))
			n->pool = p;
	if (n->pool == WORKFLOW_NONE)
		return graph_refuse(&n->is, err, "there is no pool '%.100s'", n->is.pool);
	if (n->is.slots > g->pools[n->pool].slots)
		return graph_refuse(&n->is, err, "it needs %u slots, but pool '%.100s' has %u",
				    n->is.slots, n->is.pool, g->pools[n->pool].slots);
	n->is.pool = NULL;
	return 0;
}

static int copy_steps(const struct workflow_definition *d, struct workflow_graph *g,
		      struct arena *a, struct error *err)
{
	auto_free uint32_t *spare = xcalloc(g->count + 1, sizeof *spare);
	g->nodes = arena_alloc(a, g->count, sizeof *g->nodes);
	g->by_name = arena_alloc(a, g->count, sizeof *g->by_name);
	for (uint32_t i = 0; i < g->count; i++) {
		struct node *n = &g->nodes[i];
		n->is = d->steps[i];
		if (check_step(&n->is, err) < 0)
			return err->code;
		n->is.name = arena_text(a, n->is.name);
		n->is.needs = NULL;
		n->is.slots = MAX(n->is.slots, 1);
		if (n->is.is_default_trigger)
			n->is.trigger = n->is.role == WORKFLOW_TEARDOWN
						? WORKFLOW_ALL_DONE_SETUP_SUCCESS
						: WORKFLOW_ALL_SUCCESS;
		if (find_pool(g, n, err) < 0)
			return err->code;
		g->by_name[i] = i;
	}
	sort_names(g->nodes, g->by_name, spare, g->count);
	for (uint32_t i = 1; i < g->count; i++) {
		const struct workflow_step *one = &g->nodes[g->by_name[i - 1]].is;
		const struct workflow_step *two = &g->nodes[g->by_name[i]].is;
		if (streq(one->name, two->name))
			return graph_refuse(two, err, "there is another step of that name%s",
					    one->line ? " above" : "");
	}
	return 0;
}

static int link_parents(const struct workflow_definition *d, struct workflow_graph *g,
			struct arena *a, struct error *err)
{
	uint64_t edges = 0;
	/* The last step that named each as a parent: finds a parent that is named twice. */
	auto_free uint32_t *named_by = xcalloc(g->count + 1, sizeof *named_by);
	for (uint32_t i = 0; i < g->count; i++)
		edges += d->steps[i].needs_count;
	if (edges > WORKFLOW_EDGES_MAX)
		return error_set(err, ERR_LIMIT, "more than %d dependencies", WORKFLOW_EDGES_MAX);
	for (uint32_t i = 0; i < g->count; i++) {
		struct node *n = &g->nodes[i];
		n->parents.at = arena_alloc(a, d->steps[i].needs_count, sizeof(uint32_t));
		for (size_t k = 0; k < d->steps[i].needs_count; k++) {
			uint32_t p = workflow_step_find(g, d->steps[i].needs[k]);
			if (p == WORKFLOW_NONE)
				return graph_refuse(&n->is, err,
						    "it needs '%.100s', but there is no such step",
						    d->steps[i].needs[k]);
			if (named_by[p] == i + 1)
				return graph_refuse(&n->is, err, "it needs '%.100s' twice",
						    d->steps[i].needs[k]);
			named_by[p] = i + 1;
			n->parents.at[n->parents.count++] = p;
			g->nodes[p].children.count++;
			n->has_branch_parent |= g->nodes[p].is.is_branch;
		}
	}
	return 0;
}

static void link_children(struct workflow_graph *g, struct arena *a)
{
	for (uint32_t i = 0; i < g->count; i++) {
		struct list *c = &g->nodes[i].children;
		c->at = arena_alloc(a, c->count, sizeof(uint32_t));
		c->count = 0;
	}
	for (uint32_t i = 0; i < g->count; i++)
		for (uint32_t k = 0; k < g->nodes[i].parents.count; k++) {
			struct list *c = &g->nodes[g->nodes[i].parents.at[k]].children;
			c->at[c->count++] = i;
		}
}

/* Parents first; among those that could come next, the first by place (a heap of places). */
static void sort_steps(struct workflow_graph *g, struct arena *a)
{
	auto_free uint32_t *left = xcalloc(g->count + 1, sizeof *left);
	auto_free uint32_t *heap = xcalloc(g->count + 1, sizeof *heap);
	uint32_t heap_count = 0, count = 0;
	g->order = arena_alloc(a, g->count, sizeof *g->order);
	for (uint32_t i = 0; i < g->count; i++) {
		left[i] = g->nodes[i].parents.count;
		if (left[i] == 0)
			heap[heap_count++] = i; /* ascending: a heap already */
	}
	while (heap_count > 0) {
		uint32_t first = heap[0], moved = heap[--heap_count], at = 0;
		for (uint32_t down; (down = 2 * at + 1) < heap_count; at = down) {
			down += down + 1 < heap_count && heap[down + 1] < heap[down];
			if (moved < heap[down])
				break;
			heap[at] = heap[down];
		}
		heap[at] = moved;
		g->nodes[first].position = count;
		g->order[count++] = first;
		for (uint32_t k = 0; k < g->nodes[first].children.count; k++) {
			uint32_t child = g->nodes[first].children.at[k];
			if (--left[child] > 0)
				continue;
			for (at = heap_count++; at > 0 && heap[(at - 1) / 2] > child;
			     at = (at - 1) / 2)
				heap[at] = heap[(at - 1) / 2];
			heap[at] = child;
		}
	}
	assert(count == g->count);
}

static void rank_steps(struct workflow_graph *g)
{
	for (uint32_t i = g->count; i-- > 0;) {
		struct node *n = &g->nodes[g->order[i]];
		int64_t longest = 0;
		for (uint32_t k = 0; k < n->children.count; k++)
			longest = MAX(longest, g->nodes[n->children.at[k]].rank_us);
		n->rank_us = MIN(longest + n->is.estimate_us, WORKFLOW_TIME_MAX);
	}
}

/* As Airflow's DagRun: teardowns do not count for the result, so what is before them is a leaf. */
static void find_leaves(struct workflow_graph *g)
{
	for (uint32_t i = 0; i < g->count; i++) {
		struct node *n = &g->nodes[i];
		n->is_leaf = n->is.role != WORKFLOW_TEARDOWN || n->is.fails_run;
		for (uint32_t k = 0; k < n->children.count; k++) {
			const struct workflow_step *c = &g->nodes[n->children.at[k]].is;
			if (c->role != WORKFLOW_TEARDOWN || c->fails_run)
				n->is_leaf = false;
		}
	}
}

int workflow_graph_make(const struct workflow_definition *d, struct arena *a,
			struct workflow_graph **ret, struct error *err)
{
	if (d->steps_count > WORKFLOW_STEPS_MAX)
		return error_set(err, ERR_LIMIT, "more than %d steps", WORKFLOW_STEPS_MAX);
	if (!is_span(d->timeout_us))
		return error_set(err, ERR_INVALID, "the run's timeout is negative or too long");
	struct workflow_graph *g = arena_alloc(a, 1, sizeof *g);
	g->count = (uint32_t)d->steps_count;
	g->active_max = d->active_max;
	g->timeout_us = d->timeout_us;
	g->fails_fast = d->fails_fast;
	if (copy_pools(d, g, a, err) < 0 || copy_steps(d, g, a, err) < 0 ||
	    link_parents(d, g, a, err) < 0)
		return err->code;
	link_children(g, a);
	if (graph_check_cycle(g, err) < 0)
		return err->code;
	sort_steps(g, a);
	rank_steps(g);
	find_leaves(g);
	if (graph_link_setups(g, a, err) < 0)
		return err->code;
	*ret = g;
	return 0;
}

/* ---- reading ---- */

size_t workflow_steps_count(const struct workflow_graph *g)
{
	return g->count;
}

const char *workflow_step_name(const struct workflow_graph *g, uint32_t step)
{
	assert(step < g->count);
	return g->nodes[step].is.name;
}

void workflow_sort(const struct workflow_graph *g, uint32_t *ret)
{
	memcpy(ret, g->order, g->count * sizeof *ret);
}

int64_t workflow_rank_us(const struct workflow_graph *g, uint32_t step)
{
	assert(step < g->count);
	return g->nodes[step].rank_us;
}

size_t workflow_critical_path(const struct workflow_graph *g, uint32_t *ret)
{
	uint32_t at = WORKFLOW_NONE;
	size_t count = 0;
	for (uint32_t i = 0; i < g->count; i++)
		if (g->nodes[i].parents.count == 0 &&
		    (at == WORKFLOW_NONE || g->nodes[i].rank_us > g->nodes[at].rank_us))
			at = i;
	while (at != WORKFLOW_NONE) {
		const struct list *c = &g->nodes[at].children;
		ret[count++] = at;
		at = WORKFLOW_NONE;
		for (uint32_t k = 0; k < c->count; k++)
			if (at == WORKFLOW_NONE ||
			    g->nodes[c->at[k]].rank_us > g->nodes[at].rank_us)
				at = c->at[k];
	}
	return count;
}
