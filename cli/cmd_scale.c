/* scale: another number of replicas. */
#include "cli/command.h"
#include "cli/request.h"
#include "cli/targets.h"

#include <stdio.h>

extern const struct command command_scale;

static int scale_one(struct session *s, const struct target *t, const char *ns, int64_t replicas,
		     int64_t current)
{
	AUTO_REPLY r = { 0 };
	auto_free char *path = kind_path(&t->kind, ns, t->name, "scale");
	auto_free char *label = kind_slash_name(&t->kind, t->name);
	if (t->kind.schema && !t->kind.schema->has_scale) {
		fprintf(stderr, "error: %s cannot be scaled\n", t->kind.resource);
		return EXIT_REFUSED;
	}
	if (current >= 0) {
		AUTO_REPLY now = { 0 };
		request_json(s, "GET", path, NULL, NULL, &now);
		if (now.code)
			return reply_explain(s, NULL, &now);
		if (json_int_or(now.body, "spec.replicas", 0) != current) {
			fprintf(stderr, "error: %s has %lld replicas, not %lld\n", label,
				(long long)json_int_or(now.body, "spec.replicas", 0),
				(long long)current);
			return EXIT_FAILED;
		}
	}
	AUTO_JSON *patch = json_pack("{s:{s:I}}", "spec", "replicas", (json_int_t)replicas);
	request_json(s, "PATCH", path, patch, API_MERGE_PATCH, &r);
	if (r.code)
		return reply_explain(s, NULL, &r);
	printf("%s scaled to %lld\n", label, (long long)replicas);
	return 0;
}

static int run(int argc, char **argv)
{
	int64_t replicas = -1, current = -1;
	const struct option table[] = { { .name = "replicas", .number = &replicas },
					{ .name = "current-replicas", .number = &current } };
	struct arguments a = { 0 };
	AUTO_SESSION s = { 0 };
	AUTO_TARGETS t = { 0 };
	struct error err;
	int code = command_parse(command_scale.usage, argc, argv, table, ARRAY_LEN(table), &a);
	if (code == 0 && replicas < 0) {
		fprintf(stderr, "error: --replicas N says how many\n");
		code = EXIT_REFUSED;
	}
	if (code == 0)
		code = command_open(&a, &s);
	if (code)
		return code;
	if (targets_read(&s, &a.words, &t, &err) < 0)
		return error_explain(&err);
	for (size_t i = 0; i < t.count; i++) {
		if (!t.at[i].name) {
			fprintf(stderr, "error: which of the %s? TYPE/NAME\n",
				t.at[i].kind.resource);
			return EXIT_REFUSED;
		}
		int one = scale_one(&s, &t.at[i], command_namespace(&a, &s), replicas, current);
		code = MAX(code, one);
	}
	return code;
}

const struct command command_scale = {
	.name = "scale",
	.usage = "scale TYPE/NAME… --replicas N",
	.summary = "run another number of replicas",
	.help = "  --replicas N\n  --current-replicas N   only if it has so many now\n",
	.run = run,
};
