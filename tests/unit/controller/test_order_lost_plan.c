/* order_lost_plan: what becomes of those whose dependency is lost or replaced. */
#include "common/base/str.h"
#include "controller/order_lost_plan.h"
#include "tests/support/check.h"

/*
 * Facts are words: rolls, pods or place; ignore, stop or restart; the note; then s(tarted), r(uns),
 * l(ost), h(olds), x (replaced). The step is the note if it changes, what is done, the event's reason.
 */
static const struct {
	const char *name;
	enum order_restart how;
	enum lost_policy policy;
	enum lost_note note;
	const char *state, *result;
} rows[] = {
	{ "nothing happens", ORDER_RESTART_PODS, LOST_RESTART, NOTE_NONE, "srh", "" },
	{ "ignored", ORDER_RESTART_PODS, LOST_IGNORE, NOTE_NONE, "srl", "" },
	{ "not started yet", ORDER_RESTART_PODS, LOST_STOP, NOTE_NONE, "l", "" },
	{ "a Service has nothing", ORDER_RESTART_NONE, LOST_STOP, NOTE_NONE, "srl", "" },

	{ "stop", ORDER_RESTART_PODS, LOST_STOP, NOTE_NONE, "srl", "stopped DependencyLost!" },
	{ "stop before it runs", ORDER_RESTART_PLACE, LOST_STOP, NOTE_NONE, "sl",
	  "stopped DependencyLost!" },
	{ "is stopped", ORDER_RESTART_PODS, LOST_STOP, NOTE_STOPPED, "sl", "" },
	{ "back", ORDER_RESTART_PODS, LOST_STOP, NOTE_STOPPED, "sh", "none DependencyBack" },
	{ "back before it has stopped", ORDER_RESTART_PLACE, LOST_STOP, NOTE_STOPPED, "sr",
	  "none DependencyBack" },
	{ "a Deployment stops by its replicas", ORDER_RESTART_ROLLS, LOST_STOP, NOTE_NONE, "srl",
	  "" },

	{ "lost", ORDER_RESTART_PODS, LOST_RESTART, NOTE_NONE, "srl", "lost DependencyLost!" },
	{ "lost while nothing runs", ORDER_RESTART_PODS, LOST_RESTART, NOTE_NONE, "sl", "" },
	{ "still lost", ORDER_RESTART_PODS, LOST_RESTART, NOTE_LOST, "srl", "" },
	{ "back: restart", ORDER_RESTART_PODS, LOST_RESTART, NOTE_LOST, "srh",
	  "restarting DependencyBack" },
	{ "back, but it has stopped itself", ORDER_RESTART_PLACE, LOST_RESTART, NOTE_LOST, "sh",
	  "none DependencyBack" },
	{ "back: roll out", ORDER_RESTART_ROLLS, LOST_RESTART, NOTE_LOST, "srh",
	  "none rolls DependencyBack" },
	{ "restarting: some run", ORDER_RESTART_PODS, LOST_RESTART, NOTE_RESTARTING, "srh", "" },
	{ "restarting: none runs", ORDER_RESTART_PODS, LOST_RESTART, NOTE_RESTARTING, "sh",
	  "none" },
	{ "restarting, and lost again", ORDER_RESTART_PODS, LOST_RESTART, NOTE_RESTARTING, "sl",
	  "none" },

	{ "replaced", ORDER_RESTART_PODS, LOST_IGNORE, NOTE_NONE, "srhx",
	  "restarting sees RestartedWith" },
	{ "replaced, not ready yet", ORDER_RESTART_PODS, LOST_IGNORE, NOTE_NONE, "srx", "" },
	{ "replaced: a revision waits at its gate", ORDER_RESTART_ROLLS, LOST_IGNORE, NOTE_NONE,
	  "srx", "rolls sees RestartedWith" },
	{ "replaced while nothing runs", ORDER_RESTART_PLACE, LOST_IGNORE, NOTE_NONE, "shx",
	  "sees RestartedWith" },
	{ "replaced and lost: one restart", ORDER_RESTART_ROLLS, LOST_RESTART, NOTE_LOST, "srhx",
	  "none rolls sees RestartedWith" },

	{ "policy changed to ignore", ORDER_RESTART_PODS, LOST_IGNORE, NOTE_STOPPED, "sl", "none" },
	{ "policy changed to restart", ORDER_RESTART_PODS, LOST_RESTART, NOTE_STOPPED, "sl",
	  "lost DependencyLost!" },
	{ "policy changed to stop", ORDER_RESTART_PODS, LOST_STOP, NOTE_LOST, "srl",
	  "stopped DependencyLost!" },
	{ "policy changed when it was back", ORDER_RESTART_PODS, LOST_IGNORE, NOTE_LOST, "sr",
	  "none" },
};

