/* get: shows objects, as the server's tables or whole, once or as they change. */
#include "cli/command.h"
#include "cli/output.h"
#include "cli/request.h"
#include "cli/table.h"
#include "cli/targets.h"

#include <stdio.h>

#define PAGE "limit=500"

struct get_options {
	const char *output, *labels, *fields;
	bool is_everywhere, watches, no_headers, shows_labels, ignores_missing;
};

struct get {
	struct session *session;
	const struct get_options *options;
	enum output_form form;
	const char *ns; /* NULL: all */
	bool has_many_kinds;
	bool has_shown; /* a table stands on the screen */
	/* of the kind in work */
	const struct target *target;
	struct table table;
	bool *is_hidden; /* by column; NULL: no head was shown yet */
	size_t server_columns;
	char *revision; /* of the list */
	size_t rows;
	json_t *items;   /* whole objects, all kinds */
	struct str line; /* of a watch */
};

/* ---- tables ---- */

static void start_table(struct get *g, const json_t *definitions)
{
	bool is_wide = g->form == OUTPUT_WIDE;
	size_t n = MIN(json_array_size(definitions), (size_t)TABLE_COLUMNS_MAX - 2);
	free(g->is_hidden);
	g->is_hidden = xcalloc(n + 1, sizeof *g->is_hidden);
	g->server_columns = n;
	table_fini(&g->table);
	bool with_namespace = !g->ns && g->target->kind.is_namespaced;
	g->table.columns = with_namespace + g->options->shows_labels;
	for (size_t i = 0; i < n; i++) {
		g->is_hidden[i] =
			!is_wide && json_int_or(json_array_get(definitions, i), "priority", 0) > 0;
		g->table.columns += !g->is_hidden[i];
	}
	if (g->options->no_headers || g->table.columns == 0)
		return;
	if (with_namespace)
		table_add(&g->table, "NAMESPACE");
	for (size_t i = 0; i < n; i++) {
		const char *name = json_str_or(json_array_get(definitions, i), "name", "");
		auto_free char *upper = xstrdup(name);
		for (char *p = upper; *p; p++)
			*p = (char)(*p >= 'a' && *p <= 'z' ? *p - 32 : *p);
		if (!g->is_hidden[i])
			table_add(&g->table, upper);
	}
	if (g->options->shows_labels)
		table_add(&g->table, "LABELS");
}

static void add_labels(struct get *g, const json_t *labels)
{
	AUTO_STR s;
	str_init(&s, 1u << 20);
	const char *name;
	json_t *value;
	json_object_foreach ((json_t *)(uintptr_t)labels, name, value) {
		const char *text = json_string_value(value);
		str_addf(&s, "%s%s=%s", s.len ? "," : "", name, text ? text : "");
	}
	table_add(&g->table, s.len ? s.data : "<none>");
}

static void add_row(struct get *g, const json_t *row)
{
	const json_t *cells = json_object_get(row, "cells"),
		     *object = json_object_get(row, "object");
	if (!g->ns && g->target->kind.is_namespaced)
		table_add(&g->table, json_str_or(object, "metadata.namespace", ""));
	for (size_t i = 0; i < g->server_columns; i++) {
		const json_t *cell = json_array_get(cells, i);
		const char *text = json_string_value(cell);
		if (g->is_hidden[i])
			continue;
		if (i == 0 && g->has_many_kinds && text) {
			auto_free char *named = kind_slash_name(&g->target->kind, text);
			table_add(&g->table, named);
		} else {
			table_add_json(&g->table, cell);
		}
	}
	if (g->options->shows_labels)
		add_labels(g, json_dig(object, "metadata.labels"));
	g->rows++;
}

static void add_table(struct get *g, const json_t *table)
{
	const json_t *rows = json_object_get(table, "rows");
	const json_t *definitions = json_object_get(table, "columnDefinitions");
	if (json_array_size(rows) > 0 && !g->is_hidden && json_array_size(definitions) > 0)
		start_table(g, definitions);
	for (size_t i = 0; g->is_hidden && i < json_array_size(rows); i++)
		add_row(g, json_array_get(rows, i));
}

/* ---- whole objects ---- */

static void add_objects(struct get *g, json_t *answer)
{
	const json_t *items = json_object_get(answer, "items");
	if (!json_is_array(items) || g->target->name) {
		json_array_append(g->items, answer);
		return;
	}
	const struct kind *k = &g->target->kind;
	auto_free char *version =
		*k->group ? xasprintf("%s/%s", k->group, k->version) : xstrdup(k->version);
	for (size_t i = 0; i < json_array_size(items); i++) {
		json_t *one = json_array_get(items, i);
		AUTO_JSON *whole = json_pack("{s:s, s:s}", "apiVersion", version, "kind", k->kind);
		json_object_update(whole, one);
		json_array_append(g->items, whole);
	}
}

