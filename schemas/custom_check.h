/*
 * custom_check.h - a value against its schema: what the files that check share. Texts, order and which
 * alternative's problems are shown are those of kube-openapi's validator. Pure.
 */
#pragma once

#include "schemas/custom_internal.h"
#include "schemas/rule.h"

/* Where a value stands, as the validator names it: "spec.list[3].x". NULL: the root. */
struct custom_place {
	const struct custom_place *up;
	const char *name; /* of a member; NULL: an element */
	size_t index;
	bool has_dot; /* a dot before it even at the root */
};

/* What one schema said of one value. */
struct custom_outcome {
	struct field_errors errors;
	size_t matches; /* how much was looked at and found right: picks among alternatives */
};
void custom_outcome_fini(struct custom_outcome *o);
void custom_outcome_merge(struct custom_outcome *into, struct custom_outcome *take_one);

struct custom_checking {
	const char *base; /* the field that the root stands for: "status"; NULL: the object */
};

/* `value` NULL: not shown. The text follows "PATH in body ". */
void custom_problem(const struct custom_checking *c, struct custom_outcome *o,
		    enum field_error_type type, const struct custom_place *at, const json_t *value,
		    const char *detail, ...) PRINTF_LIKE(6, 7);
/* Of no field. */
void custom_problem_apart(const struct custom_checking *c, struct custom_outcome *o,
			  const char *detail, ...) PRINTF_LIKE(3, 4);
/* Of the field, but without its name before the text. */
void custom_problem_bare(const struct custom_checking *c, struct custom_outcome *o,
			 const struct custom_place *at, const json_t *value, const char *detail,
			 ...) PRINTF_LIKE(5, 6);
void custom_place_text(const struct custom_place *at, struct str *out);

/* One value's own checks; the counts of what was looked at are theirs too. */
void custom_check_form(const struct custom_checking *c, const struct custom_schema *s,
		       const json_t *value, const struct custom_place *at,
		       struct custom_outcome *o);
void custom_check_text(const struct custom_checking *c, const struct custom_schema *s,
		       const json_t *value, const struct custom_place *at,
		       struct custom_outcome *o);
void custom_check_number(const struct custom_checking *c, const struct custom_schema *s,
			 const json_t *value, const struct custom_place *at,
			 struct custom_outcome *o);
void custom_check_enum(const struct custom_checking *c, const struct custom_schema *s,
		       const json_t *value, const struct custom_place *at,
		       struct custom_outcome *o);

/* All of it. `old` (may be NULL): what has not changed since is not complained of. Where the
 * value stands for a field of the object, `base` names that. */
void custom_check(const struct custom_schema *s, const json_t *value, const json_t *old,
		  const char *base, struct field_errors *e);
/* A list that is a set or a map has no element twice. */
void custom_check_lists(const struct custom_schema *s, const json_t *tree, struct field_errors *e);
/* Resources inside: apiVersion, kind, metadata. */
void custom_check_resources(const struct custom_schema *s, const json_t *value, bool is_resource,
			    const struct path *at, struct field_errors *e);
