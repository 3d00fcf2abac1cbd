/*
 * rule_hook.h - rules that webhooks, admission policies and conversions share. Pure.
 */
#pragma once

#include "schemas/rule.h"

/* https, a host, and nothing beyond the path. */
void rule_webhook_url(struct field_errors *e, const struct path *at, const char *url);
void rule_webhook_service(struct field_errors *e, const struct path *at, const json_t *service);
/* rules of a webhook or policy: operations, groups, versions, resources. */
void rule_operations(struct field_errors *e, const struct path *at, const json_t *rule);
void rule_match_conditions(struct field_errors *e, const struct path *at, const json_t *list);
void rule_review_versions(struct field_errors *e, const struct path *at, const json_t *list);
bool rule_is_blank(const char *text); /* NULL, empty or white space */
