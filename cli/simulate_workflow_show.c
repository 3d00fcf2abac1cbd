#include "cli/simulate_workflow_show.h"

#include "cli/svg.h"

#include <stdio.h>

#define PATH_SHOWN_MAX 12
#define NAME_COLUMNS   28

/* ---- what the charts share ---- */

bool workflow_is_critical(const struct workflow_shown *w, uint32_t step)
{
	return w->is_critical[step];
}

int64_t workflow_critical_us(const struct workflow_shown *w)
{
	return w->critical_count > 0 ? workflow_rank_us(w->by_times, w->critical[0]) : 0;
}

int64_t workflow_bound_us(const struct workflow_shown *w)
{
	int64_t share_us = (w->played.work_us + w->workers - 1) / w->workers;
	return MAX(workflow_critical_us(w), share_us);
}

const char *workflow_result_text(enum workflow_result r)
{
	static const char *const texts[] = { "active", "succeeded", "failed", "timed out",
					     "cancelled" };
	assert(r < WORKFLOW_RESULT_COUNT);
	return texts[r];
}

static const char *row_name(const struct workflow_shown *w, const struct workflow_bar *b,
			    struct arena *a)
{
	const char *name = workflow_step_name(w->played.graph, b->step);
	if (!w->file.definition.steps[b->step].is_mapped)
		return name;
	return arena_format(a, "%s[%u]", name, b->index);
}

static void rows_by_step(const struct workflow_shown *w, struct arena *a, struct workflow_rows *ret)
{
	const struct workflow_bar *bars = w->played.bars;
	for (size_t k = 0; k < w->played.bars_count; k++) {
		size_t first = 0;
		while (bars[first].step != bars[k].step || bars[first].index != bars[k].index)
			first++;
		if (first < k) {
			ret->of_bar[k] = ret->of_bar[first];
			continue;
		}
		ret->of_bar[k] = ret->count;
		ret->names[ret->count++] = row_name(w, &bars[k], a);
	}
}

static void rows_by_worker(const struct workflow_shown *w, struct arena *a,
			   struct workflow_rows *ret)
{
	uint32_t used = 0;
	for (size_t k = 0; k < w->played.bars_count; k++)
		if (w->played.bars[k].worker != WORKFLOW_NONE)
			used = MAX(used, w->played.bars[k].worker + 1);
	ret->by_worker = true;
	ret->is_cut = used > WORKFLOW_ROWS_MAX;
	ret->count = MIN(used, (size_t)WORKFLOW_ROWS_MAX);
	for (size_t i = 0; i < ret->count; i++)
		ret->names[i] = arena_format(a, "worker %zu", i + 1);
	for (size_t k = 0; k < w->played.bars_count; k++) {
		uint32_t worker = w->played.bars[k].worker;
		ret->of_bar[k] = worker < ret->count ? worker : SIZE_MAX;
	}
}

void workflow_rows_make(const struct workflow_shown *w, struct arena *a, struct workflow_rows *ret)
{
	*ret = (struct workflow_rows){ 0 };
	ret->of_bar = arena_alloc(a, w->played.bars_count, sizeof *ret->of_bar);
	size_t room = MAX(MIN(w->played.bars_count, (size_t)WORKFLOW_ROWS_MAX * 4),
			  (size_t)WORKFLOW_ROWS_MAX);
	ret->names = arena_alloc(a, room, sizeof *ret->names);
	if (w->played.bars_count <= WORKFLOW_ROWS_MAX * 4)
		rows_by_step(w, a, ret);
	if (w->played.bars_count > WORKFLOW_ROWS_MAX * 4 || ret->count > WORKFLOW_ROWS_MAX) {
		ret->count = 0;
		rows_by_worker(w, a, ret);
	}
}

/* ---- text ---- */

static void add_time(struct str *out, int64_t us)
{
	char text[SVG_TIME_SIZE];
	svg_time_text((double)us, text);
	str_add(out, text);
}

