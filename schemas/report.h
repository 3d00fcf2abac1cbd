/*
 * report.h - filling a struct schema_report. At most SCHEMA_PROBLEMS_MAX are kept.
 */
#pragma once

#include "schemas/path.h"
#include "schemas/schema.h"

#define SCHEMA_PROBLEMS_MAX 256

/* `report` may be NULL: nobody asks. */
void report_add(struct schema_report *report, const char *fmt, ...) PRINTF_LIKE(2, 3);
void report_field(struct schema_report *report, const char *what, const struct path *at);
