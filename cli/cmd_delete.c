/* delete: removes objects and waits until they are gone. */
#include "cli/apply_plan.h"
#include "cli/applying.h"
#include "cli/command.h"
#include "cli/manifests.h"
#include "cli/request.h"
#include "cli/targets.h"
#include "cli/until.h"

#include <stdio.h>

#define TIMEOUT_US ((int64_t)600 * 1000000)

struct delete_options {
	struct words files;
	bool is_recursive, waits, is_forced, all, ignores_missing, is_everywhere;
	const char *labels, *fields, *cascade;
	int64_t grace_s, timeout_us;
};

struct deleting {
	struct session *session;
	const struct delete_options *options;
	const char *ns;
	struct until_object *objects;
	size_t count;
};

static json_t *delete_options_body(const struct delete_options *o)
{
	json_t *body = json_pack("{s:s, s:s}", "apiVersion", "v1", "kind", "DeleteOptions");
	const char *policy = !o->cascade || streq(o->cascade, "background") ? "Background"
			     : streq(o->cascade, "foreground")              ? "Foreground"
									    : "Orphan";
	json_put_str(body, "propagationPolicy", policy);
	if (o->grace_s >= 0)
		json_put_int(body, "gracePeriodSeconds", o->grace_s);
	return body;
}

/* How the object came to be deleted: somebody named it, or it is one of those that are so and so. */
enum chosen { BY_NAME, BY_LIST };

static int delete_one(struct deleting *d, const struct kind *k, const char *ns, const char *name,
		      enum chosen chosen)
{
	AUTO_REPLY r = { 0 };
	AUTO_JSON *body = delete_options_body(d->options);
	auto_free char *path = kind_path(k, ns, name, NULL);
	auto_free char *label = kind_slash_name(k, name);
	request_json(d->session, "DELETE", path, body, NULL, &r);
	/* What was listed may go by itself: nobody said that it is there. */
	if (r.code == ERR_NOT_FOUND && (d->options->ignores_missing || chosen == BY_LIST))
		return 0;
	if (r.code)
		return reply_explain(d->session, NULL, &r);
	printf("%s %s\n", label, d->options->waits ? "is being deleted" : "deleted");
	fflush(stdout);
	/* A Status names it in its details, the object itself in its metadata. */
	const char *uid = json_str(r.body, "details.uid");
	if (!uid)
		uid = json_str(r.body, "metadata.uid");
	d->objects = xrealloc(d->objects, d->count + 1, sizeof *d->objects);
	d->objects[d->count++] = (struct until_object){ .kind = *k,
							.ns = k->is_namespaced ? xstrdup(ns) : NULL,
							.name = xstrdup(name),
							.uid = uid ? xstrdup(uid) : NULL };
	return 0;
}

static int delete_listed(struct deleting *d, const struct target *t)
{
	AUTO_REPLY r = { 0 };
	const struct delete_options *o = d->options;
	auto_free char *path =
		target_path(t, o->is_everywhere ? NULL : d->ns, o->labels, o->fields, NULL);
	int worst = 0;
	request_json(d->session, "GET", path, NULL, NULL, &r);
	if (r.code)
		return reply_explain(d->session, NULL, &r);
	const json_t *items = json_object_get(r.body, "items");
	for (size_t i = 0; i < json_array_size(items); i++) {
		const json_t *one = json_array_get(items, i);
		int code = delete_one(d, &t->kind, json_str_or(one, "metadata.namespace", ""),
				      json_str_or(one, "metadata.name", ""), BY_LIST);
		worst = MAX(worst, code);
	}
	return worst;
}

static int delete_words(struct deleting *d, const struct words *words)
{
	AUTO_TARGETS t = { 0 };
	struct error err;
	int worst = 0;
	if (targets_read(d->session, words, &t, &err) < 0)
		return error_explain(&err);
	for (size_t i = 0; i < t.count; i++) {
		if (!t.at[i].name && !d->options->labels && !d->options->fields &&
		    !d->options->all) {
			fprintf(stderr, "error: all %s? Name them, choose with -l, or say --all\n",
				t.at[i].kind.resource);
			return EXIT_REFUSED;
		}
		int code = t.at[i].name ? delete_one(d, &t.at[i].kind, d->ns, t.at[i].name, BY_NAME)
					: delete_listed(d, &t.at[i]);
		worst = MAX(worst, code);
	}
	return worst;
}

