/*
 * workflow_plan as scenes. A script is words; after each, whatever the plan asks is performed at once
 * and printed: +a start, -a stop, =a expand, *a ask a sensor, END and the result.
 *   a  ended well   a! badly   a!! for good   a0 skipped itself   a=3 its list has 3 items
 *   a* asked: not yet   a>b,c a branch chose   a# cleared   ~5 five seconds pass   X cancelled
 *   p/1 the pool has one slot       Instances of mapped steps are a.0, a.1 …; ERR: refused
 * At the end every step's state: + succeeded, - failed, u upstream failed, 0 skipped, others a letter.
 */
#include "tests/unit/plan/workflow_world.h"

struct scene {
	const struct workflow_definition *d;
	struct workflow_graph *g;
	struct workflow_run *r;
	int64_t now_us;
	struct str out;
};

static void add_place(struct scene *s, const char *mark, struct workflow_place p)
{
	str_addf(&s->out, " %s%s", mark, workflow_step_name(s->g, p.step));
	if (s->d->steps[p.step].is_mapped)
		str_addf(&s->out, ".%u", p.index);
}

static void perform(struct scene *s)
{
	static const char *const results[] = { "active", "succeeded", "failed", "timed_out",
					       "cancelled" };
	struct workflow_action act, again;
	for (int n = 0; n < 100 && workflow_next(s->r, s->now_us, &act); n++) {
		struct workflow_change c = { .place = act.place, .now_us = s->now_us };
		struct error err = { .text = "" };
		CHECK(act.why);
		/* Asked again it says the same. */
		CHECK(workflow_next(s->r, s->now_us, &again));
		CHECK(act.kind == again.kind && act.place.step == again.place.step &&
		      act.place.index == again.place.index && streq(act.why, again.why));
		if (act.kind == WORKFLOW_DO_EXPAND) {
			str_addf(&s->out, " =%s", workflow_step_name(s->g, act.place.step));
			return;
		}
		add_place(s,
			  act.kind == WORKFLOW_DO_START  ? "+"
			  : act.kind == WORKFLOW_DO_POKE ? "*"
							 : "-",
			  act.place);
		if (act.kind == WORKFLOW_DO_START && act.attempt > 1)
			str_addf(&s->out, "(%u)", act.attempt);
		c.kind = act.kind == WORKFLOW_DO_START ? WORKFLOW_STARTED : WORKFLOW_TOLD;
		int code = workflow_apply(s->r, &c, &err);
		CHECK_TEXT("perform", code < 0 ? err.text : "", "");
	}
	if (act.kind == WORKFLOW_DO_END)
		str_addf(&s->out, " END %s", results[act.result]);
}

static void read_place(struct scene *s, char *name, struct workflow_place *ret)
{
	char *dot = strchr(name, '.');
	ret->index = 0;
	if (dot) {
		*dot++ = '\0';
		ret->index = (uint32_t)strtoul(dot, NULL, 10);
	}
	ret->step = workflow_step_find(s->g, name);
	CHECK(ret->step != WORKFLOW_NONE);
}

static void read_word(struct scene *s, char *w, struct workflow_change *c, uint32_t *chosen)
{
	char *at = strpbrk(w, "!0=*>#");
	*c = (struct workflow_change){ .kind = WORKFLOW_ENDED, .chosen = chosen };
	if (streq(w, "X")) {
		c->kind = WORKFLOW_CANCELLED;
		return;
	}
	if (starts_with(w, "p/")) {
		c->kind = WORKFLOW_POOL_SIZE;
		c->count = (uint32_t)strtoul(w + 2, NULL, 10);
		return;
	}
	/* A dot before it: the 0 of a.0 is an index. */
	if (at && *at == '0' && at > w && at[-1] == '.')
		at = strpbrk(at + 1, "!0=*>#");
	char kind = at ? *at : '\0';
	char *rest = at ? at + 1 : w;
	if (at)
		*at = '\0';
	read_place(s, w, &c->place);
	if (kind == '!')
		c->outcome = *rest == '!' ? WORKFLOW_BAD_FOR_GOOD : WORKFLOW_BAD;
	if (kind == '0')
		c->outcome = WORKFLOW_NOTHING;
	if (kind == '=') {
		c->kind = WORKFLOW_EXPANDED;
		c->count = (uint32_t)strtoul(rest, NULL, 10);
	}
	if (kind == '*')
		c->kind = WORKFLOW_POKED;
	if (kind == '#')
		c->kind = WORKFLOW_CLEARED;
	if (kind == '>') {
		char *state = NULL;
		for (char *n = strtok_r(rest, ",", &state); n; n = strtok_r(NULL, ",", &state))
			chosen[c->chosen_count++] = workflow_step_find(s->g, n);
	}
}

