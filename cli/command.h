/*
 * command.h - the command table: one file and one entry a command.
 */
#pragma once

#include "cli/session.h"

/* Exit codes of every command. */
enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,      /* it was tried; diff: there are differences */
	EXIT_REFUSED = 2,     /* bad usage or input */
	EXIT_UNREACHABLE = 3, /* the server cannot be reached */
};

struct command {
	const char *name;
	const char *alias;   /* or NULL */
	const char *usage;   /* "apply -f FILE|DIR [--wait]" */
	const char *summary; /* one line of `skiff help` */
	const char *help;    /* what `skiff help NAME` shows below the usage */
	int (*run)(int argc, char **argv); /* argv[0] is the command's name */
};

extern const struct command *const commands[]; /* NULL-terminated, in the order of help */
