/* The drawing: how many wait over time, who waits how long, and of small traces a Gantt chart. */
#include "cli/simulate_run.h"
#include "cli/svg.h"

#include <math.h>
#include <stdio.h>

#define WIDTH  960.0
#define LEFT   64.0
#define HEIGHT 220.0

static double draw_over_time(struct svg *s, const struct run *runs, size_t n, double y)
{
	struct svg_plot p = { LEFT,
			      y + 40,
			      WIDTH - LEFT - 24,
			      HEIGHT,
			      { INFINITY, 0, false, SVG_TIME, "time" },
			      { 0, 0, false, SVG_PLAIN, NULL } };
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < runs[i].samples; k++) {
			p.across.from = MIN(p.across.from, runs[i].at_us[k]);
			p.across.to = MAX(p.across.to, runs[i].at_us[k]);
			p.up.to = MAX(p.up.to, runs[i].waiting[k]);
		}
	p.up.to = MAX(1, p.up.to * 1.05);
	svg_plot_frame(s, &p, "Jobs waiting, over time");
	for (size_t i = 0; i < n; i++)
		svg_plot_line(s, &p, runs[i].at_us, runs[i].waiting, runs[i].samples, true,
			      svg_series(i));
	return y + HEIGHT + 90;
}

/* Both axes are logarithmic: the tail is what differs. Who did not wait at all stands at the left. */
static double draw_distribution(struct svg *s, const struct run *runs, size_t n, double y)
{
	struct svg_plot p = { LEFT,
			      y + 40,
			      WIDTH - LEFT - 24,
			      HEIGHT,
			      { INFINITY, 0, true, SVG_TIME, "wait" },
			      { INFINITY, 1, true, SVG_FRACTION, NULL } };
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < runs[i].curve; k++) {
			if (runs[i].wait_us[k] >= 1)
				p.across.from = MIN(p.across.from, runs[i].wait_us[k]);
			p.across.to = MAX(p.across.to, runs[i].wait_us[k]);
			if (runs[i].above[k] > 0)
				p.up.from = MIN(p.up.from, runs[i].above[k]);
		}
	p.across.from = MAX(p.across.from, p.across.to / 1e7);
	svg_plot_frame(s, &p, "Share of jobs that wait longer than …");
	for (size_t i = 0; i < n; i++)
		svg_plot_line(s, &p, runs[i].wait_us, runs[i].above, runs[i].curve, false,
			      svg_series(i));
	return y + HEIGHT + 90;
}

static int64_t id_of(const struct trace *t, size_t job)
{
	return t->ids ? t->ids[job] : (int64_t)job + 1;
}

/* A row a job: pale while it waits, full while it runs. Shares of LAS have no spans: the whole time. */
static double draw_gantt(struct svg *s, const struct run *r, size_t colour, const struct trace *t,
			 double y)
{
	size_t jobs = t->replay.count, n = 0;
	struct svg_span *spans = xcalloc(jobs + r->spans_count, sizeof *spans);
	char(*names)[32] = xcalloc(jobs, sizeof *names);
	const char **rows = xcalloc(jobs, sizeof *rows);
	char heading[80];
	for (size_t i = 0; i < jobs; i++) {
		int wrote = snprintf(names[i], sizeof names[i], "job %lld", (long long)id_of(t, i));
		(void)wrote;
		rows[i] = names[i];
		double from = (double)t->arrival_us[i];
		double to = from + r->waits[i] + (double)t->size_us[i];
		spans[n++] = (struct svg_span){ i, from, to,
						r->spans_count ? SVG_MUTED : svg_series(colour),
						r->spans_count ? "waits" : "shares a server" };
	}
	for (size_t i = 0; i < r->spans_count; i++) {
		const struct run_span *x = &r->spans[i];
		spans[n++] = (struct svg_span){ x->job, (double)x->from_us, (double)x->to_us,
						svg_series(colour), "runs" };
	}
	int wrote = snprintf(heading, sizeof heading, "%s: who runs when", r->name);
	(void)wrote;
	svg_heading(s, 12, y + 10, heading);
	double used = svg_gantt(s, 12, y + 22, WIDTH - 36, rows, jobs, spans, n);
	free(spans);
	free(names);
	free(rows);
	return y + used + 40;
}

int draw_runs(const struct run *runs, size_t n, const struct trace *t, const char *path,
	      struct error *err)
{
	const char *names[SVG_SERIES];
	size_t shown = MIN(n, (size_t)SVG_SERIES), gantts = 0;
	for (size_t i = 0; i < shown; i++) {
		names[i] = runs[i].name;
		gantts += runs[i].waits != NULL;
	}
	double height = 2 * (HEIGHT + 90) + 50;
	if (gantts)
		height += (double)gantts * ((double)t->replay.count * SVG_GANTT_ROW + 80);
	AUTO_SVG s = { 0 };
	svg_init(&s, WIDTH, height, "Jobs and their waits, by policy");
	double y = 20 + svg_legend(&s, 12, 20, WIDTH - 24, names, shown);
	y = draw_over_time(&s, runs, shown, y);
	y = draw_distribution(&s, runs, shown, y);
	for (size_t i = 0; i < shown; i++)
		if (runs[i].waits)
			y = draw_gantt(&s, &runs[i], i, t, y);
	return svg_save(&s, path, err);
}
