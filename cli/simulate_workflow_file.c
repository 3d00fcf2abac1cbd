#include "cli/simulate_workflow_file.h"

#include "common/base/jsonx.h"
#include "common/base/time_text.h"
#include "schemas/schema.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#define SPAN_MAX_US (200ll * 86400 * 1000000)

struct reader {
	const char *name;
	struct yaml_lines lines;
	struct arena *a;
	struct error *err;
};

static int refuse(struct reader *r, size_t line, const char *fmt, ...) PRINTF_LIKE(3, 4);

static int refuse(struct reader *r, size_t line, const char *fmt, ...)
{
	char text[800];
	va_list args;
	va_start(args, fmt);
	int n = vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	return error_set(r->err, ERR_INVALID, "%s:%zu: %s", r->name, line, n < 0 ? "" : text);
}

/* Where a member stands, or what it stands in. */
static size_t line_of(const struct reader *r, const json_t *in, const json_t *member)
{
	size_t line = member ? yaml_line_of(&r->lines, member) : 0;
	if (line == 0)
		line = yaml_line_of(&r->lines, in);
	return MAX(line, (size_t)1);
}

/* ---- values; each takes the mapping and the key, and leaves *ret alone where the key is not ---- */

static int read_number(struct reader *r, const json_t *in, const char *key, double min, double max,
		       double *ret)
{
	const json_t *v = json_object_get(in, key);
	if (!v)
		return 0;
	double value = json_is_number(v) ? json_number_value(v) : NAN;
	if (!(value >= min && value <= max))
		return refuse(r, line_of(r, in, v), "%s: a number from %g to %g is wanted", key,
			      min, max);
	*ret = value;
	return 0;
}

static int read_count(struct reader *r, const json_t *in, const char *key, int64_t min, int64_t max,
		      uint32_t *ret)
{
	const json_t *v = json_object_get(in, key);
	if (!v)
		return 0;
	if (!json_is_integer(v) || json_integer_value(v) < min || json_integer_value(v) > max)
		return refuse(r, line_of(r, in, v),
			      "%s: a whole number from %lld to %lld is wanted", key, (long long)min,
			      (long long)max);
	*ret = (uint32_t)json_integer_value(v);
	return 0;
}

static int read_bool(struct reader *r, const json_t *in, const char *key, bool *ret)
{
	const json_t *v = json_object_get(in, key);
	if (!v)
		return 0;
	if (!json_is_boolean(v))
		return refuse(r, line_of(r, in, v), "%s: true or false is wanted", key);
	*ret = json_is_true(v);
	return 0;
}

static int read_text(struct reader *r, const json_t *in, const char *key, const char **ret)
{
	const json_t *v = json_object_get(in, key);
	if (!v)
		return 0;
	if (!json_is_string(v) || strlen(json_string_value(v)) != json_string_length(v))
		return refuse(r, line_of(r, in, v), "%s: a text is wanted%s", key,
			      json_is_boolean(v) ? " (y, n, yes, no, on and off need quotes)" : "");
	*ret = arena_text(r->a, json_string_value(v));
	return 0;
}

/* "90s", "1h30m", or seconds. */
static int read_span(struct reader *r, const json_t *in, const char *key, int64_t *ret)
{
	const json_t *v = json_object_get(in, key);
	int64_t us = -1;
	if (!v)
		return 0;
	if (json_is_string(v)) {
		if (!duration_parse(json_string_value(v), &us))
			us = -1;
	} else if (json_is_number(v)) {
		double seconds = json_number_value(v);
		us = seconds >= 0 && seconds < 1e11 ? (int64_t)llround(seconds * 1e6) : -1;
	}
	if (us < 0 || us > SPAN_MAX_US)
		return refuse(
			r, line_of(r, in, v),
			"%s: a time from 0 to 200 days is wanted, as in 90s, 1h30m, or 1.5 (seconds)",
			key);
	*ret = us;
	return 0;
}

