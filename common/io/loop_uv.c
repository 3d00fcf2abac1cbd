/* The real loop, on libuv. uv's own types end in this file. */
#include "common/io/loop.h"
#include "common/io/loop_internal.h"

#include <stdio.h>
#include <time.h>
#include <uv.h>

struct uv_loop {
	struct loop base;
	uv_loop_t uv;
	uv_prepare_t sleep; /* right before polling: a turn ends, the next begins */
	uv_idle_t soon;     /* active while timers of 0 ms are due in the next turn */
	struct uv_timer *due, **due_end;
	uint64_t turn_start_ns, turn_start_idle_ns;
	int64_t turn_start_cpu_ns;
	int64_t longest_us, longest_cpu_us;
};

struct uv_timer {
	struct loop_timer base;
	uv_timer_t uv;
	void (*fire)(void *ctx);
	void *ctx;
	struct uv_timer *next, **link; /* in loop->due; link NULL: not there */
};

struct uv_fd {
	struct loop_fd base;
	uv_poll_t uv;
	void (*ready)(void *ctx, unsigned events);
	void *ctx;
	unsigned events;
};

struct uv_wake {
	struct loop_wake base;
	uv_async_t uv;
	void (*woken)(void *ctx);
	void *ctx;
};

struct uv_sig {
	struct loop_signal base;
	uv_signal_t uv;
	void (*caught)(void *ctx);
	void *ctx;
};

struct uv_work {
	uv_work_t uv;
	void (*work)(void *ctx);
	void (*done)(void *ctx);
	void *ctx;
};

/* libuv fails these calls only for bad arguments or a full table: our bug or the end. */
static void must(int code)
{
	if (code < 0) {
		fprintf(stderr, "loop: %s\n", uv_strerror(code));
		abort();
	}
}

static struct uv_loop *uv_of(struct loop *loop)
{
	return CONTAINER_OF(loop, struct uv_loop, base);
}

static int64_t thread_cpu_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Right before polling. Callbacks of descriptors run inside the poll phase: all but the time that
 * the kernel was waited for is the turn's. */
static void turn_ends(uv_prepare_t *prepare)
{
	struct uv_loop *l = prepare->data;
	uint64_t now_ns = uv_hrtime(), idle_ns = uv_metrics_idle_time(&l->uv);
	int64_t cpu_ns = thread_cpu_ns();
	if (l->turn_start_ns) {
		uint64_t waited_ns = idle_ns - l->turn_start_idle_ns;
		int64_t us = (int64_t)((now_ns - l->turn_start_ns - waited_ns) / 1000);
		l->longest_us = MAX(l->longest_us, us);
		l->longest_cpu_us = MAX(l->longest_cpu_us, (cpu_ns - l->turn_start_cpu_ns) / 1000);
	}
	l->turn_start_cpu_ns = cpu_ns;
	l->turn_start_ns = now_ns;
	l->turn_start_idle_ns = idle_ns;
}

static void loop_destroy(struct loop *loop)
{
	struct uv_loop *l = uv_of(loop);
	uv_close((uv_handle_t *)&l->sleep, NULL);
	uv_close((uv_handle_t *)&l->soon, NULL);
	/* Lets close callbacks of freed handles and finished work run. */
	for (int i = 0; i < 1000 && uv_loop_close(&l->uv) == UV_EBUSY; i++)
		uv_run(&l->uv, UV_RUN_ONCE);
	free(l);
}

static void run(struct loop *loop)
{
	uv_run(&uv_of(loop)->uv, UV_RUN_DEFAULT);
}

static void stop(struct loop *loop)
{
	uv_stop(&uv_of(loop)->uv);
}

static int64_t now_ms(const struct loop *loop)
{
	return (int64_t)uv_now(&uv_of((struct loop *)loop)->uv);
}

