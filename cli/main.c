/* skiff: finds the command and runs it. */
#include "cli/command.h"

#include <signal.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	if (argc < 2) {
		const char *const help[] = { "help", NULL };
		return commands[0]->run(1, (char **)(uintptr_t)help);
	}
	const char *name = argv[1];
	if (streq(name, "--help") || streq(name, "-h"))
		name = "help";
	else if (streq(name, "--version"))
		name = "version";
	for (size_t i = 0; commands[i]; i++)
		if (streq(commands[i]->name, name) ||
		    (commands[i]->alias && streq(commands[i]->alias, name)))
			return commands[i]->run(argc - 1, argv + 1);
	fprintf(stderr, "skiff: there is no command '%s'; `skiff help` lists them\n", name);
	return EXIT_REFUSED;
}
