/* What comes together is served in order, a turn's share at a time; in the simulated loop each look at
 * the turn's time finds it a pace later. */
#include "apiserver/turn.h"
#include "common/base/str.h"
#include "common/io/loop_sim.h"
#include "tests/support/check.h"

/* The core has one loop; so has this test. */
static struct world {
	struct loop *loop;
	struct turns *turns;
	struct str text; /* who was served, '|' between turns */
	const char *come, *come_later;
	struct loop_timer *arrival, *later;
} w;

static void serve(struct request *r)
{
	str_add_char(&w.text, r->audit_id[0]);
	free(r);
}

static void come(const char *names)
{
	for (; *names; names++) {
		struct request *r = xcalloc(1, sizeof *r);
		r->audit_id[0] = *names;
		turns_take(w.turns, r);
	}
}

static void arrive(void *ctx)
{
	(void)ctx;
	come(w.come);
}

static void arrive_later(void *ctx)
{
	(void)ctx;
	come(w.come_later);
}

static void world_init(int64_t pace_us)
{
	w = (struct world){ .loop = loop_sim_new(1, 0) };
	loop_sim_set_pace(w.loop, pace_us);
	str_init(&w.text, 4096);
	str_add(&w.text, "");
	w.turns = turns_new(w.loop, serve);
	w.arrival = loop_timer_new(w.loop, arrive, NULL);
	w.later = loop_timer_new(w.loop, arrive_later, NULL);
}

static void world_fini(void)
{
	turns_free(w.turns);
	loop_timer_free(w.arrival);
	loop_timer_free(w.later);
	loop_free(w.loop);
	str_fini(&w.text);
}

static void run(void)
{
	size_t before = w.text.len;
	while (loop_sim_step(w.loop)) {
		if (w.text.len > before)
			str_add_char(&w.text, '|');
		before = w.text.len;
	}
}

static const struct {
	const char *name, *come, *later;
	int64_t pace_us;
	const char *want;
} rows[] = {
	{ "turns that take no time", "abcdef", "g", 0, "abcdef|g|" },
	{ "one at a time, as they come", "a", "b", 100, "a|b|" },
	{ "a turn's share, then the next", "abcdefgh", "", TURN_BUDGET_US / 3, "ab|cde|fgh|" },
	{ "one at least, on however slow a machine", "abc", "", 10 * TURN_BUDGET_US, "a|b|c|" },
	{ "who comes later waits behind", "abcd", "xy", 3 * TURN_BUDGET_US / 2, "a|b|c|d|x|y|" },
};

static void test_order(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		world_init(rows[i].pace_us);
		w.come = rows[i].come;
		w.come_later = rows[i].later;
		loop_timer_set(w.arrival, 1);
		run();
		size_t first = w.text.len;
		loop_timer_set(w.later, 1);
		run();
		CHECK(!*rows[i].later || w.text.len > first);
		CHECK_TEXT(rows[i].name, w.text.data, rows[i].want);
		world_fini();
	}
}

/* The queue is not overtaken: while any waits, nobody is served at once. */
static void test_not_overtaken(void)
{
	world_init(TURN_BUDGET_US);
	w.come = "abc";
	w.come_later = "x";
	loop_timer_set(w.arrival, 1);
	CHECK(loop_sim_step(w.loop)); /* nobody: the first look finds the turn used up */
	CHECK_TEXT("none in the turn they came in", w.text.data, "");
	loop_sim_set_pace(w.loop, 0);
	arrive_later(NULL);
	CHECK_TEXT("a new one waits behind them", w.text.data, "");
	run();
	CHECK_TEXT("in order", w.text.data, "abcx|");
	world_fini();
}

/* ---- what is left when the server ends ---- */

static int abandoned;

static void answered(struct http_exchange *x, int status, const struct http_header *headers,
		     size_t n, const void *body, size_t len, void (*release)(void *ctx), void *ctx)
{
	(void)x, (void)headers, (void)n, (void)body, (void)len, (void)release, (void)ctx;
	CHECK_INT(status, 503);
	abandoned++;
}

static char woken[1000];

static void wake(struct http_exchange *x)
{
	char name = x->method[0];
	woken[strlen(woken)] = name;
}

static const struct http_exchange_ops ops = { .reply = answered, .wake = wake };

static void test_abandoned(void)
{
	struct http_exchange x = { .ops = &ops };
	world_init(2 * TURN_BUDGET_US);
	for (int i = 0; i < 3; i++) {
		struct request *r = xcalloc(1, sizeof *r);
		r->x = &x;
		turns_take(w.turns, r);
	}
	world_fini();
	CHECK_INT(abandoned, 3);
}

/* ---- waking ---- */

#define SLEEPERS 300

static void test_wakes(void)
{
	static struct turn_wake wakes[SLEEPERS];
	static struct http_exchange x[SLEEPERS];
	static char names[SLEEPERS];
	world_init(0);
	for (size_t i = 0; i < SLEEPERS; i++) {
		names[i] = (char)('a' + i % 26);
		x[i] = (struct http_exchange){ .ops = &ops, .method = &names[i] };
		turns_wake(w.turns, &wakes[i], &x[i]);
		turns_wake(w.turns, &wakes[i], &x[i]); /* is to be woken already */
	}
	turn_wake_fini(w.turns, &wakes[0]);            /* the first, … */
	turn_wake_fini(w.turns, &wakes[200]);          /* … one between … */
	turn_wake_fini(w.turns, &wakes[SLEEPERS - 1]); /* … and the last left */
	turn_wake_fini(w.turns, &wakes[200]);          /* who is not there */
	CHECK_TEXT("not in this turn", woken, "");
	CHECK(loop_sim_step(w.loop));
	size_t first = strlen(woken);
	CHECK(first > 0 && first < SLEEPERS / 2); /* some at a time */
	turns_wake(w.turns, &wakes[1], &x[1]);    /* was woken, and is to be again */
	run();
	CHECK_INT(strlen(woken), SLEEPERS - 3 + 1);
	CHECK(woken[strlen(woken) - 1] == names[1]);
	for (size_t i = 0, at = 0; i < SLEEPERS - 1; i++)
		if (i != 0 && i != 200)
			CHECK(woken[at++] == names[i]);
	world_fini();
}

int main(void)
{
	test_order();
	test_not_overtaken();
	test_abandoned();
	test_wakes();
	return 0;
}
