/* What a run comes to: JSON, a list, or a table of several policies. */
#include "cli/simulate_run.h"
#include "cli/svg.h"
#include "cli/table.h"

#include <math.h>
#include <stdio.h>

/* 17 digits bring a double back as it was; the shortest of them that do is what people read. */
static void add_double(struct str *out, double value)
{
	char text[32];
	for (int digits = 15; digits <= 17; digits++) {
		int n = snprintf(text, sizeof text, "%.*g", digits, value);
		(void)n;
		if (strtod(text, NULL) == value)
			break;
	}
	str_add(out, text);
	/* A mean stays a number with a fraction for readers that tell the two apart. */
	if (!strpbrk(text, ".e"))
		str_add(out, ".0");
}

static void add_time(struct str *out, double value)
{
	if (value == floor(value) && fabs(value) < 9e15)
		str_addf(out, "%lld", (long long)value);
	else
		add_double(out, value);
}

void report_json(const struct run *r, uint32_t servers, struct str *out)
{
	const struct replay_result *x = &r->result;
	str_addf(out,
		 "{\"policy\": \"%s\", \"servers\": %u, \"n\": %zu, \"mean_wait_us\": ", r->name,
		 servers, x->count);
	add_double(out, x->mean_wait_us);
	str_add(out, ", \"p99_wait_us\": ");
	add_time(out, x->p99_wait_us);
	str_add(out, ", \"max_wait_us\": ");
	add_time(out, x->max_wait_us);
	str_add(out, ", \"mean_response_us\": ");
	add_double(out, x->mean_response_us);
	str_add(out, ", \"mean_slowdown\": ");
	add_double(out, x->mean_slowdown);
	str_add(out, ", \"makespan_us\": ");
	add_time(out, x->makespan_us);
	str_add(out, ", \"utilization\": ");
	add_double(out, x->utilization);
	str_add_char(out, '}');
}

static void add_line(struct str *out, const char *name, double us)
{
	char text[SVG_TIME_SIZE];
	svg_time_text(us, text);
	str_addf(out, "%-15s %s\n", name, text);
}

void report_text(const struct run *r, uint32_t servers, struct str *out)
{
	const struct replay_result *x = &r->result;
	str_addf(out, "%-15s %s\n%-15s %zu on %u %s\n", "policy", r->name, "jobs", x->count,
		 servers, servers == 1 ? "server" : "servers");
	add_line(out, "mean wait", x->mean_wait_us);
	add_line(out, "median wait", x->p50_wait_us);
	add_line(out, "99 % wait up to", x->p99_wait_us);
	add_line(out, "longest wait", x->max_wait_us);
	add_line(out, "mean response", x->mean_response_us);
	str_addf(out, "%-15s %.2f × their own time\n", "mean slowdown", x->mean_slowdown);
	add_line(out, "makespan", x->makespan_us);
	str_addf(out, "%-15s %.1f %%\n", "utilization", 100 * x->utilization);
	if (x->preemptions)
		str_addf(out, "%-15s %llu\n", "preemptions", (unsigned long long)x->preemptions);
	if (x->missed)
		str_addf(out, "%-15s %zu\n", "late jobs", x->missed);
	if (r->said)
		str_addf(out, "\n%s\n", r->said);
}

static void cell_time(struct table *t, double us, double best)
{
	char text[SVG_TIME_SIZE + 8], time[SVG_TIME_SIZE];
	svg_time_text(us, time);
	/* The best of a column, and all that are as good to the eye, are marked. */
	int n = snprintf(text, sizeof text, "%s%s", time, us <= best * 1.0005 ? " *" : "");
	(void)n;
	table_add(t, text);
}

/* The least of a column; -1 where all are alike, so that none is marked. */
static double least(const struct run *runs, size_t n, size_t offset)
{
	double best = INFINITY, worst = -INFINITY;
	for (size_t i = 0; i < n; i++) {
		double x = *(const double *)(const void *)((const char *)&runs[i].result + offset);
		best = MIN(best, x);
		worst = MAX(worst, x);
	}
	return worst <= best * 1.0005 ? -1 : best;
}

