/*
 * options.h - reads a command's arguments by a table: long names with `--name value` or
 * `--name=value`, letters with `-n value`, `-nvalue` or together (`-it`), the rest in order.
 * Everything read is borrowed from argv. Pure.
 */
#pragma once

#include "common/base/error.h"

#define WORDS_MAX 256

struct words {
	const char *at[WORDS_MAX];
	size_t count;
};

/* One of the pointers says what the option takes. */
struct option {
	const char *name; /* without dashes */
	char letter;      /* 0: none */
	bool *flag;       /* --name, --name=false */
	const char **text;
	struct words *many; /* may come several times; commas do not separate */
	int64_t *number;
	int64_t *span_us; /* "5m", "90s"; a bare number is seconds */
};

struct arguments {
	struct words words; /* what is no option */
	char **rest;        /* after --, or NULL */
	size_t rest_count;
	/* What every command takes. */
	const char *kubeconfig, *context, *ns;
	/* Options end at the first word that is none (exec POD COMMAND …). */
	size_t words_max;
};

/* `ret->words_max` > 0: after so many words all that follows is `rest`. Nothing else is read from
 * `ret`. ERR_INVALID: says which argument and why. */
int options_parse(int argc, char **argv, const struct option *options, size_t n,
		  struct arguments *ret, struct error *err) MUST_CHECK;

/* "5m", "90s", "30"; ERR_INVALID. */
int span_parse(const char *text, int64_t *ret_us, struct error *err) MUST_CHECK;
