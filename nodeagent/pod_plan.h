/*
 * pod_plan.h - what to do next for one pod: one action, or nothing until next_wake_ms. Pure.
 *
 * Order of a start: volumes, sandbox, init containers one after the other (sidecars stay
 * running and only have to be started), then all others; for each: image, create, start.
 * An exited container starts again by the restart policy: at once the first time, then after 10 s,
 * 20 s … 5 min; ten minutes of running forget the past. Order of an end: ordinary containers
 * together, then sidecars last to first, sandbox, final status, what lies on disk, the API object.
 */
#pragma once

#include "nodeagent/pod_facts.h"

#define POD_BACKOFF_FIRST_MS 10000
#define POD_BACKOFF_MAX_MS   300000
#define POD_BACKOFF_RESET_MS 600000

enum pod_action {
	POD_NOTHING,
	POD_PREPARE_VOLUMES,
	POD_RUN_SANDBOX,
	POD_ENSURE_IMAGE,     /* container */
	POD_CREATE_CONTAINER, /* container */
	POD_START_CONTAINER,  /* container */
	POD_STOP_CONTAINERS,  /* stop[]: those at once, with grace_s */
	POD_STOP_SANDBOX,
	POD_REMOVE_SANDBOX,   /* id */
	POD_REMOVE_CONTAINER, /* id */
	POD_CLEAN_VOLUMES,
	POD_DELETE_OBJECT, /* the API may forget it */
	POD_FORGET,        /* nothing is left anywhere */
	POD_ACTION_COUNT,
};
const char *pod_action_name(enum pod_action a);

struct pod_step {
	enum pod_action action;
	size_t container; /* index */
	const char *id;
	const char *why; /* static */
	int64_t grace_s;
	bool stop[POD_CONTAINERS_MAX];
	int64_t next_wake_ms; /* with POD_NOTHING: look again then; 0: only on news */
};

void pod_plan(const struct pod_facts *f, struct pod_step *ret);
/* One of the actions that bring a pod up, which another follows unless it fails. */
bool pod_step_is_start(const struct pod_step *s);

/* How long container c must wait after its last exit; 0: not at all. */
int64_t pod_backoff_ms(const struct container_facts *c);
/* Would it run again if it exited as its latest instance did? */
bool pod_restarts(const struct pod_facts *f, const struct container_facts *c);
/* All ordinary containers have ended for good (or an init container failed for good). */
bool pod_is_finished(const struct pod_facts *f);
/* Every init container is through, every sidecar started. */
bool pod_is_initialized(const struct pod_facts *f);
