/* The trigger rules: every list of up to five parents against the rules read aloud. */
#include "tests/unit/plan/workflow_world.h"

#define PARENTS 5

static const enum workflow_state kinds[] = { WORKFLOW_RUNNING, WORKFLOW_SUCCEEDED, WORKFLOW_FAILED,
					     WORKFLOW_UPSTREAM_FAILED, WORKFLOW_SKIPPED };

/* Digit d of `list` in base 10: kind d % 5, a setup if d ≥ 5. */
static size_t read_list(unsigned list, size_t n, enum workflow_state *states, bool *is_setup,
			struct workflow_parents *p)
{
	*p = (struct workflow_parents){ .all = (uint32_t)n };
	size_t done = 0;
	for (size_t i = 0; i < n; i++, list /= 10) {
		states[i] = kinds[list % 5];
		is_setup[i] = list % 10 >= 5;
		p->succeeded += states[i] == WORKFLOW_SUCCEEDED;
		p->failed += states[i] == WORKFLOW_FAILED;
		p->upstream_failed += states[i] == WORKFLOW_UPSTREAM_FAILED;
		p->skipped += states[i] == WORKFLOW_SKIPPED;
		p->setups_all += is_setup[i];
		p->setups_succeeded += is_setup[i] && states[i] == WORKFLOW_SUCCEEDED;
		p->setups_skipped += is_setup[i] && states[i] == WORKFLOW_SKIPPED;
		done += workflow_is_final(states[i]);
	}
	return done;
}

static void test_every_list(void)
{
	size_t count = 0;
	for (size_t n = 0, lists = 1; n <= PARENTS; n++, lists *= 10)
		for (unsigned list = 0; list < lists; list++) {
			enum workflow_state states[PARENTS];
			bool is_setup[PARENTS];
			struct workflow_parents p;
			size_t done = read_list(list, n, states, is_setup, &p);
			for (int t = 0; t < WORKFLOW_TRIGGER_COUNT; t++, count++) {
				enum workflow_verdict v =
					workflow_judge((enum workflow_trigger)t, &p);
				enum workflow_verdict want = reference_judge(
					(enum workflow_trigger)t, states, is_setup, n);
				if (v != want) {
					fprintf(stderr, "%s, list %0*u: %d, expected %d\n",
						workflow_trigger_name((enum workflow_trigger)t),
						(int)n, list, v, want);
					exit(1);
				}
				/* Whoever has only parents that are done knows what to do. */
				CHECK(done < n || v != WORKFLOW_HOLD);
			}
		}
	CHECK_INT(count, 111111 * WORKFLOW_TRIGGER_COUNT);
}

/* More parents that end never change a verdict, but for all_success (see the header). */
static void test_monotone(void)
{
	for (unsigned list = 0; list < 1000; list++)
		for (int t = 0; t < WORKFLOW_TRIGGER_COUNT; t++) {
			enum workflow_state states[PARENTS];
			bool is_setup[PARENTS];
			struct workflow_parents p;
			(void)read_list(list, 3, states, is_setup, &p);
			enum workflow_verdict v = workflow_judge((enum workflow_trigger)t, &p);
			for (size_t i = 0; i < 3 && v != WORKFLOW_HOLD; i++) {
				unsigned place = i == 0 ? 1 : i == 1 ? 10 : 100;
				for (unsigned k = 1; k < 5 && states[i] == WORKFLOW_RUNNING; k++) {
					struct workflow_parents more;
					enum workflow_state s[PARENTS];
					bool u[PARENTS];
					(void)read_list(list + k * place, 3, s, u, &more);
					enum workflow_verdict w =
						workflow_judge((enum workflow_trigger)t, &more);
					CHECK(w == v || (t == WORKFLOW_ALL_SUCCESS &&
							 v == WORKFLOW_SKIP && w == WORKFLOW_FAIL));
				}
			}
		}
}

static void test_names(void)
{
	for (int t = 0; t < WORKFLOW_TRIGGER_COUNT; t++) {
		enum workflow_trigger found;
		CHECK(workflow_trigger_find(workflow_trigger_name((enum workflow_trigger)t),
					    &found));
		CHECK_INT(found, t);
	}
	enum workflow_trigger t;
	CHECK(!workflow_trigger_find("sometimes", &t));
}

int main(void)
{
	test_every_list();
	test_monotone();
	test_names();
	return 0;
}
