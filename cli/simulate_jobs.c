/* skiff simulate on jobs: a trace read or drawn, one policy or all of them, and what comes of it. */
#include "cli/command.h"
#include "cli/simulate_run.h"
#include "cli/svg.h"
#include "common/plan/policy_auto.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

#define RUNS_MAX (QUEUE_POLICY_COUNT + 1)

enum estimates_kind { ESTIMATE_EXACT, ESTIMATE_USER, ESTIMATE_NOISY, ESTIMATE_LEARNED };

struct simulation {
	const struct simulate_options *o;
	struct trace trace;
	struct machine machine;
	enum estimates_kind estimates;
	double sigma, ageing;
};

static int read_estimate(struct simulation *s, struct error *err)
{
	const char *text = s->o->estimate ? s->o->estimate : "exact";
	char *end;
	if (streq(text, "exact")) {
		s->estimates = ESTIMATE_EXACT;
	} else if (streq(text, "user")) {
		s->estimates = ESTIMATE_USER;
	} else if (streq(text, "learned")) {
		s->estimates = ESTIMATE_LEARNED;
	} else if (starts_with(text, "noisy:")) {
		errno = 0;
		s->estimates = ESTIMATE_NOISY;
		s->sigma = strtod(text + 6, &end);
		if (end == text + 6 || *end || errno || !(s->sigma >= 0 && s->sigma <= 20))
			return error_set(err, ERR_INVALID,
					 "--estimate noisy:SIGMA: from 0 to 20, not '%s'",
					 text + 6);
	} else {
		return error_set(err, ERR_INVALID,
				 "--estimate is exact, user, noisy:SIGMA or learned, not '%s'",
				 text);
	}
	return 0;
}

static void tell_line(uint64_t line)
{
	run_tell("reading", line, 0);
}

static int read_ageing(struct simulation *s, struct error *err)
{
	char *end = NULL;
	if (!s->o->ageing)
		return 0;
	errno = 0;
	s->ageing = strtod(s->o->ageing, &end);
	if (end == s->o->ageing || *end || errno || !(s->ageing >= 0 && s->ageing <= 1000))
		return error_set(err, ERR_INVALID, "--ageing is a number from 0 to 1000, not '%s'",
				 s->o->ageing);
	return 0;
}

static int read_trace(struct simulation *s, struct error *err)
{
	const struct simulate_options *o = s->o;
	struct trace_form form = { .resources = (const char *const *)s->machine.names,
				   .resources_count = s->machine.resources_count,
				   .sorts = o->sorts,
				   .on_line = tell_line };
	if (o->trace && (o->arrivals || o->service))
		return error_set(err, ERR_INVALID, "either --trace, or --arrivals and --service");
	if (o->trace) {
		run_tell("reading", 0, 0);
		int code = trace_read(o->trace, &form, &s->trace, err);
		run_tell_end();
		return code;
	}
	if (!o->arrivals || !o->service)
		return error_set(err, ERR_INVALID,
				 "what runs? --trace FILE, or --arrivals poisson:RATE with "
				 "--service exp:RATE, or --workflow FILE");
	if (s->machine.places)
		return error_set(err, ERR_INVALID,
				 "drawn jobs take one server each: give --servers a number");
	int64_t n = o->jobs;
	if (n < 1 || n > TRACE_JOBS_MAX)
		return error_set(err, ERR_INVALID, "--jobs is 1 to %d", TRACE_JOBS_MAX);
	return trace_draw(o->arrivals, o->service, (size_t)n, (uint64_t)o->seed, &s->trace, err);
}

static int set_estimates(struct simulation *s, struct error *err)
{
	if (s->estimates == ESTIMATE_USER) {
		if (!s->trace.has_estimates)
			return error_set(err, ERR_INVALID,
					 "--estimate user: the trace has no column estimate_us");
		s->trace.replay.estimate_us = s->trace.estimate_us;
	}
	if (s->estimates == ESTIMATE_NOISY)
		trace_blur(&s->trace, s->sigma, (uint64_t)s->o->seed);
	return 0;
}

/* No job may wait for ever for a machine that is too small for it. */
static int check_needs(const struct simulation *s, struct error *err)
{
	const struct trace *t = &s->trace;
	struct replay_settings fits = { .servers = s->machine.servers,
					.places = s->machine.places,
					.places_count = s->machine.places_count,
					.resources = s->machine.resources_count };
	for (size_t i = 0; i < t->replay.requests_count; i++)
		if (!replay_can_start(&fits, &t->requests[i]) && !s->machine.places)
			return error_set(
				err, ERR_INVALID,
				"%s:%u: a job needs %lld servers, there are %u: give --servers",
				t->path, t->lines[i],
				(long long)t->requests[i].need[0] * MAX(1, t->requests[i].members),
				s->machine.servers);
		else if (!replay_can_start(&fits, &t->requests[i]))
			return error_set(err, ERR_INVALID,
					 "%s:%u: a job needs more than the nodes of --servers have",
					 t->path, t->lines[i]);
	return 0;
}

