/* simulate --workflow: a workflow's steps on workers. */
#include "cli/simulate.h"
#include "cli/command.h"
#include "cli/files.h"
#include "cli/request.h"
#include "cli/simulate_workflow_show.h"

#include <stdio.h>

/* ---- playing ---- */

/* "line 12: step …" of the plan becomes "FILE:12: step …". */
static int at_file(const char *path, struct error *err)
{
	struct error plain = *err;
	const char *text = plain.text;
	if (starts_with(text, "line "))
		return error_set(err, plain.code, "%s:%s", path, text + 5);
	return error_wrap(err, "%s", path);
}

static int graph_of(const struct workflow_shown *w, struct arena *a, struct workflow_graph **ret,
		    struct error *err)
{
	struct workflow_definition d = w->file.definition;
	d.active_max = d.active_max ? MIN(d.active_max, w->workers) : w->workers;
	if (workflow_graph_make(&d, a, ret, err) < 0)
		return at_file(w->path, err);
	return 0;
}

/* How long each step took, from its first start to its last end; of a mapped one the shortest of its
 * instances; 0 where it did not run. */
static void measure(struct workflow_shown *w, struct arena *a)
{
	size_t steps = w->file.definition.steps_count, count = 0;
	auto_free size_t *places = xcalloc(steps + 1, sizeof *places);
	for (uint32_t s = 0; s < steps; s++) {
		places[s] = count;
		count += workflow_instances(w->played.run, s);
	}
	auto_free int64_t *first_us = xcalloc(count + 1, sizeof *first_us);
	auto_free int64_t *last_us = xcalloc(count + 1, sizeof *last_us);
	for (size_t k = w->played.bars_count; k-- > 0;) {
		const struct workflow_bar *b = &w->played.bars[k];
		size_t place = places[b->step] + b->index;
		first_us[place] = b->from_us;
		last_us[place] = MAX(last_us[place], b->to_us);
	}
	w->times_us = arena_alloc(a, steps, sizeof *w->times_us);
	for (uint32_t s = 0; s < steps; s++)
		for (uint32_t k = 0; k < workflow_instances(w->played.run, s); k++) {
			int64_t us = last_us[places[s] + k] - first_us[places[s] + k];
			if (k == 0 || us < w->times_us[s])
				w->times_us[s] = us;
		}
}

static bool waits_for_all(enum workflow_trigger t)
{
	return t != WORKFLOW_ALWAYS && t != WORKFLOW_ONE_SUCCESS && t != WORKFLOW_ONE_FAILED &&
	       t != WORKFLOW_ONE_DONE;
}

/* The longest way through what happened. A step that did not run, or that does not wait for all its
 * parents, may be done before they are: no way leads through it, so no schedule is shorter. */
static int find_critical(struct workflow_shown *w, struct arena *a, struct error *err)
{
	struct workflow_definition d = w->file.definition;
	struct workflow_step *steps = arena_alloc(a, d.steps_count, sizeof *steps);
	auto_free bool *ran = xcalloc(d.steps_count + 1, sizeof *ran);
	for (size_t k = 0; k < w->played.bars_count; k++)
		ran[w->played.bars[k].step] = true;
	for (size_t i = 0; i < d.steps_count; i++) {
		steps[i] = d.steps[i];
		steps[i].estimate_us = w->times_us[i];
		if (!ran[i] || (!steps[i].is_default_trigger && !waits_for_all(steps[i].trigger)))
			steps[i].needs_count = 0;
	}
	d.steps = steps;
	if (workflow_graph_make(&d, a, &w->by_times, err) < 0)
		return at_file(w->path, err);
	w->critical = arena_alloc(a, d.steps_count, sizeof *w->critical);
	w->critical_count = workflow_critical_path(w->by_times, w->critical);
	/* What took no time at the end of the way is none of it, unless all took none. */
	while (w->critical_count > 1 && !ran[w->critical[w->critical_count - 1]])
		w->critical_count--;
	w->is_critical = arena_alloc(a, d.steps_count, sizeof *w->is_critical);
	for (size_t i = 0; i < w->critical_count; i++)
		w->is_critical[w->critical[i]] = true;
	return 0;
}

