/* A played workflow as JSON and as a drawing. */
#include "cli/simulate_workflow_show.h"
#include "cli/svg.h"

#define DRAWING_WIDTH 1100

static void add_name(struct str *out, const struct workflow_shown *w, uint32_t step)
{
	const char *name = workflow_step_name(w->played.graph, step);
	str_add_json(out, name, strlen(name));
}

/* What an instance's attempts come to. */
struct span {
	int64_t from_us, to_us, work_us;
	uint32_t attempts;
};

static struct span *spans_of(const struct workflow_shown *w, const uint32_t *places, size_t count)
{
	struct span *spans = xcalloc(count + 1, sizeof *spans);
	for (size_t k = 0; k < w->played.bars_count; k++) {
		const struct workflow_bar *b = &w->played.bars[k];
		struct span *s = &spans[places[b->step] + b->index];
		if (s->attempts++ == 0)
			s->from_us = b->from_us;
		s->to_us = MAX(s->to_us, b->to_us);
		s->work_us += b->to_us - b->from_us;
	}
	return spans;
}

static void add_step(const struct workflow_shown *w, struct workflow_place p, const struct span *s,
		     struct str *out)
{
	AUTO_STR why;
	str_init(&why, 4096);
	workflow_explain(w->played.run, p, w->played.makespan_us, &why);
	str_add(out, "{\"name\": ");
	add_name(out, w, p.step);
	if (w->file.definition.steps[p.step].is_mapped)
		str_addf(out, ", \"index\": %u", p.index);
	str_addf(out, ", \"state\": \"%s\", \"why\": ",
		 workflow_state_name(workflow_state(w->played.run, p)));
	str_add_json(out, why.data, why.len);
	str_addf(out, ", \"attempts\": %u", s->attempts);
	if (s->attempts > 0)
		str_addf(out, ", \"start_us\": %lld, \"end_us\": %lld, \"work_us\": %lld",
			 (long long)s->from_us, (long long)s->to_us, (long long)s->work_us);
	str_add_char(out, '}');
}

static void add_steps(const struct workflow_shown *w, struct str *out)
{
	size_t steps = w->file.definition.steps_count, count = 0;
	auto_free uint32_t *places = xcalloc(steps + 1, sizeof *places);
	for (uint32_t s = 0; s < steps; s++) {
		places[s] = (uint32_t)count;
		count += workflow_instances(w->played.run, s);
	}
	auto_free struct span *spans = spans_of(w, places, count);
	const char *comma = "";
	for (uint32_t s = 0; s < steps; s++)
		for (uint32_t k = 0; k < workflow_instances(w->played.run, s); k++) {
			struct workflow_place p = { s, k };
			str_addf(out, "%s\n    ", comma);
			add_step(w, p, &spans[places[s] + k], out);
			comma = ",";
		}
}

void workflow_show_json(const struct workflow_shown *w, struct str *out)
{
	const struct workflow_played *p = &w->played;
	const char *name = w->file.name ? w->file.name : w->path;
	double all = (double)p->makespan_us * w->workers;
	str_add(out, "{\n  \"workflow\": ");
	str_add_json(out, name, strlen(name));
	str_addf(out, ",\n  \"workers\": %u,\n  \"n\": %zu,\n  \"result\": \"%s\",\n", w->workers,
		 w->file.definition.steps_count, workflow_result_text(p->result));
	str_addf(out,
		 "  \"makespan_us\": %lld,\n  \"lower_bound_us\": %lld,\n  \"work_us\": %lld,\n",
		 (long long)p->makespan_us, (long long)workflow_bound_us(w), (long long)p->work_us);
	str_addf(out, "  \"utilization\": %.17g,\n  \"critical_path_us\": %lld,\n",
		 all > 0 ? (double)p->work_us / all : 0.0, (long long)workflow_critical_us(w));
	str_add(out, "  \"critical_path\": [");
	for (size_t i = 0; i < w->critical_count; i++) {
		str_add(out, i ? ", " : "");
		add_name(out, w, w->critical[i]);
	}
	str_add(out, "],\n  \"steps\": [");
	add_steps(w, out);
	str_add(out, "\n  ]\n}\n");
}

