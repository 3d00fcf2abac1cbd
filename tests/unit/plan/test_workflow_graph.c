/* Workflows that are refused, and the graph's own answers: order, ranks, the critical path, names. */
#include "tests/unit/plan/workflow_world.h"

static const struct {
	const char *name, *workflow, *error;
} bad[] = {
	{ "unknown parent", "a:x", "step 'a': it needs 'x', but there is no such step" },
	{ "doubled parent", "a b:a,a", "step 'b': it needs 'a' twice" },
	{ "doubled name", "a b a", "step 'a': there is another step of that name" },
	{ "itself", "a:a",
	  "step 'a': it waits for itself: a → a; to break the cycle, take 'a' out of the needs of 'a'" },
	{ "two", "a:b b:a",
	  "step 'a': it waits for itself: a → b → a; to break the cycle, take 'a' out of the needs of "
	  "'b'" },
	{ "three, behind others", "x y:x b:c,y c:a a:b z:a",
	  "step 'b': it waits for itself: b → c → a → b; to break the cycle, take 'b' out of the needs "
	  "of 'a'" },
	{ "the shortest", "a:b,c b:c c:a",
	  "step 'a': it waits for itself: a → c → a; to break the cycle, take 'a' out of the needs of "
	  "'c'" },
	{ "name", "a_",
	  "step 'a_': its name is not made of letters, digits and, inside, '-' and '_'" },
	{ "a dot, as in the name of an attempt", "a a.2",
	  "step 'a.2': its name is not made of letters, digits and, inside, '-' and '_'" },
	{ "slots", "a!p3", "step 'a': it needs 3 slots, but pool 'p' has 2" },
	{ "sensor", "a!s0", "step 'a': a sensor needs to know how often it asks" },
	{ "branch", "a!Bm", "step 'a': a branch cannot be mapped" },
	{ "retries", "a!r1001", "step 'a': more than 1000 retries" },
	{ "negative", "a!t-1", "step 'a': a time of it is negative or too long" },
};

static void test_bad(void)
{
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO_ARENA a = { 0 };
		struct workflow_definition d = drawn(bad[i].workflow, &a);
		struct workflow_graph *g;
		struct error err = { .text = "" };
		CHECK_INT(workflow_graph_make(&d, &a, &g, &err), ERR_INVALID);
		CHECK_TEXT(bad[i].name, err.text, bad[i].error);
	}
}

