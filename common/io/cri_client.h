/*
 * cri_client.h - the Container Runtime Interface (v1) and containerd's events, as plain
 * structures over h2_client. Every call is one cri_request with an operation; every answer one
 * cri_reply, of which the operation says what is filled. nodeagent/runtime.h puts a face before
 * it that tests can fake.
 *
 * Ownership: requests are borrowed for the call, replies for the callback; {0}, NULL and 0
 * mean "not given". Threads: the loop's. No callback is made inside a call.
 */
#pragma once

#include "common/base/error.h"
#include "common/io/loop.h"

struct cri_client;
struct cri_call;

struct cri_pair {
	const char *key, *value;
};
struct cri_pairs {
	const struct cri_pair *at;
	size_t count;
};
struct cri_texts {
	const char *const *at;
	size_t count;
};

const char *cri_pairs_get(const struct cri_pairs *pairs, const char *key); /* NULL: absent */

enum cri_op {
	CRI_VERSION,          /* → runtime_name, runtime_version */
	CRI_STATUS,           /* → conditions */
	CRI_RUN_SANDBOX,      /* sandbox → text: id */
	CRI_STOP_SANDBOX,     /* id */
	CRI_REMOVE_SANDBOX,   /* id */
	CRI_SANDBOX_STATUS,   /* id → sandboxes[0], with ips */
	CRI_LIST_SANDBOXES,   /* labels → sandboxes */
	CRI_CREATE_CONTAINER, /* id of the sandbox, container, sandbox → text: id */
	CRI_START_CONTAINER,  /* id */
	CRI_STOP_CONTAINER,   /* id, timeout_s: grace */
	CRI_REMOVE_CONTAINER, /* id */
	CRI_CONTAINER_STATUS, /* id → containers[0] in full */
	CRI_LIST_CONTAINERS, /* labels → containers, without times, exit code, reason, log path */
	CRI_EXEC_SYNC,       /* id, command, timeout_s → out, err, exit_code */
	CRI_EXEC,            /* id, command, tty, use_* → text: URL */
	CRI_ATTACH,          /* id, tty, use_* → text: URL */
	CRI_PORT_FORWARD,    /* id of the sandbox, ports → text: URL */
	CRI_PULL_IMAGE,      /* image, auth, sandbox → text: image reference */
	CRI_IMAGE_STATUS,    /* image → images[0], or none */
	CRI_LIST_IMAGES,     /* → images */
	CRI_REMOVE_IMAGE,    /* image */
	CRI_IMAGE_FS,        /* → fs_used_bytes, fs_path */
	CRI_LIST_STATS,      /* → stats of every container */
	CRI_UPDATE_RESOURCES, /* id, resources */
	CRI_REOPEN_LOG,       /* id */
	CRI_OP_COUNT,
};
const char *cri_op_name(enum cri_op op); /* "RunPodSandbox" */

enum cri_namespace { CRI_NS_POD, CRI_NS_CONTAINER, CRI_NS_NODE, CRI_NS_TARGET };
enum cri_protocol { CRI_TCP, CRI_UDP, CRI_SCTP };
enum cri_propagation { CRI_PRIVATE, CRI_HOST_TO_CONTAINER, CRI_BIDIRECTIONAL };
enum cri_profile { CRI_PROFILE_RUNTIME_DEFAULT, CRI_PROFILE_UNCONFINED, CRI_PROFILE_LOCALHOST };

struct cri_namespaces {
	enum cri_namespace network, pid, ipc;
	const char *target_id;
};

/* What containers and sandboxes run as. */
struct cri_security {
	struct cri_namespaces namespaces;
	bool is_privileged, readonly_rootfs, no_new_privs;
	bool has_user, has_group;
	int64_t user, group;
	const int64_t *groups;
	size_t groups_count;
	struct cri_texts capabilities_add, capabilities_drop; /* containers only */
	struct cri_texts masked_paths, readonly_paths;        /* containers only */
	bool has_seccomp;
	enum cri_profile seccomp;
	const char *seccomp_ref;
};

struct cri_resources {
	int64_t cpu_period, cpu_quota, cpu_shares, memory_limit, oom_score_adj;
};

struct cri_port_mapping {
	enum cri_protocol protocol;
	int32_t container_port, host_port;
	const char *host_ip;
};

struct cri_sandbox_config {
	const char *name, *uid, *ns;
	uint32_t attempt;
	const char *hostname, *log_directory, *cgroup_parent;
	struct cri_texts dns_servers, dns_searches, dns_options;
	const struct cri_port_mapping *ports;
	size_t ports_count;
	struct cri_pairs labels, annotations, sysctls;
	struct cri_security security;
	struct cri_resources resources;
};

