/*
 * facts.h - what controllers read out of objects: readiness of pods, conditions, owners,
 * names that are derived. Pure.
 */
#pragma once

#include "common/base/jsonx.h"

#define NAME_CHARS 5 /* of a derived suffix */

/* ---- pods ---- */
bool pod_is_terminating(const json_t *pod); /* any object with a deletionTimestamp */
bool pod_is_finished(const json_t *pod);    /* Succeeded or Failed */
bool pod_is_active(const json_t *pod);      /* neither */
bool pod_is_ready(const json_t *pod, int64_t *ret_since_us);
/* Ready for at least min_ready_s; if only time is missing, *ret_wait_ms says how much (else it
 * is left alone). */
bool pod_is_available(const json_t *pod, int64_t min_ready_s, int64_t now_us, int64_t *ret_wait_ms);
int64_t pod_restarts(const json_t *pod);
int64_t time_of(const json_t *o, const char *path); /* microseconds, 0: absent */

/* ---- conditions: [{ type, status, reason, message, lastTransitionTime }] ---- */
const json_t *condition_of(const json_t *conditions, const char *type); /* or NULL */
bool condition_is(const json_t *conditions, const char *type, const char *status);
struct condition {
	const char *type, *status, *reason, *message;
	bool has_update_time; /* Deployments: lastUpdateTime */
	bool has_probe_time;  /* Jobs: lastProbeTime */
};
/* In an array that may be changed. True if anything but the update time changed. */
bool condition_set(json_t *conditions, const struct condition *c, int64_t now_us);
void condition_remove(json_t *conditions, const char *type);

/* ---- owners ---- */
const json_t *controller_of(const json_t *object); /* its ownerReference, or NULL */
json_t *controller_reference(const char *api_version, const char *kind, const json_t *owner);
bool has_finalizer(const json_t *object, const char *finalizer);
/* The finalizers without (or with) one: a new array. */
json_t *finalizers_without(const json_t *object, const char *finalizer);
json_t *finalizers_with(const json_t *object, const char *finalizer);
const char *annotation_of(const json_t *object, const char *name); /* or NULL */
const char *uid_of(const json_t *object);
const char *name_of(const json_t *object);
const char *namespace_of(const json_t *object);

/* ---- derived names ---- */
/* Five characters that follow from (uid, slot, incarnation). */
void derived_suffix(const char *uid, int64_t slot, int64_t incarnation, char out[NAME_CHARS + 1]);
/* The hash of a template and a collision count as upstream spells hashes: 1 to 10 characters. */
void template_hash(const json_t *template, int64_t collisions, char out[16]);

/* An int or a percentage of `total`, rounded up or down; `otherwise` where absent. */
int64_t int_or_percent(const json_t *value, int64_t total, bool round_up, int64_t otherwise);