static void add_answer(struct get *g, json_t *answer)
{
	if (output_is_table(g->form))
		add_table(g, answer);
	else
		add_objects(g, answer);
	const char *revision = json_str(answer, "metadata.resourceVersion");
	free(g->revision);
	g->revision = xstrdup(revision ? revision : "0");
}

/* ---- asking ---- */

static const char *accept(const struct get *g)
{
	return output_is_table(g->form) ? ACCEPT_TABLE : NULL;
}

static int list(struct get *g)
{
	auto_free char *next = NULL;
	do {
		AUTO_REPLY r = { 0 };
		AUTO_STR more;
		str_init(&more, 65536);
		str_add(&more, PAGE);
		if (next) {
			str_add(&more, "&continue=");
			str_add_urlencoded(&more, next);
		}
		auto_free char *path =
			target_path(g->target, g->ns, g->options->labels, g->options->fields,
				    g->target->name ? NULL : more.data);
		struct request q = { .method = "GET", .target = path, .accept = accept(g) };
		request_send(g->session, &q, &r);
		if (r.code == ERR_NOT_FOUND && g->options->ignores_missing)
			return 0;
		if (r.code)
			return reply_explain(g->session, NULL, &r);
		add_answer(g, r.body);
		const char *token = json_str(r.body, "metadata.continue");
		free(next);
		next = token && *token ? xstrdup(token) : NULL;
	} while (next);
	return 0;
}

/* ---- watching ---- */

static void show_event(struct get *g, json_t *event)
{
	json_t *object = json_object_get(event, "object");
	const char *type = json_str_or(event, "type", "");
	if (streq(type, "BOOKMARK") || streq(type, "ERROR")) {
		if (streq(type, "ERROR"))
			fprintf(stderr, "error: %s\n", json_str_or(object, "message", "refused"));
		return;
	}
	if (!output_is_table(g->form)) {
		output_object(g->form, g->options->output, &g->target->kind, object);
		return;
	}
	add_table(g, object);
	table_print(&g->table);
}

static void on_watch(void *ctx, const char *bytes, size_t n)
{
	struct get *g = ctx;
	struct error err;
	str_add_bytes(&g->line, bytes, n);
	if (!str_ok(&g->line)) {
		request_end(g->session);
		return;
	}
	for (char *end; (end = memchr(g->line.data, '\n', g->line.len)) != NULL;) {
		AUTO_JSON *event = NULL;
		size_t len = (size_t)(end - g->line.data);
		if (json_parse(g->line.data, len, &event, &err) == 0)
			show_event(g, event);
		str_consume(&g->line, len + 1);
	}
}

/* Until it is interrupted, or the server ends it (kubectl's ends then, too). */
static int watch(struct get *g)
{
	auto_free char *by_name =
		g->target->name ? xasprintf("metadata.name=%s", g->target->name) : NULL;
	struct target all = { .kind = g->target->kind };
	AUTO_REPLY r = { 0 };
	auto_free char *more = xasprintf("watch=true&resourceVersion=%s", g->revision);
	auto_free char *path = target_path(&all, g->ns, g->options->labels,
					   by_name ? by_name : g->options->fields, more);
	struct request q = { .method = "GET",
			     .target = path,
			     .accept = accept(g),
			     .timeout_ms = -1,
			     .data = on_watch,
			     .ctx = g };
	request_send(g->session, &q, &r);
	return r.code ? reply_explain(g->session, "watch", &r) : 0;
}

static int get_one(struct get *g, const struct target *t)
{
	g->target = t;
	g->rows = 0;
	free(g->is_hidden);
	g->is_hidden = NULL;
	int code = list(g);
	if (g->rows > 0 && g->has_shown)
		putchar('\n');
	if (g->rows > 0) {
		table_print(&g->table);
		g->has_shown = true;
	}
	return code;
}

static int show_whole(struct get *g, bool is_one)
{
	const struct get_options *o = g->options;
	if (is_one && json_array_size(g->items) == 1)
		return output_object(g->form, o->output, &g->target->kind,
				     json_array_get(g->items, 0));
	return output_list(g->form, o->output, g->items);
}

