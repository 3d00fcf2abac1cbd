/* simulate: what a policy would have made of a trace, without a cluster. */
#include "cli/command.h"
#include "cli/options.h"
#include "cli/request.h"
#include "cli/simulate.h"

#include <stdio.h>

extern const struct command command_simulate;

static int check(const struct simulate_options *o, const struct arguments *a, struct error *err)
{
	if (a->words.count > 0)
		return error_set(err, ERR_INVALID, "what is '%s'? A trace is given by --trace FILE",
				 a->words.at[0]);
	if (o->is_compare && o->policy)
		return error_set(err, ERR_INVALID, "either --compare (all policies) or --policy");
	if (o->workflow && (o->trace || o->arrivals || o->service || o->is_compare || o->policy))
		return error_set(
			err, ERR_INVALID,
			"--workflow takes --servers, --seed, --json and --svg only: its steps "
			"start by critical path");
	return 0;
}

static int run(int argc, char **argv)
{
	struct simulate_options o = { .seed = 1, .jobs = 100000 };
	const struct option table[] = {
		{ .name = "trace", .text = &o.trace },
		{ .name = "arrivals", .text = &o.arrivals },
		{ .name = "service", .text = &o.service },
		{ .name = "workflow", .text = &o.workflow },
		{ .name = "servers", .text = &o.servers },
		{ .name = "policy", .text = &o.policy },
		{ .name = "estimate", .text = &o.estimate },
		{ .name = "objective", .text = &o.objective },
		{ .name = "jobs", .number = &o.jobs },
		{ .name = "seed", .number = &o.seed },
		{ .name = "ageing", .text = &o.ageing },
		{ .name = "max-wait", .span_us = &o.max_wait_us },
		{ .name = "switch-cost", .span_us = &o.switch_us },
		{ .name = "quantum", .span_us = &o.quantum_us },
		{ .name = "backfill", .flag = &o.backfills },
		{ .name = "preempt", .flag = &o.preempts },
		{ .name = "sort", .flag = &o.sorts },
		{ .name = "compare", .flag = &o.is_compare },
		{ .name = "json", .flag = &o.is_json },
		{ .name = "svg", .text = &o.svg },
	};
	struct arguments a = { 0 };
	struct error err;
	int code = command_parse(command_simulate.usage, argc, argv, table, ARRAY_LEN(table), &a);
	if (code)
		return code;
	if (check(&o, &a, &err) < 0) {
		fprintf(stderr, "error: %s\n", err.text);
		return EXIT_REFUSED;
	}
	return o.workflow ? simulate_workflow(&o) : simulate_jobs(&o);
}

const struct command command_simulate = {
	.name = "simulate",
	.usage = "simulate --trace FILE | --arrivals poisson:RATE --service LAW | "
		 "--workflow FILE",
	.summary = "what a scheduling policy would make of a trace of jobs; needs no cluster",
	.help = "  --trace FILE           SWF, or CSV: id,arrival_us,size_us (docs/queueing.md)\n"
		"  --arrivals poisson:λ   λ jobs a second, with\n"
		"  --service LAW          exp:μ, det:SECONDS, pareto:α,MIN,MAX; --jobs N, --seed N\n"
		"  --workflow FILE        a DAG of steps, in YAML (docs/workflows-and-cron.md)\n"
		"  --servers C            or nodes: 'cpu=4,memory=8Gi;3*cpu=2,memory=4Gi'\n"
		"  --policy P             fcfs, sjf, srtf, las, priority, edf, auto\n"
		"  --compare              all policies side by side\n"
		"  --estimate KIND        exact, user (from the trace), noisy:σ, learned\n"
		"  --backfill             EASY: others pass a blocked first job without delaying it\n"
		"  --preempt              priority and edf freeze what runs, as srtf and las do\n"
		"  --max-wait 10m         who waited longer goes first\n"
		"  --ageing A             a second waited counts as A seconds less to do\n"
		"  --quantum 1s           of las; without it, servers are shared equally\n"
		"  --switch-cost 5ms      what going on after a preemption costs\n"
		"  --objective O          of auto: wait, slowdown, p99\n"
		"  --sort                 the trace is not in order of arrival\n"
		"  --json, --svg FILE     for programs; a drawing\n",
	.run = run,
};