/* In the opposite of the order in which apply sends. */
static int delete_files(struct deleting *d)
{
	AUTO_MANIFESTS m = { 0 };
	struct error err;
	int worst = 0;
	if (manifests_read(&d->options->files, d->options->is_recursive, &m, &err) < 0)
		return error_explain(&err);
	const json_t **trees = xcalloc(m.count, sizeof *trees);
	size_t *order = xcalloc(m.count, sizeof *order);
	for (size_t i = 0; i < m.count; i++)
		trees[i] = m.at[i].tree;
	apply_order(trees, m.count, d->ns, order);
	for (size_t i = m.count; i-- > 0 && worst != EXIT_UNREACHABLE;) {
		struct applying a;
		const struct manifest *one = &m.at[order[i]];
		int code =
			applying_init(d->session, one->tree, d->ns, &a, &err) < 0
				? error_explain(&err)
				: delete_one(d, &a.kind, a.ns,
					     json_str_or(one->tree, "metadata.name", ""), BY_NAME);
		worst = MAX(worst, code);
	}
	free(trees);
	free(order);
	return worst;
}

static int wait_gone(struct deleting *d)
{
	struct error err;
	if (until_all(d->session, d->objects, d->count, d->options->timeout_us, until_gone, NULL,
		      NULL, &err) == 0)
		return 0;
	if (err.code == ERR_UNAVAILABLE)
		return error_explain(&err);
	for (size_t i = 0; i < d->count; i++)
		if (!d->objects[i].is_done)
			fprintf(stderr,
				"error: %s/%s is still there; `skiff describe %s/%s` says "
				"what it waits for\n",
				d->objects[i].kind.kind, d->objects[i].name,
				d->objects[i].kind.kind, d->objects[i].name);
	return EXIT_FAILED;
}

extern const struct command command_delete;

static int delete_with(const struct arguments *a, struct delete_options *o)
{
	AUTO_SESSION s = { 0 };
	if (o->is_forced && o->grace_s < 0)
		o->grace_s = 0;
	if (o->cascade && !streq(o->cascade, "background") && !streq(o->cascade, "foreground") &&
	    !streq(o->cascade, "orphan")) {
		fprintf(stderr, "error: --cascade is background, foreground or orphan, not '%s'\n",
			o->cascade);
		return EXIT_REFUSED;
	}
	int code = command_open(a, &s);
	if (code)
		return code;
	struct deleting d = { .session = &s, .options = o, .ns = command_namespace(a, &s) };
	code = o->files.count ? delete_files(&d) : delete_words(&d, &a->words);
	if (d.count == 0 && code == 0)
		fputs("nothing to delete\n", stderr);
	if (o->waits && code != EXIT_UNREACHABLE) {
		int waited = wait_gone(&d);
		code = MAX(code, waited);
	}
	until_objects_free(d.objects, d.count);
	return code;
}

static int run(int argc, char **argv)
{
	struct delete_options o = { .waits = true, .grace_s = -1, .timeout_us = TIMEOUT_US };
	const struct option table[] = {
		{ .name = "filename", .letter = 'f', .many = &o.files },
		{ .name = "recursive", .letter = 'R', .flag = &o.is_recursive },
		{ .name = "selector", .letter = 'l', .text = &o.labels },
		{ .name = "field-selector", .text = &o.fields },
		{ .name = "all", .flag = &o.all },
		{ .name = "all-namespaces", .letter = 'A', .flag = &o.is_everywhere },
		{ .name = "grace-period", .number = &o.grace_s },
		{ .name = "force", .flag = &o.is_forced },
		{ .name = "now", .flag = &o.is_forced },
		{ .name = "wait", .flag = &o.waits },
		{ .name = "timeout", .span_us = &o.timeout_us },
		{ .name = "cascade", .text = &o.cascade },
		{ .name = "ignore-not-found", .flag = &o.ignores_missing },
	};
	struct arguments a = { 0 };
	int code = command_parse(command_delete.usage, argc, argv, table, ARRAY_LEN(table), &a);
	return code ? code : delete_with(&a, &o);
}

const struct command command_delete = {
	.name = "delete",
	.usage = "delete TYPE NAME… | TYPE/NAME… | TYPE -l SEL | TYPE --all | -f FILE|DIR|-",
	.summary = "remove objects, dependents first, and wait until they are gone",
	.help = "  -f, -R             what these manifests name\n"
		"  -l app=web, --all  of a type\n"
		"  --wait=false       do not wait; --timeout 10m: not longer\n"
		"  --grace-period N   seconds that pods get to stop; --force: none\n"
		"  --cascade background|foreground|orphan   what becomes of what they own\n"
		"  --ignore-not-found\n",
	.run = run,
};