struct cri_mount {
	const char *container_path, *host_path;
	bool is_readonly;
	enum cri_propagation propagation;
};

struct cri_container_config {
	const char *name;
	uint32_t attempt;
	const char *image, *working_dir, *log_path;
	struct cri_texts command, args;
	struct cri_pairs envs, labels, annotations;
	const struct cri_mount *mounts;
	size_t mounts_count;
	bool use_stdin, stdin_once, tty;
	struct cri_resources resources;
	struct cri_security security;
};

struct cri_auth {
	const char *username, *password, *auth, *server_address, *identity_token, *registry_token;
};

struct cri_request {
	enum cri_op op;
	const char *id, *image;
	const struct cri_sandbox_config *sandbox;
	const struct cri_container_config *container;
	const struct cri_resources *resources;
	const struct cri_auth *auth;
	struct cri_pairs labels;
	struct cri_texts command;
	const int32_t *ports;
	size_t ports_count;
	int64_t timeout_s;
	bool tty, use_stdin, use_stdout, use_stderr;
	int64_t deadline_ms; /* 0: the operation's own (2 minutes; pulls and stops longer) */
};

enum cri_container_state { CRI_CREATED, CRI_RUNNING, CRI_EXITED, CRI_UNKNOWN };

struct cri_sandbox {
	const char *id, *name, *uid, *ns;
	uint32_t attempt;
	bool is_ready;
	int64_t created_ns;
	struct cri_pairs labels, annotations;
	struct cri_texts ips; /* CRI_SANDBOX_STATUS only */
};

struct cri_container {
	const char *id, *sandbox_id, *name, *image, *image_ref;
	uint32_t attempt;
	enum cri_container_state state;
	int64_t created_ns, started_ns, finished_ns;
	int32_t exit_code;
	const char *reason, *message, *log_path;
	struct cri_pairs labels, annotations;
};

struct cri_image {
	const char *id;
	struct cri_texts tags, digests;
	uint64_t size;
	bool has_uid;
	int64_t uid;
	const char *username;
	bool is_pinned;
};

struct cri_condition {
	const char *type, *reason, *message;
	bool status;
};

struct cri_stats {
	const char *id, *name;
	struct cri_pairs labels;
	int64_t timestamp_ns;
	uint64_t cpu_ns, memory_working_set, memory_usage, memory_rss, disk_used;
};

struct cri_reply {
	int code;            /* 0, or an enum err_code */
	const char *message; /* what went wrong, "" else */
	bool may_have_run;   /* false: certainly not carried out */
	const char *text;    /* id, URL or image reference */
	const char *runtime_name, *runtime_version;
	const struct cri_condition *conditions;
	size_t conditions_count;
	const struct cri_sandbox *sandboxes;
	size_t sandboxes_count;
	const struct cri_container *containers;
	size_t containers_count;
	const struct cri_image *images;
	size_t images_count;
	const struct cri_stats *stats;
	size_t stats_count;
	const char *out, *err; /* CRI_EXEC_SYNC; not terminated by NUL */
	size_t out_len, err_len;
	int32_t exit_code;
	uint64_t fs_used_bytes;
	const char *fs_path;
};

typedef void cri_done(void *ctx, const struct cri_reply *reply);

/* What containerd tells by itself, so that nobody has to ask all the time. */
enum cri_event_type {
	CRI_EVENT_EXIT,
	CRI_EVENT_DELETE, /* after its exit: CRI knows of the end in a moment */
	CRI_EVENT_OOM,
	CRI_EVENT_START,
	CRI_EVENT_IMAGE,
	CRI_EVENT_EXEC_ADDED, /* id: "CONTAINER/EXEC" */
	CRI_EVENT_EXEC_EXIT,  /* the same, with its exit code */
};

struct cri_events {
	/* A task of container (or sandbox) `id` ended, was cleared away, ran out of memory or
	 * started; an image came or went (id: its name). */
	void (*event)(void *ctx, enum cri_event_type type, const char *id, int exit_code);
	/* The stream of events stands (true) or broke (false): between the two anything may
	 * have happened, so ask for everything. */
	void (*connected)(void *ctx, bool is_connected);
	void *ctx;
};

struct cri_client_options {
	const char *socket;              /* path of containerd's unix socket */
	const struct cri_events *events; /* copied; NULL: no subscription */
};

int cri_client_new(struct loop *loop, const struct cri_client_options *options,
		   struct cri_client **ret, struct error *err) MUST_CHECK;
void cri_client_free(struct cri_client *c); /* no callbacks any more; NULL is fine */
DEFINE_CLEANUP(cri_client)

struct cri_call *cri_start(struct cri_client *c, const struct cri_request *request, cri_done *done,
			   void *ctx);
void cri_cancel(struct cri_call *call); /* no callback; containerd may carry it out all the same */