/* A list of names, or one. */
static int read_names(struct reader *r, const json_t *in, const char *key, const char ***ret,
		      size_t *ret_count)
{
	const json_t *v = json_object_get(in, key);
	if (!v)
		return 0;
	size_t n = json_is_array(v) ? json_array_size(v) : 1;
	const char **names = arena_alloc(r->a, n, sizeof *names);
	for (size_t i = 0; i < n; i++) {
		const json_t *item = json_is_array(v) ? json_array_get(v, i) : v;
		if (!json_is_string(item))
			return refuse(
				r, line_of(r, v, item), "%s: a list of names is wanted%s", key,
				json_is_boolean(item) ? " (y, n, yes, no, on and off need quotes)"
						      : "");
		names[i] = arena_text(r->a, json_string_value(item));
	}
	*ret = names;
	*ret_count = n;
	return 0;
}

/* Only these keys. The list ends with NULL. */
static int check_keys(struct reader *r, const json_t *in, const char *what,
		      const char *const *known)
{
	const char *key;
	json_t *value;
	json_object_foreach ((json_t *)(uintptr_t)in, key, value) {
		bool is_known = false;
		AUTO_STR all;
		str_init(&all, 4096);
		for (size_t i = 0; known[i]; i++) {
			is_known |= streq(known[i], key);
			str_addf(&all, "%s%s", i ? ", " : "", known[i]);
		}
		if (!is_known)
			return refuse(r, line_of(r, in, value), "%s has no '%.60s'; it has: %s",
				      what, key, all.data);
	}
	return 0;
}

/* ---- a step ---- */

static int read_retries(struct reader *r, const json_t *in, struct workflow_retry *ret)
{
	static const char *const known[] = {
		"count", "delay", "factor", "maxDelay", "jitter", NULL
	};
	const json_t *v = json_object_get(in, "retries");
	if (!v)
		return 0;
	if (!json_is_object(v))
		return read_count(r, in, "retries", 0, WORKFLOW_RETRIES_MAX, &ret->count);
	if (check_keys(r, v, "retries", known) < 0 ||
	    read_count(r, v, "count", 0, WORKFLOW_RETRIES_MAX, &ret->count) < 0 ||
	    read_span(r, v, "delay", &ret->delay_us) < 0 ||
	    read_number(r, v, "factor", 1, 1000, &ret->factor) < 0 ||
	    read_span(r, v, "maxDelay", &ret->delay_max_us) < 0 ||
	    read_number(r, v, "jitter", 0, 1, &ret->jitter) < 0)
		return r->err->code;
	return 0;
}

static int read_sensor(struct reader *r, const json_t *in, struct workflow_step *s,
		       struct workflow_fate *f)
{
	static const char *const known[] = { "every", "after", "timeout", "softFail", NULL };
	const json_t *v = json_object_get(in, "sensor");
	if (!v)
		return 0;
	if (!json_is_object(v))
		return refuse(r, line_of(r, in, v),
			      "sensor: every, after, timeout and softFail are wanted");
	s->is_sensor = true;
	s->poke_us = 60000000;
	if (check_keys(r, v, "sensor", known) < 0 || read_span(r, v, "every", &s->poke_us) < 0 ||
	    read_span(r, v, "after", &f->time_us) < 0 ||
	    read_span(r, v, "timeout", &s->timeout_us) < 0 ||
	    read_bool(r, v, "softFail", &s->skips_late) < 0)
		return r->err->code;
	return 0;
}

static int read_trigger(struct reader *r, const json_t *in, struct workflow_step *s)
{
	const char *text = NULL;
	s->is_default_trigger = true;
	if (read_text(r, in, "trigger", &text) < 0)
		return r->err->code;
	if (!text)
		return 0;
	s->is_default_trigger = false;
	if (workflow_trigger_find(text, &s->trigger))
		return 0;
	AUTO_STR all;
	str_init(&all, 4096);
	for (int i = 0; i < WORKFLOW_TRIGGER_COUNT; i++)
		str_addf(&all, "%s%s", i ? ", " : "",
			 workflow_trigger_name((enum workflow_trigger)i));
	return refuse(r, line_of(r, in, json_object_get(in, "trigger")),
		      "trigger: there is no rule '%.60s'; there are: %s", text, all.data);
}

