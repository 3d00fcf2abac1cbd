/*
 * log.h - one line an outcome, on standard error: time, level, component, event,
 * then name=value pairs. Only mains, controllers and shells log; libraries return
 * errors. error = a person must act; warn = we go on, and the line says how.
 * Secrets never go in. Threads: any.
 */
#pragma once

#include "common/base/base.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_LEVEL_COUNT };

void log_set_level(enum log_level least);
bool log_level_parse(const char *text, enum log_level *ret);
void log_set_quiet(bool quiet); /* tests: nothing is written */

/* Pairs of const char *, ended by NULL: log_write(LOG_INFO, "deployment", "scaled",
 * "name", n, "to", "3", NULL). */
void log_write(enum log_level level, const char *component, const char *event, ...)
	__attribute__((sentinel));

#define log_debug(component, event, ...) log_write(LOG_DEBUG, component, event, ##__VA_ARGS__, NULL)
#define log_info(component, event, ...)  log_write(LOG_INFO, component, event, ##__VA_ARGS__, NULL)
#define log_warn(component, event, ...)  log_write(LOG_WARN, component, event, ##__VA_ARGS__, NULL)
#define log_error(component, event, ...) log_write(LOG_ERROR, component, event, ##__VA_ARGS__, NULL)
