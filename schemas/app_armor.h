/*
 * app_armor.h - AppArmor profiles as annotations of a pod say them, one a container, which
 * securityContext.appArmorProfile says since 1.30. Pure.
 */
#pragma once

#include "common/base/jsonx.h"
#include "schemas/path.h"
#include "schemas/schema.h"

#define APP_ARMOR_PREFIX "container.apparmor.security.beta.kubernetes.io/"

/* A word about it; `path` of the annotation and the words. */
#define APP_ARMOR_OLD "deprecated since v1.30; use the \"appArmorProfile\" field instead"

/* The text for the container; NULL: none. */
const char *app_armor_annotation(const json_t *annotations, const json_t *container);

/* The field that says the same, the caller's; NULL: none can. */
json_t *app_armor_field(const char *annotation);

/* "runtime/default", "unconfined" or "localhost/…", or empty. */
bool app_armor_is_known(const char *annotation);

/* Annotations name containers and profiles, and say what fields say. `at` is where the annotations
 * stand. */
void app_armor_check(const json_t *annotations, const json_t *spec, const struct path *at,
		     const struct path *spec_at, struct field_errors *e);
