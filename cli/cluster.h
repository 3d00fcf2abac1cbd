/*
 * cluster.h - `skiff cluster up|down|status|supervise`: a cluster on this machine, from nothing
 * to an answering API and back to nothing.
 *
 * Everything of a cluster lies under its root directory DIR:
 *
 *	cluster.json      what was chosen at the first `up` (struct cluster)
 *	kubeconfig        the admin's
 *	pki/              CA, certificates, the token key (0600)
 *	etcd/             etcd's data
 *	nodes/NAME/       containerd's root and state, the agent's files
 *	run/              sockets, pid files, locks
 *	log/              one file a program
 *	tools/            etcd and containerd where the machine had none
 *	images/           cached archives
 */
#pragma once

#include "common/base/error.h"
#include "common/base/str.h"

#define CLUSTER_NODES_MAX    16
#define CLUSTER_ROOT_SIZE    256
#define CLUSTER_DEFAULT_ROOT "/var/lib/skiff"

struct cluster_node {
	char name[64];
	char netns[64]; /* "" : the host's namespace */
	char ip[16];
};

struct cluster {
	char root[CLUSTER_ROOT_SIZE];
	char id[8];   /* six characters */
	bool in_host; /* its single node lives in the host's network namespace */
	char pod_range[20], service_range[20];
	char link_range[20]; /* "" with in_host */
	char advertise_ip[16];
	int api_port;
	char boot_id[40]; /* new at every `up` */
	char cgroup[32];  /* "/skiff-<id>" */
	struct cluster_node nodes[CLUSTER_NODES_MAX];
	size_t nodes_count;
};

/* ---- cluster_state.c ---- */
/* ERR_NOT_FOUND: there is no cluster under `root`. */
int cluster_load(const char *root, struct cluster *ret, struct error *err) MUST_CHECK;
int cluster_save(const struct cluster *c, struct error *err) MUST_CHECK;
/* Choose id, ranges, ports and names for a new cluster, and save them: nothing that another cluster
 * of this machine has, though it may not run yet. */
int cluster_choose(const char *root, size_t nodes, struct cluster *ret,
		   struct error *err) MUST_CHECK;
/* An old one is told to who chooses: the list does not outlive a boot. */
int cluster_register(const struct cluster *c, struct error *err) MUST_CHECK;
char *cluster_path(const struct cluster *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Addresses of the Service range: 1 is the API, 10 is DNS. */
void cluster_service_ip(const struct cluster *c, unsigned n, char out[16]);

/* ---- cluster_pki.c ---- */
int cluster_make_pki(const struct cluster *c, struct error *err) MUST_CHECK;

/* ---- cluster_net.c ---- */
int cluster_net_up(const struct cluster *c, struct error *err) MUST_CHECK;
void cluster_net_down(const struct cluster *c);

/* ---- cluster_programs.c ---- */
/* Writes run/programs.json: what the supervisor keeps running. */
int cluster_write_programs(const struct cluster *c, struct error *err) MUST_CHECK;
/* A program: in DIR/tools, beside this executable, or in PATH. NULL: nowhere. The caller's. */
char *cluster_find_tool(const struct cluster *c, const char *name);

/* ---- cmd_cluster.c ---- */
struct cluster_arguments {
	char root[CLUSTER_ROOT_SIZE]; /* absolute, without a slash at its end */
	int64_t nodes;                /* 0: not said */
	bool delete;
};
/* What may follow a verb; else a sentence and the usage on standard error, and the exit code. */
int cluster_arguments_read(const char *usage, int argc, char **argv, bool takes_nodes,
			   bool takes_delete, struct cluster_arguments *ret) MUST_CHECK;

/* ---- cluster_up.c, cluster_down.c, cluster_status.c, supervise.c: the commands ---- */
int cluster_up(int argc, char **argv);
int cluster_down(int argc, char **argv);
int cluster_status(int argc, char **argv);
int cluster_supervise(int argc, char **argv);
