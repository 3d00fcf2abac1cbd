/* why: follows who waits for whom down to the cause, and shows what is known of that. */
#include "cli/command.h"
#include "cli/last_words.h"
#include "cli/request.h"
#include "cli/scene.h"
#include "cli/targets.h"

#include <stdio.h>

extern const struct command command_why;

#define WARNINGS_MAX 3

/* The newest warnings about an object or the pods it owns (their names begin with its name). */
static void print_warnings(struct session *s, const char *ns, const char *name)
{
	AUTO_REPLY r = { 0 };
	auto_free char *path = xasprintf(
		"/api/v1/namespaces/%s/events?fieldSelector=type%%3DWarning&limit=500", ns);
	request_json(s, "GET", path, NULL, NULL, &r);
	const json_t *items = json_object_get(r.body, "items");
	size_t shown = 0;
	const char *last = "";
	for (size_t i = json_array_size(items); i-- > 0 && shown < WARNINGS_MAX;) {
		const json_t *e = json_array_get(items, i);
		const char *about = json_str_or(e, "involvedObject.name", "");
		if (!starts_with(about, name) ||
		    (about[strlen(name)] && about[strlen(name)] != '-') ||
		    streq(last, json_str_or(e, "message", "")))
			continue;
		last = json_str_or(e, "message", "");
		printf("  event: %s: %s\n", json_str_or(e, "reason", ""),
		       json_str_or(e, "message", ""));
		shown++;
	}
}

static void explain_cause(struct session *s, const char *ns, const struct scene *scene, size_t node)
{
	const struct order_node *n = &scene->graph->nodes[node];
	const struct ready_culprit *c = &scene->culprits[node];
	AUTO_STR words;
	str_init(&words, 4096);
	printf("\ncause: %s/%s  %s\n", n->kind->kind, n->name, scene->nodes[node].text);
	if (n->is_in_cycle) {
		AUTO_STR cycle;
		str_init(&cycle, 65536);
		if (order_cycle_advice(scene->graph, node, &cycle))
			printf("  %s\n", cycle.data);
		return;
	}
	if (last_words(s, ns, c, &words))
		printf("  last log line: %s\n", words.data);
	print_warnings(s, ns, n->name);
	if (c->pod[0])
		printf("  more: skiff logs %s -c %s -n %s%s\n", c->pod, c->container, ns,
		       c->is_previous ? " --previous" : "");
	else
		printf("  more: skiff describe %s/%s -n %s\n", n->kind->kind, n->name, ns);
}

static int follow(struct session *s, const char *ns, const struct scene *scene, size_t node)
{
	AUTO_STR out;
	auto_free size_t *causes = xcalloc(scene->graph->nodes_count + 1, sizeof *causes);
	str_init(&out, 1u << 20);
	size_t n = why_chain(scene->graph, scene->nodes, node, &out, causes);
	fputs(out.data, stdout);
	for (size_t i = 0; i < n; i++)
		explain_cause(s, ns, scene, causes[i]);
	return EXIT_DONE;
}

/* A workload's pod is not in the graph. */
static int explain_pod(struct session *s, const char *ns, const json_t *pod)
{
	AUTO_STR text, words;
	struct ready_culprit c = { "", "", false };
	str_init(&text, 4096);
	str_init(&words, 4096);
	(void)ready_pod(pod, &text, &c); /* the text says it */
	const char *name = json_str_or(pod, "metadata.name", "");
	printf("Pod/%s  %s\n", name, text.data);
	if (last_words(s, ns, &c, &words))
		printf("  last log line: %s\n", words.data);
	print_warnings(s, ns, name);
	return EXIT_DONE;
}

static int explain_service(struct session *s, const char *ns, const struct scene *scene,
			   const json_t *service)
{
	const json_t *selector = json_dig(service, "spec.selector");
	bool any = false;
	for (size_t i = 0; i < scene->graph->nodes_count; i++) {
		const char *name;
		json_t *value;
		bool is_in = json_object_size(selector) > 0;
		json_object_foreach ((json_t *)(uintptr_t)selector, name, value) {
			const json_t *has =
				json_object_get(scene->graph->nodes[i].pod_labels, name);
			is_in &= has && json_equal(has, value);
		}
		if (!is_in)
			continue;
		if (!any)
			printf("Service/%s stands for\n",
			       json_str_or(service, "metadata.name", ""));
		any = true;
		(void)follow(s, ns, scene, i); /* always done */
	}
	if (!any)
		printf("Service/%s: its selector matches no workload of namespace %s\n",
		       json_str_or(service, "metadata.name", ""), ns);
	return EXIT_DONE;
}

static int why(struct session *s, const struct arguments *a)
{
	AUTO_SCENE scene = { 0 };
	struct error err;
	struct target t;
	const char *ns = command_namespace(a, s);
	if (target_read_one(s, &a->words, NULL, &t, &err) < 0 ||
	    scene_read(s, ns, &scene, &err) < 0)
		return error_explain(&err);
	size_t node = order_find(scene.graph, t.kind.kind, t.name);
	if (node != ORDER_NONE)
		return follow(s, ns, &scene, node);
	struct cache *c = live_cache(scene.live, t.kind.kind, ns);
	const json_t *tree = c ? cache_get_at(c, ns, t.name) : NULL;
	if (tree && streq(t.kind.kind, "Pod"))
		return explain_pod(s, ns, tree);
	if (tree && streq(t.kind.kind, "Service"))
		return explain_service(s, ns, &scene, tree);
	fprintf(stderr,
		tree || !c ? "error: %s/%s is nothing that waits: `skiff describe` shows it\n"
			   : "error: there is no %s/%s in namespace %s\n",
		t.kind.kind, t.name, ns);
	return EXIT_FAILED;
}

static int run(int argc, char **argv)
{
	struct arguments a = { 0 };
	AUTO_SESSION s = { 0 };
	int code = command_parse(command_why.usage, argc, argv, NULL, 0, &a);
	if (code == 0)
		code = command_reach(&a, &s);
	return code ? code : why(&s, &a);
}

const struct command command_why = {
	.name = "why",
	.usage = "why TYPE/NAME",
	.summary = "why something is not ready: down to the cause",
	.run = run,
};
