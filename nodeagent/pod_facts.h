/*
 * pod_facts.h - what is known about one pod at one moment: its spec, what the runtime shows,
 * what probes and earlier failures said. pod_plan.h decides from it, pod_status.h reports from it.
 * Plain data, no behaviour; pointers are borrowed from whoever gathered the facts.
 *
 * Times are Unix milliseconds (the runtime's are nanoseconds, as it gives them).
 */
#pragma once

#include "common/base/jsonx.h"
#include "common/io/cri_client.h"

#define POD_CONTAINERS_MAX 128

enum container_kind { CONTAINER_INIT, CONTAINER_SIDECAR /* restartable init */, CONTAINER_APP };

enum instance_state { INSTANCE_NONE, INSTANCE_CREATED, INSTANCE_RUNNING, INSTANCE_EXITED };

/* One life of a container. */
struct instance {
	enum instance_state state;
	const char *id, *image, *image_ref, *reason, *message, *log_path;
	uint32_t attempt;
	int32_t exit_code;
	int64_t created_ns, started_ns, finished_ns;
	bool is_in_sandbox; /* of the sandbox that counts now */
	bool is_outdated;   /* made from another spec of the container */
};

struct container_facts {
	const char *name;
	enum container_kind kind;
	const json_t *spec;
	struct instance now;    /* the latest */
	struct instance before; /* the one before it, where the runtime still has it */
	/* Probes; without one, is_started and is_ready follow from running. */
	bool has_startup_probe, has_readiness_probe;
	bool is_started, is_ready;
	const char *kill_why; /* a liveness or startup probe wants it stopped; NULL: none */
	/* Restarts in a row without ten good minutes: decides the back-off. */
	unsigned streak;
	/* The next start. */
	bool is_image_ready;
	int64_t image_retry_ms, start_retry_ms; /* not before; 0: at once */
	/* Why it does not run, or NULL. A message alone: what it is about. */
	const char *wait_reason, *wait_message;
};

enum sandbox_state { SANDBOX_NONE, SANDBOX_READY, SANDBOX_DEAD };

enum pod_restart { POD_RESTART_ALWAYS, POD_RESTART_ON_FAILURE, POD_RESTART_NEVER };

struct pod_facts {
	const json_t *object; /* the Pod; NULL: gone from the API */
	enum pod_restart restart;
	bool is_deleted;                            /* deletionTimestamp is set, or gone */
	int64_t grace_s;                            /* what stopping containers get */
	const char *failed_reason, *failed_message; /* evicted, deadline passed …; NULL: no */
	bool was_terminal; /* its stored phase was Succeeded or Failed when we first saw it */
	bool is_held;      /* gated: waits for its turn in this boot */
	bool is_stopped;   /* what it depends on is lost: nothing of it may run for now */
	bool are_volumes_ready, have_volumes; /* have: something is on disk */
	int64_t volumes_retry_ms, sandbox_retry_ms;
	const char *wait_reason, *wait_message; /* of the pod: volumes, sandbox; or NULL */
	enum sandbox_state sandbox;
	const char *sandbox_id;
	uint32_t sandbox_attempt;
	int64_t sandbox_created_ns;
	const char *const *ips;
	size_t ips_count;
	const char *spare_sandbox;          /* an older one, to be removed; NULL: none */
	const char *spare_container;        /* an older instance, to be removed; NULL: none */
	bool is_status_sent;                /* the API holds the last status that we computed */
	struct container_facts *containers; /* init containers first, in spec order */
	size_t count;
	int64_t start_ms; /* status.startTime */
	int64_t now_ms;
};
