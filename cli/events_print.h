/*
 * events_print.h - Events in the order in which they happened, as a table. To standard output.
 */
#pragma once

#include "cli/session.h"

/* Sorted, owned. 0 or the exit code. `fields` is a field selector or NULL. */
int events_read(struct session *s, const char *ns, const char *fields, json_t **ret) MUST_CHECK;

/* `with_object`: a column says whom each is about; lines begin with `indent` blanks. */
void events_print(const json_t *items, bool with_namespace, bool with_object, size_t indent);