static int64_t wall_us(const struct loop *loop)
{
	(void)loop;
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t longest_turn(struct loop *loop)
{
	struct uv_loop *l = uv_of(loop);
	int64_t us = l->longest_us;
	l->longest_us = 0;
	return us;
}

static int64_t longest_turn_cpu(struct loop *loop)
{
	struct uv_loop *l = uv_of(loop);
	int64_t us = l->longest_cpu_us;
	l->longest_cpu_us = 0;
	return us;
}

static int64_t turn(const struct loop *loop)
{
	struct uv_loop *l = uv_of((struct loop *)loop);
	uint64_t waited_ns = uv_metrics_idle_time(&l->uv) - l->turn_start_idle_ns;
	return (int64_t)((uv_hrtime() - l->turn_start_ns - waited_ns) / 1000);
}

/* ---- timers ---- */

static void timer_fired(uv_timer_t *uv)
{
	struct uv_timer *t = uv->data;
	t->fire(t->ctx);
}

static struct loop_timer *timer_new(struct loop *loop, void (*fire)(void *ctx), void *ctx)
{
	struct uv_timer *t = xcalloc(1, sizeof *t);
	*t = (struct uv_timer){ .base = { loop }, .fire = fire, .ctx = ctx };
	must(uv_timer_init(&uv_of(loop)->uv, &t->uv));
	t->uv.data = t;
	return &t->base;
}

/* ---- timers of 0 ms ----
 * libuv runs a timer of 0 ms that is set in a timer's callback in the same pass, so one that
 * sets itself again would keep all others waiting for ever. These are a list of their own,
 * emptied once a turn. */

static void due_remove(struct uv_timer *t)
{
	struct uv_loop *l = uv_of(t->base.loop);
	if (!t->link)
		return;
	*t->link = t->next;
	if (t->next)
		t->next->link = t->link;
	else if (l->due_end == &t->next)
		l->due_end = t->link;
	t->link = NULL;
	t->next = NULL;
}

static void due_run(uv_idle_t *idle)
{
	struct uv_loop *l = idle->data;
	struct uv_timer *now = l->due;
	l->due = NULL;
	l->due_end = &l->due;
	must(uv_idle_stop(idle));
	if (now)
		now->link = &now; /* a callback may stop or free any of them */
	while (now) {
		struct uv_timer *t = now;
		due_remove(t);
		t->fire(t->ctx);
	}
}

static void due_add(struct uv_timer *t)
{
	struct uv_loop *l = uv_of(t->base.loop);
	due_remove(t);
	t->link = l->due_end;
	*l->due_end = t;
	l->due_end = &t->next;
	must(uv_idle_start(&l->soon, due_run));
}

static void timer_set(struct loop_timer *base, int64_t delay_ms)
{
	struct uv_timer *t = CONTAINER_OF(base, struct uv_timer, base);
	due_remove(t);
	if (delay_ms == 0) {
		must(uv_timer_stop(&t->uv));
		due_add(t);
	} else {
		must(uv_timer_start(&t->uv, timer_fired, (uint64_t)delay_ms, 0));
	}
}

static void timer_stop(struct loop_timer *base)
{
	struct uv_timer *t = CONTAINER_OF(base, struct uv_timer, base);
	due_remove(t);
	must(uv_timer_stop(&t->uv));
}

static bool timer_is_set(const struct loop_timer *base)
{
	const struct uv_timer *t = CONTAINER_OF(base, struct uv_timer, base);
	return t->link || uv_is_active((const uv_handle_t *)&t->uv);
}

static void closed(uv_handle_t *uv)
{
	free(uv->data);
}

static void timer_free(struct loop_timer *base)
{
	struct uv_timer *t = CONTAINER_OF(base, struct uv_timer, base);
	due_remove(t);
	uv_close((uv_handle_t *)&t->uv, closed);
}

/* ---- descriptors ---- */

static void fd_ready(uv_poll_t *uv, int status, int events)
{
	struct uv_fd *f = uv->data;
	/* An error shows as both ways ready: the next read or write tells which. */
	unsigned ours = status < 0 ? LOOP_READ | LOOP_WRITE : 0;
	if (events & (UV_READABLE | UV_DISCONNECT))
		ours |= LOOP_READ;
	if (events & UV_WRITABLE)
		ours |= LOOP_WRITE;
	f->ready(f->ctx, ours);
}

static struct loop_fd *fd_new(struct loop *loop, int fd, void (*ready)(void *ctx, unsigned events),
			      void *ctx)
{
	struct uv_fd *f = xcalloc(1, sizeof *f);
	*f = (struct uv_fd){ .base = { loop }, .ready = ready, .ctx = ctx };
	must(uv_poll_init(&uv_of(loop)->uv, &f->uv, fd));
	f->uv.data = f;
	return &f->base;
}

static void fd_set_events(struct loop_fd *base, unsigned events)
{
	struct uv_fd *f = CONTAINER_OF(base, struct uv_fd, base);
	if (events == f->events)
		return;
	f->events = events;
	int uv = (events & LOOP_READ ? UV_READABLE : 0) | (events & LOOP_WRITE ? UV_WRITABLE : 0);
	must(uv ? uv_poll_start(&f->uv, uv, fd_ready) : uv_poll_stop(&f->uv));
}

static void fd_free(struct loop_fd *base)
{
	uv_close((uv_handle_t *)&CONTAINER_OF(base, struct uv_fd, base)->uv, closed);
}

/* ---- wake-ups, signals, work ---- */

static void wake_woken(uv_async_t *uv)
{
	struct uv_wake *w = uv->data;
	w->woken(w->ctx);
}

static struct loop_wake *wake_new(struct loop *loop, void (*woken)(void *ctx), void *ctx)
{
	struct uv_wake *w = xcalloc(1, sizeof *w);
	*w = (struct uv_wake){ .base = { loop }, .woken = woken, .ctx = ctx };
	must(uv_async_init(&uv_of(loop)->uv, &w->uv, wake_woken));
	w->uv.data = w;
	return &w->base;
}

static void wake_post(struct loop_wake *base)
{
	must(uv_async_send(&CONTAINER_OF(base, struct uv_wake, base)->uv));
}

static void wake_free(struct loop_wake *base)
{
	uv_close((uv_handle_t *)&CONTAINER_OF(base, struct uv_wake, base)->uv, closed);
}

static void signal_caught(uv_signal_t *uv, int signum)
{
	struct uv_sig *s = uv->data;
	(void)signum;
	s->caught(s->ctx);
}

static struct loop_signal *signal_new(struct loop *loop, int signum, void (*caught)(void *ctx),
				      void *ctx)
{
	struct uv_sig *s = xcalloc(1, sizeof *s);
	*s = (struct uv_sig){ .base = { loop }, .caught = caught, .ctx = ctx };
	must(uv_signal_init(&uv_of(loop)->uv, &s->uv));
	s->uv.data = s;
	must(uv_signal_start(&s->uv, signal_caught, signum));
	return &s->base;
}

static void signal_free(struct loop_signal *base)
{
	uv_close((uv_handle_t *)&CONTAINER_OF(base, struct uv_sig, base)->uv, closed);
}

static void work_runs(uv_work_t *uv)
{
	struct uv_work *w = uv->data;
	w->work(w->ctx);
}

static void work_done(uv_work_t *uv, int status)
{
	struct uv_work *w = uv->data;
	(void)status; /* never cancelled */
	w->done(w->ctx);
	free(w);
}

static void offload(struct loop *loop, void (*work)(void *ctx), void (*done)(void *ctx), void *ctx)
{
	struct uv_work *w = xcalloc(1, sizeof *w);
	*w = (struct uv_work){ .work = work, .done = done, .ctx = ctx };
	w->uv.data = w;
	must(uv_queue_work(&uv_of(loop)->uv, &w->uv, work_runs, work_done));
}

static const struct loop_ops uv_ops = {
	.free = loop_destroy,
	.run = run,
	.stop = stop,
	.now_ms = now_ms,
	.wall_us = wall_us,
	.longest_turn_us = longest_turn,
	.longest_turn_cpu_us = longest_turn_cpu,
	.turn_us = turn,
	.timer_new = timer_new,
	.timer_set = timer_set,
	.timer_stop = timer_stop,
	.timer_is_set = timer_is_set,
	.timer_free = timer_free,
	.fd_new = fd_new,
	.fd_set = fd_set_events,
	.fd_free = fd_free,
	.wake_new = wake_new,
	.wake_post = wake_post,
	.wake_free = wake_free,
	.signal_new = signal_new,
	.signal_free = signal_free,
	.offload = offload,
};

struct loop *loop_new(void)
{
	struct uv_loop *l = xcalloc(1, sizeof *l);
	l->base.ops = &uv_ops;
	must(uv_loop_init(&l->uv));
	must(uv_loop_configure(&l->uv, UV_METRICS_IDLE_TIME));
	must(uv_prepare_init(&l->uv, &l->sleep));
	must(uv_idle_init(&l->uv, &l->soon));
	l->due_end = &l->due;
	l->soon.data = l;
	l->sleep.data = l;
	must(uv_prepare_start(&l->sleep, turn_ends));
	uv_unref((uv_handle_t *)&l->sleep);
	return &l->base;
}
