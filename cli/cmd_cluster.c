#include "cli/cluster.h"
#include "cli/command.h"

#include <stdio.h>

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} verbs[] = { { "up", cluster_up },
	      { "down", cluster_down },
	      { "status", cluster_status },
	      { "supervise", cluster_supervise } };

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
