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
	str_addf(out, "{\"policy\": \"%s\", \"servers\": %u, \"n\": %zu, \"mean_wait_us\": ", r->name,
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
	str_addf(out, "%-15s %s\n%-15s %zu on %u %s\n", "policy", r->name, "jobs", x->count, servers,
		 servers == 1 ? "server" : "servers");
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

void report_table(const struct run *runs, size_t n, struct str *out)
{
	static const char *const heads[] = { "POLICY",	 "MEAN WAIT", "AGAINST FCFS", "MEDIAN",
					     "99 %",	 "LONGEST",   "RESPONSE",     "SLOWDOWN",
					     "PREEMPTED", "MAKESPAN", "USED" };
	AUTO_TABLE t = { .columns = ARRAY_LEN(heads) };
	double wait = least(runs, n, offsetof(struct replay_result, mean_wait_us));
	double half = least(runs, n, offsetof(struct replay_result, p50_wait_us));
	double tail = least(runs, n, offsetof(struct replay_result, p99_wait_us));
	double most = least(runs, n, offsetof(struct replay_result, max_wait_us));
	double whole = least(runs, n, offsetof(struct replay_result, mean_response_us));
	double slow = least(runs, n, offsetof(struct replay_result, mean_slowdown));
	for (size_t i = 0; i < ARRAY_LEN(heads); i++)
		table_add(&t, heads[i]);
	for (size_t i = 0; i < n; i++) {
		const struct replay_result *x = &runs[i].result;
		char text[32];
		table_add(&t, runs[i].name);
		cell_time(&t, x->mean_wait_us, wait);
		cell_ratio(&t, x->mean_wait_us, runs[0].result.mean_wait_us);
		cell_time(&t, x->p50_wait_us, half);
		cell_time(&t, x->p99_wait_us, tail);
		cell_time(&t, x->max_wait_us, most);
		cell_time(&t, x->mean_response_us, whole);
		int wrote = snprintf(text, sizeof text, "%.4g ×%s", x->mean_slowdown,
				     x->mean_slowdown <= slow * 1.0005 ? " *" : "");
		(void)wrote;
		table_add(&t, text);
		wrote = snprintf(text, sizeof text, "%llu", (unsigned long long)x->preemptions);
		table_add(&t, text);
		cell_time(&t, x->makespan_us, -1);
		wrote = snprintf(text, sizeof text, "%.1f %%", 100 * x->utilization);
		table_add(&t, text);
	}
	table_text(&t, out);
	str_add(out, "\n* the best of its column. A slowdown is response / the job's own time.\n");
}
