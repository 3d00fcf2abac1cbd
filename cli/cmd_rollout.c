/* rollout: how an update gets on, back to an earlier one, again, what there was. */
#include "cli/command.h"
#include "cli/ready_wait.h"
#include "cli/request.h"
#include "cli/rollout_plan.h"
#include "cli/table.h"
#include "cli/targets.h"
#include "common/base/time_text.h"

#include <stdio.h>
#include <time.h>

#define TIMEOUT_US ((int64_t)600 * 1000000)
#define TEMPLATE   "spec.template.metadata.annotations"

extern const struct command command_rollout;

struct rollout {
	struct session *session;
	struct target target;
	const char *ns;
	char *label;
	json_t *object;
	struct ready_wait_options wait;
	bool watches;
	int64_t revision;
};

static int patch(const struct rollout *r, const json_t *body, const char *type, const char *done)
{
	AUTO_REPLY reply = { 0 };
	auto_free char *path = kind_path(&r->target.kind, r->ns, r->target.name, NULL);
	request_json(r->session, "PATCH", path, body, type, &reply);
	if (reply.code)
		return reply_explain(r->session, NULL, &reply);
	printf("%s %s\n", r->label, done);
	return 0;
}

static int status(const struct rollout *r)
{
	struct ready_target *t = xcalloc(1, sizeof *t);
	*t = (struct ready_target){ .kind = r->target.kind,
				    .ns = xstrdup(r->ns),
				    .name = xstrdup(r->target.name),
				    .generation =
					    json_int_or(r->object, "metadata.generation", 0) };
	struct ready_wait_options o = r->wait;
	if (!r->watches)
		o.timeout_us = 1000000;
	int code = ready_wait(r->session, t, 1, &o);
	ready_targets_free(t, 1);
	return code;
}

static int restart(const struct rollout *r)
{
	char now[TIME_TEXT_SIZE];
	time_format((int64_t)time(NULL) * 1000000, now);
	AUTO_JSON *body = json_object();
	json_t *annotations = json_pack("{s:s}", "kubectl.kubernetes.io/restartedAt", now);
	json_put(body, TEMPLATE, annotations);
	return patch(r, body, API_STRATEGIC_PATCH, "restarted");
}

static int set_paused(const struct rollout *r, bool is_paused)
{
	AUTO_JSON *body = json_object();
	json_put_bool(body, "spec.paused", is_paused);
	return patch(r, body, API_MERGE_PATCH, is_paused ? "paused" : "resumed");
}

static int hold(const struct rollout *r)
{
	return set_paused(r, true);
}

static int release(const struct rollout *r)
{
	return set_paused(r, false);
}

/* ---- revisions ---- */

static int read_sets(const struct rollout *r, json_t **ret)
{
	AUTO_REPLY reply = { 0 };
	struct kind k = kind_builtin("apps", "v1", "replicasets");
	auto_free char *path = kind_path(&k, r->ns, NULL, NULL);
	if (!streq(r->target.kind.kind, "Deployment")) {
		fprintf(stderr, "error: %s keep no revisions here; only deployments do\n",
			r->target.kind.resource);
		return EXIT_REFUSED;
	}
	request_json(r->session, "GET", path, NULL, NULL, &reply);
	if (reply.code)
		return reply_explain(r->session, NULL, &reply);
	*ret = rollout_revisions(json_object_get(reply.body, "items"),
				 json_str_or(r->object, "metadata.uid", ""));
	return 0;
}

static int history(const struct rollout *r)
{
	AUTO_JSON *sets = NULL;
	AUTO_TABLE t = { .columns = 3 };
	int code = read_sets(r, &sets);
	if (code)
		return code;
	table_add(&t, "REVISION");
	table_add(&t, "IMAGES");
	table_add(&t, "CHANGE-CAUSE");
	for (size_t i = 0; i < json_array_size(sets); i++) {
		const json_t *set = json_array_get(sets, i);
		const json_t *containers = json_dig(set, "spec.template.spec.containers");
		AUTO_STR images;
		str_init(&images, 65536);
		for (size_t k = 0; k < json_array_size(containers); k++)
			str_addf(&images, "%s%s", k ? "," : "",
				 json_str_or(json_array_get(containers, k), "image", ""));
		const char *cause = json_member_str(json_dig(set, "metadata.annotations"),
						    "kubernetes.io/change-cause");
		auto_free char *number = xasprintf("%lld", (long long)rollout_revision(set));
		table_add(&t, number);
		table_add(&t, images.data);
		table_add(&t, cause ? cause : "<none>");
	}
	table_print(&t);
	return 0;
}

