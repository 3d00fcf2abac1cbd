#include "cli/command.h"
#include "common/base/jsonx.h"

#include <stdio.h>

static int run(int argc, char **argv)
{
	AUTO_SESSION s = { 0 };
	AUTO_REPLY r = { 0 };
	struct error err;
	const char *config = argc == 3 && streq(argv[1], "--kubeconfig") ? argv[2] : NULL;
	puts("skiff " SKIFF_VERSION);
	if (session_open(config, &s, &err) < 0)
		return EXIT_DONE; /* no cluster: our own version is all there is to say */
	session_call(&s, "GET", "/version", NULL, NULL, &r);
	printf("server %s\n", json_str_or(r.body, "gitVersion", "does not answer"));
	return EXIT_DONE;
}

const struct command command_version = { .name = "version",
					 .usage = "version [--kubeconfig FILE]",
					 .summary = "this program's version and the server's",
					 .run = run };
