/* events: what happened, newest last. */
#include "cli/command.h"
#include "cli/events_print.h"
#include "cli/request.h"
#include "cli/targets.h"

#include <stdio.h>

extern const struct command command_events;

static int run(int argc, char **argv)
{
	bool is_everywhere = false;
	const char *about = NULL, *types = NULL;
	const struct option table[] = {
		{ .name = "all-namespaces", .letter = 'A', .flag = &is_everywhere },
		{ .name = "for", .text = &about },
		{ .name = "types", .text = &types },
	};
	struct arguments a = { 0 };
	struct target t;
	struct error err;
	AUTO_SESSION s = { 0 };
	AUTO_STR fields;
	AUTO_JSON *items = NULL;
	str_init(&fields, 8192);
	int code = command_parse(command_events.usage, argc, argv, table, ARRAY_LEN(table), &a);
	if (code == 0)
		code = command_open(&a, &s);
	if (code)
		return code;
	if (about) {
		struct words words = { .at = { about }, .count = 1 };
		if (target_read_one(&s, &words, NULL, &t, &err) < 0)
			return error_explain(&err);
		str_addf(&fields, "involvedObject.kind=%s,involvedObject.name=%s", t.kind.kind,
			 t.name);
	}
	if (types)
		str_addf(&fields, "%stype=%s", fields.len ? "," : "", types);
	const char *ns = is_everywhere ? NULL : command_namespace(&a, &s);
	code = events_read(&s, ns, fields.len ? fields.data : NULL, &items);
	if (code)
		return code;
	if (json_array_size(items) == 0)
		fputs("No events.\n", stderr);
	else
		events_print(items, is_everywhere, true, 0);
	return 0;
}

const struct command command_events = {
	.name = "events",
	.usage = "events [--for TYPE/NAME] [--types Warning] [-A]",
	.summary = "what happened, newest last",
	.run = run,
};