static struct lost_facts facts_of(enum order_restart how, enum lost_policy policy,
				  enum lost_note note, const char *state)
{
	return (struct lost_facts){ .how = how,
				    .policy = policy,
				    .note = note,
				    .is_started = strchr(state, 's') != NULL,
				    .runs = strchr(state, 'r') != NULL,
				    .is_lost = strchr(state, 'l') != NULL,
				    .holds = strchr(state, 'h') != NULL,
				    .is_replaced = strchr(state, 'x') != NULL };
}

static void word(struct str *s, const char *text)
{
	str_addf(s, "%s%s", s->len ? " " : "", text);
}

static void test_rows(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct lost_facts f =
			facts_of(rows[i].how, rows[i].policy, rows[i].note, rows[i].state);
		struct lost_step s;
		AUTO_STR got;
		str_init(&got, 256);
		lost_plan(&f, &s);
		if (s.note != f.note)
			word(&got, s.note == NOTE_NONE ? "none" : lost_note_name(s.note));
		if (s.rolls_out)
			word(&got, "rolls");
		if (s.sees)
			word(&got, "sees");
		if (s.reason)
			word(&got, s.reason);
		if (s.is_warning)
			str_add(&got, "!");
		CHECK_TEXT(rows[i].name, got.data, rows[i].result);
	}
}

/*
 * Every state, followed to its rest while the world stands still: the obeying side stops what must
 * stop and starts what may run. It comes to rest in a few steps; no event is said twice in a row;
 * at rest nothing runs while it is lost under `stop`, and all runs while nothing is lost.
 */
static void test_every_state(void)
{
	for (unsigned bits = 0; bits < 4u * LOST_POLICY_COUNT * NOTE_COUNT * 8; bits++) {
		unsigned rest = bits;
		struct lost_facts f = { .is_started = true };
		f.how = (enum order_restart)(rest % 4), rest /= 4;
		f.policy = (enum lost_policy)(rest % LOST_POLICY_COUNT), rest /= LOST_POLICY_COUNT;
		f.note = (enum lost_note)(rest % NOTE_COUNT), rest /= NOTE_COUNT;
		f.runs = rest & 1, f.is_lost = rest & 2, f.is_replaced = rest & 4;
		f.holds = !f.is_lost;
		if (f.how == ORDER_RESTART_NONE)
			continue;
		struct lost_step s;
		const char *said = NULL;
		int steps = 0;
		for (bool moved = true; moved; steps++) {
			CHECK(steps < 8);
			lost_plan(&f, &s);
			CHECK(!s.reason || !said || !streq(s.reason, said));
			said = s.reason ? s.reason : said;
			bool stops = f.how != ORDER_RESTART_ROLLS &&
				     (s.note == NOTE_STOPPED || s.note == NOTE_RESTARTING);
			moved = s.note != f.note || s.sees || s.rolls_out || f.runs == stops;
			f.note = s.note;
			f.is_replaced = f.is_replaced && !s.sees;
			f.runs = !stops;
		}
		CHECK(f.note != NOTE_RESTARTING);
		CHECK(f.how == ORDER_RESTART_ROLLS ||
		      f.runs == !(f.is_lost && f.policy == LOST_STOP));
		CHECK(f.is_lost || f.note == NOTE_NONE);
		CHECK(!f.is_replaced || (f.is_lost && f.how != ORDER_RESTART_ROLLS));
	}
}

static void test_words(void)
{
	CHECK_INT(lost_policy_of("stop"), LOST_STOP);
	CHECK_INT(lost_policy_of("what"), LOST_IGNORE);
	CHECK_INT(lost_policy_of(NULL), LOST_IGNORE);
	for (int i = 1; i < NOTE_COUNT; i++)
		CHECK_INT(lost_note_of(lost_note_name((enum lost_note)i)), i);
	CHECK(lost_note_stops("stopped") && lost_note_stops("restarting"));
	CHECK(!lost_note_stops("lost") && !lost_note_stops(NULL));
}

int main(void)
{
	test_rows();
	test_every_state();
	test_words();
	return 0;
}
