/*
 * review_check.h - what is wrong with a question about rights. Pure.
 */
#pragma once

#include "common/base/jsonx.h"
#include "schemas/schema.h"

/* SubjectAccessReview, LocalSubjectAccessReview of namespace `ns`, SelfSubjectAccessReview. */
void review_check_other(const json_t *tree, struct field_errors *e);
void review_check_local(const json_t *tree, const char *ns, struct field_errors *e);
void review_check_self(const json_t *tree, struct field_errors *e);