static int get_all(struct get *g, const struct targets *t)
{
	int worst = 0;
	for (size_t i = 0; i < t->count && worst != EXIT_UNREACHABLE; i++) {
		g->has_many_kinds =
			t->count > 1 && !streq(t->at[0].kind.kind, t->at[t->count - 1].kind.kind);
		int code = get_one(g, &t->at[i]);
		worst = MAX(worst, code);
	}
	if (!output_is_table(g->form) && (worst == 0 || json_array_size(g->items) > 0)) {
		int code = show_whole(g, t->count == 1 && t->at[0].name);
		worst = MAX(worst, code);
	} else if (!g->has_shown && worst == 0 && !g->options->watches) {
		fprintf(stderr,
			g->ns && t->at[0].kind.is_namespaced
				? "No resources found in namespace %s.\n"
				: "No resources found.\n",
			g->ns);
	}
	if (worst == 0 && g->options->watches)
		worst = watch(g);
	return worst;
}

extern const struct command command_get;

static int list_custom(void *ctx, const struct kind *k, const json_t *entry, struct error *err)
{
	struct table *t = ctx;
	const char *name =
		json_string_value(json_array_get(json_object_get(entry, "shortNames"), 0));
	(void)err;
	table_add(t, k->resource);
	table_add(t, name ? name : "");
	table_add(t, k->group);
	table_add(t, k->kind);
	return 0;
}

static int list_types(struct session *s)
{
	struct error err;
	AUTO_TABLE t = { .columns = 4 };
	static const char *const head[] = { "NAME", "SHORT", "GROUP", "KIND" };
	for (size_t i = 0; i < ARRAY_LEN(head); i++)
		table_add(&t, head[i]);
	for (size_t i = 0; i < schema_kinds_count(); i++) {
		const struct schema_kind *k = schema_kind_at(i);
		bool is_listed = false;
		for (size_t j = 0; k->verbs && k->verbs[j]; j++)
			is_listed |= streq(k->verbs[j], "list");
		if (!is_listed)
			continue;
		table_add(&t, k->resource);
		table_add(&t, k->short_names && k->short_names[0] ? k->short_names[0] : "");
		table_add(&t, k->group);
		table_add(&t, k->kind);
	}
	if (kinds_custom(s, list_custom, &t, &err) < 0)
		return error_explain(&err);
	table_print(&t);
	return 0;
}

static int get_with(struct session *s, const struct arguments *a, const struct get_options *o)
{
	struct error err;
	AUTO_TARGETS t = { 0 };
	struct get g = { .session = s, .options = o };
	g.ns = o->is_everywhere ? NULL : command_namespace(a, s);
	if (output_parse(o->output, &g.form, &err) < 0 || targets_read(s, &a->words, &t, &err) < 0)
		return error_explain(&err);
	if (o->watches && t.count != 1) {
		fputs("error: -w watches one type or one object\n", stderr);
		return EXIT_REFUSED;
	}
	g.items = json_array();
	str_init(&g.line, 16u << 20);
	int code = get_all(&g, &t);
	table_fini(&g.table);
	str_fini(&g.line);
	json_decref(g.items);
	free(g.is_hidden);
	free(g.revision);
	return code;
}

static int run(int argc, char **argv)
{
	struct get_options o = { 0 };
	const struct option table[] = {
		{ .name = "output", .letter = 'o', .text = &o.output },
		{ .name = "selector", .letter = 'l', .text = &o.labels },
		{ .name = "field-selector", .text = &o.fields },
		{ .name = "all-namespaces", .letter = 'A', .flag = &o.is_everywhere },
		{ .name = "watch", .letter = 'w', .flag = &o.watches },
		{ .name = "no-headers", .flag = &o.no_headers },
		{ .name = "show-labels", .flag = &o.shows_labels },
		{ .name = "ignore-not-found", .flag = &o.ignores_missing },
	};
	struct arguments a = { 0 };
	AUTO_SESSION s = { 0 };
	int code = command_parse(command_get.usage, argc, argv, table, ARRAY_LEN(table), &a);
	if (code == 0)
		code = command_open(&a, &s);
	if (code)
		return code;
	return a.words.count ? get_with(&s, &a, &o) : list_types(&s);
}

const struct command command_get = {
	.name = "get",
	.usage = "get TYPE[,TYPE] [NAME…] | TYPE/NAME… [-o wide|yaml|json|name] [-w] [-A] [-l SEL]",
	.summary = "show objects",
	.help = "  -o wide|yaml|json|name|jsonpath=TEXT   how\n"
		"  -w, --watch              and their changes, until interrupted\n"
		"  -A, --all-namespaces     of all namespaces\n"
		"  -l, --selector app=web   with these labels\n"
		"  --field-selector status.phase=Running\n"
		"  --show-labels, --no-headers, --ignore-not-found\n",
	.run = run,
};
