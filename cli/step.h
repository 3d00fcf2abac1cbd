/*
 * step.h - long work in named, timed steps: "  certificates … 0.1 s" on a terminal in place, one
 * line a step elsewhere.
 */
#pragma once

#include "common/base/error.h"

struct step {
	const char *name;
	int64_t start_ms;
	bool is_terminal;
};

int64_t wall_ms(void); /* monotonic */
void sleep_ms(int ms);
struct step step_begin(const char *name);
/* What it waits for right now, on a terminal. */
void step_note(struct step *s, const char *text);
void step_end(struct step *s, bool good);
