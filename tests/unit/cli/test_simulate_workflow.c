/* simulate --workflow: files that are refused, and workflows played, as tables. */
#include "cli/files.h"
#include "cli/simulate_workflow_show.h"
#include "common/base/jsonx.h"
#include "tests/support/check.h"

#define STEP "steps:\n- name: a\n  "

static const struct {
	const char *name, *text, *error;
} bad[] = {
	{ "empty", "", "f.yaml:1: the file is empty" },
	{ "a list", "- a\n", "f.yaml:1: a workflow is a mapping: steps, workers, pools …" },
	{ "no YAML", "steps: [\n", "f.yaml: yaml: line 2: did not find expected node content" },
	{ "no steps", "name: x\n",
	  "f.yaml:1: steps: a list of at least one step is wanted (- name: build, time: 5s)" },
	{ "steps are no list", "name: x\n\nsteps:\n  a: 1\n",
	  "f.yaml:4: steps: a list of at least one step is wanted (- name: build, time: 5s)" },
	{ "unknown key", "steps: []\nworkrs: 2\n",
	  "f.yaml:2: a workflow has no 'workrs'; it has: name, workers, seed, timeout, maxActive, "
	  "failFast, pools, steps" },
	{ "no name", "steps:\n- time: 5s\n", "f.yaml:2: a step has no name" },
	{ "no time", STEP "needs: []\n", "f.yaml:2: step 'a' has no time" },
	{ "a step is text", "steps:\n- name: a\n  time: 1\n- b\n",
	  "f.yaml:4: a step is a mapping: name, time, needs …" },
	{ "negative time", STEP "time: -1s\n",
	  "f.yaml:3: time: a time from 0 to 200 days is wanted, as in 90s, 1h30m, or 1.5 (seconds)" },
	{ "endless time", STEP "time: 1e30\n",
	  "f.yaml:3: time: a time from 0 to 200 days is wanted, as in 90s, 1h30m, or 1.5 (seconds)" },
	{ "time of the wrong kind", STEP "time: [1]\n",
	  "f.yaml:3: time: a time from 0 to 200 days is wanted, as in 90s, 1h30m, or 1.5 (seconds)" },
	{ "rule", STEP "time: 1\n  trigger: all_good\n",
	  "f.yaml:4: trigger: there is no rule 'all_good'; there are: all_success, all_failed, "
	  "all_done, all_done_min_one_success, all_done_setup_success, one_success, one_failed, "
	  "one_done, none_failed, none_skipped, none_failed_min_one_success, all_skipped, always" },
	{ "role", STEP "time: 1\n  role: boss\n",
	  "f.yaml:4: role: work, setup or teardown is wanted" },
	{ "probability", STEP "time: 1\n  fails: 1.5\n",
	  "f.yaml:4: fails: a number from 0 to 1 is wanted" },
	{ "retries", STEP "time: 1\n  retries: {count: 2,\n    delay: soon}\n",
	  "f.yaml:5: delay: a time from 0 to 200 days is wanted, as in 90s, 1h30m, or 1.5 (seconds)" },
	{ "no pool", STEP "time: 1\n  pool: p\n", "f.yaml:2: step 'a': there is no pool 'p'" },
	{ "small pool", "pools: {p: 2}\n" STEP "time: 1\n  pool: p\n  slots: 3\n",
	  "f.yaml:3: step 'a': it needs 3 slots, but pool 'p' has 2" },
	{ "no slots", "pools:\n  p: 0\n" STEP "time: 1\n",
	  "f.yaml:2: p: a whole number from 1 to 4294967295 is wanted" },
	{ "unknown parent", STEP "time: 1\n  needs: b\n",
	  "f.yaml:2: step 'a': it needs 'b', but there is no such step" },
	{ "cycle", STEP "time: 1\n  needs: b\n- name: b\n  needs: [a]\n  time: 1\n",
	  "f.yaml:2: step 'a': it waits for itself: a → b → a; to break the cycle, take 'a' out of "
	  "the needs of 'b'" },
	{ "twice", STEP "time: 1\n- name: a\n  time: 1\n",
	  "f.yaml:4: step 'a': there is another step of that name above" },
	{ "key twice", STEP "time: 1\n  time: 2\n",
	  "f.yaml: line 4: key \"time\" already set in map" },
	{ "two documents", STEP "time: 1\n---\nsteps: []\n",
	  "f.yaml:4: a second document: one file is one workflow" },
	{ "sensor with a time", STEP "time: 1\n  sensor: {every: 1s}\n",
	  "f.yaml:2: step 'a': a sensor's times stand under `sensor`" },
	{ "map", STEP "time: 1\n  map: 100001\n",
	  "f.yaml:4: map: a whole number from 0 to 100000 is wanted" },
	{ "workers", "workers: 0\n" STEP "time: 1\n",
	  "f.yaml:1: workers: a whole number from 1 to 1000000 is wanted" },
	{ "name", "steps:\n- name: a b\n  time: 1\n",
	  "f.yaml:2: step 'a b': its name is not made of letters, digits and, inside, '-' and '_'" },
	{ "a name that YAML takes for true", "steps:\n- name: y\n  time: 1\n",
	  "f.yaml:2: name: a text is wanted (y, n, yes, no, on and off need quotes)" },
	{ "branch", STEP "time: 1\n  branch: [b]\n- name: b\n  time: 1\n",
	  "f.yaml:2: step 'a': branch: 'b' is no step that needs it" },
};

