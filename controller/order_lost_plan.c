#include "controller/order_lost_plan.h"

static const char *const note_names[] = { NULL, "lost", "stopped", "restarting" };

enum lost_policy lost_policy_of(const char *value)
{
	if (value && streq(value, "stop"))
		return LOST_STOP;
	return value && streq(value, "restart") ? LOST_RESTART : LOST_IGNORE;
}

enum lost_note lost_note_of(const char *value)
{
	for (size_t i = 1; value && i < ARRAY_LEN(note_names); i++)
		if (streq(note_names[i], value))
			return (enum lost_note)i;
	return NOTE_NONE;
}

const char *lost_note_name(enum lost_note note)
{
	assert(note < NOTE_COUNT);
	return note_names[note];
}

bool lost_note_stops(const char *value)
{
	enum lost_note note = lost_note_of(value);
	return note == NOTE_STOPPED || note == NOTE_RESTARTING;
}

const char *lost_note_text(const char *value)
{
	return lost_note_of(value) == NOTE_RESTARTING ? "stopping, to be started again"
						      : LOST_SERVES_NOBODY;
}

static void say(struct lost_step *s, bool is_warning, const char *reason, const char *why)
{
	s->is_warning = is_warning;
	s->reason = reason;
	s->why = why;
}

static void start_again(const struct lost_facts *f, struct lost_step *s)
{
	s->rolls_out = f->how == ORDER_RESTART_ROLLS;
	s->note = !s->rolls_out && f->runs ? NOTE_RESTARTING : NOTE_NONE;
}

static void plan_lost(const struct lost_facts *f, struct lost_step *s)
{
	bool stops = f->policy == LOST_STOP && f->how != ORDER_RESTART_ROLLS;
	if (stops) {
		s->note = NOTE_STOPPED;
		if (f->note != NOTE_STOPPED)
			say(s, true, "DependencyLost",
			    "a dependency is lost; stopped until it is back");
	} else if (f->policy == LOST_RESTART && (f->runs || f->note != NOTE_NONE)) {
		s->note = NOTE_LOST;
		if (f->note != NOTE_LOST)
			say(s, true, "DependencyLost",
			    "a dependency is lost; restarting when it is back");
	} else if (f->policy != LOST_RESTART) {
		s->note = NOTE_NONE; /* the policy was changed meanwhile */
	}
}

static void plan_back(const struct lost_facts *f, struct lost_step *s)
{
	if (f->note == NOTE_STOPPED) {
		s->note = NOTE_NONE;
		say(s, false, "DependencyBack", "the dependency is back; starting again");
	} else if (f->policy != LOST_RESTART) {
		s->note = NOTE_NONE;
	} else {
		start_again(f, s);
		say(s, false, "DependencyBack", "the dependency is back; restarting");
	}
}

void lost_plan(const struct lost_facts *f, struct lost_step *ret)
{
	*ret = (struct lost_step){ .note = f->note };
	if (!f->is_started || f->how == ORDER_RESTART_NONE)
		return;
	if (f->note == NOTE_RESTARTING) {
		if (!f->runs || f->how == ORDER_RESTART_ROLLS)
			ret->note = NOTE_NONE;
		return;
	}
	/* A new revision waits at its own gate; containers that run have none, so this waits. */
	if (f->is_replaced && (f->holds || f->how == ORDER_RESTART_ROLLS)) {
		ret->sees = true;
		start_again(f, ret);
		say(ret, false, "RestartedWith", "restarted together with what it depends on");
		return;
	}
	if (f->is_lost)
		plan_lost(f, ret);
	else if (f->note != NOTE_NONE)
		plan_back(f, ret);
}
