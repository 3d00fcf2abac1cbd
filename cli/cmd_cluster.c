#include "cli/cluster.h"
#include "cli/command.h"
#include "cli/options.h"

#include <stdio.h>
#include <unistd.h>

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} verbs[] = { { "up", cluster_up },
	      { "down", cluster_down },
	      { "status", cluster_status },
	      { "supervise", cluster_supervise } };

static int set_root(const char *text, struct cluster_arguments *ret, struct error *err)
{
	char here[CLUSTER_ROOT_SIZE] = "";
	while (starts_with(text, "./"))
		text += 2;
	size_t n = strlen(text);
	while (n > 1 && text[n - 1] == '/')
		n--;
	if (n == 0)
		return error_set(err, ERR_INVALID, "--root needs a directory");
	if (text[0] != '/' && !getcwd(here, sizeof here))
		return error_set(err, ERR_INVALID, "--root %s: where is that? Say it from /", text);
	int len = snprintf(ret->root, sizeof ret->root, "%s%s%.*s", here, *here ? "/" : "", (int)n,
			   text);
	if (len >= (int)sizeof ret->root)
		return error_set(err, ERR_INVALID, "--root is longer than %d characters",
				 CLUSTER_ROOT_SIZE - 1);
	return 0;
}

int cluster_arguments_read(const char *usage, int argc, char **argv, bool takes_nodes,
			   bool takes_delete, struct cluster_arguments *ret)
{
	const char *root = CLUSTER_DEFAULT_ROOT;
	int64_t nodes = -1;
	bool delete = false;
	struct option table[3] = { { .name = "root", .text = &root } };
	size_t n = 1;
	struct arguments a = { 0 };
	struct error err;
	if (takes_nodes)
		table[n++] = (struct option){ .name = "nodes", .number = &nodes };
	if (takes_delete)
		table[n++] = (struct option){ .name = "delete", .flag = &delete };
	*ret = (struct cluster_arguments){ 0 };
	int code = options_parse(argc, argv, table, n, &a, &err);
	if (code == 0 && a.words.count > 0)
		code = error_set(&err, ERR_INVALID, "'%s' is one word too many", a.words.at[0]);
	if (code == 0 && nodes != -1 && (nodes < 1 || nodes > CLUSTER_NODES_MAX))
		code = error_set(&err, ERR_INVALID, "--nodes takes 1 to %d", CLUSTER_NODES_MAX);
	if (code == 0)
		code = set_root(root, ret, &err);
	if (code < 0) {
		fprintf(stderr, "skiff: %s\n%s", err.text, usage);
		return EXIT_REFUSED;
	}
	ret->nodes = MAX(nodes, (int64_t)0);
	ret->delete = delete;
	return 0;
}

static int run(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < ARRAY_LEN(verbs); i++)
		if (streq(argv[1], verbs[i].name))
			return verbs[i].run(argc - 1, argv + 1);
	fputs("usage: skiff cluster up|down|status [--root DIR]; see `skiff help cluster`\n",
	      stderr);
	return EXIT_REFUSED;
}

const struct command command_cluster = {
	.name = "cluster",
	.usage = "cluster up|down|status [--root DIR] [--nodes N] [--delete]",
	.summary = "a cluster on this machine",
	.help = "  up         starts etcd, containerd and Skiff's programs; again: does nothing\n"
		"  down       stops all of it and leaves no trace but DIR; --delete removes DIR\n"
		"  status     what runs, and whether it answers\n"
		"  --root DIR everything of the cluster lies there (/var/lib/skiff)\n"
		"  --nodes N  nodes on this machine (at the first `up`)\n",
	.run = run,
};
