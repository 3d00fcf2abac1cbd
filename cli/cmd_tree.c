/* tree: what depends on what, and how it is. */
#include "cli/command.h"
#include "cli/progress.h"
#include "cli/request.h"
#include "cli/scene.h"
#include "cli/targets.h"

#include <stdio.h>

extern const struct command command_tree;

static int draw(struct session *s, const struct arguments *a)
{
	AUTO_SCENE scene = { 0 };
	AUTO_STR out;
	struct error err;
	struct target t;
	size_t root = ORDER_NONE;
	const char *ns = command_namespace(a, s);
	str_init(&out, 64u << 20);
	if (scene_read(s, ns, &scene, &err) < 0)
		return error_explain(&err);
	if (a->words.count > 0) {
		if (target_read_one(s, &a->words, NULL, &t, &err) < 0)
			return error_explain(&err);
		root = order_find(scene.graph, t.kind.kind, t.name);
		if (root == ORDER_NONE) {
			fprintf(stderr, "error: there is no %s/%s in namespace %s\n", t.kind.kind,
				t.name, ns);
			return EXIT_FAILED;
		}
	}
	if (scene.graph->nodes_count == 0)
		fprintf(stderr, "No workloads in namespace %s.\n", ns);
	bool in_colour = terminal_has_colours(STDOUT_FILENO);
	const char *const marks[READY_STATE_COUNT] = { mark_text(MARK_DONE, in_colour),
						       mark_text(MARK_WAIT, in_colour),
						       mark_text(MARK_WARN, in_colour),
						       mark_text(MARK_FAIL, in_colour) };
	tree_draw(scene.graph, scene.nodes, root, marks, &out);
	fputs(out.data, stdout);
	return EXIT_DONE;
}

static int run(int argc, char **argv)
{
	struct arguments a = { 0 };
	AUTO_SESSION s = { 0 };
	int code = command_parse(command_tree.usage, argc, argv, NULL, 0, &a);
	if (code == 0)
		code = command_reach(&a, &s);
	return code ? code : draw(&s, &a);
}

const struct command command_tree = {
	.name = "tree",
	.usage = "tree [TYPE/NAME] [-n NAMESPACE]",
	.summary = "what depends on what, and the state each is in",
	.help = "What nobody depends on stands at the left, below it what it depends on.\n"
		"  ✓ ready   · getting there   ! something is wrong   ✗ failed\n",
	.run = run,
};