static void add_line(struct str *out, const char *name, int64_t us, const char *note)
{
	char text[SVG_TIME_SIZE];
	svg_time_text((double)us, text);
	str_addf(out, *note ? "%-14s %-12s %s\n" : "%-14s %s%s\n", name, text, note);
}

static void add_path(const struct workflow_shown *w, struct str *out)
{
	str_addf(out, "%-14s ", "critical path");
	add_time(out, workflow_critical_us(w));
	str_add(out, ": ");
	for (size_t i = 0; i < w->critical_count; i++) {
		uint32_t step = w->critical[i];
		if (i == PATH_SHOWN_MAX && w->critical_count > PATH_SHOWN_MAX + 1) {
			str_addf(out, " → … %zu more", w->critical_count - i);
			break;
		}
		str_addf(out, "%s%s ", i ? " → " : "", workflow_step_name(w->played.graph, step));
		add_time(out, w->times_us[step]);
	}
	str_add_char(out, '\n');
}

/* How many ended how: "7 succeeded, 1 failed". */
static void add_states(const struct workflow_shown *w, struct str *out)
{
	size_t counts[WORKFLOW_STATE_COUNT] = { 0 };
	const char *comma = "";
	for (uint32_t s = 0; s < w->file.definition.steps_count; s++)
		for (uint32_t k = 0; k < workflow_instances(w->played.run, s); k++)
			counts[workflow_state(w->played.run, (struct workflow_place){ s, k })]++;
	for (int i = 0; i < WORKFLOW_STATE_COUNT; i++)
		if (counts[i] > 0) {
			str_addf(out, "%s%zu %s", comma, counts[i],
				 i == WORKFLOW_UPSTREAM_FAILED
					 ? "not run"
					 : workflow_state_name((enum workflow_state)i));
			comma = ", ";
		}
}

struct canvas {
	const struct workflow_shown *w;
	size_t names, columns; /* of the names, of the bars */
	bool is_terminal, in_colour;
	struct str *out;
};

static size_t column_of(const struct canvas *c, int64_t us)
{
	int64_t all_us = MAX(c->w->played.makespan_us, 1);
	return (size_t)((__int128)us * (int64_t)c->columns / all_us);
}

/* One character a column: '#' runs, '=' on the critical path, '!' fails, 'x' stopped, '~' waits. */
static void draw_row(const struct canvas *c, const struct workflow_rows *rows, size_t row,
		     char *cells)
{
	memset(cells, ' ', c->columns);
	for (size_t k = 0; k < c->w->played.bars_count; k++) {
		const struct workflow_bar *b = &c->w->played.bars[k];
		if (rows->of_bar[k] != row)
			continue;
		size_t from = MIN(column_of(c, b->from_us), c->columns - 1);
		size_t to = MAX(column_of(c, b->to_us), from + 1);
		bool is_waiting = b->worker == WORKFLOW_NONE;
		char mark = b->end == BAR_BAD                     ? '!'
			    : b->end == BAR_STOPPED               ? 'x'
			    : is_waiting                          ? '~'
			    : workflow_is_critical(c->w, b->step) ? '='
								  : '#';
		for (size_t i = from; i < MIN(to, c->columns); i++)
			cells[i] = mark;
		/* Where bars of a worker touch, a gap tells them apart. */
		if (rows->by_worker && from > 0 && to - from > 1 && cells[from - 1] != ' ')
			cells[from] = '|';
	}
}

static void add_cell(const struct canvas *c, char cell)
{
	static const struct {
		char cell;
		const char *block, *plain, *colour; /* plain: told apart without colours */
	} looks[] = {
		{ '#', "█", "█", "\033[34m" }, { '=', "█", "▓", "\033[33m" },
		{ '!', "█", "▞", "\033[31m" }, { 'x', "▒", "▒", "\033[31m" },
		{ '~', "░", "░", "\033[36m" }, { '|', "▌", "▌", "\033[34m" },
	};
	for (size_t i = 0; i < ARRAY_LEN(looks) && c->is_terminal; i++)
		if (looks[i].cell == cell) {
			if (c->in_colour)
				str_addf(c->out, "%s%s\033[0m", looks[i].colour, looks[i].block);
			else
				str_add(c->out, looks[i].plain);
			return;
		}
	str_add_char(c->out, cell);
}

