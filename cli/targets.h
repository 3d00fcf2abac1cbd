/*
 * targets.h - what objects the words of a command mean: TYPE, TYPE NAME…, TYPE/NAME…, TYPE,TYPE
 * and `all`.
 */
#pragma once

#include "cli/kinds.h"
#include "cli/options.h"

#define TARGETS_MAX 512

struct target {
	struct kind kind;
	const char *name; /* NULL: all of the kind */
};
struct targets {
	struct target *at;
	size_t count;
};
void targets_fini(struct targets *t); /* {0} is fine */
#define AUTO_TARGETS __attribute__((cleanup(targets_fini))) struct targets

/* Names are borrowed from the words. ERR_INVALID says what is wrong. */
int targets_read(struct session *s, const struct words *words, struct targets *ret,
		 struct error *err) MUST_CHECK;
/* Exactly one object by name. `kind` NULL: the word must name it; else it is meant where the word
 * has no slash. */
int target_read_one(struct session *s, const struct words *words, const char *kind,
		    struct target *ret, struct error *err) MUST_CHECK;

/* "/api/v1/namespaces/x/pods?labelSelector=…"; selectors may be NULL; `more` follows ("limit=500").*/
char *target_path(const struct target *t, const char *ns, const char *label_selector,
		  const char *field_selector, const char *more);
