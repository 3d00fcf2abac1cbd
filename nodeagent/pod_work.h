/*
 * pod_work.h - one action under way on one pod; shared by pod_act.c and pod_act_container.c.
 */
#pragma once

#include "nodeagent/pod.h"

struct pod_work {
	struct pod *pod;
	enum pod_action action;
	size_t index; /* of the container */
	char *container;
	uint32_t attempt;
	char *id, *image;
	size_t waiting; /* answers still to come */
	bool is_failed;
	int64_t grace_s, started_ms;
	struct volume_set volumes; /* the worker's own */
	char *pod_dir, *log_dir;
	const char *cgroup_parent, *uid; /* the agent's and the pod's, who wait for the work */
	struct error err;
	char **paths; /* files and subPaths to make before a container: kind, path, rest */
	size_t paths_count;
	char *hosts_path;
	struct str hosts;
	struct hook *hook; /* postStart */
	struct stop *stops;
	size_t stops_count;
	bool is_slot_free; /* given back before the end */
};

void work_end(struct pod_work *w); /* frees it; the pod looks again */
void work_hold(struct pod *p);     /* taking down failed: not again before a back-off */

void work_create(struct pod_work *w);
void work_free_slot(struct pod_work *w); /* the rest takes long and costs little */
void work_start(struct pod_work *w, const struct pod_facts *f);
void work_stop(struct pod_work *w, const struct pod_facts *f, const struct pod_step *step);
void work_start_give_up(struct pod_work *w); /* the postStart hook */
void work_stop_hurry(struct pod_work *w);    /* grace_s became smaller */
void work_free_stops(struct pod_work *w);
void work_remove(struct pod_work *w, const char *id);