static void play(struct scene *s, const char *script)
{
	char *copy = xstrdup(script), *state = NULL;
	perform(s);
	for (char *w = strtok_r(copy, " ", &state); w; w = strtok_r(NULL, " ", &state)) {
		str_add(&s->out, " |");
		if (*w == '~') {
			s->now_us += strtol(w + 1, NULL, 10) * S;
		} else {
			struct workflow_change c;
			struct error err;
			uint32_t chosen[16];
			read_word(s, w, &c, chosen);
			c.now_us = s->now_us;
			if (workflow_apply(s->r, &c, &err) < 0)
				str_add(&s->out, " ERR");
		}
		perform(s);
	}
	free(copy);
}

static void add_states(struct scene *s)
{
	str_add(&s->out, " [");
	for (uint32_t i = 0; i < workflow_steps_count(s->g); i++) {
		str_addf(&s->out, "%s%s", i ? " " : "", workflow_step_name(s->g, i));
		for (uint32_t k = 0; k < workflow_instances(s->r, i); k++) {
			struct workflow_place p = { i, k };
			str_addf(&s->out, "%c", "weRrsBS+-u0"[workflow_state(s->r, p)]);
		}
	}
	str_add(&s->out, "]");
}

struct row {
	const char *name, *workflow, *script, *result;
	uint32_t active_max;
	int timeout_s;
	bool fails_fast;
};

