/*
 * agent.h - the agent of one node: watches the pods bound to it, drives each through the
 * runtime, reports what came of it, and keeps the Node object and its lease.
 *
 * The agent keeps nothing that cannot be rebuilt: started anew it takes everything from the API,
 * the runtime's labels and attempt numbers, and the disk.
 *
 * Ownership: runtime and API client are borrowed and must outlive it. Threads: the loop's.
 */
#pragma once

#include "common/client/api.h"
#include "common/client/cache.h"
#include "common/client/events.h"
#include "nodeagent/runtime.h"

struct agent_options {
	const char *node_name;
	const char *root;           /* pods, volumes, logs; absolute */
	const char *node_ip;        /* InternalIP */
	const char *pod_cidr;       /* NULL: from Node.spec.podCIDR */
	const char *cluster_dns;    /* NULL: pods use the host's resolvers */
	const char *cluster_domain; /* NULL: cluster.local */
	const char *boot_id;        /* NULL: the kernel's */
	const char *cgroup_parent;  /* NULL: "/skiff" */
	const char *cni_conf_dir;   /* NULL: nobody writes a network configuration */
	const char *const *labels;  /* "key=value" for the Node; NULL-terminated, or NULL */
	uint16_t port;              /* the agent's own, for Node.status.daemonEndpoints */
	int pods_max;               /* 0: 250 */
};

struct agent;

int agent_new(struct loop *loop, struct api *api, struct runtime *runtime,
	      const struct agent_options *options, struct agent **ret,
	      struct error *err) MUST_CHECK;
void agent_start(struct agent *a);
void agent_free(struct agent *a); /* stops no container */
DEFINE_CLEANUP(agent)

/* What the agent's port needs: where a running container is. */
struct agent_container {
	const char *id, *sandbox_id; /* borrowed until the loop's next turn; id NULL: none */
	bool is_running;
	bool tty;
	uint32_t attempt;
	const char *waiting_reason, *waiting_message; /* or NULL */
};
/* ERR_NOT_FOUND: no such pod here, or no such container in it. container "": the only one. */
int agent_find_container(struct agent *a, const char *ns, const char *pod, const char *container,
			 struct agent_container *ret, struct error *err) MUST_CHECK;
/* Only sandbox_id is set. ERR_NOT_FOUND: no such pod here, or it has no sandbox. */
int agent_find_sandbox(struct agent *a, const char *ns, const char *pod,
		       struct agent_container *ret, struct error *err) MUST_CHECK;
/* The path of a container's log; previous: of the life before. The caller's. */
int agent_log_path(struct agent *a, const char *ns, const char *pod, const char *container,
		   bool is_previous, char **ret, struct error *err) MUST_CHECK;

/* Processes that exec added to containers, and their ends. One watcher; NULL: none. */
typedef void agent_exec_watch(void *ctx, bool is_end, const char *container, const char *exec,
			      int exit_code);
void agent_watch_execs(struct agent *a, agent_exec_watch *watch, void *ctx);

struct agent_counts {
	size_t pods, containers_running;
	uint64_t actions_total, actions_failed_total, restarts_total;
};
void agent_counts(const struct agent *a, struct agent_counts *ret);

/* The agent's own caches, for others that need the same: this node's pods, all Services. Indexes
 * may be added before agent_start(). */
struct cache *agent_pods(const struct agent *a);
struct cache *agent_services(const struct agent *a);
