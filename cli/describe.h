/*
 * describe.h - an object in words for people: what all have in common, and what each kind has that
 * one looks for. Text is added to `out`. Pure but for the clock that is passed in.
 */
#pragma once

#include "cli/ready_plan.h"

struct description {
	struct str *out;
	int64_t now_s;
};

/* "Name:  web" and so on; ages from the clock. */
void describe_head(const struct description *d, const char *kind, const json_t *object);
/* The part that only this kind has; others: spec and status as YAML. */
void describe_body(const struct description *d, const char *kind, const json_t *object);
void describe_conditions(const struct description *d, const json_t *object);
void describe_containers(const struct description *d, const json_t *spec, const json_t *status,
			 size_t indent);

/* A line "Label:      value", aligned; NULL or "" prints "<none>". */
void describe_line(const struct description *d, size_t indent, const char *label,
		   const char *value);
