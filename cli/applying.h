/*
 * applying.h - brings one object to what its manifest says: made where it is not there, else
 * changed by a three-way merge with what was applied before.
 */
#pragma once

#include "cli/kinds.h"

enum applied { APPLIED_CREATED, APPLIED_CONFIGURED, APPLIED_UNCHANGED, APPLIED_COUNT };

struct applying {
	struct kind kind;
	const json_t *manifest; /* borrowed */
	const char *ns;         /* NULL: it has none */
	bool is_dry_run;
};

/* What `manifest` means: its kind, its namespace (`ns` where it names none). */
int applying_init(struct session *s, const json_t *manifest, const char *ns,
		  struct applying *ret, struct error *err) MUST_CHECK;

/* 0, or the exit code with the reason printed. `ret_object`: what the server answered, owned. */
int apply_object(struct session *s, const struct applying *a, enum applied *ret,
		 json_t **ret_object) MUST_CHECK;
/* The object as it is now; *ret NULL where there is none. 0 or the exit code. */
int apply_read(struct session *s, const struct applying *a, json_t **ret) MUST_CHECK;