/* As the command does. */
static int read_and_play(const char *text, uint32_t workers, struct arena *a,
			 struct workflow_shown *w, struct error *err)
{
	w->path = "f.yaml";
	w->workers = workers;
	if (workflow_file_parse(w->path, text, strlen(text), a, &w->file, err) < 0)
		return err->code;
	return workflow_shown_play(w, 1, a, err);
}

static void test_bad(void)
{
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO_ARENA a = { 0 };
		struct workflow_shown w = { 0 };
		struct error err = { .text = "" };
		CHECK(read_and_play(bad[i].text, 1, &a, &w, &err) < 0);
		CHECK_TEXT(bad[i].name, err.text, bad[i].error);
	}
}

/* Bars as STEP.INDEX FROM-TO@WORKER and how they ended. */
static const struct {
	const char *name, *text;
	uint32_t workers;
	const char *result;
} plays[] = {
	{ "A of 2 s starts after B of 1 s: 3 s",
	  "steps:\n- {name: A, time: 2s, needs: B}\n- {name: B, time: 1s}\n", 1,
	  "3 succeeded: B 0-1@0 A 1-3@0" },
	{ "more workers than work",
	  "steps:\n- {name: A, time: 2s, needs: B}\n- {name: B, time: 1s}\n", 9,
	  "3 succeeded: B 0-1@0 A 1-3@0" },
	/* Two workers; by upward rank the long chain goes first, so 6 and not 7. */
	{ "the longest way first",
	  "steps:\n- {name: x, time: 3}\n- {name: z, time: 3}\n- {name: c, time: 1}\n"
	  "- {name: d, time: 5, needs: c}\n",
	  2, "6 succeeded: c 0-1@0 x 0-3@1 d 1-6@0 z 3-6@1" },
	/* An optimum of 4 would need the wrong way round: a list schedule is no oracle. */
	{ "estimates decide, times happen",
	  "steps:\n- {name: a, time: 1, estimate: 9}\n- {name: b, time: 3}\n", 1,
	  "4 succeeded: a 0-1@0 b 1-4@0" },
	{ "retries",
	  "steps:\n- {name: a, time: 1, failsFirst: 2, retries: {count: 2, delay: 1, factor: 2}}\n",
	  1, "6 succeeded: a 0-1@0- a 2-3@0- a 5-6@0" },
	{ "given up",
	  "steps:\n- {name: a, time: 1, failsFirst: 9, retries: 1}\n- {name: b, time: 1, needs: a}\n",
	  1, "2 failed: a 0-1@0- a 1-2@0-" },
	{ "timeout", "steps:\n- {name: a, time: 5, timeout: 2}\n", 1, "2 failed: a 0-2@0x" },
	{ "timeout of the run",
	  "timeout: 3\nsteps:\n- {name: a, time: 2}\n- {name: b, time: 2, needs: a}\n", 1,
	  "3 timed out: a 0-2@0 b 2-3@0x" },
	{ "map, two at a time", "steps:\n- {name: m, time: 1, map: 3, maxActive: 2}\n", 5,
	  "2 succeeded: m 0-1@0 m.1 0-1@1 m.2 1-2@0" },
	{ "empty map", "steps:\n- {name: m, time: 1, map: 0}\n", 5, "0 succeeded:" },
	{ "sensor",
	  "steps:\n- {name: s, sensor: {every: 2, after: 3}}\n- {name: a, time: 1, needs: s}\n"
	  "- {name: b, time: 5}\n",
	  1, "6 succeeded: s 0-4@- b 0-5@0 a 5-6@0" },
	{ "late sensor", "steps:\n- {name: s, sensor: {every: 2, after: 99, timeout: 3}}\n", 1,
	  "3 failed: s 0-3@-x" },
	{ "pool",
	  "pools: {p: 1}\nsteps:\n- {name: a, time: 1, pool: p}\n- {name: b, time: 1, pool: p}\n",
	  2, "2 succeeded: a 0-1@0 b 1-2@0" },
	{ "branch",
	  "steps:\n- {name: a, time: 1, branch: b}\n- {name: b, time: 1, needs: a}\n"
	  "- {name: c, time: 1, needs: a}\n",
	  2, "2 succeeded: a 0-1@0 b 1-2@0" },
	{ "teardown",
	  "steps:\n- {name: u, time: 1, role: setup}\n- {name: a, time: 1, needs: u, failsFirst: 1}\n"
	  "- {name: t, time: 1, needs: [a, u], role: teardown}\n",
	  2, "3 failed: u 0-1@0 a 1-2@0- t 2-3@0" },
	{ "no time at all", "steps:\n- {name: a, time: 0}\n- {name: b, time: 0, needs: a}\n", 1,
	  "0 succeeded: a 0-0@0 b 0-0@0" },
	{ "fails fast",
	  "failFast: true\nsteps:\n- {name: a, time: 1, failsFirst: 1}\n- {name: b, time: 9}\n", 2,
	  "1 failed: b 0-1@0x a 0-1@1-" },
};

