/* apply: sends manifests in dependency order and, if asked, waits until all is ready. */
#include "cli/apply_plan.h"
#include "cli/applying.h"
#include "cli/command.h"
#include "cli/manifests.h"
#include "cli/ready_wait.h"
#include "cli/request.h"

#include <stdio.h>

#define TIMEOUT_US ((int64_t)300 * 1000000)

struct apply_options {
	struct words files;
	bool is_recursive, waits, is_quiet;
	const char *dry_run;
	struct ready_wait_options wait;
};

struct run {
	struct session *session;
	const struct apply_options *options;
	const char *ns;
	struct ready_target *targets;
	size_t targets_count;
};

static void remember(struct run *r, const struct applying *a, const json_t *object)
{
	struct ready_target *t = &r->targets[r->targets_count++];
	*t = (struct ready_target){ .kind = a->kind,
				    .ns = a->ns ? xstrdup(a->ns) : NULL,
				    .name = xstrdup(json_str_or(object, "metadata.name", "")),
				    .generation =
					    json_int_or(object, "metadata.generation", 0) };
}

static int apply_one(struct run *r, const struct manifest *m)
{
	static const char *const words[APPLIED_COUNT] = { "created", "configured", "unchanged" };
	struct applying a;
	struct error err;
	enum applied outcome;
	AUTO_JSON *object = NULL;
	if (applying_init(r->session, m->tree, r->ns, &a, &err) < 0) {
		(void)error_wrap(&err, "%s", m->source);
		return error_explain(&err);
	}
	a.is_dry_run = r->options->dry_run != NULL;
	int code = apply_object(r->session, &a, &outcome, &object);
	if (code) {
		fprintf(stderr, "  in %s\n", m->source);
		return code;
	}
	auto_free char *label =
		kind_slash_name(&a.kind, json_str_or(object, "metadata.name", "?"));
	if (!r->options->is_quiet)
		printf("%s %s%s\n", label, words[outcome],
		       a.is_dry_run ? " (dry run)" : "");
	fflush(stdout);
	remember(r, &a, object);
	return 0;
}

/* The worst exit code: unreachable ends it at once, a refusal does not keep others back. */
static int apply_all(struct run *r, const struct manifests *m)
{
	const json_t **trees = xcalloc(m->count, sizeof *trees);
	size_t *order = xcalloc(m->count, sizeof *order);
	int worst = 0;
	for (size_t i = 0; i < m->count; i++)
		trees[i] = m->at[i].tree;
	apply_order(trees, m->count, r->ns, order);
	for (size_t i = 0; i < m->count && worst != EXIT_UNREACHABLE; i++) {
		int code = apply_one(r, &m->at[order[i]]);
		worst = MAX(worst, code);
	}
	free(trees);
	free(order);
	return worst;
}

static int check(const struct apply_options *o, const struct arguments *a)
{
	if (o->dry_run && !streq(o->dry_run, "none") && !streq(o->dry_run, "server") &&
	    !streq(o->dry_run, "client")) {
		fprintf(stderr, "error: --dry-run is server or client, not '%s'\n", o->dry_run);
		return EXIT_REFUSED;
	}
	if (a->words.count > 0) {
		fprintf(stderr, "error: what is '%s'? Files are named with -f\n",
			a->words.at[0]);
		return EXIT_REFUSED;
	}
	return 0;
}

extern const struct command command_apply;

static int run(int argc, char **argv)
{
	struct apply_options o = { .wait = { .timeout_us = TIMEOUT_US } };
	const struct option table[] = {
		{ .name = "filename", .letter = 'f', .many = &o.files },
		{ .name = "recursive", .letter = 'R', .flag = &o.is_recursive },
		{ .name = "wait", .flag = &o.waits },
		{ .name = "timeout", .span_us = &o.wait.timeout_us },
		{ .name = "give-up", .span_us = &o.wait.give_up_us },
		{ .name = "quiet", .letter = 'q', .flag = &o.is_quiet },
		{ .name = "dry-run", .text = &o.dry_run },
	};
	struct arguments a = { 0 };
	struct error err;
	AUTO_SESSION s = { 0 };
	AUTO_MANIFESTS m = { 0 };
	int code = command_parse(command_apply.usage, argc, argv, table, ARRAY_LEN(table), &a);
	if (code == 0)
		code = check(&o, &a);
	if (code)
		return code;
	if (o.dry_run && streq(o.dry_run, "none"))
		o.dry_run = NULL;
	if (manifests_read(&o.files, o.is_recursive, &m, &err) < 0)
		return error_explain(&err);
	code = command_open(&a, &s);
	if (code)
		return code;
	struct run r = { .session = &s, .options = &o, .ns = command_namespace(&a, &s) };
	r.targets = xcalloc(m.count, sizeof *r.targets);
	code = apply_all(&r, &m);
	if (code == 0 && o.waits && !o.dry_run)
		code = ready_wait(&s, r.targets, r.targets_count, &o.wait);
	ready_targets_free(r.targets, r.targets_count);
	return code;
}

const struct command command_apply = {
	.name = "apply",
	.usage = "apply -f FILE|DIR|- [--wait] [--timeout 5m] [--dry-run=server]",
	.summary = "make the cluster hold what manifests say, in dependency order",
	.help = "  -f FILE|DIR|-   manifests; several times; -R takes folders below, too\n"
		"  --wait          until all of it is ready; shows how it gets there\n"
		"  --timeout 5m    how long --wait waits at most\n"
		"  --give-up 30s   --wait ends when for so long nothing moved and something is wrong\n"
		"  --dry-run=server  checks only\n"
		"\nExit code: 0 all is done (with --wait: ready), 1 something is not ready, and a line\n"
		"says why, 2 the server or we refused what is in the files, 3 no server.\n",
	.run = run,
};