static void add_rows(const struct canvas *c, const struct workflow_rows *rows)
{
	auto_free char *cells = xcalloc(c->columns, 1);
	for (size_t row = 0; row < rows->count; row++) {
		draw_row(c, rows, row, cells);
		size_t end = c->columns;
		while (end > 0 && cells[end - 1] == ' ')
			end--;
		str_addf(c->out, "%-*.*s", (int)c->names, (int)c->names - 1, rows->names[row]);
		for (size_t i = 0; i < end; i++)
			add_cell(c, cells[i]);
		str_add_char(c->out, '\n');
	}
	if (rows->is_cut)
		str_addf(c->out, "… and %zu more workers\n", c->w->workers - rows->count);
}

static void add_axis(const struct canvas *c)
{
	char text[SVG_TIME_SIZE];
	svg_time_text((double)c->w->played.makespan_us, text);
	int left = (int)(c->names + c->columns) - (int)strlen(text) - 1;
	str_addf(c->out, "%-*s%-*s%s\n", (int)c->names, "", MAX(left - (int)c->names, 2), "0",
		 text);
}

static void add_legend(const struct canvas *c)
{
	static const struct {
		char cell;
		const char *text;
	} marks[] = {
		{ '#', "runs" },    { '=', "on the critical path" },    { '!', "fails" },
		{ 'x', "stopped" }, { '~', "waits for its condition" },
	};
	bool is_used[128] = { 0 };
	const char *gap = "";
	for (size_t k = 0; k < c->w->played.bars_count; k++) {
		const struct workflow_bar *b = &c->w->played.bars[k];
		is_used[(size_t)(b->end == BAR_BAD                     ? '!'
				 : b->end == BAR_STOPPED               ? 'x'
				 : b->worker == WORKFLOW_NONE          ? '~'
				 : workflow_is_critical(c->w, b->step) ? '='
								       : '#')] = true;
	}
	for (size_t i = 0; i < ARRAY_LEN(marks); i++)
		if (is_used[(size_t)marks[i].cell]) {
			str_add(c->out, gap);
			add_cell(c, marks[i].cell);
			str_addf(c->out, " %s", marks[i].text);
			gap = "   ";
		}
	str_add_char(c->out, '\n');
}

void workflow_show_text(const struct workflow_shown *w, size_t columns, bool is_terminal,
			bool in_colour, struct str *out)
{
	AUTO_ARENA a = { 0 };
	struct workflow_rows rows;
	const struct workflow_played *p = &w->played;
	str_addf(out, "%s: %zu steps on %u worker%s, %s\n", w->file.name ? w->file.name : w->path,
		 w->file.definition.steps_count, w->workers, w->workers == 1 ? "" : "s",
		 workflow_result_text(p->result));
	add_line(out, "makespan", p->makespan_us,
		 p->makespan_us <= workflow_bound_us(w) ? "(no schedule is shorter)" : "");
	add_path(w, out);
	add_line(out, "work", p->work_us, "in all");
	if (p->makespan_us > 0)
		str_addf(out, "%-14s %.1f %%\n", "workers used",
			 100.0 * (double)p->work_us / (double)p->makespan_us / w->workers);
	str_addf(out, "%-14s ", "steps");
	add_states(w, out);
	str_add(out, "\n\n");
	workflow_rows_make(w, &a, &rows);
	size_t names = 4;
	for (size_t i = 0; i < rows.count; i++)
		names = MAX(names, MIN(strlen(rows.names[i]), (size_t)NAME_COLUMNS) + 2);
	columns = MAX(MIN(columns, (size_t)400), names + 20);
	struct canvas c = { w, names, columns - names - 1, is_terminal, in_colour, out };
	add_rows(&c, &rows);
	add_axis(&c);
	add_legend(&c);
}
