/*
 * pod.h - one pod as the agent holds it: the API's object, what the runtime shows, what we
 * remember between two looks, and the work under way. Shared by the files of the agent's
 * shell (agent*.c, pod_*.c, probe*.c); nobody else includes it.
 */
#pragma once

#include "common/base/map.h"
#include "common/base/rng.h"
#include "common/client/reflector.h"
#include "nodeagent/agent.h"
#include "nodeagent/pod_config.h"
#include "nodeagent/pod_plan.h"
#include "nodeagent/pod_status.h"
#include "nodeagent/volume_write.h"

/* ---- what the runtime shows ---- */

struct view_sandbox {
	char *id;
	uint32_t attempt;
	bool is_ready;
	bool is_of_this_boot;
	bool has_ended; /* as below */
	int64_t created_ns;
	char *ip; /* NULL: not asked yet, or none */
	bool has_ip;
};

struct view_instance {
	char *id, *name, *sandbox_id, *image, *image_ref, *reason, *message, *log_path, *hash;
	char *message_policy;
	uint32_t attempt;
	enum instance_state state;
	int32_t exit_code;
	int64_t created_ns, started_ns, finished_ns;
	bool is_complete; /* times and exit code are known (CONTAINER_STATUS) */
	bool is_message_read;
	bool has_ended; /* containerd's event said so; its CRI may show it a little later */
	bool has_oomed; /* another event: it ran out of memory */
	int ended_code; /* as the event said, and when it came */
	int64_t ended_ns;
};

struct pod_view {
	struct view_sandbox *sandboxes; /* newest first */
	size_t sandboxes_count;
	struct view_instance *instances; /* newest first */
	size_t instances_count;
	bool is_known; /* false: must be asked for */
};

/* ---- what we remember ---- */

struct probe;

struct container_memory {
	char *name;
	char *probed_id; /* the instance that the probe results belong to */
	bool is_started, is_ready;
	const char *kill_why;
	struct probe *probes[3];
	unsigned streak;
	bool is_streak_known;
	bool is_image_ready;
	bool has_image_user, has_image_name;
	int64_t image_user;
	unsigned image_failures, start_failures;
	int64_t image_retry_ms, image_failed_ms, start_retry_ms;
	int64_t told_backoff_ns; /* the end of the instance that an event told of */
	char *wait_reason, *wait_message;
};

/* What only so many pods may do at once. */
enum pod_slot { POD_SLOT_NONE, POD_SLOT_START, POD_SLOT_END, POD_SLOT_COUNT };

#define PODS_MAX 250 /* of a node, unless its flags say otherwise */

struct pod_work; /* one action under way */

struct pod {
	struct agent *agent;
	char *uid, *ns, *name;
	json_t *object;  /* NULL: gone from the API, or never seen there */
	int64_t grace_s; /* the shortest asked for since deletion began; < 0: not deleted */
	struct pod_view view;
	struct container_memory *memory; /* by index of the spec's containers */
	size_t memory_count;
	char *wait_reason, *wait_message, *failed_reason, *failed_message;
	bool was_terminal, are_volumes_ready, have_volumes, is_delete_sent;
	bool is_new_here;
	int64_t hold_ms; /* taking down failed: not before */
	unsigned hold_failures;
	int64_t volumes_retry_ms, sandbox_retry_ms, start_ms, volumes_next_ms;
	unsigned volumes_failures, sandbox_failures;
	json_t *sources; /* see pod_context */
	int64_t sources_ms;
	struct image_work *pulling; /* waits for its pull secrets */
	int64_t token_refresh_ms;   /* 0: no token */
	uint64_t ahead_revision;    /* an answer gave `object`, the watch is not there yet; or 0 */
	int64_t ahead_ms;           /* since then */
	json_t *status;             /* computed last */
	json_t *status_sent;        /* acknowledged by the API, or on its way */
	json_t *status_stored;      /* what the API made of status_sent; NULL: not known */
	int64_t status_acked_ms;    /* when it said so */
	bool is_status_sent;        /* the API holds what was computed last */
	struct api_call *status_call;
	unsigned status_failures;
	struct loop_timer *report_timer; /* what was not said yet is said then */
	int64_t unsaid_since_ms;         /* 0: all is said */
	struct loop_timer *timer;        /* next look */
	int64_t timer_at_ms;
	bool is_busy;  /* a look or an action is under way */
	bool is_dirty; /* look again when it is done */
	enum pod_slot waits_for, called_for;
	unsigned end_polls; /* how often the runtime was asked since an end was told */
	struct pod_work *work;
	size_t seen;  /* sandboxes and containers in the list under way */
	bool is_dead; /* forgotten: freed in the next turn */
};

struct agent {
	struct loop *loop;
	struct api *api;
	struct runtime *runtime;
	struct events *events;
	struct reflector *pods_reflector, *services_reflector;
	struct map pods;    /* uid → struct pod */
	struct map by_name; /* ns/name → struct pod, of those in the API */
	struct map by_id;   /* sandbox or container id → struct pod */
	struct agent_options options;
	struct pod_config_options config;
	char *node_name, *root, *log_root, *node_ip, *pod_cidr, *boot_id;
	char **texts; /* further copies that the options point to */
	size_t texts_count;
	char *api_host, *api_port;
	int64_t node_cpu_milli, node_memory;
	struct loop_timer *relist_timer;
	bool is_listing_sandboxes, is_listing_containers, is_runtime_known, is_running;
	size_t slots_used[POD_SLOT_COUNT];
	struct rng rng;
	struct agent_counts counts;
	struct node *node; /* node.c */
	struct house *house;
	agent_exec_watch *exec_watch;
	void *exec_watch_ctx;
};