/* ---- the drawing ---- */

static const char *tip_of(const struct workflow_shown *w, const struct workflow_bar *b,
			  struct arena *a)
{
	static const char *const ends[] = { "", ", failed", ", stopped", ", skipped", "" };
	char from[SVG_TIME_SIZE], time[SVG_TIME_SIZE];
	const char *name = workflow_step_name(w->played.graph, b->step);
	svg_time_text((double)b->from_us, from);
	svg_time_text((double)(b->to_us - b->from_us), time);
	return arena_format(a, "%s%s %s from %s%s", name,
			    b->attempt > 1 ? arena_format(a, " (attempt %u)", b->attempt) : "",
			    time, from, ends[b->end]);
}

static enum svg_ink ink_of(const struct workflow_shown *w, const struct workflow_bar *b)
{
	if (b->end == BAR_BAD || b->end == BAR_STOPPED)
		return SVG_WARN;
	if (b->worker == WORKFLOW_NONE)
		return SVG_MUTED;
	return (workflow_is_critical(w, b->step) ? SVG_SERIES_0 + 1 : SVG_SERIES_0);
}

static size_t make_spans(const struct workflow_shown *w, const struct workflow_rows *rows,
			 struct arena *a, struct svg_span *spans)
{
	size_t count = 0;
	for (size_t k = 0; k < w->played.bars_count; k++) {
		const struct workflow_bar *b = &w->played.bars[k];
		if (rows->of_bar[k] == SIZE_MAX)
			continue;
		spans[count++] = (struct svg_span){ .row = rows->of_bar[k],
						    .from_us = (double)b->from_us,
						    .to_us = (double)b->to_us,
						    .ink = ink_of(w, b),
						    .text = tip_of(w, b, a) };
	}
	return count;
}

static double add_summary(const struct workflow_shown *w, struct svg *s)
{
	AUTO_STR line;
	char makespan[SVG_TIME_SIZE], path[SVG_TIME_SIZE];
	str_init(&line, 4096);
	svg_time_text((double)w->played.makespan_us, makespan);
	svg_time_text((double)workflow_critical_us(w), path);
	svg_heading(s, 16, 28, w->file.name ? w->file.name : w->path);
	str_addf(&line, "%zu steps on %u worker%s, %s. Makespan %s, critical path %s.",
		 w->file.definition.steps_count, w->workers, w->workers == 1 ? "" : "s",
		 workflow_result_text(w->played.result), makespan, path);
	svg_text(s, 16, 50, SVG_START, SVG_MUTED, line.data);
	return 66;
}

static void add_legend(struct svg *s, double y)
{
	static const struct {
		enum svg_ink ink;
		const char *text;
	} marks[] = {
		{ SVG_SERIES_0, "runs" },
		{ SVG_SERIES_0 + 1, "on the critical path" },
		{ SVG_WARN, "failed or stopped" },
		{ SVG_MUTED, "waits for a condition" },
	};
	double x = 16;
	for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
		svg_bar(s, x, y - 9, 14, 10, marks[i].ink, NULL);
		svg_text(s, x + 20, y, SVG_START, SVG_INK, marks[i].text);
		x += 50 + 7.0 * (double)strlen(marks[i].text);
	}
}

int workflow_show_svg(const struct workflow_shown *w, const char *path, struct error *err)
{
	AUTO_ARENA a = { 0 };
	AUTO_SVG s = { 0 };
	struct workflow_rows rows;
	workflow_rows_make(w, &a, &rows);
	struct svg_span *spans = arena_alloc(&a, w->played.bars_count, sizeof *spans);
	size_t count = make_spans(w, &rows, &a, spans);
	double height = 66 + (double)rows.count * SVG_GANTT_ROW + 60;
	svg_init(&s, DRAWING_WIDTH, height, "Gantt chart of a workflow");
	double y = add_summary(w, &s);
	y += svg_gantt(&s, 16, y, DRAWING_WIDTH - 32, rows.names, rows.count, spans, count);
	add_legend(&s, y + 12);
	return svg_save(&s, path, err);
}
