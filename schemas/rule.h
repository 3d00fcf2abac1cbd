/*
 * rule.h - what the validation files share: saying that a rule is broken, and the checks that
 * many kinds need. `at` is where the value stands; values may be NULL (absent). Pure.
 */
#pragma once

#include "common/base/jsonx.h"
#include "schemas/names.h"
#include "schemas/path.h"
#include "schemas/schema.h"

void rule_broken(struct field_errors *e, enum field_error_type type, const struct path *at,
		 const json_t *value, const char *detail, ...) PRINTF_LIKE(5, 6);

/* Each problem of the name is one error. */
void rule_name(struct field_errors *e, const struct path *at, const char *value, name_check *check);
void rule_required(struct field_errors *e, const struct path *at, const char *value);
/* Required and a name. */
void rule_required_name(struct field_errors *e, const struct path *at, const char *value,
			name_check *check);
/* `allowed` is NULL-terminated; shown sorted. An empty value passes. */
void rule_one_of(struct field_errors *e, const struct path *at, const json_t *value,
		 const char *const *allowed);
void rule_port(struct field_errors *e, const struct path *at, const json_t *port);
void rule_port_or_name(struct field_errors *e, const struct path *at, const json_t *port);
void rule_labels(struct field_errors *e, const struct path *at, const json_t *labels);
void rule_label_selector(struct field_errors *e, const struct path *at, const json_t *selector);
void rule_ip(struct field_errors *e, const struct path *at, const json_t *ip);
/* Equal but for empty values: else "field is immutable". */
void rule_unchanged(struct field_errors *e, const struct path *at, const json_t *now,
		    const json_t *before);
bool rule_same(const json_t *a, const json_t *b);

/* The parts, one file each. */
void validate_metadata(const struct schema_kind *kind, const json_t *tree, const json_t *old,
		       struct field_errors *e);
void validate_labels_and_annotations(const struct path *at, const json_t *metadata,
				     struct field_errors *e);
/* Enums, bounds and what must not change, as the tables say. */
void validate_tables(const struct schema_type *type, const json_t *tree, const json_t *old,
		     const struct path *at, struct field_errors *e);
void validate_pod_spec(const json_t *spec, const struct path *at, struct field_errors *e);
void validate_containers(const json_t *spec, const struct path *at, struct field_errors *e);
void validate_volumes(const json_t *volumes, const struct path *at, struct field_errors *e);
void validate_resources(const json_t *resources, const struct path *at, struct field_errors *e);
void validate_tolerations(const json_t *tolerations, const struct path *at, struct field_errors *e);
void validate_affinity(const json_t *affinity, const struct path *at, struct field_errors *e);
void validate_taints(const json_t *taints, const struct path *at, struct field_errors *e);
void validate_pod_update(const json_t *pod, const json_t *old, struct field_errors *e);
void validate_service(const json_t *service, const json_t *old, struct field_errors *e);
void validate_workload(const char *kind, const json_t *tree, const json_t *old,
		       struct field_errors *e);
void validate_config(const char *kind, const json_t *tree, const json_t *old,
		     struct field_errors *e);
