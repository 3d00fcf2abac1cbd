/*
 * Every workflow of three steps: all graphs, all rules, all orders and outcomes in which its steps can
 * end. After each event the states are those of a reference that reads the rules aloud; nothing starts
 * before its rule allows it; every run ends, with the result that its leaves say.
 */
#include "tests/unit/plan/workflow_world.h"

#define STEPS   3
#define CHOICES 3 /* a step ends well, badly, or skips itself */

struct model {
	bool needs[STEPS][STEPS];
	enum workflow_trigger triggers[STEPS];
	struct workflow_graph *g;
	enum workflow_state states[STEPS];
};

/* Steps are numbered parents first. What runs was ready: nothing limits these runs. */
static void settle_model(struct model *m)
{
	for (size_t s = 0; s < STEPS; s++) {
		enum workflow_state states[STEPS];
		const bool no_setups[STEPS] = { false };
		size_t n = 0;
		if (m->states[s] != WORKFLOW_WAITING)
			continue;
		for (size_t p = 0; p < s; p++)
			if (m->needs[s][p])
				states[n++] = m->states[p];
		switch (reference_judge(m->triggers[s], states, no_setups, n)) {
		case WORKFLOW_HOLD:
		case WORKFLOW_VERDICT_COUNT:
			break;
		case WORKFLOW_RUN:
			m->states[s] = WORKFLOW_RUNNING;
			break;
		case WORKFLOW_SKIP:
			m->states[s] = WORKFLOW_SKIPPED;
			break;
		case WORKFLOW_FAIL:
			m->states[s] = WORKFLOW_UPSTREAM_FAILED;
			break;
		}
	}
}

static void lost(const struct model *m, const unsigned *path, size_t length, const char *what)
{
	for (uint32_t s = 0; s < STEPS; s++) {
		fprintf(stderr, "%u/%s:", s, workflow_trigger_name(m->triggers[s]));
		for (uint32_t p = 0; p < s; p++)
			if (m->needs[s][p])
				fprintf(stderr, " %u", p);
		fprintf(stderr, " is %s\n", workflow_state_name(m->states[s]));
	}
	for (size_t i = 0; i < length; i++)
		fprintf(stderr, "step %u ends %u, ", path[i] / CHOICES, path[i] % CHOICES);
	fprintf(stderr, "%s\n", what);
	exit(1);
}

static void start_all(struct workflow_run *r)
{
	struct workflow_action act;
	while (workflow_next(r, 0, &act)) {
		struct workflow_change c = { .kind = WORKFLOW_STARTED, .place = act.place };
		struct error err;
		CHECK_INT(act.kind, WORKFLOW_DO_START);
		CHECK_INT(workflow_apply(r, &c, &err), 0);
	}
}

static void end_step(struct model *m, struct workflow_run *r, unsigned event)
{
	static const enum workflow_outcome outcomes[CHOICES] = { WORKFLOW_GOOD, WORKFLOW_BAD,
								 WORKFLOW_NOTHING };
	static const enum workflow_state states[CHOICES] = { WORKFLOW_SUCCEEDED, WORKFLOW_FAILED,
							     WORKFLOW_SKIPPED };
	struct workflow_change c = { .kind = WORKFLOW_ENDED,
				     .place = { event / CHOICES, 0 },
				     .outcome = outcomes[event % CHOICES] };
	struct error err;
	CHECK_INT(workflow_apply(r, &c, &err), 0);
	m->states[event / CHOICES] = states[event % CHOICES];
	settle_model(m);
	start_all(r);
}

static void check_result(const struct model *m, const struct workflow_run *r, const unsigned *path,
			 size_t length)
{
	bool has_failed = false, is_over = true;
	for (size_t s = 0; s < STEPS; s++) {
		bool is_leaf = true;
		for (size_t c = s + 1; c < STEPS; c++)
			is_leaf &= !m->needs[c][s];
		is_over &= workflow_is_final(m->states[s]);
		has_failed |= is_leaf && (m->states[s] == WORKFLOW_FAILED ||
					  m->states[s] == WORKFLOW_UPSTREAM_FAILED);
	}
	enum workflow_result want = !is_over     ? WORKFLOW_ACTIVE
				    : has_failed ? WORKFLOW_RUN_FAILED
						 : WORKFLOW_RUN_SUCCEEDED;
	if (workflow_result(r) != want)
		lost(m, path, length, "another result");
}

/* Replays the path, and goes on from there in every way. Returns how many states were seen. */
static size_t explore(const struct model *start, unsigned *path, size_t length)
{
	AUTO_ARENA a = { 0 };
	struct model m = *start;
	struct workflow_run *r = workflow_run_new(m.g, &a, 1, 0);
	size_t seen = 1;
	bool is_any = false;
	settle_model(&m);
	start_all(r);
	for (size_t i = 0; i < length; i++)
		end_step(&m, r, path[i]);
	for (uint32_t s = 0; s < STEPS; s++)
		if (workflow_state(r, (struct workflow_place){ s, 0 }) != m.states[s])
			lost(&m, path, length, "another state");
	check_result(&m, r, path, length);
	for (unsigned s = 0; s < STEPS; s++)
		for (unsigned c = 0; c < CHOICES && m.states[s] == WORKFLOW_RUNNING; c++) {
			path[length] = s * CHOICES + c;
			seen += explore(start, path, length + 1);
			is_any = true;
		}
	/* Where nothing runs any more the run is over. */
	if (!is_any && workflow_result(r) == WORKFLOW_ACTIVE)
		lost(&m, path, length, "it does not end");
	return seen;
}

static size_t explore_graph(unsigned edges, unsigned second, unsigned third)
{
	static const char *const names[STEPS] = { "a", "b", "c" };
	AUTO_ARENA a = { 0 };
	struct model m = { .triggers = { WORKFLOW_ALL_SUCCESS, (enum workflow_trigger)second,
					 (enum workflow_trigger)third } };
	struct workflow_step steps[STEPS] = { { 0 } };
	const char *needs[STEPS][STEPS];
	unsigned path[STEPS + 1];
	m.needs[1][0] = edges & 1;
	m.needs[2][0] = edges & 2;
	m.needs[2][1] = edges & 4;
	for (size_t s = 0; s < STEPS; s++) {
		steps[s].name = names[s];
		steps[s].trigger = m.triggers[s];
		steps[s].needs = needs[s];
		for (size_t p = 0; p < s; p++)
			if (m.needs[s][p])
				needs[s][steps[s].needs_count++] = names[p];
	}
	struct workflow_definition d = { .steps = steps, .steps_count = STEPS };
	m.g = graph_of(&d, &a);
	return explore(&m, path, 0);
}

int main(void)
{
	size_t seen = 0;
	for (unsigned edges = 0; edges < 8; edges++)
		for (unsigned second = 0; second < WORKFLOW_TRIGGER_COUNT; second++)
			for (unsigned third = 0; third < WORKFLOW_TRIGGER_COUNT; third++)
				seen += explore_graph(edges, second, third);
	CHECK(seen > 100000);
	printf("%zu states\n", seen);
	return 0;
}
