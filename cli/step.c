#include "cli/step.h"

#include <stdio.h>
#include <time.h>

int64_t wall_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void sleep_ms(int ms)
{
	struct timespec t = { ms / 1000, (long)(ms % 1000) * 1000000 };
	nanosleep(&t, NULL);
}

struct step step_begin(const char *name)
{
	struct step s = { .name = name, .start_ms = wall_ms(), .is_terminal = isatty(1) };
	if (s.is_terminal) {
		printf("  %-28s", name);
		fflush(stdout);
	}
	return s;
}

void step_note(struct step *s, const char *text)
{
	if (!s->is_terminal)
		return;
	printf("\r\033[K  %-28s%.48s", s->name, text);
	fflush(stdout);
}

void step_end(struct step *s, bool good)
{
	double seconds = (double)(wall_ms() - s->start_ms) / 1000;
	if (s->is_terminal)
		printf("\r\033[K");
	printf("%s %-28s%6.1f s\n", good ? "✓" : "✗", s->name, seconds);
	fflush(stdout);
}
