/*
 * quota.h - what objects cost against ResourceQuotas, and what a quota allows. Pure; amounts are in
 * thousandths.
 */
#pragma once

#include "common/base/str.h"
#include "schemas/schema.h"

/* Called for each resource that the object uses: "pods", "requests.cpu", "count/secrets" … */
typedef void quota_charge(void *ctx, const char *resource, int64_t milli);
void quota_charges(const struct schema_kind *kind, const json_t *tree, quota_charge *charge,
		   void *ctx);

/* The quota's scopes are for this object (scopes speak of pods only). */
bool quota_is_for(const json_t *quota, const struct schema_kind *kind, const json_t *tree);

/* "cpu" and "requests.cpu" are one. */
bool quota_same_resource(const char *a, const char *b);

/* Amounts as they are shown. */
void quota_print(const char *resource, int64_t milli, struct str *out);

/* Containers that say nothing of a bounded compute resource: "limits.cpu for: a,b; memory for: a". */
void quota_unsaid(const json_t *quota, const json_t *pod, struct str *out);
