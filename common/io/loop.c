#include "common/io/loop.h"
#include "common/io/loop_internal.h"

void loop_free(struct loop *loop)
{
	if (loop)
		loop->ops->free(loop);
}

void loop_run(struct loop *loop)
{
	loop->ops->run(loop);
}

void loop_stop(struct loop *loop)
{
	loop->ops->stop(loop);
}

int64_t loop_now_ms(const struct loop *loop)
{
	return loop->ops->now_ms(loop);
}

int64_t loop_wall_us(const struct loop *loop)
{
	return loop->ops->wall_us(loop);
}

int64_t loop_longest_turn_us(struct loop *loop)
{
	return loop->ops->longest_turn_us(loop);
}

int64_t loop_longest_turn_cpu_us(struct loop *loop)
{
	return loop->ops->longest_turn_cpu_us(loop);
}

int64_t loop_turn_us(const struct loop *loop)
{
	return loop->ops->turn_us(loop);
}

struct loop_timer *loop_timer_new(struct loop *loop, void (*fire)(void *ctx), void *ctx)
{
	return loop->ops->timer_new(loop, fire, ctx);
}

void loop_timer_set(struct loop_timer *t, int64_t delay_ms)
{
	t->loop->ops->timer_set(t, delay_ms < 0 ? 0 : delay_ms);
}

void loop_timer_stop(struct loop_timer *t)
{
	t->loop->ops->timer_stop(t);
}

bool loop_timer_is_set(const struct loop_timer *t)
{
	return t->loop->ops->timer_is_set(t);
}

void loop_timer_free(struct loop_timer *t)
{
	if (t)
		t->loop->ops->timer_free(t);
}

struct loop_fd *loop_fd_new(struct loop *loop, int fd, void (*ready)(void *ctx, unsigned events),
			    void *ctx)
{
	return loop->ops->fd_new(loop, fd, ready, ctx);
}

void loop_fd_set(struct loop_fd *f, unsigned events)
{
	f->loop->ops->fd_set(f, events);
}

void loop_fd_free(struct loop_fd *f)
{
	if (f)
		f->loop->ops->fd_free(f);
}

struct loop_wake *loop_wake_new(struct loop *loop, void (*woken)(void *ctx), void *ctx)
{
	return loop->ops->wake_new(loop, woken, ctx);
}

void loop_wake_post(struct loop_wake *w)
{
	w->loop->ops->wake_post(w);
}

void loop_wake_free(struct loop_wake *w)
{
	if (w)
		w->loop->ops->wake_free(w);
}

struct loop_signal *loop_signal_new(struct loop *loop, int signum, void (*caught)(void *ctx),
				    void *ctx)
{
	return loop->ops->signal_new(loop, signum, caught, ctx);
}

void loop_signal_free(struct loop_signal *s)
{
	if (s)
		s->loop->ops->signal_free(s);
}

void loop_offload(struct loop *loop, void (*work)(void *ctx), void (*done)(void *ctx), void *ctx)
{
	loop->ops->offload(loop, work, done, ctx);
}