/* Everything that is a number, one at a time. */
static void test_numbers(void)
{
	static const struct workflow_step good = { .name = "a",
						   .line = 7,
						   .is_default_trigger = true };
	static const struct {
		struct workflow_retry retry;
		const char *error;
	} rows[] = {
		{ { .factor = 0.5 },
		  "line 7: step 'a': the factor of its retries is not within 1-1000" },
		{ { .factor = -1 },
		  "line 7: step 'a': the factor of its retries is not within 1-1000" },
		{ { .factor = 1e9 },
		  "line 7: step 'a': the factor of its retries is not within 1-1000" },
		{ { .factor = 0.0 / 0.0 },
		  "line 7: step 'a': the factor of its retries is not within 1-1000" },
		{ { .jitter = 1.5 },
		  "line 7: step 'a': the jitter of its retries is not within 0-1" },
		{ { .jitter = 0.0 / 0.0 },
		  "line 7: step 'a': the jitter of its retries is not within 0-1" },
		{ { .delay_us = -1 },
		  "line 7: step 'a': the delay of its retries is negative or too long" },
		{ { .delay_max_us = INT64_MAX },
		  "line 7: step 'a': the delay of its retries is negative or too long" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO_ARENA a = { 0 };
		struct workflow_step step = good;
		struct workflow_definition d = { .steps = &step, .steps_count = 1 };
		struct workflow_graph *g;
		struct error err = { .text = "" };
		CHECK_INT(workflow_graph_make(&d, &a, &g, &err), 0);
		step.retry = rows[i].retry;
		CHECK_INT(workflow_graph_make(&d, &a, &g, &err), ERR_INVALID);
		CHECK_TEXT("number", err.text, rows[i].error);
	}
}

static void test_large(void)
{
	AUTO_ARENA a = { 0 };
	size_t n = 30000;
	struct workflow_step *steps = arena_alloc(&a, WORKFLOW_STEPS_MAX + 1u, sizeof *steps);
	const char **names = arena_alloc(&a, n, sizeof *names);
	for (size_t i = 0; i < n; i++) {
		names[i] = arena_format(&a, "s%zu", i);
		steps[i] = (struct workflow_step){ .name = names[i],
						   .is_default_trigger = true,
						   .estimate_us = S };
		if (i > 0) {
			steps[i].needs = &names[i - 1];
			steps[i].needs_count = 1;
		}
	}
	struct workflow_definition d = { .steps = steps, .steps_count = n };
	struct workflow_graph *g = graph_of(&d, &a);
	CHECK_INT(workflow_rank_us(g, 0), (int64_t)n * S);
	/* The last before the first: one cycle through all. */
	steps[0].needs = &names[n - 1];
	steps[0].needs_count = 1;
	struct error err;
	CHECK_INT(workflow_graph_make(&d, &a, &g, &err), ERR_INVALID);
	CHECK_TEXT(
		"cycle", err.text,
		"step 's0': it waits for itself: s0 → s29999 → s29998 → s29997 → s29996 → s29995 → "
		"s29994 → s29993 → s29992 → s29991 → s29990 → s29989 → … (29988 more) → s0; to break "
		"the cycle, take 's0' out of the needs of 's1'");
	d.steps_count = WORKFLOW_STEPS_MAX + 1;
	CHECK_INT(workflow_graph_make(&d, &a, &g, &err), ERR_LIMIT);
	CHECK_TEXT("steps", err.text, "more than 100000 steps");
	d.steps_count = 0;
	CHECK_INT(workflow_graph_make(&d, &a, &g, &err), 0);
}

static void test_answers(void)
{
	AUTO_ARENA a = { 0 };
	struct workflow_definition d = drawn("e:c,d!e1 c:a!e4 d:b!e2 a!e1 b!e9 m!m", &a);
	struct workflow_graph *g = graph_of(&d, &a);
	AUTO_STR got;
	str_init(&got, 4096);
	uint32_t steps[8];
	workflow_sort(g, steps);
	for (uint32_t i = 0; i < workflow_steps_count(g); i++)
		str_addf(&got, "%s", workflow_step_name(g, steps[i]));
	str_add(&got, " ");
	size_t n = workflow_critical_path(g, steps);
	for (size_t i = 0; i < n; i++)
		str_addf(&got, "%s%lld", workflow_step_name(g, steps[i]),
			 (long long)(workflow_rank_us(g, steps[i]) / S));
	CHECK_TEXT("order and path", got.data, "acbdem b12d3e1");
	struct workflow_run *r = workflow_run_new(g, &a, 1, 0);
	static const struct {
		const char *step;
		uint32_t index, attempt;
		const char *name;
	} names[] = {
		{ "a", 0, 1, "night.a" },
		{ "a", 0, 3, "night.a.3" },
		{ "m", 2, 1, "night.m.2" },
		{ "m", 2, 2, "night.m.2.2" },
	};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct workflow_place p = { workflow_step_find(g, names[i].step), names[i].index };
		str_clear(&got);
		workflow_attempt_name(r, "night", p, names[i].attempt, &got);
		CHECK_TEXT("name", got.data, names[i].name);
	}
}

static void happen(struct workflow_run *r, enum workflow_change_kind kind, uint32_t step,
		   enum workflow_outcome outcome, int64_t now_us)
{
	struct workflow_change c = {
		.kind = kind, .place = { step, 0 }, .outcome = outcome, .now_us = now_us
	};
	struct error err = { .text = "" };
	int code = workflow_apply(r, &c, &err);
	CHECK_TEXT("change", code < 0 ? err.text : "", "");
}

