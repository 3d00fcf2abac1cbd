#include "cli/simulate_run.h"
#include "cli/svg.h"
#include "common/plan/policy_auto.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

#define STEP 16384 /* events between two looks at the clock */

void run_fini(struct run *r)
{
	free(r->at_us);
	free(r->waiting);
	free(r->wait_us);
	free(r->above);
	free(r->spans);
	free(r->waits);
	free(r->said);
	*r = (struct run){ 0 };
}

/* ---- progress ---- */

static double clock_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct {
	double begin_s, last_s;
	bool has_told;
} told;

void run_tell(const char *what, uint64_t done, uint64_t of)
{
	double now = clock_s();
	if (told.begin_s == 0 || done == 0)
		told.begin_s = told.last_s = now;
	/* Files get a line now and then, a terminal one that changes. */
	bool is_terminal = isatty(STDERR_FILENO);
	if (now - told.begin_s < 2 || now - told.last_s < (is_terminal ? 1 : 10))
		return;
	told.last_s = now;
	told.has_told = true;
	fprintf(stderr, "%s%s: %.1f", is_terminal ? "\r" : "", what, (double)done / 1e6);
	if (of)
		fprintf(stderr, " of %.1f", (double)of / 1e6);
	fprintf(stderr, " million jobs   %s", is_terminal ? "" : "\n");
	fflush(stderr);
}