static void add_bars(const struct workflow_played *p, struct str *out)
{
	str_addf(out, "%g %s:", (double)p->makespan_us / 1e6, workflow_result_text(p->result));
	for (size_t k = 0; k < p->bars_count; k++) {
		const struct workflow_bar *b = &p->bars[k];
		str_addf(out, " %s", workflow_step_name(p->graph, b->step));
		if (b->index > 0)
			str_addf(out, ".%u", b->index);
		str_addf(out, " %g-%g@", (double)b->from_us / 1e6, (double)b->to_us / 1e6);
		if (b->worker == WORKFLOW_NONE)
			str_add(out, "-");
		else
			str_addf(out, "%u", b->worker);
		str_add(out, b->end == BAR_BAD ? "-" : b->end == BAR_STOPPED ? "x" : "");
	}
}

static void test_plays(void)
{
	for (size_t i = 0; i < ARRAY_LEN(plays); i++) {
		AUTO_ARENA a = { 0 };
		struct workflow_shown w = { 0 };
		struct error err = { .text = "" };
		AUTO_STR got;
		str_init(&got, 4096);
		int code = read_and_play(plays[i].text, plays[i].workers, &a, &w, &err);
		CHECK_TEXT(plays[i].name, code < 0 ? err.text : "", "");
		add_bars(&w.played, &got);
		CHECK_TEXT(plays[i].name, got.data, plays[i].result);
		CHECK(w.played.makespan_us >= workflow_bound_us(&w) ||
		      w.played.result != WORKFLOW_RUN_SUCCEEDED);
		free(w.played.bars);
	}
}