static void expect_words(struct workflow_run *r, uint32_t step, int64_t now_us, const char *want)
{
	AUTO_STR got;
	str_init(&got, 4096);
	workflow_explain(r, (struct workflow_place){ step, 0 }, now_us, &got);
	CHECK_TEXT("words", got.data, want);
}

static void test_words(void)
{
	AUTO_ARENA a = { 0 };
	struct workflow_definition d =
		drawn("a!r2p1 b!p2 c:a,b/one_failed u!U d:u e:d t:u,e!D s!s5", &a);
	struct workflow_graph *g = graph_of(&d, &a);
	struct workflow_run *r = workflow_run_new(g, &a, 1, 0);
	struct workflow_action act;
	CHECK(workflow_next(r, 0, &act)); /* the sensor first: it costs no slot */
	CHECK_INT(act.kind, WORKFLOW_DO_POKE);
	expect_words(r, 0, 0, "is the next to start: it needs no other step");
	expect_words(r, 3, 0, "it needs no other step; others before it are more urgent");
	happen(r, WORKFLOW_STARTED, 0, 0, 0);
	expect_words(r, 1, 0, "needs 2 of pool p: 1 of its 2 slots are in use");
	expect_words(r, 0, 2 * S, "runs for 2.000 s, attempt 1");
	expect_words(r, 2, 0, "waits for 2 of its 2 parents: a, b (rule one_failed)");
	expect_words(r, 5, 0, "waits for 1 of its 1 parents: d");
	expect_words(r, 7, 3 * S, "waits for its condition since 3.000 s");
	happen(r, WORKFLOW_ENDED, 0, WORKFLOW_BAD, 2 * S);
	expect_words(r, 0, 2 * S, "it failed; tried again in 1.000 s (0 of 2 retries used)");
	happen(r, WORKFLOW_STARTED, 3, 0, 2 * S);
	happen(r, WORKFLOW_ENDED, 3, WORKFLOW_BAD, 2 * S);
	expect_words(r, 3, 2 * S, "it failed");
	expect_words(r, 4, 2 * S, "a parent failed");
	expect_words(r, 5, 2 * S, "a setup failed");
	expect_words(r, 6, 2 * S, "no setup of it succeeded");
}

/* Delays with jitter: the same for the same seed, within their bounds, and not all alike. */
static void test_jitter(void)
{
	AUTO_ARENA a = { 0 };
	struct workflow_step step = { .name = "a", .is_default_trigger = true };
	step.retry = (struct workflow_retry){ 8, 10 * S, 2, 100 * S, 0.5 };
	struct workflow_definition d = { .steps = &step, .steps_count = 1 };
	struct workflow_graph *g = graph_of(&d, &a);
	int64_t delays[3][8];
	for (uint64_t run = 0; run < 3; run++) {
		struct workflow_run *r = workflow_run_new(g, &a, run / 2, 0);
		struct workflow_action act;
		int64_t now_us = 0, longest_us = 10 * S;
		for (int k = 0; k < 8; k++, longest_us = MIN(2 * longest_us, 100 * S)) {
			CHECK(workflow_next(r, now_us, &act));
			happen(r, WORKFLOW_STARTED, 0, 0, now_us);
			happen(r, WORKFLOW_ENDED, 0, WORKFLOW_BAD, now_us);
			CHECK(!workflow_next(r, now_us, &act));
			delays[run][k] = act.wake_us - now_us;
			CHECK(delays[run][k] > longest_us / 2 && delays[run][k] <= longest_us);
			now_us = act.wake_us;
		}
	}
	CHECK(memcmp(delays[0], delays[1], sizeof delays[0]) == 0);
	CHECK(memcmp(delays[0], delays[2], sizeof delays[0]) != 0);
}

int main(void)
{
	test_bad();
	test_numbers();
	test_large();
	test_answers();
	test_words();
	test_jitter();
	return 0;
}