void run_tell_end(void)
{
	if (told.has_told && isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
	told.has_told = false;
}

struct watcher { /* the context of a replay's callbacks */
	struct run *run;
	struct chooser *chooser;
};

/* ---- what the drawing needs ---- */

static void keep_span(void *ctx, size_t job, uint32_t place, int64_t from_us, int64_t to_us)
{
	struct run *r = ((struct watcher *)ctx)->run;
	(void)place;
	if (r->spans_count == RUN_SPANS_MAX)
		return;
	if (!r->spans)
		r->spans = xcalloc(RUN_SPANS_MAX, sizeof *r->spans);
	r->spans[r->spans_count++] = (struct run_span){ job, from_us, to_us };
}

/* Where they become too many, every second one is enough. */
static void sample(struct run *r, const struct replay *p)
{
	if (r->samples == RUN_SAMPLES) {
		for (size_t i = 0; i < RUN_SAMPLES / 2; i++) {
			r->at_us[i] = r->at_us[2 * i];
			r->waiting[i] = r->waiting[2 * i];
		}
		r->samples = RUN_SAMPLES / 2;
		r->every *= 2;
	}
	r->at_us[r->samples] = (double)replay_now_us(p);
	r->waiting[r->samples++] = (double)replay_waiting(p);
}

/* The share that waited longer, at ranks that come ever closer to the end. */
static void keep_curve(struct run *r, const double *sorted, size_t n)
{
	r->wait_us = xcalloc(RUN_CURVE + 1, sizeof *r->wait_us);
	r->above = xcalloc(RUN_CURVE + 1, sizeof *r->above);
	for (size_t i = 0; i <= RUN_CURVE; i++) {
		double share = pow((double)n, -(double)i / RUN_CURVE);
		size_t at = (size_t)MIN((double)(n - 1), floor((1 - share) * (double)n));
		if (r->curve && r->wait_us[r->curve - 1] == sorted[at])
			r->curve--;
		r->wait_us[r->curve] = sorted[at];
		r->above[r->curve++] = (double)(n - 1 - at) / (double)n;
	}
}

static void step_through(const struct run_request *q, struct replay *p, struct run *r)
{
	size_t n = q->trace->replay.count;
	uint64_t events = q->is_drawn ? MAX(1, 2 * n / RUN_SAMPLES) : STEP;
	run_tell(r->name, 0, n);
	for (uint64_t i = 0; replay_step(p, events); i++) {
		if (q->is_drawn && i % r->every == 0)
			sample(r, p);
		if (i % (STEP / MIN(events, STEP)) == 0)
			run_tell(r->name, replay_done(p) + 1, n);
	}
	if (q->is_drawn)
		sample(r, p);
	run_tell_end();
}

/* ---- the automatic choice ---- */

#define SAID_MAX 12 /* changes that are told; more are counted */

struct chooser {
	struct policy_auto state;
	void *memory;
	struct str said;
	const struct trace *trace;
};
static bool steer(void *ctx, size_t job, bool has_ended, int64_t estimate_us, int64_t now_us,
		  int64_t wait_us, struct queue_settings *s)
{
	struct chooser *c = ((struct watcher *)ctx)->chooser;
	char when[SVG_TIME_SIZE];
	if (has_ended) {
		int64_t size = c->trace->size_us[job];
		policy_ended(&c->state, job, now_us, size, wait_us + size);
		return false;
	}
	const struct replay_trace *r = &c->trace->replay;
	policy_arrived(&c->state, job, now_us, estimate_us,
		       r->request_of ? &r->requests[r->request_of[job]] : NULL);
	if (!policy_is_due(&c->state) || !policy_look(&c->state, now_us, c->memory))
		return false;
	struct queue_settings plain = queue_settings_of(c->state.current);
	s->policy = plain.policy;
	s->blocks = plain.blocks;
	s->quantum_us = MAX(1, (int64_t)(c->state.summary.mean_us / 20));
	svg_time_text((double)(now_us - c->trace->arrival_us[0]), when);
	if (c->state.changes <= SAID_MAX)
		str_addf(&c->said, "after %s %s: %s\n", when, queue_policy_name(s->policy),
			 c->state.why);
	return true;
}

static void chooser_init(struct chooser *c, const struct run_request *q,
			 const struct replay_settings *machine)
{
	const struct simulate_options *o = q->options;
	struct policy_settings s = { .machine = *machine,
				     .max_wait_us = o->max_wait_us,
				     .switch_us = o->switch_us,
				     .may_preempt = true };
	(void)policy_objective_find(o->objective ? o->objective : "wait", &s.objective);
	policy_init(&c->state, &s, QUEUE_FCFS, q->trace->arrival_us[0]);
	c->memory = aligned_alloc(64, (policy_size(&c->state) + 63) / 64 * 64);
	assert(c->memory);
	c->trace = q->trace;
	str_init(&c->said, 1u << 16);
}

static void chooser_end(struct chooser *c, struct run *r)
{
	if (c->state.changes > SAID_MAX)
		str_addf(&c->said, "and %u changes more\n", c->state.changes - SAID_MAX);
	if (c->state.changes == 0)
		str_addf(&c->said, "fcfs all the time%s%s\n", c->state.why[0] ? ": " : "",
			 c->state.why);
	r->said = str_take(&c->said);
	free(c->memory);
}

static struct queue_settings queue_settings_for(const struct run_request *q)
{
	const struct simulate_options *o = q->options;
	struct queue_settings s = queue_settings_of(q->policy);
	s.backfills = o->backfills;
	s.preempts = o->preempts;
	s.ageing = q->ageing;
	s.max_wait_us = o->max_wait_us;
	s.switch_us = o->switch_us;
	s.quantum_us = o->quantum_us;
	return s;
}

int run_policy(const struct run_request *q, struct run *ret, struct error *err)
{
	const struct machine *m = q->machine;
	struct run r = { .name = q->is_auto ? "auto" : queue_policy_name(q->policy) };
	struct chooser *chooser = q->is_auto ? xcalloc(1, sizeof *chooser) : NULL;
	struct watcher watcher = { &r, chooser };
	r.every = 1;
	struct estimates learned;
	size_t classes = MAX(q->trace->classes_count, 1);
	auto_free struct estimate_class *memory_of_classes =
		q->is_learned ? xcalloc(classes, sizeof(struct estimate_class)) : NULL;
	struct replay_settings s = {
		.queue = queue_settings_for(q),
		.servers = m->servers,
		.places = m->places,
		.places_count = m->places_count,
		.resources = m->resources_count,
		.resource_names = (const char *const *)m->names,
		.learned = q->is_learned ? &learned : NULL,
		.on_span =
			q->is_drawn && q->trace->replay.count <= RUN_DRAWN_MAX ? keep_span : NULL,
		.on_steer = chooser ? steer : NULL,
		.ctx = &watcher,
	};
	if (chooser)
		chooser_init(chooser, q, &s);
	if (q->is_learned)
		estimate_init(&learned, memory_of_classes, classes);
	/* Large blocks come zeroed from the kernel, and pages that no job reaches are never there. */
	char *block = xcalloc(replay_size(&q->trace->replay, &s) + 64, 1);
	struct replay *p = NULL;
	void *aligned = (void *)(((uintptr_t)block + 63) & ~(uintptr_t)63);
	int code = replay_init(aligned, &q->trace->replay, &s, &p, err);
	/* The machine and the needs have been checked: nothing is left to refuse. */
	assert(code == 0);
	if (q->is_drawn) {
		r.at_us = xcalloc(RUN_SAMPLES, sizeof *r.at_us);
		r.waiting = xcalloc(RUN_SAMPLES, sizeof *r.waiting);
	}
	step_through(q, p, &r);
	size_t n = q->trace->replay.count;
	if (s.on_span)
		r.waits = xmemdup(replay_waits(p), n * sizeof *r.waits);
	replay_finish(p, &r.result);
	if (q->is_drawn)
		keep_curve(&r, replay_waits(p), n);
	if (chooser)
		chooser_end(chooser, &r);
	free(chooser);
	free(block);
	*ret = r;
	return 0;
}
