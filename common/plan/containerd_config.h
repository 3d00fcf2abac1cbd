/*
 * containerd_config.h - the configuration files of a private containerd and of its pod
 * network, as text. Pure: who calls it writes the files (the agent the network's, `skiff cluster
 * up` containerd's). Tried with containerd 1.6.20 and CNI plugins 1.1.1 (Debian 12).
 */
#pragma once

#include "common/base/error.h"
#include "common/base/str.h"

struct containerd_config {
	const char *root;            /* images and snapshots; absolute */
	const char *state;           /* short-lived state (under /run); absolute */
	const char *socket;          /* the gRPC unix socket; absolute, at most 90 bytes */
	const char *sandbox_image;   /* NULL: "localhost/pause:1" */
	const char *runc;            /* path of runc or crun; NULL: found in PATH */
	const char *snapshotter;     /* NULL: "overlayfs" */
	const char *cni_bin_dir;     /* NULL: "/usr/lib/cni" */
	const char *cni_conf_dir;    /* where the agent writes its network */
	const char *registry_dir;    /* hosts.toml files of registries, or NULL */
	bool restrict_oom_score_adj; /* true where CAP_SYS_RESOURCE is missing */
	bool systemd_cgroup;
	bool disable_apparmor;
};

/* ERR_INVALID: a path is missing, not absolute or holds a quote or control character. */
int containerd_config_print(const struct containerd_config *c, struct str *out,
			    struct error *err) MUST_CHECK;

/* The node's network: ptp (everything is routed) with host-local addresses of pod_cidr, no
 * masquerade, no portmap: both are the agent's nftables rules. `data_dir` keeps which address is
 * whose. mtu 0: the kernel's. */
int cni_config_print(const char *name, const char *pod_cidr, const char *data_dir, unsigned mtu,
		     struct str *out, struct error *err) MUST_CHECK;