static int prepare(struct simulation *s, struct error *err)
{
	enum policy_objective objective;
	if (s->o->objective && !policy_objective_find(s->o->objective, &objective))
		return error_set(err, ERR_INVALID, "--objective is wait, slowdown or p99, not '%s'",
				 s->o->objective);
	if (machine_parse(s->o->servers, &s->machine, err) < 0 || read_estimate(s, err) < 0 ||
	    read_ageing(s, err) < 0 || read_trace(s, err) < 0)
		return err->code;
	if (!s->o->servers && s->trace.processors)
		s->machine.servers = (uint32_t)s->trace.processors;
	if (s->trace.leaves_out_memory && !s->o->is_json)
		fputs("note: cpu and memory count only with nodes: --servers 'cpu=4,memory=8Gi'\n",
		      stderr);
	if (s->trace.skipped && !s->o->is_json)
		fprintf(stderr, "note: %zu jobs that never ran are left out\n", s->trace.skipped);
	return check_needs(s, err) < 0 ? err->code : set_estimates(s, err);
}

static int run_one(const struct simulation *s, enum queue_policy policy, bool is_auto,
		   struct run *ret, struct error *err)
{
	struct run_request q = { .options = s->o,
				 .trace = &s->trace,
				 .machine = &s->machine,
				 .is_auto = is_auto,
				 .ageing = s->ageing,
				 .is_learned = s->estimates == ESTIMATE_LEARNED,
				 .policy = policy,
				 .is_drawn = s->o->svg != NULL };
	return run_policy(&q, ret, err);
}

/* Priority and EDF take part where the trace says something about them. */
static int run_all(const struct simulation *s, struct run *runs, size_t *ret_count,
		   struct error *err)
{
	for (int p = 0; p < QUEUE_POLICY_COUNT; p++) {
		if ((p == QUEUE_PRIORITY && !s->trace.priority) ||
		    (p == QUEUE_EDF && !s->trace.deadline_us))
			continue;
		if (run_one(s, (enum queue_policy)p, false, &runs[*ret_count], err) < 0)
			return err->code;
		(*ret_count)++;
	}
	return run_one(s, QUEUE_FCFS, true, &runs[(*ret_count)++], err);
}

static int run_asked(const struct simulation *s, struct run *runs, size_t *ret_count,
		     struct error *err)
{
	enum queue_policy policy = QUEUE_FCFS;
	const char *name = s->o->policy ? s->o->policy : "fcfs";
	if (s->o->is_compare)
		return run_all(s, runs, ret_count, err);
	bool is_auto = strcasecmp(name, "auto") == 0;
	if (!is_auto && !queue_policy_find(name, &policy))
		return error_set(
			err, ERR_INVALID,
			"there is no policy '%s': fcfs, sjf, srtf, las, priority, edf, auto", name);
	if (run_one(s, policy, is_auto, &runs[0], err) < 0)
		return err->code;
	*ret_count = 1;
	return 0;
}

static void report(const struct simulation *s, struct run *runs, size_t n)
{
	AUTO_STR out;
	uint32_t servers = s->machine.places ? s->machine.places_count : s->machine.servers;
	str_init(&out, 1u << 20);
	if (s->o->is_json) {
		for (size_t i = 0; i < n; i++) {
			str_add(&out, s->o->is_compare ? (i ? ",\n " : "[") : "");
			report_json(&runs[i], servers, &out);
		}
		str_add(&out, s->o->is_compare ? "]\n" : "\n");
	} else if (s->o->is_compare) {
		char span[SVG_TIME_SIZE];
		svg_time_text(runs[0].result.makespan_us, span);
		str_addf(&out, "%zu jobs on %u %s%s; fcfs takes %s, %.1f %% used\n\n",
			 s->trace.replay.count, servers, s->machine.places ? "node" : "server",
			 servers == 1 ? "" : "s", span, 100 * runs[0].result.utilization);
		theory_add(&s->trace, &s->machine, runs, n, &out);
		report_table(runs, n, &out);
		for (size_t i = 0; i < n; i++)
			if (runs[i].said)
				str_addf(&out, "\n%s: %s", runs[i].name, runs[i].said);
	} else {
		report_text(&runs[0], servers, &out);
	}
	fwrite(out.data, 1, out.len, stdout);
}

int simulate_jobs(const struct simulate_options *o)
{
	struct simulation s = { .o = o };
	struct run runs[RUNS_MAX] = { 0 };
	size_t n = 0;
	struct error err;
	int code = prepare(&s, &err);
	if (code == 0)
		code = run_asked(&s, runs, &n, &err);
	if (code == 0)
		report(&s, runs, n);
	if (code == 0 && o->svg)
		code = draw_runs(runs, n, &s.trace, o->svg, &err);
	for (size_t i = 0; i < RUNS_MAX; i++)
		run_fini(&runs[i]);
	trace_fini(&s.trace);
	machine_fini(&s.machine);
	if (code == 0)
		return EXIT_DONE;
	fprintf(stderr, "error: %s\n", err.text);
	return code == ERR_UNAVAILABLE ? EXIT_FAILED : EXIT_REFUSED;
}
