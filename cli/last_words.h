/*
 * last_words.h - the last line that a container wrote.
 */
#pragma once

#include "cli/ready_plan.h"
#include "cli/session.h"

/* Of the run that is blamed, else of the other one. False: it wrote nothing, or it is gone. */
bool last_words(struct session *s, const char *ns, const struct ready_culprit *c, struct str *out);
