/* What the trace is like (λ, mean size, C², ρ), and what the M/G/1 formulas say of it. */
#include "cli/simulate_run.h"
#include "cli/svg.h"
#include "common/plan/predict.h"

#include <math.h>
#include <stdio.h>

#define JOBS_LEAST 100    /* fewer have no law worth the name */
#define JOBS_MOST  200000 /* of more, every n-th stands for all */

static int compare_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double theory_of(const char *policy, const struct predict_law *l, double rate)
{
	static const struct {
		const char *name;
		enum predict_policy policy;
	} rows[] = { { "fcfs", PREDICT_FCFS },
		     { "sjf", PREDICT_SJF },
		     { "srtf", PREDICT_SRPT },
		     { "las", PREDICT_LAS } };
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (streq(policy, rows[i].name))
			return predict_wait(rows[i].policy, l, rate);
	return NAN;
}

/* The mean number of jobs present, by Little's law from the two things measured: λ and the response. */
static void describe(const struct trace *t, const struct run *first, const struct predict_law *l,
		     double rate, uint32_t servers, struct str *out)
{
	char mean[SVG_TIME_SIZE], wait[SVG_TIME_SIZE];
	double gaps = 0, squares = 0, n = (double)t->replay.count - 1;
	for (size_t i = 1; i < t->replay.count; i++) {
		double gap = (double)(t->arrival_us[i] - t->arrival_us[i - 1]);
		gaps += gap;
		squares += gap * gap;
	}
	svg_time_text(predict_mean(l), mean);
	str_addf(out,
		 "arrivals  λ = %.4g a second, C² of the gaps %.2f (Poisson: 1)\n"
		 "sizes     mean %s, C² = %.2f\n"
		 "load      ρ = %.2f; under fcfs %.3g jobs are present on average "
		 "(Little: λ · response)\n",
		 rate * 1e6, squares / n / (gaps / n * gaps / n) - 1, mean, predict_variation(l),
		 first->result.utilization, rate * first->result.mean_response_us);
	if (servers == 1) {
		svg_time_text(predict_wait(PREDICT_PS, l, rate), wait);
		str_addf(
			out,
			"sharing   one server for all at once (PS): a mean wait of %s by formula\n",
			isfinite(predict_wait(PREDICT_PS, l, rate)) ? wait : "no bound");
	}
	str_add_char(out, '\n');
}

void theory_add(const struct trace *t, const struct machine *m, struct run *runs, size_t n,
		struct str *out)
{
	size_t jobs = t->replay.count, every = jobs / JOBS_MOST + 1, count = (jobs - 1) / every + 1;
	double span = (double)(t->arrival_us[jobs - 1] - t->arrival_us[0]);
	for (size_t i = 0; i < n; i++)
		runs[i].theory_us = NAN;
	if (jobs < JOBS_LEAST || span <= 0 || m->places || t->replay.request_of)
		return;
	double *sizes = xcalloc(count, sizeof *sizes), *chances = xcalloc(count, sizeof *chances);
	for (size_t i = 0; i < count; i++)
		sizes[i] = (double)t->size_us[i * every];
	qsort(sizes, count, sizeof *sizes, compare_double);
	struct predict_law law = predict_measured(sizes, chances, count);
	double rate = (double)(jobs - 1) / span;
	describe(t, &runs[0], &law, rate, m->servers, out);
	for (size_t i = 0; i < n && m->servers == 1; i++)
		runs[i].theory_us = theory_of(runs[i].name, &law, rate);
	/* Of several servers there is a formula for exponential sizes alone. */
	if (m->servers > 1 && fabs(predict_variation(&law) - 1) < 0.1)
		runs[0].theory_us = predict_wait_of_many(m->servers, rate, predict_mean(&law));
	free(sizes);
	free(chances);
}