static int read_role(struct reader *r, const json_t *in, struct workflow_step *s)
{
	const char *text = NULL;
	if (read_text(r, in, "role", &text) < 0)
		return r->err->code;
	if (!text || streq(text, "work"))
		return 0;
	if (!streq(text, "setup") && !streq(text, "teardown"))
		return refuse(r, line_of(r, in, json_object_get(in, "role")),
			      "role: work, setup or teardown is wanted");
	s->role = streq(text, "setup") ? WORKFLOW_SETUP : WORKFLOW_TEARDOWN;
	return 0;
}

static int read_kind(struct reader *r, const json_t *in, struct workflow_step *s,
		     struct workflow_fate *f)
{
	s->is_branch = json_object_get(in, "branch") != NULL;
	s->is_mapped = json_object_get(in, "map") != NULL;
	if (read_trigger(r, in, s) < 0 || read_role(r, in, s) < 0 ||
	    read_names(r, in, "branch", &f->chosen, &f->chosen_count) < 0 ||
	    read_count(r, in, "map", 0, WORKFLOW_MAP_MAX, &f->items) < 0 ||
	    read_sensor(r, in, s, f) < 0)
		return r->err->code;
	if (s->is_sensor && (json_object_get(in, "time") || json_object_get(in, "timeout")))
		return refuse(r, line_of(r, in, NULL),
			      "step '%.60s': a sensor's times stand under `sensor`", s->name);
	if (!s->is_sensor && !json_object_get(in, "time"))
		return refuse(r, line_of(r, in, NULL), "step '%.60s' has no time", s->name);
	return 0;
}

static int read_step(struct reader *r, const json_t *in, const json_t *steps,
		     struct workflow_step *s, struct workflow_fate *f)
{
	static const char *const known[] = { "name",      "time",    "needs",  "trigger",
					     "retries",   "timeout", "pool",   "slots",
					     "priority",  "role",    "map",    "estimate",
					     "maxActive", "branch",  "fails",  "failsFirst",
					     "failsRun",  "skips",   "sensor", NULL };
	double priority = 0;
	const char **needs = NULL;
	if (!json_is_object(in))
		return refuse(r, line_of(r, steps, in), "a step is a mapping: name, time, needs …");
	s->line = line_of(r, in, NULL);
	if (check_keys(r, in, "a step", known) < 0 || read_text(r, in, "name", &s->name) < 0)
		return r->err->code;
	if (!s->name)
		return refuse(r, s->line, "a step has no name");
	if (read_kind(r, in, s, f) < 0 || read_span(r, in, "time", &f->time_us) < 0 ||
	    read_names(r, in, "needs", &needs, &s->needs_count) < 0 ||
	    read_retries(r, in, &s->retry) < 0 || read_span(r, in, "timeout", &s->timeout_us) < 0 ||
	    read_text(r, in, "pool", &s->pool) < 0 ||
	    read_count(r, in, "slots", 1, UINT32_MAX, &s->slots) < 0 ||
	    read_count(r, in, "maxActive", 1, UINT32_MAX, &s->active_max) < 0 ||
	    read_number(r, in, "priority", -1e6, 1e6, &priority) < 0 ||
	    read_number(r, in, "fails", 0, 1, &f->fails) < 0 ||
	    read_count(r, in, "failsFirst", 0, UINT32_MAX, &f->fails_first) < 0 ||
	    read_bool(r, in, "failsRun", &s->fails_run) < 0 ||
	    read_bool(r, in, "skips", &f->skips) < 0)
		return r->err->code;
	s->needs = needs;
	s->priority = (int32_t)priority;
	s->estimate_us = f->time_us;
	return read_span(r, in, "estimate", &s->estimate_us);
}

/* ---- the file ---- */

static int read_pools(struct reader *r, const json_t *top, struct workflow_definition *d)
{
	const json_t *pools = json_object_get(top, "pools");
	const char *key;
	json_t *value;
	if (!pools)
		return 0;
	if (!json_is_object(pools))
		return refuse(r, line_of(r, top, pools), "pools: NAME: SLOTS is wanted");
	struct workflow_pool *at = arena_alloc(r->a, json_object_size(pools), sizeof *at);
	json_object_foreach ((json_t *)(uintptr_t)pools, key, value) {
		struct workflow_pool *p = &at[d->pools_count++];
		p->name = arena_text(r->a, key);
		if (read_count(r, pools, key, 1, UINT32_MAX, &p->slots) < 0)
			return r->err->code;
	}
	d->pools = at;
	return 0;
}