static const struct row rows[] = {
	{ "nothing", "", "", " END succeeded []", 0, 0, false },
	{ "chain", "a b:a", "a b", " +a | +b | END succeeded [a+ b+]", 0, 0, false },
	{ "diamond", "a b:a c:a d:b,c", "a c b d",
	  " +a | +b +c | | +d | END succeeded [a+ b+ c+ d+]", 0, 0, false },
	{ "failure is passed on", "a b:a c:b", "a!", " +a | END failed [a- bu cu]", 0, 0, false },
	{ "skip is passed on", "a b:a c:b", "a0", " +a | END succeeded [a0 b0 c0]", 0, 0, false },
	{ "skip stops at none_failed", "a b:a c:b/none_failed", "a0 c",
	  " +a | +c | END succeeded [a0 b0 c+]", 0, 0, false },
	{ "cleanup decides the result, as in Airflow", "a b:a/all_done", "a! b",
	  " +a | +b | END succeeded [a- b+]", 0, 0, false },
	{ "ended twice", "a b:a", "a a", " +a | +b | ERR [a+ br]", 0, 0, false },
	{ "one is enough", "a b c:a,b/one_success", "b c a!",
	  " +a +b | +c | | END succeeded [a- b+ c+]", 0, 0, false },
	{ "always does not wait", "a b:a/always", "b a!", " +a +b | | END succeeded [a- b+]", 0, 0,
	  false },

	{ "by upward rank", "a!e1 b!e5 c:a!e9", "a b c", " +a +b | +c | | END succeeded [a+ b+ c+]",
	  0, 0, false },
	{ "one at a time, the longest way first", "a!e1 b!e5 c:a!e9", "a c b",
	  " +a | +c | +b | END succeeded [a+ b+ c+]", 1, 0, false },
	{ "equal ranks: priority, then place", "a b!q1 c", "b a c",
	  " +b | +a | +c | END succeeded [a+ b+ c+]", 1, 0, false },
	{ "pool", "a!p1 b!p1 c!p1 d", "a b c d", " +a +b +d | +c | | | END succeeded [a+ b+ c+ d+]",
	  0, 0, false },
	{ "a wide one is not starved", "a!p1e9 b!p2e5 c!p1e1 d!e1", "a b d c",
	  " +a +d | +b | +c | | END succeeded [a+ b+ c+ d+]", 0, 0, false },
	{ "pool of no slots, then of three", "a!p1 b!p1 c!p1", "p/0 a b p/3",
	  " +a +b | | | | +c [a+ b+ cr]", 0, 0, false },

	{ "retries", "a!r2 b:a", "a! ~1 a! ~1 a! ~9",
	  " +a | | +a(2) | | +a(3) | END failed | END failed [a- bu]", 0, 0, false },
	{ "retry that works", "a!r2 b:a", "a! ~1 a b", " +a | | +a(2) | +b | END succeeded [a+ b+]",
	  0, 0, false },
	{ "not tried again", "a!r2", "a!!", " +a | END failed [a-]", 0, 0, false },
	{ "timeout", "a!t5 b:a", "~4 ~1 a!", " +a | | -a | END failed [a- bu]", 0, 0, false },
	{ "timeout and retry", "a!t5r1", "~5 a! ~1 ~4 ~1 a!",
	  " +a | -a | | +a(2) | | -a | END failed [a-]", 0, 0, false },
	{ "done in the last moment", "a!t5", "~5 a", " +a | -a | END succeeded [a+]", 0, 0, false },
	{ "timeout of the run", "a b:a c:b/all_done", "~5 a!",
	  " +a | -a | END timed_out [a- b0 c0]", 0, 5, false },
	{ "timeout of the run while nothing runs", "a!r1 b:a", "a! ~5",
	  " +a | | END timed_out [a- b0]", 0, 5, false },
	{ "cancelled", "a b:a", "X a!", " +a | -a | END cancelled [a- b0]", 0, 0, false },
	{ "cancelled, but it was done", "a b:a", "X a", " +a | -a | END cancelled [a+ b0]", 0, 0,
	  false },
	{ "fails fast", "a b c:b", "a! b!", " +a +b | -b | END failed [a- b- c0]", 0, 0, true },

	{ "branch", "a!B b:a c:a d:b,c/none_failed_min_one_success", "a>b b d",
	  " +a | +b | +d | END succeeded [a+ b+ c0 d+]", 0, 0, false },
	{ "branch to nobody", "a!B b:a c:b d:a/always", "a>", " +a +d | [a+ b0 c0 dr]", 0, 0,
	  false },
	{ "branch: a child below the chosen one goes on", "a!B b:a c:a,b", "a>b b c",
	  " +a | +b | +c | END succeeded [a+ b+ c+]", 0, 0, false },
	{ "branch: a join skips with the other way", "a!B b:a c:a d:b,c", "a>b b",
	  " +a | +b | END succeeded [a+ b+ c0 d0]", 0, 0, false },
	{ "branch is awaited", "a!B x b:a,x/one_success", "x a>",
	  " +a +x | | END succeeded [a+ x+ b0]", 0, 0, false },
	{ "branch chose a stranger", "a!B b:a c", "a>c a>b", " +a +c | ERR | +b [a+ br cr]", 0, 0,
	  false },
	{ "branch that failed", "a!B b:a c:a/all_done", "a! c", " +a | +c | END failed [a- bu c+]",
	  0, 0, false },

	{ "map", "a m:a!m b:m", "a m=3 m.1 m.0 m.2 b",
	  " +a | =m | +m.0 +m.1 +m.2 | | | +b | END succeeded [a+ m+++ b+]", 0, 0, false },
	{ "map over nothing", "a m:a!m b:m c:m/all_done", "a m=0 c",
	  " +a | =m | +c | END succeeded [a+ m0 b0 c+]", 0, 0, false },
	{ "map: one fails", "m!m b:m c:m/one_failed", "m=2 m.0! c m.1",
	  " =m | +m.0 +m.1 | +c | | END failed [m-+ bu c+]", 0, 0, false },
	{ "map: two at a time", "m!ma2", "m=4 m.0 m.1 m.2 m.3",
	  " =m | +m.0 +m.1 | +m.2 | +m.3 | | END succeeded [m++++]", 0, 0, false },
	{ "map: its limit holds up nobody", "m!ma1e5 a!e1", "m=2 a m.0 m.1",
	  " =m | +m.0 +a | | +m.1 | END succeeded [m++ a+]", 0, 0, false },
	{ "map is not expanded after a failure", "a m:a!m", "a!", " +a | END failed [a- mu]", 0, 0,
	  false },
	{ "map: retry of one", "m!mr1", "m=2 m.0! m.1 ~1 m.0",
	  " =m | +m.0 +m.1 | | | +m.0(2) | END succeeded [m++]", 0, 0, false },
	{ "map: mapped again after a change", "a m:a!m", "a m=1 m.0 a# a m=3",
	  " +a | =m | +m.0 | END succeeded | +a(2) | =m | +m.0(2) +m.1(2) +m.2(2) [a+ mrrr]", 0, 0,
	  false },

	{ "sensor holds no slot", "s!s3 a b:s", "a s* ~2 ~1 s b",
	  " *s +a | | | | *s | +b | END succeeded [s+ a+ b+]", 1, 0, false },
	{ "sensor too late", "s!s3t5 b:s", "s* ~3 s* ~2", " *s | | *s | | END failed [s- bu]", 0, 0,
	  false },
	{ "late sensor is skipped", "s!s3t5k b:s", "s* ~5", " *s | | END succeeded [s0 b0]", 0, 0,
	  false },
	{ "sensor that never answers", "s!s3t5", "~5 s", " *s | END failed | ERR END failed [s-]",
	  0, 0, false },
	{ "sensor that broke is tried again", "s!s3r1", "s! ~1 s",
	  " *s | | *s | END succeeded [s+]", 0, 0, false },

	{ "teardown after failure", "u!U a:u b:a t:b,u!D", "u a! t",
	  " +u | +a | +t | END failed [u+ a- bu t+]", 0, 0, false },
	{ "teardown fails: the run does not", "u!U a:u t:a,u!D", "u a t!",
	  " +u | +a | +t | END succeeded [u+ a+ t-]", 0, 0, false },
	{ "teardown that counts", "u!U a:u t:a,u!F", "u a t!",
	  " +u | +a | +t | END failed [u+ a+ t-]", 0, 0, false },
	{ "setup failed: no teardown", "u!U a:u b:a/all_done t:b,u!D", "u!",
	  " +u | END failed [u- au bu tu]", 0, 0, false },
	{ "setup skipped", "u!U a:u b:a/all_done t:b,u!D", "u0",
	  " +u | END succeeded [u0 a0 b0 t0]", 0, 0, false },
	{ "outside the scope a setup is a parent as any", "u!U a:u t:a,u!D b:t", "u a t b",
	  " +u | +a | +t | +b | END succeeded [u+ a+ t+ b+]", 0, 0, false },
	{ "teardown when cancelled", "u!U a:u t:a,u!D", "u X a! t",
	  " +u | +a | -a | +t | END cancelled [u+ a- t+]", 0, 0, false },
	{ "cancelled before the setup ran", "u!U a:u t:a,u!D", "X u!",
	  " +u | -u | END cancelled [u- a0 tu]", 0, 0, false },
	{ "fails fast: teardown", "u!U a:u b:u t:a,b,u!D", "u a! b! t",
	  " +u | +a +b | -b | +t | END failed [u+ a- b- t+]", 0, 0, true },

	{ "cleared after the end", "a b:a c:b", "a b! b# b c",
	  " +a | +b | END failed | +b(2) | +c | END succeeded [a+ b+ c+]", 0, 0, false },
	{ "cleared: retries count anew", "a!r1", "a! ~1 a! a# a! ~1 a",
	  " +a | | +a(2) | END failed | +a(3) | | +a(4) | END succeeded [a+]", 0, 0, false },
	{ "cleared while it runs", "a b:a", "a a# b! a b",
	  " +a | +b | -b +a(2) | | +b(2) | END succeeded [a+ b+]", 0, 0, false },
	{ "cleared: setup and teardown too", "u!U a:u b:a t:b,u!D", "u a b! t b# u b t",
	  " +u | +a | +b | +t | END failed | +u(2) | +b(2) | +t(2) | END succeeded [u+ a+ b+ t+]",
	  0, 0, false },
	{ "cleared while ending", "a b:a", "X a# a!", " +a | -a | ERR | END cancelled [a- b0]", 0,
	  0, false },
	{ "by hand", "a b:a c:b", "b c a", " +a | +c | | END succeeded [a+ b+ c+]", 0, 0, false },
	{ "by hand: failed", "a b:a c:b", "b! a", " +a | | END failed [a+ b- cu]", 0, 0, false },
};

static void test_scenes(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO_ARENA a = { 0 };
		struct workflow_definition d = drawn(rows[i].workflow, &a);
		d.active_max = rows[i].active_max;
		d.timeout_us = rows[i].timeout_s * S;
		d.fails_fast = rows[i].fails_fast;
		struct scene s = { .d = &d };
		s.g = graph_of(&d, &a);
		s.r = workflow_run_new(s.g, &a, 1, 0);
		str_init(&s.out, 4096);
		play(&s, rows[i].script);
		add_states(&s);
		CHECK_TEXT(rows[i].name, s.out.data, rows[i].result);
		str_fini(&s.out);
	}
}

int main(void)
{
	test_scenes();
	return 0;
}
