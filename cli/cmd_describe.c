/* describe: one object in full, for people: what it is, how it is, what happened to it. */
#include "cli/command.h"
#include "cli/describe.h"
#include "cli/events_print.h"
#include "cli/request.h"
#include "cli/table.h"
#include "cli/targets.h"

#include <stdio.h>
#include <time.h>

#define TEXT_MAX (64u << 20)

extern const struct command command_describe;

static void print_events(struct session *s, const struct kind *k, const char *ns, const char *name)
{
	AUTO_JSON *items = NULL;
	AUTO_STR fields;
	str_init(&fields, 8192);
	str_addf(&fields, "involvedObject.kind=%s,involvedObject.name=%s", k->kind, name);
	if (events_read(s, k->is_namespaced ? ns : NULL, fields.data, &items))
		return; /* said already; the object itself stands above */
	if (json_array_size(items) == 0) {
		puts("Events:             <none>");
		return;
	}
	puts("Events:");
	events_print(items, false, false, 2);
}

/* Where a Service leads. */
static void print_endpoints(struct session *s, const char *ns, const char *name)
{
	AUTO_REPLY r = { 0 };
	struct kind k = kind_builtin("", "v1", "endpoints");
	auto_free char *path = kind_path(&k, ns, name, NULL);
	request_json(s, "GET", path, NULL, NULL, &r);
	const json_t *subsets = json_object_get(r.body, "subsets");
	AUTO_STR text;
	str_init(&text, TEXT_MAX);
	for (size_t i = 0; i < json_array_size(subsets); i++) {
		const json_t *subset = json_array_get(subsets, i);
		const json_t *addresses = json_object_get(subset, "addresses");
		const json_t *ports = json_object_get(subset, "ports");
		for (size_t a = 0; a < json_array_size(addresses); a++)
			for (size_t p = 0; p < json_array_size(ports); p++)
				str_addf(&text, "%s%s:%lld", text.len ? ", " : "",
					 json_str_or(json_array_get(addresses, a), "ip", "?"),
					 (long long)json_int_or(json_array_get(ports, p), "port",
								0));
	}
	printf("Endpoints:          %s\n", text.len ? text.data : "<none>");
}

static void print_pods_of_node(struct session *s, const char *name)
{
	AUTO_REPLY r = { 0 };
	AUTO_TABLE t = { .columns = 3 };
	auto_free char *fields = xasprintf("spec.nodeName=%s", name);
	struct target pods = { .kind = kind_builtin("", "v1", "pods") };
	auto_free char *path = target_path(&pods, NULL, NULL, fields, NULL);
	request_json(s, "GET", path, NULL, NULL, &r);
	const json_t *items = json_object_get(r.body, "items");
	puts("Pods:");
	for (size_t i = 0; i < json_array_size(items); i++) {
		const json_t *pod = json_array_get(items, i);
		auto_free char *ns = xasprintf("  %s", json_str_or(pod, "metadata.namespace", ""));
		table_add(&t, ns);
		table_add(&t, json_str_or(pod, "metadata.name", ""));
		table_add(&t, json_str_or(pod, "status.phase", ""));
	}
	table_print(&t);
}

static void describe(struct session *s, const struct kind *k, const json_t *object)
{
	AUTO_STR out;
	str_init(&out, TEXT_MAX);
	const char *name = json_str_or(object, "metadata.name", "");
	const char *ns = json_str_or(object, "metadata.namespace", "");
	struct description d = { &out, (int64_t)time(NULL) };
	describe_head(&d, k->kind, object);
	describe_body(&d, k->kind, object);
	describe_conditions(&d, object);
	fputs(out.data, stdout);
	if (streq(k->kind, "Service"))
		print_endpoints(s, ns, name);
	if (streq(k->kind, "Node"))
		print_pods_of_node(s, name);
	print_events(s, k, ns, name);
}

static int describe_target(struct session *s, const struct target *t, const char *ns,
			   const char *labels, bool *is_first)
{
	AUTO_REPLY r = { 0 };
	auto_free char *path = target_path(t, ns, t->name ? NULL : labels, NULL, NULL);
	request_json(s, "GET", path, NULL, NULL, &r);
	if (r.code)
		return reply_explain(s, NULL, &r);
	const json_t *items = json_object_get(r.body, "items");
	size_t n = t->name ? 1 : json_array_size(items);
	for (size_t i = 0; i < n; i++) {
		if (!*is_first)
			puts("\n");
		*is_first = false;
		describe(s, &t->kind, t->name ? r.body : json_array_get(items, i));
	}
	return 0;
}

static int run(int argc, char **argv)
{
	const char *labels = NULL;
	bool is_everywhere = false, is_first = true;
	const struct option table[] = {
		{ .name = "selector", .letter = 'l', .text = &labels },
		{ .name = "all-namespaces", .letter = 'A', .flag = &is_everywhere },
	};
	struct arguments a = { 0 };
	struct error err;
	AUTO_SESSION s = { 0 };
	AUTO_TARGETS t = { 0 };
	int code = command_parse(command_describe.usage, argc, argv, table, ARRAY_LEN(table), &a);
	if (code == 0)
		code = command_open(&a, &s);
	if (code)
		return code;
	if (targets_read(&s, &a.words, &t, &err) < 0)
		return error_explain(&err);
	for (size_t i = 0; i < t.count && code != EXIT_UNREACHABLE; i++) {
		int one = describe_target(&s, &t.at[i],
					  is_everywhere ? NULL : command_namespace(&a, &s), labels,
					  &is_first);
		code = MAX(code, one);
	}
	if (code == 0 && is_first)
		fputs("No resources found.\n", stderr);
	return code;
}

const struct command command_describe = {
	.name = "describe",
	.usage = "describe TYPE [NAME…] | TYPE/NAME… [-l SEL]",
	.summary = "one object in full, with what happened to it",
	.run = run,
};
