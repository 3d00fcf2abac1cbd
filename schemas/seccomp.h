/*
 * seccomp.h - the annotations that said seccomp profiles before there were fields. Nothing acts on
 * them; they are still judged, and must not contradict the fields. Pure.
 */
#pragma once

#include "schemas/path.h"
#include "schemas/schema.h"

/* `at` is where the annotations are said to stand, `spec_at` where the pod's spec does. */
void seccomp_check_annotations(const json_t *annotations, const struct path *at,
			       struct field_errors *e);
void seccomp_check_fields(const json_t *annotations, const json_t *spec, const struct path *spec_at,
			  struct field_errors *e);
