/* Both loops through one set of cases: what they promise must be the same. */
#include "common/io/loop_sim.h"
#include "tests/support/check.h"

#include <time.h>
#include <unistd.h>

struct trial {
	struct loop *loop;
	struct loop_timer *a, *b, *c;
	struct loop_wake *wake;
	struct loop_fd *fd;
	char seen[256];
	int again;
};

static void note(struct trial *t, const char *what)
{
	size_t n = strlen(t->seen);
	snprintf(t->seen + n, sizeof t->seen - n, "%s", what);
}

static void fire_stop(void *ctx)
{
	struct trial *t = ctx;
	note(t, "s");
	loop_stop(t->loop);
}

/* Sets itself again and again: others must get their turn all the same. */
static void fire_again(void *ctx)
{
	struct trial *t = ctx;
	t->again++;
	loop_timer_set(t->a, 0);
}

static void test_zero_does_not_starve(struct loop *loop)
{
	struct trial t = { .loop = loop };
	t.a = loop_timer_new(loop, fire_again, &t);
	t.b = loop_timer_new(loop, fire_stop, &t);
	loop_timer_set(t.a, 0);
	loop_timer_set(t.b, 0);
	loop_run(loop);
	CHECK(t.again >= 0);
	CHECK_TEXT("starve", t.seen, "s");
	loop_timer_free(t.a);
	loop_timer_free(t.b);
}

static void fire_frees(void *ctx)
{
	struct trial *t = ctx;
	note(t, "f");
	loop_timer_free(t->a); /* itself */
	loop_timer_free(t->b); /* due too, never to fire */
	loop_timer_set(t->c, 1);
}

static void fire_never(void *ctx)
{
	note(ctx, "!");
}

static void test_freed_when_due(struct loop *loop)
{
	struct trial t = { .loop = loop };
	t.a = loop_timer_new(loop, fire_frees, &t);
	t.b = loop_timer_new(loop, fire_never, &t);
	t.c = loop_timer_new(loop, fire_stop, &t);
	loop_timer_set(t.a, 0);
	loop_timer_set(t.b, 5);
	CHECK(loop_timer_is_set(t.a) && loop_timer_is_set(t.b) && !loop_timer_is_set(t.c));
	loop_run(loop);
	CHECK_TEXT("freed", t.seen, "fs");
	loop_timer_free(t.c);
}

static void woken(void *ctx)
{
	note(ctx, "w");
	loop_stop(((struct trial *)ctx)->loop);
}

static void work(void *ctx)
{
	note(ctx, "1");
}

static void done(void *ctx)
{
	struct trial *t = ctx;
	note(t, "2");
	loop_wake_post(t->wake);
	loop_wake_post(t->wake);
}

static void test_offload_and_wake(struct loop *loop)
{
	struct trial t = { .loop = loop };
	t.wake = loop_wake_new(loop, woken, &t);
	loop_offload(loop, work, done, &t);
	loop_run(loop);
	CHECK_TEXT("offload", t.seen, "12w");
	loop_wake_free(t.wake);
}

static void readable(void *ctx, unsigned events)
{
	CHECK_INT(events, LOOP_READ);
	note(ctx, "r");
	loop_stop(((struct trial *)ctx)->loop);
}

static void test_descriptor(struct loop *loop)
{
	struct trial t = { .loop = loop };
	int fds[2];
	CHECK(pipe(fds) == 0);
	struct loop_fd *f = loop_fd_new(loop, fds[0], readable, &t);
	loop_fd_set(f, LOOP_READ);
	CHECK(write(fds[1], "x", 1) == 1);
	loop_run(loop);
	CHECK_TEXT("descriptor", t.seen, "r");
	loop_fd_free(f);
	close(fds[0]);
	close(fds[1]);
}

static void stop_it(void *ctx)
{
	loop_stop(ctx);
}

static void work_on(void *ctx, unsigned events)
{
	struct trial *t = ctx;
	struct timespec from, now;
	(void)events;
	clock_gettime(CLOCK_MONOTONIC, &from);
	do
		clock_gettime(CLOCK_MONOTONIC, &now);
	while ((now.tv_sec - from.tv_sec) * 1000000000 + now.tv_nsec - from.tv_nsec < 5000000);
	loop_fd_set(t->fd, 0);
	loop_timer_set(t->a, 200); /* and then there is nothing to do */
}

/* What descriptors' callbacks take is a turn's; waiting is not. A busy machine may hold us up
 * now and then, but not each time. */
static void test_longest_turn(struct loop *loop)
{
	struct trial t = { .loop = loop };
	int64_t longest_us = 0;
	int fds[2];
	CHECK(pipe(fds) == 0);
	struct loop_fd *f = loop_fd_new(loop, fds[0], work_on, &t);
	t.a = loop_timer_new(loop, stop_it, loop);
	for (int i = 0; i < 20; i++) {
		char c;
		t.fd = f;
		(void)loop_longest_turn_us(loop);
		CHECK(write(fds[1], "x", 1) == 1);
		loop_fd_set(f, LOOP_READ);
		loop_run(loop);
		CHECK(read(fds[0], &c, 1) == 1);
		longest_us = loop_longest_turn_us(loop);
		CHECK(longest_us >= 5000);
		if (longest_us < 150000)
			break;
	}
	CHECK(longest_us < 150000);
	loop_timer_free(t.a);
	loop_fd_free(f);
	close(fds[0]);
	close(fds[1]);
}

static void test_simulated_time(void)
{
	struct loop *loop = loop_sim_new(1, 0);
	struct trial t = { .loop = loop };
	t.a = loop_timer_new(loop, fire_never, &t);
	loop_timer_set(t.a, 1000);
	CHECK(loop_sim_run_until(loop, 999));
	CHECK_TEXT("early", t.seen, "");
	CHECK(loop_sim_run_until(loop, 1000));
	CHECK_TEXT("due", t.seen, "!");
	CHECK_INT(loop_wall_us(loop), 1000000);
	loop_timer_free(t.a);
	loop_free(loop);
}

int main(void)
{
	struct loop *loops[] = { loop_new(), loop_sim_new(7, 0) };
	for (size_t i = 0; i < 2; i++) {
		test_zero_does_not_starve(loops[i]);
		test_freed_when_due(loops[i]);
		test_offload_and_wake(loops[i]);
	}
	test_descriptor(loops[0]);
	test_longest_turn(loops[0]);
	loop_free(loops[0]);
	loop_free(loops[1]);
	test_simulated_time();
	return 0;
}
