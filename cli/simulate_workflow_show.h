/*
 * simulate_workflow_show.h - a workflow that was played, for people, programs and browsers. Pure, but
 * for the file of the drawing.
 */
#pragma once

#include "cli/progress.h"
#include "cli/simulate_workflow_run.h"

#define WORKFLOW_ROWS_MAX 60 /* of a Gantt chart by steps; beyond it, by workers */

struct workflow_shown {
	const char *path;
	struct workflow_file file;
	int64_t *times_us; /* by step: what it took, retries and waits between included */
	struct workflow_graph *by_times; /* its ranks are by these, not by estimates */
	struct workflow_played played;
	uint32_t workers;
	uint32_t *critical; /* the longest way through what happened */
	size_t critical_count;
	bool *is_critical; /* by step */
};

/* Plays w->file on w->workers; errors name w->path and the line. The bars are the caller's to free. */
int workflow_shown_play(struct workflow_shown *w, uint64_t seed, struct arena *a,
			struct error *err) MUST_CHECK;
/* `columns` wide; bars of blocks (`is_terminal`) or of plain characters. */
void workflow_show_text(const struct workflow_shown *w, size_t columns, bool is_terminal,
			bool in_colour, struct str *out);
void workflow_show_json(const struct workflow_shown *w, struct str *out);
int workflow_show_svg(const struct workflow_shown *w, const char *path,
		      struct error *err) MUST_CHECK;

/* What both charts share. The rows of a chart: steps in order of their first start, or workers. */
struct workflow_rows {
	size_t count;
	bool by_worker;
	bool is_cut;    /* there are more workers than rows */
	size_t *of_bar; /* the row of each bar, or SIZE_MAX */
	const char **names;
};
void workflow_rows_make(const struct workflow_shown *w, struct arena *a, struct workflow_rows *ret);
bool workflow_is_critical(const struct workflow_shown *w, uint32_t step);
/* The end of the longest way and what the workers can do at best: no schedule is shorter. */
int64_t workflow_critical_us(const struct workflow_shown *w);
int64_t workflow_bound_us(const struct workflow_shown *w);
const char *workflow_result_text(enum workflow_result r);
