/*
 * workflow_world.h - what the tests of workflow_plan share: workflows drawn as text, and the trigger
 * rules once more, as a list of parents is read aloud.
 *
 * A workflow is words `name[:need,need][/rule][!options]`; options are a letter and a number each:
 *   r2 retries (1 s apart)  t5 timeout s  p2 slots of pool "p"  m mapped  s3 sensor asked each 3 s
 *   B branch  U setup  D teardown  F a teardown that fails the run  e5 estimate s  a2 two at a time
 *   k a late sensor is skipped  q1 priority
 */
#pragma once

#include "common/base/str.h"
#include "common/plan/workflow_plan.h"
#include "tests/support/check.h"

#define S 1000000ll

static inline void drawn_options(struct workflow_step *s, const char *at)
{
	while (*at) {
		char letter = *at++, *end;
		long n = strtol(at, &end, 10);
		at = end;
		switch (letter) {
		case 'r':
			s->retry = (struct workflow_retry){ .count = (uint32_t)n, .delay_us = S };
			break;
		case 't':
			s->timeout_us = n * S;
			break;
		case 'p':
			s->pool = "p";
			s->slots = (uint32_t)n;
			break;
		case 'm':
			s->is_mapped = true;
			break;
		case 's':
			s->is_sensor = true;
			s->poke_us = n * S;
			break;
		case 'B':
			s->is_branch = true;
			break;
		case 'U':
			s->role = WORKFLOW_SETUP;
			break;
		case 'F':
			s->fails_run = true;
			s->role = WORKFLOW_TEARDOWN;
			break;
		case 'D':
			s->role = WORKFLOW_TEARDOWN;
			break;
		case 'e':
			s->estimate_us = n * S;
			break;
		case 'a':
			s->active_max = (uint32_t)n;
			break;
		case 'k':
			s->skips_late = true;
			break;
		case 'q':
			s->priority = (int32_t)n;
			break;
		default:
			CHECK(false);
		}
	}
}

/* The definition lives in `a`. */
static inline struct workflow_definition drawn(const char *text, struct arena *a)
{
	static const struct workflow_pool pool = { "p", 2 };
	struct workflow_step *steps = arena_alloc(a, 64, sizeof *steps);
	size_t count = 0;
	char *copy = arena_text(a, text), *state = NULL;
	for (char *w = strtok_r(copy, " ", &state); w; w = strtok_r(NULL, " ", &state)) {
		struct workflow_step *s = &steps[count++];
		CHECK(count <= 64);
		*s = (struct workflow_step){ .name = w, .is_default_trigger = true };
		char *options = strchr(w, '!'), *rule, *needs;
		if (options)
			*options++ = '\0';
		if ((rule = strchr(w, '/'))) {
			*rule++ = '\0';
			CHECK(workflow_trigger_find(rule, &s->trigger));
			s->is_default_trigger = false;
		}
		const char **list = arena_alloc(a, 64, sizeof *list);
		if ((needs = strchr(w, ':'))) {
			*needs++ = '\0';
			char *inner = NULL;
			for (char *n = strtok_r(needs, ",", &inner); n;
			     n = strtok_r(NULL, ",", &inner))
				list[s->needs_count++] = n;
		}
		s->needs = list;
		drawn_options(s, options ? options : "");
	}
	return (struct workflow_definition){
		.steps = steps, .steps_count = count, .pools = &pool, .pools_count = 1
	};
}

static inline struct workflow_graph *graph_of(const struct workflow_definition *d, struct arena *a)
{
	struct workflow_graph *g = NULL;
	struct error err = { .text = "" };
	int code = workflow_graph_make(d, a, &g, &err);
	CHECK_TEXT("graph", code < 0 ? err.text : "", "");
	return g;
}

/* ---- the rules, from the list of parents ---- */

/* What Airflow's TriggerRuleDep says, in its own two questions: is the state already clear (skipped,
 * upstream_failed), and if not, is the dependency met? `states` by parent. */
static inline enum workflow_verdict reference_judge(enum workflow_trigger t,
						    const enum workflow_state *states,
						    const bool *is_setup, size_t upstream)
{
	size_t success = 0, skipped = 0, failed = 0, upstream_failed = 0, done = 0;
	size_t success_setup = 0, skipped_setup = 0, upstream_setup = 0;
	for (size_t i = 0; i < upstream; i++) {
		success += states[i] == WORKFLOW_SUCCEEDED;
		skipped += states[i] == WORKFLOW_SKIPPED;
		failed += states[i] == WORKFLOW_FAILED;
		upstream_failed += states[i] == WORKFLOW_UPSTREAM_FAILED;
		done += workflow_is_final(states[i]);
		upstream_setup += is_setup[i];
		success_setup += is_setup[i] && states[i] == WORKFLOW_SUCCEEDED;
		skipped_setup += is_setup[i] && states[i] == WORKFLOW_SKIPPED;
	}
	bool upstream_done = done >= upstream, fail = false, skip = false, met = false;
	if (upstream == 0)
		return WORKFLOW_RUN;
	if (t == WORKFLOW_ALWAYS)
		return WORKFLOW_RUN;
	if (t == WORKFLOW_ALL_SUCCESS) {
		fail = upstream_failed || failed;
		skip = skipped;
		met = upstream - success == 0;
	}
	if (t == WORKFLOW_ALL_FAILED) {
		skip = success || skipped;
		met = upstream - failed - upstream_failed == 0;
	}
	if (t == WORKFLOW_ONE_SUCCESS) {
		skip = upstream_done && done == skipped;
		fail = !skip && upstream_done && success == 0;
		met = success > 0;
	}
	if (t == WORKFLOW_ONE_FAILED) {
		skip = upstream_done && !(failed || upstream_failed);
		met = failed || upstream_failed;
	}
	if (t == WORKFLOW_ONE_DONE) {
		skip = upstream_done && !(failed || success);
		met = success + failed > 0;
	}
	if (t == WORKFLOW_ALL_DONE)
		met = upstream_done;
	if (t == WORKFLOW_NONE_FAILED) {
		fail = upstream_failed || failed;
		met = upstream - success - skipped == 0;
	}
	if (t == WORKFLOW_NONE_FAILED_MIN_ONE_SUCCESS) {
		fail = upstream_failed || failed;
		skip = skipped == upstream;
		met = upstream - success - skipped == 0;
	}
	if (t == WORKFLOW_NONE_SKIPPED) {
		skip = skipped;
		met = upstream_done && skipped == 0;
	}
	if (t == WORKFLOW_ALL_SKIPPED) {
		skip = success || failed || upstream_failed;
		met = upstream - skipped == 0;
	}
	if (t == WORKFLOW_ALL_DONE_MIN_ONE_SUCCESS) {
		size_t others_done = success + failed + upstream_failed;
		skip = skipped > 0;
		fail = !skip && others_done >= upstream - skipped && success == 0;
		met = skipped == 0 && others_done >= upstream - skipped && success > 0;
	}
	if (t == WORKFLOW_ALL_DONE_SETUP_SUCCESS) {
		skip = upstream_done && upstream_setup && skipped_setup >= upstream_setup;
		fail = !skip && upstream_done && upstream_setup && success_setup == 0;
		met = upstream_done && !(upstream_setup && !success_setup);
	}
	return fail ? WORKFLOW_FAIL : skip ? WORKFLOW_SKIP : met ? WORKFLOW_RUN : WORKFLOW_HOLD;
}
