#include "cli/command.h"

#include <stdio.h>

static void list(void)
{
	puts("skiff: services that start in dependency order, on the Kubernetes API\n\nCommands:");
	for (size_t i = 0; commands[i]; i++)
		printf("  %-12s %s\n", commands[i]->name, commands[i]->summary);
	puts("\n`skiff help COMMAND` shows how one is used. --kubeconfig FILE and -n NAMESPACE go with\n"
	     "every command that talks to a cluster.");
}

static int run(int argc, char **argv)
{
	if (argc < 2) {
		list();
		return EXIT_DONE;
	}
	for (size_t i = 0; commands[i]; i++) {
		const struct command *c = commands[i];
		if (!streq(c->name, argv[1]) && !(c->alias && streq(c->alias, argv[1])))
			continue;
		printf("usage: skiff %s\n\n%s\n", c->usage, c->summary);
		if (c->help)
			printf("\n%s", c->help);
		return EXIT_DONE;
	}
	fprintf(stderr, "skiff: there is no command '%s'; `skiff help` lists them\n", argv[1]);
	return EXIT_REFUSED;
}

const struct command command_help = { .name = "help",
				      .usage = "help [COMMAND]",
				      .summary = "what the commands do",
				      .run = run };