static int read_steps(struct reader *r, const json_t *top, struct workflow_file *f)
{
	const json_t *steps = json_object_get(top, "steps");
	if (!json_is_array(steps) || json_array_size(steps) == 0)
		return refuse(
			r, line_of(r, top, steps),
			"steps: a list of at least one step is wanted (- name: build, time: 5s)");
	size_t n = json_array_size(steps);
	if (n > WORKFLOW_STEPS_MAX)
		return refuse(r, line_of(r, top, json_array_get(steps, WORKFLOW_STEPS_MAX)),
			      "more than %d steps", WORKFLOW_STEPS_MAX);
	struct workflow_step *at = arena_alloc(r->a, n, sizeof *at);
	struct workflow_fate *fates = arena_alloc(r->a, n, sizeof *fates);
	for (size_t i = 0; i < n; i++)
		if (read_step(r, json_array_get(steps, i), steps, &at[i], &fates[i]) < 0)
			return r->err->code;
	f->definition.steps = at;
	f->definition.steps_count = n;
	f->fates = fates;
	return 0;
}

static int read_top(struct reader *r, const json_t *top, struct workflow_file *f)
{
	static const char *const known[] = { "name",     "workers", "seed",  "timeout", "maxActive",
					     "failFast", "pools",   "steps", NULL };
	uint32_t seed = 0;
	if (!json_is_object(top))
		return refuse(r, 1, "a workflow is a mapping: steps, workers, pools …");
	f->has_seed = json_object_get(top, "seed") != NULL;
	if (check_keys(r, top, "a workflow", known) < 0 ||
	    read_text(r, top, "name", &f->name) < 0 ||
	    read_count(r, top, "workers", 1, 1000000, &f->workers) < 0 ||
	    read_count(r, top, "seed", 0, UINT32_MAX, &seed) < 0 ||
	    read_span(r, top, "timeout", &f->definition.timeout_us) < 0 ||
	    read_count(r, top, "maxActive", 1, UINT32_MAX, &f->definition.active_max) < 0 ||
	    read_bool(r, top, "failFast", &f->definition.fails_fast) < 0 ||
	    read_pools(r, top, &f->definition) < 0)
		return r->err->code;
	f->seed = seed;
	return read_steps(r, top, f);
}

static int read_documents(struct reader *r, const struct yaml_documents *all,
			  struct workflow_file *f)
{
	const struct yaml_document *first = NULL;
	for (size_t i = 0; i < all->count; i++) {
		if (!all->at[i].tree)
			continue;
		if (first)
			return refuse(r, all->at[i].line,
				      "a second document: one file is one workflow");
		first = &all->at[i];
	}
	if (!first)
		return refuse(r, 1, "the file is empty");
	if (first->problems_count > 0)
		return error_set(r->err, ERR_INVALID, "%s: %s", r->name, first->problems[0]);
	return read_top(r, first->tree, f);
}

int workflow_file_parse(const char *name, const char *text, size_t n, struct arena *a,
			struct workflow_file *ret, struct error *err)
{
	struct reader r = { .name = name, .a = a, .err = err };
	struct yaml_documents all = { 0 };
	struct workflow_file f = { .name = NULL };
	if (n > WORKFLOW_FILE_MAX)
		return error_set(err, ERR_LIMIT, "%s: larger than %u MiB", name,
				 WORKFLOW_FILE_MAX >> 20);
	int code = yaml_parse_lines(text, n, &all, &r.lines, err);
	if (code < 0)
		(void)error_wrap(err, "%s", name);
	else
		code = read_documents(&r, &all, &f);
	yaml_documents_fini(&all);
	yaml_lines_fini(&r.lines);
	if (code < 0)
		return code;
	*ret = f;
	return 0;
}
