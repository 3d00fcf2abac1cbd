/* reflector_plan and leader_plan as tables. */
#include "common/base/str.h"
#include "common/client/leader.h"
#include "common/client/reflector_plan.h"
#include "tests/support/check.h"

/* s started, p page, l listed at 10, e event at 20, w watch ended, x expired, f failed, t waited,
 * r relist wanted. Answers: - nothing, L list, M more, W watch (from), B back off. */
static const struct {
	const char *name, *events, *actions;
} rows[] = {
	{ "list, then watch", "s l e", "L W10 -" },
	{ "pages", "s p p l", "L M M W10" },
	{ "watch goes on from the last event", "s l e w", "L W10 - W20" },
	{ "a watch that brings nothing backs off", "s l w t", "L W10 B W10" },
	{ "list fails", "s f t l", "L B L W10" },
	{ "expired watch lists at once", "s l e x l", "L W10 - L W10" },
	{ "expired list token", "s p x p x t", "L M L M B L" },
	{ "broken watch resumes after a pause", "s l f t", "L W10 B W10" },
	{ "relist", "s l e r l", "L W10 - L W10" },
	{ "relist while it waits", "s l f r t", "L W10 B - L" },
	{ "started twice", "s s", "L -" },
};

static void test_reflector(void)
{
	static const char letters[] = "splewxftr";
	static const enum reflector_event events[] = {
		REFLECTOR_STARTED, REFLECTOR_PAGE,        REFLECTOR_LISTED,
		REFLECTOR_SEEN,    REFLECTOR_WATCH_ENDED, REFLECTOR_EXPIRED,
		REFLECTOR_FAILED,  REFLECTOR_WAITED,      REFLECTOR_RELIST_WANTED,
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct reflector_state s = { .rng = { 1 } };
		AUTO_STR out;
		str_init(&out, 4096);
		for (const char *p = rows[i].events; *p; p++) {
			const char *letter = strchr(letters, *p);
			if (*p == ' ')
				continue;
			struct reflector_step step = reflector_plan(&s, events[letter - letters],
								    *p == 'l'   ? 10
								    : *p == 'e' ? 20
										: 0);
			str_addf(&out, "%s%c", out.len ? " " : "", "-LMWB"[step.action]);
			if (step.action == REFLECTOR_DO_WATCH)
				str_addf(&out, "%llu", (unsigned long long)s.revision);
		}
		CHECK_TEXT(rows[i].name, out.data, rows[i].actions);
	}
}

static void test_backoff(void)
{
	struct reflector_state s = { .rng = { 3 } };
	int64_t longest = 0;
	reflector_plan(&s, REFLECTOR_STARTED, 0);
	for (int i = 0; i < 100; i++) {
		struct reflector_step step = reflector_plan(&s, REFLECTOR_FAILED, 0);
		CHECK(step.wait_ms >= REFLECTOR_BACKOFF_FIRST_MS / 2);
		CHECK(step.wait_ms <= REFLECTOR_BACKOFF_MAX_MS);
		longest = MAX(longest, step.wait_ms);
		reflector_plan(&s, REFLECTOR_WAITED, 0);
	}
	CHECK(longest > REFLECTOR_BACKOFF_MAX_MS / 2);
}

static void test_leader(void)
{
	static const struct {
		struct leader_seen seen;
		enum leader_action action;
	} cases[] = {
		{ { .exists = false }, LEADER_CREATE },
		{ { true, "me", 15, 0, false }, LEADER_RENEW },
		{ { true, "me", 15, 99000, false }, LEADER_RENEW },
		{ { true, "other", 15, 14999, false }, LEADER_WAIT },
		{ { true, "other", 15, 15000, false }, LEADER_TAKE },
		{ { true, "", 15, 0, false }, LEADER_TAKE },
		{ { true, "other", 15, 0, true }, LEADER_TAKE },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		CHECK_INT(leader_plan(&cases[i].seen, "me"), cases[i].action);
}

int main(void)
{
	test_reflector();
	test_backoff();
	test_leader();
	return 0;
}
