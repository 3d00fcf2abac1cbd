/*
 * job_internal.h - what job.c (facts, pods) and job_status.c (the status) share.
 */
#pragma once

#include "common/base/map.h"
#include "controller/controllers_internal.h"
#include "controller/facts.h"
#include "controller/job_plan.h"
#include "controller/order_facts.h"
#include "controller/order_lost_plan.h"

#define JOB_INDEX "batch.kubernetes.io/job-completion-index"

/* What is known of a Job beside the caches; losing it is harmless. */
struct job_memory {
	char *uid;
	int64_t since_ms;     /* seen first: the settling of dependency order counts from here */
	int64_t incarnations; /* pods of so many have come and gone */
};

struct job_controller {
	struct context *context;
	struct control_loop *loop;
	struct order_waiters *waiters;
	struct map memory; /* key → struct job_memory */
};

/* Everything that one reconcile looks at; references into the caches. */
struct job_facts {
	json_t *job;
	struct job_want want;
	struct cache_range range;
	struct job_pod *pods; /* the same, for the plan */
	struct job_plan plan;
	bool has_dependencies;
	bool is_stopped; /* a dependency was lost: as if it were suspended */
	enum order_latch latch;
	enum order_gate gate;
	struct str gate_text;
	int64_t gate_wake_ms;
	int64_t now_us;
	char *failure_message; /* of the pod that fails the Job, or NULL */
};
void job_facts_init(struct job_facts *f, const struct context *c, json_t *job, int64_t since_ms,
		    int64_t now_ms, int64_t incarnations);
void job_facts_fini(struct job_facts *f);

/* True if a write was asked for. */
bool job_write_status(struct job_controller *j, struct work *w, const struct job_facts *f);

/* What the pod's failure means; a message (the caller's) where it fails the Job. */
enum job_failure job_policy_of(const json_t *job, const json_t *pod, char **ret_message);