static int undo(const struct rollout *r)
{
	AUTO_JSON *sets = NULL;
	struct error err;
	int code = read_sets(r, &sets);
	if (code)
		return code;
	if (json_bool_or(r->object, "spec.paused", false)) {
		fprintf(stderr, "error: %s is paused; `skiff rollout resume` first\n", r->label);
		return EXIT_FAILED;
	}
	AUTO_JSON *body = NULL;
	if (rollout_undo_patch(r->object, sets, r->revision, &body, &err) < 0)
		return error_explain(&err);
	if (!body) {
		printf("%s is at that revision\n", r->label);
		return 0;
	}
	return patch(r, body, API_JSON_PATCH, "rolled back");
}

static const struct {
	const char *name;
	int (*run)(const struct rollout *r);
} verbs[] = { { "status", status },   { "restart", restart }, { "undo", undo },
	      { "history", history }, { "pause", hold },     { "resume", release } };

static int on_target(struct rollout *r, const struct words *words, size_t verb)
{
	struct words names = *words;
	struct error err;
	AUTO_REPLY reply = { 0 };
	names.count--;
	memmove(names.at, names.at + 1, names.count * sizeof names.at[0]);
	if (target_read_one(r->session, &names, NULL, &r->target, &err) < 0)
		return error_explain(&err);
	auto_free char *path = kind_path(&r->target.kind, r->ns, r->target.name, NULL);
	auto_free char *label = kind_slash_name(&r->target.kind, r->target.name);
	request_json(r->session, "GET", path, NULL, NULL, &reply);
	if (reply.code)
		return reply_explain(r->session, NULL, &reply);
	if (!json_dig(reply.body, "spec.template")) {
		fprintf(stderr, "error: %s have no rollouts\n", r->target.kind.resource);
		return EXIT_REFUSED;
	}
	r->object = reply.body;
	r->label = label;
	return verbs[verb].run(r);
}

static int run(int argc, char **argv)
{
	struct rollout r = { .watches = true, .wait = { .timeout_us = TIMEOUT_US } };
	const struct option table[] = {
		{ .name = "timeout", .span_us = &r.wait.timeout_us },
		{ .name = "give-up", .span_us = &r.wait.give_up_us },
		{ .name = "watch", .letter = 'w', .flag = &r.watches },
		{ .name = "to-revision", .number = &r.revision },
	};
	struct arguments a = { 0 };
	AUTO_SESSION s = { 0 };
	size_t verb = 0;
	int code = command_parse(command_rollout.usage, argc, argv, table, ARRAY_LEN(table), &a);
	if (code)
		return code;
	while (verb < ARRAY_LEN(verbs) &&
	       (a.words.count < 2 || !streq(a.words.at[0], verbs[verb].name)))
		verb++;
	if (verb == ARRAY_LEN(verbs)) {
		fprintf(stderr, "usage: skiff %s\n", command_rollout.usage);
		return EXIT_REFUSED;
	}
	code = command_open(&a, &s);
	if (code)
		return code;
	r.session = &s;
	r.ns = command_namespace(&a, &s);
	return on_target(&r, &a.words, verb);
}

const struct command command_rollout = {
	.name = "rollout",
	.usage = "rollout status|undo|restart|history|pause|resume TYPE/NAME",
	.summary = "how an update gets on, and back again",
	.help = "  status   until it is done; --timeout 10m, --watch=false: how it is now\n"
		"  undo     to the revision before, or --to-revision N\n"
		"  restart  all pods anew, a few at a time\n"
		"  history  the revisions that are kept\n",
	.run = run,
};
