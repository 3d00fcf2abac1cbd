#include "schemas/report.h"

#include <stdarg.h>

#define PROBLEM_SIZE_MAX 10000

void schema_report_fini(struct schema_report *r)
{
	for (size_t i = 0; i < r->count; i++)
		free(r->problems[i]);
	free(r->problems);
	*r = (struct schema_report){ 0 };
}

void report_add(struct schema_report *report, const char *fmt, ...)
{
	if (!report || report->count == SCHEMA_PROBLEMS_MAX)
		return;
	AUTO_STR text;
	str_init(&text, PROBLEM_SIZE_MAX);
	va_list args;
	va_start(args, fmt);
	str_vaddf(&text, fmt, args);
	va_end(args);
	report->problems = xrealloc(report->problems, report->count + 1, sizeof *report->problems);
	report->problems[report->count++] = str_take(&text);
}

void report_field(struct schema_report *report, const char *what, const struct path *at)
{
	if (!report || report->count == SCHEMA_PROBLEMS_MAX)
		return;
	auto_free char *path = path_dup(at);
	report_add(report, "%s field \"%s\"", what, path);
}
