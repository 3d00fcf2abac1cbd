/* wait: until a condition, a value or an object's end. */
#include "cli/command.h"
#include "cli/jsonpath.h"
#include "cli/ready_plan.h"
#include "cli/request.h"
#include "cli/targets.h"
#include "cli/until.h"

#include <stdio.h>
#include <strings.h>

#define TIMEOUT_US ((int64_t)30 * 1000000)

struct wait_for {
	bool is_delete, is_create;
	char *condition, *path; /* one of them, or neither */
	char *value;            /* NULL with a path: anything */
};

extern const struct command command_wait;

static int parse_for(const char *text, struct wait_for *ret, struct error *err)
{
	if (streq(text, "delete") || streq(text, "create")) {
		ret->is_delete = streq(text, "delete");
		ret->is_create = !ret->is_delete;
		return 0;
	}
	if (starts_with(text, "condition=")) {
		text += strlen("condition=");
		size_t n = strcspn(text, "=");
		ret->condition = xstrndup(text, n);
		ret->value = xstrdup(text[n] ? text + n + 1 : "True");
		return 0;
	}
	if (starts_with(text, "jsonpath=")) {
		text += strlen("jsonpath=");
		const char *end = strrchr(text, '}');
		const char *equals = strchr(end ? end : text, '=');
		ret->path = equals ? xstrndup(text, (size_t)(equals - text)) : xstrdup(text);
		ret->value = equals ? xstrdup(equals + 1) : NULL;
		return 0;
	}
	return error_set(err, ERR_INVALID,
			 "--for is condition=NAME[=VALUE], delete, create or "
			 "jsonpath={PATH}[=VALUE], not '%s'",
			 text);
}

static bool condition_holds(const struct wait_for *f, const json_t *now)
{
	const json_t *list = json_dig(now, "status.conditions");
	if (json_int_or(now, "status.observedGeneration", INT64_MAX) <
	    json_int_or(now, "metadata.generation", 0))
		return false;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *c = json_array_get(list, i);
		if (strcasecmp(json_str_or(c, "type", ""), f->condition) == 0)
			return strcasecmp(json_str_or(c, "status", ""), f->value) == 0;
	}
	return false;
}

static bool holds(void *ctx, const struct until_object *o, const json_t *now)
{
	const struct wait_for *f = ctx;
	if (f->is_delete)
		return until_gone(NULL, o, now);
	if (!now || f->is_create)
		return now != NULL;
	if (f->condition)
		return condition_holds(f, now);
	struct error err;
	AUTO_STR text;
	str_init(&text, 1u << 20);
	if (jsonpath_print(f->path, now, &text, &err) < 0)
		return false;
	return f->value ? streq(text.data, f->value) : text.len > 0;
}

static void told(void *ctx, const struct until_object *o)
{
	const struct wait_for *f = ctx;
	auto_free char *label = kind_slash_name(&o->kind, o->name);
	printf("%s %s\n", label, f->is_delete ? "deleted" : "condition met");
	fflush(stdout);
}

struct chosen {
	struct until_object *at;
	size_t count;
};

static void choose(struct chosen *c, const struct kind *k, const char *ns, const char *name,
		   const char *uid)
{
	c->at = xrealloc(c->at, c->count + 1, sizeof *c->at);
	c->at[c->count++] = (struct until_object){ .kind = *k,
						   .ns = k->is_namespaced ? xstrdup(ns) : NULL,
						   .name = xstrdup(name),
						   .uid = uid ? xstrdup(uid) : NULL };
}

static int choose_target(struct session *s, const struct target *t, const char *ns,
			 const char *labels, const struct wait_for *f, struct chosen *c)
{
	AUTO_REPLY r = { 0 };
	if (t->name && (f->is_create || f->is_delete)) {
		choose(c, &t->kind, ns, t->name, NULL);
		return 0;
	}
	auto_free char *path = target_path(t, ns, t->name ? NULL : labels, NULL, NULL);
	request_json(s, "GET", path, NULL, NULL, &r);
	if (r.code)
		return reply_explain(s, NULL, &r);
	if (t->name) {
		choose(c, &t->kind, ns, t->name, NULL);
		return 0;
	}
	const json_t *items = json_object_get(r.body, "items");
	for (size_t i = 0; i < json_array_size(items); i++) {
		const json_t *one = json_array_get(items, i);
		choose(c, &t->kind, json_str_or(one, "metadata.namespace", ns),
		       json_str_or(one, "metadata.name", ""), json_str(one, "metadata.uid"));
	}
	return 0;
}

static int wait_with(struct session *s, const struct arguments *a, struct wait_for *f,
		     const char *labels, int64_t timeout_us)
{
	AUTO_TARGETS t = { 0 };
	struct error err;
	struct chosen c = { 0 };
	int code = 0;
	if (targets_read(s, &a->words, &t, &err) < 0)
		return error_explain(&err);
	for (size_t i = 0; i < t.count && code == 0; i++)
		code = choose_target(s, &t.at[i], command_namespace(a, s), labels, f, &c);
	if (code == 0 && c.count == 0 && !f->is_delete) {
		fputs("error: no matching resources found\n", stderr);
		code = EXIT_FAILED;
	}
	if (code == 0 && until_all(s, c.at, c.count, timeout_us, holds, told, f, &err) < 0) {
		code = EXIT_FAILED;
		for (size_t i = 0; err.code == ERR_LIMIT && i < c.count; i++)
			if (!c.at[i].is_done)
				fprintf(stderr,
					"error: timed out waiting for the condition on "
					"%s/%s; `skiff why %s/%s` may tell the reason\n",
					c.at[i].kind.resource, c.at[i].name, c.at[i].kind.kind,
					c.at[i].name);
		if (err.code != ERR_LIMIT)
			code = error_explain(&err);
	}
	until_objects_free(c.at, c.count);
	return code;
}

static int run(int argc, char **argv)
{
	const char *for_text = NULL, *labels = NULL;
	bool all = false;
	int64_t timeout_us = TIMEOUT_US;
	const struct option table[] = { { .name = "for", .text = &for_text },
					{ .name = "selector", .letter = 'l', .text = &labels },
					{ .name = "all", .flag = &all },
					{ .name = "timeout", .span_us = &timeout_us } };
	struct arguments a = { 0 };
	struct wait_for f = { 0 };
	struct error err;
	AUTO_SESSION s = { 0 };
	int code = command_parse(command_wait.usage, argc, argv, table, ARRAY_LEN(table), &a);
	if (code)
		return code;
	if (parse_for(for_text ? for_text : "", &f, &err) < 0)
		return error_explain(&err);
	code = command_reach(&a, &s);
	if (code == 0)
		code = wait_with(&s, &a, &f, labels, timeout_us);
	free(f.condition);
	free(f.path);
	free(f.value);
	return code;
}

const struct command command_wait = {
	.name = "wait",
	.usage = "wait TYPE/NAME… | TYPE -l SEL | TYPE --all --for=WHAT [--timeout 30s]",
	.summary = "until a condition holds, or an object is gone",
	.help = "  --for=condition=Available   or =False; the name's case does not matter\n"
		"  --for=delete                until it is gone; --for=create: until it is there\n"
		"  --for=jsonpath='{.status.phase}'=Running\n"
		"  --timeout 30s\n",
	.run = run,
};