static void cell_theory(struct table *t, double us)
{
	char time[SVG_TIME_SIZE];
	svg_time_text(us, time);
	table_add(t, isnan(us) ? "-" : isinf(us) ? "no bound" : time);
}

static void cell_ratio(struct table *t, double mine, double first)
{
	char text[32];
	int n = 0;
	if (first <= 0 || mine <= 0)
		n = snprintf(text, sizeof text, "-");
	else if (mine <= first)
		n = snprintf(text, sizeof text, "%.3g × less", first / mine);
	else
		n = snprintf(text, sizeof text, "%.3g × more", mine / first);
	(void)n;
	table_add(t, mine == first ? "the same" : text);
}

/* Does the policy change how long the whole takes? Not on one server. */
static bool is_makespan_same(const struct run *runs, size_t n)
{
	double first = runs[0].result.makespan_us;
	for (size_t i = 1; i < n; i++)
		if (fabs(runs[i].result.makespan_us - first) > first * 0.0005)
			return false;
	return true;
}

static void add_row(struct table *t, const struct run *r, const struct run *first,
		    const struct replay_result *best, bool has_makespan)
{
	const struct replay_result *x = &r->result;
	char text[32];
	table_add(t, r->name);
	cell_time(t, x->mean_wait_us, best->mean_wait_us);
	cell_theory(t, r->theory_us);
	cell_ratio(t, x->mean_wait_us, first->result.mean_wait_us);
	cell_time(t, x->p50_wait_us, best->p50_wait_us);
	cell_time(t, x->p99_wait_us, best->p99_wait_us);
	cell_time(t, x->max_wait_us, best->max_wait_us);
	int wrote = snprintf(text, sizeof text, "%.4g ×%s", x->mean_slowdown,
			     x->mean_slowdown <= best->mean_slowdown * 1.0005 ? " *" : "");
	(void)wrote;
	table_add(t, text);
	wrote = snprintf(text, sizeof text, "%llu", (unsigned long long)x->preemptions);
	table_add(t, text);
	if (!has_makespan)
		return;
	cell_time(t, x->makespan_us, best->makespan_us);
	wrote = snprintf(text, sizeof text, "%.1f %%", 100 * x->utilization);
	table_add(t, text);
}

#define LEAST(runs, n, member) least(runs, n, offsetof(struct replay_result, member))

void report_table(const struct run *runs, size_t n, struct str *out)
{
	static const char *const heads[] = { "POLICY",    "MEAN WAIT", "BY FORMULA", "AGAINST FCFS",
					     "MEDIAN",    "99 %",      "LONGEST",    "SLOWDOWN",
					     "PREEMPTED", "MAKESPAN",  "USED" };
	bool has_makespan = !is_makespan_same(runs, n);
	AUTO_TABLE t = { .columns = has_makespan ? ARRAY_LEN(heads) : ARRAY_LEN(heads) - 2 };
	struct replay_result best = { .mean_wait_us = LEAST(runs, n, mean_wait_us),
				      .p50_wait_us = LEAST(runs, n, p50_wait_us),
				      .p99_wait_us = LEAST(runs, n, p99_wait_us),
				      .max_wait_us = LEAST(runs, n, max_wait_us),
				      .mean_slowdown = LEAST(runs, n, mean_slowdown),
				      .makespan_us = LEAST(runs, n, makespan_us) };
	for (size_t i = 0; i < t.columns; i++)
		table_add(&t, heads[i]);
	for (size_t i = 0; i < n; i++)
		add_row(&t, &runs[i], &runs[0], &best, has_makespan);
	table_text(&t, out);
	str_add(out,
		"\n* the best of its column. SLOWDOWN: response / the job's own time. BY FORMULA:\n"
		"what queueing theory says of Poisson arrivals with these sizes "
		"(docs/queueing.md).\n");
}