static void test_chart(void)
{
	AUTO_ARENA a = { 0 };
	struct workflow_shown w = { 0 };
	struct error err = { .text = "" };
	AUTO_STR got;
	str_init(&got, 1 << 16);
	CHECK_INT(read_and_play("name: two\nsteps:\n- {name: a, time: 2s, needs: b}\n"
				"- {name: b, time: 1s}\n- {name: c, time: 1s, failsFirst: 1}\n",
				2, &a, &w, &err),
		  0);
	workflow_show_text(&w, 40, false, false, &got);
	CHECK_TEXT("plain", got.data,
		   "two: 3 steps on 2 workers, failed\n"
		   "makespan       3 s          (no schedule is shorter)\n"
		   "critical path  3 s: b 1 s → a 2 s\n"
		   "work           4 s          in all\n"
		   "workers used   66.7 %\n"
		   "steps          2 succeeded, 1 failed\n"
		   "\n"
		   "b   ===========\n"
		   "c   !!!!!!!!!!!\n"
		   "a              ========================\n"
		   "    0                              3 s\n"
		   "= on the critical path   ! fails\n");
	str_clear(&got);
	workflow_show_text(&w, 30, true, true, &got);
	CHECK(strstr(got.data, "\033[31m█\033[0m"));
	str_clear(&got);
	workflow_show_json(&w, &got);
	json_t *tree = json_loadb(got.data, got.len, 0, NULL);
	CHECK(tree);
	CHECK_INT(json_integer_value(json_object_get(tree, "makespan_us")), 3000000);
	CHECK_INT(json_array_size(json_object_get(tree, "steps")), 3);
	json_decref(tree);
	free(w.played.bars);
}

/* The example of docs/workflows-and-cron.md is what the page says it is. */
static void test_page(void)
{
	AUTO_ARENA a = { 0 };
	AUTO_STR page, text, got;
	struct workflow_shown w = { 0 };
	struct error err = { .text = "" };
	str_init(&page, 1 << 20);
	str_init(&text, 1 << 20);
	str_init(&got, 1 << 20);
	CHECK_INT(file_read("docs/workflows-and-cron.md", &page, &err), 0);
	const char *at = strstr(page.data, "    name: nightly\n");
	CHECK(at);
	for (const char *end; starts_with(at, "    "); at = end + 1) {
		end = strchr(at, '\n');
		str_add_bytes(&text, at + 4, (size_t)(end + 1 - at - 4));
	}
	int code = read_and_play(text.data, 3, &a, &w, &err);
	CHECK_TEXT("the page's workflow", code < 0 ? err.text : "", "");
	workflow_show_text(&w, 100, false, false, &got);
	char *state = NULL;
	for (char *line = strtok_r(got.data, "\n", &state);
	     line && !starts_with(line, "wait-for-dump "); line = strtok_r(NULL, "\n", &state)) {
		AUTO_STR shown;
		str_init(&shown, 4096);
		str_addf(&shown, "    %s\n", line);
		if (!strstr(page.data, shown.data))
			CHECK_TEXT("a line of the page", "not there", shown.data);
	}
	free(w.played.bars);
}

/* Ten thousand steps on few workers: charts by worker, and nothing slow. */
static void test_large(void)
{
	AUTO_ARENA a = { 0 };
	AUTO_STR text, got;
	struct workflow_shown w = { 0 };
	struct error err = { .text = "" };
	str_init(&text, WORKFLOW_FILE_MAX);
	str_init(&got, WORKFLOW_FILE_MAX);
	str_add(&text, "steps:\n");
	for (int i = 0; i < 10000; i++)
		str_addf(&text,
			 i < 100 ? "- {name: s%d, time: %d}\n"
				 : "- {name: s%d, time: %d, needs: s%d}\n",
			 i, i % 7 + 1, i - 100);
	CHECK_INT(read_and_play(text.data, 8, &a, &w, &err), 0);
	CHECK_INT(w.played.bars_count, 10000);
	workflow_show_text(&w, 100, false, false, &got);
	CHECK(strstr(got.data, "worker 8 "));
	CHECK(w.played.makespan_us >= workflow_bound_us(&w));
	/* Graham: a list schedule is at most twice as long as the best. */
	CHECK(w.played.makespan_us <= 2 * workflow_bound_us(&w));
	free(w.played.bars);
}

int main(void)
{
	test_bad();
	test_plays();
	test_chart();
	test_page();
	test_large();
	return 0;
}
