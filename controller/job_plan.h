/*
 * job_plan.h - what a Job does next: which finished pods to count, which pods to create
 * and delete, whether it is over. Pure.
 *
 * Counting is upstream's: a finished pod keeps the finalizer batch.kubernetes.io/job-tracking
 * until its uid stands in status.uncountedTerminatedPods; only when the finalizer is
 * gone does the uid turn into a number. So no pod is counted twice, and none is missed,
 * whoever is killed when.
 */
#pragma once

#include "controller/replicaset_plan.h"

#define JOB_FINALIZER      "batch.kubernetes.io/job-tracking"
#define JOB_BACKOFF_MS     10000
#define JOB_BACKOFF_MAX_MS 600000

enum job_phase { JOB_POD_PENDING, JOB_POD_RUNNING, JOB_POD_SUCCEEDED, JOB_POD_FAILED };

enum job_failure { /* of one failed pod, by spec.podFailurePolicy */
		   JOB_FAILURE_COUNTS,
		   JOB_FAILURE_IGNORED,
		   JOB_FAILURE_FAILS_JOB,
};

struct job_pod {
	const char *name, *uid;
	int64_t index;             /* Indexed mode, else -1 */
	int64_t slot, incarnation; /* of its name; slot -1: unknown */
	enum job_phase phase;
	bool is_terminating, has_finalizer, is_ready;
	bool is_uncounted; /* its uid stands in status.uncountedTerminatedPods */
	int64_t finished_us, restarts;
	enum job_failure failure;
};

enum job_verdict { /* interim and final conditions, as status says and as it should say */
		   JOB_GOES_ON,
		   JOB_SUCCESS_CRITERIA, /* enough succeeded: SuccessCriteriaMet */
		   JOB_FAILURE_TARGET,   /* it will fail: FailureTarget */
		   JOB_COMPLETE,
		   JOB_FAILED,
		   JOB_VERDICT_COUNT,
};

struct job_want {
	const char *uid;
	int64_t parallelism, completions; /* completions -1: as many as there are */
	int64_t backoff_limit;
	int64_t deadline_s; /* -1: none */
	bool is_indexed, is_suspended, is_gate_closed, is_deleting;
	bool only_replaces_failed; /* podReplacementPolicy Failed */
	bool restarts_in_place;    /* restartPolicy OnFailure */
	/* From the status: */
	enum job_verdict verdict;
	int64_t start_us;                              /* 0: not started */
	int64_t succeeded, failed;                     /* counted */
	int64_t uncounted_succeeded, uncounted_failed; /* uids in the lists */
	const char *completed_indexes;                 /* "0-2,5" */
	const char *failure_message;                   /* of the pod that fails the Job, or NULL */
	int64_t incarnations;                          /* pods of so many have come and gone */
	int64_t now_us;
};

struct job_plan {
	/* By pod: */
	bool *counts; /* put its uid into the uncounted list */
	bool *drops_finalizer;
	bool *is_deleted;
	size_t pods_count;
	/* Names of new pods: slot is the index in Indexed mode. */
	struct rs_create *creates;
	size_t creates_count;
	/* What the status should say: */
	int64_t active, ready, terminating;
	enum job_verdict verdict;
	const char *reason, *message; /* of FAILURE_TARGET, FAILED */
	char *completed_indexes;      /* owned */
	int64_t wake_ms;              /* -1: no need */
};
void job_plan_fini(struct job_plan *p);
void job_plan_make(struct job_plan *plan, const struct job_want *want, const struct job_pod *pods,
		   size_t n);

/* "0-2,5" to flags and back. Indexes from `count` on are ignored. */
void job_indexes_parse(const char *text, bool *flags, int64_t count);
char *job_indexes_print(const bool *flags, int64_t count);