/* ---- pod_view.c ---- */
void view_fini(struct pod_view *v);
void view_put_sandbox(struct pod *p, const struct cri_sandbox *s, bool has_ip);
void view_put_container(struct pod *p, const struct cri_container *c, bool is_complete);
struct view_instance *view_instance_of(struct pod *p, const char *id);
void view_remove(struct pod *p, const char *id);
void view_mark_ended(struct pod *p, const char *id, int exit_code);
void view_mark_oomed(struct pod *p, const char *id);
/* Something ended that the runtime still shows as running. */
bool view_lags(const struct pod *p);
void view_forget_ended(struct pod *p);
/* Ask the runtime for everything about this pod, then done (view.is_known tells if it went well). */
void view_refresh(struct pod *p, void (*done)(struct pod *p));
/* The newest (nth 0) or an older life of a container; NULL: none. */
struct view_instance *view_nth(const struct pod *p, const char *name, size_t nth);

/* ---- pod_memory.c: from everything to facts ---- */
void pod_memory_fit(struct pod *p); /* one entry a container of the spec */
void pod_facts_make(struct pod *p, struct arena *a, struct pod_facts *ret);
void pod_context_make(struct pod *p, struct arena *a, struct pod_context *ret);
void memory_wait(struct container_memory *m, const char *reason, const char *message);
void pod_wait(struct pod *p, const char *reason, const char *message);
bool pod_is_held(const struct pod *p); /* waits for its turn in this boot */
const json_t *pod_container_spec(const struct pod *p, const char *name);

/* ---- pod_sources.c ---- */
/* May call done before it returns. */
void pod_sources_fetch(struct pod *p, void (*done)(struct pod *p));
/* The registry's credentials for an image from the pod's pull secrets; false: none. */
bool pod_pull_auth(struct pod *p, const char *image, struct arena *a, struct cri_auth *ret);

/* ---- pod_worker.c ---- */
void pod_kick(struct pod *p); /* look at it soon */
void pod_kick_after(struct pod *p, int64_t ms);
/* The task is cleared away: what waits for the end to be known asks again soon. */
void pod_end_is_near(struct pod *p);
void pod_act(struct pod *p, const struct pod_facts *f, const struct pod_step *step);
void pod_act_done(struct pod *p); /* by an action, once */
void pod_slot_done(struct pod *p, enum pod_action action);
/* Called for a free slot, it does `taken`: the next one is called where that needs none. */
void pod_slot_pass(struct pod *p, enum pod_action taken);
void pod_work_cancel(struct pod *p);                /* frees what is under way */
void pod_work_hurry(struct pod *p);                 /* the grace period became shorter */
void pod_work_ended(struct pod *p, const char *id); /* a container's process is gone */
void pod_event(struct pod *p, const char *container, const char *type, const char *reason,
	       const char *fmt, ...) PRINTF_LIKE(5, 6);

/* ---- pod_image.c ---- */
/* By the pull policy; then done, with memory.is_image_ready or why not. */
void image_ensure(struct pod *p, size_t container, void (*done)(struct pod *p));
void pod_image_done(struct pod *p);

/* ---- pod_message.c ---- */
/* Reads what an ended container left behind; true: under way, pod_look_again() follows. */
bool pod_message_collect(struct pod *p);
void pod_look_again(struct pod *p); /* go on with the look that is under way */

/* ---- pod_report.c ---- */
/* What the API should hold, and whether it does. */
void pod_status_compute(struct pod *p, const struct pod_facts *f);
/* Says it; later where `step`, which follows, is on the way to something better. */
void pod_report(struct pod *p, const struct pod_facts *f, const struct pod_step *step);
/* Computes it anew within an action that lasts; told if it still does in half a second. */
void pod_report_meanwhile(struct pod *p);
void pod_delete_object(struct pod *p);

/* ---- probe.c ---- */
void probes_sync(struct pod *p); /* one set for each running container that has some */
void probes_stop(struct container_memory *m);
struct probe_target;
/* Where a handler (httpGet, tcpSocket, grpc) goes. Borrowed from the pod and the arena. */
void probe_target_make(struct pod *p, const json_t *container, const json_t *handler,
		       int64_t timeout_ms, struct arena *a, struct probe_target *ret);

/* ---- agent_pods.c ---- */
struct pod *agent_pod(struct agent *a, const char *uid); /* NULL: none */
struct pod *agent_pod_make(struct agent *a, const char *uid, const char *ns, const char *name);
void agent_pod_forget(struct pod *p);
void agent_relist(struct agent *a);
/* The API knows of every pod that waits for its turn that it is not ready. */
bool agent_pods_are_settled(const struct agent *a);
/* The API's newest word about a pod, which the watch will repeat later. */
void agent_pod_answered(struct pod *p, json_t *object);
int64_t agent_now_ms(const struct agent *a); /* Unix time */
int64_t backoff_ms(struct rng *r, unsigned failures, int64_t first_ms, int64_t max_ms);

/* ---- agent_config.c ---- */
void agent_config_make(struct agent *a);
void agent_config_fini(struct agent *a);
char *agent_kernel_boot_id(void); /* the caller's */

/* ---- node.c ---- */
struct node *node_new(struct agent *a);
void node_free(struct node *n);
void node_start(struct node *n);
