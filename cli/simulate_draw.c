/* The drawing: how many wait over time, who waits how long, and of small traces a Gantt chart. */
#include "cli/simulate_run.h"
#include "cli/svg.h"

#include <math.h>
#include <stdio.h>

#define WIDTH     960.0
#define LEFT      64.0
#define HEIGHT    220.0
#define STRIP     70.0
#define STRIP_GAP 26.0

/* A strip a policy, all to one scale: on top of each other they would hide one another. */
static double draw_over_time(struct svg *s, const struct run *runs, size_t n, double y)
{
	struct svg_plot p = { .x = LEFT,
			      .y = y + 40,
			      .width = WIDTH - LEFT - 24,
			      .height = STRIP,
			      .across = { INFINITY, 0, false, SVG_TIME, NULL },
			      .up = { 0, 0, false, SVG_PLAIN, NULL } };
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < runs[i].samples; k++) {
			p.across.from = MIN(p.across.from, runs[i].at_us[k]);
			p.across.to = MAX(p.across.to, runs[i].at_us[k]);
			p.up.to = MAX(p.up.to, runs[i].waiting[k]);
		}
	p.up.to = MAX(1, p.up.to * 1.05);
	for (size_t i = 0; i < n; i++, p.y += STRIP + STRIP_GAP) {
		if (i + 1 == n)
			p.across.label = "time";
		svg_plot_frame(s, &p, i == 0 ? "Jobs waiting, over time" : "");
		svg_text(s, p.x + p.width - 4, p.y + 14, SVG_END, svg_series(i), runs[i].name);
		svg_plot_line(s, &p, runs[i].at_us, runs[i].waiting, runs[i].samples, true,
			      svg_series(i));
	}
	return p.y + 30;
}

/* Both axes are logarithmic: the tail is what differs. Who did not wait at all stands at the left. Of a
 * few jobs it is a plain count. */
static double draw_distribution(struct svg *s, const struct run *runs, size_t n, double y)
{
	bool is_log = runs[0].result.count > RUN_DRAWN_MAX;
	struct svg_plot p = { LEFT,
			      y + 40,
			      WIDTH - LEFT - 24,
			      HEIGHT,
			      { is_log ? INFINITY : 0, 0, is_log, SVG_TIME, "wait" },
			      { is_log ? INFINITY : 0, 1, is_log, SVG_FRACTION, NULL } };
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < runs[i].curve; k++) {
			if (runs[i].wait_us[k] >= 1)
				p.across.from = MIN(p.across.from, runs[i].wait_us[k]);
			p.across.to = MAX(p.across.to, runs[i].wait_us[k]);
			if (runs[i].above[k] > 0)
				p.up.from = MIN(p.up.from, runs[i].above[k]);
		}
	if (is_log)
		p.across.from = MAX(p.across.from, p.across.to / 1e7);
	svg_plot_frame(s, &p, "Share of jobs that wait longer than …");
	for (size_t i = 0; i < n; i++)
		svg_plot_line(s, &p, runs[i].wait_us, runs[i].above, runs[i].curve, true,
			      svg_series(i));
	return y + HEIGHT + 90;
}

static int64_t id_of(const struct trace *t, size_t job)
{
	return t->ids ? t->ids[job] : (int64_t)job + 1;
}

struct gantt {
	struct svg_span *spans;
	size_t n;
	char (*times)[SVG_TIME_SIZE]; /* how long each span is */
};

/* One job's row: thin while it waits, full while it runs. LAS by shares has no spans: all of it. */
static void add_row(struct gantt *g, const struct run *r, size_t colour, const struct trace *t,
		    size_t job)
{
	double at = (double)t->arrival_us[job];
	double end = at + r->waits[job] + (double)t->size_us[job];
	if (r->spans_count == 0) {
		g->spans[g->n++] =
			(struct svg_span){ job, at, end, svg_series(colour), "shares a server" };
		return;
	}
	for (size_t i = 0; i < r->spans_count; i++) {
		const struct run_span *x = &r->spans[i];
		double from = (double)x->from_us, to = (double)x->to_us;
		if (x->job != job)
			continue;
		if (from > at)
			g->spans[g->n++] = (struct svg_span){ job, at, from, SVG_MUTED, "waits" };
		svg_time_text(to - from, g->times[i]);
		g->spans[g->n++] =
			(struct svg_span){ job, from, to, svg_series(colour), g->times[i] };
		at = to;
	}
}

static double draw_gantt(struct svg *s, const struct run *r, size_t colour, const struct trace *t,
			 double y)
{
	size_t jobs = t->replay.count;
	struct gantt g = { .spans = xcalloc(jobs + 2 * r->spans_count, sizeof *g.spans),
			   .times = xcalloc(r->spans_count + 1, sizeof *g.times) };
	char(*names)[32] = xcalloc(jobs, sizeof *names);
	const char **rows = xcalloc(jobs, sizeof *rows);
	char heading[80];
	for (size_t i = 0; i < jobs; i++) {
		int wrote = snprintf(names[i], sizeof names[i], "job %lld", (long long)id_of(t, i));
		(void)wrote;
		rows[i] = names[i];
		add_row(&g, r, colour, t, i);
	}
	int wrote = snprintf(heading, sizeof heading, "%s: who runs when", r->name);
	(void)wrote;
	svg_heading(s, 12, y + 10, heading);
	double used = svg_gantt(s, 12, y + 22, WIDTH - 36, rows, jobs, g.spans, g.n);
	free(g.spans);
	free(g.times);
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
	double height = (double)shown * (STRIP + STRIP_GAP) + HEIGHT + 210;
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