/* Branches name steps that need them; the plan would refuse it only when they have run. */
static int check_branches(const struct workflow_file *f, const struct workflow_graph *g,
			  const char *path, struct error *err)
{
	for (size_t s = 0; s < f->definition.steps_count; s++) {
		const struct workflow_step *step = &f->definition.steps[s];
		for (size_t k = 0; k < f->fates[s].chosen_count; k++) {
			const char *name = f->fates[s].chosen[k];
			uint32_t to = workflow_step_find(g, name);
			bool is_child = false;
			for (size_t n = 0;
			     to != WORKFLOW_NONE && n < f->definition.steps[to].needs_count; n++)
				is_child |= streq(f->definition.steps[to].needs[n], step->name);
			if (!is_child)
				return error_set(
					err, ERR_INVALID,
					"%s:%zu: step '%.100s': branch: '%.100s' is no step "
					"that needs it",
					path, step->line, step->name, name);
		}
	}
	return 0;
}

int workflow_shown_play(struct workflow_shown *w, uint64_t seed, struct arena *a, struct error *err)
{
	struct workflow_graph *g;
	if (graph_of(w, a, &g, err) < 0 || check_branches(&w->file, g, w->path, err) < 0)
		return err->code;
	if (workflow_play(&w->file, g, w->workers, seed, a, &w->played, err) < 0)
		return error_wrap(err, "%s", w->path);
	measure(w, a);
	return find_critical(w, a, err);
}

/* ---- the command ---- */

static int workers_of(const struct simulate_options *o, const struct workflow_file *f,
		      uint32_t *ret, struct error *err)
{
	int64_t count = f->workers ? f->workers : 1;
	if (o->servers && simulate_servers_count(o, &count, err) < 0)
		return err->code;
	if (count > 1000000)
		return error_set(err, ERR_INVALID, "--servers: at most 1000000 for a workflow");
	*ret = (uint32_t)count;
	return 0;
}

static int simulate(const struct simulate_options *o, struct arena *a, struct workflow_shown *w,
		    struct error *err)
{
	AUTO_STR text;
	str_init(&text, WORKFLOW_FILE_MAX + 1u);
	if (file_read(o->workflow, &text, err) < 0 ||
	    workflow_file_parse(o->workflow, text.data, text.len, a, &w->file, err) < 0 ||
	    workers_of(o, &w->file, &w->workers, err) < 0)
		return err->code;
	w->path = o->workflow;
	return workflow_shown_play(
		w, w->file.has_seed && o->seed == 1 ? w->file.seed : (uint64_t)o->seed, a, err);
}

int simulate_workflow(const struct simulate_options *o)
{
	AUTO_ARENA a = { 0 };
	struct workflow_shown w = { 0 };
	struct error err;
	if (simulate(o, &a, &w, &err) < 0) {
		fprintf(stderr, "error: %s\n", err.text);
		return EXIT_REFUSED;
	}
	AUTO_STR out;
	str_init(&out, 1u << 30);
	size_t columns = 80, rows;
	bool is_terminal = terminal_size(STDOUT_FILENO, &columns, &rows);
	if (o->is_json)
		workflow_show_json(&w, &out);
	else
		workflow_show_text(&w, columns, is_terminal, terminal_has_colours(STDOUT_FILENO),
				   &out);
	fputs(out.data, stdout);
	int code = EXIT_DONE;
	if (o->svg && workflow_show_svg(&w, o->svg, &err) < 0) {
		fprintf(stderr, "error: %s\n", err.text);
		code = EXIT_FAILED;
	}
	free(w.played.bars);
	return code;
}
