/* skiff: finds the command and runs it. */
#include "cli/command.h"

#include <signal.h>
#include <stdio.h>

/* `skiff get --help`; what stands behind `--` is not ours. */
static bool asks_for_help(int argc, char **argv)
{
	for (int i = 2; i < argc && !streq(argv[i], "--"); i++)
		if (streq(argv[i], "--help") || streq(argv[i], "-h"))
			return true;
	return false;
}

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
		    (commands[i]->alias && streq(commands[i]->alias, name))) {
			if (asks_for_help(argc, argv))
				return commands[0]->run(2, (char *[]){ argv[0], argv[1], NULL });
			return commands[i]->run(argc - 1, argv + 1);
		}
	fprintf(stderr, "skiff: there is no command '%s'; `skiff help` lists them\n", name);
	return EXIT_REFUSED;
}
