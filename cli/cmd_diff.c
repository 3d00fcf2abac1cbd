/* diff: what apply would change. */
#include "cli/apply_plan.h"
#include "cli/applying.h"
#include "cli/command.h"
#include "cli/files.h"
#include "cli/manifests.h"
#include "cli/progress.h"
#include "cli/request.h"

#include <stdio.h>

#define TEXT_MAX   (64u << 20)
#define TIMEOUT_MS 30000

extern const struct command command_diff;

/* What the server keeps for itself says nothing about the manifest. */
static void add_comparable(const json_t *object, struct str *out)
{
	AUTO_JSON *copy = object ? json_deep_copy(object) : NULL;
	static const char *const own[] = { "managedFields", "resourceVersion",   "generation",
					   "uid",           "creationTimestamp", "selfLink" };
	json_t *metadata = json_object_get(copy, "metadata");
	json_t *annotations = json_object_get(metadata, "annotations");
	if (!copy)
		return;
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		json_object_del(metadata, own[i]);
	json_object_del(copy, "status");
	json_object_del(annotations, LAST_APPLIED);
	if (annotations && json_object_size(annotations) == 0)
		json_object_del(metadata, "annotations");
	yaml_print(copy, out);
}

static void print_coloured(const char *text, bool in_colour)
{
	for (const char *line = text; *line;) {
		size_t n = strcspn(line, "\n");
		const char *colour = !in_colour     ? NULL
				     : *line == '+' ? "\033[32m"
				     : *line == '-' ? "\033[31m"
				     : *line == '@' ? "\033[36m"
						    : NULL;
		printf("%s%.*s%s\n", colour ? colour : "", (int)n, line, colour ? "\033[0m" : "");
		line += n + (line[n] == '\n');
	}
}

/* diff(1) knows how; 0: equal, 1: not. */
static int compare(const char *dir, const char *label, const struct str *before,
		   const struct str *after, struct error *err)
{
	auto_free char *a = xasprintf("%s/now", dir), *b = xasprintf("%s/then", dir);
	auto_free char *label_a = xasprintf("%s (now)", label);
	auto_free char *label_b = xasprintf("%s (after apply)", label);
	const char *const argv[] = { "diff",  "-u", "--label", label_a, "--label",
				     label_b, a,    b,         NULL };
	AUTO_STR out;
	int exit_code = 0;
	str_init(&out, TEXT_MAX);
	if (file_write(a, before->data, before->len, 0600, err) < 0 ||
	    file_write(b, after->data, after->len, 0600, err) < 0 ||
	    command_run(argv, &out, TIMEOUT_MS, &exit_code, err) < 0)
		return error_explain(err);
	if (exit_code > 1) {
		fprintf(stderr, "error: diff: %s\n", out.data);
		return EXIT_REFUSED;
	}
	print_coloured(out.data, terminal_has_colours(STDOUT_FILENO));
	return exit_code;
}

static int diff_one(struct session *s, const struct manifest *m, const char *ns, const char *dir)
{
	struct applying a;
	struct error err;
	enum applied outcome;
	AUTO_JSON *live = NULL, *then = NULL;
	AUTO_STR before, after;
	str_init(&before, TEXT_MAX);
	str_init(&after, TEXT_MAX);
	if (applying_init(s, m->tree, ns, &a, &err) < 0) {
		(void)error_wrap(&err, "%s", m->source);
		return error_explain(&err);
	}
	a.is_dry_run = true;
	int code = apply_read(s, &a, &live);
	if (code == 0)
		code = apply_object(s, &a, &outcome, &then);
	if (code)
		return MAX(code, EXIT_REFUSED); /* 1 is "there are differences" */
	add_comparable(live, &before);
	add_comparable(then, &after);
	if (str_check(&before, m->source, &err) < 0 || str_check(&after, m->source, &err) < 0)
		return error_explain(&err);
	auto_free char *label =
		kind_slash_name(&a.kind, json_str_or(m->tree, "metadata.name", "?"));
	return compare(dir, label, &before, &after, &err);
}

static int run(int argc, char **argv)
{
	struct words files = { .count = 0 };
	bool is_recursive = false;
	const struct option table[] = {
		{ .name = "filename", .letter = 'f', .many = &files },
		{ .name = "recursive", .letter = 'R', .flag = &is_recursive },
	};
	struct arguments a = { 0 };
	struct error err;
	AUTO_SESSION s = { 0 };
	AUTO_MANIFESTS m = { 0 };
	char dir[] = "/tmp/skiff-diff-XXXXXX";
	int code = command_parse(command_diff.usage, argc, argv, table, ARRAY_LEN(table), &a);
	if (code)
		return code;
	if (manifests_read(&files, is_recursive, &m, &err) < 0)
		return error_explain(&err);
	code = command_open(&a, &s);
	if (code)
		return code;
	if (!mkdtemp(dir)) {
		fputs("error: no temporary directory can be made in /tmp\n", stderr);
		return EXIT_REFUSED;
	}
	for (size_t i = 0; i < m.count && code != EXIT_UNREACHABLE; i++) {
		int one = diff_one(&s, &m.at[i], command_namespace(&a, &s), dir);
		code = MAX(code, one);
	}
	if (dir_remove(dir, &err) < 0)
		fprintf(stderr, "warning: %s\n", err.text);
	return code;
}

const struct command command_diff = {
	.name = "diff",
	.usage = "diff -f FILE|DIR|-",
	.summary = "what apply would change",
	.help = "Exit code: 0 nothing, 1 something, 2 refused, 3 no server.\n",
	.run = run,
};
